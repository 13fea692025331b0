"""`linli reconcile` and `linli status` over the processes that `linli up` runs, some of them killed on the way."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from linli.cli.restart import State
from linli.cli.stack import Stack, prepare
from linli.db.database import open_database
from linli.db.heartbeats import SqlHeartbeats
from linli.settings import Settings, load_settings
from tests.support import eventually, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LINLI = Path(sys.executable).with_name("linli")


def run(settings: Settings, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a command."""
    told = subprocess.run(
        [LINLI, *arguments, "--json", "--data", settings.data],
        env={**os.environ, "LINLI_LANGUAGE": "en", "LINLI_BROKER_PORT": str(settings.broker_port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout, told.stderr
    document: dict[str, Any] = json.loads(told.stdout)
    return told.returncode, document


def test_nothing_is_missing_after_kills(tmp_path: Path) -> None:
    """Ingest and rules killed -9 under the simulated compound's load: what its agent took is stored and evaluated, to the
    observation, and the status says that all is well again."""
    settings = load_settings(data=tmp_path / "data", port=free_port(), broker_port=free_port())
    prepare(settings)
    stack, database = Stack(settings), open_database(settings.app_database_url)
    beats = SqlHeartbeats(database)
    try:
        stack.start()
        assert stack.wait_ready(60), stack.states()
        for name in ("ingest", "rules"):
            (pid,) = (status.pid for status in stack.states() if status.name == name)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: any(status.state is not State.READY for status in stack.states()))
        assert stack.wait_ready(60), stack.states()
        last = max((beat.time for beat in beats.all()), default=0)
        eventually(lambda: any(beat.time > last and beat.days for beat in beats.all()), 40)

        status, accounts = run(settings, "reconcile")
        assert (status, accounts["explained"]) == (0, True), accounts
        (line,) = accounts["lines"]
        assert line["taken"] > 0
        assert {finding["kind"] for finding in accounts["findings"]} <= {"newer", "waiting"}
        _, how = run(settings, "status")
        assert not [trouble for trouble in how["troubles"] if trouble["urgency"] != "fault"], how["troubles"]
    finally:
        stack.stop()
        database.close()
