"""A book of alerts with one rule, to which signals, acts and ticks come by the second."""

from typing import Any

import msgspec

from linli.clock import SECOND
from linli.i18n import Text
from linli.model import Action, ActionKind, Alert, Evidence
from rules.engine.book import About, ActionDone, AlertBook, Transition
from rules.engine.watches import Sign, Signal
from rules.engine.why import why
from rules.language.model import Rule
from tests.unit.rules.world import T0

HOT = {"reading": {"quantity": "temperature", "above": 70, "reset_below": 65, "for": "30s"}}
HOTTER = {"reading": {"quantity": "temperature", "above": 90}, "severity": "critical"}


def rule(*when: dict[str, Any], **more: Any) -> Rule:
    """A rule of medium severity."""
    words = {"zh": "字", "en": "words"}
    document = {
        "id": "hot",
        "title": words,
        "sentence": words,
        "advice": words,
        "severity": "medium",
        "route": ["guard"],
        "source": "[P]",
        "applies_to": {"device_kinds": ["camera"]},
        "when": list(when or (HOT, HOTTER)),
    }
    return msgspec.convert(document | more, Rule)


class Bench:
    """A book with one rule; times in seconds from T0. Each call says which changes it made, by kind."""

    def __init__(self, **more: Any) -> None:
        self.rule = rule(**more)
        self.book = AlertBook()
        self.changes: list[Transition] = []
        self.outcomes: list[str] = []

    def signal(self, sign: Sign, at: float, device: str = "d1", clause: int = 0, start: str = "") -> list[str]:
        """About place p1, of the memory of that device."""
        time = T0 + round(at * SECOND)
        said = Text(f"{device} 热", f"{device} is hot")
        about = About("p1", "place", "c1", "p1", said, why(self.rule, clause, time - 30 * SECOND, time, 71.0), device)
        evidence = (Evidence(time, device, "temperature", 71.0, "Cel"),)
        signal = Signal(sign, time, start or f"{device}/{at}", time - 30 * SECOND, evidence)
        return self._took(self.book.signal(self.rule, clause, f"memory-of-{device}", about, signal))

    def fired(self, at: float, device: str = "d1", clause: int = 0) -> list[str]:
        """The clause has come true of that device."""
        return self.signal(Sign.FIRED, at, device, clause)

    def over(self, at: float, device: str = "d1", clause: int = 0) -> list[str]:
        """And is over."""
        return self.signal(Sign.OVER, at, device, clause)

    def act(self, at: float, kind: ActionKind, comment: str = "why not", until: float | None = None) -> list[str]:
        """A person's act on the newest alert."""
        when = None if until is None else T0 + round(until * SECOND)
        action = Action(f"{kind}-{at}", self.changes[-1].alert.id, kind, "li", comment, T0 + round(at * SECOND), when)
        return self._took(self.book.act(action))

    def tick(self, at: float) -> list[str]:
        """The server's clock."""
        return self._took(self.book.tick(T0 + round(at * SECOND)))

    def _took(self, outputs: Any) -> list[str]:
        listed = list(outputs)
        self.outcomes += [output.outcome for output in listed if isinstance(output, ActionDone)]
        fresh = [output for output in listed if isinstance(output, Transition)]
        self.changes += fresh
        return [change.kind for change in fresh]

    @property
    def alert(self) -> Alert:
        """As the last change left it."""
        return self.changes[-1].alert
