"""What is kept how long: SQLite deletes, InfluxDB's buckets do; and sums survive the rows they were made from."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from linli.adapters.influx_buckets import duration_s
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.rollups_sqlite import SLICE_ROWS
from linli.adapters.sqlite_store import SqliteStore
from linli.clock import DAY, HOUR, MINUTE, SECOND, SystemClock
from linli.errors import StoreRefused, StoreUnavailable
from linli.model import Lane, LaneKey, Reading, Received
from linli.ports import KeptStore, Resolution, RowClass
from linli.retention import Retention
from linli.testing import ManualClock
from tests.contract import influxd
from tests.contract.answering import Answer, Asked, serving
from tests.contract.test_store import BULK, T0, event, packet
from tests.contract.test_store_influx import NOTHING
from tests.contract.test_store_rollups import H0, roll_all, series, shown


@pytest.fixture(params=["memory", "sqlite"])
def thinning(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeptStore]:
    """The stores that delete by themselves."""
    from linli.testing import MemoryStore

    store: KeptStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "readings.db")
    yield store
    store.close()


def thin_all(store: KeptStore, horizons: dict[RowClass, int]) -> int:
    gone = 0
    while some := store.thin(horizons):
        gone += some
    return gone


def count(store: KeptStore) -> int:
    return len(store.raw("c001", "t-1", "temperature", 0, 2**60, 10**6))


def test_each_class_goes_by_its_own_horizon(thinning: KeptStore) -> None:
    """Raw rows, sums of both widths, and events; what is younger stays."""
    store = thinning
    store.write([packet(1, *series(*[(H0 + n * HOUR, float(n)) for n in range(10)]))], {})
    store.write([event(n, time=H0 + n * HOUR) for n in range(10)], {})
    roll_all(store)
    horizons = {
        RowClass.RAW: H0 + 8 * HOUR,
        RowClass.MINUTE: H0 + 6 * HOUR,
        RowClass.HOUR: H0 + 4 * HOUR,
        RowClass.EVENTS: H0 + 2 * HOUR,
    }
    assert thin_all(store, horizons) == 8 + 6 + 4 + 2
    assert count(store) == 2
    assert len(shown(store, H0, H0 + 10 * HOUR, Resolution.MINUTE)) == 4
    assert len(shown(store, H0, H0 + 10 * HOUR, Resolution.HOUR)) == 6
    assert len(store.events("c001", 0, 2**60)) == 8
    assert thin_all(store, horizons) == 0


def test_raw_rows_wait_until_they_are_summed_up(thinning: KeptStore) -> None:
    """A horizon with a due hour before it does not hold; events do not wait for that."""
    store = thinning
    store.write([packet(1, *series((H0, 1.0), (H0 + 1, 2.0))), event(1, time=H0)], {})
    horizons = {RowClass.RAW: H0 + DAY, RowClass.EVENTS: H0 + DAY}
    assert thin_all(store, horizons) == 1
    assert count(store) == 2
    roll_all(store)
    assert thin_all(store, horizons) == 2
    assert count(store) == 0
    assert [b.count for b in shown(store, H0, H0 + HOUR, Resolution.HOUR)] == [2]


def test_what_comes_behind_the_horizon_spoils_no_sum(thinning: KeptStore) -> None:
    """One late reading of an hour whose rows are gone: the hour's sum stays that of all the rows it was made from."""
    store = thinning
    store.write([packet(1, *series((H0, 1.0), (H0 + 1, 3.0)))], {})
    roll_all(store)
    thin_all(store, {RowClass.RAW: H0 + DAY})
    store.write([packet(2, *series((H0 + 2, 99.0)))], {})
    before = shown(store, H0, H0 + HOUR, Resolution.HOUR)
    assert [(b.count, b.mean) for b in before] == [(2, 2.0)]
    assert roll_all(store) == 1
    assert shown(store, H0, H0 + HOUR, Resolution.HOUR) == before
    assert store.due(2**60, None, 9) == []
    assert thin_all(store, {RowClass.RAW: H0 + DAY + HOUR}) == 1


# --- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


