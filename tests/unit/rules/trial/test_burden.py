"""What alerts ask of people, in the measures of IEC 62682."""

from zoneinfo import ZoneInfo

from linli.clock import DAY, MINUTE, SECOND
from linli.i18n import Text
from linli.model import Severity
from rules.trial.backtest import Episode
from rules.trial.burden import chattering, load, noisiest

ZONE = ZoneInfo("Asia/Shanghai")
START = 1_700_000_000_000_000
"""2023-11-15 06:13:20 there."""


def alert(at: int, subject: str = "d1", *again: int, community: str = "c1") -> Episode:
    """One that opened `at` microseconds after START, and was told again."""
    times = [START + time for time in (at, *again)]
    return Episode(subject, community, Severity.HIGH, times[0], times[0], Text("", ""), None, times)


def test_days_are_local_and_quiet_ones_count() -> None:
    """An average over the days with alerts alone would be too high."""
    found = load("c1", [alert(0), alert(MINUTE), alert(DAY)], 2, (START, START + 4 * DAY), ZONE)
    assert dict(found.days) == {
        "2023-11-15": 2,
        "2023-11-16": 1,
        "2023-11-17": 0,
        "2023-11-18": 0,
        "2023-11-19": 0,
    }
    assert (found.alerts, found.each, found.a_day) == (3, 3 / 2, 3 / 4 / 2)


def test_less_than_a_day_gives_no_rate_a_day() -> None:
    """An alert in ten minutes is not 144 a day, and none in an hour is not none a day."""
    found = load("c1", [alert(0)], 1, (START, START + DAY - 1), ZONE)
    assert (found.each, found.a_day) == (1.0, None)
    assert load("c1", [alert(0)], 1, (START, START + DAY), ZONE).a_day == 1.0


def test_without_staff_one_is_assumed() -> None:
    """Nothing is divided by zero."""
    assert load("c1", [alert(0)], 0, (START, START + DAY), ZONE).a_day == 1.0


def test_other_compounds_alerts_are_theirs() -> None:
    """Each community by itself."""
    assert load("c1", [alert(0, community="c2")], 1, (START, START + DAY), ZONE).alerts == 0


def test_a_flood_is_more_than_ten_in_ten_minutes_for_each_operator() -> None:
    """It is one flood for as long as it lasts, and another when it comes back."""
    burst = [alert(number * 10 * SECOND) for number in range(11)]
    again = [alert(DAY + number * SECOND) for number in range(15)]
    span = (START, START + 2 * DAY)
    assert load("c1", burst[:10], 1, span, ZONE).floods == 0
    assert load("c1", burst, 1, span, ZONE).floods == 1
    assert load("c1", burst + again, 1, span, ZONE).floods == 2
    assert load("c1", burst + again, 2, span, ZONE).floods == 0
    slow = [alert(number * MINUTE) for number in range(100)]
    assert load("c1", slow, 1, span, ZONE).floods == 0


def test_three_in_a_minute_chatter() -> None:
    """Those that are told again count; two do not."""
    episodes = [alert(0, "d1", 10 * SECOND, 59 * SECOND), alert(0, "d2", 30 * SECOND, 60 * SECOND)]
    assert chattering(episodes) == {"d1": 1}


def test_the_noisiest_come_first() -> None:
    """Equal ones in order of their id."""
    episodes = [alert(0, "b"), alert(1, "a"), alert(2, "c"), alert(3, "c")]
    assert noisiest(episodes, 2) == [("c", 2), ("a", 1)]
