"""Rotation of the key that secrets in the database are sealed with (`linli.sealing`): everything that is sealed, in one place.

A column that is sealed stands in SEALED, or a rotation would leave it shut for good (a test looks).
"""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, select, update

from linli.clock import Clock
from linli.db import schema
from linli.db.database import Database
from linli.db.signin_events import Happening, SignInEvent, record
from linli.sealing import NotSealedHere, Seals

SEALED: Sequence[Column[Any]] = (
    schema.second_factors.c.secret,
    schema.sessions.c.offered,
    schema.webhooks.c.secret,
    schema.webhooks.c.former_secret,
    schema.idempotency_keys.c.answer,
)
"""Every column that holds something sealed, as text or as bytes."""

_log = logging.getLogger(__name__)


def seal_everything_anew(database: Database, clock: Clock, seals: Seals, *, by: str) -> int:
    """A new key, everything sealed with it, the old keys forgotten; how many values. Linli may run meanwhile.

    What does not open is left as it is, and logged. After a crash in between run it again: nothing is lost.
    """
    seals.renew()
    changed = _pass(database, seals)
    _pass(database, seals)  # what somebody sealed with the old key just before, and wrote just after
    with database.write() as connection:
        record(connection, SignInEvent(Happening.SECRETS_SEALED_ANEW, clock.now(), by, None))
    seals.forget_old()
    return changed


def _pass(database: Database, seals: Seals) -> int:
    return sum(_column(database, seals, column) for column in SEALED)


def _column(database: Database, seals: Seals, column: Column[Any]) -> int:
    """Row by row, each in a transaction of its own, and only where it is still what was read: nobody waits for us."""
    table, changed = column.table, 0
    keys = list(table.primary_key.columns)
    with database.read() as connection:
        rows = connection.execute(select(*keys, column.label("sealed")).where(column.is_not(None))).all()
    for row in rows:
        binary = not isinstance(row.sealed, str)
        text = bytes(row.sealed).decode() if binary else row.sealed
        if seals.is_newest(text):
            continue
        try:
            fresh = seals.anew(text)
        except NotSealedHere as error:
            _log.error("%s of %s is left as it is: %s", column.name, table.name, error)
            continue
        same = [key == getattr(row, key.name) for key in keys]
        with database.write() as connection:
            found = connection.execute(
                update(table)
                .where(*same, column == row.sealed)
                .values({column.name: fresh.encode() if binary else fresh})
            )
            changed += found.rowcount
    return changed
