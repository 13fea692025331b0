from dataclasses import replace

import pytest

from linli.clock import SECOND
from linli.codec import AlertNotice
from linli.model import Severity
from simulators.oracle import Heard, Verdict, judge, passed
from simulators.scenario import Expectation

START = 1_700_000_000_000_000


def heard(
    at_s: float,
    rule: str = "door-forced",
    subject: str = "d1",
    change: str = "opened",
    severity: str = "high",
    alert: str = "a1",
) -> Heard:
    at = START + round(at_s * SECOND)
    notice = AlertNotice(alert, rule, "c001", subject, severity, "firing", "unacknowledged", change, at, at)
    return Heard(notice, at)


def wanted(rule: str = "door-forced", subject: str = "d1", change: str = "opened") -> Expectation:
    return Expectation(rule, subject, Severity.HIGH, "5s", "5s", change)


def verdicts(expected: list[Expectation], notices: list[Heard], slack: int = 0) -> list[Verdict]:
    return [line.verdict for line in judge(expected, notices, START, slack)]


def test_in_time() -> None:
    """Delay counts from the cause, `raised` from the start."""
    [line] = judge([wanted()], [heard(5.4)], START)
    assert line.verdict is Verdict.OK
    assert (line.raised_s, line.delay_s, line.within_s) == (5.4, 0.4, 5.0)
    assert passed([line])


def test_missing_late_early_severity() -> None:
    """Each way to be wrong has its own word."""
    assert verdicts([wanted()], []) == [Verdict.MISSING]
    assert verdicts([wanted()], [heard(10.1)]) == [Verdict.LATE]
    assert verdicts([wanted()], [heard(3.9)]) == [Verdict.EARLY]
    assert verdicts([wanted()], [heard(6, severity="low")]) == [Verdict.SEVERITY]
    assert not passed(judge([wanted()], [], START))


def test_slack_moves_the_deadline() -> None:
    """At many times the clock's pace the machine's own delay is not held against the rules."""
    assert verdicts([wanted()], [heard(12)], slack=3 * SECOND) == [Verdict.OK]
    assert verdicts([wanted()], [heard(13.1)], slack=3 * SECOND) == [Verdict.LATE]


def test_slack_lets_nothing_come_before_its_cause() -> None:
    """A machine that is slow makes alerts late, never early: an alert at the splash, before the water stays, is wrong."""
    assert verdicts([wanted()], [heard(3.9)], slack=29 * SECOND) == [Verdict.EARLY]
    assert verdicts([wanted()], [heard(4.1)], slack=29 * SECOND) == [Verdict.OK]


def test_unexpected_is_listed() -> None:
    """Another rule, another subject and a second opening are unexpected; what follows from them or from people is not."""
    notices = [heard(6), heard(7), heard(8, subject="d2"), heard(9, rule="fire-alarm"), heard(9, change="resolved")]
    lines = judge([wanted()], notices, START)
    assert [line.verdict for line in lines] == [Verdict.OK, *[Verdict.UNEXPECTED] * 3]
    assert [(line.rule, line.subject) for line in lines[1:]] == [
        ("door-forced", "d1"),
        ("door-forced", "d2"),
        ("fire-alarm", "d1"),
    ]
    assert not passed(lines)


@pytest.mark.parametrize("change", ["confirmed", "escalated"])
def test_unexpected_alarm_about_an_expected_alert(change: str) -> None:
    """That an alert is confirmed or becomes worse calls people too: it passes only where it is expected."""
    lines = judge([wanted()], [heard(6), heard(7, change=change)], START)
    assert [(line.change, line.verdict) for line in lines] == [("opened", Verdict.OK), (change, Verdict.UNEXPECTED)]
    assert verdicts([wanted(), wanted(change=change)], [heard(6), heard(7, change=change)]) == [Verdict.OK] * 2


def test_the_same_notice_twice_is_one() -> None:
    """Delivery may repeat a notice: alert, change and time say that it is the same. Another alert at that time is not."""
    first = heard(6)
    again = replace(first, at=first.at + SECOND)
    assert verdicts([wanted()], [first, again]) == [Verdict.OK]
    assert verdicts([wanted()], [first, again, heard(6, alert="a2")]) == [Verdict.OK, Verdict.UNEXPECTED]


def test_nothing_expected_nothing_raised() -> None:
    """The default day passes by staying silent."""
    assert judge([], [], START) == []
    assert passed([])
    assert verdicts([], [heard(6)]) == [Verdict.UNEXPECTED]


def test_changes_are_told_apart() -> None:
    """An opening does not stand for a confirmation."""
    expected = [wanted(), wanted(change="confirmed")]
    assert verdicts(expected, [heard(6), heard(7, change="confirmed")]) == [Verdict.OK, Verdict.OK]
    assert verdicts(expected, [heard(6)]) == [Verdict.OK, Verdict.MISSING]
