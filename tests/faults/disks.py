"""A disk of its own for a folder, small enough to fill up: a tmpfs where that may be mounted, else a limit of file sizes."""

import contextlib
import errno
import resource
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

_CHUNK = 1_000_000


class SmallDisk:
    """Made with `open` before anything lies in `folder`, given back with `close`. `fill` leaves no room for anybody.

    Without the right to mount, `fill` keeps the processes it is told from letting any file grow: their writes fail with
    another number (EFBIG for ENOSPC), and so long as they live.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        self._megabytes = megabytes
        self._limited: list[psutil.Process] = []
        self.mounted = False

    def open(self) -> None:
        """Mount it, if that may be done."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self._folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            self.mounted = False

    def close(self) -> None:
        """Unmount it. Nothing may use it any more."""
        if self.mounted:
            subprocess.run(["umount", "-l", str(self._folder)], capture_output=True, check=False)
            self.mounted = False

    def fill(self, pids: Iterable[int]) -> None:
        """From now on nothing can be written."""
        if not self.mounted:
            for pid in pids:
                process = psutil.Process(pid)
                process.rlimit(psutil.RLIMIT_FSIZE, (_CHUNK // 10, resource.RLIM_INFINITY))
                self._limited.append(process)
            return
        with (self._folder / "ballast").open("wb", buffering=0) as ballast:
            for size in (_CHUNK, 4096, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """There is room again."""
        for process in self._limited:
            with contextlib.suppress(psutil.Error):
                process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self._limited.clear()
        if self.mounted:
            (self._folder / "ballast").unlink(missing_ok=True)
