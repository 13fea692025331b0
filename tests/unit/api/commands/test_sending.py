"""The desk that sends commands: what goes out, what is kept, and that nothing stays open."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.commands.sending import AT_MOST, CommandDesk
from linli.clock import SECOND
from linli.codec import Status, encode_status
from linli.commands.life import ASK_AGAIN_AFTER, GIVE_UP_AFTER, CommandState
from linli.commands.wire import LIFETIME, Command, Reply, ReplyState, decode_command, encode_reply
from linli.db.commands import SqlCommands, StoredCommand
from linli.db.database import Database
from linli.errors import Conflict, NotSent, Refused, TooMany
from linli.i18n import Text
from linli.model import Device
from linli.testing import FakeBroker, FakeClient, ManualClock
from tests.support import eventually

DOOR = Device("c001-door-01", "c001", "gw-c001", "door", Text("门", "Door"), "c001-b1")
BASE = "linli/v1/c001/gateway/gw-c001"


class Office:
    """A desk, its database and broker, and a gateway that answers as told."""

    def __init__(self, database: Database) -> None:
        self.commands = SqlCommands(database)
        self.clock, self.broker = ManualClock(), FakeBroker()
        self.desk, self.client = self.open()
        self.asked: list[Command] = []
        self.gateway = self.broker.client()
        self.gateway.subscribe([f"{BASE}/command"], 1)
        self.gateway.start(self._heard, lambda: None, lambda _reason: None)

    def open(self) -> tuple[CommandDesk, FakeClient]:
        client = self.broker.client()
        desk = CommandDesk(self.commands, self.clock, client)
        desk.start()
        return desk, client

    def _heard(self, _topic: str, payload: bytes, _retained: bool) -> None:
        self.asked.append(decode_command(payload))

    def send(self, name: str = "unlock", **arguments: int) -> StoredCommand:
        return self.desk.send("u1", DOOR, name, arguments, "ambulance")

    def answer(
        self, command: str, state: ReplyState = ReplyState.DONE, reason: str = "", gateway: str = "gw-c001"
    ) -> None:
        reply = Reply(command, state, reason, "said so", self.clock.now())
        self.gateway.publish(f"linli/v1/c001/gateway/{gateway}/reply", encode_reply(reply), 1)

    def state(self, command: str) -> CommandState:
        found = self.commands.get(command)
        assert found is not None
        return found.state

    def becomes(self, command: str, state: CommandState) -> None:
        eventually(lambda: self.state(command) is state, what=f"{state}, is {self.state(command)}")

    def history(self, command: str) -> list[str]:
        return [change.state.value for change in self.commands.changes(command)]


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    made = Office(database)
    yield made
    made.desk.stop()


def test_a_command_goes_out_once_and_its_answer_is_noted(office: Office) -> None:
    """With defaults filled in, good for seconds, and not retained: a gateway that comes later must not find it."""
    sent = office.send()
    assert sent.state is CommandState.SENT
    (heard,) = office.asked
    assert (heard.id, heard.device, heard.command, heard.arguments) == (sent.id, DOOR.id, "unlock", {"seconds": 5})
    assert heard.expires_at - heard.issued_at == LIFETIME
    assert office.broker.retained == {}
    office.answer(sent.id)
    office.becomes(sent.id, CommandState.DONE)
    assert office.history(sent.id) == ["pending", "sent", "done"]


def test_a_refusal_and_a_failure_are_noted_with_their_reason(office: Office) -> None:
    """In the gateway's words."""
    refused, failed = office.send(), office.send("lock")
    office.answer(refused.id, ReplyState.REFUSED, "expired")
    office.answer(failed.id, ReplyState.FAILED, "interrupted")
    office.becomes(refused.id, CommandState.REFUSED)
    office.becomes(failed.id, CommandState.FAILED)
    found = office.commands.get(refused.id)
    assert found is not None
    assert (found.code, found.detail, found.settled_at) == ("expired", "said so", office.clock.now())


def test_an_answer_that_is_not_the_gateways_is_not_heard(office: Office) -> None:
    """Another gateway's word, bytes that are none, a retained one, an id that nobody knows."""
    sent = office.send()
    office.answer(sent.id, gateway="gw-c002")
    office.gateway.publish(f"{BASE}/reply", b"{}", 1)
    office.answer("c404")
    office.client.deliver(f"{BASE}/reply", encode_reply(Reply(sent.id, ReplyState.DONE, "", "", 0)), retained=True)
    office.answer(sent.id, ReplyState.FAILED, "device_failed")
    office.becomes(sent.id, CommandState.FAILED)
    assert office.history(sent.id) == ["pending", "sent", "failed"]


