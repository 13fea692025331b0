"""The agent's side of commands: what is carried out, what is refused, and that nothing is done twice."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.commands.handler import CommandHandler, Offer, judge
from edge.commands.log import CommandLog, digest_of
from linli import failpoints
from linli.clock import DAY, MINUTE, SECOND
from linli.commands.wire import LIFETIME, TOLERANCE, Command, Reply, ReplyState, decode_reply, encode_command
from linli.errors import Refused
from linli.model import JsonValue
from linli.testing import ManualClock
from tests.support import eventually

NOW = 1_772_406_845 * SECOND
DOOR = Offer("door", ("unlock", "lock"))
COMMAND = Command("c1", "c001-door-01", "unlock", NOW, NOW + LIFETIME, {"seconds": 5})


class Door:
    """An actuator for one door. `error` is raised instead of opening it."""

    def __init__(self) -> None:
        self.done: list[Command] = []
        self.error: Exception | None = None

    def offer(self, device: str) -> Offer | None:
        return DOOR if device == COMMAND.device else None

    def execute(self, command: Command) -> str:
        self.done.append(command)
        if self.error is not None:
            raise self.error
        return "opened"


class Line:
    """The agent's connection: what it was asked to say. `up`: whether there is one."""

    def __init__(self) -> None:
        self.up = True
        self.replies: list[Reply] = []
        self.events: list[tuple[str, str, Mapping[str, JsonValue]]] = []

    def reply(self, payload: bytes) -> bool:
        if self.up:
            self.replies.append(decode_reply(payload))
        return self.up

    def take_event(self, device: str, type: str, data: Mapping[str, JsonValue]) -> None:
        self.events.append((device, type, data))


class Site:
    """A handler with all around it; `restart` as after a kill, with the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.door, self.line, self.clock = Door(), Line(), ManualClock(NOW)
        self.ahead_ms: float | None = None
        self.handler = self._made()

    def _made(self) -> CommandHandler:
        handler = CommandHandler(self.folder, [self.door], self.line, self.clock, lambda: self.ahead_ms)
        handler.start()
        return handler

    def restart(self) -> None:
        self.handler.stop()
        self.handler = self._made()

    def ask(self, command: Command | bytes = COMMAND) -> Reply:
        before = len(self.line.replies)
        self.handler.take(command if isinstance(command, bytes) else encode_command(command))
        eventually(lambda: len(self.line.replies) > before)
        return self.line.replies[-1]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.handler.stop()


# --- deciding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "now", "reason"),
    [
        ({}, NOW, None),
        ({"arguments": {}}, NOW, None),
        ({}, NOW + LIFETIME + TOLERANCE, None),
        ({}, NOW + LIFETIME + TOLERANCE + 1, "expired"),
        ({}, NOW - TOLERANCE, None),
        ({}, NOW - TOLERANCE - 1, "not_yet_due"),
        ({}, 0, "not_yet_due"),
        ({}, NOW + 365 * DAY, "expired"),
        ({"command": "explode"}, NOW, "unknown_command"),
        ({"arguments": {"seconds": 3600}}, NOW, "bad_arguments"),
        ({"arguments": {"floor": 3}}, NOW, "bad_arguments"),
    ],
)
def test_what_is_carried_out(change: dict[str, object], now: int, reason: str | None) -> None:
    """Within its time, give or take the stated tolerance, and only what the table has for such a device."""
    command = replace(COMMAND, **change)  # type: ignore[arg-type]  # fields by name
    if reason is None:
        assert judge(command, DOOR, now).arguments == {"seconds": 5}
        return
    with pytest.raises(Refused) as refusal:
        judge(command, DOOR, now)
    assert refusal.value.reason == reason


def test_a_device_that_is_not_served_is_refused() -> None:
    """One of another gateway, and one whose mapping has no such command."""
    with pytest.raises(Refused, match="unknown_device"):
        judge(COMMAND, None, NOW)
    with pytest.raises(Refused, match=r"unknown_command.*takes lock at"):
        judge(COMMAND, Offer("door", ("lock",)), NOW)


# --- doing --------------------------------------------------------------------------------------------------------------


def test_a_command_is_carried_out_and_answered(site: Site) -> None:
    """Once; and the door's opening is announced, so that rules do not take it for forced."""
    assert site.ask() == Reply("c1", ReplyState.DONE, "", "opened", NOW)
    assert site.door.done == [COMMAND]
    assert site.line.events == [("c001-door-01", "access.granted", {"command": "c1"})]


