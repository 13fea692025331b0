"""The list of devices that report and are not registered. Ingest puts them there, within bounds; somebody adopts them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from linli.audit import Act
from linli.auditwho import NOBODY_ASKED, who_of
from linli.clock import DAY
from linli.db import schema
from linli.db.audit import append_last
from linli.db.database import Database
from linli.db.registryitems import get
from linli.db.registrylog import take_turns
from linli.db.registryrows import portions
from linli.db.registrywriting import put
from linli.db.turns import take_turn
from linli.errors import Conflict, NotFound
from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.model import Device
from linli.registry.strangers import Sample, Stranger

OF_A_GATEWAY = 200
"""So many strangers of one gateway have room: one that makes up names does not fill the list, and hides no others."""

OVER_ALL = 10_000
"""So many have room in all: about 20 MB."""

FORGOTTEN_AFTER = 30 * DAY
"""A stranger that was silent for so long makes room for another."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How often strangers of a gateway found no room in the list, and when one last did."""

    community: str
    gateway: str
    times: int
    last_seen: int


class SqlStrangers:
    """The list in the database, as ingest writes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, strangers: Sequence[Stranger], left_out: Mapping[tuple[str, str], int], now: int) -> None:
        """Take in what was heard: one transaction. `left_out`: what had no room on the way here, by community and gateway."""
        with self._database.write() as connection:
            take_turn(connection, schema.strangers)
            no_room = Counter(dict(left_out))
            known = _known(connection, strangers)
            room = _Room(connection, now)
            fresh: list[Stranger] = []
            heard_again: list[Stranger] = []
            for stranger in strangers:
                before = known.get((stranger.gateway, stranger.device))
                if before is not None:
                    heard_again.append(before.with_more(stranger))
                elif room.take(stranger.gateway):
                    fresh.append(stranger)
                else:
                    no_room[stranger.community, stranger.gateway] += stranger.times
            if fresh:
                connection.execute(insert(schema.strangers), [_row(stranger) for stranger in fresh])
            _change(connection, heard_again)
            for (community, gateway), times in sorted(no_room.items()):
                _leave_out(connection, LeftOut(community, gateway, times, now))


def strangers(connection: Connection, gateway: str | None = None, limit: int = 100, offset: int = 0) -> list[Stranger]:
    """Those that nobody has registered, the last heard first. `gateway`: of this one only."""
    table = schema.strangers
    registered = select(schema.devices.c.id).where(
        schema.devices.c.id == table.c.device_id, schema.devices.c.removed_at.is_(None)
    )
    query = select(table).where(~registered.exists())
    if gateway is not None:
        query = query.where(table.c.gateway_id == gateway)
    order = (table.c.last_seen.desc(), table.c.gateway_id, table.c.device_id)
    return [_stranger(row) for row in connection.execute(query.order_by(*order).limit(limit).offset(offset))]


def left_out(connection: Connection) -> list[LeftOut]:
    """Of which gateways strangers found no room."""
    table = schema.strangers_left_out
    rows = connection.execute(select(table).order_by(table.c.gateway_id))
    return [LeftOut(row.community_id, row.gateway_id, row.times, row.last_seen) for row in rows]


def adopt(connection: Connection, device: Device, origin: Origin) -> None:
    """Register a stranger of the device's gateway, with its id, and take it off the list; BadItem if it is no sound device, Conflict
    if it was merged into another: it is known, by the id of that.

    Ingest knows it within a second. What it sent before lies among the dead letters, to be replayed
    (`SqlDeadLetters.request_replay`, reason 'unregistered_device'). NotFound if it is not on the list.
    """
    table = schema.strangers
    take_turns(connection, table)
    here = (table.c.gateway_id == device.gateway, table.c.device_id == device.id)
    if connection.execute(delete(table).where(*here)).rowcount == 0:
        said = Text(
            f"网关 {device.gateway} 没有报告过 {device.id}", f"gateway {device.gateway} has not told of {device.id}"
        )
        raise NotFound(said)
    known = get(connection, Key("device", device.id))
    if known is not None and known.merged_into is not None:
        raise Conflict(
            Text(
                f"{device.id} 已并入 {known.merged_into}：请在网关的配置中让它以后者的编号上报",
                f"{device.id} was merged into {known.merged_into}: let its gateway report it under that id",
            )
        )
    put(connection, [device], origin)
    who, facts = who_of(origin.actor or NOBODY_ASKED), {"gateway": device.gateway}
    act = Act("registry.device.adopted", who, "device", (device.id,), device.community, facts=facts)
    append_last(connection, act, origin.at)


def dismiss(connection: Connection, gateway: str, device: str | None = None) -> int:
    """Take a stranger, or all of a gateway, off the list; how many there were. One that reports again is listed again."""
    table, side = schema.strangers, schema.strangers_left_out
    take_turn(connection, table)
    if device is not None:
        return connection.execute(
            delete(table).where(table.c.gateway_id == gateway, table.c.device_id == device)
        ).rowcount
    connection.execute(delete(side).where(side.c.gateway_id == gateway))
    return connection.execute(delete(table).where(table.c.gateway_id == gateway)).rowcount


class _Room:
    """How much room there is. The longest silent make some when it is all taken."""

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now
        self._counts: Counter[str] | None = None

    def take(self, gateway: str) -> bool:
        """Whether there is room for one more of the gateway; it is taken then."""
        if self._counts is None:
            self._counts = self._count()
            if self._counts.total() >= OVER_ALL or max(self._counts.values(), default=0) >= OF_A_GATEWAY:
                table = schema.strangers
                self._connection.execute(delete(table).where(table.c.last_seen < self._now - FORGOTTEN_AFTER))
                self._counts = self._count()
        if self._counts[gateway] >= OF_A_GATEWAY or self._counts.total() >= OVER_ALL:
            return False
        self._counts[gateway] += 1
        return True

    def _count(self) -> Counter[str]:
        table = schema.strangers
        query = select(table.c.gateway_id, func.count().label("number")).group_by(table.c.gateway_id)
        return Counter({row.gateway_id: row.number for row in self._connection.execute(query)})


def _known(connection: Connection, heard: Iterable[Stranger]) -> dict[tuple[str, str], Stranger]:
    table = schema.strangers
    by_gateway: dict[str, list[str]] = {}
    for stranger in heard:
        by_gateway.setdefault(stranger.gateway, []).append(stranger.device)
    return {
        (row.gateway_id, row.device_id): _stranger(row)
        for gateway, devices in by_gateway.items()
        for asked in portions(devices)
        for row in connection.execute(select(table).where(table.c.gateway_id == gateway, table.c.device_id.in_(asked)))
    }


def _change(connection: Connection, strangers: Sequence[Stranger]) -> None:
    table = schema.strangers
    rows = [{f"its_{name}": value for name, value in _row(stranger).items()} for stranger in strangers]
    if rows:
        here = (table.c.gateway_id == bindparam("its_gateway_id"), table.c.device_id == bindparam("its_device_id"))
        told = ("community_id", "first_seen", "last_seen", "times", "heard")
        values: dict[str, Any] = {name: bindparam(f"its_{name}", type_=table.c[name].type) for name in told}
        connection.execute(update(table).where(*here).values(values), rows)


def _leave_out(connection: Connection, more: LeftOut) -> None:
    table = schema.strangers_left_out
    values = {"community_id": more.community, "last_seen": more.last_seen}
    change = update(table).where(table.c.gateway_id == more.gateway)
    if connection.execute(change.values(times=table.c.times + more.times, **values)).rowcount == 0:
        connection.execute(insert(table).values(gateway_id=more.gateway, times=more.times, **values))


def _row(stranger: Stranger) -> dict[str, Any]:
    return {
        "gateway_id": stranger.gateway,
        "device_id": stranger.device,
        "community_id": stranger.community,
        "first_seen": stranger.first_seen,
        "last_seen": stranger.last_seen,
        "times": stranger.times,
        "heard": {
            "quantities": list(stranger.quantities),
            "types": list(stranger.types),
            "samples": msgspec.to_builtins(stranger.samples),
        },
    }


def _stranger(row: Row[Any]) -> Stranger:
    heard = row.heard
    return Stranger(
        row.community_id,
        row.gateway_id,
        row.device_id,
        row.first_seen,
        row.last_seen,
        row.times,
        tuple(heard["quantities"]),
        tuple(heard["types"]),
        tuple(msgspec.convert(sample, Sample) for sample in heard["samples"]),
    )
