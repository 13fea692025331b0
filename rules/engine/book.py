"""The book of open alerts: what a signal, a person's act or a deadline makes of them. No I/O, no clock.

One open alert for each rule and subject. Several memories and clauses may stand behind it (`Record.firing`): it returns to
normal when the last of them is over. Its severity is that of the worst that fired, and of `many` once there are so many
devices; it never becomes milder. What is new to those who acknowledged it asks for them again: a device (or part of one)
that had not said so yet, a severity that is worse, a confirmation, and whatever happens anew to what is life safety.

What a person shelved comes back, and what goes on firing is told again, at its deadline by the server's clock. Deadlines
that passed while nobody looked count once, with word of how late that is.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from linli.i18n import Text
from linli.ids import alert_id
from linli.model import Action, ActionKind, Alert, Condition, Handling
from rules.engine.accounts import bounded, late_words, observed, renewed, severity_with, unacknowledged
from rules.engine.lifecycle import HandlingEvent, IllegalTransition, next_handling
from rules.engine.watches import Sign, Signal
from rules.language.model import BY_DEVICE, Rule, duration

TELL_ALL = 20
TELL_EACH = 10
"""Occurrences beyond TELL_ALL are told every TELL_EACH, so that a chattering sensor does not fill the history."""

REMEMBER_CLOSED = 5000


@dataclass(frozen=True, slots=True)
class Transition:
    """`alert` as it is after the change `kind` at event time `at`; `actor` is None where no person did it."""

    alert: Alert
    kind: str
    at: int
    actor: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ActionDone:
    """What became of a person's act: 'done', or why not: 'not_found', 'already_closed', 'reason_required', 'until_required',
    'not_allowed' (to shelve what is life safety), 'already_shelved', 'not_shelved'."""

    action: str
    outcome: str
    at: int


@dataclass(frozen=True, slots=True)
class About:
    """What an alert would be about: the subject with its kind ('device', 'place', 'community'), where it is, the sentence and
    `rules.engine.why`. `device`: whose observation it was, where the memory is not that of one device."""

    subject: str
    subject_kind: str
    community: str
    place: str | None
    sentence: Text
    why: Mapping[str, Any] = field(default_factory=dict)
    device: str = ""


@dataclass(slots=True)
class Record:
    """An open alert, and who stands behind it: for each (memory, clause) that fires the source that brought it about, a device
    or with `by: device.…` a part of one; when each source last said so. `remind` (after it opened) and `remind_every` in microseconds; up to `reminded` all is told."""

    alert: Alert
    firing: dict[tuple[str, int], str] = field(default_factory=dict)
    reports: dict[str, int] = field(default_factory=dict)
    start: str = ""
    life_safety: bool = False
    remind: tuple[int, ...] = ()
    remind_every: int = 0
    reminded: int = 0

    def take_reminders(self, rule: Rule) -> None:
        """As the rule has them now."""
        self.remind = tuple(map(duration, rule.remind))
        self.remind_every = duration(rule.remind_every) if rule.remind_every is not None else 0

    def knows(self, source: str) -> bool:
        """Whether it has said so before; of an alert taken over from the database, whether its evidence is from there."""
        return source in self.reports if self.reports else any(seen.device == source for seen in self.alert.evidence)

    @property
    def devices(self) -> int:
        """How many devices, or parts of them, stand behind it."""
        return len(set(self.firing.values()))

    @property
    def next_reminder(self) -> int | None:
        """When it is to be told again, if it fires then; None if never."""
        opened = self.alert.opened_at
        told = max(self.reminded, opened)
        coming = [opened + after for after in self.remind if opened + after > told]
        if self.remind_every:
            coming.append(told + self.remind_every - (told - opened) % self.remind_every)
        return min(coming, default=None)

    @property
    def deadline(self) -> int | None:
        """When something is due by the server's clock: its return from the shelf, or a reminder."""
        coming = [time for time in (self.alert.shelved_until, self.next_reminder) if time is not None]
        return min(coming, default=None)


def source_of(rule: Rule, clause: int, memory: str, device: str) -> str:
    """Who says so: the device; with `by: device.…` that part of it, which its memory is of. Without a device the memory."""
    return memory if rule.when[clause].by.startswith(BY_DEVICE) else device or memory


