"""What a rule would have told, had it been there: old data through the engine that production runs. No I/O of its own.

Nobody knows what people would have done. So each alert is taken to be acknowledged within ten seconds, and one that only
people close (latched) to be closed as soon as it is over: what comes then is an alert of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from linli.i18n import Text
from linli.model import Action, ActionKind, Alert, Condition, Handling, Severity
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, Input, RulesIn
from rules.engine.machine import Engine, Output
from rules.language.model import Override, Rule

ACTOR = "backtest"


@dataclass(slots=True)
class Episode:
    """One alert: what it was about, since when it would have been known, and until when it lasted (None: to the end)."""

    subject: str
    community: str
    severity: Severity
    began: int
    """When what it tells of began."""
    opened: int
    sentence: Text
    ended: int | None = None
    times: list[int] = field(default_factory=list)
    """When it was told: opened, occurred, escalated."""


class Rerun:
    """One version of a rule, fed with the past. `episodes` in the order in which they opened."""

    def __init__(self, rule: Rule, overrides: Sequence[Override] = ()) -> None:
        self.rule = rule
        self.episodes: list[Episode] = []
        self._engine = Engine()
        self._open: dict[str, Episode] = {}
        self._acts = 0
        mine = tuple(override for override in overrides if override.rule == rule.id)
        self._engine.apply_all([RulesIn((rule,), mine)])

    def feed(self, batch: Sequence[Input]) -> None:
        """Apply the batch, and then do what people would have done."""
        outputs: Iterable[Output] = (output for each in self._engine.apply_all(batch) for output in each)
        while acts := [act for output in outputs for act in self._follow(output)]:
            outputs = [output for each in self._engine.apply_all(acts) for output in each]

    @property
    def evaluations(self) -> int:
        """How often an observation met a clause."""
        return self._engine.counters.evaluations

    def _follow(self, output: Output) -> Iterator[ActionIn]:
        if not isinstance(output, Transition):
            return
        alert = output.alert
        if output.kind == "opened":
            self._opened(alert, output.at)
        elif (episode := self._open.get(alert.id)) is not None:
            if output.kind in ("occurred", "escalated"):
                episode.times.append(output.at)
                episode.severity = alert.severity
                episode.ended = None
            elif output.kind == "resolved":
                episode.ended = output.at
            elif output.kind == "closed":
                episode.ended = output.at if episode.ended is None else episode.ended
                del self._open[alert.id]
        yield from self._acts_on(alert, output)

    def _opened(self, alert: Alert, at: int) -> None:
        episode = Episode(
            alert.subject, alert.community, alert.severity, alert.first_seen, at, alert.sentence, times=[at]
        )
        self._open[alert.id] = episode
        self.episodes.append(episode)

    def _acts_on(self, alert: Alert, output: Transition) -> Iterator[ActionIn]:
        if alert.handling is Handling.UNACKNOWLEDGED and output.kind in ("opened", "occurred", "escalated"):
            yield self._act(ActionKind.ACKNOWLEDGE, alert.id, output.at)
        elif alert.open and alert.condition is Condition.RESOLVED and output.kind in ("resolved", "acknowledged"):
            kind = ActionKind.ACKNOWLEDGE if alert.acknowledged_at is None else ActionKind.CLOSE
            yield self._act(kind, alert.id, output.at)

    def _act(self, kind: ActionKind, alert: str, at: int) -> ActionIn:
        self._acts += 1
        return ActionIn(Action(f"{ACTOR}-{self._acts}", alert, kind, ACTOR, "backtest", at))


@dataclass(frozen=True, slots=True)
class Difference:
    """The alerts of a new version beside those of the one before: two tell the same if they are about the same subject and
    their times overlap, whichever begins first; one may so tell what two told before."""

    new: tuple[Episode, ...]
    gone: tuple[Episode, ...]
    same: tuple[tuple[Episode, Episode], ...]
    """The one before, and the one now."""


def compare(before: Sequence[Episode], now: Sequence[Episode]) -> Difference:
    """Each alert of now is new or the same as the first one before that it overlaps; of those before, what nothing
    overlaps is gone."""
    theirs, ours = _by_subject(before), _by_subject(now)
    new: list[Episode] = []
    same: list[tuple[Episode, Episode]] = []
    for episode in now:
        match = next((other for other in theirs.get(episode.subject, ()) if _overlap(other, episode)), None)
        if match is None:
            new.append(episode)
        else:
            same.append((match, episode))
    gone = [other for other in before if not any(_overlap(other, episode) for episode in ours.get(other.subject, ()))]
    return Difference(tuple(new), tuple(gone), tuple(same))


def _by_subject(episodes: Sequence[Episode]) -> dict[str, list[Episode]]:
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.subject, []).append(episode)
    return found


def _overlap(one: Episode, other: Episode) -> bool:
    starts_before_end = other.ended is None or one.began <= other.ended
    return starts_before_end and (one.ended is None or other.began <= one.ended)
