"""What a backtest found, and the same as JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from linli.clock import format_time
from linli.i18n import Text

if TYPE_CHECKING:
    from rules.language.model import Rule
    from rules.trial.backtest import Difference, Episode, Rerun
    from rules.trial.burden import Load
    from rules.trial.past import Past


@dataclass(frozen=True, slots=True)
class Found:
    """All that there is to tell."""

    rule: "Rule"
    past: "Past"
    rerun: "Rerun"
    before: "Rerun | None"
    loads: "list[Load]"
    difference: "Difference | None"
    limits: list[Text]
    names: dict[str, Text]
    zone: ZoneInfo
    took_s: float


def document(found: Found) -> dict[str, Any]:
    """The whole of it as JSON; times in UTC."""
    from rules.trial.burden import chattering, noisiest

    past, rerun = found.past, found.rerun
    return {
        "rule": found.rule.id,
        "since": format_time(past.span.start),
        "until": format_time(past.span.until),
        "data_since": None if (first := past.seen.since(past.needs)) is None else format_time(first),
        "readings": past.seen.readings,
        "events": past.seen.events,
        "seconds": round(found.took_s, 3),
        "devices": len(past.watched),
        "alerts": [_episode(episode) for episode in rerun.episodes],
        "loads": [
            {
                "community": load.community,
                "operators": load.operators,
                "days": dict(load.days),
                "alerts_a_day_for_each_operator": None if load.a_day is None else round(load.a_day, 3),
                "floods": load.floods,
            }
            for load in found.loads
        ],
        "noisiest": dict(noisiest(rerun.episodes)),
        "chattering": chattering(rerun.episodes),
        "difference": None if found.difference is None else _difference(found.difference),
        "limits": [{"zh": limit.zh, "en": limit.en} for limit in found.limits],
    }


def _difference(difference: "Difference") -> dict[str, Any]:
    return {
        "new": [_episode(episode) for episode in difference.new],
        "gone": [_episode(episode) for episode in difference.gone],
        "same": [{"before": _episode(before), "now": _episode(now)} for before, now in difference.same],
    }


def _episode(episode: "Episode") -> dict[str, Any]:
    return {
        "subject": episode.subject,
        "community": episode.community,
        "severity": episode.severity.value,
        "opened": format_time(episode.opened),
        "ended": None if episode.ended is None else format_time(episode.ended),
        "told": len(episode.times),
        "sentence": {"zh": episode.sentence.zh, "en": episode.sentence.en},
    }
