"""What the upkeep of the store does when, and what it makes of failures."""

from collections.abc import Sequence

import pytest

from ingest.upkeep import PERIODS, Agenda, Task, Upkeep
from linli.clock import DAY, HOUR, MINUTE
from linli.errors import StoreError, StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import Received
from linli.ports import Due, Resolution, RowClass
from linli.retention import Retention, SteadyClock
from linli.runtime import WELL, Health
from linli.testing import ManualClock, MemoryStore
from tests.unit.ingest.world import NOW, event, packet, reading

HOUR_0 = NOW - NOW % HOUR
GONE = StoreUnavailable(Text("不在", "gone"))
WELL_WORKER = Health("ok", WELL, {"messages": 1})


class TroubledStore(MemoryStore):
    """Fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusing: StoreError | None = None
        self.poison: str | None = None
        self.refreshed: list[int] = []

    def check(self) -> str:
        if self.refusing is not None:
            raise self.refusing
        return super().check()

    def roll(self, due: Sequence[Due]) -> None:
        if any(self.poison is not None and self.poison in mark.key for mark in due):
            raise GONE
        super().roll(due)

    def refresh(self, now: int) -> None:
        self.refreshed.append(now)


@pytest.fixture
def store() -> TroubledStore:
    return TroubledStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(HOUR_0)


def run(upkeep: Upkeep, clock: ManualClock, seconds: float) -> None:
    """Let it work for so long."""
    end = clock.us + seconds * 1e6
    while clock.us < end:
        clock.advance(min(upkeep.step(), (end - clock.us) / 1e6) or 0.001)


def write(store: MemoryStore, *times: int, device: str = "t-1", community: str = "c001") -> None:
    message = packet(1, *[reading(device=device, time=time, value=1.0) for time in times], community=community)
    store.write([Received(message, NOW)], {})


def hours_due(store: MemoryStore) -> list[int]:
    return [due.hour for due in store.due(2**60, None, 1000)]


def test_every_task_is_due_at_start_and_again_after_its_period() -> None:
    """In turns; what has more to do goes behind what else is due."""
    agenda = Agenda({Task.CHECK: 100, Task.ROLL: 10}, 0.0)
    assert agenda.next() == (Task.CHECK, 0.0)
    agenda.done(Task.CHECK, 1.0)
    assert agenda.next() == (Task.ROLL, 0.0)
    agenda.done(Task.ROLL, 2.0, more=True)
    assert agenda.next() == (Task.ROLL, 2.0)
    agenda.done(Task.ROLL, 3.0)
    assert agenda.next() == (Task.ROLL, 13.0)


def test_a_failing_task_backs_off_and_lets_the_others_go_on() -> None:
    """Doubling up to a minute, and from the start after a success."""
    agenda = Agenda({Task.CHECK: 100, Task.ROLL: 1000}, 0.0)
    agenda.done(Task.ROLL, 0.0)
    waits, now = [], 0.0
    for _ in range(9):
        agenda.failed(Task.CHECK, now)
        _, at = agenda.next()
        waits.append(at - now)
        now = at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    agenda.done(Task.CHECK, now)
    agenda.failed(Task.CHECK, now)
    assert agenda.next() == (Task.CHECK, now + 1)


def test_hours_are_summed_up_once_they_are_over(store: TroubledStore, clock: ManualClock) -> None:
    """The running hour is left until it is over and has settled."""
    write(store, HOUR_0 - 1, HOUR_0 + 1)
    upkeep = Upkeep(store, clock, Retention())
    run(upkeep, clock, 120)
    run(upkeep, clock, 600)
    assert hours_due(store) == [HOUR_0]
    run(upkeep, clock, 3600)
    assert hours_due(store) == []
    assert upkeep.health(WELL_WORKER).counters["rolled_hours"] == 2


def test_a_backlog_is_summed_up_in_slices(store: TroubledStore, clock: ManualClock) -> None:
    """All of it, with rests in between, well within a period."""
    write(store, *[HOUR_0 - n * HOUR - 1 for n in range(200)])
    run(Upkeep(store, clock, Retention()), clock, 400)
    assert hours_due(store) == []


def test_only_the_communities_of_this_process_are_summed_up(store: TroubledStore, clock: ManualClock) -> None:
    """What another shard writes it also marks: only it knows what it has marked."""
    write(store, HOUR_0 - 1, community="c001")
    write(store, HOUR_0 - 1, community="c002")
    run(Upkeep(store, clock, Retention(), lambda community: community == "c002"), clock, 400)
    assert [due.community for due in store.due(2**60, None, 9)] == ["c001"]


def test_hours_that_cannot_be_summed_up_do_not_hold_up_the_others(store: TroubledStore, clock: ManualClock) -> None:
    """They stay due, are tried again with the next pass, and health says so meanwhile."""
    write(store, *[HOUR_0 - n * HOUR - 1 for n in range(16, 31)], device="t-bad")
    write(store, *[HOUR_0 - n * HOUR - 1 for n in range(1, 16)])
    store.poison = "t-bad"
    upkeep = Upkeep(store, clock, Retention())
    run(upkeep, clock, 200)
    assert len(hours_due(store)) == 20
    store.poison = None
    run(upkeep, clock, 400)
    assert hours_due(store) == []
    assert upkeep.health(WELL_WORKER).state == "ok"


def test_retention_waits_for_a_steady_clock_and_for_sums(store: TroubledStore, clock: ManualClock) -> None:
    """Nothing goes in the first hour; then raw rows go, their sums stay, and the deleted are counted."""
    old = HOUR_0 - 40 * DAY
    write(store, old, old + 1, HOUR_0 - DAY)
    upkeep = Upkeep(store, clock, Retention(raw=30))
    run(upkeep, clock, 3500)
    assert len(store.raw("c001", "t-1", "temperature", 0, 2**60, 9)) == 3
    run(upkeep, clock, 1200)
    assert [point.time for point in store.raw("c001", "t-1", "temperature", 0, 2**60, 9)] == [HOUR_0 - DAY]
    (bucket,) = store.readings("c001", "t-1", "temperature", old, old + HOUR, 1, Resolution.HOUR)
    assert bucket.count == 2
    assert upkeep.health(WELL_WORKER).counters["retention_deleted"] == 2


def test_what_went_is_told_once_for_all_of_its_slices(store: TroubledStore, clock: ManualClock) -> None:
    """So that it can be written down; and again with the next pass if that failed."""
    write(store, *[HOUR_0 - 40 * DAY + number for number in range(5)])
    told: list[int] = []

    def write_down(rows: int, _now: int) -> None:
        told.append(rows)
        if len(told) == 1:
            raise StoreError(Text("坏了", "broken"))

    run(Upkeep(store, clock, Retention(raw=30), thinned=write_down), clock, 7200)
    assert told == [5, 5]


def test_another_shards_process_leaves_retention_alone(store: TroubledStore, clock: ManualClock) -> None:
    """One does it for all."""
    store.write([Received(event(1, time=HOUR_0 - 9 * DAY), NOW)], {})
    run(Upkeep(store, clock, Retention(events=1), thins=False), clock, 2 * 3600)
    assert len(store.events("c001", 0, 2**60)) == 1
    run(Upkeep(store, clock, Retention(events=1)), clock, 2 * 3600)
    assert store.events("c001", 0, 2**60) == []


def test_a_clock_that_jumped_is_not_believed_for_an_hour() -> None:
    """A year ahead: everything would look too old. Small corrections do not count."""
    steady = SteadyClock(3600, 60)
    assert not steady.judge(0, 0.0)
    assert steady.judge(3600 * 10**6, 3600.0)
    assert steady.judge(4030 * 10**6, 4000.0)
    assert not steady.judge(365 * DAY, 4100.0)
    assert not steady.judge(365 * DAY + 3599 * 10**6, 4100.0 + 3599)
    assert steady.judge(365 * DAY + 3600 * 10**6, 4100.0 + 3600)


def test_a_wrong_setting_is_told_until_it_is_right(store: TroubledStore, clock: ManualClock) -> None:
    """Health is degraded with what to do; ingest goes on beside it."""
    upkeep = Upkeep(store, clock, Retention())
    store.refusing = StoreRefused(Text("请创建 x", "create x"))
    run(upkeep, clock, 5)
    health = upkeep.health(WELL_WORKER)
    assert (health.state, health.detail) == ("degraded", Text("请创建 x", "create x"))
    assert health.counters["messages"] == 1
    store.refusing = None
    run(upkeep, clock, 70)
    assert upkeep.health(WELL_WORKER).state == "ok"


def test_a_store_that_is_away_is_told_once(store: TroubledStore, clock: ManualClock) -> None:
    """The worker says it already."""
    upkeep = Upkeep(store, clock, Retention())
    store.refusing = GONE
    run(upkeep, clock, 5)
    worker = Health("degraded", GONE.text, {})
    assert upkeep.health(worker).detail == GONE.text
    assert upkeep.health(WELL_WORKER).detail == GONE.text


def test_a_fault_in_the_upkeep_does_not_end_it(clock: ManualClock) -> None:
    """It is told, and tried again."""

    class Broken(TroubledStore):
        def refresh(self, now: int) -> None:
            raise ZeroDivisionError("oh")

    upkeep = Upkeep(Broken(), clock, Retention())
    run(upkeep, clock, 5)
    health = upkeep.health(WELL_WORKER)
    assert health.state == "degraded"
    assert "oh" in health.detail.en


def test_positions_are_refreshed_a_few_times_a_day(store: TroubledStore, clock: ManualClock) -> None:
    """At start, and every six hours."""
    run(Upkeep(store, clock, Retention()), clock, 13 * 3600)
    assert len(store.refreshed) == 3


def test_periods_are_stated_for_every_task() -> None:
    """None is forgotten."""
    assert PERIODS.keys() == set(Task)


def test_horizons_are_whole_hours_and_leave_out_what_is_kept_for_ever() -> None:
    """Rollups are of whole hours."""
    now = HOUR_0 + 17 * MINUTE
    retention = Retention(raw=30, events=1)
    assert retention.horizons(now) == {RowClass.RAW: HOUR_0 - 30 * DAY, RowClass.EVENTS: HOUR_0 - DAY}
    kept = retention.kept_from(now)
    assert (kept[Resolution.RAW], kept[Resolution.MINUTE]) == (HOUR_0 - 30 * DAY, 0)
