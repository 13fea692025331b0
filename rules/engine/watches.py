"""One clause in one memory: from events and readings to 'fired', 'again', 'over'. No I/O, no clock, no alerts.

Theory of operation. What a clause's part says of an observation is true, false or nothing. Truth passes the clause's gates
(where they are more than a filter), and then lives its life: pending for `for`, firing, lingering for `keep` or `quiet`. A
`Watch` remembers as much of that as a later observation can depend on, and which timers run:

    HOLD     `for`: it fires            LINGER   `keep`, or `quiet` of an event: it is over
    WAIT     of missing: it is true     FADE     nothing true for `fades`: it is false
    TURN     its hours begin or end     FORGET   nothing that it remembers of events can matter any more

`for` is inclusive: true for exactly `for` fires. Two measures of it agree on that: the device's own event times (an end at
begin + `for` is preceded by firing; a reading at that very instant decides itself), and the lane's clock, which needs no
further event of the device. A device whose clock is off against its agent's is so still given its full `for`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from math import isnan

from linli.model import READINGS_TYPE, Condition, Evidence, Lane
from rules.engine.compiled import Compiled, Counting, Interval, Kind, is_by_data, stretch_outside, within
from rules.engine.gates import Around
from rules.engine.history import History
from rules.engine.lifecycle import ConditionEvent, next_condition
from rules.engine.seen import Moment, Seen
from rules.engine.timers import Timer, Wait

KEPT = 5
"""Observations that a watch keeps as evidence until it fires: the first one and the newest."""


class Sign(StrEnum):
    """What a watch tells."""

    FIRED = "fired"
    AGAIN = "again"
    """It fires already, and has happened again."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Signal:
    """`at` is event time; `start` names the observation that began it, `device` whose this one was, `value` is the number
    that a reading clause looks at; `moment` when it came about."""

    sign: Sign
    at: int
    start: str
    began: int
    evidence: tuple[Evidence, ...]
    device: str = ""
    value: float | None = None
    moment: Moment | None = None


