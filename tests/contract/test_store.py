"""The contract of `ports.ReadingStore`: the same tests for the fake, SQLite and a real InfluxDB 1.x."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.sqlite_store import SqliteStore
from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.errors import StoreUnavailable
from linli.model import (
    READINGS_TYPE,
    JsonValue,
    Lane,
    LaneKey,
    Message,
    Reading,
    Received,
    Tally,
    TallyKey,
    TimeSource,
)
from linli.ports import Bucket, ReadingStore, StoredEvent
from linli.testing import ManualClock, MemoryStore
from tests.support import free_port

T0 = 1_700_000_000_000_000


def event(sequence: int = 1, *, late: bool = False, received_at: int = T0 + 5 * SECOND, **facts: Any) -> Received:
    message = Message(
        community="c001",
        gateway="gw-1",
        bootid="b1",
        lane=Lane.URGENT,
        sequence=sequence,
        oldest=1,
        type="access.granted",
        subject="door-1",
        time=T0,
        agent_time=T0,
    )
    return Received(replace(message, **facts), received_at, late)


def packet(sequence: int, *readings: Reading, community: str = "c001", received_at: int = T0 + SECOND) -> Received:
    return event(
        sequence,
        received_at=received_at,
        community=community,
        lane=Lane.BULK,
        type=READINGS_TYPE,
        subject="gw-1",
        readings=readings,
    )


def everything(store: ReadingStore) -> tuple[list[StoredEvent], set[object], list[Bucket], dict[LaneKey, int]]:
    """All that the tests below can see of one community."""
    return (
        store.events("c001", 0, T0 + HOUR),
        set(store.latest("c001")),
        store.readings("c001", "t-1", "temperature", T0, T0 + HOUR, 1000),
        store.positions(),
    )


URGENT = LaneKey("c001", "gw-1", "b1", Lane.URGENT)
BULK = LaneKey("c001", "gw-1", "b1", Lane.BULK)


def test_a_new_store_is_empty(store: ReadingStore) -> None:
    """Nothing is found where nothing was written, and asking is no error."""
    assert everything(store) == ([], set(), [], {})
    assert store.check()


def test_an_event_comes_back_as_it_went_in(store: ReadingStore) -> None:
    """Every field of an event survives."""
    written = event(
        sequence=2**40,
        late=True,
        time=T0 + 123_456,
        time_source=TimeSource.DEVICE,
        historic=True,
        data={"credential": "card-7", "n": 1.5, "list": [1, None, {"a": True}], "big": 2**53},
    )
    store.write([written], {})
    assert store.events("c001", T0, T0 + SECOND) == [
        StoredEvent(
            community="c001",
            device="door-1",
            gateway="gw-1",
            type="access.granted",
            time=T0 + 123_456,
            received_at=T0 + 5 * SECOND,
            time_source="device",
            historic=True,
            late=True,
            bootid="b1",
            lane="urgent",
            sequence=2**40,
            data={"credential": "card-7", "n": 1.5, "list": [1, None, {"a": True}], "big": 2**53},
        )
    ]


AWKWARD = [
    "two\nlines",
    "carriage\rreturn",
    'say "hello"',
    "it's",
    "trailing backslash \\",
    '\\" escaped already',
    "a,b=c d",
    "\n",
    "events,device=x value=1 1\nevents,device=y value=2 2",
    "邻里 🏠 é",
    "\u2028\x7f\x01",
    "#comment",
    "",
    "x" * 16_000,
]


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_awkward_strings_come_back_and_make_no_other_rows(store: ReadingStore, text: str) -> None:
    """Whatever a string holds, it stays one string of one event: no rogue rows, no lost ones."""
    data: dict[str, JsonValue] = {"text": text, text[:100] or "empty": 1}
    store.write([event(1, data=data), event(2, time=T0 + SECOND)], {})
    events = store.events("c001", 0, T0 + HOUR)
    assert [(e.sequence, e.data) for e in events] == [(2, {}), (1, data)]
    assert store.latest("c001") == []


def test_a_large_event_is_kept_whole(store: ReadingStore) -> None:
    """An event as large as the wire format takes is stored."""
    data: dict[str, JsonValue] = {f"part{n}": "é" * 8000 for n in range(30)}
    store.write([event(1, data=data)], {})
    assert store.events("c001", 0, T0 + HOUR)[0].data == data


def test_writing_the_same_again_changes_nothing(reopen: Callable[[], ReadingStore]) -> None:
    """A batch that comes twice leaves the same rows, also from another process's connection."""
    batch = [
        event(1),
        event(2, time=T0 + SECOND),
        packet(
            1, Reading("t-1", "temperature", T0, 20.5, "Cel"), Reading("t-1", "temperature", T0 + SECOND, 21, "Cel")
        ),
    ]
    store = reopen()
    store.write(batch, {URGENT: 2, BULK: 1})
    before = everything(store)
    assert len(before[0]) == 2
    assert sum(bucket.count for bucket in before[2]) == 2
    store.write(batch, {URGENT: 2, BULK: 1})
    reopen().write(batch[:1], {})
    assert everything(store) == before


