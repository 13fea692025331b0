"""What sources say, in the database: kept, counted, shown, queued; and all of it about one person, shown and erased."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from linli.clock import DAY
from linli.db import schema
from linli.db.addresses import addresses_of, find_community, find_place
from linli.db.auditcheck import check_log
from linli.db.database import Database, open_database
from linli.db.inhabitants import erase_person, person_data
from linli.db.registryfacts import Recorded, doubts, facts_of, record, settle_as_they_are
from linli.db.registryhistory import history_of
from linli.db.registryitems import get
from linli.db.registrymerging import merge
from linli.db.registrywriting import put
from linli.db.scoping import guarded
from linli.errors import Conflict, NotFound
from linli.i18n import Text
from linli.registry.address import Address
from linli.registry.changes import PERSON, BadItem, Key, Origin, Outdated
from linli.registry.facts import FRESH_FOR, RECORDED
from linli.registry.inhabitants import Contact, Person
from linli.registry.kinds import Item
from linli.registry.model import Community, Place
from tests.contract.database.district import (
    AT,
    BUILDING,
    COMMUNITY,
    DOOR,
    EVERYTHING,
    FLOOR,
    MOBILE,
    NAME,
    OTHER,
    ROOM,
    ROOM_2,
    STANDS,
    WANG,
    key,
)
from tests.databases import SqliteDatabases


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        put(connection, EVERYTHING, AT)
    return database


def said(database: Database, item: Item, source: str, at: int, confidence: float = 0.8) -> Recorded:
    with database.write() as connection:
        return record(connection, [item], Origin(at, "li", source, confidence))


def the(database: Database, item: Item) -> Item:
    with database.read() as connection:
        kept = get(connection, key(item))
    assert kept is not None
    return kept.item


def test_the_word_that_counts_is_in_the_item_and_the_other_is_shown(database: Database) -> None:
    """Not overwritten in silence, whichever comes last."""
    with database.write() as connection:
        record(connection, EVERYTHING, Origin(1_000, "li", "file", 0.7))
    better = replace(DOOR, name=Text("东门", "East door"))
    assert said(database, better, "survey", 2_000, 0.9).written.changed == (key(DOOR),)
    worse = replace(DOOR, name=Text("大门", "Gate"))
    found = said(database, worse, "old list", 3_000, 0.2)
    assert (found.written.same, found.contradicted) == ((key(DOOR),), (key(DOOR),))
    assert the(database, DOOR) == better
    with database.read() as connection:
        fact = facts_of(connection, key(DOOR))["name"]
        (doubt,) = doubts(connection, 3_000)
    assert (fact.source, set(fact.against)) == ("survey", {"file", "old list"})
    assert (doubt.key, doubt.community, doubt.contradicted, doubt.stale) == (key(DOOR), "c1", ("name",), ())


def test_importing_twice_changes_nothing(database: Database) -> None:
    """No item, no statement, no queue."""
    for at in (1_000, 2_000):
        with database.write() as connection:
            found = record(connection, EVERYTHING, Origin(at, "li", "file", 0.7))
            tables = (schema.statements, schema.inhabitant_statements, schema.doubts, schema.registry_history)
            rows = [connection.execute(select(table).order_by(*table.primary_key)).all() for table in tables]
            if at == 1_000:
                first = rows
    assert rows == first
    assert found.written.added == found.written.changed == ()


def test_a_value_nobody_had_a_source_for_is_a_word_too(filled: Database) -> None:
    """What was typed in before, and a file says otherwise."""
    said(filled, replace(MOBILE, value="13900000000"), "file", 2_000)
    with filled.read() as connection:
        fact = facts_of(connection, key(MOBILE))["value"]
    assert (fact.value, fact.against[RECORDED].value, fact.against[RECORDED].at) == (
        "13900000000",
        "13800000000",
        1_000,
    )


def test_what_a_person_edits_is_settled_and_the_rest_is_not_touched(filled: Database) -> None:
    """They say what they changed, not all that was on the form."""
    said(filled, replace(DOOR, interval_s=60.0, name=Text("甲", "A")), "file", 2_000)
    said(filled, replace(DOOR, interval_s=90.0, name=Text("甲", "A")), "survey", 2_500)
    shown = the(filled, DOOR)
    assert isinstance(shown, type(DOOR))
    said(filled, replace(shown, name=Text("乙", "B")), PERSON, 3_000)
    with filled.read() as connection:
        facts = facts_of(connection, key(DOOR))
        assert (facts["name"].source, facts["name"].against) == (PERSON, {})
        assert "file" in facts["interval_s"].against
    with filled.write() as connection:
        record(connection, [the(filled, DOOR)], Origin(4_000, "li", PERSON), ["interval_s"])
        assert facts_of(connection, key(DOOR))["interval_s"].against == {}


def test_an_empty_cell_takes_nothing_away(filled: Database) -> None:
    """A list of serial numbers does not know where things hang."""
    said(filled, replace(STANDS, plan=None, x_m=None, y_m=None, serial="S-7"), "list", 2_000)
    assert the(filled, STANDS) == replace(STANDS, serial="S-7")


def test_what_is_written_over_all_sources_stays(filled: Database) -> None:
    """A file that replaces what is there is somebody's word: the next edit of something else brings nothing back."""
    said(filled, DOOR, "survey", 2_000)
    moved = replace(DOOR, place="c1-12", parent=None)
    with filled.write() as connection:
        put(connection, [moved], Origin(3_000, "li", "load.yaml"))
        settle_as_they_are(connection, [moved], Origin(3_000, "li", "load.yaml"))
        known = facts_of(connection, key(DOOR))
        assert (known["place"].value, known["parent"].value, known["kind"].source) == ("c1-12", None, "survey")
    said(filled, replace(moved, interval_s=60.0), PERSON, 4_000)
    said(filled, DOOR, "survey", 5_000)
    assert the(filled, DOOR) == replace(moved, interval_s=60.0)


