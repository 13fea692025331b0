"""What a backup is: its names, its order, its manifest."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.backups import (
    FORMAT,
    BackupError,
    File,
    Kept,
    KeptJournal,
    Manifest,
    Turn,
    check_name,
    decode_manifest,
    differences,
    encode_manifest,
    file_name,
    sqlite_files,
    turn_of,
)

FILES = [File("data/linli.db", 4096, "a" * 64), File("data/secrets/broker.json", 10, "b" * 64)]
MANIFEST = Manifest(
    FORMAT,
    "0.1.0",
    1,
    2,
    Kept("sqlite", "0011", True),
    Kept("influx2", None, False),
    {"0/1": 40},
    [KeptJournal("rules", 30, 44)],
    FILES,
)


@pytest.mark.parametrize(
    ("path", "turn"),
    [
        ("agents/gw-1/outbox.db", Turn.OUTBOXES),
        ("VERSION", Turn.FIRST),
        ("secrets/broker.json", Turn.FIRST),
        ("audit/head.json", Turn.FIRST),
        ("rules/journal-00000000000000000001.log", Turn.RULES),
        ("rules/shard-1-of-2/snapshot-00000000000000000001.state", Turn.RULES),
        ("linli.db", Turn.DATABASE),
        ("readings.db", Turn.READINGS),
        ("snapshots/2026/a.jpg", Turn.LAST),
        ("drawings/c001/c001-b1-plan/2026-03-02/a.png", Turn.LAST),
        ("something new", Turn.FIRST),
        ("a new folder/with a file", Turn.LAST),
    ],
)
def test_what_is_moved_is_copied_in_the_direction_in_which_it_goes(path: str, turn: Turn) -> None:
    """An event goes from the outbox to journal and database, a dead letter from the database to the readings; an image is there
    before its row."""
    assert turn_of(PurePosixPath(path)) is turn


@pytest.mark.parametrize(
    "path",
    [
        "run/lock",
        "logs/rules.log",
        "broker/nats.conf",
        "restored/linli.toml",
        "linli.db-wal",
        "linli.db-shm",
        "agents/gw-1/outbox.db-wal",
        "secrets/broker.lock",
        "rules/snapshot-1.state.part",
        "secrets/broker.json.x1.new",
    ],
)
def test_what_is_made_anew_is_left_out(path: str) -> None:
    """Logs, what runs now, the broker's store; what is half written; what the copy of a database has in it."""
    assert turn_of(PurePosixPath(path)) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "data/../../x",
        "data/..",
        "data/./x",
        "data//x",
        "./data/x",
        "data\\..\\x",
        "data/a\x00b",
        "data/a\nb",
        "etc/passwd",
        "data",
        "database.dump/x/../../y",
        "C:/x",
        "data/" + "a" * 1000,
        "data/\udcff",
    ],
)
def test_a_name_that_no_backup_has_is_refused(name: str) -> None:
    """Nothing lies outside the folder that it is unpacked in."""
    with pytest.raises(BackupError):
        check_name(name)


@given(st.text() | st.lists(st.sampled_from(["data", "..", ".", "", "a", "settings", "/"])).map("/".join))
def test_an_accepted_name_stays_in_its_folder(name: str) -> None:
    """Whatever the text."""
    try:
        path = check_name(name)
    except BackupError:
        return
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert str(path) == name


def test_a_manifest_comes_back() -> None:
    """And says what it holds."""
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert MANIFEST.size == 4106
    assert list(sqlite_files(MANIFEST)) == ["data/linli.db"]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_manifest(content: bytes) -> None:
    """They raise the one error."""
    with pytest.raises(BackupError):
        decode_manifest(content)


def test_a_manifest_of_a_newer_linli_says_so() -> None:
    """Even where it has become another thing altogether."""
    with pytest.raises(BackupError, match=r"newer Linli.*9\.0.*upgrade"):
        decode_manifest(b'{"format": 2, "linli": "9.0", "parts": []}')


def test_a_manifest_names_no_file_that_a_backup_cannot_have() -> None:
    """It is a stranger's word as much as the archive is."""
    changed = encode_manifest(MANIFEST).replace(b"data/linli.db", b"../../linli.d")
    with pytest.raises(BackupError, match="which no backup has"):
        decode_manifest(changed)


def test_each_difference_is_named() -> None:
    """A file that is missing, one too many, one of another content or size."""
    found = [File("data/linli.db", 4096, "c" * 64), File("data/extra", 1, "d" * 64)]
    lines = [line.en for line in differences(MANIFEST, found)]
    assert lines == [
        "data/secrets/broker.json: is not in the backup",
        "data/extra: is not in its manifest",
        "data/linli.db: is damaged (its SHA-256 is another)",
    ]
    assert differences(MANIFEST, FILES) == []


def test_names_sort_by_time() -> None:
    """So that the newest is the last of a listing."""
    names = [file_name("2026-11-23T17:34:31Z"), file_name("2026-11-24T03:00:00Z"), file_name("2027-01-01T00:00:00Z")]
    assert names == sorted(names)
    assert all(re.fullmatch(r"linli-backup-\d{8}T\d{6}Z\.tar", name) for name in names)
