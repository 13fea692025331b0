"""Which person of the registry an account is, on both databases: said, refused, carried over, and gone with the person."""

import pytest
from sqlalchemy import func, select

from linli.db import schema
from linli.db.audit import Search, SqlAudit
from linli.db.database import Database
from linli.db.inhabitants import erase_person
from linli.db.people import Changes, People
from linli.db.registry import save
from linli.db.registrymerging import merge
from linli.db.registryremoving import remove
from linli.db.scoping import guarded
from linli.errors import Conflict, NotFound, NotSignedIn
from linli.i18n import Text
from linli.model import Community, Role
from linli.registry.changes import Key, Origin
from linli.registry.inhabitants import Person
from linli.testing import ManualClock


@pytest.fixture
def people(database: Database) -> People:
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
        save(connection, [Person(one, "c001", f"{one}-name") for one in ("ann", "ben", "gone")])
        remove(connection, [Key("person", "gone")], Origin(1))
    return People(database, ManualClock())


def origin(people: People) -> Origin:
    return Origin(people._clock.now(), "p0")


def test_a_residents_account_is_somebody(people: People) -> None:
    """From the start or later, until it is nobody; it still reaches no community."""
    added, password = people.add("ann", Role.RESIDENT, person="ann")
    assert (added.registered_as, added.communities) == ("ann", frozenset())
    assert people.sign_in("ann", password).person.registered_as == "ann"
    later, _ = people.add("ben", Role.RESIDENT)
    assert later.registered_as is None
    assert people.change("ben", Changes(person="ben")).registered_as == "ben"
    assert people.change("ben", Changes(display_name="Ben")).registered_as == "ben"
    assert people.change("ben", Changes(person="")).registered_as is None
    assert people.described(["x", added.id])[0].person.registered_as == "ann"


def test_nobody_is_so_by_two_accounts_and_only_a_resident_is(people: People) -> None:
    """And nobody is who is not registered, or not any more."""
    people.add("ann", Role.RESIDENT, person="ann")
    people.add("guard", Role.SECURITY)
    with pytest.raises(Conflict, match="ann"):
        people.add("two", Role.RESIDENT, person="ann")
    for wrong in (Changes(person="ben"), Changes(role=Role.AUDITOR, person="ben")):
        with pytest.raises(Conflict):
            people.change("guard", wrong)
    for nobody in ("nobody", "gone"):
        with pytest.raises(NotFound):
            people.change("ann", Changes(person=nobody))
    assert "two" not in {person.name for person in people.all()}
    assert people.change("ann", Changes(person="ann")).registered_as == "ann"


def test_being_somebody_else_ends_sessions(people: People) -> None:
    """A page that is open shows whose data it showed; another role is nobody's any more."""
    _, password = people.add("ann", Role.RESIDENT, person="ann")
    token = people.sign_in("ann", password).token
    people.change("ann", Changes(person="ann"))
    assert people.by_session(token) is not None
    people.change("ann", Changes(person="ben"))
    assert people.by_session(token) is None
    assert people.change("ann", Changes(role=Role.AUDITOR)).registered_as is None


def test_the_log_has_it_by_id(people: People, database: Database) -> None:
    """Who made whom somebody, and nobody's name."""
    people.add("ann", Role.RESIDENT, person="ann", by="p0")
    people.change("ann", Changes(person=""), by="p0")
    found = SqlAudit(database).newest(Search(verb="account."))
    assert [(one.entry.actor, one.entry.facts["person"]) for one in found] == [("p0", ""), ("p0", "ann")]


@pytest.mark.parametrize(("survivors", "left"), [(False, ["duplicate"]), (True, ["survivor"])])
def test_two_records_of_one_person_have_one_account(
    people: People, database: Database, survivors: bool, left: list[str]
) -> None:
    """The duplicate's, unless the survivor has one. Staff merge, who may not look at accounts."""
    people.add("duplicate", Role.RESIDENT, person="ann")
    if survivors:
        people.add("survivor", Role.RESIDENT, person="ben")
    with guarded(database).of({"c001"}).write() as connection:
        merge(connection, Key("person", "ann"), Key("person", "ben"), origin(people))
    assert [person.name for person in people.all() if person.registered_as == "ben"] == left
    assert [person.name for person in people.all() if person.registered_as == "ann"] == []
    assert all(person.enabled for person in people.all())


def test_nobody_signs_in_as_who_was_erased(people: People, database: Database) -> None:
    """Their account stays as an id, blocked: no name, session or address of theirs is left."""
    person, password = people.add("zhang.san", Role.RESIDENT, person="ann", display_name="张三")
    token, (_, secret) = people.sign_in("zhang.san", password, "192.0.2.77").token, people.new_token("zhang.san", "x")
    people.identities.link(person.id, "https://id.example.org", "sub-of-zhang")
    with guarded(database).of(None).write() as connection:
        erase_person(connection, "ann", origin(people))
    assert people.by_session(token) is None and people.by_token(secret) is None
    with pytest.raises(NotSignedIn):
        people.sign_in("zhang.san", password)
    left = people.by_id(person.id)
    assert (left.enabled, left.registered_as, left.name, left.display_name) == (False, None, person.id, person.id)
    with database.read() as connection:
        for table in (schema.sessions, schema.identities):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
        texts = connection.execute(select(schema.audit_texts.c.text)).scalars()
        assert not [one for one in texts if "192.0.2.77" in one]
