"""What each process says of itself, in the database."""

from dataclasses import replace

from linli.clock import SECOND
from linli.db.database import Database
from linli.db.workers import SILENT_AFTER, WorkerReport, report, reports
from linli.i18n import Text

WORKER = WorkerReport("ingest", 17, 1, 5 * SECOND, "ok", Text("", ""), {"messages": 3, "events": 2.5})


def test_the_last_report_of_each_worker(database: Database) -> None:
    """A report replaces the one before."""
    report(database, WORKER)
    rules = replace(
        WORKER, name="rules", state="degraded", detail=Text("消息服务器不应答", "the broker does not answer")
    )
    report(database, rules)
    later = replace(WORKER, seen_at=7 * SECOND, counters={"messages": 9})
    report(database, later)
    assert reports(database) == [later, rules]


def test_a_silent_worker_is_taken_for_dead() -> None:
    """At the bound, not before."""
    assert WORKER.alive(WORKER.seen_at + SILENT_AFTER - 1)
    assert not WORKER.alive(WORKER.seen_at + SILENT_AFTER)