def test_slices_are_bounded_and_pages_are_used_again(file: Path) -> None:
    """No transaction deletes more than a slice, and a file whose old rows go does not grow."""
    store = SqliteStore(file)
    sizes = []
    for day in range(4):
        start = H0 + day * DAY
        rows = [Reading(f"t-{n % 5}", "temperature", start + n * SECOND, float(n)) for n in range(SLICE_ROWS * 5 + 5)]
        store.write([packet(day + 1, *rows)], {})
        roll_all(store)
        if day:
            horizons = {RowClass.RAW: start, RowClass.MINUTE: start}
            gone = []
            while some := store.thin(horizons):
                gone.append(some)
            assert max(gone) <= SLICE_ROWS
            assert sum(gone) > SLICE_ROWS * 5
        with sqlite3.connect(file) as connection:
            sizes.append(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.close()
    assert sizes[3] <= sizes[1] * 1.1
    store.close()


_ROLLING = """
import sys
from pathlib import Path
from linli.adapters.sqlite_store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
after = None
while due := store.due(2**60, after, 2):
    store.roll(due)
    after = due[-1]
store.thin({"raw": int(sys.argv[2])} if len(sys.argv) > 2 else {})
"""


@pytest.mark.parametrize("point", ["rollups.read", "rollups.read:3", "rollups.written", "rollups.written:3"])
def test_killed_while_summing_up_the_sums_are_right_after_the_next_pass(file: Path, point: str) -> None:
    """A kill -9 between reading and writing, and after writing: at every moment questions get what the rows say."""
    store = SqliteStore(file)
    points = [(H0 + n * 7 * MINUTE, float(n % 11)) for n in range(60)]
    store.write([packet(1, *series(*points))], {})
    wanted = shown(store, H0, H0 + 8 * HOUR, Resolution.MINUTE)
    hours = len(store.due(2**60, None, 100))
    environment = os.environ | {"LINLI_FAILPOINT": point}
    done = subprocess.run([sys.executable, "-c", _ROLLING, str(file)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert shown(store, H0, H0 + 8 * HOUR, Resolution.MINUTE) == wanted
    assert 0 < len(store.due(2**60, None, 100)) <= hours
    roll_all(store)
    thin_all(store, {RowClass.RAW: H0 + DAY})
    assert count(store) == 0
    assert shown(store, H0, H0 + 8 * HOUR, Resolution.MINUTE) == wanted
    store.close()


def test_killed_between_horizon_and_deleting_nothing_is_summed_up_from_what_is_left(file: Path) -> None:
    """The horizon is durable first: late data then cannot replace a sum, whether the rows are gone yet or not."""
    store = SqliteStore(file)
    store.write([packet(1, *series((H0, 1.0), (H0 + 1, 3.0)))], {})
    environment = os.environ | {"LINLI_FAILPOINT": "retention.advanced"}
    code = _ROLLING.replace('{"raw"', "{RowClass.RAW").replace(
        "import sys", "import sys; from linli.ports import RowClass"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file), str(H0 + DAY)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert count(store) == 2
    store.write([packet(2, *series((H0 + 2, 99.0)))], {})
    roll_all(store)
    assert [b.count for b in shown(store, H0, H0 + HOUR, Resolution.HOUR)] == [2]
    store.close()


def test_readings_from_before_rollups_are_due(file: Path) -> None:
    """The revision that brings rollups marks what is there already."""
    from linli.adapters import readings_schema

    readings_schema.migrate(file, "0002")
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO series VALUES (1, 'c001', 't-1', 'temperature')")
        rows = [(1, H0 + n * 10 * MINUTE, float(n), None, T0) for n in range(9)]
        connection.executemany("INSERT INTO readings VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()
    store = SqliteStore(file)
    assert [due.hour for due in store.due(2**60, None, 9)] == [H0, H0 + HOUR]
    assert roll_all(store) == 2
    assert [b.count for b in shown(store, H0, H0 + 2 * HOUR, Resolution.HOUR)] == [6, 3]
    store.close()


# --- InfluxDB ---------------------------------------------------------------------------------------------------------

KEPT = Retention(raw=30, minute=400, events=365)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with influxd.running(tmp_path_factory.mktemp("influxd")) as running:
        yield running


def ask(url: str, query: str) -> str:
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url + "/query", fields={"q": query}).data.decode()


@pytest.mark.integration
def test_databases_are_made_with_their_retention(url: str) -> None:
    """On 1.x; and checking says nothing but who answers."""
    store = InfluxStore(InfluxConfig(url, "kept", retention=KEPT), SystemClock())
    assert store.inspect().endswith(", kept")
    for name, duration in (("kept", "720h"), ("kept_1m", "9600h"), ("kept_1h", '"0s"'), ("kept_events", "8760h")):
        assert duration in ask(url, f'SHOW RETENTION POLICIES ON "{name}"')
    store.close()


@pytest.mark.integration
def test_a_database_that_keeps_too_little_is_told_and_one_that_keeps_more_remarked(url: str) -> None:
    """What was there before is not changed, for others' data may lie in it: the command that would is told."""
    ask(url, "CREATE DATABASE mine WITH DURATION 7d")
    store = InfluxStore(InfluxConfig(url, "mine", retention=KEPT), SystemClock())
    with pytest.raises(StoreRefused) as caught:
        store.inspect()
    said = caught.value.text
    assert "7 days" in said.en
    assert "7 天" in said.zh
    for text in (said.zh, said.en):
        assert 'ALTER RETENTION POLICY "autogen" ON "mine" DURATION 30d' in text
        assert "retention_raw_days" in text
    assert '"168h0m0s"' in ask(url, "SHOW RETENTION POLICIES ON mine")
    ask(url, "ALTER RETENTION POLICY autogen ON mine DURATION INF")
    assert 'ALTER RETENTION POLICY "autogen" ON "mine" DURATION 30d' in store.inspect()
    ask(url, 'ALTER RETENTION POLICY "autogen" ON "mine" DURATION 30d')
    assert store.inspect().endswith(", mine")
    store.close()


@pytest.mark.integration
@pytest.mark.parametrize("first", [[packet(2, *series((T0, 2.0)))], [packet(2, *series((T0 + HOUR, 2.0)))], []])
def test_a_database_that_was_dropped_is_made_again(url: str, first: list[Received]) -> None:
    """The write that finds it missing waits, be it of rows, of the mark of a new hour or of a position alone; the next
    one is taken, and the hour is marked anew."""
    store = InfluxStore(InfluxConfig(url, "dropped"), ManualClock(T0))
    store.write([packet(1, *series((T0, 1.0)))], {})
    ask(url, "DROP DATABASE dropped")
    with pytest.raises(StoreUnavailable, match="dropped"):
        store.write(first, {BULK: 2})
    store.write(first, {BULK: 2})
    assert store.positions() == {BULK: 2}
    assert len(store.due(T0 + 9 * HOUR, None, 9)) == len(first)
    store.close()


def test_what_is_older_than_its_hours_are_kept_is_still_the_latest(thinning: KeptStore) -> None:
    """Raw rows that are kept longer than the sums of their hours are found: a device may have been silent since."""
    store = thinning
    store.write([packet(1, *series((H0, 1.0), (H0 + HOUR, 2.0)))], {})
    roll_all(store)
    thin_all(store, {RowClass.HOUR: H0 + 9 * HOUR})
    assert [value.value for value in store.latest("c001")] == [2.0]
    assert thin_all(store, {RowClass.RAW: H0 + HOUR, RowClass.HOUR: H0 + 9 * HOUR}) >= 1
    assert [value.value for value in store.latest("c001")] == [2.0]


@pytest.mark.integration
def test_positions_of_quiet_lanes_outlive_retention(url: str) -> None:
    """A point is kept 30 days; a lane quiet for a year keeps its position, which is written again every day or so. A lane
    that moves meanwhile keeps the later one."""
    clock = ManualClock(T0)
    store = InfluxStore(InfluxConfig(url, "quiet"), clock)
    quiet, busy = BULK, LaneKey("c001", "gw-1", "b1", Lane.URGENT)
    store.write([], {quiet: 7, busy: 1})
    for day in range(1, 4):
        clock.advance(26 * 3600)
        store.write([], {busy: 1 + day})
        store.refresh(clock.now())
        store.refresh(clock.now())
        ask(url, f"DELETE FROM quiet..linli_positions WHERE time < {(clock.now() - 25 * HOUR) * 1000}")
        with urllib3.PoolManager() as pool:
            query = f'DELETE FROM "linli_positions" WHERE time < {(clock.now() - 25 * HOUR) * 1000}'
            assert pool.request("POST", url + "/query?db=quiet", fields={"q": query}).status == 200
        assert store.positions() == {quiet: 7, busy: 1 + day}
    store.write([], {quiet: 8})
    store.refresh(clock.now() + 2 * DAY)
    store.write([], {quiet: 9})
    assert store.positions()[quiet] == 9
    store.close()


@pytest.mark.integration
def test_an_hour_that_retention_may_have_thinned_is_not_summed_up_again(url: str) -> None:
    """InfluxDB 3 hides rows one by one as they grow too old: the sum that is there stays, and the mark goes."""
    ask(url, "CREATE DATABASE thinned")
    clock = ManualClock(H0 + HOUR)
    store = InfluxStore(InfluxConfig(url, "thinned", retention=Retention(raw=2)), clock)
    store.write([packet(1, *series((H0, 1.0), (H0 + 1, 3.0)))], {})
    roll_all(store, H0 + HOUR)
    store.write([packet(2, *series((H0 + 2, 5.0)))], {})
    clock.advance(2 * 24 * 3600)
    assert roll_all(store, H0 + DAY) == 1
    assert store.due(H0 + DAY, None, 9) == []
    assert [(b.count, b.mean) for b in shown(store, H0, H0 + HOUR, Resolution.HOUR)] == [(2, 2.0)]
    store.close()


def generation(version: str, buckets: dict[str, int | None]) -> Iterator[tuple[str, list[Asked]]]:
    """A server with these buckets and seconds of retention, as its documentation has it; None: no rule at all."""

    def answer(asked: Asked) -> Answer:
        name = asked.query.get("bucket") or asked.query.get("name") or asked.query.get("db", "")
        if asked.path == "/ping":
            return Answer(204, headers={"X-Influxdb-Version": version})
        if asked.path == "/api/v2/buckets":
            kept = buckets[name]
            rules = (
                [] if kept is None else [{"type": "expire", "everySeconds": kept, "shardGroupDurationSeconds": 86400}]
            )
            return Answer(200, {"buckets": [{"id": "1", "name": name, "retentionRules": rules}]})
        if name not in buckets:
            return Answer(404, {"code": "not found", "message": f'bucket "{name}" not found'})
        return Answer(204) if asked.method == "POST" else NOTHING

    with serving(answer) as server:
        yield server.url, server.asked


ALL = {"linli": 30 * 86400, "linli_events": 365 * 86400, "linli_1m": 400 * 86400, "linli_1h": None}


@pytest.mark.parametrize(
    ("buckets", "words"),
    [
        (
            {k: v for k, v in ALL.items() if k != "linli_1m"},
            "influx bucket create --org o --name linli_1m --retention 9600h",
        ),
        (ALL | {"linli_events": 3600}, "retention_events_days"),
        (ALL | {"linli_1h": 86400}, "for ever of retention_hour_days"),
    ],
)
def test_2x_buckets_are_checked(buckets: dict[str, int | None], words: str) -> None:
    """Missing or keeping too little: StoreRefused with the command to run."""
    for url, _ in generation("v2.7.6", buckets):
        store = InfluxStore(InfluxConfig(url, "linli", token="t", org="o", retention=KEPT), ManualClock(T0))
        with pytest.raises(StoreRefused) as caught:
            store.inspect()
        assert words in caught.value.text.en
        store.close()


def test_2x_buckets_that_fit_are_taken_and_each_was_written_to() -> None:
    """The right to write is seen by writing, not by asking for it."""
    for url, asked in generation("v2.7.6", ALL):
        store = InfluxStore(InfluxConfig(url, "linli", token="t", org="o", retention=KEPT), ManualClock(T0))
        assert store.inspect().endswith(", linli")
        assert [a.query["bucket"] for a in asked if a.path == "/api/v2/write"] == [
            "linli",
            "linli_events",
            "linli_1m",
            "linli_1h",
        ]
        store.close()


def test_3_says_nothing_of_retention_and_that_is_remarked() -> None:
    """Four databases, made at the first write; what to look at is named."""
    for url, _ in generation("3.2.1", ALL):
        store = InfluxStore(InfluxConfig(url, "linli", token="t", retention=KEPT), ManualClock(T0))
        said = store.inspect()
        assert "retention_raw_days" in said
        assert "retention_events_days" in said
        store.close()


def test_durations_as_1x_writes_them() -> None:
    """Hours, minutes and seconds; 0s is for ever."""
    assert [duration_s(text) for text in ("0s", "168h0m0s", "1h30m5s")] == [0, 168 * 3600, 5405]
