"""The dead letters in the database: `ports.DeadLetterBox`, and what `linli deadletters` reads."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from linli import topics
from linli.audit import Act, Fact
from linli.auditwho import NOBODY_ASKED, who_of
from linli.auditwords import RETENTION_RAN
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.errors import Refused
from linli.i18n import Text
from linli.model import DEAD_LETTER_BYTES, Consumer, DeadLetter

KEEP = 100_000
KEEP_BYTES = 200_000_000
"""At most so many letters, and so many bytes of them, are kept. Who has more than an equal share loses the oldest of its
own: one bad device does not put out the letters of all others."""

_SLACK = 20
"""The bounds are looked after once a twentieth of them has been added, for that takes a look at every letter."""

_ROW_BYTES = 300
"""About what a letter has beside payload and detail."""

_AT_ONCE = 500
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


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: those to which all of it applies. `since`, `before`: by receive time, microseconds."""

    number: int | None = None
    reason: str | None = None
    consumer: str | None = None
    gateway: str | None = None
    since: int | None = None
    before: int | None = None

    def facts(self) -> dict[str, Fact]:
        """The same for the audit log."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for SQL."""
        table = schema.dead_letters
        found: list[ColumnElement[bool]] = []
        if self.number is not None:
            found.append(table.c.id == self.number)
        if self.reason is not None:
            found.append(table.c.reason == self.reason)
        if self.consumer is not None:
            found.append(table.c.consumer == self.consumer)
        if self.gateway is not None:
            inside = table.c.topic.contains(f"/gateway/{self.gateway}/", autoescape=True)
            found.append(or_(inside, table.c.topic.startswith(f"{self.gateway}: ", autoescape=True)))
        if self.since is not None:
            found.append(table.c.received_at >= self.since)
        if self.before is not None:
            found.append(table.c.received_at < self.before)
        return found


EVERY = Choice()


def hindrance(consumer: str, topic: str, *, cut: bool) -> Text | None:
    """Why a letter cannot be replayed, whatever is changed; None if it can be tried. `cut`: not all of it was kept."""
    if consumer == Consumer.RULES:
        return Text(
            "规则引擎处理时出错而跳过：数据照常入库，不再判断。请保留死信和日志并报告",
            "the rules failed at it: it is stored all the same, and not evaluated again. Keep it and the log, and report it",
        )
    if consumer != Consumer.INGEST:
        return Text(
            f"由 {consumer} 拒收，不在服务器上：改好网关的映射后，设备的下一条消息会被接受",
            f"{consumer} refused it, not the server: correct the gateway's mapping, and the device's next message is taken",
        )
    try:
        parsed = topics.parse(topic)
    except Refused:
        parsed = None
    if not isinstance(parsed, topics.GatewayTopic) or parsed.lane is None:
        return Text("不是事件或读数：没有可入库的内容", "it is no event or reading: there is nothing to store")
    if cut:
        return Text(
            f"超过 {DEAD_LETTER_BYTES // 1024} KB，只保留了开头",
            f"it is over {DEAD_LETTER_BYTES // 1024} KB, and only its beginning was kept",
        )
    return None


