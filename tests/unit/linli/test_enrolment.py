"""One-time codes: how they are read, what they are good for, and the table that gives out each one once."""

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from linli.clock import DAY, HOUR, SECOND
from linli.db import schema
from linli.db.database import Database
from linli.db.enrolments import KEPT_FOR, SqlEnrolments
from linli.db.registry import save
from linli.db.throttle import BURST
from linli.enrolment import (
    ANSWERED_AGAIN_FOR,
    MAX_VALID_FOR,
    REASONS,
    VALID_FOR,
    Enrolment,
    Standing,
    digest,
    judge,
    new_code,
    read_code,
)
from linli.errors import NotFound, Refused, TooMany
from linli.i18n import Text
from linli.model import Community, Gateway
from linli.testing import ManualClock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NOW = 1_800_000_000 * SECOND
ATTEMPT = "an attempt of one agent"


def test_a_code_is_read_as_people_write_it() -> None:
    """Lower case, blanks, no dashes, full-width letters of an input method, and the letters that look like digits."""
    code = "7K3M-Q9XT-2PFD-0"
    letters = next(
        found for last in itertools.product(ALPHABET, repeat=3) if (found := read_code(code + "".join(last)))
    )
    written = [
        letters.lower(),
        " ".join(letters),
        "".join(chr(ord(letter) + 0xFEE0) for letter in letters),
        letters.replace("0", "O").replace("1", "l"),
        letters.replace("0", "o").replace("1", "I"),
        f"  {letters[:8]}—{letters[8:]}\n",
    ]
    assert [read_code(text) for text in written] == [letters] * len(written)


@pytest.mark.parametrize("_number", range(20))
def test_one_wrong_letter_or_two_swapped_is_always_found(_number: int) -> None:
    """So a slip is told at the keyboard, without a try at the server."""
    letters = read_code(new_code())
    assert letters is not None
    for place in range(16):
        for other in ALPHABET.replace(letters[place], ""):
            assert read_code(letters[:place] + other + letters[place + 1 :]) is None
        if place and letters[place - 1] != letters[place]:
            swapped = letters[: place - 1] + letters[place] + letters[place - 1] + letters[place + 1 :]
            assert read_code(swapped) is None


@given(st.text(max_size=80))
def test_any_text_is_a_code_or_none(text: str) -> None:
    """Never an error, and never letters outside the alphabet."""
    letters = read_code(text)
    assert letters is None or (len(letters) == 16 and set(letters) <= set(ALPHABET))


