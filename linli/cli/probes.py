"""Does a part answer? Asked from outside, since a process that lives may still be deaf."""

from collections.abc import Callable
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from linli.cli.ports import is_open
from linli.cli.supervisor import OK, Answer
from linli.db.database import Database
from linli.db.workers import SILENT_AFTER, WorkerReport, reports
from linli.i18n import Text

Probe = Callable[[int], Answer]

_SILENT_S = SILENT_AFTER / 1e6
_NOT_YET = Answer(False)


def broker_probe(host: str, port: int) -> Probe:
    """Well if the port accepts a connection."""
    deaf = Answer(False, Text(f"端口 {port} 尚不接受连接", f"port {port} accepts no connection yet"))
    return lambda _pid: Answer(True) if is_open(host, port) else deaf


def http_probe(host: str, port: int, worker: Probe) -> Probe:
    """As `worker` says, provided that the port accepts a connection."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    deaf = Answer(False, Text(f"端口 {port} 尚不接受连接", f"port {port} accepts no connection yet"))

    def probe(pid: int) -> Answer:
        answer = worker(pid)
        return answer if not answer.well or is_open(reached, port) else deaf

    return probe


def worker_probe(database: Database, name: str) -> Probe:
    """Well if process `pid` has written a report under `name` within the last 8 s, by this machine's steady clock.

    The clock of reports does not do: a simulation runs it many times as fast.
    """
    seen: dict[int, tuple[int, float]] = {}

    def probe(pid: int) -> Answer:
        try:
            report = next((report for report in reports(database) if report.name == name), None)
        except SQLAlchemyError as error:
            said = str(error.__cause__ or error)[:200]
            return Answer(False, Text(f"读不到数据库：{said}", f"the database cannot be read: {said}"))
        if report is None or report.pid != pid:
            return _NOT_YET
        stamp, since = seen.get(pid, (-1, 0.0))
        if report.seen_at != stamp:
            seen.clear()
            since = monotonic()
            seen[pid] = report.seen_at, since
        return _judge(report, monotonic() - since)

    return probe


def _judge(report: WorkerReport, quiet_s: float) -> Answer:
    if quiet_s > _SILENT_S:
        return Answer(False, Text(f"已 {quiet_s:.0f} 秒没有报告", f"has not reported for {quiet_s:.0f} s"))
    if report.state == "ok":
        return Answer(True, OK)
    reason = report.detail or report.state
    return Answer(True, Text(reason, reason))
