"""The newest value of each series, wherever in the store it lies: the same for the fake, SQLite and a real InfluxDB 1.x."""

import random
import sqlite3
from pathlib import Path

import pytest

from linli.adapters import sqlite_queries
from linli.adapters.readings_schema import SPAN
from linli.adapters.sqlite_store import SqliteStore
from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.model import Reading
from linli.ports import KeptStore, RowClass
from tests.contract.test_store import T0, packet

H0 = T0 - T0 % HOUR


def newest(store: KeptStore, community: str = "c001") -> dict[str, tuple[int, float]]:
    """Time and value by device."""
    return {value.device: (value.time, value.value) for value in store.latest(community)}


def roll_all(store: KeptStore, before: int) -> None:
    """Sum up every hour that was over by then."""
    while due := store.due(before, None, 1000):
        store.roll(due)


def test_who_is_silent_for_long_is_found_beside_who_reports(store: KeptStore) -> None:
    """A minute, some hours, a day ago, and on the edges of an hour and of ten minutes: summed up or not."""
    now = H0 + 3 * HOUR + 25 * MINUTE
    silent = {
        "now": now,
        "edge": now - now % SPAN,
        "before-edge": now - now % SPAN - 1,
        "hour": H0 + 3 * HOUR,
        "before-hour": H0 + 3 * HOUR - 1,
        "hours": H0 + 17 * MINUTE,
        "day": H0 - DAY,
        "long-ago": H0 - 2 * DAY + 59 * MINUTE,
    }
    readings = [Reading(name, "temperature", time, 2.0) for name, time in silent.items()]
    older = [Reading(name, "temperature", time - 3 * MINUTE, 1.0) for name, time in silent.items()]
    store.write([packet(1, *readings, *older)], {})
    # others go on, so that many stretches lie behind the last of those who are silent
    store.write([packet(2, *[Reading("busy", "open", now - n * 10 * MINUTE, 1.0) for n in range(20)])], {})
    expected = {name: (time, 2.0) for name, time in silent.items()} | {"busy": (now, 1.0)}
    assert newest(store) == expected
    roll_all(store, H0 + 3 * HOUR)
    assert newest(store) == expected


def test_a_late_value_is_not_the_newest_and_a_corrected_one_is(store: KeptStore) -> None:
    """Late: into a stretch of its own between two that have rows, and before all. Corrected: the same time once more."""
    store.write([packet(1, Reading("t-1", "temperature", H0, 1.0), Reading("t-1", "temperature", H0 + HOUR, 2.0))], {})
    late = [Reading("t-1", "temperature", H0 + at, 9.0) for at in (30 * MINUTE, -DAY, HOUR - SECOND)]
    store.write([packet(2, *late)], {})
    assert newest(store) == {"t-1": (H0 + HOUR, 2.0)}
    store.write([packet(3, Reading("t-1", "temperature", H0 + HOUR, 3.0), received_at=H0 + 2 * HOUR)], {})
    (value,) = store.latest("c001")
    assert (value.time, value.value, value.received_at) == (H0 + HOUR, 3.0, H0 + 2 * HOUR)


@pytest.mark.parametrize("seed", range(5))
def test_newest_values_are_what_was_written_whatever_the_order(store: KeptStore, seed: int) -> None:
    """Two communities, series of any rhythm, in any order, summed up now and then: as one keeps them in a dict."""
    rng = random.Random(seed)
    expected: dict[str, dict[str, tuple[int, float]]] = {"c001": {}, "c002": {}}
    devices = {f"t-{n}": rng.choice([MINUTE, 20 * MINUTE, 2 * HOUR, DAY]) for n in range(12)}
    for number in range(30):
        community = rng.choice(["c001", "c002"])
        readings = []
        for device in rng.sample(sorted(devices), 5):
            time, value = H0 + rng.randrange(40) * devices[device] + rng.randrange(SECOND), float(number)
            readings.append(Reading(device, "temperature", time, value))
            expected[community][device] = max(expected[community].get(device, (0, 0.0)), (time, value))
        store.write([packet(number, *readings, community=community)], {})
        if number % 10 == 9:
            roll_all(store, H0 + rng.randrange(48) * HOUR)
            assert {name: newest(store, name) for name in expected} == expected


def test_newest_values_outlive_those_around_them(tmp_path: Path) -> None:
    """Retention takes the oldest raw rows of everybody: who was silent since then has no newest value any more, others keep theirs."""
    store = SqliteStore(tmp_path / "readings.db")
    store.write([packet(1, Reading("gone", "open", H0, 1.0), Reading("kept", "open", H0 + 5 * HOUR, 1.0))], {})
    store.write([packet(2, *[Reading("busy", "open", H0 + n * HOUR // 6, 1.0) for n in range(90)])], {})
    roll_all(store, H0 + 20 * HOUR)
    while store.thin({RowClass.RAW: H0 + 5 * HOUR}):
        pass
    assert newest(store) == {"kept": (H0 + 5 * HOUR, 1.0), "busy": (H0 + 89 * HOUR // 6, 1.0)}
    while store.thin({RowClass.RAW: H0 + 30 * HOUR}):
        pass
    assert newest(store) == {}
    store.close()


def test_latest_looks_only_at_the_end_of_each_series(tmp_path: Path) -> None:
    """Its cost does not grow with the readings: no step of the plans goes through a table of the file."""
    store = SqliteStore(tmp_path / "readings.db")
    store.write([packet(1, Reading("t-1", "temperature", T0, 1.0))], {})
    with store._reading() as connection:
        spans = list(connection.execute(sqlite_queries.RECENT_SPANS))
        plan = _plan(connection, sqlite_queries.RECENT_SPANS)
        plan += _plan(connection, sqlite_queries.LATEST, "c001", *[T0 // SPAN] * 6)
    assert spans == [(T0 // SPAN,), (None,)]
    of_its_own = {"SCAN recent", "SCAN near", "SCAN h", "SCAN n"}
    assert {step for step in plan if step.startswith("SCAN")} <= of_its_own, plan
    store.close()


def test_who_reported_lately_is_found_without_the_marks_of_hours(tmp_path: Path) -> None:
    """The quick way is taken for what the last stretches have: without it a district's values took a second and more."""
    file = tmp_path / "readings.db"
    store = SqliteStore(file)
    readings = [Reading(f"t-{n}", "temperature", T0 - n * 10 * MINUTE, 1.0) for n in range(8)]
    store.write([packet(1, *readings)], {})
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM rollups_due")
    connection.close()
    assert newest(store).keys() == {f"t-{n}" for n in range(6)}
    store.close()


def _plan(connection: sqlite3.Connection, query: str, *parameters: object) -> list[str]:
    return [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + query, parameters)]
