"""The registry in the database: who and what there is. Reading whole for ingest and rules, writing in one transaction."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, bindparam, delete, func, insert, select, update

from linli.clock import SystemClock
from linli.db import schema
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import check_id
from linli.model import Community, Device, Facility, Gateway, Holiday, Place
from linli.shards import Shard

Thing = Community | Place | Gateway | Facility | Device
Item = Thing | Holiday
"""All that is registered; it has an id. A holiday's is 'community/day'."""

KINDS: Mapping[str, type[Item]] = {
    "community": Community,
    "place": Place,
    "gateway": Gateway,
    "facility": Facility,
    "device": Device,
    "holiday": Holiday,
}
"""What each kind is called in the history."""

_PART_OF = {
    "community": "communities",
    "place": "places",
    "gateway": "gateways",
    "facility": "facilities",
    "device": "devices",
    "holiday": "holidays",
}
"""Where in a snapshot each kind is."""

_KIND_OF = {kind: name for name, kind in KINDS.items()}
_ASKED_AT_ONCE = 500

MOST_CHANGES = 5_000
"""More changes than these are not told one by one."""

_BUILT_IN = re.compile(r"linli-(platform|server|worker-.*)")
"""The names of `linli.platform`: what is called so is Linli itself, and concerns administrators alone."""


class RegistryChange(NamedTuple):
    """What the item of a kind (see KINDS) and an id is from now on; None if it was removed."""

    kind: str
    id: str
    item: Item | None


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """The whole registry as it was at `version`: plain data, for whoever must not read a database."""

    version: int = 0
    communities: dict[str, Community] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    facilities: dict[str, Facility] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    holidays: dict[str, dict[str, bool]] = field(default_factory=dict)
    """The calendar of each community, '' for the whole district: by day ('2026-10-01') whether it is a holiday, or a workday."""

    def within(self, shard: Shard) -> "RegistrySnapshot":
        """What of it belongs to the shard's communities; itself for the whole."""
        return self if shard.whole else self.of(shard.covers)

    def of(self, covers: Callable[[str], bool]) -> "RegistrySnapshot":
        """What of it belongs to the communities that `covers` says; the calendars are everybody's."""
        return RegistrySnapshot(
            self.version,
            {key: item for key, item in self.communities.items() if covers(key)},
            {key: item for key, item in self.places.items() if covers(item.community)},
            {key: item for key, item in self.gateways.items() if covers(item.community)},
            {key: item for key, item in self.facilities.items() if covers(item.community)},
            {key: item for key, item in self.devices.items() if covers(item.community)},
            self.holidays,
        )

    def changed(self, version: int, changes: "Iterable[RegistryChange]") -> "RegistrySnapshot":
        """It as it is after these changes, one after the other. What is the same in both is shared, and not to be changed."""
        parts: dict[str, dict[str, Any]] = {}
        for change in changes:
            name = _PART_OF[change.kind]
            part = parts.setdefault(name, dict(getattr(self, name)))
            if change.kind == "holiday":
                community, _, day = change.id.rpartition("/")
                part[community] = {**part.get(community, {})}
                part = part[community]
            else:
                day = change.id
            if change.item is None:
                part.pop(day, None)
            else:
                part[day] = change.item.is_holiday if isinstance(change.item, Holiday) else change.item
        if "holidays" in parts:
            parts["holidays"] = {community: days for community, days in parts["holidays"].items() if days}
        return replace(self, version=version, **parts)

    def items(self) -> list[Thing]:
        """All of it but the calendars, each after what it names but for places within places."""
        return [
            *self.communities.values(),
            *self.places.values(),
            *self.gateways.values(),
            *self.facilities.values(),
            *self.devices.values(),
        ]


