"""How Linli itself is: what each process says of itself, and what this one sees of its own."""

from collections.abc import Sequence

from api.views import HealthView, WorkerView
from linli import __version__
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.db.workers import WorkerReport, reports
from linli.i18n import Text
from linli.runtime import no_broker
from linli.shards import service_of, shards_of
from linli.vocabulary import part_name

NEEDED = ("ingest", "rules")
"""Workers without which nothing arrives or nobody is told."""

OWN = "api"
_NO_FEED = Text(
    "页面的实时更新已停止，新告警不会自动出现", "the live feed has stopped: new alerts do not appear by themselves"
)


def own_troubles(*, broker_connected: bool, feed_alive: bool) -> dict[str, Text]:
    """What is wrong with this process, by the part that ails ('broker': this process does not reach it)."""
    troubles = {} if feed_alive else {OWN: _NO_FEED}
    return troubles if broker_connected else troubles | {"broker": no_broker()}


def read_health(database: Database, now: int, own: dict[str, Text]) -> HealthView:
    """How Linli is at `now`, by the processes' reports and `own_troubles` (which is newer than this process's report)."""
    workers = tuple(_view(report, now) for report in reports(database))
    notes = tuple(dict.fromkeys(worker.detail for worker in workers if worker.state == "noted"))
    troubles = [(worker.name, _reason(worker)) for worker in workers if worker.name != OWN and _ails(worker)]
    troubles += _missing(workers)
    troubles += own.items()
    counts = SqlAlerts(database).count_open()
    return HealthView(
        state="degraded" if troubles or notes else "ok",
        at=now,
        version=__version__,
        reasons=(*(reason for _, reason in troubles), *notes),
        workers=workers,
        open_alerts={severity.value: count for severity, count in counts.items()},
        ailing=tuple(dict.fromkeys(name for name, _ in troubles)),
        notes=notes,
    )


def _view(report: WorkerReport, now: int) -> WorkerView:
    state = report.state if report.alive(now) or report.state == "stopped" else "silent"
    return WorkerView(
        report.name, state, report.detail, report.pid, report.started_at, report.seen_at, dict(report.counters)
    )


def _ails(worker: WorkerView) -> bool:
    return worker.state not in ("ok", "noted", "stopped")


def _missing(workers: Sequence[WorkerView]) -> list[tuple[str, Text]]:
    """The needed workers that were stopped, or have never run."""
    there = {worker.name for worker in workers if worker.state != "stopped"}
    running = [service_of(name) for name in there]
    needed = [
        shard.worker(service)
        for service in NEEDED
        for shard in shards_of(max((shard.count for name, shard in running if name == service), default=1))
    ]
    names = ((name, part_name(name)) for name in needed if name not in there)
    return [(name, Text(f"{shown.zh}没有运行", f"{shown.en} is not running")) for name, shown in names]


def _reason(worker: WorkerView) -> Text:
    name = part_name(worker.name)
    if worker.state == "silent":
        return Text(f"{name.zh}没有应答", f"{name.en} does not answer")
    return Text(f"{name.zh}：{worker.detail.zh}", f"{name.en}: {worker.detail.en}")
