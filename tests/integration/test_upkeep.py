"""`python -m ingest` keeps its store in order: hours summed up, killed in between, and a wrong retention told."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.sqlite_store import SqliteStore
from linli.clock import HOUR, MINUTE, SystemClock
from linli.db.database import Database
from linli.db.workers import reports
from linli.model import Reading, Received
from linli.ports import KeptStore, Resolution
from tests.contract import influxd
from tests.contract.brokers import BrokerProcess, mosquitto
from tests.integration.ingest_world import environment, ingesting, prepare
from tests.support import eventually
from tests.unit.ingest.world import packet

pytestmark = pytest.mark.integration


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = mosquitto(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = prepare(folder)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with influxd.running(tmp_path_factory.mktemp("influxd")) as url:
        yield url


def fill(store: KeptStore, hours: int) -> int:
    """A reading every 7 minutes of so many past hours; where they begin."""
    now = SystemClock().now()
    start = now - now % HOUR - hours * HOUR
    readings = [
        Reading("t-1", "temperature", start + n * 7 * MINUTE, float(n % 9)) for n in range(hours * HOUR // (7 * MINUTE))
    ]
    store.write([Received(packet(1, *readings), now)], {})
    return start


def minutes(store: KeptStore, start: int, hours: int) -> list[tuple[int, int, float]]:
    found = store.readings("c001", "t-1", "temperature", start, start + hours * HOUR, 100_000, Resolution.MINUTE)
    return [(bucket.start, bucket.count, bucket.last) for bucket in found]


def test_ingest_sums_up_what_is_due(broker: BrokerProcess, folder: Path, database: Database, tmp_path: Path) -> None:
    """Also what an earlier process has left; and it says so in its counters, and what store answers in its log."""
    store = SqliteStore(folder / "readings.db")
    start = fill(store, 30)
    wanted = minutes(store, start, 29)
    with ingesting(environment(folder, broker.port), tmp_path / "log"):
        eventually(lambda: len(store.due(start + 29 * HOUR, None, 99)) == 0, timeout=30)
        eventually(lambda: reports(database) and reports(database)[0].counters.get("rolled_hours", 0) >= 29)
        assert reports(database)[0].state == "ok"
    assert minutes(store, start, 29) == wanted
    assert "store: SQLite" in (tmp_path / "log").read_text()
    store.close()


_ROLLING = """
import sys
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.clock import SystemClock
store = InfluxStore(InfluxConfig(sys.argv[1], sys.argv[2]), SystemClock())
after = None
while due := store.due(SystemClock().now(), after, 1):
    store.roll(due)
    after = due[-1]
"""


@pytest.mark.parametrize("times", [1, 3])
def test_killed_while_influxdb_sums_up_nothing_is_wrong_at_any_moment(influx: str, times: int) -> None:
    """Sums are there and the hour still due: it is read raw, and summed up again to the same."""
    bucket = f"killed{times}"
    store = InfluxStore(InfluxConfig(influx, bucket), SystemClock())
    start = fill(store, 5)
    wanted = minutes(store, start, 5)
    environ = os.environ | {"LINLI_FAILPOINT": f"rollups.written:{times}"}
    done = subprocess.run([sys.executable, "-c", _ROLLING, influx, bucket], env=environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(store.due(SystemClock().now(), None, 99)) == 6 - times
    assert minutes(store, start, 5) == wanted
    done = subprocess.run([sys.executable, "-c", _ROLLING, influx, bucket], env=os.environ, check=False)
    assert done.returncode == 0
    assert store.due(SystemClock().now(), None, 99) == []
    assert minutes(store, start, 5) == wanted
    store.close()


def test_a_retention_that_is_too_short_is_told_and_ingest_goes_on(
    broker: BrokerProcess, folder: Path, database: Database, influx: str, tmp_path: Path
) -> None:
    """Health says which command to run; once it was run, a new start says that all is well."""
    with urllib3.PoolManager() as pool:

        def ask(query: str) -> None:
            assert pool.request("POST", influx + "/query", fields={"q": query}).status == 200

        ask('CREATE DATABASE "short" WITH DURATION 2d NAME "autogen"')
        environ = environment(folder, broker.port) | {"LINLI_INFLUX_URL": influx, "LINLI_INFLUX_BUCKET": "short"}
        with ingesting(environ, tmp_path / "log"):
            command = 'ALTER RETENTION POLICY "autogen" ON "short" DURATION 30d'
            eventually(lambda: reports(database) and command in reports(database)[0].detail.en, timeout=30)
            assert reports(database)[0].state == "degraded"
            assert command in reports(database)[0].detail.zh
        ask(command)
        began = SystemClock().now()
        with ingesting(environ, tmp_path / "log"):
            eventually(lambda: reports(database)[0].state == "ok" and reports(database)[0].seen_at > began, timeout=30)
