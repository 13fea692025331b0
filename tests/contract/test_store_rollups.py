"""Rollups, raw ranges and pages of events: the same for the fake, SQLite and a real InfluxDB 1.x."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.model import Lane, Reading
from linli.ports import Bucket, Due, KeptStore, Point, Resolution
from linli.testing import MemoryStore
from tests.contract.test_store import T0, event, packet

H0 = T0 - T0 % HOUR


def series(*points: tuple[int, float], device: str = "t-1") -> list[Reading]:
    return [Reading(device, "temperature", time, value) for time, value in points]


def shown(store: KeptStore, start: int, end: int, resolution: Resolution, points: int = 10_000) -> list[Bucket]:
    found = store.readings("c001", "t-1", "temperature", start, end, points, resolution)
    return [replace(bucket, mean=round(bucket.mean, 9)) for bucket in found]


def roll_all(store: KeptStore, before: int = T0 + 1000 * DAY) -> int:
    """A whole pass; how many hours it was."""
    count, after = 0, None
    while due := store.due(before, after, 3):
        store.roll(due)
        count, after = count + len(due), due[-1]
    return count


def test_a_raw_range_is_the_readings_as_they_came(store: KeptStore) -> None:
    """Oldest first, from start to before end, cut at the limit."""
    store.write([packet(1, *series((T0 + 2, 3.0), (T0, 1.0), (T0 + 1, 2.0), (T0 + 3, 4.0)))], {})
    assert store.raw("c001", "t-1", "temperature", T0, T0 + 3, 9) == [Point(T0, 1.0), Point(T0 + 1, 2.0), (T0 + 2, 3.0)]
    assert store.raw("c001", "t-1", "temperature", T0 + 1, T0 + 9, 2) == [Point(T0 + 1, 2.0), Point(T0 + 2, 3.0)]
    assert store.raw("c001", "t-9", "temperature", T0, T0 + 9, 9) == []


def test_written_hours_are_due_once_they_are_over(store: KeptStore) -> None:
    """In order, from behind a mark; a repeat marks nothing twice; a pass takes them away."""
    store.write([packet(1, *series((H0, 1.0), (H0 + HOUR, 2.0), (H0 + 3 * HOUR - 1, 3.0)))], {})
    store.write([packet(1, *series((H0, 1.0)))], {})
    assert [mark.hour for mark in store.due(H0 + 3 * HOUR, None, 9)] == [H0, H0 + HOUR, H0 + 2 * HOUR]
    assert [mark.hour for mark in store.due(H0 + 3 * HOUR - 1, None, 9)] == [H0, H0 + HOUR]
    (first,) = store.due(H0 + 3 * HOUR, None, 1)
    assert first.community == "c001"
    assert [mark.hour for mark in store.due(H0 + 3 * HOUR, first, 9)] == [H0 + HOUR, H0 + 2 * HOUR]
    assert roll_all(store, H0 + 2 * HOUR) == 2
    assert [mark.hour for mark in store.due(H0 + 9 * HOUR, None, 9)] == [H0 + 2 * HOUR]


@pytest.mark.parametrize("resolution", [Resolution.MINUTE, Resolution.HOUR])
def test_sums_answer_as_raw_rows_do(store: KeptStore, resolution: Resolution) -> None:
    """Before a pass, after it, after late data, and where a bucket of the answer is half summed, half raw."""
    fake = MemoryStore()
    chance = random.Random(7)
    start, end = H0 + 5, H0 + 5 * HOUR + 17 * MINUTE

    def both(at: list[Reading]) -> None:
        for each in (store, fake):
            each.write([packet(1, *at)], {})

    def compare() -> None:
        for points in (10_000, 61, 2):
            assert shown(store, start, end, resolution, points) == shown(fake, start, end, resolution, points)

    both(series(*[(H0 + chance.randrange(6 * HOUR), chance.uniform(-9, 9)) for _ in range(300)]))
    compare()
    width = resolution.width
    raw_rows = fake.raw("c001", "t-1", "temperature", H0, H0 + 6 * HOUR, 10_000)
    raw_counts: dict[int, int] = {}
    for time, _ in raw_rows:
        if time < -(-end // width) * width:
            raw_counts[time - time % width] = raw_counts.get(time - time % width, 0) + 1
    assert {bucket.start: bucket.count for bucket in shown(store, start, end, resolution)} == raw_counts
    assert roll_all(store) == 6
    compare()
    both(series((H0 + 2 * HOUR + 5, 77.0), (H0 + 2 * HOUR + 6, -77.0)))
    compare()
    assert roll_all(store) == 1
    compare()
    roll_all(fake)
    compare()


def test_late_and_corrected_readings_are_summed_up_anew_not_added(store: KeptStore) -> None:
    """The same message five times, then another value for one of its readings."""
    readings = series((H0 + 1, 1.0), (H0 + 2, 3.0), (H0 + MINUTE, 5.0))
    for _ in range(5):
        store.write([packet(1, *readings)], {})
        roll_all(store)
    one, two = Bucket(H0, 2, 1.0, 2.0, 3.0, 3.0), Bucket(H0 + MINUTE, 1, 5.0, 5.0, 5.0, 5.0)
    assert shown(store, H0, H0 + HOUR, Resolution.MINUTE) == [one, two]
    assert shown(store, H0, H0 + HOUR, Resolution.HOUR) == [Bucket(H0, 3, 1.0, 3.0, 5.0, 5.0)]
    store.write([packet(2, *series((H0 + 2, 9.0)))], {})
    roll_all(store)
    assert shown(store, H0, H0 + HOUR, Resolution.MINUTE) == [Bucket(H0, 2, 1.0, 5.0, 9.0, 9.0), two]


def test_an_hour_touched_while_it_is_summed_up_stays_due(reopen: Callable[[], KeptStore]) -> None:
    """What is written behind the keeper's back is not lost: the old mark does not take away the new one."""
    store = reopen()
    store.write([packet(1, *series((H0 + 1, 1.0)))], {})
    stale = store.due(H0 + HOUR, None, 9)
    store.roll(stale)
    store.write([packet(2, *series((H0 + 2, 3.0)))], {})
    store.roll(stale)
    assert [mark.hour for mark in store.due(H0 + HOUR, None, 9)] in ([H0], [])
    assert sum(bucket.count for bucket in shown(store, H0, H0 + HOUR, Resolution.MINUTE)) == 2
    store.write([packet(3, *series((H0 + 3, 5.0)))], {})
    roll_all(store)
    assert shown(store, H0, H0 + HOUR, Resolution.MINUTE) == [Bucket(H0, 3, 1.0, 3.0, 5.0, 5.0)]


