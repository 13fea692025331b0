"""What a place's row has beside what the place says: its address, made of the tree, and whether ingest and rules know it.

The address columns follow every change of a number or a parent, for all that lies below.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from linli.db import schema
from linli.db.registryrows import portions, rows_by_id
from linli.i18n import Text
from linli.registry.address import LEVEL_OF, LEVELS, address_key
from linli.registry.changes import BadItem, Key
from linli.registry.model import Place

MANY = frozenset(("room", "dwelling"))
"""Kinds of place that there are as many of as households. They are not in the snapshots until something hangs in them."""

_KEYS = ("code_key", "address_key")


class Codes(NamedTuple):
    """The numbers of the building, unit and room that a place lies in or is; '' for none."""

    building: str = ""
    unit: str = ""
    room: str = ""


def derived(place: Place, around: Codes) -> dict[str, Any]:
    """The columns that follow from where the place lies. `around`: the codes of its parent."""
    level = LEVEL_OF.get(place.kind)
    codes, key = around, None
    if place.code is not None and level is not None and not any(around[LEVELS.index(level) :]):
        codes = around._replace(**{level: place.code})
        key = address_key(place.community, *codes)
    code_key = None if place.code is None else f"{place.parent or place.community}/{place.kind}/{place.code}"
    return codes._asdict() | {"address_key": key, "code_key": code_key}


def columns_of(connection: Connection, places: Mapping[str, Place]) -> dict[str, dict[str, Any]]:
    """The derived columns of places about to be written, by id. BadItem if another place has the number already."""
    outside = {place.parent for place in places.values() if place.parent is not None and place.parent not in places}
    rows = rows_by_id(connection, schema.places, outside)
    known = {key: Codes(row.building, row.unit, row.room) for key, row in rows.items()}
    found: dict[str, dict[str, Any]] = {}
    for place in parents_first(places):
        found[place.id] = derived(place, known.get(place.parent or "", Codes()))
        known[place.id] = Codes(*(found[place.id][level] for level in LEVELS))
    _check_free(connection, places, found)
    return found


def parents_first(places: Mapping[str, Place]) -> list[Place]:
    """The places, each after its parent if that is one of them. A ring keeps its order."""
    found: dict[str, Place] = {}
    for place in places.values():
        chain: dict[str, Place] = {}
        here: Place | None = place
        while here is not None and here.id not in found and here.id not in chain:
            chain[here.id] = here
            here = places.get(here.parent or "")
        found.update(reversed(chain.items()))
    return list(found.values())


def _check_free(connection: Connection, places: Mapping[str, Place], columns: Mapping[str, Mapping[str, Any]]) -> None:
    for name in _KEYS:
        owner: dict[str, str] = {}
        for key, values in columns.items():
            if values[name] is not None and owner.setdefault(values[name], key) != key:
                raise _taken(places[key], owner[values[name]])
        column = schema.places.c[name]
        for asked in portions(owner):
            for row in connection.execute(select(schema.places.c.id, column).where(column.in_(asked))):
                if row.id not in columns:
                    raise _taken(places[owner[row[1]]], row.id)


def _taken(place: Place, other: str) -> BadItem:
    said = Text(f"编号 {place.code} 已属于 {other}", f"{place.code} is the number of {other} already")
    return BadItem("code_taken", Key("place", place.id), "code", said)


def make_way(connection: Connection, places: Collection[str]) -> None:
    """Let go of these places' unique keys, so that two may change numbers with each other in one go."""
    for asked in portions(places):
        table = schema.places
        connection.execute(update(table).where(table.c.id.in_(asked)).values(code_key=None, address_key=None))


def follow(connection: Connection, places: Iterable[str]) -> None:
    """Bring the address of all that lies below these places up to date. BadItem if two would have one."""
    table = schema.places
    above = list(places)
    while above:
        parents = rows_by_id(connection, table, above)
        changed: list[dict[str, Any]] = []
        moved: dict[str, Place] = {}
        for asked in portions(above):
            below = select(table).where(table.c.parent_id.in_(asked), table.c.removed_at.is_(None))
            for row in connection.execute(below):
                parent = parents[row.parent_id]
                place = Place(row.id, row.community_id, row.kind, Text("", ""), row.parent_id, row.code)
                values = derived(place, Codes(parent.building, parent.unit, parent.room))
                if any(row._mapping[name] != value for name, value in values.items()):
                    changed.append({"its_id": row.id} | values)
                    moved[row.id] = place
        _check_free(connection, moved, {values["its_id"]: values for values in changed})
        above = [values["its_id"] for values in changed]
        make_way(connection, above)
        if changed:
            columns: dict[str, Any] = {name: bindparam(name) for name in (*LEVELS, *_KEYS)}
            connection.execute(update(table).where(table.c.id == bindparam("its_id")).values(columns), changed)


def chain_of(connection: Connection, places: Iterable[str], batch: Mapping[str, str | None]) -> set[str]:
    """These places and all that they lie in. `batch`: of places that are not in the database yet, or other there, the parents."""
    table = schema.places
    found: set[str] = set()
    above = set(places)
    while above:
        found |= above
        outside = [key for key in above if key not in batch]
        parents = {batch[key] for key in above if key in batch}
        for asked in portions(outside):
            parents |= set(connection.execute(select(table.c.parent_id).where(table.c.id.in_(asked))).scalars())
        above = {key for key in parents if key is not None} - found
    return found


def unwatched(connection: Connection, places: Collection[str]) -> Sequence[str]:
    """Those of these places that ingest and rules do not know yet."""
    table = schema.places
    return [
        key
        for asked in portions(places)
        for key in connection.execute(
            select(table.c.id).where(table.c.id.in_(asked), ~table.c.watched, table.c.removed_at.is_(None))
        ).scalars()
    ]


def watch(connection: Connection, places: Collection[str]) -> None:
    """From now on they know them."""
    for asked in portions(places):
        table = schema.places
        connection.execute(update(table).where(table.c.id.in_(asked)).values(watched=True))