def test_two_swipes_of_one_coarse_second_stay_two(store: ReadingStore) -> None:
    """Events of the same device, type and time are told apart by their sequence; another gateway's too."""
    store.write([event(n, data={"n": n}) for n in range(1, 6)], {})
    store.write([event(1, gateway="gw-2", subject="door-2")], {})
    found = store.events("c001", T0, T0 + 1)
    assert [e.sequence for e in found if e.device == "door-1"] == [5, 4, 3, 2, 1]
    assert len(found) == 6
    assert {e.time for e in found} == {T0}


def test_positions_survive_reopening(reopen: Callable[[], ReadingStore]) -> None:
    """A lane's position is the last one written, each lane and outbox for itself."""
    reopen().write([event(1)], {URGENT: 1, BULK: 7})
    reopen().write([], {URGENT: 2**62})
    other = LaneKey("c002", "gw-1", "b2", Lane.URGENT)
    reopen().write([], {other: 0})
    assert reopen().positions() == {URGENT: 2**62, BULK: 7, other: 0}


def test_latest_is_the_newest_of_each_series(store: ReadingStore) -> None:
    """The newest by its own time, not the last to arrive; with unit and receive time; one for each series."""
    store.write([packet(1, Reading("t-1", "temperature", T0 + MINUTE, 21.5, "Cel"))], {})
    store.write([packet(2, Reading("t-1", "temperature", T0, 3.0, "Cel"), Reading("t-2", "open", T0, 1.0))], {})
    found = {(v.device, v.quantity): v for v in store.latest("c001")}
    assert found.keys() == {("t-1", "temperature"), ("t-2", "open")}
    newest = found["t-1", "temperature"]
    assert (newest.time, newest.value, newest.unit) == (T0 + MINUTE, 21.5, "Cel")
    assert newest.received_at == T0 + SECOND
    assert found["t-2", "open"].unit is None


def test_tallies_come_back_as_last_written(store: ReadingStore) -> None:
    """For each outbox and day, however long ago the day was; a total replaces the one before."""
    today, long_ago = TallyKey("c001", "gw-1", "b1", T0 // DAY), TallyKey("c001", "gw-1", "b1", 3)
    other = TallyKey("c001", "gw-1", "b2", T0 // DAY)
    assert store.tallies() == {}
    store.write([event(1)], {URGENT: 1}, {today: Tally(1, 0), long_ago: Tally(0, 2)})
    store.write([event(2)], {URGENT: 2}, {today: Tally(2, 5), other: Tally(7, 0)})
    assert store.tallies() == {today: Tally(2, 5), long_ago: Tally(0, 2), other: Tally(7, 0)}


def test_every_unit_reads_back(store: ReadingStore) -> None:
    """The usual one of its quantity, another, and none at all."""
    units = {"d-1": "Cel", "d-2": "K", "d-3": None}
    store.write([packet(1, *[Reading(d, "temperature", T0, 20.0, unit) for d, unit in units.items()])], {})
    assert {v.device: v.unit for v in store.latest("c001")} == units


def test_a_reading_written_again_with_another_value_is_replaced(store: ReadingStore) -> None:
    """Series and time are the key: the later write wins."""
    for value in (1.0, 2.0):
        store.write([packet(1, Reading("t-1", "temperature", T0, value))], {})
    (bucket,) = store.readings("c001", "t-1", "temperature", T0, T0 + SECOND, 10)
    assert (bucket.count, bucket.last) == (1, 2.0)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-300, 1.7e308, -273.15, 0.1 + 0.2, 1e22, 123456789.0, 5e-324])
def test_a_value_keeps_every_bit(store: ReadingStore, value: float) -> None:
    """A number comes back exactly as it went in."""
    store.write([packet(1, Reading("t-1", "temperature", T0, value))], {})
    (latest,) = store.latest("c001")
    assert latest.value == value


