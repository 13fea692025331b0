"""The book of open alerts: what a signal or a person's act makes of them. No I/O, no clock.

One open alert for each rule and subject. Several devices and clauses may stand behind it (`Record.firing`): it returns to
normal when the last of them is over. Its severity is that of the worst that fired, and never becomes milder.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from linli.i18n import Text
from linli.ids import alert_id
from linli.model import Action, ActionKind, Alert, Condition, Evidence, Handling
from rules.engine.lifecycle import HandlingEvent, next_handling
from rules.engine.watches import Sign, Signal
from rules.language.model import Rule, duration

FIRST_EVIDENCE = 5
LAST_EVIDENCE = 15
"""An alert keeps so many of its first and of its newest observations."""

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
    """What became of a person's act: 'done', 'already_closed', 'not_found' or 'reason_required'."""

    action: str
    outcome: str
    at: int


@dataclass(frozen=True, slots=True)
class About:
    """What an alert would be about: the subject with its kind ('device', 'place'), where it is, and the sentence."""

    subject: str
    subject_kind: str
    community: str
    place: str | None
    sentence: Text


@dataclass(slots=True)
class Record:
    """An open alert, and who stands behind it: (device, clause) that fire, when each device last said so."""

    alert: Alert
    firing: set[tuple[str, int]] = field(default_factory=set)
    reports: dict[str, int] = field(default_factory=dict)
    start: str = ""
    life_safety: bool = False


