"""What is about one person alone, on both databases: whatever statement is written, it sees and changes that person's rows and no
others. Here are two families in one house, and statements that say nothing of whose rows they are for."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Select, delete, exists, func, insert, select, text, update

from linli.clock import DAY
from linli.db import schema
from linli.db.database import Database
from linli.db.own import Own, OwnDatabases, housemates, lives
from linli.db.registry import save
from linli.db.registryfacts import facts_of, record
from linli.db.registrymerging import merge
from linli.db.registryremoving import remove
from linli.db.scoping import OutOfScope, ScopeMissing, guarded
from linli.i18n import Text
from linli.model import Community, Place
from linli.registry.changes import PERSON, RESIDENT, BadItem, Key, Origin
from linli.registry.inhabitants import Consent, Contact, Household, Person, Resident

NOW = 1_790_000_000_000_000
CONTACTS, PERSONS, RESIDENTS = schema.contacts, schema.persons, schema.residents


def _home(number: int) -> list[Any]:
    """A couple in a room, and who moved out of it."""
    place, home = f"r{number}", f"h{number}"
    items: list[Any] = [
        Place(place, "c001", "room", Text(place, place), code=str(number)),
        Household(home, "c001", place, "owner"),
    ]
    for name, relation, until in (("ann", "head", None), ("ben", "spouse", None), ("old", "tenant", "2020-01-01")):
        person = f"{name}{number}"
        items += [
            Person(person, "c001", f"{name}-name", needs=f"secret of {person}"),
            Resident(f"m-{person}", "c001", home, person, relation, "2019-01-01", until),
            Contact(f"k-{person}", "c001", person, "mobile", "13812345678"),
            Consent(f"n-{person}", "c001", person, "care", True, NOW, "form"),
        ]
    return items


@pytest.fixture
def own(database: Database) -> Own:
    """Ann of the first home, with a duplicate that was merged into her."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A")), Community("c002", Text("乙", "B"))])
        twin = Person("twin", "c001", "ann-name")
        record(connection, [*_home(1), *_home(2), twin], Origin(NOW - DAY, "p1", PERSON))
        merge(connection, Key("person", "twin"), Key("person", "ann1"), Origin(NOW - DAY))
    found = OwnDatabases(guarded(database)).of("ann1", NOW)
    assert found is not None
    return found


def test_a_duplicate_leads_to_the_person_and_nobody_to_nobody(database: Database, own: Own) -> None:
    """By every id that they were known under; who was erased is nobody's to see."""
    databases = OwnDatabases(guarded(database))
    twin = databases.of("twin", NOW)
    assert twin is not None
    assert (own.person, own.community, twin.ids) == ("ann1", "c001", ("ann1", "twin"))
    assert databases.of("nobody", NOW) is None
    with database.write() as connection:
        connection.execute(update(PERSONS).where(PERSONS.c.id == "ann1").values(erased_at=NOW))
    assert databases.of("ann1", NOW) is None


SHAPES: dict[str, Callable[[], Select[Any]]] = {
    "persons": lambda: select(PERSONS.c.id),
    "contacts": lambda: select(CONTACTS.c.person_id),
    "consents": lambda: select(schema.consents.c.person_id),
    "residents": lambda: select(RESIDENTS.c.person_id),
    "history": lambda: select(schema.inhabitant_history.c.person_id).where(
        schema.inhabitant_history.c.kind != "household"
    ),
    "statements": lambda: select(schema.inhabitant_statements.c.person_id),
    "an alias": lambda: select(PERSONS.alias("p").c.id),
    "a subquery": lambda: select(select(CONTACTS.c.person_id).subquery().c.person_id),
    "a condition with or": lambda: select(CONTACTS.c.person_id).where(
        (CONTACTS.c.person_id == "ben1") | (CONTACTS.c.kind == "mobile")
    ),
    "in another": lambda: select(schema.communities.c.id).where(
        exists().where(CONTACTS.c.person_id == "ben1", CONTACTS.c.community_id == schema.communities.c.id)
    ),
    "two side by side": lambda: select(CONTACTS.c.person_id).where(CONTACTS.c.person_id != PERSONS.c.id),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_query_sees_the_person_alone(own: Own, shape: str) -> None:
    """Not those with whom they live either."""
    with own.database.read() as connection:
        found = set(connection.execute(SHAPES[shape]()).scalars())
    assert found <= {"ann1", "twin"}
    assert found or shape == "in another"


def test_a_count_counts_what_is_theirs(own: Own) -> None:
    """A number tells of others as well as a row does."""
    with own.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.households)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(CONTACTS)).scalar() == 1


