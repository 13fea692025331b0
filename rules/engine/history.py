"""What a memory keeps of earlier events: what excuses, what came before, how often. Times decide, not arrival. No I/O."""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

from rules.engine.compiled import Counting

KEPT_TIMES = 16
"""So many of the newest times are kept of each kind of event, and of matches twice as many as have to come together."""


@dataclass(slots=True)
class History:
    """Event times in ascending order. `excused`: the newest that excuses; `before`: of `after`; `breaks`: of its `without`;
    `matches`: those that counted, up to the beginning that they brought about, `sources` whose each of them was (where that
    matters); `outnumbered`: those that they have to outnumber. `on`: a state has begun, excused, and has not ended."""

    excused: int | None = None
    before: list[int] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    matches: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    outnumbered: list[int] = field(default_factory=list)
    on: bool = False

    def excuses(self, counting: Counting, time: int) -> bool:
        """Whether the newest excusing event is near enough."""
        return self.excused is not None and abs(time - self.excused) <= counting.excused_for

    def lead(self, counting: Counting, time: int) -> int | None:
        """The time of the newest event of `after` up to `time`, if it lies near enough and nothing came in between."""
        at = bisect_right(self.before, time)
        if at == 0 or time - self.before[at - 1] > counting.after_within:
            return None
        lead = self.before[at - 1]
        since = bisect_right(self.breaks, lead)
        return None if since < len(self.breaks) and self.breaks[since] <= time else lead

    def often_enough(self, counting: Counting, time: int, device: str, since: int | None) -> bool:
        """Whether a match of the device at `time` is one of enough, those before `since` left out. If not, it is remembered."""
        near = [
            number
            for number, other in enumerate(self.matches)
            if abs(time - other) <= counting.times_within and (since is None or other >= since)
        ]
        others = [other for other in self.outnumbered if abs(time - other) <= counting.outnumbers_within]
        if (
            len(near) + 1 >= max(counting.times, len(others) + 1)
            and len({device, *(self.sources[number] for number in near if self.sources)}) >= counting.devices
        ):
            self.forget_matches()
            return True
        at = bisect_right(self.matches, time)
        self.matches.insert(at, time)
        excess = max(0, len(self.matches) - max(KEPT_TIMES, 2 * counting.times))
        del self.matches[:excess]
        if counting.devices > 1:
            self.sources.insert(at, device)
            del self.sources[:excess]
        return False

    def forget_matches(self) -> None:
        """The next beginning counts anew."""
        self.matches, self.sources = [], []

    def note(self, counting: Counting, kind: str, data: dict[str, object], time: int) -> None:
        """Remember the event for those that come after it."""
        if counting.unless is not None and counting.unless.matches(kind, data):
            self.excused = time if self.excused is None else max(self.excused, time)
        if counting.after is not None and counting.after.matches(kind, data):
            insort(self.before, time)
            del self.before[:-KEPT_TIMES]
        if counting.without is not None and counting.without.matches(kind, data):
            insort(self.breaks, time)
            del self.breaks[:-KEPT_TIMES]
        if counting.outnumbers is not None and counting.outnumbers.matches(kind, data):
            insort(self.outnumbered, time)
            del self.outnumbered[: -max(KEPT_TIMES, 2 * counting.times)]
