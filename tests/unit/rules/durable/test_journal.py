"""The journal: what was appended comes back, snapshots replace it, and damage is told."""

import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli import topics
from linli.codec import encode
from linli.delivery import key_of
from linli.errors import DataFolderError
from linli.model import Lane
from rules.durable.journal import Image, Journal, JournalUnavailable, Snapshot, files_of
from rules.engine.inputs import Input, MessageIn, PassedIn, RegistryIn, RulesIn, Tick
from rules.language.load import load_rules
from tests.unit.rules.smalldisk import PLENTY, SmallDisk
from tests.unit.rules.world import Feed, registry


@contextmanager
def opened(folder: Path) -> Iterator[Journal]:
    """A journal that is closed behind it."""
    journal = Journal(folder)
    try:
        yield journal
    finally:
        journal.close()


def ticks(first: int, count: int) -> list[Input]:
    return [Tick(second) for second in range(first, first + count)]


def image(core: bytes = b"state") -> Image:
    return Image(core, (b"column 1", b""), registry(), RulesIn(load_rules()[:2]))


def kept(journal: Journal, position: int = 0) -> list[Input]:
    return [entry for _, entry in journal.after(position)]


def test_inputs_come_back_in_order_with_their_positions(tmp_path: Path) -> None:
    """Positions go on after a restart."""
    with opened(tmp_path) as journal:
        assert journal.empty
        assert journal.append([Tick(1), Tick(2)]) == [1, 2]
    with opened(tmp_path) as again:
        assert again.append([Tick(3)]) == [3]
        assert list(again.after(0)) == [(1, Tick(1)), (2, Tick(2)), (3, Tick(3))]
        assert list(again.after(2)) == [(3, Tick(3))]


def test_a_snapshot_replaces_the_inputs_up_to_it(tmp_path: Path) -> None:
    """The folder stays bounded, and positions are never used twice."""
    with opened(tmp_path) as journal:
        for round_ in range(20):
            journal.append(ticks(round_ * 10, 10))
            journal.keep(Snapshot(journal.position, 5, image(b"%d" % round_)))
            assert len(files_of(tmp_path)) <= 4
        assert journal.snapshot() == Snapshot(200, 5, image(b"19"))
    with opened(tmp_path) as again:
        assert (again.position, kept(again, 200)) == (200, [])
        assert again.append([Tick(0)]) == [201]


def test_what_comes_while_a_snapshot_is_written_stays(tmp_path: Path) -> None:
    """The file is turned over when the state is taken, and goes only once the snapshot is durable."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 3))
        journal.turn()
        journal.append(ticks(3, 2))
        assert kept(journal) == ticks(0, 5)
        journal.put(Snapshot(3, 0, image()))
        assert kept(journal, 3) == ticks(3, 2)
        journal.append(ticks(5, 1))
    with opened(tmp_path) as again:
        assert (again.snapshot(), kept(again, 3)) == (Snapshot(3, 0, image()), ticks(3, 3))


def test_a_position_may_lie_beyond_the_last_input(tmp_path: Path) -> None:
    """As when an older copy goes on behind a newer database; killed right after it, too."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 3))
        journal.keep(Snapshot(50, 0, image()))
    with opened(tmp_path) as again:
        assert again.append([Tick(9)]) == [51]
    with opened(tmp_path) as later:
        assert list(later.after(50)) == [(51, Tick(9))]


