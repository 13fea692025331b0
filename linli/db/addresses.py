"""From an address to the place, and from a place to its address."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, Table, or_, select

from linli.db import schema
from linli.db.registryrows import portions, rows_by_id
from linli.errors import NotFound
from linli.i18n import Text
from linli.registry.address import LEVELS, Address, address_key

UNKNOWN = Text("未登记", "not registered")
"""What stands for a committee or district that a community does not have yet."""


def find_place(connection: Connection, address: Address) -> str:
    """The id of the building, unit or room at the address. NotFound says which part of it is not there.

    The first three parts may be ids or names in either language. A committee or district that is not registered with the
    compound is not held against it.
    """
    community = find_community(connection, address)
    if not address.building and not address.unit and not address.room:
        raise _missing(Text("楼栋", "building"), address.printed("zh"))
    table = schema.places
    parts = dict.fromkeys(LEVELS, "")
    found: str | None = None
    for level in LEVELS:
        parts[level] = getattr(address, level)
        if parts[level]:
            key = address_key(community, **parts)
            found = connection.execute(select(table.c.id).where(table.c.address_key == key)).scalar()
            if found is None:
                raise _missing(_LEVEL_WORDS[level], parts[level])
    assert found is not None
    return found


def find_community(connection: Connection, address: Address) -> str:
    """The id of the address's compound; NotFound if there is none, or several that it could be."""
    table = schema.communities
    rows = [
        row
        for row in connection.execute(
            select(table).where(_called(table, address.compound), table.c.removed_at.is_(None))
        )
        if _within(connection, row.committee_id, address)
    ]
    if not rows:
        raise _missing(Text("小区", "compound"), address.compound)
    if len(rows) > 1:
        ids = ", ".join(sorted(row.id for row in rows))
        said = Text(
            f"叫 {address.compound} 的小区不止一个：{ids}", f"several compounds are called {address.compound}: {ids}"
        )
        raise NotFound(said)
    return str(rows[0].id)


def addresses_of(connection: Connection, places: Collection[str]) -> dict[str, Text]:
    """The address of each of these places in its canonical text, in both languages: that of the room, unit or building that
    it is or lies in, as far as it has numbers."""
    rows = rows_by_id(connection, schema.places, places)
    around = _names(connection, {row.community_id for row in rows.values()})
    found: dict[str, Text] = {}
    for row in rows.values():
        names = around[row.community_id]
        parts = {level: row._mapping[level] for level in LEVELS}
        zh, en = (
            Address(*(name.of(language) for name in names), **parts).printed(language) for language in ("zh", "en")
        )
        found[row.id] = Text(zh, en)
    return found


def _names(connection: Connection, communities: Collection[str]) -> Mapping[str, tuple[Text, Text, Text]]:
    """District, committee and compound by name, by compound."""
    own, above, top = schema.communities, schema.committees, schema.districts
    query = (
        select(
            own.c.id,
            *(table.c[name] for table in (top, above, own) for name in ("name_zh", "name_en")),
        )
        .outerjoin(above, above.c.id == own.c.committee_id)
        .outerjoin(top, top.c.id == above.c.district_id)
    )
    found: dict[str, tuple[Text, Text, Text]] = {}
    for asked in portions(communities):
        for key, *names in connection.execute(query.where(own.c.id.in_(asked))):
            district, committee, compound = (
                UNKNOWN if zh is None else Text(zh, en) for zh, en in zip(names[::2], names[1::2], strict=True)
            )
            found[key] = (district, committee, compound)
    return found


def _within(connection: Connection, committee: str | None, address: Address) -> bool:
    """Whether the committee and its district are those of the address, as far as they are known."""
    if committee is None:
        return True
    above, top = schema.committees, schema.districts
    row = connection.execute(
        select(above, top.c.id.label("top_id"), top.c.name_zh.label("top_zh"), top.c.name_en.label("top_en"))
        .join(top, top.c.id == above.c.district_id)
        .where(above.c.id == committee)
    ).one()
    mine, its = (row.id, row.name_zh, row.name_en), (row.top_id, row.top_zh, row.top_en)
    return address.committee in mine and address.district in its


def _called(table: Table, name: str) -> ColumnElement[bool]:
    return or_(table.c.id == name, table.c.name_zh == name, table.c.name_en == name)


_LEVEL_WORDS = {"building": Text("楼栋", "building"), "unit": Text("单元", "unit"), "room": Text("房间", "room")}


def _missing(what: Text, name: str) -> NotFound:
    return NotFound(Text(f"没有{what.zh} {name}", f"there is no {what.en} {name}"))
