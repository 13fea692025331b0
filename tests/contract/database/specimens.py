"""Rows for any table, made of what the database says of it: its columns' types and lengths, what may be missing, its keys.

Three rows in each. The first has everything, the second only what must be there, the third is at the limits: as long and as
large as its columns allow. What the types do not say (a check constraint, a word of a list) stands in `WORDS`.
"""

import base64
import json
from collections.abc import Mapping, Sequence

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    insert,
)
from sqlalchemy.sql.sqltypes import BigInteger, SmallInteger, _Binary

ROWS = 3
FULL, SPARE, EXTREME = range(ROWS)

WORDS: Mapping[tuple[str, str], Sequence[object]] = {
    ("rules_positions", "shard"): ("0/3", "1/3", "2/3"),  # '1/1' is another name for '0/1' before revision 0005
} | {
    (table, "removed_at"): (None, None, None)  # what is removed goes for good on the way down, with a test of its own
    for table in ("communities", "places", "gateways", "facilities", "devices")
}
"""The values of a column in the three rows, where not every text or number of its type will do."""

_TEXT = "望湖苑 3 号楼's 门 “%s” :x \\ <b>&amp; 𠮷🚪 "
_LONGEST = 4_000


def fill(connection: Connection, tables: MetaData) -> None:
    """Put three rows into every table, those that others refer to first."""
    made: dict[str, list[Mapping[str, object]]] = {}
    for table in tables.sorted_tables:
        rows = made.setdefault(table.name, [])
        for number in range(ROWS):
            row = connection.execute(insert(table).values(_row(table, number, made)).returning(*table.c)).one()
            rows.append(dict(row._mapping))


def key_of(value: object) -> str:
    """A value as it compares: the drivers of two databases, or one before and after a migration, may give others for the same."""
    if isinstance(value, bool | int):
        return repr(int(value))
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _row(table: Table, number: int, made: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, object]:
    row = {
        column.name: _value(table, column, number)
        for column in table.columns
        if not _gives_its_own(column) or (table.name, column.name) in WORDS
    }
    for constraint in table.foreign_key_constraints:
        others = made[constraint.referred_table.name]
        for element in constraint.elements:
            column = element.parent
            if len(others) > number:
                row[column.name] = others[number][element.column.name]
            else:  # to the table itself: the first has none before it
                row[column.name] = others[-1][element.column.name] if others else None
            if number == SPARE and column.nullable:
                row[column.name] = None
    return row


def _gives_its_own(column: "Column[object]") -> bool:
    """Whether the database counts the column up."""
    return column.identity is not None or "nextval" in str(getattr(column.server_default, "arg", ""))


def _value(table: Table, column: "Column[object]", number: int) -> object:
    words = WORDS.get((table.name, column.name))
    if words is not None:
        return words[number]
    if number == SPARE and column.nullable:
        return None
    kind = column.type
    if isinstance(kind, JSON):
        return [{"zh": "高", "en": "high", "n": [1, None, True, 1.5]}, {}, {"long": "长" * 500}][number]
    if isinstance(kind, Boolean):
        return [True, False, True][number]
    if isinstance(kind, SmallInteger):
        return [number + 1, number + 1, 2**15 - 1][number]
    if isinstance(kind, BigInteger):
        return [1_700_000_000_000_000 + number, number + 1, 2**63 - 1][number]
    if isinstance(kind, Integer):
        return [number + 1, number + 1, 2**31 - 1][number]
    if isinstance(kind, Float | Numeric):
        return [10.25, 0.0, -1e300][number]
    if isinstance(kind, LargeBinary | _Binary):
        return [b"\x00\xff{", b"", b"\x80" * _LONGEST][number]
    if isinstance(kind, String):
        return _text(kind.length, number)
    raise AssertionError(f"no specimen of {table.name}.{column.name} ({kind!r}): give it its three values in WORDS")


def _text(length: int | None, number: int) -> str:
    """No two rows alike, also in a column of two letters."""
    own = "abc"[number]
    if number == SPARE or (length is None and number == FULL):
        return own if length is not None else _TEXT + own
    room = min(length or _LONGEST, len(_TEXT) + 1 if number == FULL else _LONGEST)
    return own + (_TEXT * (room // len(_TEXT) + 1))[: room - 1]
