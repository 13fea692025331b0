"""A device replaced: the same id, place and history, other equipment. Who stood there, and why it went, is kept."""

from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from linli.audit import Act
from linli.auditwho import NOBODY_ASKED, who_of
from linli.db import schema
from linli.db.audit import append_last
from linli.db.registryfacts import record
from linli.db.registryitems import get
from linli.db.registrylog import take_turns
from linli.db.registryremoving import not_there
from linli.registry.changes import PERSON, Key, Origin
from linli.registry.model import Equipment, Installation

_OF_WHAT_STANDS = ("serial", "model", "in_service_since")


def replace_equipment(
    connection: Connection,
    device: str,
    serial: str | None,
    model: str | None,
    reason: str,
    origin: Origin,
    expected: int | None = None,
) -> Equipment:
    """Put other equipment where the device is, from `origin.at` on; what stands there now.

    Its position stays: it is the place's. Who puts it there has it in hand, so what was said of the old one counts no more.
    `expected`: the revision that was changed from. NotFound, Outdated, BadItem.
    """
    take_turns(connection)
    kept = get(connection, Key("equipment", device))
    if kept is None or kept.removed_at is not None or not isinstance(kept.item, Equipment):
        raise not_there(Key("device", device))
    old = kept.item
    new = replace(old, serial=serial, model=model, in_service_since=origin.at)
    said = replace(origin, source=PERSON, confidence=1.0)
    record(connection, [new], said, _OF_WHAT_STANDS, None if expected is None else {Key("equipment", device): expected})
    table = schema.installations
    stood = (table.c.device_id == device, table.c.until.is_(None))
    same = {"device_id": device, "community_id": old.community}
    if connection.execute(update(table).where(*stood).values(until=origin.at)).rowcount == 0:
        before = {"serial": old.serial, "model": old.model, "since": old.in_service_since, "until": origin.at}
        connection.execute(insert(table).values(same | before | {"reason": "", "actor": None}))
    now = {"serial": serial, "model": model, "since": origin.at, "until": None}
    connection.execute(insert(table).values(same | now | {"reason": reason, "actor": origin.actor}))
    who = who_of(origin.actor or NOBODY_ASKED)
    act = Act("registry.device.replaced", who, "device", (device,), old.community, reason=reason)
    append_last(connection, act, origin.at)
    return new


def installations(connection: Connection, device: str) -> list[Installation]:
    """What has stood where the device is, newest first; the first is what stands there now."""
    table = schema.installations
    query = select(table).where(table.c.device_id == device).order_by(table.c.id.desc())
    rows = connection.execute(query).all()
    found = [
        Installation(row.device_id, row.serial, row.model, row.since, row.until, row.reason, row.actor) for row in rows
    ]
    kept = None if found else get(connection, Key("equipment", device))
    if kept is not None and isinstance(kept.item, Equipment):
        only = kept.item
        found = [Installation(device, only.serial, only.model, only.in_service_since, None, "", None)]
    return found
