"""`linli deadletters` over a real database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.columns import printable
from linli.cli.letters.command import app
from linli.clock import DAY, SystemClock
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
    few = run(folder, "--limit", "2").splitlines()
    assert [line.split()[0] for line in few[1:-2]] == ["4", "5"]
    assert few[-2] == "the newest 2 of 5"
    assert [line.split()[0] for line in run(folder, "--reason", "not_json").splitlines()[1:-1]] == ["2", "4"]


def test_the_list_is_filtered(folder: Path, database: Database) -> None:
    """By gateway, by who refused it, by time: all of them apply. 'gw_1' is no pattern for 'gw-1'."""
    SqlDeadLetters(database).put(
        [
            letter(1),
            letter(2, topic="linli/v1/c001/gateway/gw_1/urgent"),
            letter(3, consumer="edge", topic="gw-1: zigbee2mqtt/x"),
            letter(4, received_at=T0 + DAY),
        ]
    )

    def numbers(*options: str) -> list[str]:
        return [line.split()[0] for line in run(folder, "list", *options).splitlines()[1:-1]]

    assert numbers() == ["1", "2", "3", "4"]
    assert numbers("--gateway", "gw-1") == ["1", "3", "4"]
    assert numbers("--gateway", "gw_1") == ["2"]
    assert numbers("--consumer", "edge") == ["3"]
    assert numbers("--gateway", "gw-1", "--consumer", "ingest") == ["1", "4"]
    assert numbers("--since", "2023-11-15 12:00") == ["4"]
    assert numbers("--since", "2023-11-15") == ["1", "2", "3", "4"]


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
    [
        (["show", "99"], "there is no dead letter 99"),
        (["show", "x"], "ID"),
        (["--limit", "0"], "limit"),
        (["list", "--since", "tuesday"], "one is like 2h"),
        (["replay"], "say which"),
        (["replay", "99"], "there is no dead letter 99"),
        (["purge"], "say which"),
        (["purge", "--older-than", "x"], "one is like 30d"),
    ],
)
def test_what_is_not_there_is_said(folder: Path, database: Database, arguments: list[str], words: str) -> None:
    """Exit status 2, and the reason."""
    result = CliRunner().invoke(app, ["--data", str(folder), *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_a_replay_without_ingest_is_kept_for_it(folder: Path, database: Database) -> None:
    """The request is in the database; the command says who will do it, and what can never be done."""
    SqlDeadLetters(database).put(
        [
            letter(1, "unregistered_device"),
            letter(2, "unregistered_device", payload=b"x" * 70_000),
            letter(3, "unregistered_device", consumer="edge", topic="gw-1: zigbee2mqtt/x"),
            letter(4, "bad_status", topic="linli/v1/c001/gateway/gw-1/status"),
            letter(5),
        ]
    )
    result = CliRunner().invoke(app, ["--data", str(folder), "replay", "--reason", "unregistered_device"])
    assert result.exit_code == 1
    assert "asked for 1; ingest is not running" in result.output
    assert "1 cannot be replayed: it is over 64 KB" in result.output
    assert "1 cannot be replayed: edge refused it, not the server" in result.output
    assert [kept.id for kept in SqlDeadLetters(database).requested(9)] == [1]
    assert "asked for; waits for ingest" in run(folder, "show", "1")
    assert "linli deadletters replay 5" in run(folder, "show", "5")
    assert "cannot be: it is no event or reading" in run(folder, "show", "4")


def test_purging_asks_first(folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal to ask at, it wants --yes; it deletes what was chosen and nothing else."""
    now = SystemClock().now()
    box = SqlDeadLetters(database)
    box.put([letter(1), letter(2, "nul"), letter(3, received_at=now - DAY), letter(4, "nul", received_at=now)])
    result = CliRunner().invoke(app, ["--data", str(folder), "purge", "--older-than", "30d"])
    assert result.exit_code == 2
    assert "this would delete 2; to confirm, add --yes" in result.output
    assert run(folder, "purge", "--older-than", "30d", "--reason", "not_json", "--yes") == "deleted 1\n"
    assert [kept.id for kept in box.newest()] == [4, 3, 2]
    assert run(folder, "purge", "4", "--yes") == "deleted 1\n"
    assert run(folder, "purge", "--reason", "not_json", "--consumer", "edge") == "there are no such dead letters\n"
    assert run(folder, "purge", "--all", "-y") == "deleted 2\n"


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
