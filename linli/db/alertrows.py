"""An alert as a row of the table, and the way back."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from linli.i18n import Text
from linli.model import Alert, Condition, Evidence, Handling, Severity


def evidence_json(evidence: Evidence) -> dict[str, Any]:
    """Evidence as the column `evidence`, and the API, have it."""
    return {
        "time": evidence.time,
        "device": evidence.device,
        "what": evidence.what,
        "value": evidence.value,
        "unit": evidence.unit,
        "data": dict(evidence.data),
    }


def evidence_from(document: Mapping[str, Any]) -> Evidence:
    """The inverse of `evidence_json`."""
    return Evidence(
        time=document["time"],
        device=document["device"],
        what=document["what"],
        value=document["value"],
        unit=document["unit"],
        data=document["data"],
    )


_SAME_NAME = (
    "rule",
    "subject",
    "subject_kind",
    "latched",
    "confirmed",
    "historic",
    "opened_at",
    "first_seen",
    "last_seen",
    "occurrences",
    "updated_at",
    "acknowledged_at",
    "acknowledged_by",
    "acknowledge_comment",
    "resolved_at",
    "closed_at",
    "closed_by",
    "close_reason",
    "shelved_until",
)


_TITLE = 300
"""What the column takes: an alert is not lost for what its rule is called."""


def values_of(alert: Alert) -> dict[str, object]:
    """The columns of an alert, but for its id and revision."""
    return {name: getattr(alert, name) for name in _SAME_NAME} | {
        "open_key": f"{alert.rule}|{alert.subject}" if alert.open else None,
        "community_id": alert.community,
        "place_id": alert.place,
        "severity": alert.severity.value,
        "condition": alert.condition.value,
        "handling": alert.handling.value,
        "title_zh": alert.title.zh[:_TITLE],
        "title_en": alert.title.en[:_TITLE],
        "sentence_zh": alert.sentence.zh,
        "sentence_en": alert.sentence.en,
        "advice_zh": alert.advice.zh,
        "advice_en": alert.advice.en,
        "evidence": [evidence_json(evidence) for evidence in alert.evidence],
        "steps": [{"zh": step.zh, "en": step.en} for step in alert.steps],
        "why": dict(alert.why),
    }


def alert_of(row: Row[Any]) -> Alert:
    """The alert that a row of all columns is."""
    return Alert(
        id=row.id,
        community=row.community_id,
        place=row.place_id,
        severity=Severity(row.severity),
        condition=Condition(row.condition),
        handling=Handling(row.handling),
        title=Text(row.title_zh, row.title_en),
        sentence=Text(row.sentence_zh, row.sentence_en),
        advice=Text(row.advice_zh, row.advice_en),
        evidence=tuple(evidence_from(document) for document in row.evidence),
        steps=tuple(Text(step["zh"], step["en"]) for step in row.steps),
        why=row.why,
        **{name: getattr(row, name) for name in _SAME_NAME},
    )
