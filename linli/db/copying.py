"""The whole database brought over into another one, SQLite or PostgreSQL, as it is at one instant.

The target is filled in one transaction, from its first table to the last comparison: whoever looks at it meanwhile, or after a
kill, finds a mark that a copy was begun (`linli.db.unfinished`) and nothing else. The source is only read.

Rows go over as they are kept. JSON is taken as the text that it is stored as, and not read and written anew, since rows that are
sealed (`linli.db.auditseals`) are sealed with that text. What differs is what the databases themselves do: PostgreSQL has no NUL in
a text (`linli.db.database` writes it as U+2400), and SQLite keeps a JSON document that is a lone number as that number. The sums
that are compared see past those two.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    MetaData,
    Table,
    bindparam,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from linli.audit import Act, Who
from linli.auditwords import DATABASE_COPIED
from linli.db import migrate, schema
from linli.db.audit import append, head_of
from linli.db.database import Database
from linli.db.unfinished import MARK, mark, unmark
from linli.errors import LinliError
from linli.i18n import Text

BATCH = 1000
DIALECTS = ("sqlite", "postgresql")
_SUM_BITS = 256
_NUL, _SHOWN_NUL = "\0", "\N{SYMBOL FOR NULL}"
_WRITTEN_NUL = repr(_NUL)[1:-1]
_BEGIN_NUMBERS = frozenset("-0123456789")


class CopyError(LinliError):
    """The copy is not made, and the target has nothing in it."""


class CopiedTable(NamedTuple):
    """A table that went over: how many rows, and the sum over them, the same on both sides."""

    name: str
    rows: int
    digest: str


Told = Callable[[str, int], None]
"""Told that so many rows more of a table are written, or (0) compared."""


@dataclass(slots=True)
class _Sum:
    """Of rows in any order, for no two databases sort alike: the SHA-256 of each, added up."""

    rows: int = 0
    value: int = 0

    def add(self, row: Sequence[Any]) -> None:
        digest = hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).digest()
        self.rows += 1
        self.value = (self.value + int.from_bytes(digest)) % 2**_SUM_BITS

    def hex(self) -> str:
        return f"{self.value:0{_SUM_BITS // 4}x}"


def copy_database(
    source: Database,
    target: Database,
    who: Who,
    now: int,
    *,
    told: Told = lambda _table, _rows: None,
    at_the_end: Callable[[Connection], None] = lambda _source: None,
) -> list[CopiedTable]:
    """Fill the empty `target` with all that `source` has, and write down in its audit log that `who` did at `now`; table by table.

    CopyError or DataFolderError, with what to do, if it cannot be done. `at_the_end` is given a connection to the source as it was,
    just before the target counts; what it raises undoes the copy.
    """
    _require_ready(source, target)
    came = source.engine.url.render_as_string(hide_password=True)
    with _told_apart(target):
        _require_empty(target)
        with target.write() as connection:
            mark(connection, came, now)
        with source.read() as reading, target.alter() as writing:
            migrate.upgrade_within(writing)
            copied = _copy_all(reading, writing, told)
            _write_down(reading, writing, who, now, copied)
            at_the_end(reading)
            unmark(writing)
    return copied


def _copy_all(source: Connection, target: Connection, told: Told) -> list[CopiedTable]:
    """In the order in which tables refer to each other."""
    tables = schema.metadata.sorted_tables
    sums = {table.name: _copy_table(source, target, table, told) for table in tables}
    for table in tables:
        _carry_numbers(source, target, table)
    copied = []
    for table in tables:
        had, has = sums[table.name], _sum_of(target, table, told)
        if (had.rows, had.value) != (has.rows, has.value):
            raise CopyError(
                Text(
                    f"表 {table.name} 复制后与原来不同（原有 {had.rows} 行，复制后 {has.rows} 行），已全部撤销",
                    f"the table {table.name} is not what it was once it was copied ({had.rows} rows, {has.rows} copied): all is undone",
                )
            )
        copied.append(CopiedTable(table.name, has.rows, has.hex()))
    return copied


def _copy_table(source: Connection, target: Connection, table: Table, told: Told) -> _Sum:
    bare, own, documents = _bare(table), _own_references(table), _documents(table)
    names, found, later = list(table.columns.keys()), _Sum(), _Later(bare, own)
    for batch in _batches(source, table):
        rows = []
        for values in batch:
            found.add(_comparable(documents, values))
            rows.append(later.without(dict(zip(names, values, strict=True))))
        try:
            target.execute(insert(bare), rows)
        except DBAPIError as error:
            raise _not_taken(table, error) from error
        told(table.name, len(rows))
    later.write(target)
    return found


@dataclass(slots=True)
class _Later:
    """References of a table to itself, which are written once all of its rows are there."""

    table: Table
    columns: Sequence[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def without(self, row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: row[name] for name in self.columns if row[name] is not None}
        if kept:
            keys = (column.name for column in self.table.primary_key.columns)
            self.rows.append({f"key_{name}": row[name] for name in keys} | kept)
            row |= dict.fromkeys(kept)
        return row

    def write(self, connection: Connection) -> None:
        for names in {tuple(name for name in self.columns if name in row) for row in self.rows}:
            same = [column == bindparam(f"key_{column.name}") for column in self.table.primary_key.columns]
            change = update(self.table).where(*same).values({name: bindparam(name) for name in names})
            having = [row for row in self.rows if tuple(name for name in self.columns if name in row) == names]
            connection.execute(change, having)


def _sum_of(connection: Connection, table: Table, told: Told) -> _Sum:
    found, documents = _Sum(), _documents(table)
    for batch in _batches(connection, table):
        for values in batch:
            found.add(_comparable(documents, values))
        told(table.name, 0)
    return found


def _batches(connection: Connection, table: Table) -> Iterator[list[list[Any]]]:
    """The rows as they are kept, some at a time: memory does not grow with them."""
    query = select(*(_as_kept(column, connection.dialect.name) for column in table.columns))
    rows, documents = connection.execute(query, execution_options={"yield_per": BATCH}), _documents(table)
    for part in rows.partitions(BATCH):
        batch = [list(row) for row in part]
        for values in batch if documents else ():
            for place in documents:
                if values[place] is not None and not isinstance(values[place], str):
                    values[place] = json.dumps(values[place])  # SQLite has made a number of it
        yield batch


def _documents(table: Table) -> list[int]:
    """At which places of a row its JSON is."""
    return [place for place, column in enumerate(table.columns) if isinstance(column.type, JSON)]


def _as_kept(column: "Column[Any]", dialect: str) -> Any:
    if not isinstance(column.type, JSON):
        return column
    return cast(column, SqlText) if dialect == "postgresql" else type_coerce(column, NullType())


def _comparable(documents: Sequence[int], values: list[Any]) -> list[Any]:
    """The row as it is the same in both databases: a lone number in JSON however it is written, and what stands for a NUL."""
    numbers = [place for place in documents if (values[place] or "")[:1] in _BEGIN_NUMBERS]
    if numbers or _WRITTEN_NUL in repr(values):
        values = [value.replace(_NUL, _SHOWN_NUL) if isinstance(value, str) else value for value in values]
        for place in numbers:
            values[place] = str(Decimal(values[place]).normalize())
    return values


def _bare(table: Table) -> Table:
    """The table, whose JSON is given as text: no type is said of it, so that PostgreSQL takes it for what its column is."""
    columns = (
        Column(
            column.name,
            NullType() if isinstance(column.type, JSON) else column.type,
            primary_key=column.primary_key,
        )
        for column in table.columns
    )
    return Table(table.name, MetaData(), *columns)


def _own_references(table: Table) -> list[str]:
    return [key.parent.name for key in table.foreign_keys if key.column.table is table]


# --- numbers that are counted up ------------------------------------------------------------------------------------------


def _carry_numbers(source: Connection, target: Connection, table: Table) -> None:
    """Let the target go on counting where the source has come to: what was deleted does not get its number again."""
    column = table.autoincrement_column
    if column is None or not table.c[column.name].autoincrement:
        return
    last = _last_number(source, table, column.name)
    if not last:
        return
    if target.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        target.execute(select(func.setval(sequence, last, True)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        target.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        target.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), {"name": table.name, "last": last}
        )


def _last_number(connection: Connection, table: Table, column: str) -> int:
    largest: int = connection.execute(select(func.max(table.c[column]))).scalar() or 0
    if connection.dialect.name == "postgresql":
        sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column))).scalar_one()
        given = connection.execute(
            text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")  # noqa: S608  (PostgreSQL's own words)
        ).scalar_one()
        return max(largest, int(given))
    if not table.dialect_options["sqlite"]["autoincrement"]:
        return largest
    given = connection.execute(
        text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
    ).scalar()
    return max(largest, int(given or 0))


# --- what must be so ------------------------------------------------------------------------------------------------------


def _require_ready(source: Database, target: Database) -> None:
    for database in (source, target):
        kind = database.engine.dialect.name
        if kind not in DIALECTS:
            raise CopyError(
                Text(f"只能是 SQLite 或 PostgreSQL，不是 {kind}", f"SQLite and PostgreSQL only, not {kind}")
            )
    found, wanted = migrate.current(source), migrate.head()
    if found != wanted:
        raise CopyError(
            Text(
                f"原数据库的版本是 {found}，不是本版本的 {wanted}：先运行 linli prepare",
                f"the database that is there is at {found}, and this version of Linli is at {wanted}: run linli prepare first",
            )
        )


def _require_empty(target: Database) -> None:
    with target.read() as connection:
        there = sorted({*inspect(connection).get_table_names(), *inspect(connection).get_view_names()} - {MARK})
    if there:
        where = target.engine.url.render_as_string(hide_password=True)
        raise CopyError(
            Text(
                f"{where} 不是空的（有 {there[0]} 等 {len(there)} 个表）：请指定一个空的数据库（PostgreSQL 用 createdb 新建；SQLite 换一个文件，"
                "或把旧文件移开）",
                f"{where} is not empty ({there[0]} and others, {len(there)} tables in all): name an empty one (PostgreSQL: make one with "
                "createdb; SQLite: another file, or move the old one away)",
            )
        )


def _write_down(source: Connection, target: Connection, who: Who, now: int, copied: Sequence[CopiedTable]) -> None:
    facts: Mapping[str, Any] = {
        "from": source.dialect.name,
        "to": target.dialect.name,
        "tables": len(copied),
        "rows": sum(table.rows for table in copied),
        "newest": head_of(source).seq,
    }
    append(target, Act(DATABASE_COPIED, who, "database", (target.dialect.name,), facts=facts), now)


def _not_taken(table: Table, error: DBAPIError) -> CopyError:
    said = str(error.orig).partition("\n")[0]
    return CopyError(
        Text(
            f"表 {table.name} 中有一行，目标数据库不接受：{said}。已全部撤销",
            f"the target does not take a row of the table {table.name}: {said}. All is undone",
        )
    )


@contextmanager
def _told_apart(target: Database) -> Iterator[None]:
    """What fails of a database is told with where it was to be copied to."""
    try:
        yield
    except DBAPIError as error:
        where, said = target.engine.url.render_as_string(hide_password=True), str(error.orig).partition("\n")[0]
        raise CopyError(
            Text(
                f"复制到 {where} 没有完成：{said}。原数据库没有改动；排除原因后再运行一次",
                f"the copy to {where} is not made: {said}. The database that is there is as it was; mend the cause and run this again",
            )
        ) from error
