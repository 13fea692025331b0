"""Advice as a person follows it: one step after the other. Decides only."""

import re

_NUMBER = re.compile(r"^\s*(?:\d{1,2}[.、)）．]|[①-⑳]|[-*•])\s*")
_SPLIT = re.compile(r"[\r\n]+|(?<=[。；;])\s*|(?<=[.])\s+(?=[A-Z])|\s+(?=\d{1,2}[.)、]\s)|(?=[①-⑳])")


def steps(advice: str) -> list[str]:
    """The sentences of `advice`, without numbers or marks that it may have before them; none if it is blank. What followed a
    semicolon begins with a capital: it is a step of its own now."""
    parts = (_NUMBER.sub("", part or "").strip().rstrip("；;") for part in _SPLIT.split(advice))
    return [part[0].upper() + part[1:] for part in parts if part]
