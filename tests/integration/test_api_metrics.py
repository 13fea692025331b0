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
from tests.integration.api_world import HOME, World, make_alert, running_world
from tests.integration.receivers import receiving
from tests.support import eventually

pytestmark = pytest.mark.integration

HOOKS = "/api/v1/webhooks"
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, databases.new() as url:
        patch.setenv("LINLI_WEBHOOK_ALLOWED", "127.0.0.1")
        with running_world(tmp_path_factory.mktemp("metrics"), url) as running:
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


def test_webhooks_are_summed_up(world: World) -> None:
    """What was sent and what came of it, what waits and since when, and which are off: over all of them, and of nobody by id."""
    with receiving() as receiver, world.client("root") as client:
        hook = client.post(HOOKS, json={"name": "desk", "url": receiver.url}).json()
        path = f"{HOOKS}/{hook['id']}"
        assert client.post(f"{path}/test").json()["outcome"] == "delivered"
        world.change(make_alert(HOME, 901, world.clock.now()))
        eventually(lambda: 'linli_webhook_requests_total{origin="live",outcome="delivered"} 1.0' in scrape(world))
        text = scrape(world)
        assert 'linli_webhook_requests_total{origin="test",outcome="delivered"} 1.0' in text
        assert 'linli_webhook_requests_total{origin="replay",outcome="set_aside"} 0.0' in text
        assert 'linli_webhooks{state="on"} 1.0' in text
        assert "linli_webhook_changes_waiting 0.0" in text
        assert "linli_webhook_oldest_waiting_seconds 0.0" in text

        receiver.replies = lambda _request: (503, {"retry-after": "3600"}, b"")
        world.change(make_alert(HOME, 902, world.clock.now()))
        world.change(make_alert(HOME, 903, world.clock.now()))
        eventually(lambda: 'linli_webhooks{state="retrying"} 1.0' in scrape(world))
        text = scrape(world)
        assert 'outcome="failed"} 1.0' in text
        assert "linli_webhook_changes_waiting 2.0" in text
        assert 0 < value(text, "linli_webhook_oldest_waiting_seconds") < 60
        assert hook["id"] not in text

        tag = client.get(path).headers["etag"]
        client.patch(path, json={"enabled": False}, headers={"if-match": tag})
        text = scrape(world)
        assert 'linli_webhooks{state="off_by_person"} 1.0' in text
        assert "linli_webhook_changes_waiting 0.0" in text
        client.delete(path)


def test_tries_to_sign_in_are_counted_by_what_came_of_them(world: World) -> None:
    """Of those that failed nothing is said but how many: no name, no address."""
    first = scrape(world)
    with world.client() as client:
        for _ in range(2):
            client.post("/api/v1/sessions", json={"name": "nobody-of-ours", "password": "wrong"})
    text = scrape(world)
    assert counted(text, "refused") - counted(first, "refused") == 2
    assert counted(text, "accepted") == counted(first, "accepted") + 1  # who asks
    assert "nobody-of-ours" not in text
    assert {
        line.partition("{")[2].partition('"')[2].partition('"')[0] for line in lines(text, "linli_sign_ins_total")
    } == {
        "accepted",
        "refused",
        "locked_out",
        "second_factor_refused",
        "provider_refused",
    }


def value(text: str, name: str) -> float:
    """Of a metric without labels."""
    return float(lines(text, name)[0].rpartition(" ")[2])


def lines(text: str, name: str) -> list[str]:
    """Of one metric."""
    return [line for line in text.splitlines() if re.match(rf"{name}[ {{]", line)]


def counted(text: str, outcome: str) -> float:
    """Tries to sign in."""
    (line,) = [line for line in lines(text, "linli_sign_ins_total") if f'outcome="{outcome}"' in line]
    return float(line.rpartition(" ")[2])
