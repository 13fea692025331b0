"""The dead letters in the database: `ports.DeadLetterBox`, and what `linli deadletters` reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from linli.db import schema
from linli.db.database import Database
from linli.model import DEAD_LETTER_BYTES, DeadLetter

KEEP = 100_000
"""At most this many letters are kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A dead letter with the number under which it can be shown."""

    id: int
    letter: DeadLetter


class SqlDeadLetters:
    """Dead letters in the table `dead_letters`, bounded to the newest KEEP."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
            newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
            connection.execute(delete(table).where(table.c.id <= newest - KEEP))

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


def _kept(row: dict[str, object]) -> KeptLetter:
    number = row.pop("id")
    return KeptLetter(int(str(number)), DeadLetter(**row))  # type: ignore[arg-type]
