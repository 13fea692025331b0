"""One Linli to a data folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from linli.cli.lock import FolderLock, Holder, Runs, bare_address
from linli.errors import DataFolderError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "run"
    folder.mkdir(parents=True)
    return folder


def test_the_second_is_refused_with_the_firsts_pid_and_page(run: Path) -> None:
    """And with what to do: open it, stop it, or take another folder."""
    first, second = FolderLock(run), FolderLock(run)
    first.take("http://127.0.0.1:8480", ("10.0.0.7", 1883))
    assert second.holder() == Holder(os.getpid(), "http://127.0.0.1:8480", ("10.0.0.7", 1883))
    with pytest.raises(DataFolderError) as caught:
        second.take()
    for text in (caught.value.text.zh, caught.value.text.en):
        assert f"kill {os.getpid()}" in text
        assert "http://127.0.0.1:8480" in text
        assert "--data" in text
    first.release()
    second.take()
    assert second.crashed is False
    second.release()
    assert second.holder() is None


def test_a_killed_holder_leaves_no_lock_but_a_mark(run: Path) -> None:
    """The kernel gives it back; the next one knows that there was a crash, until it ends in order itself."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom linli.cli.lock import FolderLock\n"
        "FolderLock(Path(sys.argv[1])).take()\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(run)], check=False)
    lock = FolderLock(run)
    assert lock.holder() is None
    lock.take()
    found = [lock.crashed]
    lock.release(crashed=True)  # the mark is left for the next one
    lock.take()
    found.append(lock.crashed)
    lock.release()
    lock.take()
    found.append(lock.crashed)
    lock.release()
    lock.release()
    assert found == [True, True, False]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('{"pid": 7, "address": "http://x"}', Holder(7, "http://x")),
        ('{"pid": 7, "address": "", "broker": null}', Holder(7, "")),
        ('{"pid": 7, "address": "", "broker": ["h"]}', None),
        ('{"pid": 7, "address": "", "runs": {"shards": 2}}', None),
        ("[]", None),
        ("", None),
    ],
)
def test_what_another_version_wrote(run: Path, written: str, found: Holder | None) -> None:
    """A file without the broker, or damaged, is no crash of who looks."""
    lock = FolderLock(run)
    lock.take()
    (run / "lock").write_text(written)
    assert FolderLock(run).holder() == found
    lock.release()


def test_a_folder_that_became_read_only_is_told_as_such(run: Path) -> None:
    """Not by the open's own words: which folder, and by which option to choose another."""
    (run / "lock").mkdir()  # nobody can open it for writing, not even root
    with pytest.raises(DataFolderError, match="--data") as caught:
        FolderLock(run).take()
    assert str(run.parent) in caught.value.text.zh


def test_the_holder_says_what_it_runs_with(run: Path) -> None:
    """For who looks from a shell with other settings; its credentials are not for everybody who may read the folder."""
    lock = FolderLock(run)
    runs = Runs(bare_address("http://me:secret@db:8086/x?token=secret"), 4, False)
    lock.take("http://x", None, runs)
    assert FolderLock(run).holder() == Holder(os.getpid(), "http://x", None, Runs("http://db:8086/x", 4, False))
    assert "secret" not in (run / "lock").read_text()
    lock.release()
