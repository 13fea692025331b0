"""Many rows at once, as quickly as the database's own driver takes them.

Linli's own work alone: it goes past `linli.db.scoping`, so whoever uses it has checked whose the rows are. Rows hold what the
driver takes (numbers, texts, None; JSON as its text), in the order of the columns.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """What is done with each row: 'insert' it with these columns; 'update' `columns`, and `always` (SQL), of the row whose `key`
    columns are the last values; 'delete' that."""

    verb: str
    table: Table
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ("id",)
    always: str = ""


def execute(connection: Connection, statement: Statement, rows: Sequence[Values]) -> None:
    """Do it, in the connection's transaction. On PostgreSQL rows are copied in."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        driver.executemany(_sql(connection, statement, "?"), rows)
        return
    with driver.cursor() as cursor:
        if statement.verb != "insert":
            cursor.executemany(_sql(connection, statement, "%s"), rows)
            return
        quote = connection.dialect.identifier_preparer.quote
        columns = ", ".join(map(quote, statement.columns))
        with cursor.copy(f"COPY {quote(statement.table.name)} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


class _Laid(NamedTuple):
    statement: Statement
    table: str
    first: int
    last: int


class Rows:
    """Many rows with their statements, to be executed in their order in one transaction: `laid` goes around it, `execute` is within.

    On SQLite others wait for as long as a transaction writes. So the rows are decoded before, into temporary tables, which are in
    files without a name, and the transaction only copies: less than half of the time that it takes to bring in each row.
    """

    def __init__(self, chunks: Callable[[], Iterable[tuple[Statement, Sequence[Values]]]]) -> None:
        self._chunks = chunks
        self._laid: list[_Laid] | None = None

    @contextmanager
    def laid(self, connection: Connection) -> Iterator[None]:
        """On this connection, on which no transaction has begun, the rows lie ready within the block."""
        if connection.dialect.name != "sqlite":
            yield
            return
        driver: Any = connection.connection.driver_connection
        tables: dict[Statement, str] = {}
        try:
            driver.execute("BEGIN")  # of what is temporary alone: no lock that anybody waits for
            self._laid = _lay(driver, self._chunks(), tables)
            driver.execute("COMMIT")
            yield
        finally:
            self._laid = None
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            for table in tables.values():
                driver.execute(f"DROP TABLE IF EXISTS temp.{table}")

    def execute(self, connection: Connection) -> Iterator[int]:
        """All of it, in this transaction; how many rows, portion by portion."""
        if self._laid is None:
            for statement, rows in self._chunks():
                execute(connection, statement, rows)
                yield len(rows)
            return
        driver: Any = connection.connection.driver_connection
        for laid in self._laid:
            _copy(connection, driver, laid)
            yield laid.last - laid.first


def _lay(
    driver: Any, chunks: Iterable[tuple[Statement, Sequence[Values]]], tables: dict[Statement, str]
) -> list[_Laid]:
    """A temporary table for each statement, with its rows one after the other, numbered from 1."""
    ends: dict[Statement, int] = {}
    numbers, found = count(), []
    for statement, rows in chunks:
        if statement not in tables:
            name, columns = f"laid_{next(numbers)}", (f"c{number}" for number in range(len(rows[0])))
            driver.execute(f"CREATE TEMP TABLE {name} ({', '.join(columns)})")
            tables[statement], ends[statement] = name, 1
        table, first, marks = tables[statement], ends[statement], ", ".join("?" * len(rows[0]))
        driver.executemany(f"INSERT INTO temp.{table} VALUES ({marks})", rows)  # noqa: S608  # names of ours
        ends[statement] = first + len(rows)
        found.append(_Laid(statement, table, first, ends[statement]))
    return found


def _copy(connection: Connection, driver: Any, laid: _Laid) -> None:
    """What was laid ready, into the table that it is for; what changes or goes, row by row."""
    rows = f"SELECT * FROM temp.{laid.table} WHERE rowid >= ? AND rowid < ? ORDER BY rowid"  # noqa: S608
    between = (laid.first, laid.last)
    if laid.statement.verb == "insert":
        driver.execute(_into(connection, laid.statement) + rows, between)
    else:
        driver.executemany(_sql(connection, laid.statement, "?"), driver.execute(rows, between))


@contextmanager
def much_kept(connection: Connection) -> Iterator[None]:
    """Within the block SQLite keeps up to 128 MiB of pages in memory, so that each is written once: a sixth of the time of a
    transaction of 100,000 rows, for which others wait."""
    if connection.dialect.name != "sqlite":
        yield
        return
    before = connection.exec_driver_sql("PRAGMA cache_size").scalar()
    connection.exec_driver_sql("PRAGMA cache_size=-131072")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size={before}")


def _sql(connection: Connection, statement: Statement, mark: str) -> str:
    quote = connection.dialect.identifier_preparer.quote
    table = quote(statement.table.name)
    where = " AND ".join(f"{quote(name)} = {mark}" for name in statement.key)
    if statement.verb == "insert":
        return f"{_into(connection, statement)}VALUES ({', '.join([mark] * len(statement.columns))})"
    if statement.verb == "delete":
        return f"DELETE FROM {table} WHERE {where}"  # noqa: S608
    to = ", ".join([*(f"{quote(name)} = {mark}" for name in statement.columns), *filter(None, [statement.always])])
    return f"UPDATE {table} SET {to} WHERE {where}"  # noqa: S608


def _into(connection: Connection, statement: Statement) -> str:
    quote = connection.dialect.identifier_preparer.quote
    return f"INSERT INTO {quote(statement.table.name)} ({', '.join(map(quote, statement.columns))}) "