@dataclass(frozen=True, slots=True)
class Requested:
    """What asking for a replay came to: the letters that ingest will try, and how many cannot be replayed and why."""

    numbers: tuple[int, ...]
    hindered: tuple[tuple[Text, int], ...]


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
            take_turn(connection, table)
            connection.execute(make(table).on_conflict_do_nothing(index_elements=["consumer", "key"]), rows)
            self._letters_to_go -= len(letters)
            self._bytes_to_go -= sum(min(letter.size, DEAD_LETTER_BYTES) + _ROW_BYTES for letter in letters)
            if self._letters_to_go < 0 or self._bytes_to_go < 0:
                _trim(connection)
                self._letters_to_go, self._bytes_to_go = KEEP // _SLACK, KEEP_BYTES // _SLACK

    def newest(self, limit: int = 50, choice: Choice = EVERY) -> list[KeptLetter]:
        """The newest letters first, of those chosen."""
        table = schema.dead_letters
        query = select(table).where(*choice.conditions()).order_by(table.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_kept(row._asdict()) for row in connection.execute(query)]

    def get(self, number: int) -> KeptLetter | None:
        """The letter of that number, or None."""
        with self._database.read() as connection:
            row = connection.execute(
                select(schema.dead_letters).where(schema.dead_letters.c.id == number)
            ).one_or_none()
        return None if row is None else _kept(row._asdict())

    def count_by_reason(self, choice: Choice = EVERY) -> dict[str, int]:
        """How many of those chosen are kept, by reason."""
        table = schema.dead_letters
        query = select(table.c.reason, func.count()).where(*choice.conditions()).group_by(table.c.reason)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.reason: row[1] for row in rows}

    def purge(self, choice: Choice, now: int) -> int:
        """Delete those chosen for good, at `now`; how many there were."""
        with self._database.write() as connection:
            take_turn(connection, schema.dead_letters)
            gone = connection.execute(delete(schema.dead_letters).where(*choice.conditions())).rowcount
            if gone:
                append(connection, _purged(choice, gone), now)
        return gone

    # --- replay ---

    def request_replay(self, choice: Choice, now: int) -> Requested:
        """Ask ingest to try those chosen again, in one transaction. Asking again before it has changes nothing."""
        table = schema.dead_letters
        cut = (table.c.size > func.length(table.c.payload)).label("cut")
        query = (
            select(table.c.id, table.c.consumer, table.c.topic, cut).where(*choice.conditions()).order_by(table.c.id)
        )
        numbers: list[int] = []
        hindered: Counter[Text] = Counter()
        with self._database.write() as connection:
            take_turn(connection, table)
            for row in connection.execute(query).all():
                why = hindrance(row.consumer, row.topic, cut=bool(row.cut))
                if why is None:
                    numbers.append(row.id)
                else:
                    hindered[why] += 1
            for some in _chunks(numbers):
                asked = update(table).where(table.c.id.in_(some))
                connection.execute(asked.values(replay_requested_at=now, replay_outcome=None))
            if numbers:
                facts = {**choice.facts(), "letters": len(numbers)}
                append(connection, Act("deadletters.replayed", who_of(NOBODY_ASKED), "deadletter", facts=facts), now)
        return Requested(tuple(numbers), tuple(hindered.items()))

    def count_requested(self) -> int:
        """How many wait for ingest to try them again."""
        table = schema.dead_letters
        with self._database.read() as connection:
            query = select(func.count()).where(table.c.replay_requested_at.is_not(None))
            return int(connection.execute(query).scalar_one())

    def requested(self, limit: int, after: int = 0) -> list[KeptLetter]:
        """Letters to be tried again with a number above `after`, the oldest first, at most `limit`."""
        table = schema.dead_letters
        wanted = select(table).where(table.c.replay_requested_at.is_not(None), table.c.id > after)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(table.c.id).limit(limit)).all()
        return [_kept(row._asdict()) for row in rows]

    def replayed(self, accepted: Sequence[int], refused: Mapping[int, str]) -> None:
        """What became of letters that were tried again: those accepted go, the others keep why not. One transaction."""
        table = schema.dead_letters
        with self._database.write() as connection:
            take_turn(connection, table)
            for some in _chunks(accepted):
                connection.execute(delete(table).where(table.c.id.in_(some)))
            for number, why in refused.items():
                again = update(table).where(table.c.id == number)
                connection.execute(again.values(replay_requested_at=None, replay_outcome=why))

    def outcomes(self, numbers: Sequence[int]) -> tuple[int, dict[str, int]]:
        """Of these letters, for which a replay was requested: how many ingest has not tried yet; and how many were refused
        again, by outcome. The rest was accepted."""
        table = schema.dead_letters
        waiting, refused = 0, Counter[str]()
        with self._database.read() as connection:
            for some in _chunks(numbers):
                query = select(table.c.replay_requested_at, table.c.replay_outcome).where(table.c.id.in_(some))
                for row in connection.execute(query):
                    if row.replay_requested_at is not None:
                        waiting += 1
                    else:
                        refused[row.replay_outcome or ""] += 1
        return waiting, dict(refused)


def _purged(choice: Choice, gone: int) -> Act:
    """Somebody's act, or retention's."""
    who = who_of(NOBODY_ASKED)
    if who.actor == f"system:{NOBODY_ASKED}":
        return Act(RETENTION_RAN, who, "class", ("deadletters",), facts={"rows": gone, "before": choice.before})
    return Act("deadletters.purged", who, "deadletter", facts={**choice.facts(), "letters": gone})


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
    for some in _chunks(gone):
        connection.execute(delete(table).where(table.c.id.in_(some)))


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]


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
