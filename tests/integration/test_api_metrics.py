"""The metrics and their page say the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.metrics import GAUGE_COUNTERS
from linli.clock import DAY, MINUTE
from linli.db.heartbeats import Heartbeat, SqlHeartbeats
from linli.db.workers import WorkerReport, report
from linli.i18n import Text
from linli.model import Lane
from tests.databases import Databases
from tests.integration.api_world import World, running_world

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("metrics"), url) as running:
        yield running


def scrape(world: World) -> str:
    with world.client("root") as client:
        return client.get("/api/v1/metrics").text


def test_every_metric_is_on_the_page_and_the_other_way_round(world: World) -> None:
    """By name, kind and labels' presence: a new metric comes with its line."""
    exposed = {line.split()[2]: line.split()[3] for line in scrape(world).splitlines() if line.startswith("# TYPE ")}
    documented = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(), re.MULTILINE))
    assert exposed == documented


def test_workers_counters_become_metrics(world: World) -> None:
    """A number that may fall is a level, the others are counters; a process that is silent is down."""
    now = world.clock.now()
    report(
        world.database, WorkerReport("rules", 1, now, now, "ok", Text("", ""), {"messages": 5.0, "open_alerts": 2.0})
    )
    report(world.database, WorkerReport("ingest", 1, 0, 0, "ok", Text("", ""), {"messages": 7.0}))
    text = scrape(world)
    assert 'linli_worker_count_total{counter="messages",worker="rules"} 5.0' in text
    assert 'linli_worker_level{level="open_alerts",worker="rules"} 2.0' in text
    assert 'linli_worker_up{worker="rules"} 1.0' in text
    assert 'linli_worker_up{worker="ingest"} 0.0' in text
    assert 'linli_open_alerts{severity="high"} 4.0' in text


def test_the_levels_are_documented() -> None:
    """In the table of what each process reports."""
    levels = {
        word for line in PAGE.read_text().splitlines() if line.startswith("|") for word in re.split(r"[|, ]+", line)
    }
    assert levels >= GAUGE_COUNTERS


def test_agents_are_summed_up(world: World) -> None:
    """What waits for each consumer, what was dropped today, and who is silent."""
    now = world.clock.now()
    today = now // DAY
    positions = {"ingest": {"urgent": 1, "bulk": 5}, "rules": {"urgent": 1, "bulk": 9}}
    beats = [
        Heartbeat(
            "c001",
            f"gw-{n}",
            "b1",
            Lane.BULK,
            now,
            now - n * 2 * MINUTE,
            next={"urgent": 2, "bulk": 10},
            positions=positions,
            days={today: (100, n), today - 1: (50, 50)},
        )
        for n in range(2)
    ]
    SqlHeartbeats(world.database).save(beats)
    text = scrape(world)
    assert 'linli_agent_messages_waiting{consumer="ingest",lane="bulk"} 8.0' in text
    assert 'linli_agent_messages_waiting{consumer="rules",lane="bulk"} 0.0' in text
    assert 'linli_agent_observations_today{what="taken"} 200.0' in text
    assert 'linli_agent_observations_today{what="dropped"} 1.0' in text
    assert "linli_agents_silent 1.0" in text
