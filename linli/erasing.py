"""A person's right to know what is kept of them and to have it forgotten, over everything that Linli keeps: the register, the store of
readings, what alerts keep of swipes, and pictures.

What the readers reported goes before the register does: as long as the register knows which cards were theirs it can be done again.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from linli.audit import Who
from linli.clock import Clock
from linli.db import schema
from linli.db.credentialholders import Holding, holdings_of
from linli.db.database import Database
from linli.db.inhabitants import FORMER, erase_person, ids_of, is_erased, person_data
from linli.db.traces import (
    PICTURE,
    Events,
    alerts_of,
    forget_pictures,
    pictures_of,
    redact_alerts,
    redact_swipes,
    swipes_of,
)
from linli.errors import Conflict
from linli.i18n import Text
from linli.ports import StoredEvent
from linli.registry.changes import Origin

_log = logging.getLogger(__name__)
_LOOKED_AT = 500


def all_of(connection: Connection, store: Events, person: str) -> dict[str, Any]:
    """All that is kept of the person as plain values (times are microseconds since 1970 UTC): `records`, `history` and
    `statements` of the register (`linli.db.inhabitants`); `swipes`, as the store of readings has them, newest first; `alerts`
    that keep any of these; and `pictures` that belong to them. NotFound; StoreError."""
    found: dict[str, Any] = msgspec.to_builtins(person_data(connection, person))
    return found | traces_of(connection, store, ids_of(connection, person))


def traces_of(connection: Connection, store: Events, persons: Sequence[str]) -> dict[str, Any]:
    """Of that, what is not in the register: `swipes`, `alerts`, `pictures`, of whoever was known under these ids."""
    holdings = holdings_of(connection, persons)
    swipes = list(swipes_of(store, holdings))
    return {
        "swipes": [_swipe(event) for event in swipes],
        "alerts": [
            {"id": one.id, "opened_at": one.opened_at, "evidence": one.evidence}
            for one in alerts_of(connection, holdings)
        ],
        "pictures": [
            {"device": one.device, "id": one.id, "taken_at": one.taken_at, "sha256": one.sha256}
            for one in pictures_of(connection, swipes)
        ],
    }


def erase_all(
    database: Database, store: Events, remove_file: Callable[[str], None], person: str, origin: Origin, reason: str = ""
) -> int:
    """Let nothing of the person stay but that there was one; how many records of the register were emptied. `remove_file`: deletes
    the file of a picture. `reason` stays, in the audit log.

    NotFound; Conflict for who is erased already, or of whom an alert that is still open keeps swipes; StoreError, and then what
    the register knows is as it was, so that it can be done again.
    """
    with database.read() as connection:
        ids = ids_of(connection, person)
        if is_erased(connection, ids[0]):
            raise Conflict(Text(f"{person} 的信息已经删除", f"{person} is erased already"))
        holdings = holdings_of(connection, ids)
        _refuse_while_open(connection, holdings)
        pictures = pictures_of(connection, list(swipes_of(store, holdings)))
    redact_swipes(store, holdings)
    with database.write() as connection:
        redact_alerts(connection, holdings)
        forget_pictures(connection, pictures)
        records = erase_person(connection, person, origin, reason)
    for one in pictures:
        remove_file(one.file)
    database.empty_log()
    return records


class FormerPersons:
    """Erases those who were taken out of the register long enough ago, by themselves. `who`: the process that does it."""

    def __init__(
        self, database: Database, store: Events, remove_file: Callable[[str], None], who: Who, clock: Clock
    ) -> None:
        self._database = database
        self._store = store
        self._remove_file = remove_file
        self._who = who
        self._clock = clock

    def erase_before(self, before: int) -> int:
        """Erase somebody who was taken out before then; how many, 0 when nobody is left but those of whom an alert that is still
        open keeps swipes, who are looked at again the next time. SQLAlchemyError; StoreError."""
        table = schema.persons
        due = (
            select(table.c.id)
            .where(*FORMER, table.c.removed_at < before)
            .order_by(table.c.removed_at, table.c.id)
            .limit(_LOOKED_AT)
        )
        with self._database.read() as connection:
            persons = list(connection.execute(due).scalars())
        for person in persons:
            origin = Origin(self._clock.now(), self._who.actor)
            try:
                erase_all(self._database, self._store, self._remove_file, person, origin)
            except Conflict as error:
                _log.info("not erased yet: %s", error.text.en)
                continue
            return 1
        return 0


def _refuse_while_open(connection: Connection, holdings: Sequence[Holding]) -> None:
    standing = [one.id for one in alerts_of(connection, holdings) if one.open]
    if standing:
        named = ", ".join(standing[:5])
        raise Conflict(
            Text(
                f"仍有 {len(standing)} 条未关闭的告警含有此人的刷卡记录，请先关闭再删除：{named}",
                f"{len(standing)} open alerts still keep swipes of this person: close them, then erase. {named}",
            )
        )


def _swipe(event: StoredEvent) -> dict[str, Any]:
    return {
        "time": event.time,
        "community": event.community,
        "device": event.device,
        "type": event.type,
        "data": {name: value for name, value in event.data.items() if name != PICTURE},
    }
