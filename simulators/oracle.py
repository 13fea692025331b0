"""The oracle: what was expected against what was raised, decided without I/O from the notices that were heard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from linli.clock import SECOND
from linli.codec import AlertNotice
from simulators.scenario import Expectation, duration

_EARLY = SECOND
"""By so much a notice may seem to come before its cause: clocks of several processes are read apart."""

_TOLD = frozenset({"opened", "confirmed", "escalated"})
"""Changes that call somebody: none of them may come unexpected. The others follow from these or from people."""


class Verdict(StrEnum):
    """How one line of the table came out; only OK is right."""

    OK = "ok"
    LATE = "late"
    EARLY = "early"
    MISSING = "missing"
    SEVERITY = "severity"
    UNEXPECTED = "unexpected"

    @property
    def right(self) -> bool:
        """Whether the run may pass with it."""
        return self is Verdict.OK


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice and when it was heard, by the clock of the simulation."""

    notice: AlertNotice
    at: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table. `due_s` and `delay_s` in seconds since the scenario's start and since `after`."""

    rule: str
    subject: str
    change: str
    severity: str
    within_s: float | None
    raised_s: float | None
    delay_s: float | None
    verdict: Verdict


def judge(expected: Sequence[Expectation], heard: Iterable[Heard], start: int, slack: int = 0) -> list[Line]:
    """The table of a run that began at `start`: a line for each expectation, then one for each change nobody expected.

    `slack` (microseconds) is added to every deadline, and to nothing else: what the machine's own pace costs when the clock
    runs faster. Each expectation takes the first fitting notice; of the rest, what was opened, confirmed or escalated is
    unexpected. A notice heard again is the same notice: delivery may repeat it.
    """
    left = _each_once(heard)
    lines = []
    for wanted in sorted(expected, key=lambda wanted: duration(wanted.after)):
        found = next((one for one in left if _fits(wanted, one.notice)), None)
        if found is not None:
            left.remove(found)
        lines.append(_line(wanted, found, start, slack))
    return lines + [_unexpected(one, start) for one in left if one.notice.change in _TOLD]


def passed(lines: Iterable[Line]) -> bool:
    """Whether every line is right."""
    return all(line.verdict.right for line in lines)


def _each_once(heard: Iterable[Heard]) -> list[Heard]:
    """In the order heard, repeats left out."""
    first: dict[tuple[str, str, int], Heard] = {}
    for one in sorted(heard, key=lambda one: one.at):
        first.setdefault((one.notice.id, one.notice.change, one.notice.updated_at), one)
    return list(first.values())


def _fits(wanted: Expectation, notice: AlertNotice) -> bool:
    return (wanted.rule, wanted.subject, wanted.change) == (notice.rule, notice.subject, notice.change)


def _line(wanted: Expectation, found: Heard | None, start: int, slack: int) -> Line:
    cause, within = start + duration(wanted.after), duration(wanted.within)
    raised = delay = None
    if found is None:
        verdict = Verdict.MISSING
    else:
        raised, delay = (found.at - start) / SECOND, (found.at - cause) / SECOND
        verdict = _verdict(wanted, found, cause, within + slack)
    return Line(
        wanted.rule, wanted.subject, wanted.change, wanted.severity.value, within / SECOND, raised, delay, verdict
    )


def _verdict(wanted: Expectation, found: Heard, cause: int, within: int) -> Verdict:
    if found.at < cause - _EARLY:
        return Verdict.EARLY
    if found.at > cause + within:
        return Verdict.LATE
    return Verdict.OK if found.notice.severity == wanted.severity.value else Verdict.SEVERITY


def _unexpected(one: Heard, start: int) -> Line:
    notice = one.notice
    raised = (one.at - start) / SECOND
    return Line(notice.rule, notice.subject, notice.change, notice.severity, None, raised, None, Verdict.UNEXPECTED)
