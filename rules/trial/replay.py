"""A kept journal through other rules: what would differ from what happened, change by change. No I/O of its own.

Both engines begin as the journal's snapshot has it. One takes the inputs as they are kept, with the rules as they were: what
happened. The other takes the given rules from the start, and no change of rules that is in the journal.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rules.durable.replay import pass_over
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, Input, ListenIn, MessageIn, PassedIn, RulesIn, Tick
from rules.engine.machine import Engine, Output
from rules.trial.log import Entry


@dataclass(frozen=True, slots=True)
class Run:
    """Inputs that lie together in a journal. `failed`: what they did failed then, and they were passed over."""

    entries: Sequence[Input]
    failed: bool = False


@dataclass(slots=True)
class Told:
    """What both engines told, as far as it goes. Times are microseconds since 1970."""

    inputs: int = 0
    first: int | None = None
    last: int | None = None
    """The server's clock at the first and the last input that says it."""
    communities: frozenset[str] = frozenset()
    """Whose inputs these are."""
    then: list[Entry] = field(default_factory=list)
    now: list[Entry] = field(default_factory=list)

    @property
    def gone(self) -> list[Entry]:
        """What happened and would not happen now, in order of time."""
        return _only(self.then, self.now)

    @property
    def new(self) -> list[Entry]:
        """What would happen now and did not."""
        return _only(self.now, self.then)


def replay(then: Engine, now: Engine, rules: RulesIn, runs: Iterable[Run]) -> Told:
    """Run them through both."""
    told = Told()
    told.now += _entries(now.apply(rules))
    for run in runs:
        told.inputs += len(run.entries)
        for time in filter(None, map(_time, run.entries)):
            told.first = time if told.first is None else told.first
            told.last = time
        told.then += _entries(_applied(then, run.entries, failed=run.failed))
        kept = [entry for entry in run.entries if not isinstance(entry, RulesIn)]
        told.now += _entries(_applied(now, kept, failed=run.failed))
    told.communities = frozenset(then.scope.registry.communities)
    return told


def _applied(engine: Engine, entries: Sequence[Input], *, failed: bool) -> list[Output]:
    if failed:
        return [output for entry in entries for output in pass_over(engine, entry)]
    return [output for outputs in engine.apply_all(entries) for output in outputs]


def _entries(outputs: Iterable[Output]) -> list[Entry]:
    return [Entry.of(output) for output in outputs if isinstance(output, Transition)]


def _time(entry: Input) -> int | None:
    match entry:
        case MessageIn(_, received_at) | PassedIn(_, _, received_at):
            return received_at
        case Tick(now) | ListenIn(now):
            return now
        case ActionIn(action):
            return action.at
    return None


def _only(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[Entry]:
    """What is in `ours` and not in `theirs`, each as often as it is there more often."""
    left = Counter(map(_said, theirs))
    found = []
    for entry in ours:
        said = _said(entry)
        if left[said]:
            left[said] -= 1
        else:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.at)


def _said(entry: Entry) -> tuple[object, ...]:
    """What makes two changes the same to people."""
    return entry.at, entry.kind, entry.rule, entry.subject, entry.severity, entry.by
