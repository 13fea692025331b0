"""What a check finds of one thing: how it is, in words, and what to do."""

from dataclasses import dataclass
from enum import StrEnum

from linli.i18n import Text


class State(StrEnum):
    """How one thing is. Only WRONG keeps an agent from working."""

    OK = "ok"
    WRONG = "wrong"
    MIND = "mind"
    """It works, and should be looked at."""
    UNKNOWN = "unknown"
    """It cannot be known from here."""
    SKIPPED = "skipped"
    """Not tried: something before it is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing, and what to do about it. `check`: its stable name."""

    check: str
    state: State
    said: Text
    remedy: Text | None = None
