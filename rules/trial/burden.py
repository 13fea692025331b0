"""What alerts ask of people: how many a day for each operator, floods, the noisiest subjects, chatter. No I/O.

The measures are those of IEC 62682 and EEMUA 191 (see docs/trying-rules.md): about 144 alerts a day are manageable for one
operator, more than 10 in 10 minutes are a flood; a subject that is told 3 times or more in a minute chatters.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from linli.clock import DAY, MINUTE, local_time
from rules.trial.backtest import Episode

MANAGEABLE = 144
FLOOD, FLOOD_WITHIN = 10, 10 * MINUTE
CHATTER, CHATTER_WITHIN = 3, MINUTE


@dataclass(frozen=True, slots=True)
class Load:
    """What one community's operators would have had."""

    community: str
    operators: int
    """People with the role security there; 0 where nobody has it."""
    days: Mapping[str, int]
    """Alerts opened on each local day of the span ('2026-11-01'), in order, those without any too."""
    floods: int
    """Times at which more than FLOOD for each operator had come within FLOOD_WITHIN, each lasting until it was fewer."""
    lasted: int
    """Microseconds that were looked at."""

    @property
    def alerts(self) -> int:
        """All of them."""
        return sum(self.days.values())

    @property
    def each(self) -> float:
        """Alerts for one operator (of one, where nobody has the role)."""
        return self.alerts / max(self.operators, 1)

    @property
    def a_day(self) -> float | None:
        """Alerts a day for one operator; None where less than a day was looked at, of which no day can be told."""
        return self.each * DAY / self.lasted if self.lasted >= DAY else None


def load(community: str, episodes: Sequence[Episode], operators: int, span: tuple[int, int], zone: ZoneInfo) -> Load:
    """The load of `community` by these alerts; `span` is [start, until) in microseconds."""
    opened = sorted(episode.opened for episode in episodes if episode.community == community)
    days = dict.fromkeys(_days(*span, zone), 0)
    for time in opened:
        day = _day(time, zone)
        days[day] = days.get(day, 0) + 1
    floods = _floods(opened, FLOOD * max(operators, 1))
    return Load(community, operators, dict(sorted(days.items())), floods, span[1] - span[0])


def noisiest(episodes: Sequence[Episode], most: int = 10) -> list[tuple[str, int]]:
    """The subjects with the most alerts, and how many; equal ones in order of their id."""
    counts = Counter(episode.subject for episode in episodes)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def chattering(episodes: Sequence[Episode]) -> dict[str, int]:
    """The subjects that were told CHATTER times or more within CHATTER_WITHIN, and how often that was so."""
    times: dict[str, list[int]] = {}
    for episode in episodes:
        times.setdefault(episode.subject, []).extend(episode.times)
    found = {subject: _bursts(sorted(told)) for subject, told in sorted(times.items())}
    return {subject: count for subject, count in found.items() if count}


def _bursts(times: Sequence[int]) -> int:
    count = 0
    recent: deque[int] = deque()
    for time in times:
        recent.append(time)
        while time - recent[0] >= CHATTER_WITHIN:
            recent.popleft()
        if len(recent) >= CHATTER:
            count += 1
            recent.clear()
    return count


def _floods(times: Sequence[int], manageable: int) -> int:
    count, flooded = 0, False
    recent: deque[int] = deque()
    for time in times:
        recent.append(time)
        while time - recent[0] >= FLOOD_WITHIN:
            recent.popleft()
        over = len(recent) > manageable
        count += over and not flooded
        flooded = over
    return count


def _day(time: int, zone: ZoneInfo) -> str:
    return local_time(time, zone).strftime("%Y-%m-%d")


def _days(start: int, until: int, zone: ZoneInfo) -> list[str]:
    found = [_day(time, zone) for time in range(start, until, DAY)]
    return [*found, _day(max(start, until - 1), zone)]
