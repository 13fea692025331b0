"""One transaction of the outbox in the making: what is added and dropped, and what its state and tallies will be then."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edge.outbox import file as outboxfile
from edge.outbox.drafts import Draft, Fill
from edge.outbox.file import ROW_BYTES, Record, State, Tallies
from linli.clock import DAY, format_time
from linli.codec import encode_body
from linli.model import JsonValue, Lane

_TOLD_DAYS = 3
_DROP_ORDER = (Lane.BULK, Lane.URGENT)


@dataclass(slots=True)
class Change:
    """Starts as a copy of `state` and `tallies`; nothing but the file learns of it before it is committed.

    `sizes`: by how many bytes each lane grows. `dropped`: how many of its messages are given up.
    """

    community: str
    gateway: str
    state: State
    tallies: Tallies
    fresh: dict[Lane, list[Record]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    sizes: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    dropped: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    _days: set[int] = field(default_factory=set)

    def add(self, draft: Draft) -> None:
        """Number one draft, encode it and count it. Refused leaves everything as it was."""
        lane, sequence = draft.lane, self.state.next[draft.lane]
        observations = len(draft.readings) or 1
        whole = self._filled(draft, observations)
        body = encode_body(whole.message(self.community, self.gateway, self.state.bootid, sequence))
        self.fresh[lane].append(Record(sequence, body, draft.agent_time, observations))
        self.sizes[lane] += len(body) + ROW_BYTES
        self.state.next[lane] = sequence + 1
        self.count(draft.agent_time, taken=observations)
        if draft.fill is Fill.DROPS:
            self.state.told = dict(self.state.dropped)
            self.state.dropped_since = 0

    def count(self, taken_at: int, taken: int = 0, dropped: int = 0) -> None:
        """Count observations on the day of `taken_at`."""
        outboxfile.add(self.tallies, taken_at, taken, dropped)
        self._days.add(taken_at // DAY)

    def drop(self, lane: Lane, taken_at: int, observations: int) -> None:
        """Count one message that is given up."""
        self.count(taken_at, dropped=observations)
        self.dropped[lane] += 1
        self.state.dropped[lane] += 1
        self.state.dropped_since = self.state.dropped_since or taken_at

    def _filled(self, draft: Draft, observations: int) -> Draft:
        if draft.fill is Fill.DAYS:
            return replace(draft, data={**draft.data, "days": self._last_days(draft.agent_time // DAY, observations)})
        if draft.fill is Fill.DROPS:
            drops: dict[str, JsonValue] = {str(lane): self.state.dropped[lane] - self.state.told[lane] for lane in Lane}
            return replace(draft, data={**draft.data, **drops, "since": format_time(self.state.dropped_since)})
        return draft

    def _last_days(self, today: int, more: int) -> dict[str, JsonValue]:
        days: dict[str, JsonValue] = {}
        for day in range(today - _TOLD_DAYS + 1, today + 1):
            taken, dropped = self.tallies.get(day, (0, 0))
            taken += more if day == today else 0
            if taken or dropped:
                days[format_time(day * DAY)[:10]] = [taken, dropped]
        return days

    # --- in the transaction ---

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write what was added."""
        for lane, records in self.fresh.items():
            rows = [record.row for record in records]
            connection.executemany(f"INSERT INTO {lane.value} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608  (our own names)

    def make_room(
        self,
        connection: sqlite3.Connection,
        excess: int,
        forgotten: Mapping[Lane, int],
        spared: Mapping[Lane, int | None],
        sparing: int = 0,
    ) -> None:
        """Free `excess` bytes: remove what was forgotten, then drop the oldest of bulk, then of urgent. What lies above the
        `spared` sequence of its lane only as far as there are more than `sparing` bytes too much."""
        if excess > 0:
            excess -= self.remove(connection, forgotten)
        for lane in _DROP_ORDER:
            if excess <= 0:
                break
            freed = last = 0
            above, waits = spared[lane], False
            for sequence, size, taken_at, observations in connection.execute(
                f"SELECT sequence, length(body), taken_at, observations FROM {lane.value} ORDER BY sequence"  # noqa: S608
            ):
                if above is not None and sequence > above and excess - freed <= sparing:
                    waits = True
                    break
                freed, last = freed + size + ROW_BYTES, sequence
                self.drop(lane, taken_at, observations)
                if freed >= excess:
                    break
            if last:
                self._cut(connection, lane, last, freed)
                excess -= freed
            if waits:
                break

    def remove(self, connection: sqlite3.Connection, forgotten: Mapping[Lane, int]) -> int:
        """Remove what every consumer has, up to these sequences; how many bytes that was."""
        before = sum(self.sizes.values())
        for lane, upto in forgotten.items():
            if upto >= self.state.first[lane]:
                (freed,) = connection.execute(
                    f"SELECT coalesce(sum(length(body) + {ROW_BYTES}), 0) FROM {lane.value} WHERE sequence <= ?",  # noqa: S608
                    (upto,),
                ).fetchone()
                self._cut(connection, lane, upto, freed)
        return before - sum(self.sizes.values())

    def _cut(self, connection: sqlite3.Connection, lane: Lane, upto: int, freed: int) -> None:
        connection.execute(f"DELETE FROM {lane.value} WHERE sequence <= ?", (upto,))  # noqa: S608  (our own names)
        self.state.first[lane] = upto + 1
        self.sizes[lane] -= freed

    def write(self, connection: sqlite3.Connection) -> None:
        """Write state and tallies: the last step."""
        outboxfile.write_state(connection, self.state)
        outboxfile.write_tallies(connection, {day: self.tallies[day] for day in self._days})
