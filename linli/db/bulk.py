"""Many rows at once, as quickly as the database's own driver takes them.

Linli's own work alone: it goes past `linli.db.scoping`, so whoever uses it has checked whose the rows are. Rows hold what the
driver takes (numbers, texts, None; JSON as its text), in the order of the columns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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
        columns = ", ".join(map(quote, statement.columns))
        return f"INSERT INTO {table} ({columns}) VALUES ({', '.join([mark] * len(statement.columns))})"  # noqa: S608  # names of ours
    if statement.verb == "delete":
        return f"DELETE FROM {table} WHERE {where}"  # noqa: S608
    to = ", ".join([*(f"{quote(name)} = {mark}" for name in statement.columns), *filter(None, [statement.always])])
    return f"UPDATE {table} SET {to} WHERE {where}"  # noqa: S608