def test_buckets_begin_at_start_and_are_equal(store: ReadingStore) -> None:
    """[start, end) in buckets of one width, counted from start; empty ones are left out; end is not in it."""
    times = (0, 9, 10, 24, 25, 59, 60)
    readings = [Reading("t-1", "temperature", T0 + t * SECOND, float(t)) for t in times]
    store.write([packet(1, *readings)], {})
    start = T0 + 3  # not a multiple of anything
    found = store.readings("c001", "t-1", "temperature", start, T0 + 60 * SECOND, 6)
    width = -(-(60 * SECOND - 3) // 6)
    assert found == [
        Bucket(start, 2, 9.0, 9.5, 10.0, 10.0),
        Bucket(start + 2 * width, 2, 24.0, 24.5, 25.0, 25.0),
        Bucket(start + 5 * width, 1, 59.0, 59.0, 59.0, 59.0),
    ]


@pytest.mark.parametrize("points", [1, 2, 3, 7, 100, 5000])
@pytest.mark.parametrize("shift", [0, 1, 999_999])
def test_buckets_are_as_the_fake_has_them(store: ReadingStore, points: int, shift: int) -> None:
    """Any range and number of points gives the same buckets in every store."""
    readings = [Reading("t-1", "temperature", T0 + (n * n * 777_777) % HOUR, float(n % 17)) for n in range(300)]
    fake = MemoryStore()
    for each in (store, fake):
        each.write([packet(1, *readings)], {})
    start, end = T0 + shift, T0 + 40 * MINUTE + 13
    found = store.readings("c001", "t-1", "temperature", start, end, points)
    wanted = fake.readings("c001", "t-1", "temperature", start, end, points)
    assert [(b.start, b.count, b.minimum, b.maximum, b.last) for b in found] == [
        (b.start, b.count, b.minimum, b.maximum, b.last) for b in wanted
    ]
    assert [b.mean for b in found] == pytest.approx([b.mean for b in wanted])
    assert len(found) <= points


def test_events_are_filtered_and_newest_first(store: ReadingStore) -> None:
    """By time, by types, by device, cut at the limit."""
    store.write(
        [
            event(
                n, time=T0 + n * SECOND, subject=f"door-{n % 2}", type=("access.granted", "access.denied")[n % 3 == 0]
            )
            for n in range(1, 10)
        ],
        {},
    )

    def found(start: int = 0, end: int = 10, **filters: Any) -> list[int]:
        return [e.sequence for e in store.events("c001", T0 + start * SECOND, T0 + end * SECOND, **filters)]

    assert found() == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert found(3, 7) == [6, 5, 4, 3]
    assert found(limit=2) == [9, 8]
    assert found(types=["access.denied"]) == [9, 6, 3]
    assert found(types=["access.denied", "access.granted"], limit=3) == [9, 8, 7]
    assert found(types=["fire.alarm.raised"]) == []
    assert found(device="door-1") == [9, 7, 5, 3, 1]
    assert found(device="door-1", types=["access.denied"]) == [9, 3]


@pytest.mark.parametrize("text", ["' OR 'a'='a", "c002' --", "x\\", '"', "c001\n", "%", "*"])
def test_what_people_type_is_only_a_value(store: ReadingStore, text: str) -> None:
    """No name, however quoted, finds what is not its own."""
    store.write([event(1), packet(1, Reading("t-1", "temperature", T0, 1.0))], {})
    assert store.events(text, 0, T0 + HOUR) == []
    assert store.events("c001", 0, T0 + HOUR, device=text) == []
    assert store.events("c001", 0, T0 + HOUR, types=[text]) == []
    assert store.latest(text) == []
    assert store.readings("c001", text, "temperature", T0, T0 + HOUR, 10) == []
    assert store.readings("c001", "t-1", text, T0, T0 + HOUR, 10) == []


def test_communities_do_not_see_each_other(store: ReadingStore) -> None:
    """The same device name in two communities is two devices."""
    for number, community in enumerate(("c001", "c002")):
        reading = Reading("t-1", "temperature", T0, float(number))
        store.write([event(1, community=community, data={"n": number}), packet(1, reading, community=community)], {})
    for number, community in enumerate(("c001", "c002")):
        assert [v.value for v in store.latest(community)] == [number]
        assert [e.data for e in store.events(community, 0, T0 + HOUR)] == [{"n": number}]
        (bucket,) = store.readings(community, "t-1", "temperature", T0, T0 + HOUR, 1)
        assert bucket.last == number
    assert store.latest("c003") == []


def test_closing_twice_is_allowed(store: ReadingStore) -> None:
    """As the port says."""
    store.write([event(1)], {})
    store.close()
    store.close()


def _unreachable(tmp_path: Path, kind: str) -> ReadingStore:
    if kind == "sqlite":
        return SqliteStore(tmp_path / "not there" / "readings.db")
    return InfluxStore(InfluxConfig(f"http://127.0.0.1:{free_port()}", "x", timeout_s=2), ManualClock())


@pytest.mark.parametrize("kind", ["sqlite", "influx1"])
def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path, kind: str) -> None:
    """Every method says StoreUnavailable, in both languages, and none hangs."""
    store = _unreachable(tmp_path, kind)
    calls: list[Callable[[], object]] = [
        store.check,
        lambda: store.write([event(1)], {}),
        store.positions,
        lambda: store.latest("c001"),
        lambda: store.readings("c001", "d", "q", 0, 1, 1),
        lambda: store.events("c001", 0, 1),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert caught.value.text.zh
        assert caught.value.text.en
    store.close()
