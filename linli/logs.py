"""Logging as every process of Linli does it: one line each, UTC, to a file of bounded size or to stderr."""

import logging
import logging.handlers
import time
from pathlib import Path

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


def encoded(text: str) -> str:
    """`text` as one line in which nothing steers a terminal or begins another line: what cannot be seen (line ends of any script,
    escape sequences, direction marks) is written as its escape."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


class _Formatter(logging.Formatter):
    """UTC times, and no line that a logged value brought along: those of a traceback are set in."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not record.exc_info:
            return encoded(text)
        return "\n    ".join(map(encoded, text.split("\n")))


def set_up_logging(level: str, file: Path | None = None) -> None:
    """Send all logging of this process to `file` (10 MB, 3 older ones kept), or to stderr."""
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=10_000_000, backupCount=3, encoding="utf-8")
    handler.setFormatter(_Formatter(_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
