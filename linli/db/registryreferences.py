"""What items refer to, and what refers to them: checked before a change is made, whatever the database itself would check."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from linli.db import schema
from linli.db.registryrows import AREAS, SHAPES, columns_by_id, portions
from linli.i18n import Text
from linli.registry.changes import BadItem, Key
from linli.registry.kinds import KINDS, Item, community_of, kind_of, references_of
from linli.registry.model import Equipment, FloorPlan

_TREES = ("place", "device")
"""Kinds whose items hang on one another by `parent`."""

_TEAM_FIELDS: Mapping[str, tuple[Table, "Column[Any]"]] = {
    "members": (schema.team_members, schema.team_members.c.staff_id),
    "communities": (schema.team_areas, schema.team_areas.c.area_id),
    "committees": (schema.team_areas, schema.team_areas.c.area_id),
}


def check_references(connection: Connection, items: Sequence[Item], batch: Mapping[Key, Item]) -> None:
    """BadItem unless all that the items refer to is there, and of their own community, and nothing hangs on itself.

    `batch`: all that is written together with them; it may be referred to.
    """
    wanted: dict[str, set[str]] = {}
    for item in items:
        for _, kind, target in references_of(item):
            if Key(kind, target) not in batch:
                wanted.setdefault(kind, set()).add(target)
    there = {kind: _communities_of(connection, kind, targets) for kind, targets in wanted.items()}
    for item in items:
        own = community_of(item)
        for name, kind, target in references_of(item):
            beside = batch.get(Key(kind, target))
            if beside is None and target not in there[kind]:
                raise _nothing(item, name, kind, target)
            theirs = there[kind][target] if beside is None else community_of(beside)
            if own is not None and theirs is not None and own != theirs:
                raise _elsewhere(item, name, target, theirs)
    for kind in _TREES:
        _check_tree(connection, kind, {item.id: item for item in items if kind_of(item) == kind}, batch)


def check_equipment(connection: Connection, items: Sequence[Item], batch: Mapping[Key, Item]) -> None:
    """BadItem for equipment of a device that is not there or is of another community, or beyond its floor plan."""
    mine = [item for item in items if kind_of(item) == "equipment"]
    there = _communities_of(connection, "device", {item.id for item in mine if Key("device", item.id) not in batch})
    for item in mine:
        beside = batch.get(Key("device", item.id))
        theirs = there.get(item.id) if beside is None else community_of(beside)
        if theirs is None:
            raise _nothing(item, "id", "device", item.id)
        if theirs != community_of(item):
            raise _elsewhere(item, "community", item.id, theirs)
    _check_points(connection, [item for item in mine if isinstance(item, Equipment) and item.plan is not None], batch)


def _check_points(connection: Connection, items: Sequence[Equipment], batch: Mapping[Key, Item]) -> None:
    """BadItem for a point that is not on its floor plan."""
    table = schema.floor_plans
    sizes = {
        row.id: (row.width_m, row.height_m)
        for row in columns_by_id(
            connection, table, (one.plan or "" for one in items), table.c.width_m, table.c.height_m
        )
    }
    sizes |= {item.id: (item.width_m, item.height_m) for item in batch.values() if isinstance(item, FloorPlan)}
    for item in items:
        for name, value, most in zip(("x_m", "y_m"), (item.x_m, item.y_m), sizes[item.plan or ""], strict=True):
            if value is not None and value > most:
                said = Text(f"{value} 超出平面图（{most} 米）", f"{value} is beyond the plan, which has {most} m")
                raise BadItem("off_the_plan", Key("equipment", item.id), name, said)


def needed_by(connection: Connection, key: Key) -> dict[Key, frozenset[str]]:
    """What is there and refers to the item, with the fields by which it does. A device's equipment is a part of it."""
    found: dict[Key, frozenset[str]] = {}
    for kind, of in KINDS.items():
        for name, leads_to in of.refers.items():
            if leads_to == key.kind:
                for one in _referring(connection, kind, name, key.id):
                    other = Key(kind, one)
                    found[other] = found.get(other, frozenset()) | {name}
    found.pop(key, None)
    parts = [one for one in found if one.kind == "equipment" and Key("device", one.id) in found]
    for part in parts:
        del found[part]
    return found


def belongs(other: Key, fields: Collection[str]) -> bool:
    """Whether what refers by these fields goes along when the thing is removed."""
    return any(name not in KINDS[other.kind].loosely for name in fields)


def _referring(connection: Connection, kind: str, name: str, target: str) -> Iterator[str]:
    table = SHAPES[kind].table
    query = select(table.c.id).where(table.c.removed_at.is_(None)).order_by(table.c.id)
    if kind == "team" and name in _TEAM_FIELDS:
        side, column = _TEAM_FIELDS[name]
        query = query.join(side, side.c.team_id == table.c.id).where(column == target)
        if name in AREAS:
            query = query.where(schema.team_areas.c.kind == AREAS[name])
    else:
        query = query.where(table.c[SHAPES[kind].columns[name]] == target)
    return iter(connection.execute(query).scalars().all())


def _communities_of(connection: Connection, kind: str, ids: Collection[str]) -> dict[str, str | None]:
    """Of those of these items that are there, the community of each (None: it is of none)."""
    table = SHAPES[kind].table
    if kind == "community":
        rows = columns_by_id(connection, table, ids, table.c.removed_at)
        return {row.id: row.id for row in rows if row.removed_at is None}
    if "community_id" not in table.c:
        rows = columns_by_id(connection, table, ids, table.c.removed_at)
        return {row.id: None for row in rows if row.removed_at is None}
    rows = columns_by_id(connection, table, ids, table.c.removed_at, table.c.community_id)
    return {row.id: row.community_id for row in rows if row.removed_at is None}


def _check_tree(connection: Connection, kind: str, items: Mapping[str, Any], batch: Mapping[Key, Item]) -> None:
    """BadItem if one of these would hang on itself."""
    parents: dict[str, str | None] = {
        key.id: getattr(item, "parent", None) for key, item in batch.items() if key.kind == kind
    }
    table = SHAPES[kind].table
    above = {item.parent for item in items.values() if item.parent is not None} - parents.keys()
    while above:
        for asked in portions(above):
            query = select(table.c.id, table.c.parent_id).where(table.c.id.in_(asked))
            parents |= {row.id: row.parent_id for row in connection.execute(query)}
        above = {parents[key] for key in above if parents.get(key) is not None} - parents.keys()
    sound: set[str] = set()
    for item in items.values():
        chain: list[str] = []
        here: str | None = item.id
        while here is not None and here not in sound:
            if here in chain:
                said = Text(f"绕了一圈又回到 {here}", f"leads back to {here}, which it would hang on itself")
                raise BadItem("ring", Key(kind, item.id), "parent", said)
            chain.append(here)
            here = parents.get(here)
        sound.update(chain)


def _nothing(item: Item, name: str, kind: str, target: str) -> BadItem:
    word = KINDS[kind].name
    said = Text(f"没有{word.zh} {target}", f"there is no {word.en.lower()} {target}")
    return BadItem("unknown_reference", Key(kind_of(item), item.id), name, said)


def _elsewhere(item: Item, name: str, target: str, theirs: str) -> BadItem:
    said = Text(f"{target} 属于小区 {theirs}", f"{target} belongs to compound {theirs}")
    return BadItem("other_community", Key(kind_of(item), item.id), name, said)