class SqlRegistry:
    """`ports.Registry` over the database, with all of it in memory. `refresh` is one small query while nothing changes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.snapshot = RegistrySnapshot()

    def refresh(self) -> bool:
        """Read all again if the version has moved; whether it had."""
        with self._database.read() as connection:
            if read_version(connection) == self.snapshot.version:
                return False
            self.snapshot = read_registry(connection)
            return True

    def whole(self) -> RegistrySnapshot:
        """All of it as it is now, read anew; this object does not keep it."""
        with self._database.read() as connection:
            return read_registry(connection)

    def since(self, version: int) -> tuple[int, list[RegistryChange]] | None:
        """The version now, and what has changed since that one; None if the history does not say, and all must be read."""
        table = schema.registry_history
        with self._database.read() as connection:
            now = read_version(connection)
            if now == version:
                return now, []
            begun = connection.execute(select(func.max(table.c.version)).where(table.c.known_since)).scalar() or 0
            if not begun <= version < now:
                return None
            query = select(table).where(table.c.version > version, table.c.version <= now).order_by(table.c.seq)
            rows = connection.execute(query.limit(MOST_CHANGES + 1)).all()
        if len(rows) > MOST_CHANGES:
            return None
        return now, [
            RegistryChange(
                row.kind, row.item_id, None if row.content is None else msgspec.convert(row.content, KINDS[row.kind])
            )
            for row in rows
        ]

    def communities(self) -> Collection[str]:
        """The ids of all communities."""
        return self.snapshot.communities.keys()

    def gateway(self, gateway: str) -> Gateway | None:
        """The gateway, or None."""
        return self.snapshot.gateways.get(gateway)

    def device(self, device: str) -> Device | None:
        """The device, or None."""
        return self.snapshot.devices.get(device)


def read_version(connection: Connection) -> int:
    """How often the registry has changed; 0 for an empty one."""
    return connection.execute(select(schema.registry_version.c.version)).scalar() or 0


def read_registry(connection: Connection) -> RegistrySnapshot:
    """All of it, in the reader's transaction."""
    communities = {
        row.id: Community(row.id, _name(row), row.timezone) for row in connection.execute(select(schema.communities))
    }
    places = {
        row.id: Place(row.id, row.community_id, row.kind, _name(row), row.parent_id)
        for row in connection.execute(select(schema.places))
    }
    gateways = {
        row.id: Gateway(row.id, row.community_id, _name(row)) for row in connection.execute(select(schema.gateways))
    }
    facilities = {
        row.id: Facility(row.id, row.community_id, row.kind, _name(row), row.place_id)
        for row in connection.execute(select(schema.facilities))
    }
    devices = {row.id: _device(row) for row in connection.execute(select(schema.devices))}
    return RegistrySnapshot(
        read_version(connection),
        communities,
        places,
        gateways,
        facilities,
        devices,
        calendars(read_holidays(connection)),
    )


def read_holidays(connection: Connection) -> list[Holiday]:
    """The days of every calendar, in order, the district's ('') first."""
    table = schema.holidays
    query = select(table).order_by(table.c.community_id, table.c.day)
    return [Holiday(row.community_id, row.day, row.is_holiday, _name(row)) for row in connection.execute(query)]


def calendars(holidays: Iterable[Holiday]) -> dict[str, dict[str, bool]]:
    """They as a snapshot has them: by community and day whether it is a holiday."""
    found: dict[str, dict[str, bool]] = {}
    for holiday in holidays:
        found.setdefault(holiday.community, {})[holiday.day] = holiday.is_holiday
    return found


def save(connection: Connection, items: Iterable[Item], at: int | None = None) -> None:
    """Add each, or replace what has its id, in the order given; counts the version up. Refused for a bad or reserved id.

    `at`: since when it is so, for the history; None: now, by the machine's clock.
    """
    saved = list(items)
    for item in saved:
        if not isinstance(item, Holiday):
            _check(item.id, type(item).__name__.lower())
    take_turn(connection, schema.registry_version)
    for kind, same in groupby(saved, type):
        if kind is Holiday:
            _write_holidays(connection, [item for item in same if isinstance(item, Holiday)])
        else:
            _write(connection, [item for item in same if not isinstance(item, Holiday)])
    _remember(connection, _count_up(connection), at, [(item, msgspec.to_builtins(item)) for item in saved])


def remove_device(connection: Connection, device: str, at: int | None = None) -> bool:
    """Take a device out of the registry; whether it was there. What it has sent stays in the store."""
    take_turn(connection, schema.registry_version)
    row = connection.execute(select(schema.devices).where(schema.devices.c.id == device)).one_or_none()
    connection.execute(delete(schema.devices).where(schema.devices.c.id == device))
    _remember(connection, _count_up(connection), at, [] if row is None else [(_device(row), None)])
    return row is not None


def remove_holiday(connection: Connection, community: str, day: str, at: int | None = None) -> bool:
    """Take a day out of a calendar ('' for the district's); whether it was there."""
    table = schema.holidays
    here = (table.c.community_id == community, table.c.day == day)
    take_turn(connection, schema.registry_version)
    row = connection.execute(select(table).where(*here)).one_or_none()
    if row is None:
        return False
    connection.execute(delete(table).where(*here))
    _remember(connection, _count_up(connection), at, [(Holiday(community, day, row.is_holiday, _name(row)), None)])
    return True