def test_a_bad_word_leaves_nothing_behind(filled: Database) -> None:
    """Neither the item nor the statement, and a wrong revision is told."""
    with pytest.raises(BadItem):
        said(filled, replace(DOOR, gateway="nowhere"), "file", 2_000)
    with pytest.raises(Outdated), filled.write() as connection:
        record(connection, [replace(DOOR, name=NAME)], Origin(2_000, "li", PERSON), expected={key(DOOR): 9})
    with filled.read() as connection:
        assert facts_of(connection, key(DOOR)) == {}


def test_the_queue_in_pages_of_what_is_contradicted_and_stale(filled: Database) -> None:
    """Longest waiting first, no item twice or left out; each when its time has come, and of one community for its people."""
    year = FRESH_FOR["contact", "value"].days * DAY
    contacts = [replace(MOBILE, id=f"n{number}", value=f"1380000{number:04}") for number in range(7)]
    others: list[Item] = [Person("p9", "c2", "张"), Contact("m9", "c2", "p9", "mobile", "13700000000")]
    with filled.write() as connection:
        for number, contact in enumerate(contacts):
            record(connection, [contact], Origin(number * DAY, "li", "file", 0.8))
        record(connection, others, Origin(0, "li", "file", 0.8))
    said(filled, replace(contacts[6], value="13911111111"), "survey", 8 * DAY)
    with filled.read() as connection:
        assert [doubt.key.id for doubt in doubts(connection, 8 * DAY)] == ["n6"]
        now, found, after = 4 * DAY + year, [], None
        while page := doubts(connection, now, after, limit=2):
            found += page
            after = page[-1].place
        assert [doubt.key.id for doubt in found] == ["n6", "m9", "n0", "n1", "n2", "n3", "n4"]
        assert [(doubt.contradicted, doubt.stale) for doubt in found[:2]] == [(("value",), ()), ((), ("value",))]
        assert [doubt.key.id for doubt in doubts(connection, now, contradicted=True)] == ["n6"]
        assert doubts(connection, now, kinds=["device"]) == []
    with guarded(filled).of({"c2"}).read() as connection:
        assert [doubt.key.id for doubt in doubts(connection, now)] == ["m9"]


