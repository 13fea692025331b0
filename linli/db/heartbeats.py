"""What gateways last said of themselves, and what they counted for each day: written by ingest, read by whoever looks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite
from typing import Any

from sqlalchemy import Connection, case, select
from sqlalchemy.dialects import postgresql, sqlite

from linli.clock import MINUTE
from linli.db import schema
from linli.db.database import Database
from linli.db.tallies import forget_days_before
from linli.model import JsonValue, Lane, Message, TallyKey

_EPOCH = date(1970, 1, 1)
_MOST_DAYS = 10
_MOST_NAMED = 500
_MOST = 2**53


@dataclass(frozen=True, slots=True)
class Counted:
    """Observations that an agent took and dropped on one day, by its own word; `told_at` by its own clock."""

    taken: int
    dropped: int
    told_at: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a gateway said of itself at `time` (its clock), which the server heard at `received_at`. None: it did not say.

    `positions`: consumer -> lane -> last sequence that it acknowledged; `next`: lane -> the sequence to be given next;
    `days`: day since 1970 (UTC) -> (taken, dropped), in observations. `clock_offset_ms`: what the agent's clock is ahead of
    the server's.
    """

    community: str
    gateway: str
    bootid: str
    lane: Lane
    time: int
    received_at: int
    version: str = ""
    clock_offset_ms: float | None = None
    queue_urgent: int | None = None
    queue_bulk: int | None = None
    queue_bytes: int | None = None
    dropped_urgent: int | None = None
    dropped_bulk: int | None = None
    dropped: int | None = None
    refused: int | None = None
    positions: Mapping[str, Mapping[str, int]] | None = None
    next: Mapping[str, int] | None = None
    days: Mapping[int, tuple[int, int]] | None = None

    @classmethod
    def from_message(cls, message: Message, received_at: int) -> "Heartbeat":
        """What a message of type HEARTBEAT_TYPE says. Never raises: what is missing or odd counts as not said, for the
        agent may be older or newer than the server."""
        data = message.data
        version = data.get("version")
        offset = data.get("clock_offset_ms")
        return cls(
            community=message.community,
            gateway=message.gateway,
            bootid=message.bootid,
            lane=message.lane,
            time=message.agent_time,
            received_at=received_at,
            version=version[:64].replace("\x00", "") if isinstance(version, str) else "",
            clock_offset_ms=_number(offset),
            positions=_nested(data.get("positions")),
            next=_counts(data.get("next")),
            days=_days(data.get("days")),
            **{name: _count(data.get(name)) for name in _NUMBERS},
        )

    def counted(self) -> dict[TallyKey, Counted]:
        """What it says that it took and dropped, by day."""
        return {
            TallyKey(self.community, self.gateway, self.bootid, day): Counted(taken, dropped, self.time)
            for day, (taken, dropped) in (self.days or {}).items()
        }


_NUMBERS = (
    "queue_urgent",
    "queue_bulk",
    "queue_bytes",
    "dropped_urgent",
    "dropped_bulk",
    "dropped",
    "refused",
)


class SqlHeartbeats:
    """The tables `gateway_heartbeats` and `gateway_days`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, heartbeats: Sequence[Heartbeat]) -> None:
        """Keep the newest of each gateway, and what it counted, in one transaction. What was counted only grows.

        A lane is in order, so the last of a lane is its newest. Behind a backlog the bulk lane's is old: it does not
        replace a newer one of the urgent lane, unless none has come there for a minute.
        """
        if not heartbeats:
            return
        with self._database.write() as connection:
            known = {kept.gateway: kept for kept in _read(connection, {beat.gateway for beat in heartbeats})}
            changed: dict[str, Heartbeat] = {}
            for beat in heartbeats:
                kept = known.get(beat.gateway)
                if _newer(beat, kept):
                    known[beat.gateway] = changed[beat.gateway] = _with_days(beat, kept)
            _upsert(connection, changed)
            counted: dict[TallyKey, Counted] = {}
            for beat in heartbeats:
                counted |= beat.counted()
            _count_days(connection, counted)

    def all(self) -> list[Heartbeat]:
        """The newest of each gateway, by gateway. (`lane` is not kept: it says bulk.)"""
        with self._database.read() as connection:
            return _read(connection)

    def counted(self, since_day: int = 0) -> dict[TallyKey, Counted]:
        """What agents say that they took and dropped, for days from `since_day` (days since 1970) on."""
        table = schema.gateway_days
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.day >= since_day)).all()
        return {
            TallyKey(row.community_id, row.gateway_id, row.bootid, row.day): Counted(
                row.taken, row.dropped, row.told_at
            )
            for row in rows
        }

    def forget_before(self, day: int) -> None:
        """Delete what agents and rules counted for days before `day` (days since 1970)."""
        with self._database.write() as connection:
            forget_days_before(connection, day)


def _newer(beat: Heartbeat, kept: Heartbeat | None) -> bool:
    """Whether it replaces `kept`. An agent's clock may step back: on the urgent lane, order counts, not its time."""
    return (
        kept is None
        or beat.lane is Lane.URGENT
        or beat.bootid != kept.bootid
        or beat.time >= kept.time
        or beat.received_at - kept.received_at > MINUTE
    )


