"""What every server process does around its own work: stop when told, end with its supervisor, report how it is."""

import argparse
import fcntl
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from linli.clock import Clock
from linli.datafolder import OWNER_ALONE, DataFolder, not_writable
from linli.db.database import Database
from linli.db.workers import REPORT_EVERY_S, WorkerReport, report
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.logs import set_up_logging
from linli.settings import Settings

LEASH_VARIABLE = "LINLI_LEASH"
"""Set by the supervisor: stdin is then a pipe whose other end only the supervisor holds."""

_YOUNG = 50_000
"""Objects more than at the last run of the garbage collector, for it to run again; Python's own 700 are half of a batch."""

_log = logging.getLogger(__name__)


WELL = Text("", "")
"""The detail of a process that has nothing to complain of."""

STARTING = Text("启动中", "starting")
"""The detail of a process that has only just begun."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a process is, with the reason for people, and its counters (which only grow): 'ok'; 'noted' if it does all of its work
    and something that people wrote is to be mended; 'degraded'."""

    state: str
    detail: Text
    counters: Mapping[str, float]


def begin(name: str, settings: Settings) -> threading.Event:
    """Set up logging, signals and the leash, and that what is made is for its owner alone; the event is set when the process should stop."""
    os.umask(OWNER_ALONE)
    stop = threading.Event()
    leashed = os.environ.get(LEASH_VARIABLE) == "1"
    set_up_logging(settings.log_level, DataFolder(settings.data).logs / f"{name}.log" if leashed else None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if leashed:
        threading.Thread(target=_watch_leash, name="leash", daemon=True).start()
    _log.info("%s starts, pid %d", name, os.getpid())
    return stop


def keep(*, anew: bool = False) -> None:
    """What there is in memory now, a district's registry say, is to stay, and a batch is no garbage: the collector looks at the
    one no more, and not in the midst of the other. What stays out of cycles, as nearly all does, it has no part in.

    `anew`: what was kept before and is garbage by now goes first, which stops the process as long as it takes to look at all.
    """
    if anew:
        gc.unfreeze()
        gc.collect()
    else:
        gc.collect(1)  # what is young and in a cycle already would stay for good
    gc.freeze()
    gc.set_threshold(_YOUNG)


def _watch_leash() -> None:
    """End the process at once when the supervisor is gone, however it went: nobody would restart or stop us."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    _log.warning("the supervisor is gone; ending")
    os._exit(0)


def shard_option(service: str, arguments: Sequence[str] | None = None) -> str | None:
    """What `--shard` of `python -m <service>` says; None if it is not given. Ends the process for any other option."""
    parser = argparse.ArgumentParser(f"python -m {service}")
    told = Text("负责哪个分片，如 2/8（设置 shard）", "which shard it serves, such as 2/8 (setting shard)")
    parser.add_argument("--shard", help=str(told))
    shard: str | None = parser.parse_args(arguments).shard
    return shard


def only_one(name: str, settings: Settings) -> IO[str]:
    """Hold, until the file is closed or the process has ended, that no other worker `name` runs on this data folder.

    DataFolderError, saying which process does, or that the folder cannot be written.
    """
    path = DataFolder(settings.data).run / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise not_writable(settings.data, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip() or "?"
        file.close()
        raise DataFolderError(
            Text(
                f"数据目录 {settings.data} 上已有 {name} 在运行（进程 {pid}）：每个分片只能有一个进程，请先停止它",
                f"{name} runs on the data folder {settings.data} already (process {pid}): one process for each shard; stop that "
                "one first",
            )
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def no_broker(reason: str = "") -> Text:
    """That there is no connection to the broker, with what the client library says of it."""
    why = Text(f"：{reason}", f": {reason}") if reason else WELL
    return Text(f"与消息服务器没有连接{why.zh}", f"no connection to the broker{why.en}")


class Troubles:
    """What is wrong with a process now, by cause. Threads may set and clear at the same time: each does one step."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Text, bool]] = {}

    def set(self, cause: str, text: Text, *, hinders: bool = True) -> None:
        """This is wrong, from now until it is cleared, and keeps it from its work, or some of it, unless it `hinders` nothing."""
        self._told[cause] = (text, hinders)

    def clear(self, cause: str) -> None:
        """It is well again, or was."""
        self._told.pop(cause, None)

    def __contains__(self, cause: str) -> bool:
        return cause in self._told

    def health(self, counters: Mapping[str, float]) -> Health:
        """Degraded while anything hinders it, noted while anything else is wrong, with all that is."""
        told = list(self._told.copy().values())
        detail = Text("；".join(text.zh for text, _ in told), "; ".join(text.en for text, _ in told))
        state = "degraded" if any(hinders for _, hinders in told) else "noted"
        return Health(state if told else "ok", detail, counters)


class Reporter:
    """A thread that writes this process's health to the database every 2 s, for as long as it runs."""

    def __init__(self, name: str, database: Database, clock: Clock, health: Callable[[], Health]) -> None:
        self._name = name
        self._database = database
        self._clock = clock
        self._health = health
        self._started_at = clock.now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Report now and from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Report once more, as stopped, and end the thread. Without `start`, nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        self._report(self._asked())
        while not self._stop.wait(REPORT_EVERY_S):
            self._report(self._asked())
        self._report(replace(self._asked(), state="stopped", detail=WELL))

    def _asked(self) -> Health:
        try:
            return self._health()
        except Exception as error:  # noqa: BLE001  (a fault in a counter must not make a working process look dead)
            _log.exception("the health of this process cannot be told")
            return Health("degraded", Text(f"无法得知其状态：{error}", f"its health cannot be told: {error}"), {})

    def _report(self, health: Health) -> None:
        now = self._clock.now()
        worker = WorkerReport(
            self._name, os.getpid(), self._started_at, now, health.state, health.detail, health.counters
        )
        try:
            report(self._database, worker)
        except SQLAlchemyError as error:
            _log.warning("cannot report health: %s", error)
