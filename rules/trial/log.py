"""What happened, line by line: a change of an alert as tests, replays and backtests compare and show it. No I/O."""

from dataclasses import dataclass

from linli.i18n import Text
from linli.model import Severity
from rules.engine.book import Transition

_NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class Entry:
    """The change `kind` of the alert of `rule` about `subject`. `at`: microseconds, since the start of a test or since 1970.

    An act of a person that came to nothing is 'refused', with its `outcome` and without a severity.
    """

    at: int
    kind: str
    rule: str
    subject: str
    severity: Severity | None = None
    occurrences: int = 0
    by: str | None = None
    sentence: Text = _NOTHING
    outcome: str = ""

    @classmethod
    def of(cls, transition: Transition, origin: int = 0) -> "Entry":
        """The transition's, counted from `origin`."""
        alert = transition.alert
        return cls(
            transition.at - origin,
            transition.kind,
            alert.rule,
            alert.subject,
            alert.severity,
            alert.occurrences,
            transition.actor,
            alert.sentence,
        )
