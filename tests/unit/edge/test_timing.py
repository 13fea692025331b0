"""Whose time counts, and how far the agent's clock is off."""

from edge.timing import ClockOffset

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND


def test_the_quickest_acknowledgement_tells_the_offset() -> None:
    """Each shows the offset and its time on the way; the least of them is nearest."""
    offset = ClockOffset()
    assert offset.ms(0.0) is None
    for delay_ms, now in ((80, 1.0), (3, 2.0), (500, 3.0)):
        offset.heard(NOW, NOW + 2 * SECOND + delay_ms * 1000, now)
    assert offset.ms(3.0) == 2003.0


def test_an_agent_that_is_behind_has_a_negative_offset() -> None:
    """By a year, or by a little."""
    offset = ClockOffset()
    offset.heard(NOW, NOW - 365 * 86400 * SECOND, 1.0)
    assert offset.ms(1.0) == -365 * 86400 * 1000.0


def test_a_clock_that_was_set_shows_within_a_minute() -> None:
    """What was heard before is forgotten, though it was less."""
    offset = ClockOffset()
    shown = []
    for second in range(0, 120, 10):
        ahead = 0 if second < 30 else 3600 * SECOND
        offset.heard(NOW, NOW + ahead + 5000, float(second))
        shown.append(offset.ms(float(second)))
    assert shown[2] == 5.0
    assert shown[-1] == 3_600_005.0
    assert shown.index(3_600_005.0) <= 9


def test_of_a_silent_server_nothing_is_said() -> None:
    """An offset of an hour ago is not known now."""
    offset = ClockOffset()
    offset.heard(NOW, NOW + 5000, 0.0)
    assert offset.ms(59.0) == 5.0
    assert offset.ms(61.0) is None
    offset.heard(NOW, NOW + 9000, 3600.0)
    assert offset.ms(3600.0) == 9.0
