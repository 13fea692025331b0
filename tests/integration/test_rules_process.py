"""`python -m rules` with a real broker and SQLite: an event in, an alert out; killed with -9, and everything once."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli import failpoints
from linli.clock import SystemClock
from linli.db.audit import Search, SqlAudit
from linli.db.database import open_database
from linli.db.workers import reports
from linli.model import Action, ActionKind, Handling
from tests.integration.rules_world import Agent, Rules, broker, listens, settled
from tests.support import eventually

__all__ = ["broker"]

pytestmark = pytest.mark.integration


@pytest.fixture
def agent(broker: int) -> Iterator[Agent]:
    """Connected."""
    eventually(lambda: listens(broker))
    made = Agent(broker)
    yield made
    made.client.stop()


@pytest.fixture
def rules(tmp_path: Path, broker: int) -> Iterator[Rules]:
    """Running."""
    made = Rules(tmp_path / "data", broker)
    yield made
    made.process.kill()
    made.process.wait()
    made.database.close()


def test_an_event_becomes_an_alert_and_a_persons_act_closes_it(rules: Rules, agent: Agent) -> None:
    """Row, notice, acknowledgement, health; and the process ends when asked."""
    agent.take("access.door.opened", "door")
    settled(agent)
    eventually(lambda: agent.notices)
    (alert,) = rules.alerts.find()
    assert (alert.rule, alert.subject, agent.notices[0].id, agent.notices[0].change) == (
        "door-forced",
        "door",
        alert.id,
        "opened",
    )
    rules.alerts.add_action(Action("x1", alert.id, ActionKind.CLOSE, "li", "a resident", SystemClock().now()))
    eventually(lambda: rules.alerts.action_outcome("x1") == "done")
    closed = rules.alerts.get(alert.id)
    assert closed is not None
    assert closed.handling is Handling.CLOSED
    eventually(lambda: [report.name for report in reports(rules.database) if report.state == "ok"] == ["rules"])
    assert rules.end() == 0


def test_the_files_of_its_rules_are_in_the_audit_log_once(rules: Rules, agent: Agent) -> None:
    """By the process itself; a restart with the same files is none of their changes."""

    def written() -> list[str]:
        return [shown.entry.actor for shown in SqlAudit(rules.database).newest(Search(verb="rules.loaded"))]

    eventually(lambda: written() == ["system:rules"])
    rules.kill()
    agent.take("access.door.opened", "door")
    settled(agent)
    eventually(rules.alerts.find)
    assert written() == ["system:rules"]


def test_killed_right_after_the_acknowledgement_there_is_exactly_one_alert(rules: Rules, agent: Agent) -> None:
    """The acknowledgement goes out before the database has the alert: the journal must have it."""
    agent.take("access.door.opened", "door")
    settled(agent)
    rules.kill()
    eventually(rules.alerts.find)
    agent.take("access.door.closed", "door")
    settled(agent)
    eventually(lambda: [change.kind for change in rules.alerts.changes_after(0)] == ["opened", "resolved"])
    assert len(rules.alerts.find()) == 1


def test_killed_again_and_again_every_event_counts_once(rules: Rules, agent: Agent) -> None:
    """60 alarms of one detector among 6 kills: one alert of 60 occurrences, told of once each (up to the 20th)."""
    rng = random.Random(5)
    for round_ in range(6):
        for _ in range(10):
            agent.take("fire.alarm.raised", "smoke")
        threading.Event().wait(rng.uniform(0.0, 1.5))
        agent.send_again()
        if round_ < 5:
            rules.kill()
    settled(agent, 60)
    eventually(lambda: [alert.occurrences for alert in rules.alerts.find()] == [60])
    (alert,) = rules.alerts.find()
    kinds = [change.kind for change in rules.alerts.changes(alert.id)]
    assert kinds == ["opened"] + ["occurred"] * (19 + 4)


RARE = ("rules.failed", "rules.snapshot")
POINTS = [point for point in failpoints.POINTS if point.startswith("rules.") and point not in RARE]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point_every_event_counts_once(rules: Rules, agent: Agent, point: str) -> None:
    """Whatever is written or said by then: one alert, each occurrence told of once."""
    rules.kill(point)
    agent.take("fire.alarm.raised", "smoke")

    def died() -> bool:
        agent.send_again()
        return rules.process.poll() is not None

    eventually(died, 20, f"died at {point}")
    assert rules.process.returncode == -signal.SIGKILL
    rules.process = rules.start()
    agent.take("fire.alarm.raised", "smoke")
    settled(agent)
    eventually(lambda: [alert.occurrences for alert in rules.alerts.find()] == [2])
    (alert,) = rules.alerts.find()
    assert [change.kind for change in rules.alerts.changes(alert.id)] == ["opened", "occurred"]


def test_killed_when_a_snapshot_is_durable_every_event_counts_once(rules: Rules, agent: Agent) -> None:
    """And what it stands for is not let go of yet: the next start does that."""
    rules.kill("rules.snapshot")
    agent.take("fire.alarm.raised", "smoke")
    settled(agent)
    rules.process.terminate()
    assert rules.process.wait(20) == -signal.SIGKILL
    assert len(list((rules.folder / "rules").glob("journal-*.log"))) == 2
    rules.process = rules.start()
    agent.take("fire.alarm.raised", "smoke")
    settled(agent)
    eventually(lambda: [alert.occurrences for alert in rules.alerts.find()] == [2])
    assert len(list((rules.folder / "rules").glob("journal-*.log"))) == 1
    assert len(list((rules.folder / "rules").glob("snapshot-*.state"))) == 1


def test_a_wrong_rule_file_is_told_and_nothing_starts(tmp_path: Path) -> None:
    """File and line on stderr, exit status 2."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "bad.yaml").write_text("id: x\ntitel: {}\n")
    environment = {**os.environ, "LINLI_DATA": str(tmp_path), "LINLI_RULES": str(folder), "LINLI_LANGUAGE": "en"}
    open_database(f"sqlite:///{tmp_path}/linli.db").close()
    done = subprocess.run(
        [sys.executable, "-m", "rules"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "bad.yaml:2: unknown key 'titel'; did you mean 'title'?" in done.stderr
