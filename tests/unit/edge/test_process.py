"""The agent as a process: what it loads, how large it is, and what it says of a bad file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge.__main__ import _connections
from edge.commands.log import CommandLog, digest_of
from edge.config import load_site
from edge.outbox.outbox import Outbox

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("sqlalchemy", "pydantic", "influxdb_client", "fastapi", "nicegui", "numpy", "typer")

RUNNING = """
import json, os, sys, threading
from pathlib import Path
from edge.__main__ import run
from edge.config import load_site
stop = threading.Event()
threading.Timer(0.5, stop.set).start()
run(load_site(Path(sys.argv[1])), stop)
import psutil
rss = psutil.Process().memory_info().rss
print(json.dumps({"modules": sorted(sys.modules), "rss": rss}))
"""

AGENT = """\
community: c001
gateway: gw-c001
outbox: out
broker: {host: 127.0.0.1, port: 9}
device_broker: {host: 127.0.0.1, port: 9}
sources: [{kind: frigate, devices: {gate: c001-cam-01}}]
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )


def test_its_first_line_says_in_words_where_it_connects_to(tmp_path: Path) -> None:
    """For whoever reads the journal: no dataclass."""
    (tmp_path / "agent.yaml").write_text(AGENT)
    said = _connections(load_site(tmp_path / "agent.yaml"))
    assert said == (
        "Linli's broker 127.0.0.1:9 without TLS, without sign-in; devices' broker 127.0.0.1:9 without TLS, without sign-in"
    )


def test_it_stays_small(tmp_path: Path) -> None:
    """It runs beside other things on a small box: no database server's, no pydantic's modules, under 64 MB."""
    (tmp_path / "agent.yaml").write_text(AGENT)
    done = python("-c", RUNNING, str(tmp_path / "agent.yaml"))
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert not {module for module in said["modules"] if module.partition(".")[0] in HEAVY}
    assert said["rss"] < 64_000_000
    assert (tmp_path / "out" / "outbox.db").exists()


@pytest.mark.parametrize(("language", "said"), [("zh", "不认识的键"), ("en", "unknown key 'gatway'")])
def test_a_bad_file_is_told_in_the_persons_language(tmp_path: Path, language: str, said: str) -> None:
    """File, line and what was meant; exit status 2."""
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.replace("gateway", "gatway"))
    done = python("-m", "edge", str(file), LINLI_LANGUAGE=language, PYTHONUTF8="1")
    assert done.returncode == 2
    assert f"{file}:2: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_agent_on_an_outbox_says_so_and_touches_nothing(tmp_path: Path) -> None:
    """A command that the first is carrying out must not be noted as cut off."""
    folder = tmp_path / "out"
    outbox, log = Outbox(folder, "c001", "gw-c001"), CommandLog(folder)
    outbox.open()
    log.open()
    log.begin("k1", digest_of(b"{}"))
    (tmp_path / "agent.yaml").write_text(AGENT)
    done = python("-m", "edge", str(tmp_path / "agent.yaml"), LINLI_LANGUAGE="en")
    entry = log.find("k1")
    log.close()
    outbox.close()
    assert done.returncode == 2
    assert "another agent runs on it" in done.stderr
    assert "Traceback" not in done.stderr
    assert entry is not None
    assert entry.reply is None


def test_others_cannot_look_into_the_outbox(tmp_path: Path) -> None:
    """It holds who went through which door; whatever the umask."""
    outbox = Outbox(tmp_path / "out", "c001", "gw-c001")
    outbox.open()
    outbox.close()
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    done = python("-m", "edge", str(tmp_path / "none.yaml"), LINLI_LANGUAGE="en")
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
