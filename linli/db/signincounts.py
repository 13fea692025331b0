"""Sign-ins that went well and that did not, counted over all processes since this one began to: the audit log has each."""

import threading
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import func, select

from linli.db import schema
from linli.db.audit import head_of
from linli.db.database import Database

OUTCOMES: Mapping[str, str] = {
    "session.started": "accepted",
    "session.refused": "refused",
    "session.locked_out": "locked_out",
    "session.second_factor.refused": "second_factor_refused",
    "session.identity.refused": "provider_refused",
}
"""What came of a try, by the verb that the audit log has for it."""


class SignInCounts:
    """Counts on from where it last looked: entries have numbers without gaps, in the order of commits. For several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._upto: int | None = None
        self._counts: Counter[str] = Counter(dict.fromkeys(OUTCOMES.values(), 0))
        self._lock = threading.Lock()

    def read(self) -> Mapping[str, int]:
        """How many of each outcome by now; all 0 at the first look."""
        table = schema.audit_entries
        with self._lock:
            with self._database.read() as connection:
                newest = head_of(connection).seq
                rows = []
                if self._upto is not None and newest > self._upto:
                    query = (
                        select(table.c.verb, func.count())
                        .where(table.c.verb.in_(list(OUTCOMES)), table.c.seq > self._upto, table.c.seq <= newest)
                        .group_by(table.c.verb)
                    )
                    rows = [(str(verb), int(count)) for verb, count in connection.execute(query)]
            for verb, count in rows:
                self._counts[OUTCOMES[verb]] += count
            self._upto = newest
            return dict(self._counts)
