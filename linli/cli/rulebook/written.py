"""What the database has of the changes that a journal's inputs made: what happened, whatever this Linli tells again."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from linli.clock import MINUTE, SECOND

if TYPE_CHECKING:
    from linli.db.database import Database
    from rules.trial.log import Entry
    from rules.trial.replay import Told

BEFORE = MINUTE
"""Changes of so long after the first input may have been made by inputs that the snapshot stands for already."""

AFTER = 10 * SECOND
"""Changes of the last of it may wait to be written."""


def unlike(database: "Database", told: "Told") -> "tuple[list[Entry], list[Entry]]":
    """What is written and not told again with the rules as they were, and the other way round; both of the
    journal's communities, and of the time that the journal surely has to itself."""
    if told.first is None or told.last is None:
        return [], []
    start, end = told.first + BEFORE, told.last - AFTER
    written = _written(database, start, end, told.communities)
    again = [entry for entry in told.then if start <= entry.at < end]
    return _only(written, again), _only(again, written)


def _written(database: "Database", start: int, end: int, communities: "frozenset[str]") -> "list[Entry]":
    from sqlalchemy import select

    from linli.db import schema
    from linli.i18n import Text
    from linli.model import Severity
    from rules.trial.log import Entry

    changes, alerts = schema.alert_changes.c, schema.alerts.c
    query = (
        select(
            changes.at,
            changes.kind,
            changes.actor,
            changes.severity,
            alerts.rule,
            alerts.subject,
            alerts.sentence_zh,
            alerts.sentence_en,
        )
        .select_from(schema.alert_changes.join(schema.alerts, changes.alert_id == alerts.id))
        .where(changes.at >= start, changes.at < end, alerts.community_id.in_(communities))
        .order_by(changes.id)
    )
    with database.read() as connection:
        return [
            Entry(
                row.at,
                row.kind,
                row.rule,
                row.subject,
                Severity(row.severity),
                by=row.actor,
                sentence=Text(row.sentence_zh, row.sentence_en),
            )
            for row in connection.execute(query)
        ]


def _only(ours: "Sequence[Entry]", theirs: "Sequence[Entry]") -> "list[Entry]":
    left = Counter((entry.at, entry.kind, entry.rule, entry.subject) for entry in theirs)
    found = []
    for entry in ours:
        key = (entry.at, entry.kind, entry.rule, entry.subject)
        if left[key]:
            left[key] -= 1
        else:
            found.append(entry)
    return found