def test_the_history_of_what_was_said_names_its_source(filled: Database) -> None:
    """Who imported which file."""
    said(filled, replace(DOOR, name=Text("甲", "A")), "2026.xlsx", 2_000)
    with filled.read() as connection:
        past = history_of(connection, key(DOOR))[0]
    assert (past.actor, past.source, past.at) == ("li", "2026.xlsx", 2_000)


# --- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("望湖区 / 湖滨居委会 / 望湖苑 / 12号楼 / 1单元 / 1203室", "c1-12-1-1203"),
        ("Lakeside / Hubin / Lakeview Court / Building 12 / Unit 1", "c1-12-1"),
        ("lakeside / hubin / c1 / 12幢", "c1-12"),
    ],
)
def test_an_address_leads_to_its_place(filled: Database, address: str, place: str) -> None:
    """By names in either language, or by ids."""
    with filled.read() as connection:
        assert find_place(connection, Address.parse(address)) == place


@pytest.mark.parametrize(
    ("address", "missing"),
    [
        ("Lakeside / Hubin / Nowhere Court / Building 12", "Nowhere Court"),
        ("Lakeside / Xihu / Lakeview Court / Building 12", "Lakeview Court"),
        ("Lakeside / Hubin / Lakeview Court / Building 13 / Unit 1", "building 13"),
        ("Lakeside / Hubin / Lakeview Court / Building 12 / Unit 1 / Room 1", "room 1"),
        ("Lakeside / Hubin / Lakeview Court / Building 12 / Room 1203", "room 1203"),
        ("Lakeside / Hubin / Lakeview Court", "building"),
    ],
)
def test_an_address_that_leads_nowhere_says_where_it_ends(filled: Database, address: str, missing: str) -> None:
    """Who corrects it has to know which part is wrong."""
    with pytest.raises(NotFound) as told, filled.read() as connection:
        find_place(connection, Address.parse(address))
    assert missing in told.value.text.en


def test_two_compounds_of_a_name_are_not_mixed_up(filled: Database) -> None:
    """Asked for by name alone, both are named."""
    with filled.write() as connection:
        put(connection, [Community("c3", COMMUNITY.name, committee="hubin")], AT)
    with pytest.raises(NotFound, match="c1, c3"), filled.read() as connection:
        find_community(connection, Address.of("望湖区", "湖滨居委会", "望湖苑"))


def test_every_place_has_the_address_of_where_it_lies(filled: Database) -> None:
    """In both languages; what leads to a place is its own address."""
    with filled.write() as connection:
        put(connection, [replace(OTHER, committee=None), Place("gate", "c2", "gate", NAME, code="E")], AT)
        found = addresses_of(connection, [ROOM.id, FLOOR.id, ROOM_2.id, BUILDING.id, "gate"])
        for place in (ROOM, ROOM_2, BUILDING):
            for language in ("zh", "en"):
                assert find_place(connection, Address.parse(found[place.id].of(language))) == place.id
    assert found[ROOM.id].en == "Lakeside / Hubin / Lakeview Court / Building 12 / Unit 1 / Room 1203"
    assert found[FLOOR.id].zh == "望湖区 / 湖滨居委会 / 望湖苑 / 12号楼 / 1单元"
    assert found["gate"].en == "not registered / not registered / East Court"


# --- one person --------------------------------------------------------------------------------------------------------

SECRETS = ("王", "13800000000", "独居", "1953", "wang@example.org", "女儿的")


def all_that_is_kept(database: Database) -> str:
    """Every row of every table, as text."""
    with database.read() as connection:
        return "\n".join(
            str(row)
            for table in schema.metadata.sorted_tables
            for row in connection.execute(text(f"SELECT * FROM {table.name}"))
        )


