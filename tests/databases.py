"""New databases for tests, on SQLite and on PostgreSQL alike: what the fixtures of `tests/conftest.py` hand out."""

import itertools
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from linli.db.database import open_database
from linli.db.migrate import upgrade
from tests.postgres import PostgresServer


class Databases(ABC):
    """Makes databases of one kind, 'sqlite' or 'postgresql'. Each costs about 20 ms: migrating is done once, then copied."""

    kind: str

    @abstractmethod
    def new(self, *, migrated: bool = True) -> AbstractContextManager[str]:
        """The URL of a database of the caller's own, at the newest revision or empty; gone after the block."""


class SqliteDatabases(Databases):
    """Files in `folder`."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._template = folder / "template.db"

    @contextmanager
    def new(self, *, migrated: bool = True) -> Iterator[str]:
        file = self._folder / f"test{next(self._numbers)}.db"
        if migrated:
            self._make_template()
            shutil.copy(self._template, file)
        yield f"sqlite:///{file}"
        for part in self._folder.glob(f"{file.name}*"):
            part.unlink()

    def _make_template(self) -> None:
        if not self._template.exists():
            database = open_database(f"sqlite:///{self._template}")
            upgrade(database)
            database.close()


class PostgresDatabases(Databases):
    """Databases of a server."""

    kind = "postgresql"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def new(self, *, migrated: bool = True) -> AbstractContextManager[str]:
        return self._server.database(migrated=migrated)
