"""Accounts, sessions and tokens, on both databases."""

from statistics import median
from time import perf_counter

import pytest
from sqlalchemy import insert, select, update

from linli.db import proofs, schema
from linli.db.accountlist import described
from linli.db.accounts import ONE_TIME_FOR
from linli.db.database import Database
from linli.db.people import (
    Changes,
    PasswordOver,
    People,
    Person,
    SamePassword,
    WrongPresent,
    make_demo_accounts,
    make_password,
)
from linli.db.registry import save
from linli.db.throttle import ADDRESS_BURST, BURST, REFILL_S
from linli.errors import Conflict, NotFound, NotSignedIn, Outdated, Refused, TooMany
from linli.i18n import Language, Text
from linli.model import Community, Role
from linli.roles import ROLES, Reach
from linli.signin import Stage
from linli.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def people(database: Database, clock: ManualClock) -> People:
    with database.write() as connection:
        save(connection, [Community(name, Text(name, name)) for name in ("c001", "c002")])
    return People(database, clock)


def add_guard(people: People) -> tuple[Person, str]:
    return people.add("guard", Role.SECURITY, ["c001"])


def test_who_was_added_can_sign_in(people: People) -> None:
    """With the password that was made, to the communities given."""
    person, password = add_guard(people)
    signed = people.sign_in("guard", password)
    assert signed.stage is Stage.COMPLETE
    assert signed.person == person == people.by_session(signed.token) == people.get("guard")
    assert person.communities == frozenset({"c001"})
    assert person.sees("c001")
    assert not person.sees("c002")


def test_an_administrator_sees_all(people: People) -> None:
    """Whatever communities were named."""
    person, _ = people.add("root", Role.ADMINISTRATOR, ["c001"])
    assert person.communities is None
    assert people.get("root").sees("c999")


def test_only_hashes_are_kept(people: People, database: Database) -> None:
    """Neither password, cookie nor token can be read back from the database."""
    _, password = add_guard(people)
    session = people.sign_in("guard", password).token
    _, secret = people.new_token("guard", "script")
    with database.read() as connection:
        kept = str([connection.execute(select(t)).all() for t in (schema.users, schema.sessions, schema.api_tokens)])
    assert "$argon2id$" in kept
    for hidden in (password, session, secret):
        assert hidden not in kept


