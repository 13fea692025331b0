"""How often a password may be tried."""

from linli.db.throttle import BURST, MAX_NAMES, OVERALL_BURST, OVERALL_REFILL_S, REFILL_S, Throttle


def test_a_name_has_a_burst_and_then_waits() -> None:
    """After BURST tries the next one waits, and one comes back each REFILL_S."""
    throttle = Throttle(0.0)
    assert [throttle.take("a", 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert throttle.take("a", 0.0) == REFILL_S
    assert throttle.take("a", REFILL_S / 2) == REFILL_S / 2
    assert throttle.take("a", REFILL_S) == 0.0
    assert throttle.take("a", REFILL_S) > 0


def test_waiting_costs_nothing() -> None:
    """A try that was not granted does not lengthen the wait: nobody can lock a name out for longer by trying harder."""
    throttle = Throttle(0.0)
    for _ in range(BURST + 50):
        throttle.take("a", 0.0)
    assert throttle.take("a", REFILL_S) == 0.0


def test_another_name_is_not_held_up() -> None:
    """The bucket is the name's own."""
    throttle = Throttle(0.0)
    for _ in range(BURST + 1):
        throttle.take("a", 0.0)
    assert throttle.take("b", 0.0) == 0.0


def test_all_names_together_are_bounded() -> None:
    """Ten thousand names with one password each get no further than one name with ten thousand."""
    throttle = Throttle(0.0)
    granted = sum(throttle.take(f"n{number}", 0.0) == 0.0 for number in range(10_000))
    assert granted == OVERALL_BURST
    assert throttle.take("m", OVERALL_REFILL_S) == 0.0


def test_ten_thousand_passwords_take_days() -> None:
    """Over an hour of trying as fast as it goes, one name gets BURST and one each REFILL_S."""
    throttle = Throttle(0.0)
    granted = sum(throttle.take("a", tenth / 10) == 0.0 for tenth in range(36_000))
    assert granted <= BURST + 3600 / REFILL_S


def test_being_right_forgives() -> None:
    """Who signs in has all tries again."""
    throttle = Throttle(0.0)
    for _ in range(BURST):
        throttle.take("a", 0.0)
    throttle.forgive("a")
    assert throttle.take("a", 0.0) == 0.0


def test_memory_is_bounded() -> None:
    """The name not tried for longest is forgotten first."""
    throttle = Throttle(0.0)
    for number in range(MAX_NAMES + 5):
        throttle.take(f"n{number}", number * 10.0)
    assert len(throttle._names) == MAX_NAMES
