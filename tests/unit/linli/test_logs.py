"""A log line is one line: whatever somebody typed, or a device sent, begins no other and steers no terminal."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.logs import encoded, set_up_logging

HOSTILE = {
    "line feed": "guard\n2026-11-23T08:00:00.000Z INFO    linli: admin signed in",
    "carriage return": "guard\rall is well",
    "next line": "guard\x85all is well",
    "line separator": "guard\u2028all is well",
    "paragraph separator": "guard\u2029all is well",
    "colours": "guard\x1b[2J\x1b[31mred",
    "one-byte escape": "guard\x9b31mred",
    "bell and backspace": "guard\x07\x08\x08",
    "right to left": "guard\u202egnp.exe",
    "half a pair": "guard\ud800",
    "NUL": "guard\0",
}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    for handler in before:
        root.removeHandler(handler)
    set_up_logging("info", tmp_path / "linli.log")
    yield tmp_path / "linli.log"
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def _no_other_handlers() -> None:
    """Pytest listens too, and hands on what it hears as it is: half a pair breaks its reports."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_logged_value_brings_along_is_encoded(what: str, log: Path) -> None:
    """As argument of a message, as the whole of it, and where it was formatted before."""
    said = HOSTILE[what]
    _no_other_handlers()
    logging.getLogger("a").warning("sign-in refused for %s", said)
    logging.getLogger("b").warning(said)
    logging.getLogger("c").warning(f"sign-in refused for {said}")
    lines = log.read_text("utf-8").splitlines()
    assert [line.split()[2] for line in lines] == ["a:", "b:", "c:"]
    assert all(line.isprintable() for line in lines)
    assert all("guard" in line for line in lines)


def test_a_traceback_is_readable_and_no_line_of_it_passes_for_another_record(log: Path) -> None:
    """An error's text may be anybody's."""
    try:
        raise ValueError(HOSTILE["line feed"] + HOSTILE["colours"])
    except ValueError:
        logging.getLogger("a").exception("it failed")
    first, *rest = log.read_text("utf-8").splitlines()
    assert first.endswith("a: it failed")
    assert len(rest) > 2
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_what_can_be_seen_stays_as_it_is() -> None:
    """Chinese, emoji, quotes."""
    assert encoded("望湖苑 3 号楼's “门” 🚪 \\n") == "望湖苑 3 号楼's “门” 🚪 \\n"
