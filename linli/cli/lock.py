"""One Linli to a data folder: a lock that the kernel takes back however its holder ends."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO

from linli.errors import DataFolderError
from linli.i18n import Text


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

    def take(self, address: str = "") -> None:
        """Take it, or DataFolderError as `require_free`. `address`: where its page is."""
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise self._held() from None
        file.seek(0)
        self.crashed = bool(file.read().strip())
        file.truncate(0)
        json.dump({"pid": os.getpid(), "address": address}, file)
        file.flush()
        self._file = file

    def release(self, crashed: bool = False) -> None:
        """Give it back; again is allowed. `crashed`: leave the mark of a holder that was killed for the next one."""
        if self._file is not None:
            if not crashed:
                self._file.truncate(0)
            self._file.close()
            self._file = None

    def holder(self) -> tuple[int, str] | None:
        """The pid and address of who holds it now, or None."""
        try:
            with self._path.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    said = json.load(file)
                    return int(said["pid"]), str(said["address"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    def _held(self) -> DataFolderError:
        pid, address = self.holder() or (0, "")
        folder = self._path.parent.parent
        zh = f"数据目录 {folder} 正由另一个 Linli（进程 {pid}）使用。"
        en = f"the data folder {folder} is in use by another Linli (process {pid})."
        if address:
            zh += f"可直接打开 {address}；"
            en += f" Open {address};"
        zh += f"或停止它（kill {pid}），或用 --data 另选目录。"
        en += f" or stop it (kill {pid}); or choose another folder with --data."
        return DataFolderError(Text(zh, en))
