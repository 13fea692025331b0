"""API tokens: what they may do, where, for how long, and what is kept of them."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from linli.clock import DAY, MINUTE
from linli.db import schema
from linli.db.database import Database
from linli.db.people import People, Person
from linli.db.registry import save
from linli.db.tokens import DEFAULT_DAYS, MOST_DAYS
from linli.errors import NotFound, Refused
from linli.i18n import Text
from linli.model import Community, Role
from linli.roles import ROLES, Operation
from linli.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def people(database: Database, clock: ManualClock) -> People:
    with database.write() as connection:
        save(connection, [Community(name, Text(name, name)) for name in ("c001", "c002")])
    made = People(database, clock)
    made.add("root", Role.ADMINISTRATOR)
    return made


@pytest.fixture
def hub(people: People) -> Person:
    return people.add("hub", Role.INTEGRATOR, ["c001", "c002"])[0]


def test_a_token_may_do_what_its_owner_may(people: People, hub: Person) -> None:
    """In the communities of its owner."""
    _, secret = people.tokens.make(hub, "nightly")
    person = people.by_token(secret)
    assert person is not None
    assert (person.id, person.communities) == (hub.id, hub.communities)
    assert person.operations == ROLES[Role.INTEGRATOR].operations


def test_a_token_is_limited_to_some_of_it(people: People, hub: Person) -> None:
    """To operations, and to communities; never to more than its owner has."""
    _, secret = people.tokens.make(hub, "read", operations=[Operation.SEE], communities=["c002"])
    person = people.by_token(secret)
    assert person is not None
    assert person.operations == {Operation.SEE}
    assert person.communities == frozenset({"c002"})
    people.set_communities("hub", ["c001"])
    person = people.by_token(secret)
    assert person is not None
    assert person.communities == frozenset()
    for operations, communities in (([Operation.ENROL], None), ([], None), (None, ["c002"])):
        with pytest.raises(Refused):
            people.tokens.make(people.get("hub"), "more", operations=operations, communities=communities)
    with pytest.raises(NotFound):
        people.tokens.make(hub, "more", communities=["c009"])


def test_accounts_and_gateways_are_for_a_token_that_says_so(people: People) -> None:
    """An administrator's script sees no accounts and lets no gateway in by the way; and none that is limited to a community does."""
    root = people.get("root")
    made = [
        people.by_token(people.tokens.make(root, "x", **limits)[1])
        for limits in (
            {},
            {"operations": [Operation.MANAGE_ACCOUNTS, Operation.ENROL, Operation.SEE]},
            {"operations": [Operation.MANAGE_ACCOUNTS, Operation.SEE], "communities": ["c001"]},
        )
    ]
    may = [one is not None and Operation.MANAGE_ACCOUNTS in one.operations for one in made]
    assert may == [False, True, False]
    assert [one is not None and Operation.ENROL in one.operations for one in made] == [False, True, False]
    assert made[2] is not None
    assert made[2].communities == frozenset({"c001"})
    assert made[2].operations == {Operation.SEE}


def test_a_role_that_shrinks_takes_its_tokens_along(people: People) -> None:
    """A token never does more than its owner may now."""
    person, _ = people.add("chief", Role.DISTRICT_COMMAND)
    _, secret = people.tokens.make(person, "x")
    table = schema.users
    with people._database.write() as connection:
        connection.execute(update(table).where(table.c.id == person.id).values(role=Role.AUDITOR.value))
    found = people.by_token(secret)
    assert found is not None
    assert found.operations <= ROLES[Role.AUDITOR].operations
    assert Operation.READ_AUDIT not in found.operations


def test_a_token_ends(people: People, hub: Person, clock: ManualClock) -> None:
    """By its days (three months unless told, a year at most), or by being revoked; twice is allowed."""
    short_id, short = people.tokens.make(hub, "a day", days=1)
    number, lasting = people.tokens.make(hub, "lasting")
    clock.us += DAY
    assert people.by_token(short) is None
    assert people.by_token(lasting) is not None
    listed = {token.id: token for token in people.tokens.all()}
    assert listed[number].expires_at == listed[number].created_at + DEFAULT_DAYS * DAY
    assert [listed[one].works(clock.us) for one in (short_id, number)] == [False, True]
    for _ in range(2):
        people.tokens.revoke(number)
    assert people.by_token(lasting) is None
    for days in (0, -1, MOST_DAYS + 1):
        with pytest.raises(Refused):
            people.tokens.make(hub, "x", days)


def test_one_from_before_goes_on_and_is_listed_as_what_it_is(people: People, hub: Person, database: Database) -> None:
    """Without end and without limits, as it was made; an operation that this version does not know opens nothing."""
    number, secret = people.tokens.make(hub, "old")
    table = schema.api_tokens
    with database.write() as connection:
        connection.execute(update(table).values(expires_at=None, operations=None))
    assert people.by_token(secret) == replace(hub, token=number)
    token = people.tokens.get(number)
    assert (token.expires_at, token.operations) == (None, None)
    with database.write() as connection:
        connection.execute(update(table).values(operations=["see", "fly"]))
    found = people.by_token(secret)
    assert found is not None
    assert found.operations == {Operation.SEE}


def test_when_it_was_used_is_known(people: People, hub: Person, clock: ManualClock) -> None:
    """To within minutes: a list of those that nobody uses is a list of those to revoke."""
    number, secret = people.tokens.make(hub, "x")
    assert people.tokens.get(number).last_used_at is None
    people.by_token(secret)
    first = clock.us
    clock.us += MINUTE
    people.by_token(secret)
    assert people.tokens.get(number).last_used_at == first
    clock.us += 5 * MINUTE
    people.by_token(secret)
    assert people.tokens.get(number).last_used_at == clock.us


def test_the_secret_is_nowhere(people: People, hub: Person, database: Database) -> None:
    """Only its digest, which is no token; and it begins so that scanners of repositories find it."""
    _, secret = people.tokens.make(hub, "x")
    assert secret.startswith("linli_")
    with database.read() as connection:
        row = connection.execute(select(schema.api_tokens)).one()
    assert secret not in str(row)
    assert people.by_token(row.token_hash) is None
