"""Who signs in at a provider as whom."""

import pytest

from linli.db.database import Database
from linli.db.people import People
from linli.errors import Conflict, NotSignedIn
from linli.model import Role
from linli.signin import SignInPolicy, Stage
from linli.testing import ManualClock

ISSUER = "https://id.example"


@pytest.fixture
def people(database: Database) -> People:
    made = People(database, ManualClock(), SignInPolicy(second_factor=True))
    made.add("li", Role.AUDITOR)
    made.add("root", Role.ADMINISTRATOR)
    return made


def test_an_identity_is_one_persons(people: People) -> None:
    """By issuer and subject together; another subject takes the place of the one before; unlinking ends it."""
    li, root = people.get("li").id, people.get("root").id
    people.identities.link(li, ISSUER, "u-1")
    with pytest.raises(Conflict):
        people.identities.link(root, ISSUER, "u-1")
    people.identities.link(root, "https://other.example", "u-1")
    assert people.sign_in_by_identity(ISSUER, "u-1", strongly=False).person.id == li
    people.identities.link(li, ISSUER, "u-2")
    with pytest.raises(NotSignedIn):
        people.sign_in_by_identity(ISSUER, "u-1", strongly=False)
    assert people.sign_in_by_identity(ISSUER, "u-2", strongly=False).person.id == li
    for _ in range(2):
        people.identities.unlink(li)
    with pytest.raises(NotSignedIn):
        people.sign_in_by_identity(ISSUER, "u-2", strongly=False)


def test_what_a_role_must_have_is_asked_for_all_the_same(people: People) -> None:
    """Unless the provider saw it."""
    people.identities.link(people.get("root").id, ISSUER, "u-1")
    assert people.sign_in_by_identity(ISSUER, "u-1", strongly=False).stage is Stage.ENROLMENT
    assert people.sign_in_by_identity(ISSUER, "u-1", strongly=True).stage is Stage.COMPLETE


def test_an_account_that_uses_tokens_alone_has_no_identity(people: People) -> None:
    """No more than a password."""
    people.add("hub", Role.INTEGRATOR)
    people.identities.link(people.get("hub").id, ISSUER, "u-9")
    with pytest.raises(NotSignedIn):
        people.sign_in_by_identity(ISSUER, "u-9", strongly=True)


def test_who_was_stopped_by_their_provider_is_out_until_it_says_otherwise(people: People) -> None:
    """With sessions, tokens and password; tokens stay revoked. Whom an administrator has disabled meanwhile stays so."""
    li = people.get("li")
    people.identities.link(li.id, ISSUER, "u-1", follows=True)
    password = people.reset_password("li")
    session = people.sign_in("li", password).token
    _, secret = people.new_token("li", "script")
    for _ in range(2):
        people.following.stop(li.id, by="oidc")
    assert people.by_session(session) is None
    assert people.by_token(secret) is None
    with pytest.raises(NotSignedIn):
        people.sign_in("li", password)
    people.following.resume(li.id, by="oidc")
    assert people.by_session(people.sign_in("li", password).token) is not None
    assert people.by_token(secret) is None
    people.following.stop(li.id, by="oidc")
    people.set_enabled("li", False)
    people.following.resume(li.id, by="oidc")
    assert not people.get("li").enabled


def test_the_last_who_manages_accounts_stays_enabled(people: People) -> None:
    """Signed out and without tokens all the same."""
    root = people.get("root").id
    people.identities.link(root, ISSUER, "u-1", follows=True)
    session = people.sign_in_by_identity(ISSUER, "u-1", strongly=True).token
    _, secret = people.new_token("root", "script")
    people.following.stop(root, by="oidc")
    assert people.get("root").enabled
    assert (people.by_session(session), people.by_token(secret)) == (None, None)
    people.add("second", Role.ADMINISTRATOR)
    people.following.stop(root, by="oidc")
    assert not people.get("root").enabled
