"""Two at the door at the same time: what ends sessions ends also the one that is just being made, and what counts once counts once.

As in `test_at_once`: the first is stopped just before it commits, the second runs as far as it can.
"""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from sqlalchemy import func, select

from linli.clock import SECOND
from linli.db import schema
from linli.db.database import Database
from linli.db.people import People, SignedIn, WrongCode
from linli.errors import Conflict, NotSignedIn
from linli.model import Role
from linli.sealing import Seals
from linli.secondfactor import STEP_S, code_at
from linli.signin import Stage
from linli.testing import ManualClock
from tests.contract.database.test_at_once import at_once

PASSWORD = "violet harbour 42 tin"
NOW = 1_700_000_010_000_000


@pytest.fixture
def door(database: Database, tmp_path: Path) -> Callable[[Database], People]:
    """The people of a database, as each API process has them; 'guard' is there."""

    def people(db: Database) -> People:
        return People(db, ManualClock(NOW), seals=Seals(tmp_path / "secrets"))

    people(database).add("guard", Role.SECURITY, password=PASSWORD)
    return people


Door = Callable[[Database], People]
ENDING: dict[str, Callable[[People], object]] = {
    "another password": lambda people: people.reset_password("guard"),
    "disabled": lambda people: people.set_enabled("guard", False),
}


def sessions(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(schema.sessions)).scalar_one()


@pytest.mark.parametrize("ending", ENDING)
def test_who_is_just_signing_in_does_not_slip_through(database: Database, door: Door, ending: str) -> None:
    """Their password was right when it was tried, and is not any more."""
    one, two = at_once(database, lambda db: ENDING[ending](door(db)), lambda db: door(db).sign_in("guard", PASSWORD))
    one.result()
    assert isinstance(two.exception(), NotSignedIn)
    assert sessions(database) == 0


@pytest.mark.parametrize("ending", ENDING)
def test_who_has_just_signed_in_is_out_again(database: Database, door: Door, ending: str) -> None:
    """The other way round: a session that is there when it is said, though nobody could see it yet."""
    one, two = at_once(database, lambda db: door(db).sign_in("guard", PASSWORD), lambda db: ENDING[ending](door(db)))
    assert isinstance(one.result(), SignedIn)
    two.result()
    assert sessions(database) == 0


def test_changing_ones_password_lets_nobody_slip_through(database: Database, door: Door) -> None:
    """Who knows the old one tries it at that moment."""
    own = door(database).sign_in("guard", PASSWORD).token
    one, two = at_once(
        database,
        lambda db: door(db).change_password(own, PASSWORD, "amber lighthouse 7 fig"),
        lambda db: door(db).sign_in("guard", PASSWORD),
    )
    assert isinstance(one.result(), SignedIn)
    assert isinstance(two.exception(), NotSignedIn)
    assert sessions(database) == 1


def offered(people: People, token: str, at: int = NOW) -> str:
    """The code of what is offered now in the session."""
    return code_at(people.offer_factor(token, PASSWORD).secret, at)


def test_of_two_who_set_up_a_factor_one_does(database: Database, door: Door) -> None:
    """The other one's session ends with it, whatever was on offer there."""
    people = door(database)
    tokens = [people.sign_in("guard", PASSWORD).token for _ in range(2)]
    codes = [offered(people, token) for token in tokens]
    one, two = at_once(
        database,
        lambda db: door(db).enrol_factor(tokens[0], codes[0]),
        lambda db: door(db).enrol_factor(tokens[1], codes[1]),
    )
    one.result()
    assert isinstance(two.exception(), NotSignedIn | Conflict)
    assert sessions(database) == 1


@pytest.mark.parametrize("of", ["the phone", "paper"])
def test_a_code_given_twice_at_once_counts_once(database: Database, door: Door, of: str) -> None:
    """By who looked over a shoulder, and by its owner: one of the two gets in."""
    people = door(database)
    own = people.sign_in("guard", PASSWORD).token
    secret = people.offer_factor(own, PASSWORD).secret
    _, recovery = people.enrol_factor(own, code_at(secret, NOW))
    code = code_at(secret, NOW + STEP_S * SECOND) if of == "the phone" else recovery[0]
    waiting = [people.sign_in("guard", PASSWORD).token for _ in range(2)]

    def give(token: str) -> Callable[[Database], SignedIn]:
        return lambda db: door(db).give_code(token, code)

    one: Future[SignedIn]
    one, two = at_once(database, give(waiting[0]), give(waiting[1]))
    assert one.result().stage is Stage.COMPLETE
    assert isinstance(two.exception(), WrongCode)