def test_registry_and_rules_are_written_once_for_each_content(tmp_path: Path) -> None:
    """A snapshot of an unchanged district is small; what no snapshot names goes."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 1))
        journal.keep(Snapshot(1, 0, image()))
        before = {file.name: file.stat().st_ino for file in files_of(tmp_path) if file.suffix == ".json"}
        journal.append(ticks(1, 1))
        journal.keep(Snapshot(2, 0, image(b"later")))
        assert {file.name: file.stat().st_ino for file in files_of(tmp_path) if file.suffix == ".json"} == before
        journal.append(ticks(2, 1))
        journal.keep(Snapshot(3, 0, Image(b"other", (), registry(2), RulesIn(()))))
        after = {file.name for file in files_of(tmp_path) if file.suffix == ".json"}
    assert len(after) == 2
    assert not after & set(before)


# --- torn and damaged -----------------------------------------------------------------------------------------------


def three_batches(folder: Path) -> Path:
    with opened(folder) as journal:
        for first, count in ((0, 2), (2, 1), (3, 3)):
            journal.append(ticks(first, count))
    (file,) = folder.glob("journal-*.log")
    return file


def reopened(folder: Path) -> list[Input] | None:
    """What is read, and that it can be written to; None if it is told as damaged."""
    try:
        with opened(folder) as journal:
            read = kept(journal)
            journal.append([Tick(99)])
            assert kept(journal) == [*read, Tick(99)]
    except DataFolderError as error:
        assert "damaged" in error.text.en
        return None
    return read


def test_a_tail_cut_at_any_byte_is_cut_off(tmp_path: Path) -> None:
    """Whole batches stay, nothing else does, and writing goes on."""
    content = three_batches(tmp_path / "whole").read_bytes()
    wholes = [ticks(0, count) for count in (0, 2, 3, 6)]
    before = 0
    for length in range(len(content)):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / "journal-00000000000000000001.log").write_bytes(content[:length])
        read = reopened(folder)
        assert read in wholes
        assert len(read) >= before
        before = len(read)
    assert before == 3


@settings(max_examples=150, deadline=None)
@given(where=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_is_never_applied(tmp_path_factory: pytest.TempPathFactory, where: int, flip: int) -> None:
    """It is told, or, in the last batch, which nobody can tell from a torn one, cut off."""
    folder = tmp_path_factory.mktemp("flip")
    file = three_batches(folder)
    content = bytearray(file.read_bytes())
    content[where % len(content)] ^= flip
    file.write_bytes(content)
    assert reopened(folder) in (None, ticks(0, 3))


@pytest.mark.parametrize("rest", [b"\0" * 5000, b"x" * 3, random.Random(3).randbytes(9000)])
def test_what_a_power_cut_leaves_behind_the_end_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    """Zeros, or anything."""
    file = three_batches(tmp_path)
    file.write_bytes(file.read_bytes() + rest)
    assert reopened(tmp_path) == ticks(0, 6)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Between two others, or before them."""
    with opened(tmp_path) as journal:
        for first in range(3):
            journal.append(ticks(first, 1))
            journal.turn()
    next(file for file in tmp_path.iterdir() if file.name.endswith("2.log")).unlink()
    with pytest.raises(DataFolderError, match="inputs 2 to 2 are missing"):
        Journal(tmp_path)


def test_a_file_that_ends_before_the_next_begins_is_told(tmp_path: Path) -> None:
    """It was whole when the next was begun."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 2))
        journal.turn()
        journal.append(ticks(2, 2))
    first = min(tmp_path.glob("journal-*.log"))
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(DataFolderError, match="damaged"):
        Journal(tmp_path)


@pytest.mark.parametrize("name", ["snapshot-*.state", "registry-*.json", "rules-*.json"])
@pytest.mark.parametrize("seed", range(5))
def test_a_damaged_snapshot_is_told(tmp_path: Path, name: str, seed: int) -> None:
    """A flipped byte anywhere, or a file of it gone."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 3))
        journal.keep(Snapshot(3, 0, image()))
        journal.append(ticks(3, 1))
    (file,) = tmp_path.glob(name)
    content = bytearray(file.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 0x41
    file.write_bytes(content) if seed else file.unlink()
    with pytest.raises(DataFolderError, match="damaged"), opened(tmp_path) as journal:
        journal.snapshot()


def test_a_newer_journal_is_not_touched(tmp_path: Path) -> None:
    """It says to upgrade."""
    file = three_batches(tmp_path)
    content = bytearray(file.read_bytes())
    content[7] = 99
    content[16:20] = bytes(4)
    content[16:20] = zlib.crc32(content[:20]).to_bytes(4, "big")
    file.write_bytes(content)
    with pytest.raises(DataFolderError, match="upgrade Linli"):
        Journal(tmp_path)
    assert file.read_bytes() == content


# --- a disk that is full --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [0, 1, 20, 33])
def test_a_batch_that_cannot_be_written_is_not_in_the_journal(tmp_path: Path, room: int) -> None:
    """All of it or nothing, also what was half written, also for who is killed then; its position is free."""
    journal = SmallDisk(tmp_path)
    journal.append([Tick(1)])
    journal.room = room
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="No space left"):
            journal.append([Tick(2), Tick(3)])
    journal.room = PLENTY
    assert journal.append([Tick(4)]) == [2]
    journal.room = room
    with pytest.raises(JournalUnavailable):
        journal.append([Tick(5)])
    journal.close()
    with opened(tmp_path) as again:
        assert kept(again) == [Tick(1), Tick(4)]


