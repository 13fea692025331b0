"""What a backup is: which parts of the data folder go into it and in which order, its manifest, the names it may hold. No I/O.

A backup is a tar archive of regular files, the manifest last, so that it can be written to a pipe and an archive that was cut
short has none:

    data/...         the data folder: databases, the rules' journal, outboxes of local agents, secrets, and what else lies there
    database.dump    PostgreSQL, as pg_dump writes it (custom format)
    influx/...       InfluxDB 1.x, as `influxd backup -portable` writes it
    settings/...     settings.json: what was set; files/<setting>/...: certificates, keys, rule files that settings name
    manifest.json    version, time, revisions, and each file with its size and SHA-256

Theory of operation. Linli goes on while it is copied, so the copies are of different instants, and what is moved from one place
to another meanwhile must be in one of them. Whoever moves something deletes it where it came from only once it is durable where
it goes (an agent its message, ingest the dead letter that it stored, the rules the inputs that a snapshot stands for). So the
copies are taken in the direction of the flow, `Turn` after `Turn`: what has left a place before its copy is found in the next.
docs/backup.md has the argument in full.
"""

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import PurePosixPath

import msgspec

from linli.errors import LinliError
from linli.i18n import Text

FORMAT = 1
MANIFEST = "manifest.json"
DATA, DUMP, INFLUX, SETTINGS = "data", "database.dump", "influx", "settings"
SETTINGS_FILE = f"{SETTINGS}/settings.json"
RESTORED = "restored"
"""Folder in a restored data folder: what was set, and the files that settings named."""

MOST_MANIFEST_BYTES = 512 * 1024 * 1024
"""Some three million files."""

_SQLITE_BESIDE = ("-wal", "-shm", "-journal")
_NOT_KEPT = frozenset(("broker", "logs", "run", RESTORED))
_FIRST = frozenset(("secrets", "audit"))
_MOST_NAME = 1000
_BAD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


class BackupError(LinliError):
    """A backup cannot be made, or is not sound, or cannot be restored; the text says which and what to do."""


class NotDone(BackupError):
    """Disk or system did not let it be done, which says nothing about the backup."""


class Turn(IntEnum):
    """When a file of the data folder is copied; the lower first."""

    OUTBOXES = 1
    FIRST = 2
    """What a database is compared with: the audit's head must not be newer than the database, passwords neither."""

    RULES = 3
    DATABASE = 4
    READINGS = 5
    LAST = 6
    """What rows refer to, images say: each was there before its row."""


class File(msgspec.Struct, frozen=True):
    """One file of the archive; size in bytes, SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Kept(msgspec.Struct, frozen=True):
    """Where something was kept and how far its schema was: kind 'sqlite', 'postgresql', 'influx1' ..., revision None where there
    is none. `included`: whether the backup has it."""

    kind: str
    revision: str | None
    included: bool


class KeptJournal(msgspec.Struct, frozen=True):
    """One shard's journal: its folder in the data folder, the position of its snapshot (0: none) and of its last input."""

    folder: str
    snapshot: int
    position: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. `began_at`, `made_at`: microseconds since 1970 UTC; what was acknowledged before `began_at`
    is in it. `rules_position`: of each shard, the position whose effects the database has."""

    format: int
    linli: str
    began_at: int
    made_at: int
    database: Kept
    readings: Kept
    rules_position: dict[str, int]
    journals: list[KeptJournal]
    files: list[File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def encode_manifest(manifest: Manifest) -> bytes:
    """As the archive has it: JSON, indented for whoever looks at it."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode_manifest(content: bytes) -> Manifest:
    """The inverse. BackupError if that is no manifest, or one of a newer Linli."""
    try:
        said = msgspec.json.decode(content, type=_Versioned)
        if said.format > FORMAT:
            raise BackupError(
                Text(
                    f"此备份由更新版本的 Linli（{said.linli}）写成：请先升级 Linli 再恢复",
                    f"the backup was made by a newer Linli ({said.linli}): upgrade Linli, then restore it",
                )
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(
            Text(f"备份的清单读不懂：{error}", f"the manifest of the backup cannot be read: {error}")
        ) from None
    for file in manifest.files:
        check_name(file.name)
    return manifest


class _Versioned(msgspec.Struct):
    format: int
    linli: str


def turn_of(path: PurePosixPath) -> Turn | None:
    """When the file at this path, relative to the data folder, is copied; None if it is not.

    Not copied are logs, what runs now, the broker's store (agents send again what nobody acknowledged, and their status), what an
    earlier restore has left, locks, and what SQLite keeps beside a database, which its copy contains.
    """
    top = path.parts[0]
    if top in _NOT_KEPT or path.name.endswith((*_SQLITE_BESIDE, ".lock", ".part", ".new")):
        return None
    if str(path) == "linli.db":
        return Turn.DATABASE
    if str(path) == "readings.db":
        return Turn.READINGS
    if top == "agents":
        return Turn.OUTBOXES
    if top == "rules":
        return Turn.RULES
    return Turn.FIRST if top in _FIRST or len(path.parts) == 1 else Turn.LAST


def check_name(name: str) -> PurePosixPath:
    """The path that a file of an archive has, relative to the archive. BackupError for one that could lie elsewhere than in the
    folder it is unpacked in, or that no backup has."""
    path = PurePosixPath(name)
    parts = name.split("/")
    plain = parts == list(path.parts) and not path.is_absolute() and ".." not in parts
    if not plain or not name or len(name) > _MOST_NAME or _BAD.search(name) or not _is_ours(path):
        raise BackupError(
            Text(
                f"备份中有不属于备份的文件 {name!r:.200}：不予恢复。备份可能被人改过",
                f"the backup has a file {name!r:.200}, which no backup has: nothing is restored. Somebody may have changed it",
            )
        )
    return path


def _is_ours(path: PurePosixPath) -> bool:
    if len(path.parts) == 1:
        return path.name in (MANIFEST, DUMP)
    return path.parts[0] in (DATA, INFLUX, SETTINGS)


def file_name(at: str) -> str:
    """The name of a backup begun at the time `at` (RFC 3339, to the second, UTC): it sorts by time."""
    return f"linli-backup-{re.sub(r'[^0-9TZ]', '', at)}.tar"


def differences(manifest: Manifest, found: Iterable[File]) -> list[Text]:
    """In what an archive is not what its manifest says, a line for each file."""
    said, have = {file.name: file for file in manifest.files}, {file.name: file for file in found}
    lines = [
        Text(f"{name}：备份中没有这个文件", f"{name}: is not in the backup") for name in sorted(said.keys() - have)
    ]
    lines += [
        Text(f"{name}：清单中没有这个文件", f"{name}: is not in its manifest") for name in sorted(have.keys() - said)
    ]
    for name in sorted(said.keys() & have):
        if said[name] != have[name]:
            lines.append(Text(f"{name}：内容已损坏（SHA-256 不符）", f"{name}: is damaged (its SHA-256 is another)"))
    return lines


def sqlite_files(manifest: Manifest) -> Sequence[str]:
    """The SQLite databases of a backup, by their names in it."""
    return [file.name for file in manifest.files if file.name.startswith(f"{DATA}/") and file.name.endswith(".db")]
