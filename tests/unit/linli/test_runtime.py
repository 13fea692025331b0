"""What every server process does around its work: signals, the leash, and reporting how it is."""

import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from linli.db.database import Database
from linli.db.workers import reports
from linli.i18n import Text
from linli.runtime import WELL, Health, Reporter, Troubles, keep
from linli.testing import ManualClock
from tests.support import eventually

_PROCESS = """
import sys
from linli import runtime
from linli.settings import load_settings
stop = runtime.begin("test", load_settings())
print("running", flush=True)
stop.wait(60)
print("stopped in order", flush=True)
"""


def _started(folder: Path, **variables: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    environment |= {"LINLI_DATA": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)} | variables
    process = subprocess.Popen(
        [sys.executable, "-c", _PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"running\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_it_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    """In order: what is in hand can be finished. Started by hand, it logs to stderr and does not need its stdin."""
    process = _started(tmp_path)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, b"stopped in order\n")
    assert b"test starts" in err


def test_on_a_leash_it_ends_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    """The pipe closes however the supervisor went, kill -9 too; its log lies in the data folder."""
    (tmp_path / "logs").mkdir()
    process = _started(tmp_path, LINLI_LEASH="1")
    assert process.poll() is None
    out, err = process.communicate(timeout=20)  # closes stdin
    assert (process.returncode, out, err) == (0, b"", b"")
    assert "the supervisor is gone" in (tmp_path / "logs" / "test.log").read_text()


def test_on_a_leash_signals_work_as_well(tmp_path: Path) -> None:
    """An orderly stop comes by signal while the supervisor stands."""
    (tmp_path / "logs").mkdir()
    process = _started(tmp_path, LINLI_LEASH="1")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert process.stdout is not None
    assert process.stdout.read() == b"stopped in order\n"
    process.communicate()


def test_the_reporter_says_how_it_is_at_once_and_at_the_end(database: Database) -> None:
    """The first report does not wait two seconds; the last says stopped."""
    clock = ManualClock(1_000_000)
    reporter = Reporter(
        "ingest", database, clock, lambda: Health("degraded", Text("没有", "no broker"), {"messages": 4})
    )
    reporter.start()
    eventually(lambda: reports(database))
    clock.advance(5)
    (first,) = reports(database)
    assert (first.name, first.pid, first.started_at, first.seen_at) == ("ingest", os.getpid(), 1_000_000, 1_000_000)
    assert (first.state, first.detail, first.counters) == ("degraded", Text("没有", "no broker"), {"messages": 4})
    reporter.stop()
    (last,) = reports(database)
    assert (last.state, last.seen_at, last.started_at) == ("stopped", 6_000_000, 1_000_000)
    assert "reporter" not in {thread.name for thread in threading.enumerate()}


def test_what_hinders_nothing_is_noted() -> None:
    """With what hinders, the process is degraded, and says both."""
    troubles = Troubles()
    assert troubles.health({}) == Health("ok", Text("", ""), {})
    troubles.set("rules", Text("甲", "a.yaml:3"), hinders=False)
    assert troubles.health({}) == Health("noted", Text("甲", "a.yaml:3"), {})
    troubles.set("broker", Text("乙", "no broker"))
    assert troubles.health({}) == Health("degraded", Text("甲；乙", "a.yaml:3; no broker"), {})
    troubles.clear("broker")
    assert troubles.health({}).state == "noted"


def test_a_database_that_fails_does_not_end_the_reporter(database: Database) -> None:
    """Nor the process: it reports again when the database is back."""
    with database.write() as connection:
        connection.execute(text("ALTER TABLE workers RENAME TO away"))
    asked = threading.Event()

    def health() -> Health:
        asked.set()
        return Health("ok", WELL, {})

    reporter = Reporter("rules", database, ManualClock(), health)
    reporter.start()
    assert asked.wait(10)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO workers"))
    reporter.stop()
    assert [worker.state for worker in reports(database)] == ["stopped"]


def test_a_reporter_that_was_never_started_can_be_stopped(database: Database) -> None:
    """What failed before it began is cleaned up like any other."""
    Reporter("api", database, ManualClock(), lambda: Health("ok", WELL, {})).stop()
    assert reports(database) == []


def test_a_health_that_fails_is_told_and_does_not_end_the_reporter(database: Database) -> None:
    """Otherwise the process would look dead to whoever is called at night, and only because of its report."""
    reporter = Reporter("api", database, ManualClock(), _broken)
    reporter.start()
    eventually(lambda: reports(database))
    (first,) = reports(database)
    reporter.stop()
    assert first.state == "degraded"
    assert "deliberate" in first.detail.en


def _broken() -> Health:
    raise RuntimeError("deliberate")


def test_what_is_kept_is_no_garbage() -> None:
    """Each edit of the rules keeps anew; what went in a cycle meanwhile must not stay with it."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        keep()
        before = gc.get_freeze_count()
        for _ in range(20_000):
            cycle: list[object] = []
            cycle.append(cycle)
        keep()
        assert gc.get_freeze_count() - before < 5_000
    finally:
        if not frozen:
            gc.unfreeze()
        gc.set_threshold(*threshold)


def test_what_was_kept_and_is_garbage_by_now_goes_when_all_is_kept_anew() -> None:
    """A registry read anew takes the place of the old one, whatever was in a cycle with that."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        cycle: list[object] = [Lasting()]
        cycle.append(cycle)
        seen = weakref.ref(cast(Lasting, cycle[0]))
        keep()
        del cycle
        keep()
        assert seen() is not None
        keep(anew=True)
        assert seen() is None
        assert gc.get_freeze_count() > 0
    finally:
        if not frozen:
            gc.unfreeze()
        gc.set_threshold(*threshold)


class Lasting:
    """Something that may be waited for to go."""
