from linli.clock import SECOND
from linli.codec import AlertNotice
from linli.model import Severity
from simulators.oracle import Heard, Verdict, judge, passed
from simulators.scenario import Expectation

START = 1_700_000_000_000_000


def heard(
    at_s: float, rule: str = "door-forced", subject: str = "d1", change: str = "opened", severity: str = "high"
) -> Heard:
    at = START + round(at_s * SECOND)
    notice = AlertNotice("a1", rule, "c001", subject, severity, "firing", "unacknowledged", change, at, at)
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


def test_unexpected_is_listed() -> None:
    """Another rule, another subject and a second opening are unexpected; other changes are not."""
    notices = [heard(6), heard(7), heard(8, subject="d2"), heard(9, rule="fire-alarm"), heard(9, change="resolved")]
    lines = judge([wanted()], notices, START)
    assert [line.verdict for line in lines] == [Verdict.OK, *[Verdict.UNEXPECTED] * 3]
    assert [(line.rule, line.subject) for line in lines[1:]] == [
        ("door-forced", "d1"),
        ("door-forced", "d2"),
        ("fire-alarm", "d1"),
    ]
    assert not passed(lines)


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