@dataclass(slots=True)
class Watch:
    """The memory of one clause for one value of its `by`.

    `device`, `gateway`, `lane`: whose observation made the clause count; while it does not, who was heard last. `true`: the
    part is, whatever the gates say. `count`: readings beyond since it began. `parts`: those of `all`. `subject`: what the alert is
    about that it stands behind since it last fired, kept by whom it tells.
    """

    device: str
    gateway: str
    lane: Lane
    state: Condition = Condition.INACTIVE
    began: int = 0
    start: str = ""
    true: bool = False
    count: int = 0
    value: float | None = None
    evidence: list[Evidence] = field(default_factory=list)
    waits: dict[int, Wait] = field(default_factory=dict)
    history: History | None = None
    parts: list["Watch"] = field(default_factory=list)
    subject: str = ""

    @property
    def going_on(self) -> bool:
        """Whether it is pending or fires."""
        return self.state is Condition.PENDING or self.state is Condition.FIRING

    @property
    def idle(self) -> bool:
        """Whether a new watch in its place would do the same."""
        return not (
            self.going_on
            or self.true
            or self.waits
            or self.history is not None
            or self.evidence
            or any(not part.idle for part in self.parts)
        )

    # --- observations -----------------------------------------------------------------------------------------------

    def observe(self, clause: Compiled, seen: Seen, around: Around) -> list[Signal]:
        """Take in what was seen. The number of a reading clause is `judge`d instead."""
        if not self.going_on:
            self._turn_to(seen.moment)
        if clause.kind is Kind.MISSING:
            return self._report(clause, seen) if clause.anything or seen.kind in clause.types else []
        if seen.quantity or clause.counting is None:
            return []
        if self._happens(clause, clause.counting, seen, around):
            self._note(seen.evidence)
            return self._comes_true(clause, seen.moment, seen.key, around, again=True)
        if any(end.matches(seen.kind, seen.data) for end in clause.ends):
            if self.history is not None:
                self.history.on = False
                self.history = self.history if self.history != History() else None
            if self.state is Condition.FIRING and Timer.LINGER not in self.waits:
                self._note(seen.evidence)
            return self._comes_false(clause, seen.moment)
        return []

    def judge(self, clause: Compiled, seen: Seen, value: float, right: Interval, around: Around) -> list[Signal]:
        """The number of a reading clause is `value`, and `right` are the values on the right side of its limit."""
        moment = seen.moment
        fresh = not (self.true or self.going_on)
        if fresh:
            self._turn_to(moment)
        if not within(value, right):
            if fresh:
                self.evidence = []
            if fresh or clause.attentive:
                self._note(seen.evidence)
                self.value = value
                self.count += 1
            return self._comes_true(clause, moment, seen.key, around, again=False)
        if clause.fades is not None:
            return []
        reset = right if clause.limit.reset == clause.limit.right else clause.limit.reset
        if self.state is Condition.FIRING and not within(value, reset):
            return []
        if self.state is Condition.FIRING and Timer.LINGER not in self.waits:
            self._note(seen.evidence)
            self.value = value
        return self._comes_false(clause, moment)

    def expire(self, clause: Compiled, timer: Timer, around: Around) -> list[Signal]:
        """That timer is due."""
        wait = self.waits.pop(timer)
        if timer is Timer.HOLD:
            return [self._fire(wait.moment)]
        if timer is Timer.LINGER:
            return [self._over(wait.moment)]
        if timer is Timer.WAIT:
            return self._comes_true(clause, wait.moment, self.start, around, again=False)
        if timer is Timer.FADE:
            return self._comes_false(clause, wait.moment)
        if timer is Timer.TURN:
            return self.turn(clause, wait.moment, around)
        self.history = History(on=True) if self.history is not None and self.history.on else None
        if not self.going_on:
            self.evidence = []
        return []

    def turn(self, clause: Compiled, moment: Moment, around: Around) -> list[Signal]:
        """The gates may have opened or closed at that moment: what is true begins or ends by it."""
        if not self.true:
            return []
        self._wait_for_turn(clause, moment, around)
        if not around.open(clause.clause, moment.time):
            return self._end(clause, moment)
        if self.going_on and Timer.LINGER not in self.waits:
            return []
        self.count = 0
        return self._begin(clause, moment, f"{self.start.partition('@')[0]}@{moment.time}", again=False)

    def combine(self, clause: Compiled, signals: list[Signal], around: Around) -> list[Signal]:
        """What the parts of `all` have told makes of the whole."""
        told: list[Signal] = []
        for signal in signals:
            moment = signal.moment
            if moment is None:  # again: it has counted before
                continue
            if signal.sign is Sign.OVER:
                if self.going_on:
                    self._note_all(signal.evidence)
                told += self._comes_false(clause, moment)
            elif all(part.state is Condition.FIRING for part in self.parts):
                if not self.going_on:
                    self._turn_to(moment)
                    self.evidence = []
                    for part in self.parts:
                        self._note_all((*part.evidence[:1], *part.evidence[1:][-1:]))
                self.value = signal.value
                told += self._comes_true(clause, moment, signal.start, around, again=False)
        return told

    def arm(self, clause: Compiled, moment: Moment) -> None:
        """Begin to wait for a report of a device that has not been heard since we first knew of it."""
        self._turn_to(moment)
        self.began = moment.time
        self.start = f"{moment.device}/armed/{moment.time}"
        self._set(Timer.WAIT, moment, clause.hold)

    def put_off(self, clause: Compiled, moment: Moment) -> bool:
        """A reading of the device came of which nothing was told: wait from then on. Whether that makes any difference."""
        wait = self.waits.get(Timer.WAIT)
        if wait is None or moment.base + clause.hold < wait.deadline:
            return False
        self._wait_for_report(clause, moment)
        self.evidence = [Evidence(moment.time, moment.device, READINGS_TYPE)]
        return True

    def reset(self) -> None:
        """Forget everything but what excuses: the next beginning counts anew."""
        self._step(ConditionEvent.RESET)
        self.waits = {}
        self.evidence = []
        self.true = False
        self.count = 0
        if self.history is not None:
            self.history.forget_matches()
        for part in self.parts:
            part.reset()

    # --- what it needs to be told -----------------------------------------------------------------------------------

    def quiet(self, clause: Compiled, newest: float) -> Interval | None:
        """Of a reading clause: the open interval of numbers that change nothing before its next timer, None if it has to see
        each. `newest` is the number that it was told last, NaN if that is not known."""
        fires = self.state is Condition.FIRING and Timer.LINGER not in self.waits
        inside = clause.limit.reset if fires else clause.limit.right
        if not clause.plain:
            return None
        if clause.fades is not None or not (fires or self.true):
            return clause.limit.right
        if clause.attentive or isnan(newest) or within(newest, inside):
            return None
        return stretch_outside(inside, newest)

    def is_due(self, clause: Compiled, timer: Timer, seen: Seen) -> bool:
        """Whether an observation of the device that set the timer has come to its time."""
        wait = self.waits[timer]
        if timer is Timer.WAIT:
            return wait.deadline <= seen.base and (wait.gateway, wait.lane) == (seen.gateway, seen.lane)
        if timer is Timer.HOLD and clause.kind is Kind.READING:
            return wait.at < seen.time  # at that very instant the reading itself decides
        return wait.at <= seen.time

    # --- the parts --------------------------------------------------------------------------------------------------

    def _happens(self, clause: Compiled, counting: Counting, seen: Seen, around: Around) -> bool:
        history = self.history or History()
        matches = counting.pattern.matches(seen.kind, seen.data)
        excused = matches and history.excuses(counting, seen.time)
        if excused and clause.ends and clause.fades is None and not self.going_on:
            history.on = True
        counts = (
            matches
            and not (excused or history.on)
            and (counting.during is None or around.within(counting.during, seen.time))
            and (clause.gated or around.open(clause.clause, seen.time))
        )
        lead: int | None = None
        if counts and counting.after is not None:
            lead = history.lead(counting, seen.time)
            counts = lead is not None
        if counts and counting.times > 1 and not self.going_on:
            counts = self._often_enough(counting, history, seen, lead)
        elif counts and not self.going_on:
            self.evidence = [each for each in self.evidence if lead is not None and each.time == lead]
        if counting.remembered:
            self._remember(clause, counting, history, seen)
        return counts

    def _often_enough(self, counting: Counting, history: History, seen: Seen, lead: int | None) -> bool:
        self.evidence = [
            each
            for each in self.evidence
            if abs(seen.time - each.time) <= counting.times_within or (lead is not None and each.time == lead)
        ]
        if history.often_enough(counting, seen.time, seen.device, lead):
            return True
        self._note(seen.evidence)
        return False

    def _remember(self, clause: Compiled, counting: Counting, history: History, seen: Seen) -> None:
        history.note(counting, seen.kind, seen.data, seen.time)
        if counting.after is not None and not self.going_on and counting.after.matches(seen.kind, seen.data):
            self._note(seen.evidence)
        if history != History():
            self.history = history
            if is_by_data(clause.by):
                # One more: at exactly that distance it still counts, and what is due goes off before what is seen.
                self._set(Timer.FORGET, seen.moment, counting.remembered + 1)

    def _report(self, clause: Compiled, seen: Seen) -> list[Signal]:
        over = []
        self.true = False
        self.waits.pop(Timer.TURN, None)
        if self.state is Condition.FIRING:
            self._note(seen.evidence)
            over = [self._over(seen.moment)]
        self._wait_for_report(clause, seen.moment)
        self.evidence = [Evidence(seen.time, seen.device, seen.kind)]
        return over

    def _wait_for_report(self, clause: Compiled, moment: Moment) -> None:
        self._turn_to(moment)
        self.began = moment.time
        self.start = f"{moment.device}/{moment.time}"
        self._set(Timer.WAIT, moment, clause.hold)

    # --- truth and gates --------------------------------------------------------------------------------------------

    def _comes_true(self, clause: Compiled, moment: Moment, start: str, around: Around, *, again: bool) -> list[Signal]:
        if clause.fades is not None:
            self._set_later(Timer.FADE, moment, clause.fades)
        fresh = not self.true
        self.true = clause.kind is Kind.READING or clause.gated
        if clause.gated:
            if Timer.TURN not in self.waits:
                self._wait_for_turn(clause, moment, around)
            if not around.open(clause.clause, moment.time):
                if fresh and not self.going_on:
                    self.start = start
                return []
        return self._begin(clause, moment, start, again=again)

    def _comes_false(self, clause: Compiled, moment: Moment) -> list[Signal]:
        self.true = False
        self.count = 0
        self.waits.pop(Timer.TURN, None)
        self.waits.pop(Timer.FADE, None)
        return self._end(clause, moment)

    def _wait_for_turn(self, clause: Compiled, moment: Moment, around: Around) -> None:
        turn = around.turn(clause.clause, moment.time)
        if turn is not None:
            self.waits[Timer.TURN] = Wait(turn, turn, moment.device, moment.gateway, moment.lane)

    # --- the life ---------------------------------------------------------------------------------------------------

    def _begin(self, clause: Compiled, moment: Moment, start: str, *, again: bool) -> list[Signal]:
        if clause.kind is Kind.EVENT:
            self._set_later(Timer.LINGER, moment, clause.linger)
        else:
            self.waits.pop(Timer.LINGER, None)
        if self.state is Condition.FIRING:
            newest = tuple(self.evidence[-1:])
            return [Signal(Sign.AGAIN, moment.time, start, self.began, newest, moment.device)] if again else []
        hold = clause.hold
        samples = clause.reading.samples if clause.reading is not None else 1
        if self.state is not Condition.PENDING:
            self._step(ConditionEvent.BEGIN)
            self.start = start
            if clause.kind is Kind.MISSING:
                return [self._fire(moment)]
            self._turn_to(moment)
            self.began = moment.time
            self.count = min(self.count, 1)
            if samples == 1 and hold > 0:
                self._set(Timer.HOLD, moment, hold)
        if moment.time - self.began < hold or self.count < samples > 1:
            return []
        at = moment.time if samples > 1 else self.began + hold
        return [self._fire(moment._replace(time=at))]

    def _end(self, clause: Compiled, moment: Moment) -> list[Signal]:
        if self.state is Condition.PENDING:
            self._step(ConditionEvent.END)
            self.waits.pop(Timer.HOLD, None)
            self.evidence = self.evidence if self.true else []
        elif self.state is Condition.FIRING and Timer.LINGER not in self.waits:
            if clause.linger == 0:
                return [self._over(moment)]
            self._set(Timer.LINGER, moment, clause.linger)
        return []

    def _fire(self, moment: Moment) -> Signal:
        self._step(ConditionEvent.HELD)
        self.waits.pop(Timer.HOLD, None)
        evidence = tuple(self.evidence)
        return Signal(Sign.FIRED, moment.time, self.start, self.began, evidence, self.device, self.value, moment)

    def _over(self, moment: Moment) -> Signal:
        self._step(ConditionEvent.END)
        self.waits.pop(Timer.LINGER, None)
        newest = tuple(self.evidence[-1:])
        self.evidence = self.evidence[-1:] if self.true else []
        return Signal(Sign.OVER, moment.time, self.start, self.began, newest, self.device, self.value, moment)

    def _step(self, event: ConditionEvent) -> None:
        self.state = next_condition(self.state, event)

    def _turn_to(self, moment: Moment) -> None:
        self.device, self.gateway, self.lane = moment.device, moment.gateway, moment.lane

    def _set(self, timer: Timer, moment: Moment, after: int) -> None:
        self.waits[timer] = Wait(moment.time + after, moment.base + after, moment.device, moment.gateway, moment.lane)

    def _set_later(self, timer: Timer, moment: Moment, after: int) -> None:
        """The same, unless what came late would bring it forward."""
        known = self.waits.get(timer)
        if known is None or known.at <= moment.time + after:
            self._set(timer, moment, after)

    def _note(self, evidence: Evidence) -> None:
        if len(self.evidence) >= KEPT:
            del self.evidence[1]
        self.evidence.append(evidence)

    def _note_all(self, evidence: tuple[Evidence, ...]) -> None:
        for each in evidence:
            self._note(each)
