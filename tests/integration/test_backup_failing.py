"""Backups and restores that end half way: a full disk, a kill. Nothing is lost, nothing half done is taken for whole."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linli.cli.stack import prepare
from linli.settings import load_settings
from tests.support import eventually

pytestmark = pytest.mark.integration

LINLI = Path(sys.executable).with_name("linli")
BIG = 5_000_000
"""Bytes of one file, more than any pipe or buffer takes."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    prepare(load_settings(data=folder))
    (folder / "snapshots").mkdir()
    (folder / "snapshots" / "big.jpg").write_bytes(os.urandom(BIG))
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINLI_")}
    return {**kept, "LINLI_LANGUAGE": "en", "TMPDIR": str(tmp_path / "tmp")}


def run(environment: dict[str, str], *words: str | Path, status: int = 0, kilobytes: int | None = None) -> str:
    """The command; `kilobytes`: no file may grow beyond that, as on a disk that is full."""
    command = shlex.join([str(LINLI), *map(str, words)])
    limit = "" if kilobytes is None else f"ulimit -f {kilobytes}; "
    done = subprocess.run(
        ["bash", "-c", f"{limit}exec {command}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def left_in(folder: Path) -> list[Path]:
    """What an unfinished run has left."""
    return list(folder.glob(".*.part"))


def test_a_disk_that_is_full(data: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """It says so, and how much it takes; what was begun is gone."""
    backups = tmp_path / "backups"
    backups.mkdir()
    said = run(environment, "backup", "--data", data, "--to", backups, status=2, kilobytes=2000)
    assert f"the disk of {backups} is full" in said
    assert list(backups.iterdir()) == []
    said = run(environment, "backup", "--data", data, "--to", backups, status=2, kilobytes=100)
    assert "the disk of" in said, "a database that does not fit is no fault of the database"
    assert list(backups.iterdir()) == []

    run(environment, "backup", "--data", data, "--to", backups)
    [archive] = backups.iterdir()
    said = run(environment, "restore", archive, "--data", tmp_path / "new", status=2, kilobytes=2000)
    assert f"the disk of {tmp_path} is full" in said
    assert not (tmp_path / "new").exists() and left_in(tmp_path) == []
    assert "full" in run(environment, "backup", "verify", archive, status=2, kilobytes=100)
    assert left_in(tmp_path / "tmp") == []


def test_a_backup_that_is_killed(data: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """What came of it is not taken for a backup; the next one takes away what it left."""
    process = subprocess.Popen([LINLI, "backup", "--data", data, "--to", "-"], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    begun = process.stdout.read(2_000_000)
    process.kill()
    process.wait()
    process.stdout.close()
    assert left_in(tmp_path / "tmp")
    (tmp_path / "begun.tar").write_bytes(begun)
    assert "not complete" in run(environment, "backup", "verify", tmp_path / "begun.tar", status=1)
    with (tmp_path / "whole.tar").open("wb") as whole:
        subprocess.run([LINLI, "backup", "--data", data, "--to", "-"], env=environment, stdout=whole, check=True)
    assert "is sound" in run(environment, "backup", "verify", tmp_path / "whole.tar")
    assert left_in(tmp_path / "tmp") == []


AT_A_TERMINAL = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
"""Starts a command as a terminal does: what a shell runs in the background, these tests too, ignores Ctrl-C, and so does what
it starts."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_restore_that_is_killed(
    data: Path, tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    """There is no folder that could be taken for restored; done again, all is there and nothing else."""
    archive = tmp_path / "a.tar"
    run(environment, "backup", "--data", data, "--to", archive)
    process = subprocess.Popen(
        [*AT_A_TERMINAL, LINLI, "restore", "-", "--data", tmp_path / "new"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(archive.read_bytes()[:-2_000_000])
    process.stdin.flush()
    eventually(lambda: list(tmp_path.glob(".new.restoring-*.part/data/linli.db")), 20, "it is unpacking")

    def ended() -> bool:
        """A signal that comes just before it waits for more is seen at the next one, as a person presses Ctrl-C once more."""
        process.send_signal(number)
        return process.poll() is not None

    eventually(ended, 20, "it has ended")
    process.stdin.close()
    assert not (tmp_path / "new").exists()
    run(environment, "restore", archive, "--data", tmp_path / "new")
    assert (tmp_path / "new" / "snapshots" / "big.jpg").stat().st_size == BIG
    assert left_in(tmp_path) == []


def test_a_pipe_that_ends_too_soon(data: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Who reads it has gone: it says so, and leaves nothing."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {LINLI} backup --data {data} --to - | head -c 10 > /dev/null"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Broken pipe" in done.stderr and "Traceback" not in done.stderr
    assert left_in(tmp_path / "tmp") == []


def test_the_line_for_cron_on_the_page(data: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Makes one, checks it, and only then lets the old ones go."""
    page = (Path(__file__).parents[2] / "docs" / "backup.md").read_text()
    [line] = re.findall(r"^0 3 \* \* \*  linli  (.*)$", page, re.MULTILINE)
    backups = tmp_path / "backups"
    backups.mkdir()
    old = backups / "linli-backup-20250101T030000Z.tar"
    old.touch()
    os.utime(old, (0, 0))
    variables = tmp_path / "linli.env"
    line = line.replace("/mnt/backups", str(backups)).replace("/etc/linli/linli.env", str(variables))

    def at_three() -> int:
        path = f"{LINLI.parent}:{os.environ['PATH']}"
        return subprocess.run(["sh", "-c", line], env=environment | {"PATH": path}, check=False).returncode

    variables.write_text("LINLI_DATA=/nowhere\n")
    assert at_three() != 0
    assert list(backups.iterdir()) == [old]
    variables.write_text(f"LINLI_DATA={data}\n")
    assert at_three() == 0
    [new] = backups.iterdir()
    assert new != old and new.stat().st_size > BIG
