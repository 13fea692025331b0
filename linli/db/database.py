"""A connection to the relational database, set up alike wherever it is opened."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError

from linli.errors import ConfigError, DataFolderError
from linli.i18n import Text

_WRITES = "linli_writes"
_AT_THE_END = "linli_at_the_end"
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_ALONE = {"isolation_level": "AUTOCOMMIT"}
_SHOWN_NUL = "\N{SYMBOL FOR NULL}"
_DRIVERS_OF_LIBPQ = ("psycopg", "psycopg2")
_FORGOTTEN_AFTER_MS = 300_000
"""A transaction of PostgreSQL in which nothing happens for this long is ended: a process that hangs or was stopped must not
hold up all others for good."""

_LOG_PATIENCE_MS = 1_000

_USED_AT = "linli_used_at"
_TRUSTED_S = 1.0
"""A connection that was used this recently is taken to work still."""

Around = Callable[[Connection], AbstractContextManager[object]]


def at_the_end(connection: Connection, work: Callable[[Connection], object]) -> None:
    """Do this just before the writing transaction is committed (`Database.write`), and not if it is rolled back: what others have
    to wait for until then, as the turn of the audit log."""
    connection.info.setdefault(_AT_THE_END, []).append(work)


class Database:
    """An engine with two kinds of transaction, in which readers and writers never wait for each other.

    All that a reading one sees is of one moment. On SQLite a writing one takes the write lock when it begins, so that it waits
    for its turn and never fails half-way because another process wrote in between. On PostgreSQL writers run side by side:
    who reads before writing, or gives numbers that others go by, takes a turn (`linli.db.turns`).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        options = _SNAPSHOT if self.engine.dialect.name == "postgresql" else {}
        with self.engine.connect().execution_options(**options) as connection:
            yield connection

    def rows(self, query: Select[Any]) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of one query. It is of one moment by itself, so that PostgreSQL is spared the transaction around it: two
        answers less to wait for. What belongs together with another query is for `read`."""
        options = _ALONE if self.engine.dialect.name == "postgresql" else {}
        with self.engine.connect().execution_options(**options) as connection:
            return connection.execute(query).all()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back when the block raises."""
        with self.write_within(nullcontext) as connection:
            yield connection

    @contextmanager
    def write_within(self, around: Around) -> Iterator[Connection]:
        """As `write`. `around` is entered on the same connection before the transaction begins, and left after its end: for work for
        which nobody has to wait."""
        writing = self.engine.connect().execution_options(**{_WRITES: True})
        with writing as connection, around(connection), connection.begin():
            connection.info.pop(_AT_THE_END, None)  # of a transaction before that was rolled back
            yield connection
            for work in connection.info.pop(_AT_THE_END, ()):
                work(connection)

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """A writing transaction that may change tables.

        SQLite changes many things about a table by making it anew and dropping the old one, which rows that refer to it would
        not allow. So references are not held meanwhile, and looked at before the end: DataFolderError, and nothing is changed,
        if one leads nowhere then.
        """
        writing = self.engine.connect().execution_options(**{_WRITES: True})
        with writing as connection, _references_aside(connection), connection.begin():
            yield connection
            _check_references(connection)

    def empty_log(self) -> bool:
        """Let what was deleted or written over be in no file any more, as far as that is ours: SQLite's log of writes is emptied,
        unless somebody reads or writes for longer just now. Whether it is. For after the transaction; True for PostgreSQL."""
        with self.engine.connect() as connection:
            driver = connection.connection.driver_connection
            if driver is None or connection.dialect.name != "sqlite":
                return True
            (patience,) = driver.execute("PRAGMA busy_timeout").fetchone()
            driver.execute(f"PRAGMA busy_timeout={_LOG_PATIENCE_MS}")  # others wait to write meanwhile
            try:
                (busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout={patience}")
            return not busy

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str, patience_s: float = 15.0) -> Database:
    """The database at an SQLAlchemy URL. Opening does no I/O; ConfigError if the URL makes no sense.

    `patience_s`: how long to wait for a lock, or for a PostgreSQL server that does not answer.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return Database(_open_server(parsed, patience_s))
        engine = create_engine(parsed, hide_parameters=True, connect_args={"timeout": patience_s})
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


def _open_server(url: URL, patience_s: float) -> Engine:
    """A waiting writer sees what was committed meanwhile: READ COMMITTED, whatever the server's own default is."""
    if url.get_driver_name() not in _DRIVERS_OF_LIBPQ:
        return _asking_the_idle(create_engine(url, hide_parameters=True))
    patience, waits = max(1, round(patience_s)), round(patience_s * 1000)
    given: dict[str, object] = {
        "application_name": "linli",
        "client_encoding": "utf8",
        "connect_timeout": patience,
        "tcp_user_timeout": waits,  # a server that vanished without a word, found while something is on its way to it
        "keepalives_idle": patience,  # and while nothing is
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": f"-c lock_timeout={waits} -c idle_in_transaction_session_timeout={_FORGOTTEN_AFTER_MS}",
    }
    ours = {name: value for name, value in given.items() if name not in url.query}
    engine = _asking_the_idle(
        create_engine(url, hide_parameters=True, isolation_level="READ COMMITTED", connect_args=ours)
    )
    if url.get_driver_name() == "psycopg":
        event.listen(engine, "connect", _set_up_psycopg)
    event.listen(engine, "handle_error", _leave_out_values)
    return engine


