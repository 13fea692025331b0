"""The log of commands: on disk before anything is done, and whole again after damage."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.commands import log as commandlog
from edge.commands.log import CommandLog, CommandLogError, digest_of
from linli.commands.wire import Reply, ReplyState

DONE = Reply("c1", ReplyState.DONE, "", "opened", 1_772_406_845_000_000)


def opened(folder: Path) -> CommandLog:
    made = CommandLog(folder)
    assert made.open()
    return made


def test_an_answer_outlives_the_process(tmp_path: Path) -> None:
    """What was answered is found again, word for word, with what was asked."""
    first = opened(tmp_path)
    first.begin("c1", digest_of(b"one"))
    first.finish(DONE)
    first.close()
    again = opened(tmp_path)
    found = again.find("c1")
    assert found is not None
    assert (found.digest, found.reply) == (digest_of(b"one"), DONE)
    assert again.find("c2") is None
    assert again.interrupt(5) == []
    again.close()


def test_what_was_begun_and_not_answered_was_cut_off(tmp_path: Path) -> None:
    """It is answered so, once, whoever asks; nobody can begin it again."""
    first = opened(tmp_path)
    first.begin("c1", digest_of(b"one"))
    first.close()
    again = opened(tmp_path)
    (reply,) = again.interrupt(7_000_000)
    assert (reply.id, reply.state, reply.reason, reply.at) == ("c1", ReplyState.FAILED, "interrupted", 7_000_000)
    found = again.find("c1")
    assert found is not None
    assert found.reply == reply
    assert again.interrupt(8) == []
    with pytest.raises(CommandLogError):
        again.begin("c1", b"x")
    again.close()


def test_a_command_that_was_begun_is_on_disk(tmp_path: Path) -> None:
    """Another connection sees it at once: no transaction is left open."""
    log = opened(tmp_path)
    log.begin("c1", b"x")
    with closing(sqlite3.connect(log.file)) as other:
        assert other.execute("SELECT id FROM commands").fetchall() == [("c1",)]
        assert log._connection is not None
        assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    log.close()


def test_only_so_many_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay; the file does not grow for ever."""
    monkeypatch.setattr(commandlog, "KEPT", 3)
    log = opened(tmp_path)
    for number in range(9):
        log.begin(f"c{number}", b"x")
    assert [number for number in range(9) if log.find(f"c{number}")] == [6, 7, 8]
    log.close()


@pytest.mark.parametrize("damage", [b"not a database at all, but long enough to be one" * 40, b"\x00" * 5000])
def test_a_damaged_file_is_put_aside(tmp_path: Path, damage: bytes) -> None:
    """The log says that it is not whole, and works."""
    log = CommandLog(tmp_path)
    log.file.write_bytes(damage)
    assert not log.open()
    log.begin("c1", b"x")
    assert log.find("c1") is not None
    assert log.file.with_suffix(".damaged").read_bytes() == damage
    log.close()
    log.close()


def test_a_folder_that_cannot_be_is_an_error_of_ours(tmp_path: Path) -> None:
    """With the file's name; and a log that is not open says so."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandLogError, match=r"commands\.db"):
        CommandLog(tmp_path / "file").open()
    with pytest.raises(CommandLogError, match="not open"):
        CommandLog(tmp_path).find("c1")
