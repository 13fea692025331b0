"""Sealing the tables that machines append to, in the database (`linli.auditseals` says what a seal is).

Their ids are given in the order of commits: on PostgreSQL whoever appends takes a turn first (`linli.db.turns`). So below an id
that can be seen nothing is still to come, rows can be sealed up to it without holding up anybody, and a seal is never too early.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Column, Connection, Select, Table, cast, func, select
from sqlalchemy import Text as SqlText

from linli.audit import Act, Who
from linli.auditseals import Digest, Seal, Seals, seal_of
from linli.auditwords import RESEALED, SEALED
from linli.db import schema
from linli.db.audit import append, read_entry
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.errors import LinliError
from linli.i18n import Text

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (schema.alert_changes, schema.command_changes, schema.registry_history, schema.arming_changes)
}
"""Those that are sealed. The first column of each is its id."""

ROWS = 5000
"""No seal is over more: that many can be sealed again within a moment, while others wait to write."""

_PAGE = 1000


class SealBroken(LinliError):
    """Rows are not what their seal says, so they are not sealed again."""

    def __init__(self, seal: Seal) -> None:
        super().__init__(seal_words(seal))
        self.seal = seal


def seal_words(seal: Seal) -> Text:
    """What is wrong where a seal does not hold."""
    return Text(
        f"{seal.table} 中 {seal.first} 至 {seal.last} 的记录与第 {seal.seq} 条的封存不符：被改过、删过或插过",
        f"rows {seal.first} to {seal.last} of {seal.table} are not those that entry {seal.seq} sealed: edited, removed or put in",
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the tables came to: rows sealed now, and whether there is more at once."""

    rows: int
    more: bool


class Sealer:
    """Seals what is new, a seal for each table and step. `who`: the process that does it."""

    def __init__(self, database: Database, who: Who) -> None:
        self._database = database
        self._who = who

    def step(self, now: int) -> Looked:
        """Seal the next rows of each table. SQLAlchemyError when the database fails; what is not sealed then is the next time."""
        found = [self._table(name, now) for name in TABLES]
        return Looked(sum(found), any(rows == ROWS for rows in found))

    def _table(self, name: str, now: int) -> int:
        with self._database.read() as connection:
            last = sealed_upto(connection, name)
            seal = _next_seal(connection, name, last)
        if seal is None:
            return 0
        with self._database.write() as connection:
            take_turn(connection, schema.audit_entries)
            if sealed_upto(connection, name) != last:  # by another process, meanwhile
                return 0
            append(connection, Act(SEALED, self._who, "table", (name,), facts=seal.facts()), now)
        return seal.rows


def _next_seal(connection: Connection, name: str, last: int) -> Seal | None:
    """The seal of up to ROWS rows behind `last`; None if there are none."""
    table = TABLES[name]
    number = _number(table)
    ahead = select(number).where(number > last).order_by(number).limit(ROWS).subquery()
    upto = connection.execute(select(func.max(ahead.c[0]))).scalar()
    if upto is None:
        return None
    return seal_rows(connection, name, last + 1, upto, [column.name for column in table.columns])


def sealed_upto(connection: Connection, name: str) -> int:
    """The id up to which the table is sealed; 0 if it is not."""
    entries, last = schema.audit_entries, 0
    for verb in (SEALED, RESEALED):
        query = select(entries).where(entries.c.seq.in_(_about(name)), entries.c.verb == verb)
        row = connection.execute(query.order_by(entries.c.seq.desc()).limit(1)).one_or_none()
        seal = None if row is None else seal_of(read_entry(row))
        last = max(last, 0 if seal is None else seal.last)
    return last


def seal_rows(connection: Connection, name: str, first: int, last: int, columns: Sequence[str]) -> Seal:
    """The seal of the rows as they are. LookupError for a column that there is not."""
    digest = Digest()
    for row in _rows(connection, TABLES[name], first, last, columns):
        digest.add(row)
    return digest.seal(name, first, last, columns)


def holds(connection: Connection, seal: Seal) -> bool:
    """Whether the rows are what the seal says."""
    if seal.table not in TABLES:
        return False
    try:
        found = seal_rows(connection, seal.table, seal.first, seal.last, seal.columns)
    except (LookupError, TypeError, ValueError):  # no such column, or what no column of ours holds
        return False
    return (found.digest, found.rows) == (seal.digest, seal.rows)


def standing_seals(connection: Connection, name: str | None = None) -> Seals:
    """All that hold, as the log says; of one table, if it is named."""
    entries = schema.audit_entries
    query = select(entries).where(entries.c.verb.in_((SEALED, RESEALED)))
    if name is not None:
        query = query.where(entries.c.seq.in_(_about(name)))
    found = (seal_of(read_entry(row)) for row in connection.execute(query.order_by(entries.c.seq)))
    return Seals(seal for seal in found if seal is not None)


def resealed_last(connection: Connection, name: str) -> int:
    """The number of the last entry that sealed rows of the table again; 0 if none did. While it stays, so do the seals."""
    entries = schema.audit_entries
    query = select(func.max(entries.c.seq)).where(entries.c.seq.in_(_about(name)), entries.c.verb == RESEALED)
    return connection.execute(query).scalar() or 0


def _about(name: str) -> Select[tuple[int]]:
    about = schema.audit_subjects
    return select(about.c.seq).where(about.c.kind == "table", about.c.item_id == name)


def reseal(
    connection: Connection,
    groups: Sequence[Sequence[Seal]],
    who: Who,
    now: int,
    change: Callable[[], object] = lambda: None,
) -> None:
    """Seal the rows of each group of neighbouring seals of a table anew, after `change` took some of them away.

    SealBroken, and nothing changed, if one does not hold. In one transaction, which the caller has begun.
    """
    for seal in (seal for group in groups for seal in group):
        if not holds(connection, seal):
            raise SealBroken(seal)
    change()
    for group in groups:
        name, columns = group[0].table, [column.name for column in TABLES[group[0].table].columns]
        fresh = seal_rows(connection, name, group[0].first, group[-1].last, columns)
        append(connection, Act(RESEALED, who, "table", (name,), facts=fresh.facts()), now)


def unsealed(connection: Connection, name: str, last: int) -> int:
    """How many rows behind `last` no seal is over yet."""
    table = TABLES[name]
    query = select(func.count()).select_from(table).where(_number(table) > last)
    return int(connection.execute(query).scalar_one())


def _rows(
    connection: Connection, table: Table, first: int, last: int, columns: Sequence[str]
) -> Iterator[Sequence[Any]]:
    number, after = _number(table), first - 1
    wanted = [_as_kept(table.c[name]) for name in columns]
    while True:
        query = select(number, *wanted).where(number > after, number <= last).order_by(number).limit(_PAGE)
        page = connection.execute(query).all()
        for row in page:
            yield row[1:]
        if len(page) < _PAGE:
            return
        after = page[-1][0]


def _as_kept(column: "Column[Any]") -> Any:
    """JSON as the text that it is kept as: read and written again it might look different."""
    return cast(column, SqlText) if isinstance(column.type, JSON) else column


def _number(table: Table) -> "Column[int]":
    return next(iter(table.primary_key.columns))
