"""The registry in the database: who and what there is. Reading whole for ingest and rules, writing in one transaction."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, select

from linli.db import schema
from linli.db.database import Database
from linli.db.registrylog import read_version
from linli.db.registryremoving import remove_device
from linli.db.registrywriting import remove_holiday, save
from linli.i18n import Text
from linli.model import Community, Device, Facility, Gateway, Holiday, Place
from linli.shards import Shard

__all__ = [
    "KINDS",
    "MOST_CHANGES",
    "Item",
    "RegistryChange",
    "RegistrySnapshot",
    "SqlRegistry",
    "Thing",
    "calendars",
    "read_holidays",
    "read_registry",
    "read_version",
    "remove_device",
    "remove_holiday",
    "save",
]

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

MOST_CHANGES = 5_000
"""More changes than these are not told one by one."""


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
    """`ports.Registry` over the database, with all of it in memory. `refresh` is one small query while nothing changes.

    `settled` is called when `refresh` has read all of it: a process with much to do may want to `runtime.keep` it.
    """

    def __init__(self, database: Database, settled: Callable[[], None] | None = None) -> None:
        self._database = database
        self._settled = settled
        self.snapshot = RegistrySnapshot()

    def refresh(self) -> bool:
        """Take over what has changed since; whether anything has that is kept here. All is read at first, and when very much
        is new."""
        news = self.since(self.snapshot.version) if self.snapshot.version else None
        if news is None:
            before, self.snapshot = self.snapshot.version, self.whole()
            moved = self.snapshot.version != before
            if moved and self._settled is not None:
                self._settled()
            return moved
        version, changes = news
        if version != self.snapshot.version:
            self.snapshot = self.snapshot.changed(version, changes)
        return bool(changes)

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
            if now < version:
                return None
            news = (table.c.version > version, table.c.version <= now, table.c.watched)
            query = select(table).where(*news).order_by(table.c.version, table.c.seq)
            rows = connection.execute(query.limit(MOST_CHANGES + 1)).all()
        if len(rows) > MOST_CHANGES or any(row.known_since for row in rows):
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


def read_registry(connection: Connection) -> RegistrySnapshot:
    """All of it that is there and that ingest, rules and the names of alerts need, in the reader's transaction.

    That is not every room: those in which nothing hangs are asked from the database. Words that recur are kept once.
    """
    once: dict[str | None, str] = {}

    def same(word: Any) -> Any:
        return None if word is None else once.setdefault(word, word)

    def rows(table: Table, *columns: str) -> Iterable[Any]:
        chosen = (table.c.id, table.c.name_zh, table.c.name_en, *(table.c[name] for name in columns))
        query = select(*chosen).where(table.c.removed_at.is_(None))
        if table is schema.places:
            query = query.where(table.c.watched)
        return connection.execute(query)

    def named(zh: str, en: str) -> Text:
        return Text(same(zh), same(en))

    return RegistrySnapshot(
        read_version(connection),
        {
            key: Community(key, named(zh, en), same(zone), same(committee), same(kind), same(manager))
            for key, zh, en, zone, committee, kind, manager in rows(
                schema.communities, "timezone", "committee_id", "kind", "manager_id"
            )
        },
        {
            key: Place(same(key), same(community), same(kind), named(zh, en), same(parent), code)
            for key, zh, en, community, kind, parent, code in rows(
                schema.places, "community_id", "kind", "parent_id", "code"
            )
        },
        {
            key: Gateway(same(key), same(community), named(zh, en))
            for key, zh, en, community in rows(schema.gateways, "community_id")
        },
        {
            key: Facility(same(key), same(community), same(kind), named(zh, en), same(place))
            for key, zh, en, community, kind, place in rows(schema.facilities, "community_id", "kind", "place_id")
        },
        {
            key: Device(
                key, same(of), same(gateway), same(kind), named(zh, en), same(place), same(facility), interval, same(up)
            )
            for key, zh, en, of, gateway, kind, place, facility, interval, up in rows(
                schema.devices,
                "community_id",
                "gateway_id",
                "kind",
                "place_id",
                "facility_id",
                "interval_s",
                "parent_id",
            )
        },
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


def _name(row: Row[tuple[object, ...]]) -> Text:
    return Text(row.name_zh, row.name_en)
