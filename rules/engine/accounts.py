"""What an alert says of what happened: its evidence, how bad it is, and words about counts and lateness. No I/O."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from linli.clock import MINUTE
from linli.i18n import Text
from linli.model import Alert, Evidence, Severity
from rules.language.amounts import spoken
from rules.language.model import Rule

FIRST_EVIDENCE = 5
LAST_EVIDENCE = 15
"""An alert keeps so many of its first and of its newest observations."""

LATE = MINUTE
"""What comes so long after its deadline says so."""


def bounded(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """The first and the newest of it."""
    if len(evidence) <= FIRST_EVIDENCE + LAST_EVIDENCE:
        return evidence
    return evidence[:FIRST_EVIDENCE] + evidence[-LAST_EVIDENCE:]


def observed(alert: Alert, at: int, evidence: tuple[Evidence, ...]) -> Alert:
    """The alert with what it did not know yet, last seen at `at` or later."""
    known = alert.evidence
    fresh = tuple(each for each in evidence if each not in known)
    seen = max((at, alert.last_seen, *(each.time for each in evidence)))
    return dataclasses.replace(alert, last_seen=seen, evidence=bounded(known + fresh))


def unacknowledged(alert: Alert) -> Alert:
    """The alert as if nobody had acknowledged it."""
    return dataclasses.replace(alert, acknowledged_at=None, acknowledged_by=None, acknowledge_comment=None)


def severity_with(rule: Rule, clause: int, devices: int) -> Severity:
    """How bad it is when this clause fires and so many devices stand behind the alert."""
    severity = rule.severity_of(clause)
    if rule.many is None or devices < rule.many.devices:
        return severity
    return min(severity, rule.many.severity, key=lambda one: one.rank)


def renewed(alert: Alert, severity: Severity, devices: int, sentence: Text, why: Mapping[str, Any]) -> Alert:
    """The alert with the sentence and the reason of what is new and so bad by itself, `devices` being behind it; as it was if
    that is milder than what is told already, or if there is no sentence of it."""
    if severity.rank > alert.severity.rank or not sentence.en:
        return alert
    return dataclasses.replace(alert, sentence=sentence if devices < 2 else with_count(sentence, devices), why=why)


def with_count(sentence: Text, devices: int) -> Text:
    """The sentence, saying that it is so of many."""
    return Text(f"{sentence.zh}（同时有 {devices} 台设备如此。）", f"{sentence.en} ({devices} devices at once.)")


def late_words(late: int) -> str | None:
    """For an alert's history, word of how many microseconds after its deadline something came; None if it was in time."""
    if late < LATE:
        return None
    text = spoken(late // MINUTE * MINUTE)
    return f"迟了 {text.zh} / {text.en} late"
