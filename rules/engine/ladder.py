"""The limits of all clauses on one quantity, sorted: which of them a value is beyond, and how far to the next. No I/O.

A clause that is inactive says nothing of a value between its two limits. With three hundred clauses on a quantity a
value has to be compared with few: those it is beyond are at one end of each sorted list, and the nearest others are
its band.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple

Ref = tuple[str, int]
"""A rule's id and the number of one of its clauses."""

Band = tuple[float, float]
"""An open interval of values."""


class Ladder(NamedTuple):
    """`rising` are the limits that a value is beyond from there on, `falling` those that it is beyond down from there, each in
    order with the clauses that they are of; `always` the clauses that every value matters to."""

    rising: tuple[float, ...]
    rising_refs: tuple[Ref, ...]
    falling: tuple[float, ...]
    falling_refs: tuple[Ref, ...]
    always: tuple[Ref, ...]

    def beyond(self, value: float) -> set[Ref]:
        """The clauses that a value would begin if they are inactive, and those that it matters to anyway."""
        found = set(self.always)
        found.update(self.rising_refs[: bisect_right(self.rising, value)])
        found.update(self.falling_refs[bisect_left(self.falling, value) :])
        return found

    def band(self, value: float) -> Band | None:
        """Around `value`, where the clauses that it is not beyond are all quiet; None if there is none."""
        if self.always or math.isnan(value):
            return None
        over, under = bisect_right(self.rising, value), bisect_left(self.falling, value)
        return (
            self.falling[under - 1] if under else -math.inf,
            self.rising[over] if over < len(self.rising) else math.inf,
        )


def ladder(quiet: Iterable[tuple[Ref, Band | None]]) -> Ladder:
    """Of the bands in which each clause is quiet while it is inactive (None: nowhere)."""
    rising: list[tuple[float, Ref]] = []
    falling: list[tuple[float, Ref]] = []
    always: list[Ref] = []
    for ref, band in quiet:
        if band is None:
            always.append(ref)
            continue
        low, high = band
        if low > -math.inf:
            falling.append((low, ref))
        if high < math.inf:
            rising.append((high, ref))
    rising.sort()
    falling.sort()
    return Ladder(
        tuple(limit for limit, _ in rising),
        tuple(ref for _, ref in rising),
        tuple(limit for limit, _ in falling),
        tuple(ref for _, ref in falling),
        tuple(sorted(always)),
    )
