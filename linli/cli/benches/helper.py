"""A process that belongs to a bench: started with a job, talking in lines of JSON, gone when its bench is.

The process's side of it is `linli.cli.benches.job`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from linli.cli.benches.job import Told
from linli.errors import LinliError
from linli.i18n import Text
from linli.settings import PREFIX


class Helper:
    """A running `python -m MODULE`. `stop` is to be called in any case; until then it may wait for a word."""

    def __init__(self, module: str, job: Mapping[str, Any], log: Path) -> None:
        self._module = module
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
                start_new_session=True,  # Ctrl-C is for the bench, which then stops it
            )
        self.say(job)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, word: Mapping[str, Any]) -> None:
        """Send it a line."""
        if self._process.stdin is not None:
            self._process.stdin.write(orjson.dumps(word) + b"\n")
            self._process.stdin.flush()

    def lines(self) -> Iterator[Told]:
        """What it says, until it ends. LinliError if it ends with an error."""
        if self._process.stdout is not None:
            for line in self._process.stdout:
                yield orjson.loads(line)
        if self._process.wait() != 0:
            raise LinliError(self._why())

    def until(self, key: str) -> Told:
        """The next line that has `key`. LinliError if it ends before."""
        for line in self.lines():
            if key in line:
                return line
        raise LinliError(self._why())

    def stop(self) -> None:
        """End it. Stopping twice is allowed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _why(self) -> Text:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = said[-1][:300] if said else f"status {self._process.returncode}"
        return Text(f"{self._module} 出错：{last}", f"{self._module} failed: {last}")
