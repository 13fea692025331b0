"""The alerts of one rule: what a person is told, and what people have done."""

from collections.abc import Iterator
from dataclasses import dataclass

from linli.model import Action, ActionKind, Severity
from rules.language.model import BY_DEVICE, Rule, duration
from tests.reference.memory import AGAIN, FIRED, OVER, Memory, Signal
from tests.reference.seen import Line

UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, SHELVED = "unacknowledged", "acknowledged", "returned", "shelved"

Member = tuple[int, str]
"""A clause's number and its memory's key."""


@dataclass
class Alert:
    """An open alert. `behind`: the memories that fire, each with who said so; `reports`: when each of those last did;
    `opened_at` by event time, what is due goes by the server's clock."""

    name: str
    subject: str
    severity: Severity
    start: str
    opened_at: int
    behind: dict[Member, str]
    reports: dict[str, int]
    latched: bool
    life_safety: bool
    rule: Rule
    """As it was when one of its clauses fired last."""
    handling: str = UNACKNOWLEDGED
    acknowledged: bool = False
    occurrences: int = 1
    confirmed: bool = False
    shelved_until: int | None = None
    reminded: int = 0


class Alerts:
    """Open alerts by subject. Names are the order in which they opened, as texts."""

    def __init__(self) -> None:
        self.open: dict[str, Alert] = {}
        self.opened = 0

    def signal(self, rule: Rule, memory: Memory, subject: str, signal: Signal) -> Iterator[Line]:
        """What a memory tells."""
        alert = self.open.get(subject)
        member = (memory.number, memory.key)
        if signal.sign == OVER:
            if alert is not None and member in alert.behind:
                del alert.behind[member]
                if not alert.behind:
                    yield from self._returns(rule, alert, signal.when.time)
        elif signal.sign == FIRED and alert is None:
            yield self._opens(rule, memory, subject, signal)
        elif signal.sign == FIRED and alert is not None:
            yield from self._fires_again(rule, alert, memory, signal)
        elif signal.sign == AGAIN and alert is not None:
            yield from self._happens_again(rule, alert, memory, signal)

    def _opens(self, rule: Rule, memory: Memory, subject: str, signal: Signal) -> Line:
        self.opened += 1
        source = _source(rule, memory, signal)
        behind = {(memory.number, memory.key): source}
        severity = _severity(rule, memory, behind)
        self.open[subject] = Alert(
            str(self.opened),
            subject,
            severity,
            signal.start,
            signal.when.time,
            behind,
            {source: signal.began},
            rule.latched,
            rule.life_safety,
            rule,
        )
        return Line("opened", subject, signal.when.time, severity)

    def _fires_again(self, rule: Rule, alert: Alert, memory: Memory, signal: Signal) -> Iterator[Line]:
        alert.rule = rule
        source = _source(rule, memory, signal)
        returned, fresh, anew = not alert.behind, source not in alert.reports, signal.start != alert.start
        alert.behind[memory.number, memory.key] = source
        severity = _severity(rule, memory, alert.behind)
        worse = severity.rank < alert.severity.rank
        if worse:
            alert.severity = severity
        if worse or returned or fresh or (anew and alert.life_safety):
            _ask_again(alert)
        if anew:
            alert.occurrences += 1
            alert.start = signal.start
        if worse or returned or fresh or anew:
            yield Line("escalated" if worse else "occurred", alert.subject, signal.when.time, alert.severity)
        yield from self._confirms(rule, alert, source, signal.began)

    def _happens_again(self, rule: Rule, alert: Alert, memory: Memory, signal: Signal) -> Iterator[Line]:
        source = _source(rule, memory, signal)
        fresh, anew, before = source not in alert.reports, signal.start != alert.start, alert.handling
        if anew:
            alert.occurrences += 1
            alert.start = signal.start
        if fresh or (anew and alert.life_safety and rule.when[memory.number].event is not None):
            _ask_again(alert)
        often = alert.occurrences <= 20 or alert.occurrences % 10 == 0
        if fresh or alert.handling != before or (anew and often):
            yield Line("occurred", alert.subject, signal.when.time, alert.severity)
        yield from self._confirms(rule, alert, source, signal.when.time)

    def _confirms(self, rule: Rule, alert: Alert, source: str, at: int) -> Iterator[Line]:
        others = [time for other, time in alert.reports.items() if other != source]
        alert.reports[source] = max(at, alert.reports.get(source, at))
        if rule.confirm is None or alert.confirmed:
            return
        if any(abs(at - time) <= duration(rule.confirm.within) for time in others):
            alert.confirmed = True
            _ask_again(alert)
            yield Line("confirmed", alert.subject, at, alert.severity)

    def _returns(self, rule: Rule, alert: Alert, at: int) -> Iterator[Line]:
        yield Line("resolved", alert.subject, at, alert.severity)
        if alert.handling == UNACKNOWLEDGED:
            alert.handling = RETURNED
        elif alert.handling == ACKNOWLEDGED and not alert.latched:
            yield self._closes(alert, at)

    def _closes(self, alert: Alert, at: int) -> Line:
        del self.open[alert.subject]
        return Line("closed", alert.subject, at, alert.severity)

    def named(self, name: str) -> Alert | None:
        """The open alert of that name."""
        return next((alert for alert in self.open.values() if alert.name == name), None)

    def act(self, rule: Rule, alert: Alert, action: Action) -> Iterator[Line]:
        """A person's act upon an open alert."""
        match action.kind:
            case ActionKind.CLOSE if action.comment.strip():
                yield self._closes(alert, action.at)
            case ActionKind.ACKNOWLEDGE:
                yield from self._acknowledges(rule, alert, action)
            case ActionKind.SHELVE:
                until = action.until or 0
                if action.comment.strip() and until > action.at and alert.handling != SHELVED and not alert.life_safety:
                    alert.handling, alert.shelved_until = SHELVED, until
                    yield Line("shelved", alert.subject, action.at, alert.severity)
            case ActionKind.UNSHELVE if alert.handling == SHELVED:
                yield from self._comes_back(alert, action.at)

    def _acknowledges(self, rule: Rule, alert: Alert, action: Action) -> Iterator[Line]:
        if alert.acknowledged:
            if action.comment:
                yield Line("commented", alert.subject, action.at, alert.severity)
        elif alert.handling != SHELVED:
            returned = alert.handling == RETURNED
            alert.handling, alert.acknowledged = ACKNOWLEDGED, True
            yield Line("acknowledged", alert.subject, action.at, alert.severity)
            if returned and not alert.latched:
                yield self._closes(alert, action.at)

    def _comes_back(self, alert: Alert, at: int) -> Iterator[Line]:
        alert.shelved_until, alert.acknowledged = None, False
        alert.handling = UNACKNOWLEDGED if alert.behind else RETURNED
        yield Line("unshelved", alert.subject, at, alert.severity)
        if not alert.behind and not alert.latched:
            yield self._closes(alert, at)

    def tick(self, now: int) -> Iterator[Line]:
        """What is due by the server's clock: what was shelved comes back, what still fires is told again."""
        for alert in list(self.open.values()):
            was_shelved = alert.handling == SHELVED
            if was_shelved and alert.shelved_until is not None and alert.shelved_until <= now:
                yield from self._comes_back(alert, now)
            passed = [time for time in _reminders(alert, now) if time > alert.reminded]
            if passed:
                alert.reminded = now
            if passed and alert.behind and not was_shelved:
                yield Line("reminded", alert.subject, now, alert.severity)


def _source(rule: Rule, memory: Memory, signal: Signal) -> str:
    """Who says so: a device, or what the memory is of where a device has several."""
    return memory.key if rule.when[memory.number].by.startswith(BY_DEVICE) else signal.device.id


def _ask_again(alert: Alert) -> None:
    """It has to be acknowledged once more."""
    if alert.behind and alert.handling != SHELVED:
        alert.handling, alert.acknowledged = UNACKNOWLEDGED, False


def _severity(rule: Rule, memory: Memory, behind: dict[Member, str]) -> Severity:
    """How bad it is, with so many devices behind it."""
    severity = rule.severity_of(memory.number)
    if rule.many is not None and len(set(behind.values())) >= rule.many.devices:
        return min(severity, rule.many.severity, key=lambda each: each.rank)
    return severity


def _reminders(alert: Alert, now: int) -> list[int]:
    """All times up to now at which it was to be told again."""
    times = [alert.opened_at + duration(after) for after in alert.rule.remind]
    if alert.rule.remind_every is not None:
        every = duration(alert.rule.remind_every)
        times += range(alert.opened_at + every, now + 1, every)
    return [time for time in times if time <= now]
