"""Bringing a backup back: into a folder beside the new one, every file compared, and only then under its name."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from alembic.script import ScriptDirectory

from linli.adapters import readings_schema
from linli.backups import (
    DATA,
    DUMP,
    INFLUX,
    MANIFEST,
    RESTORED,
    SETTINGS,
    SETTINGS_FILE,
    BackupError,
    Kept,
    Manifest,
    differences,
)
from linli.cli.backups import carried, influx, postgres, record
from linli.cli.backups.archive import Progress, no_backup, read_manifest, unpack
from linli.cli.backups.places import put, told_by_system, workplace
from linli.datafolder import DataFolder
from linli.db import migrate
from linli.i18n import Text
from linli.settings import Settings

_NOT_COUNTED = frozenset(("lost+found",))


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back: the data folder, and the settings that it was run with."""

    folder: Path
    settings_file: Path
    manifest: Manifest


def restore(
    source: Path | IO[bytes], settings: Settings, progress: Progress, influx_rpc: str | None = None
) -> Restored:
    """Bring the backup back into the folder `settings.data`, which must not be there yet or be empty, and into the servers that
    these settings name.

    BackupError or DataFolderError, with what to do, if it cannot be done: then the folder is as it was. OSError if the backup
    cannot be opened.
    """
    target = settings.data.absolute()
    _require_empty(target)
    if isinstance(source, Path):
        _require_fitting(read_manifest(source), settings)
    with told_by_system(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    opened = source.open("rb") if isinstance(source, Path) else nullcontext(source)
    beside = target.parent
    with told_by_system(beside), workplace(beside, f".{target.name}.restoring-") as scratch:
        with opened as stream:
            manifest, found = unpack(stream, str(source), lambda name: scratch / name, progress)
        _require_same(manifest, differences(manifest, found))
        _require_fitting(manifest, settings)
        data = scratch / DATA
        _require_known(data)
        settings_file = _put_settings(scratch, data, target, settings, manifest)
        _fill_servers(scratch, data, settings, influx_rpc)
        _write_down(data, settings, manifest, "" if not isinstance(source, Path) else str(source.resolve()))
        os.sync()  # all at once: file by file, hundreds of thousands of images would take hours
        put(data, target)
    return Restored(target, target / settings_file, manifest)


def _require_empty(target: Path) -> None:
    if target.is_mount():
        raise BackupError(
            Text(
                f"{target} 是一个挂载点，不能整个替换：请恢复到它下面的目录，如 --data {target}/linli",
                f"{target} is a mount point and cannot be put in place as a whole: restore into a folder below it, such as --data "
                f"{target}/linli",
            )
        )
    there = [path.name for path in target.iterdir()] if target.is_dir() else [target.name] if target.exists() else []
    if there:
        raise BackupError(
            Text(
                f"{target} 不是空目录（有 {there[0]} 等）：备份只恢复到空目录中。要代替那里的 Linli，先停止它，把旧目录改名"
                f"（mv {target} {target}.old），再运行一次",
                f"{target} is not an empty folder ({there[0]} is in it): a backup is restored into an empty one only. To take the place "
                f"of the Linli there, stop it, move its folder away (mv {target} {target}.old) and run this again",
            )
        )


def _require_fitting(manifest: Manifest, settings: Settings) -> None:
    """BackupError unless what the backup was made of is what these settings would use."""
    _require_revision(manifest.database.revision, _revisions(migrate.MIGRATIONS), manifest)
    _require_revision(manifest.readings.revision, _revisions(readings_schema.MIGRATIONS), manifest)
    url = settings.database_url
    if _is_in(manifest.database, "postgresql"):
        if url is None or not url.startswith("postgresql"):
            raise BackupError(
                Text(
                    "此备份的数据库来自 PostgreSQL：请建一个空库（createdb），把 LINLI_DATABASE_URL 指向它，再运行一次",
                    "the database of this backup is one of PostgreSQL: make an empty one (createdb), let LINLI_DATABASE_URL name it, "
                    "and run this again",
                )
            )
        postgres.require_empty(url)
    elif url is not None and manifest.database.included:
        raise BackupError(
            Text(
                "此备份的数据库是 SQLite，而设置 database_url 指定了服务器：Linli 会使用服务器而看不到恢复的数据。请去掉该设置",
                "the database of this backup is SQLite, and the setting database_url names a server: Linli would use that and not see "
                "what was restored. Take the setting away",
            )
        )
    if _is_in(manifest.readings, "influx1") and settings.influx_url is None:
        raise BackupError(
            Text(
                "此备份的读数来自 InfluxDB 1.x：请把 LINLI_INFLUX_URL 指向一台没有这些库的 InfluxDB 1.x，再运行一次",
                "the readings of this backup are of InfluxDB 1.x: let LINLI_INFLUX_URL name one that has not got these databases, and "
                "run this again",
            )
        )


def _is_in(kept: Kept, kind: str) -> bool:
    return kept.included and kept.kind == kind


def _require_same(manifest: Manifest, faults: list[Text]) -> None:
    lacking = {f"{DATA}/VERSION", SETTINGS_FILE} - {file.name for file in manifest.files}
    if lacking:
        raise no_backup(MANIFEST, ", ".join(sorted(lacking)))
    if faults:
        zh, en = "\n".join(fault.zh for fault in faults[:20]), "\n".join(fault.en for fault in faults[:20])
        raise BackupError(
            Text(
                f"备份已损坏，什么也没有恢复（{len(faults)} 处）：\n{zh}\n请用另一份备份",
                f"the backup is damaged, nothing was restored ({len(faults)} faults):\n{en}\nUse another one",
            )
        )


def _require_known(data: Path) -> None:
    """DataFolderError or BackupError if layout or databases are of a newer Linli, whatever the manifest says."""
    DataFolder(data).check_layout()
    try:
        database = readings_schema.current(data / "linli.db")  # Alembic's table is the same in both
        readings = readings_schema.current(data / "readings.db")
    except sqlite3.Error as error:
        raise BackupError(
            Text(f"备份中的数据库打不开：{error}", f"a database in the backup cannot be opened: {error}")
        ) from None
    _require_revision(database, _revisions(migrate.MIGRATIONS))
    _require_revision(readings, _revisions(readings_schema.MIGRATIONS))


def _require_revision(revision: str | None, known: frozenset[str], manifest: Manifest | None = None) -> None:
    if revision is not None and revision not in known:
        by = "" if manifest is None else f" {manifest.linli}"
        raise BackupError(
            Text(
                f"此备份由更新版本的 Linli{by} 写成（{revision}）：请先升级 Linli，再恢复",
                f"the backup was made by a newer Linli{by} ({revision}): upgrade Linli, then restore it",
            )
        )


def _revisions(migrations: Path) -> frozenset[str]:
    config = migrate.config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return frozenset(step.revision for step in ScriptDirectory.from_config(config).walk_revisions())


def _put_settings(scratch: Path, data: Path, target: Path, settings: Settings, manifest: Manifest) -> Path:
    """Write the settings into the new data folder; where they are, relative to it."""
    restored = data / RESTORED
    came = scratch / SETTINGS
    came.rename(restored)
    content = (restored / "settings.json").read_bytes()
    own = {"data": str(target)}
    if _is_in(manifest.database, "postgresql"):
        own["database_url"] = settings.database_url or ""
    if _is_in(manifest.readings, "influx1"):
        own["influx_url"] = settings.influx_url or ""
    file = restored / "linli.toml"
    with _private(file) as opened:
        opened.write(carried.as_toml(content, target, own))
    (restored / "settings.json").unlink()
    return file.relative_to(data)


@contextmanager
def _private(file: Path) -> Iterator[IO[str]]:
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8") as opened:
        yield opened


def _fill_servers(scratch: Path, data: Path, settings: Settings, influx_rpc: str | None) -> None:
    """Readings first: the database is one transaction, and last, so that what failed before leaves it empty."""
    if (scratch / INFLUX).is_dir():
        influx.restore(settings, influx_rpc, scratch / INFLUX)
        shutil.rmtree(scratch / INFLUX)
    if (scratch / DUMP).exists() and settings.database_url is not None:
        version = postgres.require_empty(settings.database_url)
        postgres.restore(settings.database_url, scratch / DUMP, version)


def _write_down(data: Path, settings: Settings, manifest: Manifest, source: str) -> None:
    """Whoever looks at the log of what was brought back sees that it was."""
    if _is_in(manifest.database, "postgresql") and settings.database_url is not None:
        record.restored(settings.database_url, manifest, source)
    elif (data / "linli.db").exists():
        record.restored(f"sqlite:///{(data / 'linli.db').absolute()}", manifest, source)
