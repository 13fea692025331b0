"""The agent's durable outbox: what was taken and not yet acknowledged by every consumer, in one SQLite file.

Each lane is a run of sequences without a hole, `first` to `next - 1`: messages are added at one end and leave at the other,
acknowledged or dropped. So two numbers say what a lane holds, and `first` is the wire format's `oldest`. A record that is
damaged keeps its sequence: an empty event of type DROPPED_TYPE goes out in its place, and it counts as dropped.

Everything is counted by the day on which it was taken, in observations (an event is 1, a packet its readings), in the
transaction that takes or drops it; what was taken under the present bootid is what was dropped and what was sent.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from edge.outbox import file as outboxfile
from edge.outbox import repair as outboxrepair
from edge.outbox.change import Change
from edge.outbox.drafts import Draft, Fill, OutboxError
from edge.outbox.file import ROW_BYTES, Record, State, Tallies, is_sound
from edge.outbox.groupcommit import GroupCommit
from linli import failpoints
from linli.clock import DAY
from linli.errors import Refused
from linli.i18n import Text
from linli.ids import new_bootid
from linli.model import Lane

__all__ = ["DEFAULT_BYTES", "Draft", "Fill", "Held", "Outbox", "OutboxError"]

_log = logging.getLogger(__name__)

DEFAULT_BYTES = 64_000_000
_RECENT_BYTES = 1_000_000
_READ_BYTES = 4_000_000
_TIDY_AT_ONCE = 5000
_SPARING = 4
"""What is on its way may make the outbox larger than its bound by this part of it, for the moment that an answer takes."""
Result = TypeVar("Result")


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
    """`size` of what lies in the file; `forgotten`: up to there everybody has it. `recent` spares reading the file for what
    has just been taken."""

    size: int
    forgotten: int
    recent: deque[tuple[int, bytes]] = field(default_factory=deque)
    recent_bytes: int = 0

    def remember(self, records: Sequence[Record], first: int) -> None:
        self.recent.extend((record.sequence, record.body) for record in records)
        self.recent_bytes += sum(len(record.body) for record in records)
        while self.recent and (self.recent_bytes > _RECENT_BYTES or self.recent[0][0] < first):
            self.recent_bytes -= len(self.recent.popleft()[1])


@dataclass(slots=True)
class _Request:
    drafts: Sequence[Draft]
    refused: list[tuple[Draft, Refused]] = field(default_factory=list)
    error: OutboxError | None = None


class Outbox:
    """One agent's outbox in `folder`. `take` may be called from any thread; the rest belongs to the sending thread."""

    def __init__(self, folder: Path, community: str, gateway: str, max_bytes: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._community = community
        self._gateway = gateway
        self._max_bytes = max_bytes
        self._file_lock = threading.RLock()
        self._state_lock = threading.Lock()
        self._group: GroupCommit[_Request] = GroupCommit(self._commit)
        self._connection: sqlite3.Connection | None = None
        self._state = State("")
        self._tallies: Tallies = {}
        self._lanes = {lane: _Lane(0, 0) for lane in Lane}
        self._spared: dict[Lane, int | None] = dict.fromkeys(Lane)
        self.put_aside = False
        """A file that was damaged beyond reading was put aside at `open`: what it held, nobody knows. Until it is told."""

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self._folder / "outbox.db"

    @property
    def _saved(self) -> Path:
        return self._folder / "saved.db"

    @property
    def bootid(self) -> str:
        """Names the outbox on the wire; empty before it was opened."""
        return self._state.bootid

    @property
    def dropped(self) -> Mapping[Lane, int]:
        """How many messages of each lane were given up since the outbox was made."""
        return self._state.dropped

    @property
    def untold(self) -> int:
        """How many of those no message of `Fill.DROPS` has told yet."""
        return sum(self._state.dropped.values()) - sum(self._state.told.values())

    def open(self) -> None:
        """Open the file, or make it with a new bootid. OutboxError if it is locked or newer than this program.

        One that is damaged beyond reading is put aside, and told; of another, what can be read goes on.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                self._open()
            except sqlite3.DatabaseError as error:
                if not outboxfile.is_damage(error):
                    raise
                self._open_damaged(error)
        except (sqlite3.Error, OSError, outboxfile.TooNew) as error:
            self.close()
            raise self._error(error) from None

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        with self._file_lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # --- intake ---

    def take(self, drafts: Sequence[Draft]) -> list[tuple[Draft, Refused]]:
        """Give the drafts their sequences and return once they are on the disk, with those that the codec refused.

        Either all others are kept, or none and OutboxError is raised.
        """
        request = _Request(drafts)
        self._group.join(request)
        if request.error is not None:
            raise request.error
        return request.refused

    def _commit(self, group: Sequence[_Request]) -> None:
        error: OutboxError | None = self._error(RuntimeError("interrupted"))
        try:
            with self._file_lock:
                self._whole(lambda: self._commit_once(group))
            failpoints.reach("agent.taken")
            error = None
        except (sqlite3.Error, OSError) as failure:
            error = self._error(failure)
        finally:
            for request in group:
                request.error = error

    def _commit_once(self, group: Sequence[_Request]) -> None:
        change = self._change()
        for request in group:
            request.refused = []
            for draft in request.drafts:
                try:
                    change.add(draft)
                except Refused as refusal:
                    request.refused.append((draft, refusal))
        excess = self._excess() + sum(change.sizes.values())
        with outboxfile.transaction(self._open_connection()) as connection:
            change.insert(connection)
            change.make_room(connection, excess, self._forgotten(), self._spared, self._max_bytes // _SPARING)
            change.write(connection)
        self._account(change)

    def _excess(self) -> int:
        with self._state_lock:
            return sum(state.size for state in self._lanes.values()) - self._max_bytes

    def _change(self) -> Change:
        return Change(self._community, self._gateway, self._state.copy(), dict(self._tallies))

    def _forgotten(self) -> dict[Lane, int]:
        with self._state_lock:
            return {lane: state.forgotten for lane, state in self._lanes.items()}

    def _account(self, change: Change) -> None:
        """Bring what is held in memory up to what has been committed."""
        with self._state_lock:
            self._state, self._tallies = change.state, change.tallies
            for lane, state in self._lanes.items():
                state.size += change.sizes[lane]
                state.remember(change.fresh[lane], change.state.first[lane])
        if any(change.dropped.values()):
            told = ", ".join(f"{count} {lane}" for lane, count in change.dropped.items() if count)
            _log.warning("the outbox is full: the oldest are dropped: %s", told)

    # --- sending ---

    def held(self, lane: Lane) -> Held:
        """What the lane holds now: what every consumer has is no longer counted, though it may still lie in the file."""
        with self._state_lock:
            state = self._lanes[lane]
            return Held(max(self._state.first[lane], state.forgotten + 1), self._state.next[lane], state.size)

    def read(self, lane: Lane, start: int, limit: int, max_bytes: int = _READ_BYTES) -> list[bytes]:
        """The bodies of up to `limit` messages from sequence `start` on, in order, until about `max_bytes` are reached.

        Empty if `start` is not held. A record that is damaged is replaced first.
        """
        with self._state_lock:
            recent = self._lanes[lane].recent
            if recent and recent[0][0] <= start:
                skip = start - recent[0][0]
                return _bounded((body for _, body in islice(recent, skip, skip + limit)), max_bytes)
        with self._file_lock:
            try:
                return self._whole(lambda: self._read_whole(lane, start, limit, max_bytes))
            except (sqlite3.Error, OSError) as error:
                raise self._error(error) from None

    def _read_whole(self, lane: Lane, start: int, limit: int, max_bytes: int) -> list[bytes]:
        limit = min(limit, self._state.next[lane] - start)
        if start < self._state.first[lane] or limit <= 0:
            return []
        bodies = self._read_sound(lane, start, limit, max_bytes)
        if not bodies:
            self._replace_damaged(lane, start)
            bodies = self._read_sound(lane, start, limit, max_bytes)
        return bodies

    def _read_sound(self, lane: Lane, start: int, limit: int, max_bytes: int) -> list[bytes]:
        """Up to the first record that is missing or damaged."""
        bodies: list[bytes] = []
        size = 0
        query = f"SELECT sequence, body, crc FROM {lane.value} WHERE sequence >= ? ORDER BY sequence LIMIT ?"  # noqa: S608
        try:
            for expected, (sequence, body, crc) in enumerate(
                self._open_connection().execute(query, (start, limit)), start
            ):
                if sequence != expected or not is_sound(body, crc):
                    break
                bodies.append(body)
                size += len(body)
                if size >= max_bytes:
                    break
        except sqlite3.DatabaseError as error:
            if not (bodies and outboxfile.is_damage(error)):
                raise
        return bodies

    def forget(self, lane: Lane, upto: int) -> None:
        """Every consumer has everything up to `upto`: it goes with the next `tidy`, or when there must be room."""
        with self._state_lock:
            state = self._lanes[lane]
            state.forgotten = max(state.forgotten, min(upto, self._state.next[lane] - 1))

    def spare(self, lane: Lane, above: int | None) -> None:
        """What lies above `above` may be on its way to who answers: it would be dropped and arrive. It stays while the outbox
        is at most a quarter too large, until `make_room`. None: nothing is on its way."""
        self._spared[lane] = above

    @property
    def overfull(self) -> bool:
        """Whether something was spared that has to go: `make_room` once nothing is on its way."""
        return self._excess() > 0

    def make_room(self) -> None:
        """Drop what is too much, spared or not."""
        with self._file_lock:
            try:
                self._whole(self._make_room_once)
            except (sqlite3.Error, OSError) as error:
                raise self._error(error) from None

    def _make_room_once(self) -> None:
        change = self._change()
        with outboxfile.transaction(self._open_connection()) as connection:
            change.make_room(connection, self._excess(), self._forgotten(), dict.fromkeys(Lane))
            change.write(connection)
        self._account(change)

    def tidy(self) -> None:
        """Remove from the file what was forgotten, some thousands at a time: takers get their turn, and memory stays flat."""
        while self._has_forgotten():
            with self._file_lock:
                try:
                    self._whole(self._tidy_once)
                except (sqlite3.Error, OSError) as error:
                    raise self._error(error) from None

    def _has_forgotten(self) -> bool:
        with self._state_lock:
            return any(state.forgotten >= self._state.first[lane] for lane, state in self._lanes.items())

    def _tidy_once(self) -> None:
        change = self._change()
        some = {
            lane: min(upto, change.state.first[lane] + _TIDY_AT_ONCE - 1) for lane, upto in self._forgotten().items()
        }
        with outboxfile.transaction(self._open_connection()) as connection:
            change.remove(connection, some)
            change.write(connection)
        self._account(change)

    def renew(self, keep_above: Mapping[Lane, int]) -> None:
        """Go on under a new bootid, with what lies above the given sequences, numbered and counted from 1."""
        old = self.bootid
        with self._file_lock:
            try:
                self._whole(lambda: self._renew_once(keep_above))
            except (sqlite3.Error, OSError) as error:
                raise self._error(error) from None
        _log.warning("the outbox goes on as %s, no longer as %s", self.bootid, old)

    def _renew_once(self, keep_above: Mapping[Lane, int]) -> None:
        with outboxfile.transaction(self._open_connection()) as connection:
            state = self._state.copy()
            state.bootid = new_bootid()
            for lane in Lane:
                outboxfile.renumber(connection, state, lane, keep_above.get(lane, 0))
            outboxfile.write_state(connection, state)
            connection.execute("DELETE FROM tallies")
            outboxfile.write_tallies(connection, outboxfile.count(connection))
        self._load()

    # --- damage ---

    def _whole(self, work: Callable[[], Result]) -> Result:
        """Do `work`; if the file proves damaged, save what can be read of it into a new one, and do it again there."""
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if not outboxfile.is_damage(error):
                raise
            self._save(error)
            return work()

    def _save(self, error: sqlite3.Error) -> None:
        damaged = self._open_connection()
        saved = outboxrepair.rewrite(damaged, self._saved, self._state, self._tallies, self._stand_in)
        damaged.close()
        aside = outboxrepair.put_aside(self.file)
        self._saved.replace(self.file)
        said = "the outbox %s is damaged (%s): %d records are lost, the others were saved; the old file is %s"
        _log.error(said, self.file, error, saved.filled, aside.name)
        self._open()

    def _open_damaged(self, error: sqlite3.Error) -> None:
        """What lies in the file may still be readable in part; if not, it is put aside."""
        try:
            self._state = outboxfile.read_state(self._open_connection())
            self._tallies = outboxfile.read_tallies(self._open_connection())
        except (sqlite3.DatabaseError, TypeError, IndexError):
            self.close()
            aside = outboxrepair.put_aside(self.file)
            self.put_aside = True
            _log.error("the outbox %s is damaged (%s); it is put aside as %s", self.file, error, aside.name)
            self._open()
        else:
            self._save(error)

    def _replace_damaged(self, lane: Lane, sequence: int) -> None:
        """Put an empty event in the place of one record that is missing or not as it was written."""
        change = self._change()
        with outboxfile.transaction(self._open_connection()) as connection:
            row = connection.execute(
                f"SELECT length(body), taken_at, observations FROM {lane.value} WHERE sequence = ?",  # noqa: S608
                (sequence,),
            ).fetchone()
            record = self._stand_in(lane, sequence, None if row is None else row[1])
            connection.execute(f"REPLACE INTO {lane.value} VALUES (?, ?, ?, ?, ?)", record.row)  # noqa: S608  (our own names)
            change.sizes[lane] += len(record.body) + ROW_BYTES - (0 if row is None else row[0] + ROW_BYTES)
            change.count(record.taken_at, taken=1)
            change.drop(lane, record.taken_at, 1 if row is None else row[2])
            change.write(connection)
        self._account(change)
        _log.error(
            "record %d of %s in the outbox %s is damaged: an empty one goes out for it", sequence, lane, self.file
        )

    def _stand_in(self, lane: Lane, sequence: int, taken_at: int | None = None) -> Record:
        """What goes out for a damaged record: at the time of the one before it, if its own is not known, since the time of
        a lane advances by what it carries."""
        time = outboxrepair.time_near(self._open_connection(), lane, sequence) if taken_at is None else taken_at
        if time is None:
            time = max(self._tallies, default=0) * DAY
        return outboxrepair.stand_in(self._community, self._gateway, self.bootid, lane, sequence, time)

    # --- the file ---

    def _open(self) -> None:
        if self._saved.exists() and not self.file.exists():  # it ended between the two steps of _save
            self._saved.replace(self.file)
        self._connection = outboxfile.connect(self.file)
        outboxfile.prepare(self._connection)
        self._load()

    def _load(self) -> None:
        connection = self._open_connection()
        state = outboxfile.read_state(connection)
        tallies = outboxfile.read_tallies(connection)
        lanes = {}
        for lane in Lane:
            (size,) = connection.execute(
                f"SELECT coalesce(sum(length(body) + {ROW_BYTES}), 0) FROM {lane.value}"  # noqa: S608  (our own names)
            ).fetchone()
            lanes[lane] = _Lane(size, forgotten=state.first[lane] - 1)
        with self._state_lock:
            self._state, self._tallies, self._lanes = state, tallies, lanes

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the outbox is closed")
        return self._connection

    def _error(self, error: Exception) -> OutboxError:
        said = outboxfile.in_words(error)
        return OutboxError(
            Text(f"发件箱 {self.file} 不可用：{said.zh}", f"the outbox {self.file} cannot be used: {said.en}")
        )


def _bounded(bodies: Iterable[bytes], max_bytes: int) -> list[bytes]:
    taken: list[bytes] = []
    size = 0
    for body in bodies:
        taken.append(body)
        size += len(body)
        if size >= max_bytes:
            break
    return taken
