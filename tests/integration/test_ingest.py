"""`python -m ingest` between a real broker, SQLite and the database."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.adapters.sqlite_store import SqliteStore
from linli.clock import HOUR, SystemClock
from linli.db import registry
from linli.db.database import Database
from linli.db.deadletters import SqlDeadLetters
from linli.db.gateways import SqlGatewayStatuses
from linli.db.workers import reports
from linli.model import READINGS_TYPE, Device, Lane, Message, Reading
from tests.contract.brokers import BrokerProcess, mosquitto
from tests.integration.ingest_world import NAME, Agent, environment, ingesting, prepare
from tests.support import eventually
from tests.unit.ingest.world import event, packet

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


@pytest.fixture
def store(folder: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(folder / "readings.db")
    yield opened
    opened.close()


def now_event(**facts: object) -> Message:
    now = SystemClock().now()
    return event(1, **({"time": now, "agent_time": now} | facts))


def now_packet(*readings: Reading) -> Message:
    now = SystemClock().now()
    return packet(1, *readings, time=now, agent_time=now)


def sequences(store: SqliteStore, lane: str = "urgent") -> list[int]:
    found = store.events("c001", 0, SystemClock().now() + HOUR, limit=100_000)
    return sorted(e.sequence for e in found if e.lane == lane)


def test_from_the_wire_to_the_rows_and_back(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """Events and readings become rows and are acknowledged; bad ones become letters; status and health are kept."""
    with ingesting(environment(folder, broker.port), tmp_path / "log") as process, Agent(broker.port) as agent:
        now = SystemClock().now()
        agent.take(now_event(data={"credential": "卡 7"}))
        agent.take(now_event(subject="door-x"))
        agent.take(now_event(time=now - 10 * 366 * 24 * HOUR))
        agent.take(now_packet(Reading("t-1", "temperature", now, 20.5, "Cel"), Reading("t-x", "temperature", now, 1.0)))
        eventually(agent.done)
        agent.client.publish("linli/v1/c001/gateway/gw-1/urgent", b'{"value": NaN}', qos=1)
        assert sequences(store) == [1]
        assert store.events("c001", 0, now + HOUR)[0].data == {"credential": "卡 7"}
        assert [v.value for v in store.latest("c001")] == [20.5]
        letters = SqlDeadLetters(database)
        eventually(lambda: letters.count_by_reason().get("not_finite"))
        assert letters.count_by_reason() == {"unregistered_device": 2, "time_out_of_range": 1, "not_finite": 1}
        (status,) = SqlGatewayStatuses(database).all()
        assert (status.gateway, status.community, status.online, status.bootid) == ("gw-1", "c001", True, "b1")
        (worker,) = reports(database)
        assert worker.name == "ingest"
        eventually(lambda: reports(database)[0].counters["dead_letters"] == 4)
        assert reports(database)[0].counters["readings"] == 1
        assert reports(database)[0].state == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert reports(database)[0].state == "stopped"


def test_killed_at_any_point_it_stores_all_and_nothing_twice(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """Killed with -9 three times while 3,000 events and 300 packets come: every sequence is one row."""
    environ = environment(folder, broker.port)
    start = SystemClock().now()
    with Agent(broker.port) as agent:
        for n in range(3000):
            agent.take(now_event(time=start + n))
            if n % 10 == 0:
                agent.take(now_packet(Reading("t-1", "temperature", start + n, float(n))))
        for part in (400, 1200, 2200):
            with ingesting(environ, tmp_path / "log"):
                eventually(lambda part=part: agent.upto[Lane.URGENT] > part, timeout=30)  # type: ignore[misc]
        with ingesting(environ, tmp_path / "log"):
            eventually(agent.done, timeout=30)
    assert sequences(store) == list(range(1, 3001))
    (bucket,) = store.readings("c001", "t-1", "temperature", start, start + HOUR, 1)
    assert bucket.count == 300


def test_it_comes_back_when_the_broker_does(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """A broker killed and started again, and one that is not there at the start."""
    broker.kill()
    with ingesting(environment(folder, broker.port), tmp_path / "log"):
        eventually(lambda: reports(database) and "broker" in reports(database)[0].detail.en)
        assert reports(database)[0].state == "degraded"
        broker.start()
        with Agent(broker.port) as agent:
            agent.take(now_event())
            eventually(agent.done)
            broker.kill()
            broker.start()
            agent.take(now_event())
            eventually(agent.done, timeout=20)
    assert sequences(store) == [1, 2]


def test_a_device_registered_while_it_runs_is_known_at_once(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """Without a restart, and without a letter for its first message."""
    with ingesting(environment(folder, broker.port), tmp_path / "log"), Agent(broker.port) as agent:
        agent.take(now_event())
        eventually(agent.done)
        with database.write() as connection:
            registry.save(connection, [Device("door-9", "c001", "gw-1", "door", NAME, "p")])
        agent.take(now_event(subject="door-9"))
        eventually(agent.done)
    assert sequences(store) == [1, 2]
    assert SqlDeadLetters(database).count_by_reason() == {}


def test_a_wrong_setting_is_told_and_ends_it(folder: Path, database: Database, tmp_path: Path) -> None:
    """Exit status 2 and one line, not a traceback."""
    environ = environment(folder, 1) | {"LINLI_QOS": "7"}
    with ingesting(environ, tmp_path / "log") as process:
        assert process.wait(timeout=30) == 2
    said = (tmp_path / "log").read_text()
    assert "qos" in said
    assert "Traceback" not in said


def test_two_processes_do_no_harm(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """One that was thought dead and is not: still each message is one row."""
    environ = environment(folder, broker.port)
    with ingesting(environ, tmp_path / "log"), ingesting(environ, tmp_path / "log2"), Agent(broker.port) as agent:
        for _ in range(200):
            agent.take(now_event())
        eventually(agent.done, timeout=30)
    assert sequences(store) == list(range(1, 201))


def test_packets_of_a_thousand_readings(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """As many as the wire format takes in one message."""
    start = SystemClock().now()
    with ingesting(environment(folder, broker.port), tmp_path / "log"), Agent(broker.port) as agent:
        for n in range(5):
            readings = [Reading("t-1", "temperature", start + n * 1000 + i, float(i)) for i in range(1000)]
            agent.take(now_packet(*readings))
        eventually(agent.done)
    (bucket,) = store.readings("c001", "t-1", "temperature", start, start + HOUR, 1)
    assert bucket.count == 5000
    assert READINGS_TYPE not in {e.type for e in store.events("c001", 0, start + HOUR)}


def test_importing_the_program_does_nothing() -> None:
    """`ingest.__main__` runs only as a program."""
    code = "import ingest.__main__, ingest.worker, threading; assert threading.active_count() == 1"
    subprocess.run([sys.executable, "-c", code], check=True)
