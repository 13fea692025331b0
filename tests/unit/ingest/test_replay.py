"""Dead letters tried again (`ingest.replay`): stored once, under their own keys, whatever is repeated or killed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from ingest.letters import Arrival, letter, sequence_key
from ingest.pipeline import INPUT_REFUSED_TYPE
from ingest.replay import Replayer, retry
from linli.clock import DAY
from linli.db.database import Database
from linli.db.deadletters import EVERY, Choice, SqlDeadLetters
from linli.delivery import key_of
from linli.errors import Refused, StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import DEAD_LETTER_BYTES, DeadLetter, Device, Gateway, LaneKey, Message, Received, Tally, TallyKey
from linli.ports import NO_TALLIES
from linli.shards import Shard
from linli.testing import ManualClock, MemoryRegistry, MemoryStore
from tests.unit.ingest.world import LIMITS, NAME, NOW, arrival, event, packet, raw, reading, registry

KNOWN = registry()
GROWN = MemoryRegistry(
    [Gateway("gw-1", "c001", NAME), Gateway("gw-new", "c001", NAME)],
    [Device(device, "c001", "gw-1", "door", NAME, "p") for device in ("door-1", "t-1", "new-1")],
)
"""With what was missing when the letters came."""


@pytest.fixture
def box(database: Database) -> SqlDeadLetters:
    return SqlDeadLetters(database)


def dead(message: Message, reason: str = "unregistered_device", came: Arrival | None = None) -> DeadLetter:
    """As ingest wrote it."""
    return letter(
        came or arrival(message), Refused(reason, "as it was"), sequence_key(key_of(message), message.sequence)
    )


def replayer(
    box: SqlDeadLetters, store: MemoryStore, known: MemoryRegistry = GROWN, clock: ManualClock | None = None
) -> Replayer:
    return Replayer(box, store, known, LIMITS, clock or ManualClock(NOW), keep_days=90)


STRANGER = event(7, subject="new-1")
MIXED = packet(3, reading(), reading("new-1", value=1.0), reading("never", value=2.0))


# --- one letter, decided ---------------------------------------------------------------------------------------------


def test_a_device_registered_since_is_accepted() -> None:
    """With its own time and sequence, marked late: it came to the store after its lane had gone on."""
    outcome = retry(dead(STRANGER), GROWN, LIMITS)
    assert outcome.refused is None
    assert outcome.taken is not None
    received = outcome.taken.received
    assert (received.message.sequence, received.message.time, received.late) == (7, NOW, True)
    assert received.received_at == NOW


def test_what_is_still_wrong_is_refused_again_with_its_reason() -> None:
    """The registry, the format and the time are judged as for a message that comes now, by its own receive time."""
    cases = {
        "unregistered_device": dead(STRANGER),
        "unknown_gateway": dead(event(1, gateway="gw-new", subject="gw-new")),
        "not_json": letter(raw(b"{"), Refused("not_json", ""), "k"),
        "time_out_of_range": dead(event(1, time=NOW + 3000 * DAY * 2)),
    }
    assert {reason: retry(each, KNOWN, LIMITS).refused.reason for reason, each in cases.items()} == {  # type: ignore[union-attr]
        reason: reason for reason in cases
    }


def test_a_packet_is_stored_as_far_as_it_is_accepted() -> None:
    """Two of its three readings by now; the refusal names the third."""
    outcome = retry(dead(MIXED), GROWN, LIMITS)
    assert outcome.taken is not None
    assert [each.device for each in outcome.taken.received.message.readings] == ["t-1", "new-1"]
    assert outcome.refused is not None
    assert "never" in outcome.refused.detail


def test_what_can_never_be_replayed_says_why() -> None:
    """Cut payloads, letters of an agent, statuses."""
    big = Arrival.of("linli/v1/c001/gateway/gw-1/urgent", b"x" * (DEAD_LETTER_BYTES + 1), NOW)
    whole = dead(STRANGER)
    for each in (
        letter(big, Refused("not_json", ""), "k"),
        replace(whole, consumer="edge", topic="gw-1: zigbee2mqtt/x"),
        replace(whole, topic="linli/v1/c001/gateway/gw-1/status"),
        replace(whole, topic="elsewhere"),
    ):
        refused = retry(each, GROWN, LIMITS).refused
        assert refused is not None
        assert refused.reason == "not_replayable"


def test_an_agents_report_becomes_the_agents_letter() -> None:
    """Its gateway was unknown when it came: what the agent reported is a letter of consumer edge."""
    report = event(1, gateway="gw-new", subject="gw-new", type=INPUT_REFUSED_TYPE, data={"topic": "t", "reason": "nul"})
    outcome = retry(dead(report), GROWN, LIMITS)
    assert outcome.told is not None
    assert (outcome.told.consumer, outcome.told.reason) == ("edge", "nul")


@given(st.binary(max_size=300))
def test_any_payload_is_decided(payload: bytes) -> None:
    """No bytes that a stranger sent end the worker."""
    assert retry(letter(raw(payload), Refused("x", ""), "k"), GROWN, LIMITS).taken is None


# --- the worker's step -----------------------------------------------------------------------------------------------


def stored(store: MemoryStore) -> list[tuple[str, int]]:
    events = [(each.device, each.sequence) for each in store.events("c001", 0, 2 * NOW)]
    return sorted(events + [(each.device, 0) for each in store.latest("c001")])


def test_accepted_letters_are_stored_once_and_go(box: SqlDeadLetters) -> None:
    """Others that nobody asked for stay; no position moves."""
    box.put([dead(STRANGER), dead(event(8, subject="new-1")), dead(event(9, subject="never"))])
    box.request_replay(Choice(number=1), NOW)
    box.request_replay(Choice(number=3), NOW)
    store = MemoryStore()
    worker = replayer(box, store)
    assert worker.step() is False
    assert stored(store) == [("new-1", 7)]
    assert store.positions() == {}
    assert [(kept.id, kept.replay_requested_at, kept.replay_outcome[:19]) for kept in box.newest()] == [
        (3, None, "unregistered_device"),
        (2, None, ""),
    ]
    assert box.outcomes([1, 3])[0] == 0
    assert worker.replayed == 1


def test_asking_again_tries_again(box: SqlDeadLetters) -> None:
    """What was refused is accepted once its cause is mended."""
    box.put([dead(STRANGER)])
    store = MemoryStore()
    for known in (KNOWN, GROWN):
        assert box.request_replay(EVERY, NOW).numbers == (1,)
        replayer(box, store, known).step()
    assert box.newest() == []
    assert stored(store) == [("new-1", 7)]


class KilledAfterWriting(SqlDeadLetters):
    """Fails where the letters would be taken away, as a kill there does."""

    killed = False

    def replayed(self, accepted: Sequence[int], refused: Mapping[int, str]) -> None:
        """The first time, nothing is written."""
        if not self.killed:
            self.killed = True
            raise OperationalError("killed", None, Exception("killed"))
        super().replayed(accepted, refused)


def test_replaying_twice_changes_nothing(database: Database) -> None:
    """Killed between storing and taking the letter away, the next step stores the same again: the same rows."""
    box = KilledAfterWriting(database)
    box.put([dead(STRANGER), dead(MIXED)])
    box.request_replay(EVERY, NOW)
    store = MemoryStore()
    worker = replayer(box, store)
    worker.step()
    first = stored(store)
    assert first == [("new-1", 0), ("new-1", 7), ("t-1", 0)]
    assert len(box.requested(9)) == 2
    worker.step()
    assert stored(store) == first
    assert box.requested(9) == []


class Picky(MemoryStore):
    """Refuses every batch that holds sequence 8, as a store does at a type conflict."""

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        """As MemoryStore, or StoreRefused."""
        if any(received.message.sequence == 8 for received in batch):
            raise StoreRefused(Text("类型冲突", "type conflict"))
        super().write(batch, positions, tallies)


def test_one_that_the_store_refuses_does_not_hold_up_the_others(box: SqlDeadLetters) -> None:
    """It stays, with what the store said."""
    box.put([dead(event(number, subject="new-1")) for number in (7, 8, 9)])
    box.request_replay(EVERY, NOW)
    store = Picky()
    replayer(box, store).step()
    assert stored(store) == [("new-1", 7), ("new-1", 9)]
    (kept,) = box.newest()
    assert kept.replay_outcome == "store_refused: type conflict"


def test_while_the_store_is_down_requests_stay(box: SqlDeadLetters) -> None:
    """Nothing is lost or blamed; the next step after it is back does it."""
    box.put([dead(STRANGER)])
    box.request_replay(EVERY, NOW)
    store = MemoryStore()
    store.failing = StoreUnavailable(Text("不应答", "no answer"))
    worker = replayer(box, store)
    worker.step()
    assert len(box.requested(9)) == 1
    store.failing = None
    worker.step()
    assert box.newest() == []


def test_many_are_done_in_pieces(box: SqlDeadLetters) -> None:
    """A step takes a bounded number, and says that there is more."""
    box.put([dead(event(number, subject="new-1")) for number in range(1, 121)])
    box.request_replay(EVERY, NOW)
    store = MemoryStore()
    worker = replayer(box, store)
    assert [worker.step() for _ in range(2)] == [True, False]
    assert len(store.events("c001", 0, 2 * NOW, limit=999)) == 120


def test_old_letters_go_by_themselves(box: SqlDeadLetters) -> None:
    """Once an hour, those older than the setting says."""
    clock = ManualClock(NOW)
    old = replace(dead(STRANGER), received_at=NOW - 90 * DAY - 1)
    box.put([old, replace(dead(event(8)), received_at=NOW - 90 * DAY + 1_000_000)])
    worker = replayer(box, MemoryStore(), clock=clock)
    worker.step()
    assert [kept.id for kept in box.newest()] == [2]
    clock.advance(60)
    worker.step()
    assert len(box.newest()) == 1
    clock.advance(3600)
    worker.step()
    assert box.newest() == []
    assert worker.purged == 2


def test_what_is_stored_is_what_would_have_been(box: SqlDeadLetters) -> None:
    """The payload comes from the letter's bytes: the event is the one that was sent, under its own name."""
    box.put([dead(STRANGER)])
    box.request_replay(EVERY, NOW)
    store = MemoryStore()
    replayer(box, store).step()
    (found,) = store.events("c001", 0, 2 * NOW)
    assert (found.bootid, found.lane, found.sequence, found.data) == ("b1", "urgent", 7, {"credential": "card-7"})


def test_each_shard_tries_its_own(box: SqlDeadLetters) -> None:
    """Of two workers only the one that has the community does it, also behind many letters of another's."""
    box.put([dead(event(number, subject="new-1")) for number in range(1, 61)])
    box.request_replay(EVERY, NOW)
    shards = [Shard(index, 2) for index in range(2)]
    (mine,) = [shard for shard in shards if shard.covers("c001")]
    (other,) = [shard for shard in shards if not shard.covers("c001")]
    for shard, left in ((other, 60), (mine, 0)):
        store = MemoryStore()
        worker = Replayer(box, store, GROWN, LIMITS, ManualClock(NOW), 90, shard)
        while worker.step():
            pass
        assert len(box.newest(100)) == left