def test_a_replayed_command_gets_its_answer_again_and_nothing_happens(site: Site) -> None:
    """At once, long after, and after a restart: the same answer, word for word."""
    first = site.ask()
    site.clock.advance(3)
    assert site.ask() == first
    site.clock.advance(3600)
    site.restart()
    assert site.ask() == first
    assert len(site.door.done) == 1
    assert site.handler.counts.repeated == 1


def test_what_was_refused_stays_refused(site: Site) -> None:
    """A command refused for its time is not carried out when it comes again and the clock was put right meanwhile."""
    site.clock.us = NOW - MINUTE
    assert site.ask().reason == "not_yet_due"
    site.clock.us = NOW
    assert site.ask().reason == "not_yet_due"
    assert site.door.done == []


def test_an_expired_command_is_refused(site: Site) -> None:
    """One that was held up on the way, or captured."""
    site.clock.advance(60)
    reply = site.ask()
    assert (reply.state, reply.reason) == (ReplyState.REFUSED, "expired")
    assert site.door.done == []


def test_the_clock_is_corrected_by_what_is_known_of_the_servers(site: Site) -> None:
    """An hour behind and known to be: carried out. So no gateway with a bad clock is out of reach."""
    site.clock.us = NOW - 60 * MINUTE
    site.ahead_ms = -60 * 60 * 1000.0
    assert site.ask().state is ReplyState.DONE


def test_an_id_cannot_be_used_for_something_else(site: Site) -> None:
    """Same id, other command: refused, and the first one's answer stands."""
    first = site.ask()
    other = site.ask(replace(COMMAND, command="lock", arguments={}))
    assert (other.state, other.reason) == (ReplyState.REFUSED, "id_reused")
    assert site.ask() == first
    assert len(site.door.done) == 1


def test_what_is_no_command_is_dropped(site: Site) -> None:
    """Nobody can be answered; the next one is heard."""
    for payload in (b"", b"{}", b"\xff" * 100, b"[" * 10_000, b'{"id": "c1"}'):
        site.handler.take(payload)
    assert site.ask().state is ReplyState.DONE
    assert site.handler.counts.dropped == 5


def test_an_actuator_that_refuses_has_done_nothing(site: Site) -> None:
    """Its reason is the answer, and nothing is announced."""
    site.door.error = Refused("device_broker_down", "no connection")
    reply = site.ask()
    assert (reply.state, reply.reason, reply.detail) == (ReplyState.REFUSED, "device_broker_down", "no connection")
    assert site.line.events == []


def test_an_actuator_that_fails_says_so_and_stops_nothing(site: Site) -> None:
    """Whatever it raises: failed, since nobody knows what happened; not tried again; the next one works."""
    site.door.error = ZeroDivisionError("oh\x00no")
    reply = site.ask()
    assert (reply.state, reply.reason) == (ReplyState.FAILED, "device_failed")
    assert reply.detail == "ZeroDivisionError: oh no"
    site.door.error = None
    assert site.ask() == reply
    assert site.ask(replace(COMMAND, id="c2")).state is ReplyState.DONE


def test_a_command_cut_off_by_a_crash_is_never_carried_out(tmp_path: Path) -> None:
    """Its id is there and its answer is not: told as interrupted as soon as there is a connection, and to whoever asks."""
    log = CommandLog(tmp_path)
    log.open()
    log.begin("c1", digest_of(encode_command(COMMAND)))
    log.close()
    site = Site(tmp_path)
    eventually(lambda: site.line.replies)
    assert (site.line.replies[0].id, site.line.replies[0].reason) == ("c1", "interrupted")
    assert site.ask() == site.line.replies[0]
    assert site.door.done == []
    site.handler.stop()