class AlertBook:
    """Open alerts by (rule, subject), and the ids of those closed lately."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Record] = {}
        self.closed: dict[str, None] = {}
        self._by_id: dict[str, tuple[str, str]] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._awaited: dict[str, int] = {}

    def put(self, record: Record) -> None:
        """Take in an open alert as it is (restored or adopted)."""
        key = (record.alert.rule, record.alert.subject)
        self.open[key] = record
        self._by_id[record.alert.id] = key
        self._wait(record)

    def believe(self, alert: Alert) -> None:
        """Take the database's word for an alert that is open here as it once was: it has gone on since, or is closed."""
        record = self.find(alert.id)
        if record is None:
            return
        if alert.handling is Handling.CLOSED:
            self.forget(record)
            return
        record.alert = alert
        self._wait(record)
        if alert.condition is not Condition.FIRING:
            record.firing.clear()

    # --- signals ----------------------------------------------------------------------------------------------------

    def signal(self, rule: Rule, clause: int, memory: str, about: About, signal: Signal) -> Iterator[Transition]:
        """What a watch's signal makes of the alert of its rule (as it holds there) and subject."""
        record = self.open.get((rule.id, about.subject))
        if signal.sign is Sign.OVER:
            if record is not None:
                yield from self._over(record, clause, memory, signal)
        elif record is None:
            if signal.sign is Sign.FIRED:
                yield self._opened(rule, clause, memory, about, signal)
        elif signal.sign is Sign.FIRED:
            yield from self._fired(record, rule, clause, memory, about, signal)
        else:
            yield from self._again(record, rule, clause, memory, about, signal)

    def _opened(self, rule: Rule, clause: int, memory: str, about: About, signal: Signal) -> Transition:
        source = source_of(rule, clause, memory, about.device)
        name = alert_id(rule.id, about.subject, signal.start)
        if name in self.closed:  # by another clause that the same observation had begun
            name = alert_id(rule.id, about.subject, f"{signal.start}#{clause + 1}")
        alert = Alert(
            id=name,
            rule=rule.id,
            community=about.community,
            subject=about.subject,
            subject_kind=about.subject_kind,
            place=about.place,
            severity=severity_with(rule, clause, 1),
            condition=Condition.FIRING,
            handling=next_handling(Handling.CLOSED, HandlingEvent.ALARM),
            latched=rule.latched,
            confirmed=False,
            historic=False,
            title=rule.title.text,
            sentence=about.sentence,
            advice=rule.advice.text,
            opened_at=signal.at,
            first_seen=signal.began,
            last_seen=max((signal.at, signal.began, *(each.time for each in signal.evidence))),
            occurrences=1,
            evidence=bounded(signal.evidence),
            updated_at=signal.at,
            steps=tuple(step.text for step in rule.steps),
            why=about.why,
        )
        record = Record(alert, {(memory, clause): source}, {source: signal.began}, signal.start, rule.life_safety)
        record.take_reminders(rule)
        self.put(record)
        return Transition(alert, "opened", signal.at)

    def _fired(
        self, record: Record, rule: Rule, clause: int, memory: str, about: About, signal: Signal
    ) -> Iterator[Transition]:
        source = source_of(rule, clause, memory, about.device)
        returned = record.alert.condition is not Condition.FIRING
        record.firing[memory, clause] = source
        alert = observed(record.alert, signal.at, signal.evidence)
        if returned:
            alert = dataclasses.replace(alert, condition=Condition.FIRING, resolved_at=None)
            alert = self._handled(record, alert, HandlingEvent.ALARM, signal.at)
        severity = severity_with(rule, clause, record.devices)
        worse = severity.rank < alert.severity.rank
        if worse:
            alert = dataclasses.replace(alert, severity=severity)
        fresh, begun = not record.knows(source), signal.start != record.start
        record.alert = self._counted(record, alert, signal.start)
        if worse or fresh or (begun and record.life_safety):
            self._ask_again(record, rule, clause, about, signal.at)
        record.take_reminders(rule)
        self._wait(record)
        if worse or fresh or begun or returned:
            yield self._told(record, "escalated" if worse else "occurred", signal.at)
        yield from self._confirmed(record, rule, clause, source, about, signal.began)

    def _again(
        self, record: Record, rule: Rule, clause: int, memory: str, about: About, signal: Signal
    ) -> Iterator[Transition]:
        source = source_of(rule, clause, memory, about.device)
        fresh, begun = not record.knows(source), signal.start != record.start
        record.alert = self._counted(record, observed(record.alert, signal.at, signal.evidence), signal.start)
        before, count = record.alert.handling, record.alert.occurrences
        if fresh or (begun and record.life_safety and rule.when[clause].event is not None):
            self._ask_again(record, rule, clause, about, signal.at)
        asks = record.alert.handling is not before
        if fresh or asks or (begun and (count <= TELL_ALL or count % TELL_EACH == 0)):
            yield self._told(record, "occurred", signal.at)
        yield from self._confirmed(record, rule, clause, source, about, signal.at)

    def _counted(self, record: Record, alert: Alert, start: str) -> Alert:
        """With one more occurrence, unless it is of what began the last one: clauses may come true of one beginning together."""
        if start == record.start:
            return alert
        record.start = start
        return dataclasses.replace(alert, occurrences=alert.occurrences + 1)

    def _ask_again(self, record: Record, rule: Rule, clause: int, about: About, at: int) -> None:
        """Somebody has to look again: it says why anew, and is to be acknowledged once more."""
        severity = severity_with(rule, clause, record.devices)
        record.alert = renewed(record.alert, severity, record.devices, about.sentence, about.why)
        if record.alert.condition is Condition.FIRING:
            record.alert = self._handled(record, record.alert, HandlingEvent.WORSEN, at)

    def _confirmed(
        self, record: Record, rule: Rule, clause: int, source: str, about: About, at: int
    ) -> Iterator[Transition]:
        others = [time for other, time in record.reports.items() if other != source]
        record.reports[source] = max(at, record.reports.get(source, at))
        if rule.confirm is None or record.alert.confirmed:
            return
        within = duration(rule.confirm.within)
        if any(abs(at - time) <= within for time in others):
            record.alert = dataclasses.replace(record.alert, confirmed=True)
            self._ask_again(record, rule, clause, about, at)
            yield self._told(record, "confirmed", at)

    def _over(self, record: Record, clause: int, memory: str, signal: Signal) -> Iterator[Transition]:
        if record.firing.pop((memory, clause), None) is None:
            return
        alert = observed(record.alert, signal.at, signal.evidence)
        if record.firing:
            record.alert = alert
            return
        alert = dataclasses.replace(alert, condition=Condition.RESOLVED, resolved_at=signal.at)
        yield from self._ended(record, alert, HandlingEvent.RETURN, "resolved", signal.at)

    def _ended(
        self,
        record: Record,
        alert: Alert,
        event: HandlingEvent,
        kind: str,
        at: int,
        actor: str | None = None,
        comment: str | None = None,
    ) -> Iterator[Transition]:
        """A step that may be the alert's last: if it closes by itself, that is told as a change of its own."""
        after = self._next(record, alert.handling, event)
        if after is not Handling.CLOSED:
            record.alert = dataclasses.replace(alert, handling=after)
            yield self._told(record, kind, at, actor, comment)
            return
        record.alert = alert
        if kind != "closed":
            yield self._told(record, kind, at, actor, comment)
        record.alert = dataclasses.replace(
            record.alert,
            handling=Handling.CLOSED,
            closed_at=at,
            closed_by=actor if kind == "closed" else None,
            close_reason=comment if kind == "closed" else None,
            shelved_until=None,
        )
        self.forget(record)
        by_person = kind == "closed"
        yield self._told(record, "closed", at, actor if by_person else None, comment if by_person else None)

    # --- people -----------------------------------------------------------------------------------------------------

    def find(self, alert: str) -> Record | None:
        """The open alert of that id."""
        key = self._by_id.get(alert)
        return None if key is None else self.open[key]

    def act(self, action: Action) -> Iterator[Transition | ActionDone]:
        """Apply a person's act."""
        record = self.find(action.alert)
        if record is None:
            outcome = "already_closed" if action.alert in self.closed else "not_found"
        else:
            outcome = self._hindrance(record, action) or "done"
        if record is not None and outcome == "done":
            if action.kind is ActionKind.CLOSE:
                yield from self._ended(
                    record, record.alert, HandlingEvent.CLOSE, "closed", action.at, action.actor, action.comment
                )
            elif action.kind is ActionKind.SHELVE:
                yield self._shelved(record, action)
            elif action.kind is ActionKind.UNSHELVE:
                yield from self._unshelved(record, action.at, action.actor, action.comment or None)
            else:
                yield from self._acknowledge(record, action)
        yield ActionDone(action.id, outcome, action.at)

    def _hindrance(self, record: Record, action: Action) -> str | None:
        """Why the act cannot be done to the open alert; None if it can."""
        shelved = record.alert.handling is Handling.SHELVED
        if action.kind is ActionKind.UNSHELVE:
            return None if shelved else "not_shelved"
        if action.kind is ActionKind.ACKNOWLEDGE:
            return "already_shelved" if shelved and record.alert.acknowledged_at is None else None
        if not action.comment.strip():
            return "reason_required"
        if action.kind is ActionKind.CLOSE:
            return None
        if shelved:
            return "already_shelved"
        if action.until is None or action.until <= action.at:
            return "until_required"
        try:
            self._next(record, record.alert.handling, HandlingEvent.SHELVE)
        except IllegalTransition:
            return "not_allowed"
        return None

    def _acknowledge(self, record: Record, action: Action) -> Iterator[Transition]:
        comment = action.comment or None
        if record.alert.acknowledged_at is not None:  # the first one stands; what the second adds is not lost
            if comment is not None:
                yield Transition(record.alert, "commented", action.at, action.actor, comment)
            return
        alert = dataclasses.replace(
            record.alert,
            acknowledged_at=action.at,
            acknowledged_by=action.actor,
            acknowledge_comment=comment,
        )
        yield from self._ended(
            record, alert, HandlingEvent.ACKNOWLEDGE, "acknowledged", action.at, action.actor, comment
        )

    def _shelved(self, record: Record, action: Action) -> Transition:
        alert = self._handled(record, record.alert, HandlingEvent.SHELVE, action.at)
        record.alert = dataclasses.replace(alert, shelved_until=action.until)
        self._wait(record)
        return self._told(record, "shelved", action.at, action.actor, action.comment)

    def _unshelved(
        self, record: Record, at: int, actor: str | None = None, comment: str | None = None
    ) -> Iterator[Transition]:
        """It is before somebody again, unacknowledged; or closed, if there is nothing left of it."""
        alert = dataclasses.replace(record.alert, shelved_until=None)
        if alert.condition is Condition.FIRING:
            record.alert = self._handled(record, alert, HandlingEvent.BACK_ALARMED, at)
            self._wait(record)
            yield self._told(record, "unshelved", at, actor, comment)
        else:
            alert = unacknowledged(alert) if record.alert.latched else alert
            yield from self._ended(record, alert, HandlingEvent.BACK_NORMAL, "unshelved", at, actor, comment)

    # --- deadlines --------------------------------------------------------------------------------------------------

    def tick(self, now: int) -> Iterator[Transition]:
        """What is due by the server's clock."""
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, name = heappop(self._deadlines)
            record = self.find(name)
            if record is None or self._awaited.get(name) != deadline:
                continue
            yield from self._due(record, now)
            self._wait(record)

    def _due(self, record: Record, now: int) -> Iterator[Transition]:
        shelved = record.alert.shelved_until
        if shelved is not None and shelved <= now:
            yield from self._unshelved(record, now, comment=late_words(now - shelved))
        reminder = record.next_reminder
        if reminder is None or reminder > now:
            return
        record.reminded = now
        if (
            record.alert.condition is Condition.FIRING
            and record.alert.handling is not Handling.SHELVED
            and shelved is None
        ):
            yield self._told(record, "reminded", now, comment=late_words(now - reminder))

    def _wait(self, record: Record) -> None:
        """Until the record's next deadline, if it is still open and has one."""
        name, deadline = record.alert.id, record.deadline
        if deadline is None or name not in self._by_id:
            self._awaited.pop(name, None)
        elif self._awaited.get(name) != deadline:
            self._awaited[name] = deadline
            heappush(self._deadlines, (deadline, name))

    # --- steps ------------------------------------------------------------------------------------------------------

    def _handled(self, record: Record, alert: Alert, event: HandlingEvent, at: int) -> Alert:
        after = self._next(record, alert.handling, event)
        if after is alert.handling:
            return alert
        alert = dataclasses.replace(alert, handling=after)
        return unacknowledged(alert) if after is Handling.UNACKNOWLEDGED else alert

    def _next(self, record: Record, state: Handling, event: HandlingEvent) -> Handling:
        return next_handling(state, event, latched=record.alert.latched, life_safety=record.life_safety)

    def _told(
        self, record: Record, kind: str, at: int, actor: str | None = None, comment: str | None = None
    ) -> Transition:
        record.alert = dataclasses.replace(record.alert, updated_at=max(at, record.alert.updated_at))
        return Transition(record.alert, kind, at, actor, comment)

    def forget(self, record: Record) -> None:
        """It is closed."""
        del self.open[record.alert.rule, record.alert.subject]
        del self._by_id[record.alert.id]
        self._awaited.pop(record.alert.id, None)
        self.closed[record.alert.id] = None
        while len(self.closed) > REMEMBER_CLOSED:
            del self.closed[next(iter(self.closed))]
