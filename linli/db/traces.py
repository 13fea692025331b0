"""What doors and cameras have of a person, found by the credentials that are or were theirs: swipes in the store of readings, what
alerts keep of these, and the pictures that belong to them.

Readers know no person, they report a card. Whose it was, and when, is in the registry alone, so it is looked up when somebody asks
for what is known of them, or that it goes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection, String, cast, delete, or_, select, update

from linli.db import schema
from linli.db.credentialholders import Holding
from linli.db.registryrows import portions
from linli.db.snapshots import Snapshot, snapshot_of
from linli.ports import EventKey, StoredEvent
from linli.registry.masking import EVENT_MASKS, taken_out

PICTURE = "snapshot"
"""What an event's data call the picture that belongs to it."""

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class AlertTrace:
    """An alert that keeps swipes of somebody, as its column `evidence` has them; whether it is `open`."""

    id: str
    opened_at: int
    open: bool
    evidence: list[dict[str, Any]]


class Events(Protocol):
    """As much of `ports.ReadingStore` as is needed."""

    def events(
        self,
        community: str,
        start: int,
        end: int,
        *,
        types: Sequence[str] = (),
        device: str | None = None,
        limit: int = 100,
        before: EventKey | None = None,
        containing: Sequence[str] = (),
    ) -> list[StoredEvent]:
        """As the port has it."""

    def redact(self, events: Sequence[StoredEvent]) -> None:
        """As the port has it."""


def swipes_of(store: Events, holdings: Sequence[Holding]) -> Iterator[StoredEvent]:
    """What is stored of these credentials, of each the newest first. StoreError."""
    for one in holdings:
        before: EventKey | None = None
        while True:
            page = store.events(
                one.community, one.start, one.end, limit=_PAGE, before=before, containing=_pieces(one.value)
            )
            yield from (event for event in page if one.has(event.time, event.data))
            if len(page) < _PAGE:
                break
            before = page[-1].key


def redact_swipes(store: Events, holdings: Sequence[Holding]) -> int:
    """Take the credentials out of what is stored: that a door was opened stays, by whom does not. How many events; StoreError,
    and then some of them may be done."""
    found = list(swipes_of(store, holdings))
    values = {one.value for one in holdings}
    store.redact([replace(event, data=taken_out(event.data, values)) for event in found])
    return len(found)


def alerts_of(connection: Connection, holdings: Sequence[Holding]) -> list[AlertTrace]:
    """The alerts that keep any of these swipes, the oldest first; of each only these."""
    traces: dict[str, AlertTrace] = {}
    for community in {one.community for one in holdings}:
        mine = [one for one in holdings if one.community == community]
        for row in _alerts(connection, community):
            seen = [each for each in row.evidence if _is_one(mine, each)]
            if seen:
                traces[row.id] = AlertTrace(row.id, row.opened_at, row.open_key is not None, seen)
    return sorted(traces.values(), key=lambda one: (one.opened_at, one.id))


def redact_alerts(connection: Connection, holdings: Sequence[Holding]) -> int:
    """Take the credentials out of what closed alerts keep; of how many. An open one's are the rules' to write."""
    table, changed = schema.alerts, 0
    for community in {one.community for one in holdings}:
        mine = [one for one in holdings if one.community == community]
        values = {one.value for one in mine}
        for row in _alerts(connection, community):
            if row.open_key is None and any(_is_one(mine, each) for each in row.evidence):
                evidence = [
                    each | {"data": taken_out(each["data"], values)} if _is_one(mine, each) else each
                    for each in row.evidence
                ]
                new = {"evidence": evidence, "revision": table.c.revision + 1}
                connection.execute(update(table).where(table.c.id == row.id).values(new))
                changed += 1
    return changed


def pictures_of(connection: Connection, swipes: Sequence[StoredEvent]) -> list[Snapshot]:
    """The pictures that belong to these events and are still kept."""
    table = schema.snapshots
    named = {(event.device, str(event.data[PICTURE])) for event in swipes if PICTURE in event.data}
    found: list[Snapshot] = []
    for some in portions(sorted({name for _, name in named})):
        rows = connection.execute(select(table).where(table.c.id.in_(some)).order_by(table.c.device_id, table.c.id))
        found += [snapshot_of(row) for row in rows if (row.device_id, row.id) in named]
    return found


def forget_pictures(connection: Connection, pictures: Sequence[Snapshot]) -> None:
    """Delete what is known of these; the files are the caller's to remove, after that."""
    table = schema.snapshots
    for one in pictures:
        connection.execute(delete(table).where(table.c.device_id == one.device, table.c.id == one.id))


def _pieces(value: str) -> list[str]:
    """How it stands in the data of an event, as JSON: as text, or as a number."""
    as_number = [f":{value},", f":{value}}}"] if value.isascii() and value.isdigit() else []
    return [orjson.dumps(value).decode(), *as_number]


def _is_one(holdings: Sequence[Holding], evidence: dict[str, Any]) -> bool:
    return any(one.has(evidence["time"], evidence["data"]) for one in holdings)


def _alerts(connection: Connection, community: str) -> list[Any]:
    """The alerts of a community whose evidence may name anybody."""
    table = schema.alerts
    text = cast(table.c.evidence, String)
    query = select(table.c.id, table.c.opened_at, table.c.open_key, table.c.evidence)
    named = or_(*(text.contains(f'"{field}"', autoescape=True) for field in EVENT_MASKS if field != "value"))
    return list(connection.execute(query.where(table.c.community_id == community, named)))