REFUSED: dict[str, Callable[[], Any]] = {
    "devices": lambda: select(schema.devices),
    "alerts": lambda: select(schema.alerts),
    "snapshots": lambda: select(schema.snapshots),
    "accounts": lambda: select(schema.users),
    "a table within a condition": lambda: select(CONTACTS).where(CONTACTS.c.id.in_(select(schema.devices.c.id))),
    "a join": lambda: select(CONTACTS).join(PERSONS, PERSONS.c.id != CONTACTS.c.person_id),
    "plain SQL": lambda: text("SELECT 1"),
    "another's contact": lambda: insert(CONTACTS).values(
        id="x", community_id="c001", person_id="ben1", kind="mobile", value="1", position=0, revision=1, changed_at=1
    ),
    "another compound's": lambda: insert(CONTACTS).values(
        id="x", community_id="c002", person_id="ann1", kind="mobile", value="1", position=0, revision=1, changed_at=1
    ),
    "one's own given away": lambda: update(CONTACTS).values(person_id="ben1"),
    "what is known of them": lambda: update(PERSONS).values(needs=""),
    "where they live": lambda: delete(RESIDENTS),
    "a place": lambda: update(schema.places).values(kind="gate"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_a_residents_is_refused(own: Own, what: str) -> None:
    """Before the database has seen it."""
    with pytest.raises((OutOfScope, ScopeMissing)), own.database.write() as connection:
        connection.execute(REFUSED[what]())


def test_changes_reach_the_persons_rows_alone(database: Database, own: Own) -> None:
    """An update and a delete without any condition are the worst that can be written."""
    with own.database.write() as connection:
        assert connection.execute(update(CONTACTS).values(value="13700000000")).rowcount == 1
        connection.execute(delete(schema.inhabitant_statements))
        connection.execute(delete(schema.doubts))
    with database.read() as connection:
        changed = connection.execute(select(CONTACTS.c.person_id).where(CONTACTS.c.value == "13700000000")).scalars()
        assert list(changed) == ["ann1"]
        said = set(connection.execute(select(schema.inhabitant_statements.c.person_id)).scalars())
        doubted = set(connection.execute(select(schema.doubts.c.item_id)).scalars())
    assert {"ben1", "ann2"} <= said and "ann1" not in said
    assert {"ben1", "k-ben1", "m-ann2"} <= doubted and not doubted & {"ann1", "k-ann1", "m-ann1"}


def test_the_registrys_own_ways_of_writing_work_within(database: Database, own: Own) -> None:
    """What somebody says of themselves is a source like others: it counts, and the committee's word stands against it."""
    with own.database.write() as connection:
        fresh = Contact("k-ann1", "c001", "ann1", "mobile", "13700000001", verified_at=None)
        record(connection, [fresh], Origin(NOW, "p9", RESIDENT), ["value"])
    with pytest.raises(BadItem), own.database.write() as connection:  # as if there were nobody of that id
        record(connection, [Contact("k-new", "c001", "ben1", "phone", "5551234")], Origin(NOW, "p9", RESIDENT))
    with own.database.write() as connection:
        record(connection, [Contact("k-new", "c001", "ann1", "phone", "5551234")], Origin(NOW, "p9", RESIDENT))
    with database.read() as connection:
        value = facts_of(connection, Key("contact", "k-ann1"))["value"]
        assert (value.value, value.source, {s: c.value for s, c in value.against.items()}) == (
            "13700000001",
            RESIDENT,
            {PERSON: "13812345678"},
        )
        doubted = select(schema.doubts.c.contradicted).where(schema.doubts.c.item_id == "k-ann1")
        assert connection.execute(doubted).scalar() is True
        actors = select(schema.audit_entries.c.actor).order_by(schema.audit_entries.c.seq.desc()).limit(1)
        assert connection.execute(actors).scalar() == "p9"
    with own.database.write() as connection:
        remove(connection, [Key("contact", "k-new")], Origin(NOW, "p9", RESIDENT))


def test_what_a_resident_says_again_they_say_anew(database: Database, own: Own) -> None:
    """After staff have settled it otherwise too: else nobody could ever insist."""
    other = Contact("k-ann1", "c001", "ann1", "mobile", "13700000002")
    staffs = Contact("k-ann1", "c001", "ann1", "mobile", "13812345678")
    for at, item, source in ((1, other, RESIDENT), (2, staffs, PERSON), (3, other, RESIDENT)):
        with database.write() as connection:
            record(connection, [item], Origin(NOW + at, None, source), ["value"])
    with database.read() as connection:
        assert facts_of(connection, Key("contact", "k-ann1"))["value"].value == "13700000002"


def test_of_who_lives_there_too_a_masked_name_is_shown(own: Own) -> None:
    """Of the present home alone; not of those who have moved out, and of nobody to who has moved out."""
    with own.database.read() as connection:
        assert [tuple(one) for one in housemates(connection, own)] == [("ben1", "h1", "spouse", "b***")]


def test_who_moved_out_sees_where_it_was_and_nobody(database: Database, own: Own) -> None:
    """Who lives there now is none of their business any more."""
    gone = OwnDatabases(guarded(database)).of("old1", NOW)
    assert gone is not None
    with gone.database.read() as connection:
        assert housemates(connection, gone) == []
        assert list(connection.execute(select(schema.households.c.id)).scalars()) == ["h1"]


@pytest.mark.parametrize(
    ("until", "there"), [(None, True), ("2026-10-01", True), ("2026-10-02", True), ("2026-09-30", False)]
)
def test_the_last_day_is_lived_there(until: str | None, there: bool) -> None:
    """It ends with the day."""
    assert lives(until, "2026-10-01") is there
