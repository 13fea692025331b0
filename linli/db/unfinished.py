"""A database that `linli database copy` is filling, or was when it was killed: a table says so, and nothing else is there yet."""

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Text, inspect, select

from linli.errors import DataFolderError
from linli.i18n import Text as Words

MARK = "linli_unfinished_copy"

_mark = Table(MARK, MetaData(), Column("began_at", BigInteger, nullable=False), Column("source", Text, nullable=False))


def mark(connection: Connection, source: str, now: int) -> None:
    """Say that a copy of `source` (an address without a password) begins; in place of what one before said."""
    if is_marked(connection):
        unmark(connection)
    _mark.create(connection)
    connection.execute(_mark.insert().values(began_at=now, source=source))


def unmark(connection: Connection) -> None:
    """The copy is whole."""
    _mark.drop(connection)


def is_marked(connection: Connection) -> bool:
    """Whether a copy into it was begun and not ended."""
    return inspect(connection).has_table(MARK)


def require_finished(connection: Connection) -> None:
    """DataFolderError, with what to do, if it is."""
    if not is_marked(connection):
        return
    source = connection.execute(select(_mark.c.source)).scalar() or "-"
    raise DataFolderError(
        Words(
            f"复制到这个数据库（从 {source}）没有完成，里面还没有数据：再运行一次 linli database copy，"
            "或先把设置 database_url 改回原来的数据库",
            f"the copy into this database (from {source}) did not come to its end, and nothing is in it: run linli database copy "
            "again, or let the setting database_url name the former database",
        )
    )
