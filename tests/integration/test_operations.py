"""`linli deadletters replay` and `linli reconcile` with a real ingest between a broker and SQLite."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from linli.adapters.sqlite_store import SqliteStore
from linli.cli.app import app
from linli.cli.status import reconciling
from linli.clock import DAY, HOUR, SystemClock
from linli.db import registry
from linli.db.database import Database
from linli.db.deadletters import SqlDeadLetters
from linli.db.heartbeats import SqlHeartbeats
from linli.db.tallies import RulesTally, save_rules_tallies
from linli.model import HEARTBEAT_TYPE, Device, Lane, Message, Reading, TallyKey
from linli.reconcile import day_text
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


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setattr(reconciling, "_PATIENCE_S", 0.0)


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(folder)])


def fresh(message: Message) -> Message:
    """The same, of now."""
    now = SystemClock().now()
    readings = tuple(Reading(each.device, each.quantity, now, each.value, each.unit) for each in message.readings)
    return Message(
        **{
            name: getattr(message, name) for name in Message.__slots__ if name not in ("time", "agent_time", "readings")
        },
        time=now,
        agent_time=now,
        readings=readings,
    )


def heartbeat(taken: int, dropped: int = 0) -> Message:
    """What an agent says that has taken so much today, and holds nothing back."""
    today = day_text(SystemClock().now() // DAY)
    data = {
        "version": "0.2.0",
        "queue_urgent": 0,
        "queue_bulk": 0,
        "positions": {"ingest": {"urgent": 2, "bulk": 2}, "rules": {"urgent": 2, "bulk": 2}},
        "next": {"urgent": 3, "bulk": 3},
        "days": {today: [taken, dropped]},
    }
    return fresh(event(1, type=HEARTBEAT_TYPE, subject="gw-1", lane=Lane.BULK, data=data))


def register(database: Database, device: str) -> None:
    with database.write() as connection:
        registry.save(connection, [Device(device, "c001", "gw-1", "door", NAME, "p")])


def devices(store: SqliteStore) -> list[tuple[str, int]]:
    found = store.events("c001", 0, SystemClock().now() + HOUR, limit=1000)
    return sorted((each.device, each.sequence) for each in found if each.type != HEARTBEAT_TYPE)


def test_a_letter_is_replayed_once_its_cause_is_mended(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """An event and half a packet of a device nobody had registered: refused again before, stored once after, with the
    lanes long past them; positions and the counts of the day stay as they were."""
    with ingesting(environment(folder, broker.port), tmp_path / "log"), Agent(broker.port) as agent:
        agent.take(fresh(event(subject="new-1")))
        agent.take(fresh(event(subject="door-1")))
        agent.take(fresh(packet(1, Reading("t-1", "x", 0, 1.0), Reading("new-1", "x", 0, 2.0))))
        eventually(agent.done)
        result = run(folder, "deadletters", "replay", "--all")
        assert result.exit_code == 1, result.output
        assert "still refused 2:" in result.output
        assert "unregistered_device: device new-1 is not registered" in result.output
        assert "tried, and refused again" in run(folder, "deadletters", "show", "1").output
        assert devices(store) == [("door-1", 2)]

        register(database, "new-1")
        positions, tallies = store.positions(), store.tallies()
        result = run(folder, "deadletters", "replay", "--reason", "unregistered_device")
        assert result.exit_code == 0, result.output
        assert "replayed 2" in result.output
        assert devices(store) == [("door-1", 2), ("new-1", 1)]
        assert {each.device for each in store.latest("c001")} == {"t-1", "new-1"}
        assert (store.positions(), store.tallies()) == (positions, tallies)
        assert SqlDeadLetters(database).newest() == []
        assert "there are no such dead letters" in run(folder, "deadletters", "replay", "--all").output


def test_all_that_was_taken_is_accounted_for(
    broker: BrokerProcess, folder: Path, database: Database, store: SqliteStore, tmp_path: Path
) -> None:
    """What the agent says, what ingest has and what rules counted add up; one less, and it is named and the exit status
    tells."""
    today = SystemClock().now() // DAY
    key = TallyKey("c001", "gw-1", "b1", today)
    with ingesting(environment(folder, broker.port), tmp_path / "log"), Agent(broker.port) as agent:
        agent.take(fresh(event(subject="door-1")))
        agent.take(fresh(event(subject="never")))
        agent.take(fresh(packet(1, Reading("t-1", "x", 0, 1.0), Reading("t-1", "y", 0, 2.0))))
        agent.take(heartbeat(taken=6, dropped=1))
        eventually(agent.done)
        eventually(lambda: SqlHeartbeats(database).counted())
        for evaluated, refused, status, word in ((4, 1, 0, "all adds up"), (3, 1, 1, "MISSING")):
            with database.write() as connection:
                save_rules_tallies(connection, {key: RulesTally(evaluated, refused)})
            result = run(folder, "reconcile")
            assert (result.exit_code, word in result.output) == (status, True), result.output
        lines = result.output.splitlines()
        assert lines[0].split() == [
            "GATEWAY",
            "DAY",
            "(UTC)",
            "TAKEN",
            "DROPPED",
            "STORED",
            "DEAD",
            "EVALUATED",
            "REFUSED",
        ]
        assert lines[1].split() == ["gw-1", day_text(today), "6", "1", "4", "1", "3", "1"]
        assert (
            lines[3]
            == f"MISSING: gw-1 {day_text(today)}: 1 taken, not dropped, acknowledged, and not evaluated: missing"
        )

        document = json.loads(run(folder, "reconcile", "--json").output)
        assert document["explained"] is False
        assert [(each["consumer"], each["kind"], each["count"]) for each in document["findings"]] == [
            ("rules", "missing", 1)
        ]
        assert "there is no gateway gw-2; did you mean gw-1?" in run(folder, "reconcile", "--gateway", "gw-2").output
        assert "is no day" in run(folder, "reconcile", "--since", "yesterday").output


def test_status_sees_what_gateways_say(broker: BrokerProcess, folder: Path, database: Database, tmp_path: Path) -> None:
    """Heartbeats reach the screen: drops of today are trouble."""
    environ = environment(folder, broker.port)
    with ingesting(environ, tmp_path / "log"), Agent(broker.port) as agent:
        agent.take(heartbeat(taken=6, dropped=5))
        eventually(agent.done)
        eventually(lambda: SqlHeartbeats(database).all())
        document = json.loads(run(folder, "status", "--json").output)
        (gateway,) = document["gateways"]
        assert (gateway["online"], gateway["version"], gateway["dropped_today"]) == (True, "0.2.0", 5)
        assert any("gw-1 dropped 5 observations today" in trouble["what"]["en"] for trouble in document["troubles"])
