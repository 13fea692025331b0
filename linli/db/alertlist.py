"""Lists of alerts: which, in what order, and from where on. What a list is made of is read in two steps, so that whoever keeps
alerts ready to show reads only those that have changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, or_, select

from linli.clock import DAY
from linli.db import schema
from linli.db.alertrows import alert_of
from linli.db.database import Database
from linli.db.scoping import is_confined, unconfined
from linli.model import Alert, Severity

_STRETCH, _LONGER, _LONGEST = 2 * DAY, 8, 130 * DAY
"""The first stretch of time in which a page is looked for, how much longer the next is, and from where on it is all of it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts; of all the conditions that are given. `communities` None: of all. `since` <= opened_at < `until`, in
    microseconds since 1970 UTC."""

    communities: frozenset[str] | None = None
    open_only: bool = False
    severities: tuple[Severity, ...] = ()
    rules: tuple[str, ...] = ()
    subject: str | None = None
    since: int | None = None
    until: int | None = None


class Listed(NamedTuple):
    """One line of a list. `revision` counts how often the alert was written: the same again is the same alert."""

    id: str
    revision: int
    opened_at: int


class Head(NamedTuple):
    """What a page counts and rings for of an open alert."""

    id: str
    severity: str
    handling: str


class AlertLists:
    """The lists, read from the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: Wanted, limit: int, before: tuple[int, str] | None = None) -> list[Listed]:
        """The alerts that are wanted, the last opened first. `before`: the (opened_at, id) of the last of the page before."""
        table = schema.alerts
        query = select(table.c.id, table.c.revision, table.c.opened_at)
        if wanted.open_only:
            return [Listed(*row) for row in self._database.rows(in_order(query, wanted, limit, before))]
        with self._database.read() as connection:
            return [Listed(*row) for row in newest(connection, query, wanted, limit, before)]

    def open_heads(self, limit: int) -> list[Head]:
        """The open alerts, the last opened first, in as few words as a page needs to count them."""
        table = schema.alerts
        query = in_order(select(table.c.id, table.c.severity, table.c.handling), Wanted(open_only=True), limit, None)
        return [Head(*row) for row in self._database.rows(query)]

    def read(self, ids: Sequence[str]) -> dict[str, tuple[int, Alert]]:
        """Those of these alerts that there are, each with its revision."""
        table = schema.alerts
        rows = self._database.rows(select(table).where(table.c.id.in_(ids)))
        return {row.id: (row.revision, alert_of(row)) for row in rows}


def newest(
    connection: Connection, query: Select[Any], wanted: Wanted, limit: int, before: tuple[int, str] | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The rows of the query of alerts, for what is wanted, the last opened first.

    For some communities of many they are looked for in ever longer stretches of time, from the newest back: for each page a
    database that keeps no statistics (SQLite) would read and sort all that these communities ever had.
    """
    of_some = wanted.communities is not None or is_confined(connection)
    if of_some and not wanted.open_only and wanted.subject is None:
        stretch, last = _STRETCH, before[0] if before is not None else _last_opened(connection)
        while last - stretch > (wanted.since or 0) and stretch <= _LONGEST:
            recent = replace(wanted, since=last - stretch)
            rows = connection.execute(in_order(query, recent, limit, before)).all()
            if len(rows) == limit:
                return rows
            stretch *= _LONGER
    return connection.execute(in_order(query, wanted, limit, before)).all()


def _last_opened(connection: Connection) -> int:
    """When the last of all alerts was opened, whoever sees it: where to begin to look."""
    opened = schema.alerts.c.opened_at
    found = connection.execute(select(opened).order_by(opened.desc()).limit(1), execution_options=unconfined()).scalar()
    return int(found or 0)


def in_order(query: Select[Any], wanted: Wanted, limit: int, before: tuple[int, str] | None) -> Select[Any]:
    """The query of alerts, for what is wanted, the last opened first."""
    table = schema.alerts
    query = within(query, wanted.communities)
    if wanted.open_only:
        query = query.where(table.c.open_key.is_not(None))
    if wanted.severities:
        query = query.where(table.c.severity.in_([severity.value for severity in wanted.severities]))
    if wanted.rules:
        query = query.where(table.c.rule.in_(list(wanted.rules)))
    if wanted.subject is not None:
        query = query.where(table.c.subject == wanted.subject)
    if wanted.since is not None:
        query = query.where(table.c.opened_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(table.c.opened_at < wanted.until)
    if before is not None:
        at, last = before
        # The first condition follows from the second. By it the index is entered at the right place; without, read from its top.
        query = query.where(
            table.c.opened_at <= at, or_(table.c.opened_at < at, and_(table.c.opened_at == at, table.c.id < last))
        )
    return query.order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)


def within(query: Select[Any], communities: frozenset[str] | None) -> Select[Any]:
    """The query of alerts, of these communities; None: of all."""
    if communities is None:
        return query
    return query.where(schema.alerts.c.community_id.in_(sorted(communities)))