def _check(name: str, what: str) -> None:
    if _BUILT_IN.fullmatch(check_id(name, what)) is not None:
        error = Refused("reserved_id", f"{name} is reserved for Linli itself; choose another id")
        error.text = Text(f"标识 {name} 由邻里平台自用，请换一个", f"the id {error.detail}")
        raise error


def _count_up(connection: Connection) -> int:
    table = schema.registry_version
    if connection.execute(update(table).values(version=table.c.version + 1)).rowcount == 0:
        connection.execute(insert(table).values(id=1, version=1))
    return read_version(connection)


def _write(connection: Connection, items: Sequence[Thing]) -> None:
    """Items of one kind, in their order: each run of new ones is one statement, and so is each of known ones."""
    table = _row_of(items[0])[0]
    for known, run in groupby(_marked(items, _known(connection, table, items)), lambda marked: marked[0]):
        rows = [(item.id, _row_of(item)[1]) for _, item in run]
        if known:
            change = update(table).where(table.c.id == bindparam("its_id"))
            connection.execute(
                change.values({name: bindparam(name) for name in rows[0][1]}),
                [{"its_id": key} | values for key, values in rows],
            )
        else:
            connection.execute(insert(table), [{"id": key} | values for key, values in rows])


def _marked(items: Sequence[Thing], known: set[str]) -> Iterator[tuple[bool, Thing]]:
    """Each item, with whether it is there when its turn comes."""
    for item in items:
        yield item.id in known, item
        known.add(item.id)


def _known(connection: Connection, table: Table, items: Sequence[Thing]) -> set[str]:
    """The ids of those items that the table has."""
    ids = [item.id for item in items]
    parts = (ids[start : start + _ASKED_AT_ONCE] for start in range(0, len(ids), _ASKED_AT_ONCE))
    return {
        key for part in parts for key in connection.execute(select(table.c.id).where(table.c.id.in_(part))).scalars()
    }


def _write_holidays(connection: Connection, holidays: Sequence[Holiday]) -> None:
    table = schema.holidays
    rows = {
        holiday.id: {
            "community_id": holiday.community,
            "day": holiday.day,
            "is_holiday": holiday.is_holiday,
            "name_zh": holiday.name.zh,
            "name_en": holiday.name.en,
        }
        for holiday in holidays
    }
    gone = delete(table).where(table.c.community_id == bindparam("its_community"), table.c.day == bindparam("its_day"))
    connection.execute(gone, [{"its_community": row["community_id"], "its_day": row["day"]} for row in rows.values()])
    connection.execute(insert(table), list(rows.values()))


def _remember(
    connection: Connection, version: int, at: int | None, changes: Sequence[tuple[Item, dict[str, Any] | None]]
) -> None:
    """Append to the history (`linli.db.registryhistory`) what the items are from now on, None for what is removed."""
    since = SystemClock().now() if at is None else at
    same = {"version": version, "at": since, "known_since": False}
    rows = [same | {"kind": _KIND_OF[type(item)], "item_id": item.id, "content": content} for item, content in changes]
    if rows:
        connection.execute(insert(schema.registry_history), rows)


def _row_of(item: Thing) -> tuple[Table, dict[str, object]]:
    values: dict[str, object] = {"name_zh": item.name.zh, "name_en": item.name.en}
    match item:
        case Community():
            return schema.communities, values | {"timezone": item.timezone}
        case Place():
            own = {"community_id": item.community, "kind": item.kind, "parent_id": item.parent}
            return schema.places, values | own
        case Gateway():
            return schema.gateways, values | {"community_id": item.community}
        case Facility():
            own = {"community_id": item.community, "kind": item.kind, "place_id": item.place}
            return schema.facilities, values | own
        case Device():
            return schema.devices, values | {
                "community_id": item.community,
                "gateway_id": item.gateway,
                "place_id": item.place,
                "facility_id": item.facility,
                "kind": item.kind,
                "interval_s": item.interval_s,
            }


def _name(row: Row[tuple[object, ...]]) -> Text:
    return Text(row.name_zh, row.name_en)


def _device(row: Row[tuple[object, ...]]) -> Device:
    return Device(
        id=row.id,
        community=row.community_id,
        gateway=row.gateway_id,
        kind=row.kind,
        name=_name(row),
        place=row.place_id,
        facility=row.facility_id,
        interval_s=row.interval_s,
    )
