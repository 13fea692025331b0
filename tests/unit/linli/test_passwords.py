"""What a password must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.db.proofs import make_password
from linli.passwords import MAX_LENGTH, MIN_LENGTH, fault_of

GUESSED = [
    "password123",
    "Password123!",
    "P@ssw0rd2024",
    "passwordpassword",
    "1234567890",
    "0987654321",
    "12345678910",
    "qwertyuiop",
    "1qaz2wsx3edc",
    "qwerty123456",
    "aaaaaaaaaaaa",
    "abababababab",
    "abcdefghijkl",
    "administrator",
    "admin123456",
    "linli123456",
    "Linli@2026",
    "letmein12345",
    "iloveyou1234",
    "woaini1314520",
    "zhangwei-2026",
    "邻里小区管理员密码啊啊啊",
]
GOOD = [
    "correct horse battery",
    "violet harbour 42 tin",
    "k7mqp-3xw9d-hh2rt",
    "湖边三棵树下听雨声到天明",
    "my cat ate 7 fish",
    "x" * 5 + "Tr0ub4dor&3",
]


@pytest.mark.parametrize("password", GUESSED)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    """Common words, runs of keys, the account's and the product's name, with the usual disguises."""
    fault = fault_of(password, ("zhangwei", "Zhang Wei"))
    assert fault is not None
    assert fault.zh != fault.en


@pytest.mark.parametrize("password", GOOD)
def test_a_few_unrelated_words_are_taken(password: str) -> None:
    """No capital, digit or sign is asked for."""
    assert fault_of(password, ("zhangwei", "Zhang Wei")) is None


def test_lengths() -> None:
    """Bounds in characters, whatever they are."""
    words = "lake thunder copper kiwi "
    assert fault_of((words * 10)[: MIN_LENGTH - 1]) is not None
    assert fault_of((words * 10)[:MIN_LENGTH]) is None
    assert fault_of((words * 10)[:MAX_LENGTH]) is None
    assert fault_of((words * 10)[: MAX_LENGTH + 1]) is not None


def test_one_that_linli_makes_is_always_taken() -> None:
    """However the letters fall."""
    assert [one for one in (make_password() for _ in range(500)) if fault_of(one)] == []


@given(st.text(max_size=MAX_LENGTH + 5), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_judged(password: str, names: list[str]) -> None:
    """Without failing."""
    fault_of(password, names)