@pytest.mark.parametrize("name", ["guard", "nobody"])
def test_a_wrong_password_says_the_same_for_known_and_unknown_names(
    people: People, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words, after checking one argon2 hash of the same cost."""
    add_guard(people)
    checked: list[str] = []
    real = proofs.verified

    def counting(password: str, hashed: str) -> bool:
        checked.append(hashed.rsplit("$", 2)[0])
        return real(password, hashed)

    monkeypatch.setattr("linli.db.door.verified", counting)
    with pytest.raises(NotSignedIn) as raised:
        people.sign_in(name, "wrong")
    assert raised.value.text.en == "the name or the password is wrong"
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1"]


@pytest.mark.parametrize("name", ["guard", "nobody"])
def test_tries_are_throttled(people: People, clock: ManualClock, name: str) -> None:
    """A name that nobody has too; even the right password waits, and works after the wait."""
    _, password = add_guard(people)
    for _ in range(BURST):
        with pytest.raises(NotSignedIn):
            people.sign_in(name, "wrong")
    with pytest.raises(TooMany) as raised:
        people.sign_in(name, password)
    assert raised.value.retry_after_s == pytest.approx(REFILL_S)
    clock.advance(REFILL_S)
    if name == "guard":
        people.sign_in(name, password)


def test_a_stranger_locks_nobody_out(people: People) -> None:
    """Neither by trying many names, nor by guessing at one that somebody uses: at their desk they sign in as before."""
    _, password = add_guard(people)
    people.sign_in("guard", password, "192.0.2.1")
    for name in ["guard"] * BURST + [f"n{number}" for number in range(ADDRESS_BURST - BURST)]:
        with pytest.raises(NotSignedIn):
            people.sign_in(name, "wrong", "203.0.113.9")
    for name in ("guard", "anybody"):
        with pytest.raises(TooMany):
            people.sign_in(name, password, "203.0.113.9")
    people.sign_in("guard", password, "192.0.2.1")


@pytest.mark.parametrize("password", ["", "x" * 100_000, "\ud800", "\x00", "密码密码密码密码密码密码"])
def test_odd_passwords_are_only_wrong(people: People, password: str) -> None:
    """No input to sign-in does anything but fail."""
    add_guard(people)
    with pytest.raises(NotSignedIn):
        people.sign_in("guard", password)


def test_an_empty_password_never_fits_by_way_of_one_too_long(people: People) -> None:
    """What is too long to be a password is checked as another one for its time, never for its answer."""
    people.add("long", Role.SECURITY, ["c001"], password="k7mqp-3xw9")
    with pytest.raises(NotSignedIn):
        people.sign_in("long", "k7mqp-3xw9" * 100)


def test_signing_out_ends_one_session(people: People) -> None:
    """And leaves the others; twice is allowed."""
    _, password = add_guard(people)
    first, second = (people.sign_in("guard", password).token for _ in range(2))
    people.sign_out(first)
    people.sign_out(first)
    assert people.by_session(first) is None
    assert people.by_session(second) is not None


def test_a_reset_ends_sessions_and_the_old_password(people: People) -> None:
    """The new one works at once, even after too many tries with the old."""
    _, old = add_guard(people)
    token = people.sign_in("guard", old).token
    for _ in range(BURST):
        with pytest.raises(NotSignedIn):
            people.sign_in("guard", "wrong")
    new = people.reset_password("guard")
    assert new != old
    assert people.by_session(token) is None
    people.sign_in("guard", new)
    with pytest.raises(NotSignedIn):
        people.sign_in("guard", old)


def test_a_disabled_account_is_nobody(people: People) -> None:
    """Neither session, token nor password works, and the answer is that of a wrong password; enabling brings tokens
    back, not sessions."""
    person, password = add_guard(people)
    session = people.sign_in("guard", password).token
    _, secret = people.new_token("guard", "script")
    people.set_enabled("guard", False)
    assert people.by_session(session) is None
    assert people.by_token(secret) is None
    assert people.enabled_by_id([person.id]) == {}
    with pytest.raises(NotSignedIn) as raised:
        people.sign_in("guard", password)
    assert raised.value.text.en == "the name or the password is wrong"
    people.set_enabled("guard", True)
    assert people.by_token(secret) is not None
    assert people.by_session(session) is None


@pytest.mark.parametrize("name", ["", "A", "a b", "a" * 65, "<img onerror>", "..", "é", "a\n"])
def test_names_that_are_not_taken(people: People, name: str) -> None:
    """A sign-in name has one spelling."""
    with pytest.raises(Refused) as raised:
        people.add(name, Role.SECURITY)
    assert raised.value.reason == "bad_name"
    assert raised.value.text.zh != raised.value.text.en


def test_a_name_is_found_in_any_case_at_sign_in(people: People) -> None:
    """A phone capitalises the first letter."""
    _, password = add_guard(people)
    people.sign_in("Guard", password)


def test_what_cannot_be_added(people: People) -> None:
    """A name in use, a community that is not there, a short password, a name to show with a line feed."""
    add_guard(people)
    with pytest.raises(Conflict):
        add_guard(people)
    with pytest.raises(NotFound):
        people.add("other", Role.SECURITY, ["c003"])
    with pytest.raises(Refused):
        people.add("other", Role.SECURITY, password="short")
    with pytest.raises(Refused):
        people.add("other", Role.SECURITY, display_name="a\nb")
    assert [person.name for person in people.all()] == ["guard"]


def test_nobody_of_that_name(people: People) -> None:
    """NotFound from whatever names an account or a token."""
    for ask in (people.get, people.reset_password, people.tokens.revoke, people.reset_factor, people.by_id):
        with pytest.raises(NotFound):
            ask("nobody")
    with pytest.raises(NotFound):
        people.set_enabled("nobody", False)
    with pytest.raises(NotFound):
        people.new_token("nobody", "x")


def test_the_language_is_remembered(people: People) -> None:
    """As the person chose it."""
    person, _ = add_guard(people)
    people.set_language(person, Language.EN)
    assert people.get("guard").language == "en"


def test_the_accounts_of_a_first_run(people: People) -> None:
    """One of each role, with passwords that differ; none once anybody has an account."""
    made = make_demo_accounts(people, ["c001", "c002"])
    assert [(role.value, name) for role, name, _ in made] == [
        ("administrator", "admin"),
        ("security", "guard"),
        ("property", "manager"),
    ]
    assert len({password for _, _, password in made}) == 3
    for role, name, password in made:
        person = people.sign_in(name, password).person
        assert person.role is role
        assert person.sees("c002")
    assert make_demo_accounts(people, ["c001"]) == []
    assert make_demo_accounts(people, ["c001"], complete=True) == []


def test_accounts_that_complete_those_there_are(people: People) -> None:
    """For a role that nobody has, unless somebody has the name."""
    people.add("manager", Role.ADMINISTRATOR)
    made = make_demo_accounts(people, ["c001"], complete=True)
    assert [(role, name) for role, name, _ in made] == [(Role.SECURITY, "guard")]
    assert people.get("guard").sees("c001")


def test_made_passwords_are_readable_and_differ() -> None:
    """Three groups without letters that look alike."""
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert not set("".join(made)) & set("01ilo")
    assert all([len(group) for group in password.split("-")] == [5, 5, 5] for password in made)


# --- roles, and where people belong -----------------------------------------------------------------------------------


def put_committee(database: Database, committee: str, *communities: str) -> None:
    """A committee, and the communities that it looks after."""
    names = {"name_zh": committee, "name_en": committee}
    with database.write() as connection:
        if connection.execute(select(schema.districts.c.id)).first() is None:
            connection.execute(insert(schema.districts).values(id="d1", **names))
        connection.execute(insert(schema.committees).values(id=committee, district_id="d1", kind="village", **names))
        table = schema.communities
        connection.execute(update(table).where(table.c.id.in_(communities)).values(committee_id=committee))


def test_who_belongs_to_a_committee_reaches_its_communities(people: People, database: Database) -> None:
    """Those that join it later too, besides their own; it is the same for who asks with a session."""
    put_committee(database, "v1", "c002")
    person, password = people.add("cadre", Role.COMMITTEE, committees=["v1"])
    assert person.communities == frozenset({"c002"})
    with database.write() as connection:
        connection.execute(update(schema.communities).values(committee_id="v1"))
    signed = people.sign_in("cadre", password)
    assert people.by_session(signed.token) == people.get("cadre") == people.enabled_by_id([person.id])[person.id]
    assert people.get("cadre").communities == frozenset({"c001", "c002"})
    people.change("cadre", Changes(communities=frozenset({"c001"}), committees=frozenset()))
    assert people.get("cadre").communities == frozenset({"c001"})
    with pytest.raises(NotFound, match="v9"):
        people.change("cadre", Changes(committees=frozenset({"v9"})))


@pytest.mark.parametrize("role", list(Role))
def test_a_role_reaches_as_far_as_its_table_says(people: People, role: Role) -> None:
    """Every community, those somebody belongs to, or none; who sees all belongs nowhere."""
    person, _ = people.add("somebody", role, ["c001"])
    expected = {Reach.DISTRICT: None, Reach.COMMUNITIES: frozenset({"c001"}), Reach.OWN: frozenset()}[ROLES[role].reach]
    assert person.communities == people.get("somebody").communities == expected
    (account,) = people.described()
    assert account.communities == (expected or frozenset())


def test_another_role_signs_out_and_may_belong_elsewhere(people: People) -> None:
    """An account that sees all keeps no membership, to which it would come back unasked."""
    _, password = people.add("li", Role.SECURITY, ["c001"])
    people.add("root", Role.ADMINISTRATOR)
    token = people.sign_in("li", password).token
    assert people.change("li", Changes(role=Role.AUDITOR)).communities is None
    assert people.by_session(token) is None
    assert people.change("li", Changes(role=Role.SECURITY)).communities == frozenset()
    both = people.change("li", Changes(role=Role.PROPERTY, communities=frozenset({"c002"}), display_name="Li"))
    assert (both.role, both.communities, both.display_name) == (Role.PROPERTY, frozenset({"c002"}), "Li")
    with pytest.raises(Conflict, match="always sees all"):
        people.change("root", Changes(communities=frozenset({"c001"})))


def test_a_change_that_cannot_be_made_changes_nothing(people: People) -> None:
    """All of it at once, or none."""
    people.add("li", Role.SECURITY, ["c001"])
    before = people.get("li")
    with pytest.raises(NotFound):
        people.change("li", Changes(role=Role.PROPERTY, display_name="Li", communities=frozenset({"c009"})))
    assert people.get("li") == before


def test_somebody_is_left_to_manage_accounts(people: People) -> None:
    """Nobody locks all administrators out, themselves last."""
    people.add("root", Role.ADMINISTRATOR)
    for changes in (Changes(enabled=False), Changes(role=Role.AUDITOR)):
        with pytest.raises(Conflict, match="nobody would be left"):
            people.change("root", changes)
    people.add("second", Role.ADMINISTRATOR)
    people.set_enabled("root", False)
    with pytest.raises(Conflict):
        people.set_enabled("second", False)


def test_an_integrator_never_signs_in_with_a_password(people: People) -> None:
    """It is given none; one that somebody set in the days of another role opens nothing, and says only that it is wrong."""
    _, password = people.add("hub", Role.INTEGRATOR, ["c001"])
    assert password == ""
    with pytest.raises(Conflict):
        people.reset_password("hub")
    _, old = people.add("was", Role.SECURITY)
    people.change("was", Changes(role=Role.INTEGRATOR))
    for name in ("hub", "was"):
        for tried in ("", old):
            with pytest.raises(NotSignedIn, match="the name or the password is wrong"):
                people.sign_in(name, tried)
    assert people.by_token(people.new_token("hub", "nightly")[1]) is not None


# --- passwords --------------------------------------------------------------------------------------------------------


def test_a_password_that_another_made_is_changed_first(people: People) -> None:
    """Until then the session is good for nothing else, and the one that was made opens nothing afterwards."""
    _, made = people.add("li", Role.SECURITY, ["c001"], one_time=True)
    waiting = people.sign_in("li", made)
    assert waiting.stage is Stage.PASSWORD
    assert people.by_session(waiting.token) is None
    with pytest.raises(SamePassword):
        people.change_password(waiting.token, made, made)
    with pytest.raises(Refused):
        people.change_password(waiting.token, made, "password1234")
    signed = people.change_password(waiting.token, made, "violet harbour 42 tin")
    assert signed.stage is Stage.COMPLETE
    assert people.by_session(signed.token) is not None
    assert people.by_session(waiting.token) is None
    assert people.waiting(waiting.token) is None
    with pytest.raises(NotSignedIn):
        people.sign_in("li", made)
    assert people.sign_in("li", "violet harbour 42 tin").stage is Stage.COMPLETE


def test_a_password_that_another_made_runs_out(people: People, clock: ManualClock) -> None:
    """And who has it is told so; who has a wrong one is not."""
    people.add("li", Role.SECURITY)
    made = people.reset_password("li", one_time=True)
    clock.us += ONE_TIME_FOR
    with pytest.raises(PasswordOver):
        people.sign_in("li", made)
    with pytest.raises(NotSignedIn, match="the name or the password is wrong"):
        people.sign_in("li", "wrong")


def test_changing_ones_password_ends_the_other_sessions(people: People) -> None:
    """And renews one's own: a cookie that somebody copied is worth nothing."""
    _, password = add_guard(people)
    mine, others = (people.sign_in("guard", password).token for _ in range(2))
    with pytest.raises(WrongPresent):
        people.change_password(mine, "wrong", "violet harbour 42 tin")
    renewed = people.change_password(mine, password, "violet harbour 42 tin").token
    assert [people.by_session(one) is not None for one in (mine, others, renewed)] == [False, False, True]
    with pytest.raises(NotSignedIn):
        people.change_password("", password, "violet harbour 42 tin")


def test_the_present_password_is_not_guessed_either(people: People) -> None:
    """From a page that somebody left open: throttled like signing in."""
    _, password = add_guard(people)
    token = people.sign_in("guard", password).token
    for _ in range(BURST):
        with pytest.raises(WrongPresent):
            people.change_password(token, "wrong", "violet harbour 42 tin")
    with pytest.raises(TooMany):
        people.change_password(token, password, "violet harbour 42 tin")


def test_known_and_unknown_names_take_the_same_time(people: People) -> None:
    """Most of a try is the hash, which is made for both: the faster half of either lies within the other's spread."""
    add_guard(people)
    people.add("hub", Role.INTEGRATOR)
    taken: dict[str, list[float]] = {"guard": [], "nobody": [], "hub": []}
    for number in range(12):
        for name, times in taken.items():
            began = perf_counter()
            with pytest.raises(NotSignedIn):
                people.sign_in(name, "wrong", f"192.0.2.{number}")
            times.append(perf_counter() - began)
            people._passwords.forget(name)
    middle = {name: median(sorted(times)[:6]) for name, times in taken.items()}
    assert max(middle.values()) < 2 * min(middle.values()), middle


def test_of_two_who_change_what_they_have_read_one_is_told(people: People, database: Database) -> None:
    """Signing in is no change; another name is."""
    person, password = add_guard(people)
    with database.read() as connection:
        (read,) = described(connection, [person.id])
    people.sign_in("guard", password)
    people.change("guard", Changes(display_name="Wang"), expected=read.edition)
    with pytest.raises(Outdated):
        people.change("guard", Changes(enabled=False), expected=read.edition)
    assert people.get("guard").display_name == "Wang"
    assert people.get("guard").enabled
