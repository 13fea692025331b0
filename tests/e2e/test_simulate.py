"""`linli simulate` as people run it: a process, with broker, ingest and rules of its own."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from simulators.compound import GATEWAY
from simulators.scenario import find
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LINLI = Path(sys.executable).with_name("linli")
SPEED = 15
"""So fast that the suite stays short, so slow that a busy machine keeps its deadlines."""


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    return clean | {"LINLI_LANGUAGE": "en", "COLUMNS": "200"}


def simulate(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(LINLI), "simulate", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=150, check=False
    )


def played(folder: Path, *arguments: str) -> dict[str, Any]:
    done = simulate(folder, *arguments, "--private", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["faults"] == []
    assert document["notes"] == []
    return document


@pytest.mark.parametrize("name", ["forced-door", "kitchen-fire", "pump-room-flood", "lift-entrapment"])
def test_scenario_raises_what_it_must(name: str, tmp_path: Path) -> None:
    """Exactly the alerts expected, in time, and nothing refused or dropped on the way; the folder it was called in is
    left as it was, and what its settings say of other stores is not obeyed."""
    (tmp_path / ".env").write_text("LINLI_INFLUX_URL=http://127.0.0.1:9\n", encoding="utf-8")
    document = played(tmp_path, name, "--speed", str(SPEED))
    assert {line["verdict"] for line in document["lines"]} == {"ok"}
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


def test_several_at_once(tmp_path: Path) -> None:
    """The other scenarios, all in one night: each still raises its own alert, and none another's."""
    names = ["door-held-open", "intrusion-after-hours", "camera-offline", "cable-overheating"]
    parts = [find(name) for name in names]
    steps = [step for part in parts for step in part.steps]
    expect = [wanted for part in parts for wanted in part.expect]
    night = msgspec.structs.replace(parts[1], lasts="6m", steps=tuple(steps), expect=tuple(expect))
    file = tmp_path / "night.yaml"
    file.write_bytes(msgspec.yaml.encode(night))
    document = played(tmp_path, str(file), "--speed", "24")
    assert sorted((line["rule"], line["verdict"]) for line in document["lines"]) == [
        ("cable-temperature", "ok"),
        ("camera-offline", "ok"),
        ("door-held-open", "ok"),
        ("intrusion-after-hours", "ok"),
    ]


def test_default_day_is_calm(tmp_path: Path) -> None:
    """The busiest hour of the morning raises nothing, though doors, lifts and cameras have much to say."""
    document = played(tmp_path, "day", "--hours", "1", "--at", "07:30", "--speed", "240")
    assert document["lines"] == []
    assert document["events"] > 1500
    assert document["readings"] > 10_000


def test_armed_hours_are_calm(tmp_path: Path) -> None:
    """Nobody is in view when the armed hours begin."""
    assert played(tmp_path, "day", "--hours", "0.5", "--at", "22:45", "--speed", "240")["lines"] == []


def child(simulation: "subprocess.Popen[str]", module: str) -> psutil.Process | None:
    """The simulation's process of that package, once it runs."""
    for process in psutil.Process(simulation.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[-2:] == ["-m", module]:
                return process
    return None


def plays(simulation: "subprocess.Popen[str]") -> bool:
    """Whether all parts have come up, so that the agent has its outbox."""
    rules = child(simulation, "rules")
    return rules is not None and (Path(rules.cwd()) / "data" / "agents" / GATEWAY).exists()


def test_silence_of_rules_that_hang_is_no_calm(tmp_path: Path) -> None:
    """When nobody judged what the devices said, no alert is raised either: exit status 1, and words that say why."""
    command = [str(LINLI), "simulate", "day", "--hours", "0.5", "--private"]
    simulation = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        eventually(lambda: plays(simulation), 60, "the processes run and the agent takes what the devices say")
        rules = child(simulation, "rules")
        assert rules is not None
        rules.suspend()
        out, said = simulation.communicate(timeout=120)
    finally:
        if simulation.poll() is None:
            simulation.kill()
    assert simulation.returncode == 1, out + said
    for word in ("messages not acknowledged", "Not carried through"):
        assert word in out
    assert "As expected" not in out


WRONG = """\
title: {zh: 期待有误, en: A wrong expectation}
about: {zh: 期待的对象不对, en: Expects the alert of another door}
lasts: 15s
steps:
  - {at: 2s, device: c001-door-02, event: access.door.opened}
expect:
  - {rule: door-forced, subject: c001-door-05, severity: high, after: 2s, within: 5s}
"""


def test_difference_is_told(tmp_path: Path) -> None:
    """What is expected and does not come, and what comes unexpected: both in the table, and exit status 1."""
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG, encoding="utf-8")
    done = simulate(tmp_path, str(file), "--private", "--speed", "4")
    assert done.returncode == 1, done.stderr
    for word in ("c001-door-05", "missing", "c001-door-02", "unexpected", "Differs: 2 lines"):
        assert word in done.stdout


def test_fault_in_a_file_is_told_by_line(tmp_path: Path) -> None:
    """A scenario with a mistake is not played: file, line and reason, and exit status 2."""
    (tmp_path / "bad.yaml").write_text(WRONG.replace("lasts: 15s", "lasts: long"), encoding="utf-8")
    done = simulate(tmp_path, "bad.yaml")
    assert done.returncode == 2
    assert "bad.yaml:3" in done.stderr
