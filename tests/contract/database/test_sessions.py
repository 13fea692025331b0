"""Sessions: how long they last, what is shown of them, and how they end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from linli.clock import DAY, HOUR, MINUTE
from linli.db import schema
from linli.db.database import Database
from linli.db.people import People
from linli.db.registry import save
from linli.db.sessions import MOST_SESSIONS, MOST_WAITING
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Community, Role
from linli.signin import PENDING_FOR, Lifetime, SignInPolicy, Stage, next_stage
from linli.testing import ManualClock

PASSWORD = "violet harbour 42 tin"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def people(database: Database, clock: ManualClock) -> People:
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
    made = People(database, clock)
    made.add("guard", Role.SECURITY, ["c001"], password=PASSWORD)
    made.add("root", Role.ADMINISTRATOR, password=PASSWORD)
    return made


def test_a_guard_rooms_console_survives_the_night(people: People, clock: ManualClock) -> None:
    """An open page keeps it, and nothing else does: it ends after a day without one, and after a week whatever happens."""
    watched = people.sign_in("guard", PASSWORD).token
    left = people.sign_in("guard", PASSWORD).token
    for _ in range(7 * 24 - 1):
        clock.us += HOUR
        assert people.by_session(watched, acting=False) is not None
    assert people.by_session(left) is None
    clock.us += HOUR
    assert people.by_session(watched) is None


def test_an_administrators_session_wants_to_be_used(people: People, clock: ManualClock) -> None:
    """An open page is no use; and it ends with the working day."""
    watched, used = (people.sign_in("root", PASSWORD).token for _ in range(2))
    for _ in range(6):
        clock.us += 10 * MINUTE - 1
        people.by_session(watched, acting=False)
        assert people.by_session(used) is not None
    clock.us += 10
    assert people.by_session(watched) is None
    for _ in range(12 * 6 - 7):
        clock.us += 10 * MINUTE
        assert people.by_session(used) is not None
    clock.us += 10 * MINUTE
    assert people.by_session(used) is None


def test_what_is_shown_of_a_session_opens_nothing(people: People, clock: ManualClock, database: Database) -> None:
    """Since when, from where, with what, until when; its id is no cookie, and neither is what the database holds."""
    token = people.sign_in("guard", PASSWORD, "192.0.2.7", "Mozilla/5.0\n(X11)").token
    (session,) = people.sessions.of(people.get("guard").id)
    assert (session.since, session.address, session.browser) == (clock.us, "192.0.2.7", "Mozilla/5.0 (X11)")
    assert session.ends_at == clock.us + 7 * DAY
    with database.read() as connection:
        row = connection.execute(select(schema.sessions)).one()
    for shown in (session.id, row.token_hash, token[:-1]):
        assert people.by_session(shown) is None


def test_the_one_used_last_comes_first(people: People, clock: ManualClock) -> None:
    """And those that are over, or never got in, are not listed."""
    user = people.get("guard").id
    first = people.sign_in("guard", PASSWORD, browser="first").token
    clock.us += HOUR
    people.sign_in("guard", PASSWORD, browser="second")
    clock.us += HOUR
    people.by_session(first)
    people.reset_password("root", one_time=True)
    assert [session.browser for session in people.sessions.of(user)] == ["first", "second"]
    clock.us += 23 * HOUR
    assert [session.browser for session in people.sessions.of(user)] == ["first"]


def test_one_session_is_ended_and_nobody_elses(people: People) -> None:
    """By its id, by whom it belongs to; the others go on."""
    guard, root = people.get("guard").id, people.get("root").id
    tokens = [people.sign_in("guard", PASSWORD, browser=str(number)).token for number in range(3)]
    ids = {session.browser: session.id for session in people.sessions.of(guard)}
    for user, wrong in ((root, ids["0"]), (guard, "s0"), (guard, "")):
        with pytest.raises(NotFound):
            people.sessions.end(user, [wrong], by=root)
    people.sessions.end(guard, [ids["1"]], by=root)
    assert [people.by_session(token) is not None for token in tokens] == [True, False, True]
    assert people.sessions.end_others(guard, ids["2"], by=guard) == 1
    assert [people.by_session(token) is not None for token in tokens] == [False, False, True]


def test_a_script_that_signs_in_for_every_request_fills_no_disk(
    people: People, clock: ManualClock, database: Database
) -> None:
    """Of one person so many are kept; the one not used for longest goes."""
    tokens = []
    for _ in range(MOST_SESSIONS + 2):
        clock.us += 1
        tokens.append(people.sign_in("guard", PASSWORD).token)
    kept = [people.by_session(token) is not None for token in tokens]
    assert kept == [False, False] + [True] * MOST_SESSIONS


def one_time(people: People, database: Database) -> None:
    """From now on who signs in as the guard waits, as who has the password alone does."""
    users = schema.users
    with database.write() as connection:
        connection.execute(update(users).where(users.c.name == "guard").values(one_time_until=10**18))


def test_sessions_that_wait_end_none_that_is_complete(people: People, clock: ManualClock, database: Database) -> None:
    """However many are begun; they make room among themselves."""
    owner = people.sign_in("guard", PASSWORD).token
    one_time(people, database)
    tokens = []
    for _ in range(MOST_SESSIONS + MOST_WAITING):
        clock.us += 1
        tokens.append(people.sign_in("guard", PASSWORD, "192.0.2.7").token)
    assert people.by_session(owner) is not None
    waiting = [people.waiting(token) is not None for token in tokens]
    assert waiting == [False] * MOST_SESSIONS + [True] * MOST_WAITING


def test_a_stranger_elsewhere_does_not_end_what_the_owner_has_begun(
    people: People, clock: ManualClock, database: Database
) -> None:
    """Whoever begins most makes room first: not the guard who is just typing the code."""
    one_time(people, database)
    owner = people.sign_in("guard", PASSWORD, "198.51.100.1").token
    for number in range(3 * MOST_WAITING):
        clock.us += 1
        people.sign_in("guard", PASSWORD, f"2001:db8::{number:x}")
    assert people.waiting(owner) is not None
    signed = people.change_password(owner, PASSWORD, "amber lighthouse 7 fig")
    assert people.by_session(signed.token) is not None


def test_who_has_waited_counts_when_they_are_in(people: People, clock: ManualClock, database: Database) -> None:
    """There are never more complete ones than that."""
    for _ in range(MOST_SESSIONS):
        clock.us += 1
        people.sign_in("guard", PASSWORD)
    entered = people.sign_in("guard", PASSWORD)
    with database.write() as connection:
        people.sessions.renew(connection, people.sessions.of(people.get("guard").id)[0].id, Role.SECURITY, Stage.CODE)
    waits = next(one for one in _all_ids(database) if one not in {s.id for s in people.sessions.of(_guard(people))})
    people.sign_in("guard", PASSWORD)
    assert len(people.sessions.of(_guard(people))) == MOST_SESSIONS
    with database.write() as connection:
        people.sessions.renew(connection, waits, Role.SECURITY, Stage.COMPLETE)
    assert len(people.sessions.of(_guard(people))) == MOST_SESSIONS
    assert waits in {session.id for session in people.sessions.of(_guard(people))}
    assert entered.stage is Stage.COMPLETE


def _guard(people: People) -> str:
    return people.get("guard").id


def _all_ids(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(schema.sessions.c.id)).scalars())


def test_a_session_that_waits_does_not_wait_long(people: People, clock: ManualClock, database: Database) -> None:
    """And is cleared away with the next sign-in."""
    made = people.reset_password("guard", one_time=True)
    token = people.sign_in("guard", made).token
    clock.us += PENDING_FOR - 1
    assert people.waiting(token) is not None
    clock.us += 1
    assert people.waiting(token) is None
    people.sign_in("root", PASSWORD)
    with database.read() as connection:
        assert len(connection.execute(select(schema.sessions)).all()) == 1


def test_a_full_disk_signs_nobody_out(people: People, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is used cannot be written down; the alerts can still be looked at."""
    token = people.sign_in("guard", PASSWORD).token
    clock.us += HOUR

    def full() -> None:
        raise OperationalError("UPDATE", {}, Exception("disk full"))

    monkeypatch.setattr(people.sessions._database, "write", full)
    assert people.by_session(token) is not None


def test_lifetimes_are_settings(database: Database, clock: ManualClock) -> None:
    """Of staff and of administrators."""
    people = People(database, clock, SignInPolicy(False, Lifetime(DAY, HOUR), Lifetime(HOUR, MINUTE)))
    for name, role, idle in (("a", Role.AUDITOR, HOUR), ("b", Role.ADMINISTRATOR, MINUTE)):
        people.add(name, role, password=PASSWORD)
        token = people.sign_in(name, PASSWORD).token
        clock.us += idle - 1
        assert people.by_session(token) is not None
        clock.us += idle
        assert people.by_session(token) is None


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_nothing_that_is_wanted_is_passed_over(has: bool, shown: bool, one_time: bool, demanded: bool) -> None:
    """Whatever somebody has shown, a session is complete only if there is nothing left."""
    stage = next_stage(has_factor=has, factor_shown=shown, one_time_password=one_time, factor_demanded=demanded)
    complete = (shown or not has) and not one_time and (has or shown or not demanded)
    assert (stage is Stage.COMPLETE) == complete
    assert stage is not Stage.CODE or has
    assert stage is not Stage.ENROLMENT or (demanded and not has)
