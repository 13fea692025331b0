"""How often a password may be tried."""

import pytest

from linli.db.throttle import (
    ADDRESS_BURST,
    ADDRESS_REFILL_S,
    BURST,
    MAX_KEPT,
    MAX_KNOWN,
    REFILL_S,
    Throttle,
    source_of,
)

DESK, STRANGER = "192.0.2.1", "203.0.113.9"


def test_a_name_has_a_burst_and_then_waits() -> None:
    """After BURST tries the next one waits, and one comes back each REFILL_S."""
    throttle = Throttle()
    assert [throttle.take("a", DESK, 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert throttle.take("a", DESK, 0.0) == REFILL_S
    assert throttle.take("a", DESK, REFILL_S / 2) == REFILL_S / 2
    assert throttle.take("a", DESK, REFILL_S) == 0.0
    assert throttle.take("a", DESK, REFILL_S) > 0


def test_another_address_gives_no_more_tries() -> None:
    """A name's tries are its own, from wherever they come: ten thousand machines get no further than one."""
    throttle = Throttle()
    granted = sum(throttle.take("a", f"10.0.{number // 256}.{number % 256}", 0.0) == 0.0 for number in range(10_000))
    assert granted == BURST


def test_waiting_costs_nothing() -> None:
    """A try that was not granted does not lengthen the wait: nobody can lock a name out for longer by trying harder."""
    throttle = Throttle()
    for _ in range(BURST + 50):
        throttle.take("a", DESK, 0.0)
    assert throttle.take("a", DESK, REFILL_S) == 0.0


def test_another_name_is_not_held_up() -> None:
    """The bucket is the name's own."""
    throttle = Throttle()
    for _ in range(BURST + 1):
        throttle.take("a", DESK, 0.0)
    assert throttle.take("b", DESK, 0.0) == 0.0


def test_all_names_together_are_bounded_for_an_address() -> None:
    """Ten thousand names with one password each get no further than one name with ten thousand."""
    throttle = Throttle()
    granted = sum(throttle.take(f"n{number}", STRANGER, 0.0) == 0.0 for number in range(10_000))
    assert granted == ADDRESS_BURST
    assert throttle.take("m", STRANGER, ADDRESS_REFILL_S) == 0.0


def test_a_stranger_with_many_names_locks_nobody_else_out() -> None:
    """Who uses up an address's tries has used up their own: the guard's desk signs in as ever."""
    throttle = Throttle()
    for number in range(1000):
        throttle.take(f"n{number}", STRANGER, 0.0)
    assert throttle.take("guard", STRANGER, 0.0) > 0
    assert throttle.take("guard", DESK, 0.0) == 0.0


def test_a_stranger_who_knows_a_name_does_not_lock_its_desk_out() -> None:
    """From where the name has signed in before it may try again, whatever is guessed elsewhere; and no oftener than any."""
    throttle = Throttle()
    assert throttle.take("guard", DESK, 0.0) == 0.0
    throttle.forgive("guard", DESK)
    while throttle.take("guard", STRANGER, 0.0) == 0.0:
        pass
    assert [throttle.take("guard", DESK, 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert throttle.take("guard", DESK, 0.0) > 0
    assert throttle.take("guard", "192.0.2.77", 0.0) > 0, "a desk that never signed in"
    assert throttle.take("other", DESK, 0.0) == 0.0


def test_a_new_password_makes_every_address_unknown() -> None:
    """And gives all tries back."""
    throttle = Throttle()
    throttle.forgive("guard", DESK)
    for address in (DESK, STRANGER):
        while throttle.take("guard", address, 0.0) == 0.0:
            pass
    throttle.forget("guard")
    assert [throttle.take("guard", STRANGER, 0.0) for _ in range(BURST)] == [0.0] * BURST
    assert throttle.take("guard", DESK, 0.0) > 0, "the desk shares the name's tries again"


def test_ten_thousand_passwords_take_days() -> None:
    """Over an hour of trying as fast as it goes, one name gets BURST and one each REFILL_S."""
    throttle = Throttle()
    granted = sum(throttle.take("a", DESK, tenth / 10) == 0.0 for tenth in range(36_000))
    assert granted <= BURST + 3600 / REFILL_S


def test_being_right_forgives() -> None:
    """Who signs in has all tries again."""
    throttle = Throttle()
    for _ in range(BURST):
        throttle.take("a", DESK, 0.0)
    throttle.forgive("a", DESK)
    assert throttle.take("a", DESK, 0.0) == 0.0


def test_a_names_tries_do_not_come_back_by_trying_others() -> None:
    """However many names one address tries: what it was not granted pushes out nobody's bucket."""
    throttle = Throttle()
    while throttle.take("guard", STRANGER, 0.0) == 0.0:
        pass
    for number in range(MAX_KEPT + 1):
        throttle.take(f"n{number}", STRANGER, 0.0)
    assert throttle.take("guard", DESK, 0.0) > 0


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("testclient", "testclient"),
        ("x" * 500, "x" * 64),
    ],
)
def test_what_counts_as_one_address(address: str, source: str) -> None:
    """One machine has a whole /64 of IPv6, and a socket for both shows IPv4 mapped."""
    assert source_of(address) == source


def test_memory_is_bounded() -> None:
    """The name, and the address, not tried for longest is forgotten first; a name knows a few addresses, the latest."""
    throttle = Throttle()
    for number in range(MAX_KEPT + 5):
        address = f"10.1.{number // 256}.{number % 256}"
        throttle.take(f"n{number}", address, number * 10.0)
        throttle.forgive(f"m{number}", address)
        throttle.forgive("everywhere", address)
    assert len(throttle._names) == len(throttle._addresses) == len(throttle._known) == MAX_KEPT
    assert len(throttle._known["everywhere"]) == MAX_KNOWN
