"""Accounts, sessions and tokens, on both databases."""

import pytest
from sqlalchemy import select

from linli.clock import DAY
from linli.db import people as people_module
from linli.db import schema
from linli.db.database import Database
from linli.db.people import SESSION_FOR, People, Person, make_demo_accounts, make_password
from linli.db.registry import save
from linli.db.throttle import ADDRESS_BURST, BURST, REFILL_S
from linli.errors import Conflict, NotFound, NotSignedIn, Refused, TooMany
from linli.i18n import Language, Text
from linli.model import Community, Role
from linli.testing import ManualClock


@pytest.fixture
def database(database: Database) -> Database:
    with database.write() as connection:
        save(connection, [Community(name, Text(name, name)) for name in ("c001", "c002")])
    return database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def people(database: Database, clock: ManualClock) -> People:
    return People(database, clock)


def add_guard(people: People) -> tuple[Person, str]:
    return people.add("guard", Role.SECURITY, ["c001"])


def test_who_was_added_can_sign_in(people: People) -> None:
    """With the password that was made, to the communities given."""
    person, password = add_guard(people)
    signed, token = people.sign_in("guard", password)
    assert signed == person == people.by_session(token) == people.get("guard")
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
    _, session = people.sign_in("guard", password)
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
    real = people_module._verify

    def counting(password: str, hashed: str) -> bool:
        checked.append(hashed.rsplit("$", 2)[0])
        return real(password, hashed)

    monkeypatch.setattr(people_module, "_verify", counting)
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
    people.add("long", Role.SECURITY, ["c001"], password="0123456789")
    with pytest.raises(NotSignedIn):
        people.sign_in("long", "0123456789" * 100)


def test_a_session_ends_by_itself(people: People, clock: ManualClock) -> None:
    """After SESSION_FOR."""
    _, password = add_guard(people)
    _, token = people.sign_in("guard", password)
    clock.us += SESSION_FOR - 1
    assert people.by_session(token) is not None
    clock.us += 1
    assert people.by_session(token) is None


def test_signing_out_ends_one_session(people: People) -> None:
    """And leaves the others; twice is allowed."""
    _, password = add_guard(people)
    _, first = people.sign_in("guard", password)
    _, second = people.sign_in("guard", password)
    people.sign_out(first)
    people.sign_out(first)
    assert people.by_session(first) is None
    assert people.by_session(second) is not None


def test_a_reset_ends_sessions_and_the_old_password(people: People) -> None:
    """The new one works at once, even after too many tries with the old."""
    _, old = add_guard(people)
    _, token = people.sign_in("guard", old)
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
    _, session = people.sign_in("guard", password)
    _, secret = people.new_token("guard", "script")
    people.set_enabled("guard", False)
    assert people.by_session(session) is None
    assert people.by_token(secret) is None
    assert people.enabled_by_id([person.id]) == {}
    with pytest.raises(NotSignedIn) as raised:
        people.sign_in("guard", password)
    assert raised.value.text.en == "the name or the password is wrong"
    people.set_enabled("guard", True)
    assert people.by_token(secret) == person
    assert people.by_session(session) is None


def test_a_token_has_its_owners_rights_until_it_ends(people: People, clock: ManualClock) -> None:
    """By its days, or by being revoked; one without days lasts."""
    person, _ = add_guard(people)
    short_id, short = people.new_token("guard", "a day", days=1)
    _, lasting = people.new_token("guard", "lasting")
    assert people.by_token(short) == people.by_token(lasting) == person
    clock.us += DAY
    assert people.by_token(short) is None
    assert people.by_token(lasting) == person
    kept = people.tokens()
    assert {token.name for token in kept} == {"a day", "lasting"}
    last = next(token for token in kept if token.name == "lasting")
    people.revoke_token(last.id)
    people.revoke_token(last.id)
    assert people.by_token(lasting) is None
    assert short_id in {token.id for token in people.tokens()}


@pytest.mark.parametrize("secret", ["", "linli_x", "\ud800", "' OR 1=1 --", "\x00"])
def test_what_is_no_token_is_nobody(people: People, secret: str) -> None:
    """Any string is looked up by its digest."""
    add_guard(people)
    assert people.by_token(secret) is None
    assert people.by_session(secret) is None


def test_a_tokens_digest_is_no_token(people: People, database: Database) -> None:
    """Who reads the database cannot sign in with what is there."""
    add_guard(people)
    people.new_token("guard", "x")
    with database.read() as connection:
        digest = connection.execute(select(schema.api_tokens.c.token_hash)).scalar_one()
    assert people.by_token(digest) is None


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
    for ask in (people.get, people.reset_password, people.revoke_token):
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
        person, _ = people.sign_in(name, password)
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
