"""On which side of its limit the number of a reading clause is."""

import math
from collections.abc import Sequence
from fractions import Fraction

from rules.language.model import Normal, ReadingClause, duration
from tests.reference.numbers import number_of
from tests.reference.seen import Seen
from tests.reference.sites import Sites


def is_beyond(part: ReadingClause, value: float, seen: Sequence[Seen], newest: Seen, sites: Sites) -> bool | None:
    """Whether the number is on the wrong side of the limit; None where nobody knows yet what is usual."""
    if part.normal is not None:
        return _is_unusual(part, part.normal, seen, newest, sites)
    return _is_outside(part, value)


def _is_outside(part: ReadingClause, value: float) -> bool:
    if part.above is not None:
        return value > part.above
    if part.at_least is not None:
        return value >= part.at_least
    if part.below is not None:
        return value < part.below
    if part.at_most is not None:
        return value <= part.at_most
    assert part.outside is not None
    return not part.outside[0] <= value <= part.outside[1]


def is_reset(part: ReadingClause, value: float) -> bool:
    """Whether the number, which is not beyond, ends what fires."""
    if part.reset_below is not None:
        return value < part.reset_below
    if part.reset_above is not None:
        return value > part.reset_above
    if part.reset_inside is not None:
        return part.reset_inside[0] <= value <= part.reset_inside[1]
    return True


def _is_unusual(part: ReadingClause, normal: Normal, seen: Sequence[Seen], newest: Seen, sites: Sites) -> bool | None:
    """Go through all numbers again: each is compared with what was learned before it, and learned unless it was beyond."""
    learned: list[tuple[int, int, float]] = []
    first: int | None = None
    verdict: bool | None = None
    for number, each in enumerate(seen):
        value = number_of(part, seen[: number + 1], each)
        if each.device.id != newest.device.id or value is None:
            continue
        first = each.time if first is None else min(first, each.time)
        hour = sites.wall(each.device, each.time).hour if normal.by == "hour" else 0
        verdict = None
        if each.time - first >= duration(normal.learn) // 2:
            verdict = _differs(normal, [(time, known) for where, time, known in learned if where == hour], value)
        if not verdict:
            learned.append((hour, each.time, value))
    return verdict


def _differs(normal: Normal, learned: Sequence[tuple[int, float]], value: float) -> bool | None:
    """Whether it is more than so many standard deviations from the mean; None if nothing was learned."""
    if not learned:
        return None
    newest = max(time for time, _ in learned)
    weights = [Fraction(math.exp((time - newest) / duration(normal.learn))) for time, _ in learned]
    values = [Fraction(known) for _, known in learned]
    mean = sum(map(Fraction.__mul__, weights, values), Fraction(0)) / sum(weights)
    squares = [weight * (known - mean) ** 2 for weight, known in zip(weights, values, strict=True)]
    variance = sum(squares, Fraction(0)) / sum(weights)
    return (Fraction(value) - mean) ** 2 > Fraction(normal.sigmas) ** 2 * variance
