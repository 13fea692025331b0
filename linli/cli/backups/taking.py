"""Taking a backup: the parts of an installation, in the order that `linli.backups` has, into an archive."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from linli import __version__
from linli.backups import (
    DATA,
    DUMP,
    FORMAT,
    INFLUX,
    SETTINGS_FILE,
    BackupError,
    Kept,
    Manifest,
    Turn,
    encode_manifest,
    file_name,
)
from linli.cli.backups import carried, influx
from linli.cli.backups.archive import Progress, Writer
from linli.cli.backups.databases import NeverStill, copy_as_it_lies, copy_database, is_sqlite
from linli.cli.backups.places import make_durable, put, told_by_system, workplace
from linli.cli.backups.sources import Moment, files_of
from linli.cli.lock import FolderLock, bare_address
from linli.clock import Clock, format_time
from linli.datafolder import DataFolder
from linli.i18n import Text
from linli.settings import Settings

PREFIX = ".linli-backup-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`to`: an existing folder, or the file to be made; None: standard output. `influx_rpc`: where influxd takes backups."""

    to: Path | None
    database: bool = True
    readings: bool = True
    influx_rpc: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was made: `file` None if it went to standard output; `notes`: what is not in it and was looked for."""

    file: Path | None
    manifest: Manifest
    notes: list[Text]


def take(settings: Settings, wanted: Wanted, clock: Clock, progress: Progress) -> Taken:
    """Make the backup. BackupError or DataFolderError, with what to do, if it cannot be made: then nothing is left behind."""
    _require_data(settings, wanted)
    with (
        told_by_system(settings.data if wanted.to is None else wanted.to),
        _destination(settings, wanted, clock) as where,
    ):
        stream, scratch, file = where
        writer = Writer(stream, clock.now(), progress)
        taking = _Taking(settings, wanted, clock, writer, scratch, progress)
        try:
            manifest = taking.run()
        except BaseException:
            writer.give_up()
            raise
    return Taken(file, manifest, taking.notes)


@dataclass
class _Taking:
    settings: Settings
    wanted: Wanted
    clock: Clock
    writer: Writer
    scratch: Path
    progress: Progress
    notes: list[Text] = field(default_factory=list)
    _copies: int = field(default=0, init=False)

    def run(self) -> Manifest:
        """All of it; the order is the point."""
        began_at, root = self.clock.now(), self.settings.data
        sqlite = self.settings.influx_url is None
        self._add_files(Turn.OUTBOXES)
        self._add_settings()
        self._add_files(Turn.FIRST)
        self._add_files(Turn.RULES)  # nothing but the journals of the first versions; today's are held below
        moment = Moment(
            self.settings, with_database=self.wanted.database, with_readings=self.wanted.readings and sqlite
        )
        try:
            database = self._add_database(moment)
            positions = {} if moment.database is None else moment.database.rules_position()
            journals = moment.kept_journals(root)
            for folder, journal in moment.journals.items():
                for held in journal.files():
                    name = f"{DATA}/{folder.relative_to(root).as_posix()}/{held.name}"
                    self.writer.add_descriptor(name, held.size, held.descriptor)
            moment.let_go_of_rules()
            readings = self._add_readings(moment)
        finally:
            moment.close()
        self._add_files(Turn.LAST)
        made_at, files = self.clock.now(), self.writer.files
        manifest = Manifest(FORMAT, __version__, began_at, made_at, database, readings, positions, journals, files)
        self.writer.finish(encode_manifest(manifest))
        return manifest

    def _add_files(self, turn: Turn) -> None:
        for place, path in files_of(self.settings.data, turn):
            name = f"{DATA}/{place}"
            if turn is Turn.RULES and path.suffix != ".db":
                continue
            try:
                if turn is Turn.OUTBOXES and is_sqlite(path):
                    self._add_copy(name, partial(copy_as_it_lies, path))
                elif is_sqlite(path):
                    self._add_copy(name, partial(copy_database, path, told=self._pages(name)))
                else:
                    self.writer.add_path(name, path)
            except NeverStill as error:
                self.notes.append(error.text)
            except FileNotFoundError:
                continue  # deleted since it was listed

    def _add_database(self, moment: Moment) -> Kept:
        if moment.database is None:
            return Kept("sqlite" if self.settings.database_url is None else "postgresql", None, False)
        name = f"{DATA}/linli.db" if moment.database.kind == "sqlite" else DUMP
        revision, told = moment.database.revision(), self._pages(name)
        copied = moment.database
        self._add_copy(name, lambda target: copied.copy(target, told))
        return Kept(moment.database.kind, revision, True)

    def _add_readings(self, moment: Moment) -> Kept:
        pinned = moment.readings
        if pinned is not None:
            name = f"{DATA}/readings.db"
            ((revision,),) = pinned.ask("SELECT version_num FROM alembic_version")
            self._add_copy(name, lambda target: pinned.copy(target, self._pages(name)))
            return Kept("sqlite", str(revision), True)
        if self.settings.influx_url is None:
            return Kept("sqlite", None, self.wanted.readings)
        if not self.wanted.readings:
            return Kept("influx", None, False)
        folder = self.scratch / INFLUX
        influx.copy(self.settings, self.wanted.influx_rpc, folder)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.writer.add_path(f"{INFLUX}/{path.relative_to(folder).as_posix()}", path)
        shutil.rmtree(folder)
        return Kept("influx1", None, True)

    def _add_settings(self) -> None:
        for name, path in carried.carried_files(self.settings):
            self.writer.add_path(name, path)
        self.notes += [
            Text(
                f"设置 {name} 指定的 {path} 不存在，备份中没有它",
                f"{path}, which the setting {name} names, is not there, and not in the backup",
            )
            for name, path in carried.missing_files(self.settings)
        ]
        target = self.scratch / "settings"
        target.write_bytes(carried.encode(carried.what_was_set(self.settings)))
        self.writer.add_path(SETTINGS_FILE, target)

    def _add_copy(self, name: str, make: Callable[[Path], None]) -> None:
        """Have a copy made aside, put it in, and take it away."""
        self._copies += 1
        target = self.scratch / f"copy-{self._copies}.db"
        make(target)
        self.writer.add_path(name, target)
        target.unlink()

    def _pages(self, name: str) -> Callable[[int, int], None]:
        return lambda done, whole: self.progress(f"{name} {done * 100 // max(whole, 1)} %", 0)


def _require_data(settings: Settings, wanted: Wanted) -> None:
    """BackupError if there is nothing to back up, or the shell has other settings than the Linli that runs."""
    folder = DataFolder(settings.data)
    folder.check_layout()
    if not (folder.root / "VERSION").exists():
        raise BackupError(
            Text(
                f"数据目录 {settings.data} 里还没有数据：用 --data 指定目录",
                f"there is nothing in the data folder {settings.data} yet: name it with --data",
            )
        )
    holder = FolderLock(folder.run).holder()
    ours = bare_address(settings.influx_url)
    if holder is not None and holder.runs is not None and holder.runs.influx != ours:
        raise BackupError(
            Text(
                f"正在运行的 Linli 把读数存在 {holder.runs.influx or 'SQLite'}，而此处的设置是 {ours or 'SQLite'}："
                "请用与它相同的设置运行（LINLI_INFLUX_URL、linli.toml）",
                f"the Linli that runs keeps its readings in {holder.runs.influx or 'SQLite'}, and the settings here say "
                f"{ours or 'SQLite'}: run this with the settings that it has (LINLI_INFLUX_URL, linli.toml)",
            )
        )
    if settings.influx_url is not None and wanted.readings:
        kind = influx.kind_of(settings)
        if kind != "influx1":
            raise influx.not_ours(kind)


@contextmanager
def _destination(settings: Settings, wanted: Wanted, clock: Clock) -> Iterator[tuple[IO[bytes], Path, Path | None]]:
    """A stream for the archive, a folder for copies, and the archive's name once the block has ended."""
    if wanted.to is None:
        with workplace(Path(tempfile.gettempdir()), PREFIX) as scratch:
            yield sys.stdout.buffer, scratch, None
            sys.stdout.buffer.flush()
        return
    file = _file(settings, wanted.to, clock.now())
    with workplace(file.parent, PREFIX) as scratch:
        with (scratch / "archive").open("wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            yield stream, scratch, file
            stream.flush()
            os.fsync(stream.fileno())
        put(scratch / "archive", file)
    make_durable(file.parent)


def _file(settings: Settings, to: Path, now: int) -> Path:
    file = _free_name(to, now) if to.is_dir() else to
    data = settings.data.resolve()
    if data == file.resolve() or data in file.resolve().parents:
        raise BackupError(
            Text(
                f"备份不能放在数据目录 {data} 里：用 --to 指定别处，最好在另一块磁盘上",
                f"a backup cannot lie within the data folder {data}: name another place with --to, best on another disk",
            )
        )
    if not file.parent.is_dir():
        raise BackupError(Text(f"没有目录 {file.parent}：先建立它", f"there is no folder {file.parent}: make it first"))
    if file.exists():
        raise BackupError(Text(f"{file} 已经存在：请换一个名字", f"{file} is there already: choose another name"))
    return file


def _free_name(folder: Path, now: int) -> Path:
    """One that says the time; of several in one second each has its own."""
    first = folder / file_name(format_time(now)[:19] + "Z")
    numbered = (first.with_stem(f"{first.stem}-{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([first], numbered) if not name.exists())
