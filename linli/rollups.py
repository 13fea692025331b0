"""Rollups: which hours of raw readings are to be summed up (again), and where a question may use the sums. No I/O.

Theory of operation. A rollup (1 minute, 1 hour) is recomputed from the raw rows, never added to, so a message that comes
twice, late or corrected leaves what the raw rows say. The unit of work is one hour of one key: a series in SQLite, a
community in InfluxDB. Before a row becomes visible its (hour, key) is marked as due, durably, and a mark is taken away only
by the pass that has summed up the hour, and only if nobody has marked it again since the pass began to read:

    writer:  mark (hour, key) --> rows                    one transaction, or the mark first
    keeper:  read the mark --> forget it in the writer --> sum up the rows --> write sums; delete the mark if unchanged

So at any moment, and whoever is killed, an hour is marked or its sums are what its rows say. A question therefore reads the
sums, and raw rows for the hours that are marked - the running hour is always one of them. Hours before the raw retention's
horizon are the exception: their rows are thinned out already, so nothing recomputes them and questions take the sums as
they are.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from linli.clock import HOUR, MINUTE
from linli.ports import Bucket, Resolution

K = TypeVar("K", bound=Hashable)

SETTLE = MINUTE
"""An hour is summed up when it has been over for this long: most of what comes a little late then costs nothing twice."""

_MAX_MARKS = 2_000_000


class DueMarks(Generic[K]):
    """What one writer knows to be marked already, so that a reading costs one look into a set, and marks no row twice.

    Not safe for several threads: the writer calls everything with its lock held, and the keeper takes that lock to `forget`.
    """

    def __init__(self) -> None:
        self._marked: dict[int, set[K]] = {}
        self._count = 0

    def touch(self, keys: Sequence[K], times: Sequence[int], earliest: int, latest: int) -> list[tuple[int, K]]:
        """The (hour, key) to mark durably before, or with, rows of these keys and times (columns of equal length).

        `keys` may be one key alone for all times. From here on they count as marked: call `clear` if the write fails.
        """
        hour = earliest - earliest % HOUR
        if latest < hour + HOUR:
            marked = self._marked.get(hour)
            if marked is not None and marked.issuperset(keys):
                return []
            return self._new((hour, key) for key in keys)
        if len(keys) == 1:
            return self._new((time - time % HOUR, keys[0]) for time in times)
        return self._new((time - time % HOUR, key) for key, time in zip(keys, times, strict=True))

    def forget(self, marks: Iterable[tuple[int, K]]) -> None:
        """These hours are about to be read: whatever is written from now on has to mark them again."""
        for hour, key in marks:
            marked = self._marked.get(hour)
            if marked is not None and key in marked:
                marked.remove(key)
                self._count -= 1
                if not marked:
                    del self._marked[hour]

    def clear(self) -> None:
        """Know nothing: every mark is made again at its next touch, which is harmless."""
        self._marked.clear()
        self._count = 0

    def _new(self, pairs: Iterable[tuple[int, K]]) -> list[tuple[int, K]]:
        if self._count > _MAX_MARKS:
            self.clear()
        fresh = []
        for hour, key in pairs:
            marked = self._marked.setdefault(hour, set())
            if key not in marked:
                marked.add(key)
                fresh.append((hour, key))
        self._count += len(fresh)
        return fresh


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch [start, end) of a question, and whether sums may answer it."""

    start: int
    end: int
    summed: bool


def segments(start: int, end: int, unsummed: Collection[int]) -> list[Segment]:
    """[start, end) parted into stretches to read from sums and from raw rows. `unsummed`: hours whose sums are not to be
    relied on."""
    parts: list[Segment] = []
    at = start
    for hour in sorted(unsummed):
        first, after = max(at, hour), min(end, hour + HOUR)
        if first >= after:
            continue
        if first > at:
            parts.append(Segment(at, first, summed=True))
        if parts and not parts[-1].summed:
            first = parts.pop().start
        parts.append(Segment(first, after, summed=False))
        at = after
    if at < end:
        parts.append(Segment(at, end, summed=True))
    return parts


def grid(start: int, end: int, max_points: int, resolution: Resolution) -> tuple[int, int, int]:
    """Start, end and width of the buckets that answer for [start, end): moved out to whole rows of the resolution."""
    unit = resolution.width
    first, after = start - start % unit, -(-end // unit) * unit
    width = max(1, -(-(after - first) // max_points))
    return first, after, -(-width // unit) * unit


def merged(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Buckets in order of time, those that begin at the same time made one: parts of it came from different sources."""
    found: list[Bucket] = []
    for bucket in buckets:
        same = bool(found) and found[-1].start == bucket.start
        found.append(_one(found.pop(), bucket) if same else bucket)
    return found


def _one(earlier: Bucket, later: Bucket) -> Bucket:
    count = earlier.count + later.count
    share = later.count / count
    return Bucket(
        earlier.start,
        count,
        min(earlier.minimum, later.minimum),
        earlier.mean * (1 - share) + later.mean * share,
        max(earlier.maximum, later.maximum),
        later.last,
    )


def choose(start: int, end: int, points: int, kept_from: Mapping[Resolution, int]) -> Resolution:
    """What to answer [start, end) from: the coarsest that still has a row for each of the points wanted.

    `kept_from`: since when each resolution is kept. Where the choice is not kept as far back as `start`, the next coarser
    one that is kept longer is taken.
    """
    span = end - start
    wanted = next((r for r in (Resolution.HOUR, Resolution.MINUTE) if span // r.width >= points), Resolution.RAW)
    order = list(Resolution)
    best = wanted
    for coarser in order[order.index(wanted) + 1 :]:
        if kept_from.get(best, 0) <= start:
            break
        if kept_from.get(coarser, 0) < kept_from.get(best, 0):
            best = coarser
    return best
