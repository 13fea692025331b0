"""What is known of the drawing of each floor plan, in the database; and which devices are on a plan."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, Row, delete, insert, select, update

from linli.db import schema
from linli.db.registryitems import kept_of
from linli.db.registryrows import portions
from linli.db.turns import take_turn
from linli.floorplans import Format
from linli.registry.model import Device, Equipment

MOST_DEVICES = 1000
"""So many devices of a plan are shown."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The drawing of a floor plan. `stored_at`: microseconds since 1970 UTC; `size`: bytes; `width`, `height`: pixels; `sha256`
    of the file, in hexadecimal."""

    plan: str
    community: str
    stored_at: int
    format: Format
    size: int
    width: int
    height: int
    sha256: str
    file: str
    stored_by: str


def drawing_of(connection: Connection, plan: str) -> Drawing | None:
    """The plan's drawing, or None."""
    return drawings_of(connection, [plan]).get(plan)


def drawings_of(connection: Connection, plans: Collection[str]) -> dict[str, Drawing]:
    """The drawings of these plans, by plan."""
    table = schema.drawings
    return {
        row.plan_id: _drawing(row)
        for asked in portions(plans)
        for row in connection.execute(select(table).where(table.c.plan_id.in_(asked)))
    }


def put_drawing(connection: Connection, drawing: Drawing) -> Drawing | None:
    """Have the plan this drawing from now on; the one that it had. What was its file stays: a backup may be under way."""
    table = schema.drawings
    take_turn(connection, table)
    before = drawing_of(connection, drawing.plan)
    values = asdict(drawing) | {"format": drawing.format.value}
    plan, community = values.pop("plan"), values.pop("community")
    if before is None:
        connection.execute(insert(table).values(plan_id=plan, community_id=community, **values))
    else:
        connection.execute(update(table).where(table.c.plan_id == plan).values(**values))
    return before


def remove_drawing(connection: Connection, plan: str) -> bool:
    """Forget the plan's drawing; whether there was one."""
    table = schema.drawings
    take_turn(connection, table)
    return connection.execute(delete(table).where(table.c.plan_id == plan)).rowcount > 0


def forget_removed(connection: Connection, before: int, limit: int) -> int:
    """Forget drawings of plans that were removed before that, `limit` at most; how many."""
    table, plans = schema.drawings, schema.floor_plans
    take_turn(connection, table)
    query = (
        select(table.c.plan_id)
        .join(plans, plans.c.id == table.c.plan_id)
        .where(plans.c.removed_at < before)
        .limit(limit)
    )
    gone = list(connection.execute(query).scalars())
    if gone:
        connection.execute(delete(table).where(table.c.plan_id.in_(gone)))
    return len(gone)


def files_in_use(connection: Connection, files: Iterable[str]) -> set[str]:
    """Those of these files that are the drawing of a plan."""
    column = schema.drawings.c.file
    found: set[str] = set()
    for asked in portions(files):
        found |= set(connection.execute(select(column).where(column.in_(asked))).scalars())
    return found


def devices_on(connection: Connection, plan: str) -> list[tuple[Device, Equipment, int]]:
    """The devices on a plan with what stands there and their revisions, by id, at most MOST_DEVICES."""
    table = schema.devices
    query = select(table).where(table.c.plan_id == plan, table.c.removed_at.is_(None)).order_by(table.c.id)
    rows = connection.execute(query.limit(MOST_DEVICES)).all()
    devices, beside = kept_of(connection, "device", list(rows)), kept_of(connection, "equipment", list(rows))
    found: list[tuple[Device, Equipment, int]] = []
    for key, kept in devices.items():
        device, equipment = kept.item, beside[key].item
        assert isinstance(device, Device) and isinstance(equipment, Equipment)
        found.append((device, equipment, kept.revision))
    return found


def devices_on_none(connection: Connection, places: Collection[str], limit: int) -> list[tuple[Device, int]]:
    """Devices of these places that are on no plan, with their revisions, by id, `limit` at most."""
    table = schema.devices
    found: list[tuple[Device, int]] = []
    for asked in portions(places):
        here = (table.c.place_id.in_(asked), table.c.plan_id.is_(None), table.c.removed_at.is_(None))
        rows = connection.execute(select(table).where(*here).order_by(table.c.id).limit(limit)).all()
        for kept in kept_of(connection, "device", list(rows)).values():
            assert isinstance(kept.item, Device)
            found.append((kept.item, kept.revision))
    return sorted(found, key=lambda one: one[0].id)[:limit]


def _drawing(row: Row[tuple[object, ...]]) -> Drawing:
    named = {"plan": "plan_id", "community": "community_id"}
    values = {field.name: row._mapping[named.get(field.name, field.name)] for field in fields(Drawing)}
    return Drawing(**values | {"format": Format(row.format)})