def _asking_the_idle(engine: Engine) -> Engine:
    """Have a connection that nobody used for a moment be asked, before it is given out, whether the server still answers; if not,
    all of that time are made anew. (`pool_pre_ping` asks each time, which is a quarter of what a short query costs.)"""

    def remember(_connection: object, record: Any) -> None:
        record.info[_USED_AT] = monotonic()

    def ask(connection: Any, record: Any, _proxy: object) -> None:
        if monotonic() - record.info.get(_USED_AT, inf) < _TRUSTED_S:
            return
        dialect = engine.dialect
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, connection, None):
                raise InvalidatePoolError from error
            raise

    event.listen(engine, "checkin", remember)
    event.listen(engine, "checkout", ask)
    return engine


def _leave_out_values(context: ExceptionContext) -> None:
    """An error that is logged says what is wrong and where. PostgreSQL adds the values, and of a row that is refused all of them:
    whose password hash or telephone number it is must not stand in a log."""
    said = getattr(getattr(context.original_exception, "diag", None), "message_primary", None)
    if said:
        context.original_exception.args = (said,)
        if context.sqlalchemy_exception is not None:
            context.sqlalchemy_exception.args = (f"({type(context.original_exception).__name__}) {said}",)


def _set_up_psycopg(connection: Any, _record: Any) -> None:
    """PostgreSQL has no text with a NUL, and whoever asks for one must find nothing rather than a fault: it is written as what
    Unicode has to show it."""
    connection.adapters.register_dumper(str, _text_dumper())


@cache
def _text_dumper() -> type[Any]:
    from psycopg.adapt import Dumper  # only who has chosen PostgreSQL has it

    class TextDumper(Dumper):
        """A str as PostgreSQL takes it, of no particular type of text."""

        oid = 0

        def dump(self, obj: str) -> bytes:
            return obj.replace("\x00", _SHOWN_NUL).encode()

    return TextDumper


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """`secure_delete`: what was deleted is written over, so that who is erased is not in the file."""
    connection.isolation_level = None  # BEGIN is ours (below), not the driver's
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def _references_aside(connection: Connection) -> Iterator[None]:
    """SQLite knows this between transactions only."""
    driver = connection.connection.driver_connection
    if driver is None or connection.dialect.name != "sqlite":
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise DataFolderError(
            Text(
                f"数据库未升级：表 {broken[0]} 中有一行指向 {broken[2]} 中不存在的行",
                f"the database was not migrated: a row of {broken[0]} refers to one of {broken[2]} that is not there",
            )
        )


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
