"""One Linli to a data folder: a lock that the kernel takes back however its holder ends."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from linli.datafolder import not_writable
from linli.errors import DataFolderError
from linli.i18n import Text


class Runs(NamedTuple):
    """What a holder runs with. `influx`: address of its InfluxDB, without credentials; None: its store is the folder's own
    file."""

    influx: str | None
    shards: int
    simulator: bool


class Holder(NamedTuple):
    """Who has a lock: its process, where its page is ("": it has none), and where its broker is reached and what it runs
    with, if it said so."""

    pid: int
    address: str
    broker: tuple[str, int] | None = None
    runs: Runs | None = None


class FolderLock:
    """A lock on `run/lock`, in which its holder says who it is. `crashed`: the last holder was killed."""

    def __init__(self, run: Path) -> None:
        self._path = run / "lock"
        self._file: IO[str] | None = None
        self.crashed = False

    def require_free(self) -> None:
        """DataFolderError, saying which process has it and what to do, if another holds it. Takes and makes nothing."""
        if self.holder() is not None:
            raise self._held()
        self.crashed = self._path.exists() and bool(self._path.read_text().strip())

    def take(self, address: str = "", broker: tuple[str, int] | None = None, runs: Runs | None = None) -> None:
        """Take it, or DataFolderError as `require_free`, or because it cannot be written. What the holder says: `Holder`."""
        try:
            file = self._path.open("a+")
        except OSError as error:
            raise not_writable(self._path.parent.parent, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise self._held() from None
        file.seek(0)
        self.crashed = bool(file.read().strip())
        file.truncate(0)
        told = None if runs is None else runs._asdict()
        json.dump({"pid": os.getpid(), "address": address, "broker": broker, "runs": told}, file)
        file.flush()
        self._file = file

    def release(self, crashed: bool = False) -> None:
        """Give it back; again is allowed. `crashed`: leave the mark of a holder that was killed for the next one."""
        if self._file is not None:
            if not crashed:
                self._file.truncate(0)
            self._file.close()
            self._file = None

    def holder(self) -> Holder | None:
        """Who holds it now, or None."""
        try:
            with self._path.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _holder(json.load(file))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return None

    def _held(self) -> DataFolderError:
        holder = self.holder() or Holder(0, "")
        pid, address = holder.pid, holder.address
        folder = self._path.parent.parent
        zh = f"数据目录 {folder} 正由另一个 Linli（进程 {pid}）使用。"
        en = f"the data folder {folder} is in use by another Linli (process {pid})."
        if address:
            zh += f"可直接打开 {address}；"
            en += f" Open {address};"
        zh += f"或停止它（kill {pid}），或用 --data 另选目录。"
        en += f" or stop it (kill {pid}); or choose another folder with --data."
        return DataFolderError(Text(zh, en))


def bare_address(url: str | None) -> str | None:
    """Of a URL what everybody may read: no credentials, no query."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _holder(said: dict[str, Any]) -> Holder:
    broker, runs = said.get("broker"), said.get("runs")
    return Holder(
        int(said["pid"]),
        str(said["address"]),
        None if broker is None else (str(broker[0]), int(broker[1])),
        None if runs is None else Runs(runs["influx"], int(runs["shards"]), bool(runs["simulator"])),
    )
