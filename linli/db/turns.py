"""Writers take turns where order matters, on every database.

A writing transaction of SQLite holds the database's one write lock from its beginning, so numbers are given in the order in
which transactions commit, and what is read before a write still holds when it is written. PostgreSQL lets writers run side by
side: a number is given when a row is inserted, and who commits first is another matter, so that a reader which goes on from the
newest number that it has seen (a live stream, a poll of a version) would never see a row that was numbered earlier and
committed later. And two that look before they insert both find nothing.

`take_turn` gives the same there for one table: what is taken is held to the end of the transaction, and is given up once what
it wrote can be seen. Readers never wait, and neither do writers of other tables.
"""

import zlib

from sqlalchemy import BigInteger, Connection, TableClause, cast, func, select

_OURS = 0x6C696E6C
"""'linl': tells our locks from those of anybody else who shares the database."""


def take_turn(connection: Connection, *tables: TableClause) -> None:
    """Wait until no other transaction has the turn of any of these tables, and have it until this one ends.

    Call it before the first number is given, or before what must still hold is read; as late as that allows, for others wait.
    Of several tables all turns are taken at once, always in the same order, so that no two transactions wait for each other.
    Taking a turn again is free. Nothing to do on SQLite, where a writing transaction has all turns already.
    """
    if connection.dialect.name != "postgresql":
        return
    for key in sorted(turn_of(table) for table in tables):
        connection.execute(select(func.pg_advisory_xact_lock(cast(key, BigInteger))))


def turn_of(table: TableClause) -> int:
    """The number of the table's lock, the same in every process and version: it is made of the table's name alone."""
    return _OURS << 32 | zlib.crc32(table.name.encode())
