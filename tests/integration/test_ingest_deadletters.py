"""`linli deadletters` over a real database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.deadletters import app, printable
from linli.db.database import Database
from linli.db.deadletters import SqlDeadLetters
from linli.model import DEAD_LETTER_BYTES, DeadLetter
from tests.integration.ingest_world import prepare

T0 = 1_700_000_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    opened = prepare(folder)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")


def letter(n: int = 1, reason: str = "not_json", payload: bytes = b"{", **facts: object) -> DeadLetter:
    whole = {
        "key": f"k{n}",
        "consumer": "ingest",
        "received_at": T0 + n * 1_000_000,
        "topic": "linli/v1/c001/gateway/gw-1/urgent",
        "reason": reason,
        "detail": f"detail {n}",
        "payload": payload[:DEAD_LETTER_BYTES],
        "size": len(payload),
    }
    return DeadLetter(**(whole | facts))  # type: ignore[arg-type]


def run(folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--data", str(folder), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_newest_are_listed_with_reason_and_place(folder: Path, database: Database) -> None:
    """The newest next to the prompt; filtered by reason; as many as asked."""
    assert run(folder) == "no dead letters\n"
    SqlDeadLetters(database).put([letter(n, ("not_json", "unknown_gateway")[n % 2]) for n in range(1, 6)])
    lines = run(folder).splitlines()
    assert lines[0].split() == ["ID", "TIME", "REASON", "FROM", "DETAIL"]
    assert lines[1].split() == ["1", "2023-11-15", "06:13:21", "unknown_gateway", "c001/gw-1/urgent", "detail", "1"]
    assert [line.split()[0] for line in lines[1:-1]] == ["1", "2", "3", "4", "5"]
    assert lines[-1] == "to see one: linli deadletters show ID"
    assert [line.split()[0] for line in run(folder, "--limit", "2").splitlines()[1:-1]] == ["4", "5"]
    assert [line.split()[0] for line in run(folder, "--reason", "not_json").splitlines()[1:-1]] == ["2", "4"]


def test_one_is_shown_whole(folder: Path, database: Database) -> None:
    """With what the reason means and how much was kept."""
    SqlDeadLetters(database).put(
        [letter(1, "unregistered_device", b'{"a":\n "\xe5\x8d\xa1"}'), letter(2, payload=b"x" * 70_000)]
    )
    shown = run(folder, "show", "1")
    assert "unregistered_device: the device is not registered" in shown
    assert shown.endswith('{"a":\n "卡"}\n')
    shown = run(folder, "show", "2")
    assert "70000 bytes" in shown
    assert "the first 65536 bytes were kept" in shown


def test_a_strangers_payload_cannot_steer_the_terminal(folder: Path, database: Database) -> None:
    """Escape sequences, carriage returns, direction marks and bytes that are no text are shown as escapes."""
    evil = "\x1b]0;owned\x07\x1b[2J\r\u202e\u200b".encode() + b"\xff\x00"
    SqlDeadLetters(database).put([letter(1, payload=evil, detail="\x1b[31mred", topic="a\x1bb")])
    for output in (run(folder, "show", "1"), run(folder)):
        assert not [c for c in output if not c.isprintable() and c != "\n"]
    assert "\\x1b]0;owned\\x07\\x1b[2J\\r\\u202e\\u200b\\xff\\x00" in run(folder, "show", "1")


def test_counts_by_reason(folder: Path, database: Database) -> None:
    """The most frequent first, and the sum."""
    SqlDeadLetters(database).put([letter(n, "too_deep" if n > 1 else "nul") for n in range(4)])
    lines = run(folder, "count").splitlines()
    assert [line.split()[:2] for line in lines] == [["2", "nul"], ["2", "too_deep"], ["4", "in"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["show", "99"], "there is no dead letter 99"), (["show", "x"], "ID"), (["--limit", "0"], "limit")],
)
def test_what_is_not_there_is_said(folder: Path, database: Database, arguments: list[str], words: str) -> None:
    """Exit status 2, and the reason."""
    result = CliRunner().invoke(app, ["--data", str(folder), *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_without_a_data_folder_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the language of the terminal; nothing is made."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    result = CliRunner().invoke(app, ["--data", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "请先运行 linli up" in result.output
    assert not (tmp_path / "none").exists()


def test_printable_keeps_what_can_be_read() -> None:
    """Chinese, accents and emoji stay."""
    assert printable("卡 é 🏠 a\tb\n", newlines=True) == "卡 é 🏠 a\\tb\n"