def test_without_an_answer_it_is_asked_again_once_and_then_given_up(office: Office) -> None:
    """The second asking is the same command, after its time: no gateway acts on it."""
    sent = office.send()
    office.clock.us = sent.expires_at + ASK_AGAIN_AFTER
    eventually(lambda: len(office.asked) == 2)
    assert office.asked[0] == office.asked[1]
    assert office.state(sent.id) is CommandState.SENT
    office.clock.us = sent.expires_at + GIVE_UP_AFTER
    office.becomes(sent.id, CommandState.TIMED_OUT)
    assert len(office.asked) == 2


def test_a_late_answer_is_still_the_truth(office: Office) -> None:
    """'No answer' says what was known; the history shows both."""
    sent = office.send()
    office.clock.us = sent.expires_at + GIVE_UP_AFTER
    office.becomes(sent.id, CommandState.TIMED_OUT)
    office.answer(sent.id)
    office.becomes(sent.id, CommandState.DONE)
    office.answer(sent.id)
    assert office.history(sent.id) == ["pending", "sent", "timed_out", "done"]


def test_two_processes_note_one_answer_once(office: Office) -> None:
    """Each hears every answer."""
    other, _ = office.open()
    sent = office.send()
    office.answer(sent.id)
    office.becomes(sent.id, CommandState.DONE)
    more = office.send("lock")
    office.answer(more.id)
    office.becomes(more.id, CommandState.DONE)
    other.stop()
    assert office.history(sent.id) == office.history(more.id) == ["pending", "sent", "done"]


def test_what_a_killed_process_left_open_is_settled_by_the_next(office: Office) -> None:
    """Killed before sending, or after: nothing stays open, and nothing is sent anew before it has expired."""
    office.desk.stop()
    asked = office.clock.now()
    left = StoredCommand("c1", "c001", DOOR.id, "gw-c001", "door", "lock", {}, "", "u1", asked, asked + LIFETIME)
    office.commands.add(left, at_most=9, since=0)
    desk, _ = office.open()
    sent = desk.send("u1", DOOR, "lock", {}, "")
    office.answer(sent.id)
    office.becomes(sent.id, CommandState.DONE)
    assert [command.id for command in office.asked] == [sent.id]
    office.clock.us = left.expires_at + GIVE_UP_AFTER
    office.becomes("c1", CommandState.TIMED_OUT)
    desk.stop()


def test_an_answer_finds_the_next_process(office: Office) -> None:
    """Sent by one that is gone; the answer comes to another."""
    sent = office.send()
    office.desk.stop()
    desk, _ = office.open()
    office.answer(sent.id)
    office.becomes(sent.id, CommandState.DONE)
    desk.stop()


def test_with_the_broker_away_it_is_refused_at_once_and_never_sent(office: Office) -> None:
    """Kept as refused; when the connection is back, nothing goes out."""
    office.client.cut()
    with pytest.raises(NotSent, match="will not be sent later"):
        office.send()
    (kept,) = office.commands.of_device(DOOR.id, 10)
    assert (kept.state, kept.code) == (CommandState.REFUSED, "no_broker")
    office.client.restore()
    later = office.send("lock")
    assert [command.id for command in office.asked] == [later.id]


def test_a_gateway_that_is_offline_is_told_at_once(office: Office) -> None:
    """By its retained status; a person at a door does not wait for a time-out. Nothing known: it is tried."""
    for online in (False, True):
        status = encode_status(Status(online, "b1", "0", office.clock.now()))
        office.gateway.publish(f"{BASE}/status", status, 1, retain=True)
        assert office.desk.online("gw-c001") is online
        if not online:
            with pytest.raises(Conflict, match="gw-c001 is offline"):
                office.send()
    assert office.send().state is CommandState.SENT
    office.client.cut()
    assert office.desk.online("gw-c001") is None
    office.client.restore()
    assert office.desk.online("gw-c001") is True


def test_what_the_device_cannot_be_told_is_not_kept(office: Office) -> None:
    """It is no command."""
    with pytest.raises(Refused, match="no command explode"):
        office.desk.send("u1", DOOR, "explode", {}, "")
    with pytest.raises(Refused, match="from 1 to 60"):
        office.send(seconds=999)
    with pytest.raises(Refused, match="takes no commands"):
        office.desk.send("u1", replace(DOOR, kind="lift"), "unlock", {}, "")
    assert office.commands.of_device(DOOR.id, 10) == []
    assert office.asked == []


def test_one_person_cannot_flood_the_gateways(office: Office) -> None:
    """So many in a minute, counted in the database: a restart does not forget them."""
    for _ in range(AT_MOST):
        office.send("lock")
    with pytest.raises(TooMany):
        office.send("lock")
    office.desk.send("u2", DOOR, "lock", {}, "")
    office.clock.us += 61 * SECOND
    office.send("lock")
