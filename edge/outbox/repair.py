"""What can be saved of an outbox whose file is damaged: every record that is as it was written, under its own sequence."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.outbox.drafts import Draft
from edge.outbox.file import (
    Record,
    State,
    Tallies,
    add,
    create,
    is_damage,
    is_sound,
    transaction,
    write_state,
    write_tallies,
)
from linli.codec import encode_body
from linli.ids import new_bootid
from linli.model import DROPPED_TYPE, Lane


def readable(connection: sqlite3.Connection, lane: Lane, first: int, last: int) -> Iterator[Record | int]:
    """Each record from `first` to `last`; its sequence alone where it is missing, damaged or cannot be read."""
    query = f"SELECT body, crc, taken_at, observations FROM {lane.value} WHERE sequence = ?"  # noqa: S608  (our own names)
    for sequence in range(first, last + 1):
        row = None
        try:
            row = connection.execute(query, (sequence,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
        if row is not None and is_sound(row[0], row[1]):
            yield Record(sequence, row[0], row[2], row[3])
        else:
            yield sequence


def put_aside(file: Path) -> Path:
    """Give a damaged file and its log another name, in place of one that was put aside before; the new name."""
    for old in file.parent.glob("damaged-*"):
        old.unlink()
    aside = file.with_name(f"damaged-{new_bootid()}.db")
    for end in ("-wal", "-shm"):
        log = file.with_name(file.name + end)
        if log.exists():
            log.replace(aside.with_name(aside.name + end))
    file.replace(aside)
    return aside


@dataclass(slots=True)
class Saved:
    """What became of a damaged file: the new one's state and tallies, and how many records were filled in (they count as
    dropped)."""

    state: State
    tallies: Tallies
    filled: int = 0


def rewrite(
    damaged: sqlite3.Connection, file: Path, state: State, tallies: Tallies, fill: Callable[[Lane, int], Record]
) -> Saved:
    """Write to the new `file` what can be read of `damaged`, and what `fill` gives for each record that cannot be."""
    file.unlink(missing_ok=True)
    saved = Saved(state.copy(), dict(tallies))
    fresh = sqlite3.connect(file, isolation_level=None)
    try:
        fresh.execute("PRAGMA synchronous=FULL")
        with transaction(fresh):
            create(fresh, state, {})
            for lane in Lane:
                for found in readable(damaged, lane, state.first[lane], state.next[lane] - 1):
                    record = found if isinstance(found, Record) else _filled(saved, lane, fill(lane, found))
                    fresh.execute(f"INSERT INTO {lane.value} VALUES (?, ?, ?, ?, ?)", record.row)  # noqa: S608
            write_state(fresh, saved.state)
            write_tallies(fresh, saved.tallies)
    except BaseException:
        fresh.close()
        file.unlink(missing_ok=True)
        raise
    fresh.close()
    return saved


def _filled(saved: Saved, lane: Lane, record: Record) -> Record:
    """Count one record that stands in for another: how many observations that held, nobody knows any more."""
    add(saved.tallies, record.taken_at, taken=record.observations, dropped=1)
    saved.state.dropped[lane] += 1
    saved.filled += 1
    return record


def stand_in(community: str, gateway: str, bootid: str, lane: Lane, sequence: int, time: int) -> Record:
    """What goes out for a record that is damaged."""
    draft = Draft(lane, DROPPED_TYPE, gateway, time, time, data={"reason": "corrupt"})
    return Record(sequence, encode_body(draft.message(community, gateway, bootid, sequence)), time, 1)


def time_near(connection: sqlite3.Connection, lane: Lane, sequence: int) -> int | None:
    """When the nearest record that can be read was taken, the one before it if possible."""
    for condition in ("sequence < ? ORDER BY sequence DESC", "sequence > ? ORDER BY sequence"):
        query = f"SELECT taken_at FROM {lane.value} WHERE {condition} LIMIT 1"  # noqa: S608  (our own names)
        try:
            row = connection.execute(query, (sequence,)).fetchone()
        except sqlite3.DatabaseError:
            continue
        if row is not None:
            return int(row[0])
    return None
