"""Single items of the registry, as whoever shows or changes one needs them: with their revision, and also when removed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from linli.db.registryrows import SHAPES, items_of, rows_by_id
from linli.registry.changes import Key
from linli.registry.kinds import Item


@dataclass(frozen=True, slots=True)
class Kept:
    """An item as it is kept. `revision`: counted up with each change, what an ETag is made of; `changed_at`, `removed_at`:
    microseconds, None: it is there; `merged_into`: a duplicate, and who survived."""

    item: Item
    revision: int
    changed_at: int
    removed_at: int | None = None
    merged_into: str | None = None


def get(connection: Connection, key: Key) -> Kept | None:
    """The item, also if it is removed; None if there never was one."""
    return get_many(connection, key.kind, [key.id]).get(key.id)


def get_many(connection: Connection, kind: str, ids: Iterable[str]) -> dict[str, Kept]:
    """The items of a kind with these ids, by id; also what is removed."""
    return kept_of(connection, kind, list(rows_by_id(connection, SHAPES[kind].table, ids).values()))


def all_of(connection: Connection, kinds: Iterable[str]) -> list[Item]:
    """Every item of these kinds that is there, by kind and id. For small kinds and small sites: it is all in memory."""
    found: list[Item] = []
    for kind in kinds:
        table = SHAPES[kind].table
        rows = connection.execute(select(table).where(table.c.removed_at.is_(None)).order_by(table.c.id)).all()
        found += items_of(connection, kind, rows)
    return found


def kept_of(connection: Connection, kind: str, rows: list[Row[Any]]) -> dict[str, Kept]:
    """The items of rows of the kind's table (`SHAPES[kind].table`), by id, in the rows' order."""
    items = items_of(connection, kind, rows)
    return {
        row.id: Kept(item, row.revision, row.changed_at, row.removed_at, row._mapping.get("merged_into"))
        for row, item in zip(rows, items, strict=True)
    }
