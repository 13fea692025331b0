"""The registry from above, a level at a time: what lies in a district, a committee, a compound or a place, and how much is in each.

Every question is bounded by what is asked for and by one compound, never by the district: a district has tens of thousands of
rooms and devices.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_, case, false, func, or_, select

from linli.db import schema
from linli.db.registryitems import Kept, get, kept_of
from linli.db.registryrows import portions
from linli.errors import NotFound
from linli.i18n import Text
from linli.registry.address import address_key
from linli.registry.changes import Key

TOP = Key("", "")
"""Above every district."""

BELOW: Mapping[str, tuple[str, ...]] = {
    "": ("district",),
    "district": ("committee",),
    "committee": ("community",),
    "community": ("place",),
    "place": ("place",),
}
"""What a level is made of, by the kind that it is of."""

_ABOVE: Mapping[str, "ColumnElement[str]"] = {
    "committee": schema.committees.c.district_id,
    "community": schema.communities.c.committee_id,
    "place": schema.places.c.parent_id,
}
_TABLES: Mapping[str, Table] = {
    "district": schema.districts,
    "committee": schema.committees,
    "community": schema.communities,
    "place": schema.places,
}
_NO_NUMBER = 1000
"""Stands for the length of a number that is not there: what has none comes last."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of a level: an item, how many lie directly below it, and how many devices are in it and below (None: not
    counted, as of a whole committee)."""

    key: Key
    kept: Kept
    below: int
    devices: int | None


def branches(
    connection: Connection, above: Key, limit: int, after: str | None = None, *, removed: bool = False
) -> list[Branch]:
    """What lies directly in `above`, by number and then by id, from after the item `after` on; `limit` at most. `removed`: what
    was removed of it."""
    (kind,) = BELOW[above.kind]
    table = _TABLES[kind]
    gone = table.c.removed_at
    query = select(table).where(_within(above, table), gone.is_not(None) if removed else gone.is_(None))
    return _branches(connection, kind, _ordered(connection, query, table, after).limit(limit))


def stray_communities(connection: Connection, limit: int, after: str | None = None) -> list[Branch]:
    """Compounds that belong to no committee."""
    table = schema.communities
    query = select(table).where(table.c.committee_id.is_(None), table.c.removed_at.is_(None))
    return _branches(connection, "community", _ordered(connection, query, table, after).limit(limit))


def communities_of(connection: Connection, ids: Collection[str], limit: int, after: str | None = None) -> list[Branch]:
    """These compounds: for whoever reaches these alone."""
    table = schema.communities
    query = select(table).where(table.c.id.in_(sorted(ids)), table.c.removed_at.is_(None))
    return _branches(connection, "community", _ordered(connection, query, table, after).limit(limit))


def trail(connection: Connection, key: Key) -> list[tuple[Key, Text]]:
    """What the item lies in, from the district down, and the item itself, with names. Of an item that is not there, nothing."""
    found: list[tuple[Key, Text]] = []
    here: Key | None = key
    seen: set[Key] = set()
    while here is not None and here not in seen:
        seen.add(here)
        kept = get(connection, here)
        if kept is None:
            break
        item: Any = kept.item
        found.append((here, item.name))
        here = above_of(item, here.kind)
    return found[::-1]


def above_of(item: Any, kind: str) -> Key | None:
    """What the item lies in; None for a district, and for a compound of no committee."""
    if kind == "place":
        return Key("place", item.parent) if item.parent else Key("community", item.community)
    if kind == "community":
        return Key("committee", item.committee) if item.committee else None
    return Key("district", item.district) if kind == "committee" else None


def places_at(
    connection: Connection, communities: Sequence[str], building: str, unit: str, room: str, limit: int
) -> list[str]:
    """The places with these numbers in any of the compounds; a building without units is found also by its room alone."""
    keys = {address_key(community, building, unit, room) for community in communities}
    table = schema.places
    found: list[str] = []
    for asked in portions(keys):
        query = select(table.c.id).where(table.c.address_key.in_(asked), table.c.removed_at.is_(None))
        found += connection.execute(query.order_by(table.c.id).limit(limit)).scalars()
    if found or not room or unit:
        return found[:limit]
    here = [table.c.building == building, table.c.room == room, table.c.address_key.is_not(None)]
    for asked in portions(communities):
        query = select(table.c.id).where(table.c.community_id.in_(asked), *here)
        found += connection.execute(query.order_by(table.c.id).limit(limit)).scalars()
    return found[:limit]


def communities_like(connection: Connection, words: str, limit: int) -> list[str]:
    """Compounds whose name, in either language, or id has these words in it; all with ''."""
    table = schema.communities
    names = (table.c.id, table.c.name_zh, table.c.name_en)
    query = select(table.c.id).where(
        table.c.removed_at.is_(None), or_(*(name.icontains(words, autoescape=True) for name in names))
    )
    return list(connection.execute(query.order_by(table.c.id).limit(limit)).scalars())


def places_like(connection: Connection, community: str, words: str, limit: int) -> list[str]:
    """Places of one compound whose name, number or id has these words in it, the outermost first; buildings and the like with ''."""
    table = schema.places
    named: ColumnElement[bool] = table.c.parent_id.is_(None)
    if words:
        names = (table.c.id, table.c.name_zh, table.c.name_en, table.c.code)
        named = or_(*(name.icontains(words, autoescape=True) for name in names))
    query = select(table.c.id).where(table.c.community_id == community, table.c.removed_at.is_(None), named)
    return list(connection.execute(query.order_by(func.length(table.c.id), table.c.id).limit(limit)).scalars())


def devices_called(connection: Connection, words: str, limit: int) -> list[Kept]:
    """Devices whose id or serial is exactly this, in whatever case: one look into an index each."""
    table = schema.devices
    forms = {words, words.lower(), words.upper()}
    called = or_(table.c.id.in_(forms), table.c.serial.in_(forms))
    query = select(table).where(called, table.c.removed_at.is_(None)).order_by(table.c.id).limit(limit)
    return list(kept_of(connection, "device", list(connection.execute(query).all())).values())


def under(connection: Connection, place: str, limit: int) -> list[str]:
    """The place and those in it, level by level, `limit` at most."""
    table = schema.places
    found, level = [place], [place]
    while level and len(found) < limit:
        below: list[str] = []
        for asked in portions(level):
            query = select(table.c.id).where(table.c.parent_id.in_(asked), table.c.removed_at.is_(None))
            below += connection.execute(query.order_by(table.c.id).limit(limit)).scalars()
        level = [one for one in below if one not in found]
        found += level
    return found[:limit]


def _within(above: Key, table: Table) -> "ColumnElement[bool]":
    if above == TOP:
        return table.c.id.is_not(None)
    if above.kind == "community":
        return and_(schema.places.c.community_id == above.id, schema.places.c.parent_id.is_(None))
    return _ABOVE[BELOW[above.kind][0]] == above.id


def _ordered(connection: Connection, query: Select[Any], table: Table, after: str | None) -> Select[Any]:
    """By number as people count, then by id; from after the item of this id."""
    order: list[ColumnElement[Any]] = [table.c.id]
    if table is schema.places:
        length = case((table.c.code.is_(None), _NO_NUMBER), else_=func.length(table.c.code))
        order = [length, func.coalesce(table.c.code, ""), table.c.id]
    if after is not None:
        last = connection.execute(select(*order).where(table.c.id == after)).one_or_none()
        if last is None:
            raise NotFound(Text(f"没有 {after:.64}", f"there is no {after:.64}"))
        query = query.where(_beyond(order, last))
    return query.order_by(*order)


def _beyond(order: Sequence["ColumnElement[Any]"], last: Row[Any]) -> "ColumnElement[bool]":
    """What comes after `last` in this order."""
    found: ColumnElement[bool] = false()
    same: list[ColumnElement[bool]] = []
    for column, value in zip(order, last, strict=True):
        found = or_(found, and_(*same, column > value))
        same.append(column == value)
    return found


def _branches(connection: Connection, kind: str, query: Select[Any]) -> list[Branch]:
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    below = _count_below(connection, kind, ids)
    devices = _count_devices(connection, kind, rows)
    kept = kept_of(connection, kind, list(rows))
    return [
        Branch(Key(kind, key), one, below.get(key, 0), None if devices is None else devices.get(key, 0))
        for key, one in kept.items()
    ]


def _count_below(connection: Connection, kind: str, ids: Sequence[str]) -> Mapping[str, int]:
    """How many lie directly in each of these."""
    (under_it,) = BELOW[kind]
    table = _TABLES[under_it]
    column: ColumnElement[str] = _ABOVE[under_it]
    more: list[ColumnElement[bool]] = [table.c.removed_at.is_(None)]
    if kind == "community":
        column = schema.places.c.community_id
        more.append(schema.places.c.parent_id.is_(None))
    found: dict[str, int] = {}
    for asked in portions(ids):
        query = select(column, func.count()).where(column.in_(asked), *more).group_by(column)
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found


def _count_devices(connection: Connection, kind: str, rows: Sequence[Row[Any]]) -> Mapping[str, int] | None:
    """How many devices are in each of these and below."""
    table = schema.devices
    if kind == "community":
        found: dict[str, int] = {}
        for asked in portions(row.id for row in rows):
            query = (
                select(table.c.community_id, func.count())
                .where(table.c.community_id.in_(asked), table.c.removed_at.is_(None))
                .group_by(table.c.community_id)
            )
            found |= {row[0]: row[1] for row in connection.execute(query)}
        return found
    if kind != "place":
        return None
    found = {}
    for community in {row.community_id for row in rows}:
        found |= _devices_in(connection, community, {row.id for row in rows})
    return found


def _devices_in(connection: Connection, community: str, wanted: Collection[str]) -> Counter[str]:
    """How many devices of one compound are in each of these places and in what lies in them."""
    table, places = schema.devices, schema.places
    query = (
        select(table.c.place_id, func.count())
        .where(table.c.community_id == community, table.c.removed_at.is_(None))
        .group_by(table.c.place_id)
    )
    here = Counter({row[0]: int(row[1]) for row in connection.execute(query)})
    found: Counter[str] = Counter()
    while here:
        for place, count in here.items():
            if place in wanted:
                found[place] += count
        climbed: Counter[str] = Counter()
        rest = [place for place in here if place not in wanted]
        for asked in portions(rest):
            for row in connection.execute(select(places.c.id, places.c.parent_id).where(places.c.id.in_(asked))):
                if row.parent_id is not None:
                    climbed[row.parent_id] += here[row.id]
        here = climbed
    return found
