"""A helper process's side of its talk with the bench (`linli.cli.benches.helper` has the other): lines of JSON.

Imports next to nothing: the memory of a process that uses it is measured.
"""

import os
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