class AlertBook:
    """Open alerts by (rule, subject), and the ids of those closed lately."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Record] = {}
        self.closed: dict[str, None] = {}
        self._by_id: dict[str, tuple[str, str]] = {}

    def put(self, record: Record) -> None:
        """Take in an open alert as it is (restored or adopted)."""
        key = (record.alert.rule, record.alert.subject)
        self.open[key] = record
        self._by_id[record.alert.id] = key

    def believe(self, alert: Alert) -> None:
        """Take the database's word for an alert that is open here as it once was: it has gone on since, or is closed."""
        record = self.find(alert.id)
        if record is None:
            return
        if alert.handling is Handling.CLOSED:
            self.forget(record)
            return
        record.alert = alert
        if alert.condition is not Condition.FIRING:
            record.firing.clear()

    # --- signals ----------------------------------------------------------------------------------------------------

    def signal(self, rule: Rule, clause: int, device: str, about: About, signal: Signal) -> Iterator[Transition]:
        """What a watch's signal makes of the alert of its rule and subject."""
        record = self.open.get((rule.id, about.subject))
        if signal.sign is Sign.OVER:
            if record is not None:
                yield from self._over(record, clause, device, signal)
        elif record is None:
            if signal.sign is Sign.FIRED:
                yield self._opened(rule, clause, device, about, signal)
        elif signal.sign is Sign.FIRED:
            yield from self._fired(record, rule, clause, device, about, signal)
        elif signal.sign is Sign.AGAIN:
            yield from self._again(record, rule, device, signal)
        else:
            record.alert = _observed(record.alert, signal)

    def _opened(self, rule: Rule, clause: int, device: str, about: About, signal: Signal) -> Transition:
        alert = Alert(
            id=alert_id(rule.id, about.subject, signal.start),
            rule=rule.id,
            community=about.community,
            subject=about.subject,
            subject_kind=about.subject_kind,
            place=about.place,
            severity=rule.severity_of(clause),
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
            last_seen=max(signal.at, signal.began),
            occurrences=1,
            evidence=bounded(signal.evidence),
            updated_at=signal.at,
        )
        record = Record(alert, {(device, clause)}, {device: signal.began}, signal.start, rule.life_safety)
        self.put(record)
        return Transition(alert, "opened", signal.at)

    def _fired(
        self, record: Record, rule: Rule, clause: int, device: str, about: About, signal: Signal
    ) -> Iterator[Transition]:
        returned = record.alert.condition is not Condition.FIRING
        worse = rule.severity_of(clause).rank < record.alert.severity.rank
        record.firing.add((device, clause))
        alert = _observed(record.alert, signal)
        if signal.start != record.start:
            record.start = signal.start
            alert = dataclasses.replace(alert, occurrences=alert.occurrences + 1)
        if returned:
            alert = dataclasses.replace(alert, condition=Condition.FIRING, resolved_at=None)
            alert = self._handled(record, alert, HandlingEvent.ALARM, signal.at)
        if worse:
            alert = dataclasses.replace(alert, severity=rule.severity_of(clause), sentence=about.sentence)
            alert = self._handled(record, alert, HandlingEvent.WORSEN, signal.at)
        record.alert = alert
        yield self._told(record, "escalated" if worse else "occurred", signal.at)
        yield from self._confirmed(record, rule, device, signal.began)

    def _again(self, record: Record, rule: Rule, device: str, signal: Signal) -> Iterator[Transition]:
        alert = _observed(record.alert, signal)
        record.alert = dataclasses.replace(alert, occurrences=alert.occurrences + 1)
        record.start = signal.start
        count = record.alert.occurrences
        if count <= TELL_ALL or count % TELL_EACH == 0:
            yield self._told(record, "occurred", signal.at)
        yield from self._confirmed(record, rule, device, signal.at)

    def _confirmed(self, record: Record, rule: Rule, device: str, at: int) -> Iterator[Transition]:
        others = [time for other, time in record.reports.items() if other != device]
        record.reports[device] = max(at, record.reports.get(device, at))
        if rule.confirm is None or record.alert.confirmed:
            return
        within = duration(rule.confirm.within)
        if any(abs(at - time) <= within for time in others):
            record.alert = dataclasses.replace(record.alert, confirmed=True)
            yield self._told(record, "confirmed", at)

    def _over(self, record: Record, clause: int, device: str, signal: Signal) -> Iterator[Transition]:
        if (device, clause) not in record.firing:
            return
        record.firing.discard((device, clause))
        alert = _observed(record.alert, signal)
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
            known = action.alert in self.closed
            yield ActionDone(action.id, "already_closed" if known else "not_found", action.at)
        elif action.kind is ActionKind.CLOSE:
            yield from self._close(record, action)
        else:
            yield from self._acknowledge(record, action)

    def _acknowledge(self, record: Record, action: Action) -> Iterator[Transition | ActionDone]:
        comment = action.comment or None
        if record.alert.acknowledged_at is not None:  # the first one stands; what the second adds is not lost
            if comment is not None:
                yield Transition(record.alert, "commented", action.at, action.actor, comment)
        else:
            alert = dataclasses.replace(
                record.alert,
                acknowledged_at=action.at,
                acknowledged_by=action.actor,
                acknowledge_comment=comment,
            )
            yield from self._ended(
                record, alert, HandlingEvent.ACKNOWLEDGE, "acknowledged", action.at, action.actor, comment
            )
        yield ActionDone(action.id, "done", action.at)

    def _close(self, record: Record, action: Action) -> Iterator[Transition | ActionDone]:
        if not action.comment.strip():
            yield ActionDone(action.id, "reason_required", action.at)
            return
        yield from self._ended(
            record, record.alert, HandlingEvent.CLOSE, "closed", action.at, action.actor, action.comment
        )
        yield ActionDone(action.id, "done", action.at)

    # --- steps ------------------------------------------------------------------------------------------------------

    def _handled(self, record: Record, alert: Alert, event: HandlingEvent, at: int) -> Alert:
        after = self._next(record, alert.handling, event)
        if after is alert.handling:
            return alert
        again = after is Handling.UNACKNOWLEDGED
        return dataclasses.replace(
            alert,
            handling=after,
            acknowledged_at=None if again else alert.acknowledged_at,
            acknowledged_by=None if again else alert.acknowledged_by,
            acknowledge_comment=None if again else alert.acknowledge_comment,
        )

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
        self.closed[record.alert.id] = None
        while len(self.closed) > REMEMBER_CLOSED:
            del self.closed[next(iter(self.closed))]


def bounded(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The first and the newest of it."""
    if len(evidence) <= FIRST_EVIDENCE + LAST_EVIDENCE:
        return evidence
    return evidence[:FIRST_EVIDENCE] + evidence[-LAST_EVIDENCE:]


def _observed(alert: Alert, signal: Signal) -> Alert:
    known = alert.evidence
    fresh = tuple(evidence for evidence in signal.evidence if evidence not in known)
    return dataclasses.replace(alert, last_seen=max(alert.last_seen, signal.at), evidence=bounded(known + fresh))
