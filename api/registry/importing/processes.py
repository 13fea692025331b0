"""Processes that work on files, one each: what takes a processor for a minute and much memory does not do so among requests."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

import msgspec

from api.registry.importing.task import Task
from linli.errors import Refused, TooMany
from linli.i18n import Text

MOST_AT_ONCE = 2
_AGAIN_AFTER_S = 20.0

_log = logging.getLogger(__name__)


class Processes:
    """Starts them, at most MOST_AT_ONCE. Safe to call from several threads. Each ends when this process does, or with `stop`."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(self, name: str, task: Task, locks: Sequence[int], done: Callable[[], None]) -> None:
        """Begin; `done` is called when it has ended, however. `locks`: descriptors that it holds for as long as it runs. TooMany."""
        process = self._begin(name, task, locks)

        def wait() -> None:
            try:
                process.wait()
                if process.returncode > 0:
                    _log.warning("the process of %s ended with %s", name, process.returncode)
            finally:
                self._ended(name, process)
                done()

        threading.Thread(target=wait, name="import", daemon=True).start()

    def run(self, name: str, task: Task) -> None:
        """Begin, and wait for its end. Refused with what it says; TooMany."""
        process = self._begin(name, task, ())
        assert process.stdout is not None
        try:
            said = process.stdout.read()
            process.wait()
        finally:
            process.kill()
            process.wait()
            self._ended(name, process)
        if process.returncode:
            zh, _, en = said.decode("utf-8", "replace").strip().partition("\n")
            error = Refused("not_done", en or "the file could not be made")
            error.text = Text(zh or "文件没有做成", error.detail)
            raise error

    def end(self, name: str) -> bool:
        """End that one, and wait until it has; whether it was one of ours."""
        with self._lock:
            process = self._running.get(name)
        if process is None:
            return False
        process.kill()
        process.wait()
        return True

    def stop(self) -> None:
        """End all."""
        with self._lock:
            running = list(self._running)
        for name in running:
            self.end(name)

    def _begin(self, name: str, task: Task, locks: Sequence[int]) -> subprocess.Popen[bytes]:
        if not self._free.acquire(blocking=False):
            raise TooMany(
                Text("正在处理其他文件，请稍后再试", "other files are being worked on: try again in a moment"),
                retry_after_s=_AGAIN_AFTER_S,
            )
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "api.registry.importing"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=tuple(locks),
                env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )
            assert process.stdin is not None
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
        except BaseException:
            self._free.release()
            raise
        with self._lock:
            self._running[name] = process
        return process

    def _ended(self, name: str, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.pop(name, None)
        self._free.release()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