def test_marks_outlive_the_process(reopen: Callable[[], KeptStore]) -> None:
    """What one process has written another sums up."""
    reopen().write([packet(1, *series((H0 + 1, 1.0)))], {})
    store = reopen()
    assert roll_all(store) == 1
    assert shown(store, H0, H0 + HOUR, Resolution.HOUR) == [Bucket(H0, 1, 1.0, 1.0, 1.0, 1.0)]


def test_series_and_communities_are_summed_up_for_themselves(store: KeptStore) -> None:
    """No sum holds a neighbour's reading."""
    store.write(
        [
            packet(1, *series((H0, 1.0)), *series((H0, 5.0), device="t-2")),
            packet(2, *series((H0, 9.0)), community="c002"),
        ],
        {},
    )
    roll_all(store)
    for community, device, value in (("c001", "t-1", 1.0), ("c001", "t-2", 5.0), ("c002", "t-1", 9.0)):
        found = store.readings(community, device, "temperature", H0, H0 + HOUR, 9, Resolution.HOUR)
        assert found == [Bucket(H0, 1, value, value, value, value)]


def test_a_mark_of_an_hour_without_rows_goes_away(store: KeptStore) -> None:
    """Rolling what is not there is no error."""
    store.write([packet(1, *series((H0, 1.0)))], {})
    (mark,) = store.due(H0 + HOUR, None, 9)
    store.roll([mark])
    store.roll([mark, Due(H0 + HOUR, mark.community, mark.key, 5)])
    assert store.due(H0 + 2 * HOUR, None, 9) == []


def test_writing_and_summing_up_at_once_leaves_what_the_rows_say(store: KeptStore) -> None:
    """A writer that comes back to old hours again and again, while a keeper never rests: no touch is lost. At every moment
    a question gets at least what was written before it was asked."""
    if isinstance(store, MemoryStore):
        return  # has no threads of its own to be safe for
    chance = random.Random(3)
    times = [H0 + chance.randrange(3 * HOUR) for _ in range(600)]
    done = threading.Event()
    errors: list[BaseException] = []

    def keep() -> None:
        try:
            while not done.is_set():
                roll_all(store)
        except BaseException as error:  # noqa: BLE001  (a thread's error would be lost)
            errors.append(error)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        for n in range(0, len(times), 10):
            store.write([packet(n, *series(*[(time, float(n)) for time in times[n : n + 10]]))], {})
            if n % 100 == 0:
                found = shown(store, H0, H0 + 3 * HOUR, Resolution.HOUR)
                assert sum(bucket.count for bucket in found) == len(set(times[: n + 10]))
    finally:
        done.set()
        keeper.join()
    assert errors == []
    roll_all(store)
    raw_counts = Counter(time - time % MINUTE for time in set(times))
    found = shown(store, H0, H0 + 3 * HOUR, Resolution.MINUTE)
    assert {bucket.start: bucket.count for bucket in found} == raw_counts
    assert store.due(T0 + DAY, None, 9) == []


def test_pages_of_events_neither_repeat_nor_leave_out(store: KeptStore) -> None:
    """Whatever the page's size, also where many share a microsecond, and when new ones come meanwhile."""
    batch = [
        event(n, time=T0 + (n // 7) * 10, gateway=f"gw-{n % 2}", subject=f"door-{n % 3}", lane=list(Lane)[n % 2])
        for n in range(995, 1025)
    ]
    store.write(batch, {})
    whole = store.events("c001", T0, T0 + HOUR, limit=100)
    assert [e.key for e in whole] == sorted((e.key for e in whole), reverse=True)
    assert len(whole) == 30
    for limit in (1, 4, 7, 29, 30):
        found = store.events("c001", T0, T0 + HOUR, limit=limit)
        store.write([event(2000 + limit, time=T0 + 50 * MINUTE + limit)], {})
        while page := store.events("c001", T0, T0 + HOUR, limit=limit, before=found[-1].key):
            found += page
        assert [e.key for e in found if e.sequence < 2000] == [e.key for e in whole]
        assert len({e.key for e in found}) == len(found)
    only = store.events("c001", T0, T0 + HOUR, device="door-1", limit=3, before=whole[5].key)
    assert [e.key for e in only] == [e.key for e in whole if e.device == "door-1" and e.key < whole[5].key][:3]
    assert store.events("c001", T0, T0 + HOUR, before=whole[-1].key) == []
    assert store.events("c001", whole[0].time + SECOND, T0 + HOUR, before=whole[-1].key) == []