def test_all_of_a_person_can_be_shown_and_erased(filled: Database) -> None:
    """With what was removed, merged and said; nobody else's; and then it is in no table any more."""
    with filled.write() as connection:
        twin = Person("p2", "c1", "王小", needs="女儿的电话")
        mail = Contact("t3", "c1", "p2", "email", "wang@example.org")
        record(connection, [twin, mail, WANG, MOBILE], Origin(2_000, "li", "file", 0.8))
        put(connection, [Person("p7", "c1", "李")], AT)
        merge(connection, key(twin), key(WANG), Origin(3_000, "li"))
        data = person_data(connection, "p1")
        assert person_data(connection, "p2") == data
    shown = str(data)
    assert all(secret in shown for secret in SECRETS)
    assert "李" not in str(data.records)
    assert {row["kind"] for row in data.records} == {"person", "resident", "contact", "consent", "credential"}
    with filled.write() as connection:
        assert erase_person(connection, "p1", Origin(4_000, "li")) == len(data.records)
    left = all_that_is_kept(filled)
    assert [secret for secret in SECRETS if secret in left.replace("王芳", "")] == []
    with filled.write() as connection:
        assert str(person_data(connection, "p1").records).count("'p1'") > 0
        assert [past.after for past in history_of(connection, key(WANG))] == [None] * len(
            history_of(connection, key(WANG))
        )
        kept = get(connection, Key("person", "p7"))
        assert kept is not None
        assert kept.removed_at is None
    with pytest.raises(Conflict), filled.write() as connection:
        erase_person(connection, "p1", Origin(5_000, "li"))
    with pytest.raises(NotFound), filled.read() as connection:
        person_data(connection, "nobody")


def test_what_was_somebody_elses_by_mistake_is_erased_too(filled: Database) -> None:
    """A number that was written down of the wrong person first: its history is of whom it is now."""
    wrong = Contact("t7", "c1", "p1", "mobile", "13999999999")
    with filled.write() as connection:
        put(connection, [Person("p7", "c1", "李"), wrong], AT)
        record(connection, [replace(wrong, person="p7")], Origin(2_000, "li", PERSON))
        erase_person(connection, "p7", Origin(3_000, "li"))
    assert "13999999999" not in all_that_is_kept(filled)
    assert MOBILE.value is not None and MOBILE.value in all_that_is_kept(filled)


def test_of_a_home_the_address_is_shown_until_it_is_erased(filled: Database) -> None:
    """Who asks what is known of them is not handed the number of a household."""
    with filled.write() as connection:
        (home,) = [one for one in person_data(connection, "p1").records if one["kind"] == "resident"]
        assert home["address"]["zh"].endswith("1203室")
        erase_person(connection, "p1", Origin(3_000, "li"))
        assert "1203" not in str([one.get("address") for one in person_data(connection, "p1").records])


def test_a_source_that_somebody_typed_is_beside_the_chain(filled: Database) -> None:
    """It may name a person, and the chain forgets nothing; a word of ours stands in it."""
    said(filled, replace(WANG, name="王芳"), "王芳 on the phone", 2_000)
    said(filled, replace(WANG, name="王芳芳"), PERSON, 3_000)
    entries, texts = schema.audit_entries, schema.audit_texts
    with filled.read() as connection:
        facts = connection.execute(
            select(entries.c.facts).where(entries.c.kind == "person", entries.c.seq > 1)
        ).scalars()
        assert [one for one in facts if "source" in one] == ['{"source":"person"}']
        assert "王芳 on the phone" in str(connection.execute(select(texts.c.text)).all())
    with filled.write() as connection:
        erase_person(connection, "p1", Origin(4_000, "li"))
        assert "王芳" not in str(connection.execute(select(texts.c.text)).all())
    assert check_log(filled, None).faults == []


def test_who_is_erased_is_in_no_file(sqlite_databases: SqliteDatabases) -> None:
    """Not in what is free within the database's file, nor in its log, while the database stays open."""
    with sqlite_databases.new() as url, closing(open_database(url)) as database:
        file = Path(url.removeprefix("sqlite:///"))
        names = {f"i{number}": f"Person Number {number:03}." for number in range(200)}
        with database.write() as connection:
            people = [
                Person(one, "c1", name, needs="x" * (number % 90)) for number, (one, name) in enumerate(names.items())
            ]
            record(connection, [Community("c1", NAME), *people], Origin(2_000, "li", "file", 0.8))
        gone = list(names)[::3]
        for one in gone:
            with database.write() as connection:
                erase_person(connection, one, Origin(3_000, "li"))
        assert database.empty_log()
        content = b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
        assert [one for one in gone if names[one].encode() in content] == []
        assert names["i1"].encode() in content
