"""Imports on the disk: whose lock is gone was interrupted, what is over is gone, and no name leads anywhere else."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from api.registry.importing.kept import KEPT, UNDER_WAY, Counts, Fault, Found, ImportFolder, State, Wish, hold
from linli.i18n import Text

NOW = 1_800_000_000_000_000
WISH = Wish("devices.csv", "devices", NOW)


@pytest.fixture
def kept(tmp_path: Path) -> ImportFolder:
    return ImportFolder(tmp_path / "imports")


@pytest.mark.parametrize("state", UNDER_WAY)
def test_what_nobody_works_on_any_more_was_interrupted(kept: ImportFolder, state: State) -> None:
    """A process that is killed says nothing: its lock does."""
    one = msgspec.structs.replace(kept.make("p1", WISH, NOW), state=state)
    kept.write(one)
    lock = hold(kept.lock(one.id))
    assert lock is not None
    assert kept.read(one.id) == one, "somebody works on it"
    assert hold(kept.lock(one.id)) is None
    os.close(lock)
    found = kept.read(one.id)
    assert found is not None and found.state is State.INTERRUPTED


def test_an_hour_later_it_is_gone_but_for_what_is_under_way(kept: ImportFolder) -> None:
    """With the file that was sent."""
    old, busy = kept.make("p1", WISH, NOW), kept.make("p1", WISH, NOW)
    for one in (old, busy):
        kept.upload(one).write_bytes(b"personal")
    lock = hold(kept.lock(busy.id))
    assert lock is not None
    assert kept.tidy(NOW + KEPT - 1) == 0
    assert kept.tidy(NOW + KEPT) == 1
    assert [one.id for one in kept.all()] == [busy.id]
    assert not kept.upload(old).exists()
    os.close(lock)
    assert kept.tidy(NOW + KEPT) == 1


def test_a_file_whose_maker_was_killed_goes_too(kept: ImportFolder) -> None:
    """One that is still being sent stays."""
    kept.make("p1", WISH, NOW)
    old, fresh = kept.root / "out-old", kept.root / "out-fresh"
    for folder in (old, fresh):
        folder.mkdir()
        (folder / "registry.xlsx").write_bytes(b"personal")
    an_hour_ago = old.stat().st_mtime - 3601
    os.utime(old, (an_hour_ago, an_hour_ago))
    assert kept.tidy(NOW) == 1
    assert fresh.exists() and not old.exists()


@pytest.mark.parametrize("name", ["", "..", "../secrets", "f" + "0" * 19, "f" + "0" * 21, "F" + "0" * 20, "f0/../../x"])
def test_no_name_leads_out_of_the_folder(kept: ImportFolder, name: str) -> None:
    """Only names that we have made ourselves are looked for."""
    kept.make("p1", WISH, NOW)
    assert kept.read(name) is None


def test_all_that_is_kept_is_its_owners_alone(kept: ImportFolder) -> None:
    """It may hold personal data."""
    one = kept.make("p1", WISH, NOW)
    kept.put_lines(one.id, "faults.jsonl", iter([_fault(2)]))
    for path in [kept.root, *kept.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_faults_come_back_page_by_page(kept: ImportFolder) -> None:
    """In their order, numbered from 1."""
    one = kept.make("p1", WISH, NOW)
    assert kept.some(one.id, "faults.jsonl", Fault, 0, 10) == []
    assert kept.put_lines(one.id, "faults.jsonl", (_fault(row) for row in range(2, 9))) == 7
    page = kept.some(one.id, "faults.jsonl", Fault, 3, 2)
    assert [(number, fault.row) for number, fault in page] == [(4, 5), (5, 6)]


@pytest.mark.parametrize(
    ("state", "errors", "ready"),
    [
        (State.CHECKING, 0, False),
        (State.CHECKED, 0, True),
        (State.CHECKED, 1, False),
        (State.REFUSED, 0, False),
        (State.APPLYING, 0, False),
        (State.APPLIED, 0, False),
        (State.FAILED, 0, True),
        (State.INTERRUPTED, 0, True),
    ],
)
def test_what_may_be_applied(kept: ImportFolder, state: State, errors: int, ready: bool) -> None:
    """What was checked and has no error; again after it could not be written; never twice."""
    found = Found({"device": Counts(1, 1)}, errors)
    one = msgspec.structs.replace(kept.make("p1", WISH, NOW), state=state, found=found)
    assert one.ready is ready


def test_what_was_never_checked_is_not_applied(kept: ImportFolder) -> None:
    """Also if its check was interrupted."""
    assert not msgspec.structs.replace(kept.make("p1", WISH, NOW), state=State.INTERRUPTED).ready


def _fault(row: int) -> Fault:
    return Fault("error", "devices", row, "kind", "x", "unknown_word", Text("不对", "wrong"))