def test_a_file_that_cannot_be_begun_changes_nothing(tmp_path: Path) -> None:
    """The old one is written to; half a batch in it is no damage once a new one follows."""
    journal = SmallDisk(tmp_path)
    journal.append([Tick(1)])
    journal.room = 10
    with pytest.raises(JournalUnavailable):
        journal.append([Tick(2)])
    with pytest.raises(JournalUnavailable):
        journal.turn()
    journal.room = PLENTY
    journal.turn()
    journal.turn()
    assert journal.append([Tick(3)]) == [2]
    journal.close()
    with opened(tmp_path) as again:
        assert kept(again) == [Tick(1), Tick(3)]


# --- who may open it, and what is in it -----------------------------------------------------------------------------


def test_a_journal_that_cannot_be_opened_is_not_told_as_damaged(tmp_path: Path) -> None:
    """A file in its place, or another process that holds it: nobody is sent to move anything away."""
    (tmp_path / "file").write_bytes(b"")
    with opened(tmp_path / "held"):
        for folder in (tmp_path / "file", tmp_path / "held"):
            with pytest.raises(DataFolderError, match="cannot be opened") as caught:
                Journal(folder)
            assert "damaged" not in caught.value.text.en


def test_one_may_look_on_while_it_is_written(tmp_path: Path) -> None:
    """And changes nothing, not even what looks torn."""
    with opened(tmp_path) as journal:
        journal.append(ticks(0, 3))
        (file,) = tmp_path.glob("journal-*.log")
        with file.open("ab") as half:
            half.write(b"half a batch")
        size = file.stat().st_size
        looking = Journal(tmp_path, read_only=True)
        assert kept(looking) == ticks(0, 3)
        looking.close()
        assert file.stat().st_size == size


def test_a_message_is_kept_as_it_came_and_read_anew(tmp_path: Path) -> None:
    """Topic, payload and receive time; what a later Linli can no longer read is passed over as it would be on arrival."""
    made = Feed().event(1, "door", "access.door.opened", {"by": "key"})
    payload = encode(made.message)
    topic = topics.lane_topic("c1", "gw", Lane.URGENT)
    entry = MessageIn(made.message, made.received_at, (topic, payload))
    strange = MessageIn(made.message, made.received_at, (topic, payload.replace(b'"subject"', b'"later":1,"subject"')))
    with opened(tmp_path) as journal:
        journal.append([entry, strange])
        assert kept(journal) == [entry, PassedIn(key_of(made.message), 1, made.received_at)]


# --- the first versions ---------------------------------------------------------------------------------------------

FORMER = Path(__file__).parent / "former" / "format-2.db"


def former_in(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "journal.db").write_bytes(FORMER.read_bytes())


def described(entries: Sequence[Input]) -> list[str]:
    return [type(entry).__name__ for entry in entries]


def test_a_former_journal_is_brought_over_once(tmp_path: Path) -> None:
    """Its snapshot and its inputs with their positions; the file is gone then."""
    former_in(tmp_path)
    with opened(tmp_path) as journal:
        snapshot = journal.snapshot()
        assert snapshot is not None
        assert (snapshot.position, snapshot.told, snapshot.state.core[:1]) == (13, 6, b"{")
        read = kept(journal, 13)
        assert described(read[:5]) == ["MessageIn", "MessageIn", "Tick", "PassedIn", "ActionIn"]
        assert journal.append([Tick(0)]) == [14 + len(read)]
    assert not (tmp_path / "journal.db").exists()
    with opened(tmp_path) as again:
        assert kept(again, 13) == [*read, Tick(0)]
        assert not isinstance(read[0], RegistryIn)


def test_a_kill_while_it_is_brought_over_begins_anew(tmp_path: Path) -> None:
    """What was half done is thrown away."""
    former_in(tmp_path)
    with opened(tmp_path) as journal:
        journal.append([Tick(7)])
        expected = kept(journal, 13)[:-1]
    former_in(tmp_path)
    with opened(tmp_path) as again:
        assert kept(again, 13) == expected


def test_a_damaged_former_journal_is_told_and_stays(tmp_path: Path) -> None:
    """Scribbled over, cut off."""
    for content in (b"this is no database" * 500, FORMER.read_bytes()[:9000]):
        (tmp_path / "journal.db").write_bytes(content)
        with pytest.raises(DataFolderError, match="damaged"):
            Journal(tmp_path)
        assert (tmp_path / "journal.db").exists()
