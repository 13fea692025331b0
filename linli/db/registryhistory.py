"""What the registry was at any time: for whoever asks what would have been, such as a trial of a rule on old data.

`linli.db.registry` appends to the table with each change. Where the table is younger than the registry (it came with a
migration), its first rows say what there was then, and nobody knows since when.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, select

from linli.db import schema
from linli.db.database import Database
from linli.db.registry import KINDS, Item, RegistrySnapshot, calendars
from linli.model import Community, Device, Facility, Gateway, Holiday, Place
from linli.registry.changes import Key
from linli.registry.kinds import KINDS as KINDS_OF_ALL


class RegistryHistory:
    """The history in the database. Reads only. Snapshots share what is the same in them: they are not to be changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known_since(self) -> int | None:
        """When the history begins, if there was a registry before it; None if all that ever was is in it."""
        with self._database.read() as connection:
            return _known_since(connection)

    def at(self, time: int) -> RegistrySnapshot:
        """The registry as it was at `time`; before `known_since`, as it was then, which is the best that is known."""
        with self._database.read() as connection:
            return _at(connection, time).snapshot()

    def changes(self, since: int, until: int) -> list[tuple[int, RegistrySnapshot]]:
        """Each change with since < time <= until, oldest first, with all of the registry as it was from then on."""
        table = schema.registry_history
        with self._database.read() as connection:
            state = _at(connection, since)
            query = select(table).where(table.c.watched, table.c.at > since, table.c.at <= until, ~table.c.known_since)
            rows = connection.execute(query.order_by(table.c.seq)).all()
        found: list[tuple[int, RegistrySnapshot]] = []
        for _, version in groupby(rows, lambda row: row.version):
            changed = list(version)
            state.take(changed)
            found.append((changed[0].at, state.snapshot()))
        return found


class _State:
    """The items by kind and id, as rows of the history have left them."""

    def __init__(self) -> None:
        self._version = 0
        self._items: dict[str, dict[str, Item]] = {kind: {} for kind in KINDS}

    def take(self, rows: Sequence[Row[Any]]) -> None:
        """What these rows say, in their order. What a snapshot was made of is left as it is."""
        for kind in {row.kind for row in rows}:
            self._items[kind] = dict(self._items[kind])
        for row in rows:
            self._version = max(self._version, row.version)
            if row.content is None:
                self._items[row.kind].pop(row.item_id, None)
            else:
                self._items[row.kind][row.item_id] = msgspec.convert(row.content, KINDS[row.kind])

    def snapshot(self) -> RegistrySnapshot:
        """The registry of that moment."""
        return RegistrySnapshot(
            self._version,
            cast(dict[str, Community], self._items["community"]),
            cast(dict[str, Place], self._items["place"]),
            cast(dict[str, Gateway], self._items["gateway"]),
            cast(dict[str, Facility], self._items["facility"]),
            cast(dict[str, Device], self._items["device"]),
            calendars(cast(dict[str, Holiday], self._items["holiday"]).values()),
        )


def _known_since(connection: Connection) -> int | None:
    table = schema.registry_history
    return connection.execute(select(func.min(table.c.at)).where(table.c.known_since)).scalar()


def _at(connection: Connection, time: int) -> _State:
    table = schema.registry_history
    newest = (
        select(func.max(table.c.seq))
        .where(table.c.watched, table.c.at <= max(time, _known_since(connection) or 0))
        .group_by(table.c.kind, table.c.item_id)
    )
    state = _State()
    state.take(connection.execute(select(table).where(table.c.seq.in_(newest)).order_by(table.c.seq)).all())
    return state


class Past(NamedTuple):
    """One change of an item: from what to what (None: it was not there, or what it said is erased), when, by whom (an
    account) and from what source (both None: not known)."""

    at: int
    actor: str | None
    source: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    removed: bool


def history_of(connection: Connection, key: Key) -> list[Past]:
    """Every change of an item, newest first; a device's with those of its equipment."""
    if KINDS_OF_ALL[key.kind].personal:
        table = schema.inhabitant_history
        removed: ColumnElement[bool] = table.c.removed
        kinds = [key.kind]
    else:
        table = schema.registry_history
        removed = table.c.content.is_(None)
        kinds = ["device", "equipment"] if key.kind == "device" else [key.kind]
    query = (
        select(table.c.kind, table.c.at, table.c.actor, table.c.source, table.c.content, removed.label("removed"))
        .where(table.c.kind.in_(kinds), table.c.item_id == key.id)
        .order_by(table.c.seq)
    )
    last: dict[str, dict[str, Any] | None] = {}
    found: list[Past] = []
    for row in connection.execute(query):
        if row.removed or last.get(row.kind) != row.content or row.kind not in last:
            found.append(
                Past(row.at, row.actor, row.source, last.get(row.kind), row.content, removed=bool(row.removed))
            )
        last[row.kind] = row.content
    return found[::-1]