def test_an_answer_without_a_connection_is_given_later(site: Site) -> None:
    """As soon as there is one, and once."""
    site.line.up = False
    site.handler.take(encode_command(COMMAND))
    eventually(lambda: site.handler.counts.done)
    site.line.up = True
    eventually(lambda: site.line.replies)
    assert site.ask(replace(COMMAND, id="c2")).id == "c2"
    assert [reply.id for reply in site.line.replies] == ["c1", "c2"]


def test_a_damaged_log_carries_out_nothing_for_a_minute(tmp_path: Path) -> None:
    """Until whatever it may have forgotten has expired."""
    CommandLog(tmp_path).file.write_bytes(b"\x00" * 5000)
    site = Site(tmp_path)
    assert site.ask().reason == "log_lost"
    site.clock.advance(70)
    fresh = replace(COMMAND, id="c2", issued_at=site.clock.now(), expires_at=site.clock.now() + LIFETIME)
    assert site.ask(fresh).state is ReplyState.DONE
    site.handler.stop()


def test_a_log_that_cannot_be_opened_keeps_no_alarm_back(tmp_path: Path) -> None:
    """The agent starts; commands are refused until the log can be opened, and then carried out."""
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    site = Site(folder)
    assert site.ask().reason == "log_failed"
    folder.unlink()
    assert site.ask(replace(COMMAND, id="c2")).state is ReplyState.DONE
    site.handler.stop()


def test_a_log_that_cannot_be_written_carries_out_nothing(site: Site) -> None:
    """No note, no deed."""
    assert site.handler._recorded._connection is not None
    site.handler._recorded._connection.execute("PRAGMA query_only=ON")
    reply = site.ask()
    assert (reply.state, reply.reason) == (ReplyState.REFUSED, "log_failed")
    assert site.door.done == []


class Crash(BaseException):
    """A kill -9."""


Step = tuple[int, int, str | None]
"""Which command is asked, seconds before it, and the failpoint at which the agent dies, if any."""

STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 8),
        st.sampled_from([None, None, "command.begun", "command.executed", "after"]),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)  # each commits with fsync
@given(steps=STEPS)
def test_whatever_comes_again_and_wherever_it_dies_nothing_is_done_twice(steps: list[Step]) -> None:
    """Three commands, asked in any order and number, with a kill at any point: each is carried out at most once, what was
    carried out is never called refused, and who asks again gets the first answer that anybody got."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        door, line, clock = Door(), Line(), ManualClock(NOW)
        handler = revived(Path(folder), door, line, clock)
        for number, seconds, dies_at in steps:
            clock.advance(seconds)
            patch.setattr(failpoints, "reach", dying(dies_at))
            payload = encode_command(replace(COMMAND, id=f"c{number}"))
            with suppress(Crash):
                handler._handle(payload)
            if dies_at is not None:
                handler._recorded.close()
                handler = revived(Path(folder), door, line, clock)
        handler._recorded.close()
    done = Counter(command.id for command in door.done)
    assert not done or max(done.values()) == 1
    for command in {reply.id for reply in line.replies}:
        answers = {reply for reply in line.replies if reply.id == command}
        assert len(answers) == 1
        assert not done[command] or answers.pop().state is not ReplyState.REFUSED


def revived(folder: Path, door: Door, line: Line, clock: ManualClock) -> CommandHandler:
    """An agent that has just started, without its thread."""
    handler = CommandHandler(folder, [door], line, clock)
    handler._open()
    return handler


def dying(point: str | None) -> Callable[[str], None]:
    """A failpoint that kills there."""

    def reach(reached: str) -> None:
        if reached == point:
            raise Crash

    return reach


def test_too_many_at_once_are_dropped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded."""
    monkeypatch.setattr("edge.commands.handler.MAX_WAITING", 0)
    site.handler.take(encode_command(COMMAND))
    assert site.handler.counts.dropped == 1
