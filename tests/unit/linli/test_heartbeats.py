"""What gateways say of themselves, as ingest keeps it (`linli.db.heartbeats`), and the counts of rules (`linli.db.tallies`)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from linli.clock import DAY, MINUTE, SECOND
from linli.db.database import Database
from linli.db.heartbeats import Counted, Heartbeat, SqlHeartbeats
from linli.db.tallies import RulesTally, forget_days_before, rules_tallies, save_rules_tallies
from linli.model import HEARTBEAT_TYPE, JsonValue, Lane, Message, TallyKey

T0 = 20_000 * DAY
DATA: dict[str, JsonValue] = {
    "version": "0.2.0",
    "clock_offset_ms": -12.5,
    "queue_urgent": 1,
    "queue_bulk": 2,
    "queue_bytes": 300,
    "dropped_urgent": 0,
    "dropped_bulk": 4,
    "dropped": 4,
    "refused": 5,
    "positions": {"ingest": {"urgent": 6, "bulk": 7}, "rules": {"urgent": 8, "bulk": 9}},
    "next": {"urgent": 10, "bulk": 11},
    "days": {"2024-10-04": [12, 4], "2024-10-03": [100, 0]},
}


def message(data: dict[str, JsonValue], at: int = T0, lane: Lane = Lane.BULK, gateway: str = "gw-1") -> Message:
    return Message("c001", gateway, "b1", lane, 1, 1, HEARTBEAT_TYPE, gateway, at, at, data=data)


def beat(at: int = T0, lane: Lane = Lane.BULK, received_at: int | None = None, **data: JsonValue) -> Heartbeat:
    return Heartbeat.from_message(message(DATA | data, at, lane), at if received_at is None else received_at)


def test_everything_said_is_kept(database: Database) -> None:
    """Whatever the agent says comes back, by lane and day."""
    SqlHeartbeats(database).save([beat()])
    (kept,) = SqlHeartbeats(database).all()
    assert kept == beat()
    assert kept.clock_offset_ms == -12.5
    assert kept.positions == {"ingest": {"urgent": 6, "bulk": 7}, "rules": {"urgent": 8, "bulk": 9}}
    assert kept.days == {20000: (12, 4), 19999: (100, 0)}


def test_an_older_agent_says_less(database: Database) -> None:
    """What it does not say is None, not 0: nobody must take silence for a queue that is empty."""
    SqlHeartbeats(database).save([Heartbeat.from_message(message({"queue_bulk": 3}), T0)])
    (kept,) = SqlHeartbeats(database).all()
    assert (kept.queue_bulk, kept.queue_urgent, kept.dropped) == (3, None, None)
    assert (kept.positions, kept.next, kept.days, kept.version) == (None, None, None, "")
    assert SqlHeartbeats(database).counted() == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["2024-10-04"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(DATA)), json_values))
def test_odd_fields_are_left_out(data: dict[str, JsonValue]) -> None:
    """Whatever a newer agent puts there, a heartbeat is made of it, with counts that are none below 0."""
    made = Heartbeat.from_message(message(data), T0)
    assert all(count is None or count >= 0 for count in (made.queue_bulk, made.dropped, made.refused))
    for counts in made.counted().values():
        assert counts.taken >= 0 <= counts.dropped


def test_the_newest_counts_and_a_backlog_is_not_news(database: Database) -> None:
    """Behind an hour's backlog the bulk lane tells of an hour ago; the urgent lane tells of now."""
    beats = SqlHeartbeats(database)
    beats.save([beat(T0, Lane.URGENT, queue_bulk=900)])
    beats.save([beat(T0 - 60 * MINUTE, received_at=T0 + SECOND, queue_bulk=5)])
    assert beats.all()[0].queue_bulk == 900
    beats.save([beat(T0 + 10 * SECOND, queue_bulk=800), beat(T0 - 59 * MINUTE, received_at=T0 + 10 * SECOND)])
    assert beats.all()[0].queue_bulk == 800


def test_days_are_told_on_one_lane(database: Database) -> None:
    """A heartbeat without them leaves those that are known, unless the outbox is another."""
    beats = SqlHeartbeats(database)
    beats.save([beat()])
    beats.save([replace(beat(T0 + SECOND, Lane.URGENT), days=None)])
    assert beats.all()[0].days == {20000: (12, 4), 19999: (100, 0)}
    beats.save([replace(beat(T0 + SECOND, Lane.URGENT), days=None, bootid="b2")])
    assert beats.all()[0].days is None


def test_a_clock_that_stepped_back_does_not_freeze_it(database: Database) -> None:
    """The lane's order says which is newer. Without an urgent lane the bulk one is believed after a minute."""
    beats = SqlHeartbeats(database)
    beats.save([beat(T0, queue_bulk=1)])
    beats.save([beat(T0 - DAY, Lane.URGENT, received_at=T0 + 10 * SECOND, queue_bulk=2)])
    assert beats.all()[0].queue_bulk == 2
    beats.save([beat(T0 - 2 * DAY, received_at=T0 + 20 * SECOND, queue_bulk=3)])
    assert beats.all()[0].queue_bulk == 2
    beats.save([beat(T0 - 2 * DAY, received_at=T0 + 80 * SECOND, queue_bulk=3)])
    assert beats.all()[0].queue_bulk == 3


def test_counts_of_a_day_only_grow(database: Database) -> None:
    """A heartbeat that comes late says less than is known; days of each outbox stand apart."""
    beats = SqlHeartbeats(database)
    beats.save([beat(days={"2024-10-04": [50, 5]})])
    beats.save([beat(days={"2024-10-04": [40, 6]})])
    beats.save([replace(beat(days={"2024-10-04": [1, 0]}), bootid="b2")])
    assert beats.counted() == {
        TallyKey("c001", "gw-1", "b1", 20000): Counted(50, 6, T0),
        TallyKey("c001", "gw-1", "b2", 20000): Counted(1, 0, T0),
    }
    assert beats.counted(since_day=20001) == {}


def test_tallies_of_rules_are_absolute(database: Database) -> None:
    """Writing them again after a restart changes nothing; old days can be forgotten."""
    first, second = TallyKey("c001", "gw-1", "b1", 19999), TallyKey("c001", "gw-1", "b1", 20000)
    for _ in range(2):
        with database.write() as connection:
            save_rules_tallies(connection, {first: RulesTally(10, 1), second: RulesTally(3, 0)})
    with database.write() as connection:
        save_rules_tallies(connection, {second: RulesTally(4, 0)})
        save_rules_tallies(connection, {})
    assert rules_tallies(database) == {first: (10, 1), second: (4, 0)}
    assert rules_tallies(database, 20000) == {second: (4, 0)}
    with database.write() as connection:
        forget_days_before(connection, 20000)
    assert rules_tallies(database) == {second: (4, 0)}