def _with_days(beat: Heartbeat, kept: Heartbeat | None) -> Heartbeat:
    """An agent tells its days on one lane only: the other leaves those that are known."""
    if beat.days is None and kept is not None and kept.bootid == beat.bootid:
        return replace(beat, days=kept.days)
    return beat


def _read(connection: Connection, gateways: Collection[str] | None = None) -> list[Heartbeat]:
    """Those of these gateways, or all."""
    table = schema.gateway_heartbeats
    query = select(table).order_by(table.c.gateway_id)
    if gateways is not None and len(gateways) <= _MOST_NAMED:
        query = query.where(table.c.gateway_id.in_(gateways))
    return [_heartbeat(row._asdict()) for row in connection.execute(query)]


def _heartbeat(row: dict[str, Any]) -> Heartbeat:
    return Heartbeat(
        community=row["community_id"],
        gateway=row["gateway_id"],
        bootid=row["bootid"],
        lane=Lane.BULK,
        time=row["time"],
        received_at=row["received_at"],
        version=row["version"],
        clock_offset_ms=row["clock_offset_ms"],
        positions=row["positions"],
        next=row["next"],
        days=None if row["days"] is None else {int(day): (each[0], each[1]) for day, each in row["days"].items()},
        **{name: row[name] for name in _NUMBERS},
    )


def _upsert(connection: Connection, beats: Mapping[str, Heartbeat]) -> None:
    if not beats:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(schema.gateway_heartbeats)
    rows = [_row(beats[gateway]) for gateway in sorted(beats)]  # all writers in one order: no deadlock
    changes = {name: insert.excluded[name] for name in rows[0] if name != "gateway_id"}
    connection.execute(insert.on_conflict_do_update(index_elements=["gateway_id"], set_=changes), rows)


def _row(beat: Heartbeat) -> dict[str, object]:
    return {
        "gateway_id": beat.gateway,
        "community_id": beat.community,
        "bootid": beat.bootid,
        "time": beat.time,
        "received_at": beat.received_at,
        "version": beat.version,
        "clock_offset_ms": beat.clock_offset_ms,
        "positions": beat.positions,
        "next": beat.next,
        "days": None if beat.days is None else {str(day): list(counts) for day, counts in beat.days.items()},
        **{name: getattr(beat, name) for name in _NUMBERS},
    }


def _count_days(connection: Connection, counted: Mapping[TallyKey, Counted]) -> None:
    if not counted:
        return
    table = schema.gateway_days
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(table)
    larger = {
        name: case((insert.excluded[name] > table.c[name], insert.excluded[name]), else_=table.c[name])
        for name in ("taken", "dropped")
    }
    statement = insert.on_conflict_do_update(
        index_elements=["community_id", "gateway_id", "bootid", "day"],
        set_=larger | {"told_at": insert.excluded.told_at},
    )
    rows = [
        {
            "community_id": key.community,
            "gateway_id": key.gateway,
            "bootid": key.bootid,
            "day": key.day,
            "taken": counts.taken,
            "dropped": counts.dropped,
            "told_at": counts.told_at,
        }
        for key, counts in sorted(counted.items())
    ]
    connection.execute(statement, rows)


def _number(value: JsonValue) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if fine else None  # type: ignore[arg-type]  # mypy does not follow `fine`


def _count(value: JsonValue) -> int | None:
    """A count from a stranger's JSON; None for what is none. Beyond 2**53 nothing counts."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST else None


def _counts(value: JsonValue) -> dict[str, int] | None:
    if not isinstance(value, dict):
        return None
    return {lane.value: count for lane in Lane if (count := _count(value.get(lane.value))) is not None}


def _nested(value: JsonValue) -> dict[str, dict[str, int]] | None:
    if not isinstance(value, dict):
        return None
    found = {name[:64]: _counts(value[name]) for name in list(value)[:_MOST_DAYS]}
    return {name: counts for name, counts in found.items() if counts is not None}


def _days(value: JsonValue) -> dict[int, tuple[int, int]] | None:
    if not isinstance(value, dict):
        return None
    found: dict[int, tuple[int, int]] = {}
    for name in list(value)[:_MOST_DAYS]:
        pair = value[name]
        if not isinstance(pair, list) or len(pair) != 2:
            continue
        taken, dropped = _count(pair[0]), _count(pair[1])
        if taken is not None and dropped is not None and (day := _day(name)) is not None:
            found[day] = (taken, dropped)
    return found


def _day(name: str) -> int | None:
    try:
        return (date.fromisoformat(name) - _EPOCH).days
    except ValueError:
        return None
