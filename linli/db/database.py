"""A connection to the relational database, set up alike wherever it is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from linli.errors import ConfigError
from linli.i18n import Text

_WRITES = "linli_writes"


class Database:
    """An engine with two kinds of transaction. On SQLite a writing one takes the write lock when it begins, so that it
    waits for its turn and never fails half-way because another process wrote in between; readers are not held up (WAL).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back when the block raises."""
        with self.engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str, patience_s: float = 15.0) -> Database:
    """The database at an SQLAlchemy URL. Opening does no I/O; ConfigError if the URL makes no sense.

    `patience_s`: how long to wait for a lock of SQLite, or for a PostgreSQL server that does not answer the connection.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            server = {"connect_timeout": max(1, round(patience_s))} if parsed.get_backend_name() == "postgresql" else {}
            return Database(create_engine(parsed, pool_pre_ping=True, connect_args=server))
        engine = create_engine(parsed, connect_args={"timeout": patience_s})
    except (ArgumentError, ValueError):  # no URL, a port that is no number, a dialect that does not exist
        raise ConfigError(
            Text(
                "database_url 不是 SQLAlchemy 地址，例如 postgresql+psycopg://用户@主机/库名",
                "database_url is not an SQLAlchemy URL, such as postgresql+psycopg://user@host/database",
            )
        ) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            Text(
                f"database_url 需要的驱动 {error.name} 没有安装；PostgreSQL 请用 postgresql+psycopg://，"
                "并在 Linli 的检出目录中执行 pip install '.[postgres]'",
                f"database_url needs the driver {error.name}, which is not installed; for PostgreSQL use "
                "postgresql+psycopg://, and run pip install '.[postgres]' in the checkout of Linli",
            )
        ) from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours (below), not the driver's
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
