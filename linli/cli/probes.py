"""Does a part answer? Asked from outside, since a process that lives may still be deaf."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from linli.cli.ports import is_open
from linli.cli.supervisor import Answer
from linli.db.database import Database
from linli.db.workers import SILENT_AFTER, WorkerReport, reports
from linli.errors import ConfigError
from linli.i18n import Text
from linli.runtime import STARTING
from linli.tls import explain

Probe = Callable[[int], Answer]

_SILENT_S = SILENT_AFTER / 1e6
_HANDSHAKE_S = 2.0
_SETTLES_WITHIN_S = 6.0
_STARTS_WITHIN_S = 20.0
_NOT_YET = Answer(False)


def broker_probe(host: str, port: int, tls: Callable[[], ssl.SSLContext] | None = None) -> Probe:
    """Well if the port accepts a connection, and, with `tls`, that can be negotiated on it.

    Never hung: for a broker that does nothing any more the kernel still accepts. Its clients say so ('not connected').
    """
    deaf = Answer(False, Text(f"端口 {port} 尚不接受连接", f"port {port} accepts no connection yet"))
    if tls is None:
        return lambda _pid: Answer(True) if is_open(host, port) else deaf

    def probe(_pid: int) -> Answer:
        try:
            with (  # without the handshake, and a good-bye, the broker would log a fault at each look
                socket.create_connection((host, port), timeout=_HANDSHAKE_S) as connection,
                tls().wrap_socket(connection) as secured,
            ):
                with contextlib.suppress(OSError):
                    secured.unwrap()
                return Answer(True)
        except ssl.SSLError as error:
            why = explain(error)
            return Answer(False, Text(f"端口 {port} 上的 TLS 不通：{why.zh}", f"no TLS on port {port}: {why.en}"))
        except OSError:
            return deaf
        except ConfigError as error:
            return Answer(False, error.text)

    return probe


def http_probe(host: str, port: int, worker: Probe) -> Probe:
    """As `worker` says, provided that the port accepts a connection."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    deaf = Answer(False, Text(f"端口 {port} 尚不接受连接", f"port {port} accepts no connection yet"))

    def probe(pid: int) -> Answer:
        answer = worker(pid)
        return answer if not answer.well or is_open(reached, port) else deaf

    return probe


def worker_probe(database: Database, name: str) -> Probe:
    """Well if process `pid` reports under `name`: an `ok` at first, later anything within the last 8 s.

    A process that has just started says that it is starting, or not connected yet; only if that lasts is it taken for its
    state. Times are by this machine's steady clock: a simulation runs the clock of reports many times as fast.
    """
    watch = _Watch(0, monotonic())

    def probe(pid: int) -> Answer:
        nonlocal watch
        if watch.pid != pid:
            watch = _Watch(pid, monotonic())
        try:
            told = {report.name: report for report in reports(database)}
        except SQLAlchemyError as error:
            said = str(error.__cause__ or error)[:200]
            return Answer(False, Text(f"读不到数据库：{said}", f"the database cannot be read: {said}"))
        report = told.pop(name, None)
        watch.hear_others({other.name: other.seen_at for other in told.values()}, monotonic())
        if report is None or report.pid != pid:
            return _NOT_YET
        return watch.judge(report, monotonic())

    return probe


@dataclass(slots=True)
class _Watch:
    """What is known of one process: since when it has reported, when it and others last reported, whether it was ever ok."""

    pid: int
    since_s: float
    stamp: int = -1
    heard_s: float = 0.0
    was_ok: bool = False
    others: Mapping[str, int] = field(default_factory=dict)
    others_heard_s: float = float("-inf")

    def hear_others(self, stamps: Mapping[str, int], now_s: float) -> None:
        """Note whether any other worker has reported since the last look: it shows that reports can be written."""
        if self.others and stamps != self.others:
            self.others_heard_s = now_s
        self.others = stamps

    def judge(self, report: WorkerReport, now_s: float) -> Answer:
        """What `report`, read at the monotonic time `now_s`, says of the process."""
        if self.stamp < 0:
            self.since_s = now_s
        if report.seen_at != self.stamp:
            self.stamp, self.heard_s = report.seen_at, now_s
        quiet_s = now_s - self.heard_s
        if quiet_s > _SILENT_S:
            said = Text(f"已 {quiet_s:.0f} 秒没有报告", f"has not reported for {quiet_s:.0f} s")
            return Answer(False, said, hung=now_s - self.others_heard_s <= _SILENT_S)
        self.was_ok = self.was_ok or report.state in ("ok", "noted")
        if report.state == "ok":
            return Answer(True)
        reason = report.detail if report.detail.en else Text("有异常", report.state)
        if reason == STARTING and not self.was_ok and now_s - self.since_s <= _STARTS_WITHIN_S:
            return _NOT_YET
        return Answer(self.was_ok or now_s - self.since_s > _SETTLES_WITHIN_S, reason)
