"""A helper process's side of its talk with the bench (`linli.cli.benches.helper` has the other): lines of JSON.

Imports next to nothing: the memory of a process that uses it is measured.
"""

import os
import resource
import sys
import threading
from typing import Any

import orjson

Told = dict[str, Any]
"""One line: an object that says what it is about by one of its keys."""


def read_job() -> dict[str, Any]:
    """The first line. From then on the process ends by itself when the bench is gone."""
    threading.Thread(target=_listen, name="bench", daemon=True).start()
    return wait_for_word()


_words: list[dict[str, Any]] = []
_came = threading.Condition()


def wait_for_word() -> dict[str, Any]:
    """The next line."""
    with _came:
        _came.wait_for(lambda: _words)
        return _words.pop(0)


def tell(line: Told) -> None:
    """Say something to the bench."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def _listen() -> None:
    rest = b""
    # not sys.stdin: its lock, held by this thread, would spoil the end of the process
    while data := os.read(0, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        with _came:
            _words.extend(orjson.loads(line) for line in lines)
            _came.notify()
    os._exit(1)  # the bench is gone


def peak_memory() -> float:
    """The most megabytes (10^6 bytes) that this process has had resident. Not `ru_maxrss`, which on Linux begins with what
    the process had that started it."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  (pathlib is memory too)
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
