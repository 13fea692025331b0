"""Why an alert is there: which clause came true and how, as `Alert.why` has it (docs/rules-semantics.md). No I/O."""

import hashlib
from typing import Any

import msgspec

from rules.language.model import Clause, ReadingClause, Rule
from rules.language.wording import describe

PARTS = ("event", "state", "reading", "missing", "all")


def why(rule: Rule, clause: int, began: int, fired: int, value: float | None = None) -> dict[str, Any]:
    """A JSON object. `rule` as it holds there, `clause` its number from 0; true since `began`, it fired at `fired`. Of a reading
    it says the limit (with `outside` both, with `normal` none: it is learned) and the `value` that was beyond it."""
    watched = rule.when[clause]
    words = describe(watched)
    told: dict[str, Any] = {
        "clause": clause + 1,
        "part": next(name for name in PARTS if getattr(watched, name) is not None),
        "words": {"zh": words.zh, "en": words.en},
        "began": began,
        "fired": fired,
        "held": fired - began,
    }
    limit = _limit(watched)
    if limit is not None:
        told["limit"] = limit
    if value is not None:
        told["value"] = value
    return told | {"rule": fingerprint(rule)}


def fingerprint(rule: Rule) -> str:
    """The first 12 digits of the SHA-256 of the rule: equal for what is the same rule, however it is written."""
    return hashlib.sha256(msgspec.json.encode(rule, order="deterministic")).hexdigest()[:12]


def _limit(clause: Clause) -> float | list[float] | None:
    part = clause.part
    if not isinstance(part, ReadingClause) or part.normal is not None:
        return None
    return part.threshold if part.outside is None else list(part.outside)
