"""What is copied from: the files of the data folder turn by turn, and what is pinned to one instant."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Protocol

from sqlalchemy import text

from linli.backups import BackupError, KeptJournal, Turn, turn_of
from linli.cli.backups.databases import Pinned, Told
from linli.cli.backups.postgres import PinnedPostgres
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.settings import Settings
from rules.durable.journal import is_kept_in
from rules.durable.pinned import PinnedJournal

_TRIES = 10
_REVISION = "SELECT version_num FROM alembic_version"
_POSITIONS = "SELECT shard, position FROM rules_positions"


def files_of(root: Path, turn: Turn) -> Iterator[tuple[PurePosixPath, Path]]:
    """The files of the data folder `root` whose turn it is, by name: where in the folder each lies, and its path. Folders that
    are links are followed, once."""
    seen: set[Path] = set()
    for top in sorted(root.iterdir()):
        inside = turn_of(PurePosixPath(top.name) / "any")
        if not top.is_dir() or inside is turn:
            yield from _below(root, top, turn, seen)


def _below(root: Path, path: Path, turn: Turn, seen: set[Path]) -> Iterator[tuple[PurePosixPath, Path]]:
    if path.is_dir():
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            for each in sorted(path.iterdir()):
                yield from _below(root, each, turn, seen)
    elif path.is_file():
        place = PurePosixPath(path.relative_to(root).as_posix())
        if turn_of(place) is turn:
            yield place, path


class Database(Protocol):
    """The database of alerts, registry and people, as it was at one instant."""

    kind: str

    def revision(self) -> str:
        """Of its schema."""

    def rules_position(self) -> dict[str, int]:
        """By shard, up to where it has the rules' effects."""

    def copy(self, target: Path, told: Told) -> None:
        """Write it to the new file `target`."""

    def close(self) -> None:
        """Let go of it."""


class SqliteDatabase:
    """`linli.db`."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._pinned = Pinned(path)

    def revision(self) -> str:
        """As Alembic notes it."""
        return str(self._pinned.ask(_REVISION)[0][0])

    def rules_position(self) -> dict[str, int]:
        """From the rules' own table."""
        return {str(shard): int(str(position)) for shard, position in self._pinned.ask(_POSITIONS)}

    def copy(self, target: Path, told: Told) -> None:
        """Page by page."""
        self._pinned.copy(target, told)

    def close(self) -> None:
        """End the transaction."""
        self._pinned.close()


class PostgresDatabase:
    """The one that `database_url` names."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        self._pinned = PinnedPostgres(url)

    def revision(self) -> str:
        """As Alembic notes it."""
        return str(self._pinned.connection.execute(text(_REVISION)).scalar_one())

    def rules_position(self) -> dict[str, int]:
        """From the rules' own table."""
        return {row.shard: row.position for row in self._pinned.connection.execute(text(_POSITIONS))}

    def copy(self, target: Path, told: Told) -> None:
        """By pg_dump, which says nothing of how far it is."""
        self._pinned.copy(target)

    def close(self) -> None:
        """End the transaction."""
        self._pinned.close()


def open_database(settings: Settings) -> Database:
    """The database of the settings, pinned. BackupError if it cannot be read."""
    if settings.database_url is None:
        return SqliteDatabase(settings.data / "linli.db")
    if not settings.database_url.startswith("postgresql"):
        raise BackupError(
            Text("只能备份 SQLite 与 PostgreSQL", "only SQLite and PostgreSQL can be backed up: see database_url")
        )
    return PostgresDatabase(settings.database_url)


class Moment:
    """Journals, database and SQLite store of readings, held as they are at one instant, for as long as copying takes."""

    def __init__(self, settings: Settings, *, with_database: bool, with_readings: bool) -> None:
        """BackupError, DataFolderError or OSError if one cannot be read."""
        self._all = ExitStack()
        self.journals: dict[Path, PinnedJournal] = {}
        self.database: Database | None = None
        self.readings: Pinned | None = None
        try:
            self._hold(settings, with_database)
            if with_readings and settings.readings_path.exists():
                self.readings = Pinned(settings.readings_path)
                self._all.callback(self.readings.close)
        except BaseException:
            self.close()
            raise

    def kept_journals(self, root: Path) -> list[KeptJournal]:
        """The journals, as the manifest names them."""
        return [
            KeptJournal(folder.relative_to(root).as_posix(), journal.snapshot, journal.position)
            for folder, journal in self.journals.items()
        ]

    def let_go_of_rules(self) -> None:
        """Journals and database are copied: the database's log need not grow while readings are."""
        for held in (*self.journals.values(), self.database):
            if held is not None:
                held.close()

    def close(self) -> None:
        """Let go of all."""
        self._all.close()

    def _hold(self, settings: Settings, with_database: bool) -> None:
        """Journals before the database, and what came to them meanwhile after it: see `rules.durable.pinned`."""
        for _ in range(_TRIES):
            self._hold_journals(settings.data / "rules")
            self.database = open_database(settings) if with_database else None
            if self.database is not None:
                self._all.callback(self.database.close)
            if self._extend_journals(settings.data / "rules"):
                return
            self.close()
        names = ", ".join(map(str, self.journals))
        raise DataFolderError(
            Text(
                f"规则日志 {names} 中间缺少输入，不能复制：linli status 说明规则的情况",
                f"inputs are missing within the rules journal {names}, it cannot be copied: linli status says how the rules are",
            )
        )

    def _hold_journals(self, rules: Path) -> None:
        self.journals = {folder: PinnedJournal(folder) for folder in _journal_folders(rules)}
        for journal in self.journals.values():
            self._all.callback(journal.close)
            journal.hold()

    def _extend_journals(self, rules: Path) -> bool:
        """Whether there are the same journals still, and all that came to them could be held."""
        return list(self.journals) == _journal_folders(rules) and all(each.extend() for each in self.journals.values())


def _journal_folders(rules: Path) -> list[Path]:
    """The rules' folder and those of shards in it, as far as a journal is there."""
    if not rules.is_dir():
        return []
    return [folder for folder in (rules, *sorted(p for p in rules.rglob("*") if p.is_dir())) if is_kept_in(folder)]
