"""The registry beside its tables in files: what an import has to know of it, and reading it out. `linli.db.registryimport` imports."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from linli.db import schema
from linli.db.registry import read_holidays
from linli.db.registryfacts import statements_of
from linli.db.registryitems import get_many
from linli.db.registryreferences import needed_by
from linli.db.registryremoving import remove
from linli.db.registryrows import SHAPES, items_of
from linli.db.registrywriting import remove_holiday
from linli.registry.address import LEVEL_OF, LEVELS
from linli.registry.changes import Key, Origin
from linli.registry.kinds import KINDS, Item
from linli.registry.tables.directory import NOWHERE, Codes, Known
from linli.registry.tables.importing import Checked
from linli.registry.tables.listed import TABLES
from linli.registry.tables.show import Names, Shown, Where, cells_of

PORTION = 2_000
_SHARED = ("district", "committee", "organisation", "community", "staff", "team")


class SqlRegistered:
    """`linli.registry.tables.directory.Registered` in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def items(self, kind: str, community: str | None) -> Iterator[tuple[Item, Codes]]:
        """The items of a kind that are there, of a community."""
        rows = _rows(self._connection, kind, None if kind in _SHARED else community)
        for row, item in zip(rows, items_of(self._connection, kind, rows), strict=True):
            yield item, (row.building, row.unit, row.room) if kind == "place" else NOWHERE

    def ids(self, kind: str) -> Collection[str]:
        """Every id of the kind that was ever given."""
        return set(self._connection.execute(select(SHAPES[kind].table.c.id)).scalars())

    def known(self, kind: str, ids: Sequence[str]) -> dict[str, Known]:
        """The items of these ids, also removed ones, with what was said of them."""
        if kind == "holiday":
            wanted = set(ids)
            return {day.id: Known(day) for day in read_holidays(self._connection) if day.id in wanted}
        said = statements_of(self._connection, [Key(kind, name) for name in ids])
        return {
            name: Known(kept.item, kept.changed_at, kept.removed_at is not None, said.get(Key(kind, name), {}))
            for name, kept in get_many(self._connection, kind, ids).items()
        }


def _rows(connection: Connection, kind: str, community: str | None) -> Sequence[Row[Any]]:
    table: Table = SHAPES[kind].table
    query = select(table).where(table.c.removed_at.is_(None)).order_by(table.c.id)
    if community is not None:
        query = query.where((table.c.id if kind == "community" else table.c.community_id) == community)
    return connection.execute(query).all()


# --- out ------------------------------------------------------------------------------------------------------------


def read_names(connection: Connection, language: str) -> Names:
    """What districts, committees and compounds are called."""
    districts, committees, communities = (
        items_of(connection, kind, _rows(connection, kind, None)) for kind in ("district", "committee", "community")
    )
    return Names.of(language, districts, committees, communities)


def table_rows(
    connection: Connection, kind: str, names: Names, communities: Collection[str] | None
) -> Iterator[list[Shown]]:
    """The rows of a table, of these communities (None: of all), in an order that is always the same."""
    if kind == "holiday":
        for day in read_holidays(connection):
            if communities is None or not day.community or day.community in communities:
                yield cells_of(TABLES[kind], day, names)
    elif kind in _SHARED:
        yield from _shared_rows(connection, kind, names, communities)
    else:
        for community in sorted(names.zones if communities is None else communities):
            yield from _community_rows(connection, kind, names, community)


def _shared_rows(
    connection: Connection, kind: str, names: Names, communities: Collection[str] | None
) -> Iterator[list[Shown]]:
    """Of what belongs to no compound, with a scope only what its compounds refer to."""
    rows = _rows(connection, kind, None)
    if communities is not None:
        kept = _needed(connection, names, communities).get(kind, frozenset())
        rows = [row for row in rows if row.id in kept]
    for item in items_of(connection, kind, rows):
        yield cells_of(TABLES[kind], item, names)


def _needed(connection: Connection, names: Names, communities: Collection[str]) -> dict[str, frozenset[str | None]]:
    above = [names.above.get(one, (None, None)) for one in communities]
    table = schema.communities
    managers = connection.execute(select(table.c.id, table.c.manager_id)).all()
    return {
        "community": frozenset(communities),
        "district": frozenset(one[0] for one in above),
        "committee": frozenset(one[1] for one in above),
        "organisation": frozenset(row.manager_id for row in managers if row.id in communities),
    }


def _community_rows(connection: Connection, kind: str, names: Names, community: str) -> Iterator[list[Shown]]:
    rows = _rows(connection, kind, community)
    if not rows:
        return
    places = _places(connection, community) if TABLES[kind].has("building") else {}
    homes: dict[str, str] = {}
    if kind == "resident":
        table = schema.households
        query = select(table.c.id, table.c.place_id).where(table.c.community_id == community)
        homes = {row.id: row.place_id for row in connection.execute(query)}
    items = items_of(connection, kind, rows)
    parts = items_of(connection, "equipment", rows) if kind == "device" else [None] * len(items)
    for item, part in zip(items, parts, strict=True):
        place = item.id if kind == "place" else homes.get(item.household) if kind == "resident" else None
        where = places.get(place or str(getattr(item, "place", "")))
        yield cells_of(TABLES[kind], item, names, where, part)


def _places(connection: Connection, community: str) -> dict[str, Where]:
    rows = _rows(connection, "place", community)
    codes = {row.id: (row.building, row.unit, row.room) for row in rows}
    at = {codes[row.id]: row.id for row in rows if row.address_key is not None}
    found: dict[str, Where] = {}
    for row in rows:
        above = codes[row.id]
        level = LEVEL_OF.get(row.kind)
        own = row.address_key is not None
        if level is not None and (own or row.code is None):
            index = LEVELS.index(level)
            above = tuple(code if place < index else "" for place, code in enumerate(above))  # type: ignore[assignment]
        found[row.id] = Where(codes[row.id], own, at.get(above))
    return found


# --- what a file does not have --------------------------------------------------------------------------------------


def missing(connection: Connection, checked: Checked) -> list[Key]:
    """What is registered and not in the file: of each kind that the file has a table of, in the compounds that occur there."""
    registered = SqlRegistered(connection)
    found: list[Key] = []
    for kind, named in checked.named.items():
        if kind == "holiday":
            days = (day for day in read_holidays(connection) if day.community in checked.communities[kind])
            found += (Key(kind, day.id) for day in days if day.id not in named)
            continue
        for community in sorted(checked.communities[kind], key=str):
            ids = (item.id for item, _ in registered.items(kind, community))
            found += (Key(kind, name) for name in ids if name not in named)
    return found


def still_needed(connection: Connection, keys: Sequence[Key]) -> list[tuple[Key, Key]]:
    """Of what is to be removed, what something else refers to that stays: with that."""
    going = set(keys)
    return [
        (key, other)
        for key in keys
        if key.kind in KINDS
        for other in needed_by(connection, key)
        if other not in going and not (other.kind == "equipment" and Key("device", other.id) in going)
    ]


def remove_all(connection: Connection, keys: Sequence[Key], origin: Origin) -> None:
    """Take out what `missing` has found, all of it together."""
    for key in keys:
        if key.kind == "holiday":
            community, _, day = key.id.rpartition("/")
            remove_holiday(connection, community, day, origin)
    things = [key for key in keys if key.kind in KINDS]
    if things:
        remove(connection, things, origin)
