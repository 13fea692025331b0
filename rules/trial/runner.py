"""Runs a test of rules through the engine that production runs. No I/O, no clock: the same test gives the same outcome.

Time passes as it does on a site: each gateway sends a heartbeat on both of its lanes every 10 s, the server's clock ticks each
second (each 10 s in a test of more than two hours, where nobody would wait for it). At one instant the lines of the
file come first, in their order, so that they decide; then the heartbeats; then the tick. At the very start the
heartbeats come before: the server knows its gateways when the story begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter

from linli.clock import HOUR, SECOND
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Action, Lane, Message, Readings
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, ArmingIn, Input, ListenIn, MessageIn, RegistryIn, RulesIn, Tick
from rules.engine.machine import Engine, Output
from rules.trial.comparison import Difference, compare
from rules.trial.log import Entry
from rules.trial.plan import COMMUNITY, Act, Arming, Case, Change, GatewayChange, Report, Step, Trial, comes

HEARTBEAT = 10 * SECOND
AT_ONCE = 500
"""Inputs that are handed to the engine in one go."""

LONG = 2 * HOUR
"""Tests that go on for longer have their clock ticked every 10 s."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a test went: its log (of the kinds asked for), and where that and what was expected part."""

    case: Case
    log: tuple[Entry, ...]
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether all came as expected."""
        return all(difference.same for difference in self.differences)


def run(trial: Trial, case: Case) -> Outcome:
    """Tell the story to a fresh engine."""
    log = [entry for entry in _Run(trial).tell(case) if not case.only or entry.kind in case.only]
    return Outcome(case, tuple(log), tuple(compare(case.expected, log)))


@dataclass(slots=True)
class _Link:
    """How a gateway is, and what it keeps while its link is down."""

    up: bool = True
    linked: bool = True
    kept: list[Message] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A gateway's, on both of its lanes."""

    gateway: str


class _Run:
    """One telling of a story. Inputs are gathered, and given to the engine together before somebody looks at the alerts."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._engine = Engine()
        self._links = {name: _Link() for name in sorted(trial.registry.gateways)}
        self._sequences: dict[tuple[str, Lane], int] = {}
        self._modes: dict[str, str] = {}
        self._acts: dict[str, tuple[str, str]] = {}
        self._gathered: list[Input] = []
        self._log: list[Entry] = []

    def tell(self, case: Case) -> list[Entry]:
        """The whole log."""
        trial = self._trial
        self._gathered += [RulesIn(trial.rules, trial.overrides), RegistryIn(trial.registry), ListenIn(trial.start)]
        for now, step in _in_order(case, sorted(self._links)):
            self._take(now, step)
        self._apply()
        return [entry for entry in self._log if entry.at <= case.until]

    def _take(self, now: int, step: Step | Heartbeat | None) -> None:
        match step:
            case None:
                self._gathered.append(Tick(self._time(now)))
            case Heartbeat(gateway):
                for lane in (Lane.URGENT, Lane.BULK):
                    self._send(self._message(gateway, lane, now, HEARTBEAT_TYPE, gateway), now)
            case Report():
                self._send(self._report(step), now)
            case Arming(_, place, mode):
                self._modes[place] = mode
                self._gathered.append(ArmingIn(self._time(now), dict(self._modes)))
            case Act():
                self._apply()
                self._act(step)
            case GatewayChange():
                self._change(step, now)

    # --- gateways ---------------------------------------------------------------------------------------------------

    def _send(self, message: Message, now: int) -> None:
        link = self._links[message.gateway]
        if link.up and link.linked:
            self._arrives(message, now)
        elif link.up:
            link.kept.append(message)

    def _change(self, step: GatewayChange, now: int) -> None:
        link = self._links[step.gateway]
        match step.change:
            case Change.STOPS | Change.STARTS:
                link.up = step.change is Change.STARTS
            case Change.OFFLINE | Change.ONLINE:
                link.linked = step.change is Change.ONLINE
        if link.linked:
            kept, link.kept = link.kept, []
            for message in kept:
                self._arrives(message, now)

    def _arrives(self, message: Message, now: int) -> None:
        self._gathered.append(MessageIn(message, self._time(now)))

    def _report(self, step: Report) -> Message:
        if step.event:
            return self._message(step.gateway, step.lane, step.at, step.event, step.device, step)
        return self._message(step.gateway, step.lane, step.at, READINGS_TYPE, step.gateway, step)

    def _message(
        self, gateway: str, lane: Lane, at: int, kind: str, subject: str, step: Report | None = None
    ) -> Message:
        time = self._time(at)
        number = self._sequences[gateway, lane] = self._sequences.get((gateway, lane), 0) + 1
        return Message(
            community=COMMUNITY,
            gateway=gateway,
            bootid="test",
            lane=lane,
            sequence=number,
            oldest=1,
            type=kind,
            subject=subject,
            time=time,
            agent_time=time,
            historic=step is not None and step.historic,
            data=dict(step.data) if step else {},
            readings=_columns(step, time) if step and step.readings else (),
        )

    # --- people -----------------------------------------------------------------------------------------------------

    def _act(self, step: Act) -> None:
        found = [
            record.alert
            for (rule, subject), record in sorted(self._engine.book.open.items())
            if subject == step.subject and step.rule in (None, rule)
        ]
        if not found:
            refused = Entry(step.at, "refused", step.rule or "", step.subject, by=step.actor, outcome="no_open_alert")
            self._log.append(refused)
            return
        name = f"act-{len(self._acts) + 1}"
        self._acts[name] = (found[0].rule, step.subject)
        back = None if step.back is None else self._time(step.back)
        action = Action(name, found[0].id, step.kind, step.actor, step.comment, self._time(step.at), back)
        self._gathered.append(ActionIn(action))

    # --- the engine -------------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        gathered, self._gathered = self._gathered, []
        for start in range(0, len(gathered), AT_ONCE):
            for outputs in self._engine.apply_all(gathered[start : start + AT_ONCE]):
                self._log += filter(None, map(self._entry, outputs))

    def _entry(self, output: Output) -> Entry | None:
        if isinstance(output, Transition):
            return Entry.of(output, self._trial.start)
        if output.outcome == "done":
            return None
        rule, subject = self._acts[output.action]
        return Entry(output.at - self._trial.start, "refused", rule, subject, outcome=output.outcome)

    def _time(self, since_start: int) -> int:
        return self._trial.start + since_start


def _columns(step: Report, time: int) -> Readings:
    return Readings(
        [f"{step.device}/{quantity}" for quantity, _, _ in step.readings],
        [time] * len(step.readings),
        [value for _, value, _ in step.readings],
        [unit for _, _, unit in step.readings],
    )


def _in_order(case: Case, gateways: list[str]) -> Iterator[tuple[int, Step | Heartbeat | None]]:
    """All that happens until the end of the test, each with its time; None is a tick."""
    step_of_time = HEARTBEAT if case.until > LONG else SECOND
    ticks = ((now, 2, None) for now in range(0, case.until + 1, step_of_time))
    beats = (
        (now, 1 if now else -1, Heartbeat(name)) for now in range(0, case.until + 1, HEARTBEAT) for name in gateways
    )
    steps = ((comes(step), 0, step) for step in case.steps)
    for now, _, step in merge(ticks, beats, steps, key=itemgetter(0, 1)):
        yield now, step
