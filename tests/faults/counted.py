"""What the rules have counted, read from a copy of what they keep: snapshot and journal, applied as a restart would."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from linli.db import schema
from linli.db.database import Database
from rules.book import TELL_ALL, TELL_EACH
from rules.effects import Waiting
from rules.engine import Engine
from rules.inputs import MessageIn
from rules.journal import Journal
from rules.state import restore
from rules.worker import apply_one


@dataclass(slots=True)
class Counted:
    """`events`: of each device, as the engine has counted them. `told`: the occurrences that the alert's row in the
    database has, `changes`: how many rows its history has. `twice`: messages that the journal has more than once."""

    events: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)


def read_counts(folder: Path, scratch: Path, database: Database) -> Counted:
    """What the rules process whose journal lies in `folder` has made of everything. It may be running."""
    counted = Counted()
    engine = _engine(folder, scratch, counted)
    for (_, subject), record in engine.book.open.items():
        counted.events[subject] = record.alert.occurrences
    alerts, changes = schema.alerts, schema.alert_changes
    with database.read() as connection:
        for subject, occurrences in connection.execute(select(alerts.c.subject, alerts.c.occurrences)):
            counted.told[subject] += occurrences
        joined = changes.join(alerts, changes.c.alert_id == alerts.c.id)
        for (subject,) in connection.execute(select(alerts.c.subject).select_from(joined)):
            counted.changes[subject] += 1
    return counted


def told_of(count: int) -> int:
    """The occurrences in the database after `count` of them: above TELL_ALL, only each TELL_EACH-th is written."""
    return count if count <= TELL_ALL else max(TELL_ALL, count - count % TELL_EACH)


def changes_of(count: int) -> int:
    """How many changes `count` occurrences write."""
    return count if count <= TELL_ALL else TELL_ALL + (count // TELL_EACH - TELL_ALL // TELL_EACH)


def _engine(folder: Path, scratch: Path, counted: Counted) -> Engine:
    copy = scratch / "journal"
    copy.mkdir(parents=True, exist_ok=True)
    for old in copy.iterdir():
        old.unlink()
    source = sqlite3.connect(f"file:{folder / 'journal.db'}?mode=ro", uri=True, timeout=15)
    target = sqlite3.connect(copy / "journal.db")
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    journal = Journal(copy)
    try:
        return _replayed(journal, counted)
    finally:
        journal.close()


def _replayed(journal: Journal, counted: Counted) -> Engine:
    snapshot = journal.snapshot()
    engine = Engine() if snapshot is None else restore(snapshot.state)
    waiting = Waiting()
    seen: set[tuple[str, str, str, int]] = set()
    for position, entry in journal.after(0 if snapshot is None else snapshot.position):
        apply_one(engine, waiting, position, entry)
        if isinstance(entry, MessageIn):
            message = entry.message
            key = (message.gateway, message.bootid, message.lane.value, message.sequence)
            if key in seen:
                counted.twice.append("/".join(map(str, key)))
            seen.add(key)
    return engine
