"""How each process is, as it says itself: for the live view, /health, /metrics and whoever is called at night."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from linli.clock import SECOND
from linli.db import schema
from linli.db.database import Database

REPORT_EVERY_S = 2.0
SILENT_AFTER = 8 * SECOND
"""A worker that has said nothing for this long is taken for dead."""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One process's word on itself. Counters only grow while it runs; `detail` says why `state` is not 'ok'."""

    name: str
    pid: int
    started_at: int
    seen_at: int
    state: str
    detail: str
    counters: Mapping[str, float]

    def alive(self, now: int) -> bool:
        """Whether it has reported lately enough to be believed."""
        return now - self.seen_at < SILENT_AFTER


def report(database: Database, worker: WorkerReport) -> None:
    """Write the report over the worker's last one."""
    table = schema.workers
    values = {
        "pid": worker.pid,
        "started_at": worker.started_at,
        "seen_at": worker.seen_at,
        "state": worker.state,
        "detail": worker.detail,
        "counters": dict(worker.counters),
    }
    with database.write() as connection:
        if connection.execute(update(table).where(table.c.name == worker.name).values(values)).rowcount == 0:
            connection.execute(insert(table).values(name=worker.name, **values))


def reports(database: Database) -> list[WorkerReport]:
    """The last report of each worker, by name."""
    with database.read() as connection:
        rows = connection.execute(select(schema.workers).order_by(schema.workers.c.name)).all()
    return [WorkerReport(**row._asdict()) for row in rows]
