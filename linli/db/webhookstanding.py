"""How all webhooks stand together, for who watches over Linli: a few numbers, whatever their count."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from linli.db import schema
from linli.db.database import Database
from linli.webhooks import Ended

ON, RETRYING = "on", "retrying"
STATES = (ON, RETRYING, *(f"off_{ended.value}" for ended in Ended))
"""All that one can be in: on, on and failing, or off and why."""

_HOOKS, _CHANGES = schema.webhooks, schema.alert_changes


@dataclass(frozen=True, slots=True)
class Owing:
    """`states`: how many webhooks are in each of STATES. `waiting`: changes that those that are on have not dealt with, counted for
    each of them; what a filter leaves out is among them until it is passed over. `oldest_at`: when the first of them happened
    (microseconds since 1970 UTC); None if nothing waits."""

    states: Mapping[str, int]
    waiting: int
    oldest_at: int | None


def owing(database: Database) -> Owing:
    """As it is now."""
    query = select(_HOOKS.c.ended, _HOOKS.c.failures, _HOOKS.c.position)
    with database.read() as connection:
        rows = connection.execute(query).all()
        newest: int = connection.execute(select(func.max(_CHANGES.c.id))).scalar() or 0
        behind = [row.position for row in rows if row.ended is None and row.position < newest]
        oldest = _first_after(connection, min(behind)) if behind else None
    states = Counter(_state(row.ended, row.failures) for row in rows)
    waiting = sum(newest - position for position in behind)
    return Owing({state: states[state] for state in STATES}, waiting, oldest)


def _first_after(connection: Connection, position: int) -> int | None:
    query = select(_CHANGES.c.at).where(_CHANGES.c.id > position).order_by(_CHANGES.c.id).limit(1)
    at: int | None = connection.execute(query).scalar()
    return at


def _state(ended: str | None, failures: int) -> str:
    if ended is not None:
        return f"off_{ended}"
    return RETRYING if failures else ON
