"""How each process is, as it says itself: for the live view, /health, /metrics and whoever is called at night."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from linli.clock import SECOND
from linli.db import schema
from linli.db.database import Database
from linli.i18n import Text

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
    detail: Text
    counters: Mapping[str, float]

    def alive(self, now: int) -> bool:
        """Whether it has reported lately enough to be believed."""
        return now - self.seen_at < SILENT_AFTER


def report(database: Database, worker: WorkerReport) -> None:
    """Write the report over the worker's last one."""
    make = postgresql.insert if database.engine.dialect.name == "postgresql" else sqlite.insert
    values = {
        "pid": worker.pid,
        "started_at": worker.started_at,
        "seen_at": worker.seen_at,
        "state": worker.state,
        "detail_zh": worker.detail.zh,
        "detail_en": worker.detail.en,
        "counters": dict(worker.counters),
    }
    with database.write() as connection:
        put = make(schema.workers).values(name=worker.name, **values)
        connection.execute(put.on_conflict_do_update(index_elements=["name"], set_=values))


def reports(database: Database) -> list[WorkerReport]:
    """The last report of each worker, by name."""
    with database.read() as connection:
        rows = connection.execute(select(schema.workers).order_by(schema.workers.c.name)).all()
    return [
        WorkerReport(
            name=row.name,
            pid=row.pid,
            started_at=row.started_at,
            seen_at=row.seen_at,
            state=row.state,
            detail=Text(row.detail_zh, row.detail_en),
            counters=row.counters,
        )
        for row in rows
    ]
