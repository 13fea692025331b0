"""That a backup was taken, looked at or brought back, in the audit log: by whom, and which one."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from linli.audit import Act, Fact, Outcome
from linli.auditwords import BACKUP_RESTORED, BACKUP_TAKEN, BACKUP_VERIFIED
from linli.backups import BackupError, Manifest
from linli.cli.existing import follow, open_existing, operator
from linli.clock import SystemClock, format_time
from linli.db.audit import append
from linli.db.database import Database, open_database
from linli.errors import LinliError
from linli.i18n import Text
from linli.settings import Settings, load_settings

if TYPE_CHECKING:
    from linli.cli.backups.checking import Checked


def taken(settings: Settings, manifest: Manifest, file: Path | None) -> Text | None:
    """Of one that is there now; what is in the way of writing it down, if anything is."""
    facts = _facts(manifest) | {"database": manifest.database.included, "readings": manifest.readings.included}
    return _note(settings, _act(BACKUP_TAKEN, manifest, facts, None if file is None else str(file.resolve())))


def verified(found: "Checked | None", file: str, *, quick: bool) -> Text | None:
    """Of one that was looked at (None: it could not even be read), where there is a Linli here; likewise."""
    try:
        settings = load_settings()
    except LinliError as error:  # of a folder that is no Linli's there is no log
        return error.text if Path("linli.toml").exists() else None
    if not (settings.data / "VERSION").exists():
        return None
    faults = 1 if found is None else len(found.faults)
    facts: dict[str, Fact] = {"sound": not faults, "faults": faults, "quick": quick}
    manifest = None if found is None else found.manifest
    shown = "" if file == "-" else str(Path(file).resolve())
    return _note(settings, _act(BACKUP_VERIFIED, manifest, facts, shown, Outcome.REFUSED if faults else Outcome.DONE))


def restored(url: str, manifest: Manifest, source: str) -> None:
    """Into the database that was brought back; BackupError if it takes nothing."""
    database = open_database(url)
    try:
        _append(database, _act(BACKUP_RESTORED, manifest, _facts(manifest), source), SystemClock().now())
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise BackupError(
            Text(f"恢复的数据库不能写入：{said}", f"the database that was brought back cannot be written: {said}")
        ) from error
    finally:
        database.close()


def _act(
    verb: str,
    manifest: Manifest | None,
    facts: Mapping[str, Fact],
    file: str | None,
    outcome: Outcome = Outcome.DONE,
) -> Act:
    """A backup is named by when it was made: whatever the file is called, that is in it."""
    ids = () if manifest is None else (format_time(manifest.made_at),)
    details = {"file": file} if file else {}
    return Act(verb, operator(), "backup", ids, facts=facts, details=details, outcome=outcome)


def _facts(manifest: Manifest) -> dict[str, Fact]:
    return {"files": len(manifest.files), "bytes": manifest.size, "linli": manifest.linli}


def _note(settings: Settings, act: Act) -> Text | None:
    """The backup is what it is, whether this can be written down or not."""
    try:
        database = open_existing(settings)
        try:
            if _append(database, act, settings.clock().now()):
                follow(settings, database, act.who)
        finally:
            database.close()
    except LinliError as error:
        return _unwritten(error.text)
    except (SQLAlchemyError, OSError) as error:
        said = str(getattr(error, "orig", None) or error).partition("\n")[0]
        return _unwritten(Text(said, said))
    return None


def _append(database: Database, act: Act, now: int) -> bool:
    """Whether it could be: a database of an older Linli has no log yet."""
    with database.write() as connection:
        there = inspect(connection).has_table("audit_entries")
        if there:
            append(connection, act, now)
    return there


def _unwritten(why: Text) -> Text:
    return Text(f"没有记入审计日志：{why.zh}", f"not written into the audit log: {why.en}")
