"""Items of the registry as rows: which table each kind is in, and which column holds each field."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Row, Table, select

from linli.db import schema
from linli.i18n import Text
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Team

T = TypeVar("T")

ASKED_AT_ONCE = 500
"""So many ids in one question."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind's table, the column of each field, and which fields are a name in both languages (two columns)."""

    table: Table
    columns: Mapping[str, str]
    texts: frozenset[str] = frozenset(("name",))


def _shape(
    table: Table, *fields: str, texts: Iterable[str] = ("name",), same: Iterable[str] = (), **others: str
) -> Shape:
    """`fields` are ids of other things: their columns end in '_id'; those of `same` are called as the field is."""
    columns = {name: f"{name}_id" for name in fields} | {name: name for name in same} | others
    return Shape(table, columns, frozenset(texts))


_PERSONAL: Mapping[str, Any] = {"texts": ()}

SHAPES: Mapping[str, Shape] = {
    "district": _shape(schema.districts),
    "committee": _shape(schema.committees, "district", same=("kind",)),
    "organisation": _shape(schema.organisations, same=("kind", "phone")),
    "community": _shape(schema.communities, "committee", "manager", same=("timezone", "kind")),
    "place": _shape(schema.places, "community", "parent", same=("kind", "code")),
    "floor_plan": _shape(schema.floor_plans, "community", "place", same=("file", "width_m", "height_m")),
    "gateway": _shape(schema.gateways, "community"),
    "facility": _shape(schema.facilities, "community", "place", same=("kind",)),
    "device": _shape(
        schema.devices,
        "community",
        "gateway",
        "place",
        "facility",
        "parent",
        same=("kind", "interval_s"),
    ),
    "equipment": _shape(
        schema.devices,
        "community",
        "plan",
        same=("serial", "model", "in_service_since", "latitude", "longitude", "x_m", "y_m"),
        texts=(),
    ),
    "staff": _shape(schema.staff, "organisation", "account", same=("name", "duty", "phone"), texts=()),
    "team": _shape(schema.teams, "organisation"),
    "household": _shape(schema.households, "community", "place", same=("kind",), **_PERSONAL),
    "person": _shape(schema.persons, "community", same=("name", "sex", "born", "needs"), **_PERSONAL),
    "resident": _shape(
        schema.residents, "community", "household", "person", same=("relation", "since", "until"), **_PERSONAL
    ),
    "contact": _shape(
        schema.contacts, "community", "person", same=("kind", "value", "position", "verified_at"), **_PERSONAL
    ),
    "consent": _shape(schema.consents, "community", "person", same=("purpose", "given", "at", "source"), **_PERSONAL),
    "credential": _shape(
        schema.credentials, "community", "person", same=("kind", "value", "since", "until"), **_PERSONAL
    ),
}
"""By kind. A team's members and areas are in tables of their own."""

AREAS = {"communities": "community", "committees": "committee"}
"""A team's fields that are in `team_areas`, and as which kind."""


def row_of(kind: str, item: Item) -> dict[str, Any]:
    """The columns that the item says, but for its id."""
    shape = SHAPES[kind]
    row = {column: getattr(item, name) for name, column in shape.columns.items()}
    for name in shape.texts:
        text = getattr(item, name)
        row[f"{name}_zh"], row[f"{name}_en"] = text.zh, text.en
    return row


def items_of(connection: Connection, kind: str, rows: Sequence[Row[Any]]) -> list[Any]:
    """The items of rows of the kind's table."""
    if kind == "team":
        return list(_teams(connection, rows))
    if not rows:
        return []
    shape, noun = SHAPES[kind], KINDS[kind].noun
    at = {column: number for number, column in enumerate(rows[0]._fields)}
    made: list[Callable[[Row[Any]], Any]] = []
    for one in fields(noun):
        if one.name in shape.texts:
            made.append(_text(at[f"{one.name}_zh"], at[f"{one.name}_en"]))
        else:
            made.append(itemgetter(at[shape.columns.get(one.name, one.name)]))
    return [noun(*[get(row) for get in made]) for row in rows]


def _text(zh: int, en: int) -> Callable[[Row[Any]], Text]:
    return lambda row: Text(row[zh], row[en])


def _teams(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Team]:
    ids = [row.id for row in rows]
    members: dict[str, list[str]] = {key: [] for key in ids}
    areas: dict[tuple[str, str], list[str]] = {}
    for asked in portions(ids):
        table = schema.team_members
        for row in connection.execute(select(table).where(table.c.team_id.in_(asked)).order_by(table.c.staff_id)):
            members[row.team_id].append(row.staff_id)
        table = schema.team_areas
        for row in connection.execute(select(table).where(table.c.team_id.in_(asked)).order_by(table.c.area_id)):
            areas.setdefault((row.team_id, row.kind), []).append(row.area_id)
    for row in rows:
        named = Text(row.name_zh, row.name_en)
        held = {name: tuple(sorted(areas.get((row.id, kind), ()))) for name, kind in AREAS.items()}
        yield Team(row.id, row.organisation_id, named, tuple(sorted(members[row.id])), **held)


def rows_by_id(connection: Connection, table: Table, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """The table's rows of these ids, also of what is removed, by id."""
    return {
        row.id: row for asked in portions(ids) for row in connection.execute(select(table).where(table.c.id.in_(asked)))
    }


def columns_by_id(connection: Connection, table: Table, ids: Iterable[str], *columns: "Column[Any]") -> list[Row[Any]]:
    """Some columns of the rows of these ids, in no order."""
    return [
        row
        for asked in portions(ids)
        for row in connection.execute(select(table.c.id, *columns).where(table.c.id.in_(asked)))
    ]


def portions(values: Iterable[T], size: int = ASKED_AT_ONCE) -> Iterator[list[T]]:
    """The values, each once, `size` at a time."""
    listed = list(dict.fromkeys(values))
    return (listed[start : start + size] for start in range(0, len(listed), size))
