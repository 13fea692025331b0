"""The dead letters in the database: `ports.DeadLetterBox`, and what `linli deadletters` reads."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from linli.db import schema
from linli.db.database import Database
from linli.model import DEAD_LETTER_BYTES, DeadLetter

KEEP = 100_000
KEEP_BYTES = 200_000_000
"""At most so many letters, and so many bytes of them, are kept. Who has more than an equal share loses the oldest of its
own: one bad device does not put out the letters of all others."""

_SLACK = 20
"""The bounds are looked after once a twentieth of them has been added, for that takes a look at every letter."""

_ROW_BYTES = 300
"""About what a letter has beside payload and detail."""

_DELETE_AT_ONCE = 500
_GATEWAY = re.compile(r"linli/v1/[^/]+/gateway/([^/]+)/|([a-z0-9][a-z0-9_-]{0,63}): ")
"""As the topics of letters of ingest and of an agent begin."""


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter with the number under which it can be shown.

    `replay_requested_at`: somebody wants it tried again, and ingest has not done so yet. `replay_outcome`: why it was
    refused again, last time; "" if it was never tried again.
    """

    id: int
    letter: DeadLetter
    replay_requested_at: int | None = None
    replay_outcome: str = ""


class SqlDeadLetters:
    """Dead letters in the table `dead_letters`, bounded by KEEP and KEEP_BYTES."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._letters_to_go = self._bytes_to_go = 0

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them in one transaction; a key that this consumer has kept already is left as it is."""
        if not letters:
            return
        table = schema.dead_letters
        make = postgresql.insert if self._database.engine.dialect.name == "postgresql" else sqlite.insert
        rows = [
            {
                "key": letter.key,
                "consumer": letter.consumer,
                "received_at": letter.received_at,
                "topic": letter.topic,
                "reason": letter.reason,
                "detail": letter.detail,
                "payload": letter.payload[:DEAD_LETTER_BYTES],
                "size": letter.size,
            }
            for letter in letters
        ]
        with self._database.write() as connection:
            connection.execute(make(table).on_conflict_do_nothing(index_elements=["consumer", "key"]), rows)
            self._letters_to_go -= len(letters)
            self._bytes_to_go -= sum(min(letter.size, DEAD_LETTER_BYTES) + _ROW_BYTES for letter in letters)
            if self._letters_to_go < 0 or self._bytes_to_go < 0:
                _trim(connection)
                self._letters_to_go, self._bytes_to_go = KEEP // _SLACK, KEEP_BYTES // _SLACK

    def newest(self, limit: int = 50, reason: str | None = None) -> list[KeptLetter]:
        """The newest letters first, of one reason or of all."""
        table = schema.dead_letters
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if reason is not None:
            query = query.where(table.c.reason == reason)
        with self._database.read() as connection:
            return [_kept(row._asdict()) for row in connection.execute(query)]

    def get(self, number: int) -> KeptLetter | None:
        """The letter of that number, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                select(schema.dead_letters).where(schema.dead_letters.c.id == number)
            ).one_or_none()
        return None if row is None else _kept(row._asdict())

    def count_by_reason(self) -> dict[str, int]:
        """How many are kept, by reason."""
        table = schema.dead_letters
        with self._database.read() as connection:
            rows = connection.execute(select(table.c.reason, func.count()).group_by(table.c.reason)).all()
        return {row.reason: row[1] for row in rows}


def _trim(connection: Connection) -> None:
    """Delete what is over the bounds."""
    table = schema.dead_letters
    size = func.length(table.c.payload) + func.length(table.c.detail) + _ROW_BYTES
    rows = connection.execute(select(table.c.id, table.c.topic, size).order_by(table.c.id.desc())).all()
    letters: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for _, topic, length in rows:
        letters[_sender(topic)] += 1
        sizes[_sender(topic)] += length
    if letters.total() <= KEEP and sizes.total() <= KEEP_BYTES:
        return
    most, largest = _share(letters.values(), KEEP), _share(sizes.values(), KEEP_BYTES)
    letters.clear()
    sizes.clear()
    gone: list[int] = []
    for number, topic, length in rows:  # the newest first
        sender = _sender(topic)
        letters[sender] += 1
        sizes[sender] += length
        if letters[sender] > most or sizes[sender] > largest:
            gone.append(number)
    for start in range(0, len(gone), _DELETE_AT_ONCE):
        connection.execute(delete(table).where(table.c.id.in_(gone[start : start + _DELETE_AT_ONCE])))


def _sender(topic: str) -> str:
    """The gateway, or '' for all who cannot be told apart."""
    match = _GATEWAY.match(topic)
    return "" if match is None else match[1] or match[2]


def _share(wanted: Iterable[int], total: int) -> int:
    """The most that each may have, so that all together have no more than `total`; what the modest leave, others get."""
    left = total
    amounts = sorted(wanted)
    for number, amount in enumerate(amounts):
        share = left // (len(amounts) - number)
        if amount > share:
            return share
        left -= amount
    return total


def _kept(row: dict[str, Any]) -> KeptLetter:
    number, requested, outcome = row.pop("id"), row.pop("replay_requested_at"), row.pop("replay_outcome")
    return KeptLetter(number, DeadLetter(**row), requested, outcome or "")