def test_codes_are_many_and_easy_to_type() -> None:
    """Four groups without I, L, O, U; a thousand of them are a thousand."""
    codes = {new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert not set("".join(codes)) & set("ILOU" + string.ascii_lowercase)
    assert {tuple(map(len, code.split("-"))) for code in codes} == {(4, 4, 4, 4)}


@pytest.mark.parametrize(
    ("redeemed", "same", "now", "standing"),
    [
        (None, False, NOW, Standing.OPEN),
        (None, True, NOW + HOUR - 1, Standing.OPEN),
        (None, True, NOW + HOUR, Standing.EXPIRED),
        (NOW, True, NOW, Standing.AGAIN),
        (NOW, True, NOW + ANSWERED_AGAIN_FOR - 1, Standing.AGAIN),
        (NOW, True, NOW + ANSWERED_AGAIN_FOR, Standing.USED),
        (NOW, True, NOW - 1, Standing.USED),
        (NOW, False, NOW, Standing.USED),
        (NOW, False, NOW + DAY, Standing.USED),
    ],
)
def test_what_a_code_is_good_for(redeemed: int | None, same: bool, now: int, standing: Standing) -> None:
    """Once, until it expires, and a moment longer for the attempt that had it."""
    attempt = digest(ATTEMPT)
    enrolment = Enrolment("gw1", NOW + HOUR, redeemed, None if redeemed is None else attempt)
    assert judge(enrolment, attempt if same else digest("another"), now) is standing


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.fixture
def database(database: Database) -> Database:
    with database.write() as connection:
        name = Text("甲", "A")
        save(connection, [Community("c001", name), Gateway("gw1", "c001", name), Gateway("gw2", "c001", name)])
    return database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def give(gateway: Gateway, again: bool) -> str:
    return f"{gateway.id} again" if again else gateway.id


def reason(enrolments: SqlEnrolments, code: str, attempt: str = ATTEMPT, address: str = "192.0.2.1") -> str:
    with pytest.raises(Refused) as caught:
        enrolments.redeem(code, attempt, address, give)
    assert caught.value.text == REASONS[caught.value.reason]
    return caught.value.reason


def test_a_code_is_good_once(database: Database, clock: ManualClock) -> None:
    """The attempt that had it is answered again; every other finds it used."""
    enrolments = SqlEnrolments(database, clock)
    code = enrolments.invite("gw1", "root").code
    assert enrolments.redeem(code, ATTEMPT, "192.0.2.1", give) == "gw1"
    assert enrolments.redeem(code, ATTEMPT, "192.0.2.1", give) == "gw1 again"
    assert reason(enrolments, code, "somebody else's attempt") == "enrolment_used"


def test_a_code_that_could_not_be_honoured_is_not_used_up(database: Database, clock: ManualClock) -> None:
    """The table of broker users cannot be written, say: the same code works afterwards."""
    enrolments = SqlEnrolments(database, clock)
    code = enrolments.invite("gw1", "root").code

    def fail(_gateway: Gateway, _again: bool) -> str:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        enrolments.redeem(code, ATTEMPT, "192.0.2.1", fail)
    assert enrolments.redeem(code, ATTEMPT, "192.0.2.1", give) == "gw1"


def test_wrong_expired_and_forgotten_codes(database: Database, clock: ManualClock) -> None:
    """A code that nobody made, or one long over, are answered alike; one that has just expired says so."""
    enrolments = SqlEnrolments(database, clock)
    code = enrolments.invite("gw1", "root", HOUR).code
    clock.advance(HOUR / SECOND)
    assert reason(enrolments, code) == "enrolment_expired"
    assert reason(enrolments, new_code()) == "enrolment_unknown"
    assert reason(enrolments, "hello") == "enrolment_unknown"
    clock.advance((KEPT_FOR + DAY) / SECOND)
    enrolments.invite("gw2", "root")
    assert reason(enrolments, code) == "enrolment_unknown"


def test_a_second_invitation_ends_the_first(database: Database, clock: ManualClock) -> None:
    """Of one gateway; another's stands. A code that was sent to the wrong person is ended by making another."""
    enrolments = SqlEnrolments(database, clock)
    first, other = enrolments.invite("gw1", "root").code, enrolments.invite("gw2", "root").code
    second = enrolments.invite("gw1", "root").code
    assert reason(enrolments, first) == "enrolment_expired"
    assert enrolments.redeem(second, ATTEMPT, "192.0.2.1", give) == "gw1"
    assert enrolments.redeem(other, ATTEMPT, "192.0.2.1", give) == "gw2"


def test_only_the_hash_of_a_code_is_kept(database: Database, clock: ManualClock) -> None:
    """With who made it and where it was used, which an administrator may want to know later."""
    made = SqlEnrolments(database, clock).invite("gw1", "root")
    SqlEnrolments(database, clock).redeem(made.code, ATTEMPT, "192.0.2.1", give)
    with database.read() as connection:
        row = connection.execute(select(schema.enrolments)).one()
    assert made.code.replace("-", "") not in str(row)
    assert ATTEMPT not in str(row)
    assert (row.created_by, row.created_at, row.expires_at) == ("root", NOW, NOW + VALID_FOR)
    assert (row.redeemed_at, row.redeemed_from) == (NOW, "192.0.2.1")


@pytest.mark.parametrize("duration", [0, -1, MAX_VALID_FOR + 1])
def test_a_code_is_not_good_for_ever(database: Database, clock: ManualClock, duration: int) -> None:
    """Seven days at most."""
    with pytest.raises(Refused, match="seven days"):
        SqlEnrolments(database, clock).invite("gw1", "root", duration)


def test_a_gateway_that_is_not_registered_is_not_invited(database: Database, clock: ManualClock) -> None:
    """And it is said how to register it."""
    with pytest.raises(NotFound, match="gateway add"):
        SqlEnrolments(database, clock).invite("gw9", "root")


def test_guessing_is_throttled_by_address(database: Database, clock: ManualClock) -> None:
    """A few tries, then one in a while; the right code does not get in either, and others are not held up."""
    enrolments = SqlEnrolments(database, clock)
    code = enrolments.invite("gw1", "root").code
    for _ in range(BURST):
        assert reason(enrolments, new_code(), address="2001:db8::1") == "enrolment_unknown"
    for right_or_wrong in (code, new_code()):
        with pytest.raises(TooMany) as caught:
            enrolments.redeem(right_or_wrong, ATTEMPT, "2001:db8::2", give)  # the same /64
        assert caught.value.retry_after_s > 0
    assert enrolments.redeem(code, ATTEMPT, "192.0.2.1", give) == "gw1"
