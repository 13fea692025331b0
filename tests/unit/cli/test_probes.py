"""Does a part answer: judged by what it reports, with a real database and no process."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.cli import probes
from linli.cli.probes import Probe, broker_probe, http_probe, worker_probe
from linli.cli.supervisor import Answer
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.workers import WorkerReport, report
from linli.i18n import Text
from linli.runtime import STARTING
from linli.tls import client_context
from tests.certificates import Authority, Certificate
from tests.support import free_port


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock of the probes, to be moved."""
    now = [1_000.0]
    monkeypatch.setattr(probes, "monotonic", lambda: now[0])
    return now


def says(database: Database, state: str, detail: str = "", *, pid: int = 7, seen_at: int = 1) -> None:
    report(database, WorkerReport("rules", pid, 0, seen_at, state, Text(detail, detail), {}))


def test_ok_is_ready(database: Database, seconds: list[float]) -> None:
    """Only once this very process has said so: what its predecessor said does not count."""
    probe = worker_probe(database, "rules")
    assert not probe(7).well
    says(database, "ok", pid=6)
    assert not probe(7).well
    says(database, "ok", pid=7)
    assert probe(7) == Answer(True)


def test_what_passes_at_the_start_is_not_yet_ready(database: Database, seconds: list[float]) -> None:
    """A process that is not connected yet gets a few seconds; if it lasts, it runs and is degraded."""
    probe = worker_probe(database, "rules")
    says(database, "degraded", "not connected")
    first = probe(7)
    assert (first.well, first.reason.en) == (False, "not connected")
    seconds[0] += 7
    says(database, "degraded", "not connected", seen_at=2)
    later = probe(7)
    assert (later.well, later.reason.en) == (True, "not connected")


def test_who_says_that_it_is_starting_is_starting_for_a_while(database: Database, seconds: list[float]) -> None:
    """On a slow machine it takes more than a few seconds, and is no fault; after twenty it is told as one."""
    probe = worker_probe(database, "rules")

    def starts(seen_at: int) -> Answer:
        report(database, WorkerReport("rules", 7, 0, seen_at, "degraded", STARTING, {}))
        return probe(7)

    assert starts(1) == Answer(False)
    for seen_at in (2, 3, 4):
        seconds[0] += 6
        assert starts(seen_at) == Answer(False)
    seconds[0] += 3
    assert starts(5) == Answer(True, STARTING)


def test_what_a_process_needs_before_its_first_report_is_not_held_against_it(
    database: Database, seconds: list[float]
) -> None:
    """A busy machine takes seconds to load it: its own few seconds begin after that."""
    probe = worker_probe(database, "rules")
    assert not probe(7).well
    seconds[0] += 10
    says(database, "degraded", "not connected")
    assert not probe(7).well
    seconds[0] += 7
    assert probe(7).well


def test_who_was_well_stays_ready_when_degraded(database: Database, seconds: list[float]) -> None:
    """It answers: what it complains of is shown beside it."""
    probe = worker_probe(database, "rules")
    says(database, "ok")
    assert probe(7).well
    says(database, "degraded", "disk nearly full", seen_at=2)
    assert probe(7) == Answer(True, probe(7).reason)
    assert probe(7).reason.en == "disk nearly full"


def test_who_does_all_of_its_work_is_ready_at_once(database: Database, seconds: list[float]) -> None:
    """A file that somebody has to mend keeps nobody waiting; what is wrong with it is shown."""
    probe = worker_probe(database, "rules")
    says(database, "noted", "a.yaml:3")
    assert probe(7) == Answer(True, Text("a.yaml:3", "a.yaml:3"))


def test_silence_is_measured_by_the_steady_clock(database: Database, seconds: list[float]) -> None:
    """The times in reports may run at any speed; what counts is that a new one came."""
    probe = worker_probe(database, "rules")
    says(database, "ok", seen_at=1)
    assert probe(7).well
    seconds[0] += 8.5
    assert not probe(7).well
    assert "9 s" in probe(7).reason.en or "8 s" in probe(7).reason.en
    says(database, "ok", seen_at=10**15)
    assert probe(7).well


def test_who_is_silent_while_others_report_is_hung(database: Database, seconds: list[float]) -> None:
    """When nobody reports, the database takes nothing (a full disk): it is not the process's fault, and a kill no remedy."""
    probe = worker_probe(database, "rules")

    def other(seen_at: int) -> None:
        report(database, WorkerReport("api", 8, 0, seen_at, "ok", Text("", ""), {}))

    says(database, "ok")
    other(1)
    assert probe(7).well
    seconds[0] += 8.5
    assert (probe(7).well, probe(7).hung) == (False, False), "nobody has reported"
    other(2)
    assert probe(7).hung
    seconds[0] += 7.0
    assert probe(7).hung
    seconds[0] += 2.0
    assert not probe(7).hung, "the other is silent, too"
    says(database, "ok", seen_at=2)
    assert probe(7) == Answer(True)


def test_a_database_that_does_not_answer_is_told(tmp_path: Path, seconds: list[float]) -> None:
    """The probe does not raise: it runs on the supervisor's thread."""
    empty = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    answer = worker_probe(empty, "rules")(7)
    empty.close()
    assert not answer.well
    assert "database" in answer.reason.en
    assert "数据库" in answer.reason.zh


def test_ports_are_asked(seconds: list[float]) -> None:
    """A closed one is not well, and the page's is asked only once its worker is well."""
    port = free_port()
    assert not broker_probe("127.0.0.1", port)(1).well
    well: Probe = lambda _pid: Answer(True)  # noqa: E731
    assert str(port) in http_probe("0.0.0.0", port, well)(1).reason.en
    unwell: Probe = lambda _pid: Answer(False)  # noqa: E731
    assert http_probe("127.0.0.1", port, unwell)(1) == Answer(False)


def test_a_broker_with_tls_is_asked_in_tls(tmp_path: Path) -> None:
    """Not there; there without TLS; with a certificate that is not its own; well; and with files that cannot be read."""
    authority = Authority(tmp_path)
    right, other = authority.issue("right", "localhost"), authority.issue("other", "localhost")
    port = free_port()

    def probe(pin: Path) -> Answer:
        return broker_probe("127.0.0.1", port, lambda: client_context(pin=pin))(7)

    assert "accepts no connection" in probe(right.file).reason.en
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = threading.Thread(target=_answer, args=(listener, right, 3), daemon=True)
        server.start()
        assert probe(right.file) == Answer(True)
        assert "no TLS on port" in probe(other.file).reason.en
        assert broker_probe("127.0.0.1", port)(7) == Answer(True)
        server.join(timeout=5)
    with socket.create_server(("127.0.0.1", port)):
        assert "cannot be read" in probe(tmp_path / "none").reason.en


def _answer(listener: socket.socket, certificate: Certificate, times: int) -> None:
    for _ in range(times):
        with listener.accept()[0] as sock, contextlib.suppress(OSError):
            sock.settimeout(5)
            certificate.server_context().wrap_socket(sock, server_side=True).close()
