"""Whether an event counts: what it says, and everything that was seen before it."""

from collections.abc import Sequence

from rules.language.model import After, Happening, Match, Repeated, Unless, duration
from tests.reference.seen import Seen


def matches(match: Match, seen: Seen) -> bool:
    """One of the types, with one of the values of each field of `where`."""
    return seen.kind in match.types and all(_says(seen, name, wanted) for name, wanted in match.where.items())


def _says(seen: Seen, name: str, wanted: object) -> bool:
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    given = seen.data.get(name)
    return any(given == value and isinstance(given, bool) == isinstance(value, bool) for value in values)


def is_excused(part: Happening, before: Sequence[Seen], seen: Seen) -> bool:
    """Whether it is one of the events that count, but for something that excuses it."""
    return part.unless is not None and matches(part, seen) and _excused(part.unless, before, seen)


def conditions_hold(part: Happening, before: Sequence[Seen], seen: Seen) -> bool:
    """Whether the event counts, `repeated` and gates apart. `before`: all that the memory had seen when it came."""
    if not matches(part, seen):
        return False
    if part.unless is not None and _excused(part.unless, before, seen):
        return False
    return part.after is None or _comes_after(part.after, before, seen)


def _excused(unless: Unless, before: Sequence[Seen], seen: Seen) -> bool:
    times = [other.time for other in before if matches(unless, other)]
    return bool(times) and abs(seen.time - max(times)) <= duration(unless.within)


def _comes_after(after: After, before: Sequence[Seen], seen: Seen) -> bool:
    newest = newest_after(after, before, seen)
    if newest is None or seen.time - newest > duration(after.within):
        return False
    since = [other.time for other in before if after.without is not None and matches(after.without, other)]
    return not any(newest < time <= seen.time for time in since)


def newest_after(after: After, before: Sequence[Seen], seen: Seen) -> int | None:
    """The time of the newest event that `after` waits for, up to that of `seen`."""
    return max((other.time for other in before if matches(after, other) and other.time <= seen.time), default=None)


def often_enough(
    part: Happening, repeated: Repeated, counted: Sequence[Seen], before: Sequence[Seen], seen: Seen
) -> bool:
    """Whether with `seen` there are enough. `counted`: those that counted before it, towards this beginning."""
    width = duration(repeated.within)
    near = [other for other in counted if abs(seen.time - other.time) <= width]
    if part.after is not None:
        newest = newest_after(part.after, before, seen)
        near = [other for other in near if newest is not None and other.time >= newest]
    more = repeated.more_than
    others = [
        other
        for other in before
        if more is not None and matches(more, other) and abs(seen.time - other.time) <= duration(more.within)
    ]
    together = [*near, seen]
    devices = {other.device.id for other in together}
    return len(together) >= repeated.times and len(together) > len(others) and len(devices) >= repeated.devices
