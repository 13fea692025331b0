"""What the rules have counted, read from a copy of what they keep: snapshot and journal, applied as a restart would."""

import contextlib
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from linli.db import schema
from linli.db.database import Database
from rules.durable.journal import Journal, files_of
from rules.durable.replay import pass_over
from rules.durable.state import restore
from rules.engine.book import TELL_ALL, TELL_EACH
from rules.engine.inputs import MessageIn
from rules.engine.machine import Engine
from tests.faults.plan import RULE_ID


@dataclass(slots=True)
class Counted:
    """By the harness's own rule; what else there are alerts of, such as a store that is down, is not counted here.

    `events`: of each device, as the engine has counted them. `told`: the occurrences that the alert's row in the
    database has, `changes`: how many rows its history has. `twice`: messages that the journal has more than once."""

    events: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)


def told_of(count: int) -> int:
    """The occurrences in the database after `count` of them: above TELL_ALL, only each TELL_EACH-th is written."""
    return count if count <= TELL_ALL else max(TELL_ALL, count - count % TELL_EACH)


def changes_of(count: int) -> int:
    """How many changes `count` occurrences write."""
    return count if count <= TELL_ALL else TELL_ALL + (count // TELL_EACH - TELL_ALL // TELL_EACH)


class RulesReader:
    """Follows what the rules process keeps in `folder`, which may be running: a restart from there would know the same.

    Each `read` applies what has come since the last one, to a copy made in `scratch`.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._engine = Engine()
        self._position = 0
        self._seen: set[tuple[str, str, str, int]] = set()
        self._twice: list[str] = []

    def read(self, database: Database) -> Counted:
        """What the rules have made of everything until now."""
        self._follow()
        counted = Counted(twice=list(self._twice))
        for (rule, subject), record in self._engine.book.open.items():
            if rule == RULE_ID:
                counted.events[subject] = record.alert.occurrences
        alerts, changes = schema.alerts, schema.alert_changes
        ours = alerts.c.rule == RULE_ID
        with database.read() as connection:
            for subject, occurrences in connection.execute(select(alerts.c.subject, alerts.c.occurrences).where(ours)):
                counted.told[subject] += occurrences
            joined = changes.join(alerts, changes.c.alert_id == alerts.c.id)
            query = select(alerts.c.subject, func.count()).select_from(joined).where(ours).group_by(alerts.c.subject)
            for subject, count in connection.execute(query):
                counted.changes[subject] = count
        return counted

    def _follow(self) -> None:
        self._scratch.mkdir(parents=True, exist_ok=True)
        for old in self._scratch.iterdir():
            old.unlink()
        for file in files_of(self._folder):
            with contextlib.suppress(FileNotFoundError):  # let go of meanwhile: what stands for it is looked at below
                shutil.copyfile(file, self._scratch / file.name)
        journal = Journal(self._scratch, read_only=True)
        try:
            self._apply(journal)
        finally:
            journal.close()

    def _apply(self, journal: Journal) -> None:
        snapshot = journal.snapshot()
        if snapshot is not None and snapshot.position > self._position:
            self._engine, self._position = restore(snapshot.state), snapshot.position
        skipped = journal.skipped(self._position)
        for position, entry in journal.after(self._position):
            if position in skipped:
                pass_over(self._engine, entry)
            else:
                self._engine.apply(entry)
            self._position = position
            if isinstance(entry, MessageIn):
                message = entry.message
                key = (message.gateway, message.bootid, message.lane.value, message.sequence)
                if key in self._seen:
                    self._twice.append("/".join(map(str, key)))
                self._seen.add(key)
