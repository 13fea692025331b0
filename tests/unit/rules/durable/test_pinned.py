"""A journal that is copied while it goes on: the copy opens, and holds what it must."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.errors import DataFolderError
from rules.durable.journal import Image, Journal, Snapshot
from rules.durable.pinned import PinnedJournal
from rules.durable.segments import segments_in
from rules.engine.inputs import RulesIn, Tick
from rules.language.load import load_rules
from tests.unit.rules.world import registry

RULES = RulesIn(load_rules()[:1])


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    journal = Journal(folder)
    try:
        yield journal
    finally:
        journal.close()


@contextmanager
def pinned(folder: Path) -> Iterator[PinnedJournal]:
    pin = PinnedJournal(folder)
    try:
        pin.hold()
        yield pin
    finally:
        pin.close()


def go_on(journal: Journal, steps: str) -> None:
    """One letter a step: an input, or a snapshot with all that follows from it."""
    for step in steps:
        if step == "i":
            journal.append([Tick(journal.position + 1)])
        elif journal.position:
            image = Image(b"%d" % journal.position, (), registry(), RULES)
            journal.keep(Snapshot(journal.position, journal.position, image))


def copied(pin: PinnedJournal, target: Path) -> Path:
    """What a backup has of it, in a folder of its own."""
    target.mkdir()
    for held in pin.files():
        (target / held.name).write_bytes(os.pread(held.descriptor, held.size, 0))
    return target


STEPS = st.text("iiis", max_size=12)


@given(STEPS, st.text("iiii", max_size=12), STEPS)
def test_the_copy_is_of_the_instant(before: str, between: str, after: str) -> None:
    """Whatever comes once it is held: the snapshot is that of the beginning, the inputs go as far as they did then."""
    with TemporaryDirectory() as made:
        folder = Path(made) / "rules"
        with opened(folder) as journal:
            go_on(journal, before)
            had = journal.snapshot()
            with pinned(folder) as pin:
                go_on(journal, between)
                assert pin.extend()
                reached = journal.position
                go_on(journal, after)
                copy = copied(pin, Path(made) / "copy")
                assert (pin.snapshot, pin.position) == (0 if had is None else had.position, reached)
        with opened(copy) as again:
            assert (again.position, again.snapshot()) == (reached, had)
            start = 0 if had is None else had.position
            assert list(again.after(start)) == [(number, Tick(number)) for number in range(start + 1, reached + 1)]


def test_one_snapshot_between_changes_nothing(tmp_path: Path) -> None:
    """What it let go of is held open."""
    with opened(tmp_path / "rules") as journal:
        go_on(journal, "iisii")
        with pinned(tmp_path / "rules") as pin:
            go_on(journal, "isi")
            assert pin.extend()
            assert (pin.snapshot, pin.position) == (2, 6)
            copy = copied(pin, tmp_path / "copy")
    with opened(copy) as again:
        assert [position for position, _ in again.after(2)] == [3, 4, 5, 6]


def test_two_snapshots_between_ask_for_another_try(tmp_path: Path) -> None:
    """Inputs that came and went between the two looks are not in the copy: it says so, and holds anew."""
    with opened(tmp_path / "rules") as journal:
        go_on(journal, "iisii")
        with pinned(tmp_path / "rules") as pin:
            go_on(journal, "isiisi")
            assert not pin.extend()
            pin.hold()
            assert pin.extend()
            assert (pin.snapshot, pin.position) == (7, 8)


def test_a_batch_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    """Nobody was promised it."""
    with opened(tmp_path / "rules") as journal:
        go_on(journal, "iii")
        [segment] = segments_in(tmp_path / "rules")
        whole = segment.stat().st_size
        with segment.open("ab") as file:
            file.write(segment.read_bytes()[-20:-5])
        with pinned(tmp_path / "rules") as pin:
            assert pin.extend()
            [held] = pin.files()
            assert (held.size, pin.position) == (whole, 3)


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    """A backup of it would be worth nothing."""
    with opened(tmp_path / "rules") as journal:
        go_on(journal, "iii")
    [segment] = segments_in(tmp_path / "rules")
    content = bytearray(segment.read_bytes())
    content[60] ^= 1
    segment.write_bytes(content)
    with pinned(tmp_path / "rules") as pin, pytest.raises(DataFolderError, match="cannot be copied"):
        pin.extend()


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    """No journal is no error."""
    with pinned(tmp_path) as pin:
        assert pin.extend()
        assert list(pin.files()) == []
