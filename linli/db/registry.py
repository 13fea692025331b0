"""The registry in the database: who and what there is. Reading whole for ingest and rules, writing in one transaction."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from linli.db import schema
from linli.db.database import Database
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import check_id
from linli.model import Community, Device, Facility, Gateway, Place
from linli.shards import Shard

_BUILT_IN = re.compile(r"linli-(platform|server|worker-.*)")
"""The names of `linli.platform`: what is called so is Linli itself, and concerns administrators alone."""


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
        if shard.whole:
            return self
        return RegistrySnapshot(
            self.version,
            {key: item for key, item in self.communities.items() if shard.covers(key)},
            {key: item for key, item in self.places.items() if shard.covers(item.community)},
            {key: item for key, item in self.gateways.items() if shard.covers(item.community)},
            {key: item for key, item in self.facilities.items() if shard.covers(item.community)},
            {key: item for key, item in self.devices.items() if shard.covers(item.community)},
            self.holidays,
        )

    def items(self) -> list[Community | Place | Gateway | Facility | Device]:
        """All of it, each after what it names but for places within places."""
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
    return RegistrySnapshot(read_version(connection), communities, places, gateways, facilities, devices)


def save(connection: Connection, items: Iterable[Community | Place | Gateway | Facility | Device]) -> None:
    """Add each, or replace what has its id, in the order given; counts the version up. Refused for a bad or reserved id."""
    for item in items:
        _check(item.id, type(item).__name__.lower())
        table, values = _row_of(item)
        changed = connection.execute(update(table).where(table.c.id == item.id).values(values))
        if changed.rowcount == 0:
            connection.execute(insert(table).values(id=item.id, **values))
    _count_up(connection)


def remove_device(connection: Connection, device: str) -> bool:
    """Take a device out of the registry; whether it was there. What it has sent stays in the store."""
    gone = connection.execute(delete(schema.devices).where(schema.devices.c.id == device)).rowcount > 0
    _count_up(connection)
    return gone


def _check(name: str, what: str) -> None:
    if _BUILT_IN.fullmatch(check_id(name, what)) is not None:
        error = Refused("reserved_id", f"{name} is reserved for Linli itself; choose another id")
        error.text = Text(f"标识 {name} 由邻里平台自用，请换一个", f"the id {error.detail}")
        raise error


def _count_up(connection: Connection) -> None:
    table = schema.registry_version
    if connection.execute(update(table).values(version=table.c.version + 1)).rowcount == 0:
        connection.execute(insert(table).values(id=1, version=1))


def _row_of(item: Community | Place | Gateway | Facility | Device) -> tuple[Table, dict[str, object]]:
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
