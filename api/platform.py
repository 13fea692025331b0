"""How Linli itself is, read from what each process says of itself."""

from api.views import HealthView, WorkerView
from linli import __version__
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.workers import WorkerReport, reports
from linli.i18n import Text
from linli.vocabulary import part_name

NEEDED = ("ingest", "rules")
"""Workers without which nothing arrives or nobody is told."""


def read_health(database: Database, now: int, broker_connected: bool) -> HealthView:
    """How Linli is at `now`, by the processes' reports."""
    workers = tuple(_view(report, now) for report in reports(database))
    reasons = [_reason(worker) for worker in workers if worker.state not in ("ok", "stopped")]
    running = {worker.name for worker in workers if worker.state not in ("silent", "stopped")}
    silent = {worker.name for worker in workers if worker.state == "silent"}
    reasons += [
        Text(f"{name} 没有运行", f"{name} is not running")
        for name in NEEDED
        if name not in running and name not in silent
    ]
    if not broker_connected:
        reasons.append(Text("与消息服务器的连接中断", "no connection to the broker"))
    counts = SqlAlerts(database).count_open()
    return HealthView(
        state="degraded" if reasons else "ok",
        at=now,
        version=__version__,
        reasons=tuple(reasons),
        workers=workers,
        open_alerts={severity.value: count for severity, count in counts.items()},
    )


def _view(report: WorkerReport, now: int) -> WorkerView:
    state = report.state if report.alive(now) or report.state == "stopped" else "silent"
    return WorkerView(
        report.name, state, report.detail, report.pid, report.started_at, report.seen_at, dict(report.counters)
    )


def _reason(worker: WorkerView) -> Text:
    name = part_name(worker.name)
    if worker.state == "silent":
        return Text(f"{name.zh}没有应答", f"{name.en} does not answer")
    return Text(f"{name.zh}：{worker.detail.zh}", f"{name.en}: {worker.detail.en}")
