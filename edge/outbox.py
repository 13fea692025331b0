"""The agent's durable outbox: what was taken and not yet acknowledged by every consumer, in one SQLite file.

Each lane is a run of sequences without a hole, `first` to `next - 1`: messages are added at one end and leave at the other,
acknowledged or dropped. So two numbers say what a lane holds, and `first` is the wire format's `oldest`.

Group commit: who calls `take` while another's commit is under way waits, and the next commit carries all that wait. A
lone caller pays one fsync, a hundred threads share it.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from linli.codec import encode_body
from linli.errors import LinliError, Refused
from linli.i18n import Text
from linli.ids import new_bootid
from linli.model import JsonValue, Lane, Message, Reading, TimeSource

_log = logging.getLogger(__name__)

DEFAULT_BYTES = 64_000_000
_RECENT_BYTES = 1_000_000
_ROW_BYTES = 24
_SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    one INTEGER PRIMARY KEY CHECK (one = 1), bootid TEXT NOT NULL,
    urgent_next INTEGER NOT NULL, bulk_next INTEGER NOT NULL, dropped INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS urgent (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS bulk (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
_DROP_ORDER = (Lane.BULK, Lane.URGENT)


class OutboxError(LinliError):
    """The outbox cannot be opened or written. `unkept`: what of the drafts handed over is not in it, and may be again."""

    def __init__(self, text: Text, unkept: "Sequence[Draft]" = ()) -> None:
        super().__init__(text)
        self.unkept = unkept


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a sequence. The fields are those of `linli.model.Message`."""

    lane: Lane
    type: str
    subject: str
    time: int
    agent_time: int
    time_source: TimeSource = TimeSource.AGENT
    historic: bool = False
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What a lane holds: `first` to `next - 1` (nothing when they are equal), `size` bytes of it."""

    first: int
    next: int
    size: int

    @property
    def count(self) -> int:
        """How many messages."""
        return self.next - self.first


@dataclass(slots=True)
class _Lane:
    """`forgotten`: up to there everybody has it, though it may still lie in the file. `recent` spares reading the file
    for what has just been taken."""

    first: int
    next: int
    size: int
    forgotten: int
    recent: deque[tuple[int, bytes]] = field(default_factory=deque)
    recent_bytes: int = 0

    def remember(self, rows: Sequence[tuple[int, bytes]]) -> None:
        self.recent.extend(rows)
        self.recent_bytes += sum(len(body) for _, body in rows)
        while self.recent and (self.recent_bytes > _RECENT_BYTES or self.recent[0][0] < self.first):
            self.recent_bytes -= len(self.recent.popleft()[1])


@dataclass(frozen=True, slots=True)
class _Cut:
    """What was removed from the old end of a lane: everything up to `upto`, `count` messages, `size` bytes."""

    upto: int
    count: int
    size: int


@dataclass(slots=True)
class _Request:
    drafts: Sequence[Draft]
    refused: list[tuple[Draft, Refused]] = field(default_factory=list)
    done: bool = False
    error: OutboxError | None = None


class Outbox:
    """One agent's outbox in `folder`. `take` may be called from any thread; the rest belongs to the sending thread."""

    def __init__(self, folder: Path, community: str, gateway: str, max_bytes: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._community = community
        self._gateway = gateway
        self._max_bytes = max_bytes
        self._commit_lock = threading.Lock()
        self._state_lock = threading.Lock()
        self._waiting: list[_Request] = []
        self._lanes: dict[Lane, _Lane] = {}
        self._connection: sqlite3.Connection | None = None
        self.bootid = ""
        self.dropped = 0

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self._folder / "outbox.db"

    def open(self) -> None:
        """Open the file, or make it with a new bootid. A damaged one is put aside, and told; OutboxError if locked."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._open()
        except sqlite3.OperationalError as error:
            raise self._error(error) from None
        except sqlite3.DatabaseError as error:
            aside = self.file.with_name(f"damaged-{new_bootid()}.db")
            _log.error("the outbox %s is damaged (%s); it is put aside as %s", self.file, error, aside.name)
            self.close()
            self.file.replace(aside)
            self._open()
        except OSError as error:
            raise self._error(error) from None

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        with self._commit_lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # --- intake ---

    def take(self, drafts: Sequence[Draft]) -> list[tuple[Draft, Refused]]:
        """Give the drafts their sequences and return once they are on the disk, with those that the codec refused.

        Either all others are kept, or none and OutboxError is raised.
        """
        request = _Request(drafts)
        with self._state_lock:
            self._waiting.append(request)
        with self._commit_lock:
            if not request.done:
                with self._state_lock:
                    group, self._waiting = self._waiting, []
                self._commit(group)
        if request.error is not None:
            raise request.error
        return request.refused

    def _commit(self, group: Sequence[_Request]) -> None:
        error: OutboxError | None = self._error(RuntimeError("interrupted"))
        try:
            fresh = self._encode(group)
            with self._transaction() as connection:
                for lane, rows in fresh.items():
                    connection.executemany(f"INSERT INTO {lane.value} VALUES (?, ?)", rows)  # noqa: S608  (our own names)
                gone = self._remove_forgotten(connection)
                added = sum(_size(rows) for rows in fresh.values()) - sum(cut.size for cut in gone.values())
                cuts = self._make_room(connection, added)
                dropped = sum(cut.count for cut in cuts.values())
                nexts = {lane: state.next + len(fresh[lane]) for lane, state in self._lanes.items()}
                self._write_state(connection, nexts, self.dropped + dropped)
            error = None
            self._account(fresh, gone, cuts)
        except sqlite3.Error as failure:
            error = self._error(failure)
        finally:
            for request in group:
                request.error = error
                request.done = True

    def _encode(self, group: Sequence[_Request]) -> dict[Lane, list[tuple[int, bytes]]]:
        fresh: dict[Lane, list[tuple[int, bytes]]] = {lane: [] for lane in Lane}
        for request in group:
            for draft in request.drafts:
                rows = fresh[draft.lane]
                sequence = self._lanes[draft.lane].next + len(rows)
                try:
                    rows.append((sequence, encode_body(self._message(draft, sequence))))
                except Refused as refusal:
                    request.refused.append((draft, refusal))
        return fresh

    def _message(self, draft: Draft, sequence: int) -> Message:
        return Message(
            community=self._community,
            gateway=self._gateway,
            bootid=self.bootid,
            lane=draft.lane,
            sequence=sequence,
            oldest=sequence,
            type=draft.type,
            subject=draft.subject,
            time=draft.time,
            agent_time=draft.agent_time,
            time_source=draft.time_source,
            historic=draft.historic,
            data=draft.data,
            readings=draft.readings,
        )

    def _make_room(self, connection: sqlite3.Connection, added: int) -> dict[Lane, _Cut]:
        """Drop the oldest of bulk, then of urgent, until all fits."""
        cuts: dict[Lane, _Cut] = {}
        excess = sum(state.size for state in self._lanes.values()) + added - self._max_bytes
        for lane in _DROP_ORDER:
            if excess <= 0:
                break
            count = freed = last = 0
            for sequence, size in connection.execute(
                f"SELECT sequence, length(body) FROM {lane.value} ORDER BY sequence"  # noqa: S608  (our own names)
            ):
                count, freed, last = count + 1, freed + size + _ROW_BYTES, sequence
                if freed >= excess:
                    break
            if count:
                connection.execute(f"DELETE FROM {lane.value} WHERE sequence <= ?", (last,))  # noqa: S608
                cuts[lane] = _Cut(last, count, freed)
                excess -= freed
        return cuts

    def _account(
        self, fresh: Mapping[Lane, list[tuple[int, bytes]]], gone: Mapping[Lane, _Cut], cuts: Mapping[Lane, _Cut]
    ) -> None:
        """Bring what is held in memory up to what has been committed."""
        with self._state_lock:
            for lane, state in self._lanes.items():
                rows = fresh.get(lane, [])
                state.next += len(rows)
                state.size += _size(rows)
                for cut in filter(None, (gone.get(lane), cuts.get(lane))):
                    state.size -= cut.size
                    state.first = max(state.first, cut.upto + 1)
                state.remember(rows)
            self.dropped += sum(cut.count for cut in cuts.values())
        if cuts:
            told = ", ".join(f"{cut.count} {lane}" for lane, cut in cuts.items())
            _log.warning("the outbox is full: the oldest are dropped: %s", told)

    # --- sending ---

    def held(self, lane: Lane) -> Held:
        """What the lane holds now: what every consumer has is no longer counted, though it may still lie in the file."""
        with self._state_lock:
            state = self._lanes[lane]
            return Held(max(state.first, state.forgotten + 1), state.next, state.size)

    def read(self, lane: Lane, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Up to `limit` messages from sequence `start` on, as (sequence, body)."""
        with self._state_lock:
            recent = self._lanes[lane].recent
            if recent and recent[0][0] <= start:
                skip = start - recent[0][0]
                return list(islice(recent, skip, skip + limit))
        with self._commit_lock:
            query = f"SELECT sequence, body FROM {lane.value} WHERE sequence >= ? ORDER BY sequence LIMIT ?"  # noqa: S608
            try:
                return self._open_connection().execute(query, (start, limit)).fetchall()
            except sqlite3.Error as error:
                raise self._error(error) from None

    def forget(self, lane: Lane, upto: int) -> None:
        """Every consumer has everything up to `upto`: it goes with the next commit or `tidy`."""
        with self._state_lock:
            state = self._lanes[lane]
            state.forgotten = max(state.forgotten, min(upto, state.next - 1))

    def tidy(self) -> None:
        """Remove from the file what was forgotten."""
        with self._commit_lock:
            if all(state.forgotten < state.first for state in self._lanes.values()):
                return
            try:
                with self._transaction() as connection:
                    gone = self._remove_forgotten(connection)
            except sqlite3.Error as error:
                raise self._error(error) from None
            self._account({}, gone, {})

    def _remove_forgotten(self, connection: sqlite3.Connection) -> dict[Lane, _Cut]:
        gone: dict[Lane, _Cut] = {}
        for lane, state in self._lanes.items():
            upto = state.forgotten
            if upto >= state.first:
                count, freed = connection.execute(
                    f"SELECT count(*), coalesce(sum(length(body) + {_ROW_BYTES}), 0) FROM {lane.value}"  # noqa: S608
                    " WHERE sequence <= ?",
                    (upto,),
                ).fetchone()
                connection.execute(f"DELETE FROM {lane.value} WHERE sequence <= ?", (upto,))  # noqa: S608
                gone[lane] = _Cut(upto, count, freed)
        return gone

    def renew(self, keep_above: Mapping[Lane, int]) -> None:
        """Go on under a new bootid, with what lies above the given sequences, numbered from 1."""
        with self._commit_lock:
            old, self.bootid = self.bootid, new_bootid()
            try:
                with self._transaction() as connection:
                    nexts = {lane: self._renumber(connection, lane, keep_above.get(lane, 0)) for lane in Lane}
                    self._write_state(connection, nexts, self.dropped)
            except sqlite3.Error as error:
                self.bootid = old
                raise self._error(error) from None
            self._load()
        _log.warning("the outbox goes on as %s, no longer as %s", self.bootid, old)

    def _renumber(self, connection: sqlite3.Connection, lane: Lane, above: int) -> int:
        connection.execute(f"DELETE FROM {lane.value} WHERE sequence <= ?", (above,))  # noqa: S608  (our own names)
        sequence = 0
        # Sequences only fall, and the lowest is moved first, so no new one meets an old one.
        for (old,) in connection.execute(f"SELECT sequence FROM {lane.value} ORDER BY sequence").fetchall():  # noqa: S608
            sequence += 1
            (body,) = connection.execute(f"SELECT body FROM {lane.value} WHERE sequence = ?", (old,)).fetchone()  # noqa: S608
            connection.execute(
                f"UPDATE {lane.value} SET sequence = ?, body = ? WHERE sequence = ?",  # noqa: S608  (our own names)
                (sequence, _renamed(body, self.bootid, lane, sequence), old),
            )
        return sequence + 1

    # --- the file ---

    def _open(self) -> None:
        # Exclusive: a second agent on the same outbox is refused, instead of giving sequences twice.
        connection = sqlite3.connect(self.file, timeout=1.0, isolation_level=None, check_same_thread=False)
        self._connection = connection
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "journal_size_limit=4000000"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        with self._transaction():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO outbox VALUES (1, ?, 1, 1, 0)", (new_bootid(),))
        self._load()

    def _load(self) -> None:
        connection = self._open_connection()
        self.bootid, urgent, bulk, self.dropped = connection.execute(
            "SELECT bootid, urgent_next, bulk_next, dropped FROM outbox"
        ).fetchone()
        for lane, upcoming in ((Lane.URGENT, urgent), (Lane.BULK, bulk)):
            first, size = connection.execute(
                f"SELECT min(sequence), coalesce(sum(length(body) + {_ROW_BYTES}), 0) FROM {lane.value}"  # noqa: S608
            ).fetchone()
            first = upcoming if first is None else first
            with self._state_lock:
                self._lanes[lane] = _Lane(first, upcoming, size, forgotten=first - 1)

    def _write_state(self, connection: sqlite3.Connection, nexts: Mapping[Lane, int], dropped: int) -> None:
        connection.execute(
            "UPDATE outbox SET bootid = ?, urgent_next = ?, bulk_next = ?, dropped = ?",
            (self.bootid, nexts[Lane.URGENT], nexts[Lane.BULK], dropped),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._open_connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the outbox is closed")
        return self._connection

    def _error(self, error: Exception) -> OutboxError:
        return OutboxError(
            Text(f"发件箱 {self.file} 不可用：{error}", f"the outbox {self.file} cannot be used: {error}")
        )


def _renamed(body: bytes, bootid: str, lane: Lane, sequence: int) -> bytes:
    document = orjson.loads(body)
    document.update(id=f"{bootid}-{lane}-{sequence}", bootid=bootid, sequence=str(sequence).zfill(19))
    return orjson.dumps(document)


def _size(rows: Sequence[tuple[int, bytes]]) -> int:
    return sum(len(body) + _ROW_BYTES for _, body in rows)
