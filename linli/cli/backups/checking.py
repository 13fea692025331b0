"""Looking whether a backup is sound: every hash, every database, the rules' journal to its last input."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from linli.backups import DATA, DUMP, BackupError, Manifest, differences, sqlite_files
from linli.cli.backups import postgres
from linli.cli.backups.archive import Progress, unpack
from linli.cli.backups.databases import require_sound
from linli.cli.backups.places import told_by_system, workplace
from linli.cli.backups.taking import PREFIX
from linli.errors import LinliError
from linli.i18n import Text
from rules.durable.journal import Journal


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: `faults` if it is not sound; `notes`: what could not be looked into."""

    manifest: Manifest
    faults: Sequence[Text]
    notes: Sequence[Text]


def check(stream: IO[bytes], name: str, temporary: Path | None, progress: Progress, *, quick: bool = False) -> Checked:
    """Read the backup through, databases in a folder below `temporary` (None: the system's). `quick`: the hashes alone.

    BackupError if it cannot be read as a backup at all, NotDone if disk or system do not let it be
    looked at.
    """
    where = temporary or Path(tempfile.gettempdir())
    with told_by_system(where), workplace(where, PREFIX) as scratch:

        def place(name: str) -> Path | None:
            return None if quick or not _is_opened(name) else scratch / name

        manifest, found = unpack(stream, name, place, progress)
        faults, notes = differences(manifest, found), list[Text]()
        if not quick and not faults:
            faults += _opened(manifest, scratch, progress)
            notes += _dump(scratch, faults)
        return Checked(manifest, faults, notes)


def _is_opened(name: str) -> bool:
    """Whether it has to be in a folder to be looked into."""
    return name.endswith(".db") or name == DUMP or name.startswith(f"{DATA}/rules/")


def _opened(manifest: Manifest, folder: Path, progress: Progress) -> list[Text]:
    faults = []
    for name in sqlite_files(manifest):
        progress(name, 0)
        try:
            require_sound(folder / name, name, thoroughly=True)
        except BackupError as error:
            faults.append(error.text)
    for kept in manifest.journals:
        progress(kept.folder, 0)
        try:
            last = _read_journal(folder / DATA / kept.folder)
        except LinliError as error:
            faults.append(error.text)
            continue
        if last != kept.position:
            faults.append(
                Text(
                    f"{kept.folder}：日志到 {last} 为止，清单说的是 {kept.position}",
                    f"{kept.folder}: the journal ends at {last}, the manifest says {kept.position}",
                )
            )
    return faults


def _read_journal(folder: Path) -> int:
    """Its last position, after reading the snapshot and each input. DataFolderError for what is damaged."""
    journal = Journal(folder, read_only=True)
    try:
        snapshot = journal.snapshot()
        for _ in journal.after(0 if snapshot is None else snapshot.position):
            pass
        return journal.position
    finally:
        journal.close()


def _dump(folder: Path, faults: list[Text]) -> list[Text]:
    """Have pg_restore read the dump; a note where there is no pg_restore."""
    if not (folder / DUMP).exists():
        return []
    if shutil.which("pg_restore") is None:
        return [
            Text(
                f"没有 pg_restore，{DUMP} 只核对了 SHA-256",
                f"there is no pg_restore here: of {DUMP} only the SHA-256 was compared",
            )
        ]
    try:
        postgres.read_through(folder / DUMP)
    except BackupError as error:
        faults.append(error.text)
    return []
