"""Removing, restoring, replacing, merging: nothing is lost, and no id is ever another's."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from linli.db import schema
from linli.db.database import Database
from linli.db.inhabitants import erase_person
from linli.db.registry import RegistryChange, SqlRegistry, read_registry
from linli.db.registryfacts import doubts, facts_of, record, statements_of
from linli.db.registryhistory import RegistryHistory, history_of
from linli.db.registryitems import get
from linli.db.registrymerging import merge, survivor_of
from linli.db.registryremoving import remove, restore
from linli.db.registryreplacing import installations, replace_equipment
from linli.db.registrywriting import put
from linli.errors import Conflict, NotFound
from linli.registry.changes import PERSON, BadItem, Key, NeededBy, Origin, Outdated
from linli.registry.inhabitants import Contact, Person, Resident
from linli.registry.model import Device, Equipment, Installation, Place
from tests.contract.database.district import (
    AGREED,
    AT,
    BUILDING,
    CARD,
    COMMUNITY,
    COMPANY,
    DOOR,
    EVERYTHING,
    FLOOR,
    HOME,
    LIFTS,
    LIVES,
    MOBILE,
    NAME,
    OTHER,
    PLAN,
    ROOM,
    STANDS,
    SWITCH,
    TEAM,
    WANG,
    key,
)

LATER = Origin(2_000, "wang", "survey", 0.8)


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        put(connection, EVERYTHING, AT)
    return database


def test_what_is_removed_is_out_of_sight_and_keeps_its_row(filled: Database) -> None:
    """Its history says when it went and by whom; its id is not free."""
    reader = SqlRegistry(filled)
    reader.refresh()
    with filled.write() as connection:
        assert remove(connection, [key(DOOR)], LATER) == [key(DOOR)]
        kept = get(connection, key(DOOR))
        assert kept is not None
        assert (kept.item, kept.removed_at, kept.revision) == (DOOR, 2_000, 2)
        past = history_of(connection, key(DOOR))[0]
        assert (past.at, past.actor, past.removed, past.after) == (2_000, "wang", True, None)
        assert past.before is not None
        assert past.before["name"]["en"] == "Name"
    with pytest.raises(BadItem, match="removed"), filled.write() as connection:
        put(connection, [replace(DOOR, name=COMPANY.name)], LATER)
    with pytest.raises(NotFound), filled.write() as connection:
        remove(connection, [key(DOOR)], LATER)
    news = reader.since(reader.snapshot.version)
    assert news is not None
    assert news[1] == [RegistryChange("device", "door", None)]
    assert reader.refresh()
    assert "door" not in reader.snapshot.devices


@pytest.mark.parametrize(
    ("item", "needed_by"),
    [
        (SWITCH, [key(DOOR)]),
        (PLAN, [key(STANDS)]),
        (LIFTS, []),
        (FLOOR, [Key("place", "c1-12-1-1203"), Key("place", "c1-12-1-1204"), key(PLAN)]),
        (ROOM, [key(HOME)]),
        (WANG, [key(LIVES), key(MOBILE), key(AGREED), key(CARD)]),
        (COMPANY, [key(COMMUNITY), Key("staff", "guard"), key(TEAM)]),
        (OTHER, []),
    ],
    ids=lambda value: getattr(value, "id", ""),
)
def test_what_is_needed_is_not_removed_and_says_by_what(filled: Database, item: Device, needed_by: list[Key]) -> None:
    """Nothing hangs in the air."""
    if not needed_by:
        with filled.write() as connection:
            assert remove(connection, [key(item)], LATER) == [key(item)]
        return
    with pytest.raises(NeededBy) as told, filled.write() as connection:
        remove(connection, [key(item)], LATER)
    assert set(told.value.needed_by) == set(needed_by)
    with filled.read() as connection:
        kept = get(connection, key(item))
        assert kept is not None
        assert kept.removed_at is None


def test_what_belongs_to_it_goes_along_and_all_of_it_comes_back(filled: Database) -> None:
    """A building with its rooms, homes, persons' residences and devices; in the history as it went."""
    with filled.write() as connection:
        before = read_registry(connection)
        gone = remove(connection, [key(BUILDING)], LATER, along=True)
        assert {key(ROOM), key(HOME), key(LIVES), key(DOOR), key(SWITCH), key(LIFTS), key(PLAN)} <= set(gone)
        assert key(WANG) not in gone
        after = read_registry(connection)
        assert (after.places, after.devices, after.facilities) == ({}, {}, {})
        restore(connection, gone, Origin(3_000, "wang"))
        again = read_registry(connection)
        assert replace(again, version=before.version) == before
        kept = get(connection, key(STANDS))
        assert kept is not None
        assert (kept.item, kept.removed_at) == (STANDS, None)
    history = RegistryHistory(filled)
    assert history.at(2_500).devices == {}
    assert replace(history.at(3_000), version=before.version) == before


def test_what_only_names_it_does_not_go_along(filled: Database) -> None:
    """A team does not end with one of its compounds, nor a compound with its property company."""
    with pytest.raises(NeededBy) as told, filled.write() as connection:
        remove(connection, [key(COMMUNITY)], LATER, along=True)
    assert told.value.needed_by == (key(TEAM),)
    with pytest.raises(NeededBy) as told, filled.write() as connection:
        remove(connection, [key(COMPANY)], LATER, along=True)
    assert told.value.needed_by == (key(COMMUNITY),)
    with filled.write() as connection:
        put(connection, [replace(TEAM, communities=())], LATER)
        assert key(WANG) in remove(connection, [key(COMMUNITY)], LATER, along=True)


def test_several_that_need_each_other_go_together(filled: Database) -> None:
    """Named all, nothing else is taken."""
    with filled.write() as connection:
        assert set(remove(connection, [key(SWITCH), key(DOOR)], LATER)) == {key(SWITCH), key(DOOR)}


def test_removing_another_revision_is_refused(filled: Database) -> None:
    """As changing it is; and equipment is removed with its device alone."""
    with pytest.raises(Outdated), filled.write() as connection:
        remove(connection, [key(DOOR)], LATER, expected={key(DOOR): 7})
    with pytest.raises(Conflict), filled.write() as connection:
        remove(connection, [key(STANDS)], LATER)


def test_a_number_may_be_given_again_but_then_the_first_does_not_come_back(filled: Database) -> None:
    """Two buildings 12 there are not; the id stays with the first."""
    with filled.write() as connection:
        gone = remove(connection, [key(BUILDING)], LATER, along=True)
        put(connection, [Place("c1-12-2", "c1", "building", NAME, code="12")], LATER)
    with pytest.raises(BadItem) as told, filled.write() as connection:
        restore(connection, gone, LATER)
    assert told.value.reason == "code_taken"


def test_it_comes_back_only_to_what_is_there(filled: Database) -> None:
    """A door without its gateway would report through nobody."""
    with filled.write() as connection:
        gone = remove(connection, [Key("gateway", "gw")], LATER, along=True)
        assert key(DOOR) in gone
    with pytest.raises(BadItem, match="gw"), filled.write() as connection:
        restore(connection, [key(DOOR)], LATER)
    with pytest.raises(Conflict), filled.write() as connection:
        restore(connection, [key(BUILDING)], LATER)
    with pytest.raises(NotFound), filled.write() as connection:
        restore(connection, [Key("device", "never")], LATER)


def test_who_is_erased_does_not_come_back(filled: Database) -> None:
    """There is nobody to bring back; and what was written down of them again could never be erased."""
    with filled.write() as connection:
        erase_person(connection, "p1", LATER)
    for one in (WANG, MOBILE, LIVES):
        with pytest.raises(Conflict, match="erased"), filled.write() as connection:
            restore(connection, [key(WANG), key(one)], LATER)


# --- replaced ----------------------------------------------------------------------------------------------------------


def test_a_device_replaced_keeps_its_id_place_and_history(filled: Database) -> None:
    """Who stood there is known; where it hangs on the plan stays, for that is the place's."""
    with filled.write() as connection:
        assert [one.serial for one in installations(connection, "door")] == ["S-1"]
        new = replace_equipment(connection, "door", "S-2", "D200", "water damage", LATER, expected=1)
        assert new == replace(STANDS, serial="S-2", model="D200", in_service_since=2_000)
        replace_equipment(connection, "door", "S-3", "D200", "", Origin(3_000, "li"))
        assert installations(connection, "door") == [
            Installation("door", "S-3", "D200", 3_000, None, "", "li"),
            Installation("door", "S-2", "D200", 2_000, 3_000, "water damage", "wang"),
            Installation("door", "S-1", "D100", 500, 2_000, "", None),
        ]
        kept = get(connection, key(DOOR))
        assert kept is not None
        assert (kept.item, kept.revision) == (DOOR, 3)
        assert [past.at for past in history_of(connection, key(DOOR))] == [3_000, 2_000, 1_000, 1_000]
    with pytest.raises(Outdated), filled.write() as connection:
        replace_equipment(connection, "door", "S-4", None, "", LATER, expected=1)
    with pytest.raises(NotFound), filled.write() as connection:
        replace_equipment(connection, "never", "S-4", None, "", LATER)


def test_what_was_said_of_the_old_one_does_not_come_back(filled: Database) -> None:
    """Not with the next edit of something else, nor with the file that it is from; one that says so later is shown."""
    file = Origin(1_500, "li", "file", 0.9)
    with filled.write() as connection:
        record(connection, [STANDS], file)
        new = replace_equipment(connection, "door", "S-2", None, "", Origin(2_000, "wang"))
        moved = replace(new, latitude=30.0)
        record(connection, [moved], Origin(3_000, "li", PERSON))
        record(connection, [STANDS], replace(file, at=4_000))
        kept = get(connection, key(STANDS))
        assert kept is not None
        assert kept.item == moved
        record(connection, [replace(STANDS, serial="S-3")], Origin(5_000, "li", "survey", 0.9))
        fact = facts_of(connection, key(STANDS))["serial"]
        assert (fact.value, fact.source, list(fact.against)) == ("S-2", PERSON, ["survey"])


# --- merged ------------------------------------------------------------------------------------------------------------

TWIN = Person("p2", "c1", "王芳", born="1953-07")
ALSO_LIVES = Resident("r2", "c1", "h1", "p2", "head")
SAME_MOBILE = Contact("t2", "c1", "p2", "mobile", "13800000000")
MAIL = Contact("t3", "c1", "p2", "email", "wang@example.org")


def test_what_moved_over_can_be_changed_afterwards(filled: Database) -> None:
    """That it was the duplicate's is what its source still says, and no longer counts."""
    with filled.write() as connection:
        record(connection, [TWIN, MAIL], LATER)
        merge(connection, key(TWIN), key(WANG), Origin(3_000, "li"))
        mine = replace(MAIL, person="p1", value="new@example.org")
        record(connection, [mine], Origin(4_000, "li", PERSON))
        kept = get(connection, key(MAIL))
        assert kept is not None
        assert kept.item == mine


def test_two_records_of_a_person_become_one(filled: Database) -> None:
    """The survivor gets what referred to the other, once; learns what it did not know; the old id leads to it."""
    with filled.write() as connection:
        record(connection, [TWIN, ALSO_LIVES, SAME_MOBILE, MAIL], LATER)
        record(connection, [replace(WANG, needs="轮椅")], Origin(2_500, "li", "visit", 0.9), ["needs"])
        merge(connection, key(TWIN), key(WANG), Origin(3_000, "wang"))
        kept = get(connection, key(WANG))
        assert kept is not None
        assert kept.item == replace(WANG, name="王芳", born="1953-07", needs="轮椅")
        gone = get(connection, key(TWIN))
        assert gone is not None
        assert (gone.removed_at, gone.merged_into) == (3_000, "p1")
        assert survivor_of(connection, key(TWIN)) == "p1"
        assert survivor_of(connection, key(WANG)) == "p1"
        moved = get(connection, key(MAIL))
        assert moved is not None
        assert moved.item == replace(MAIL, person="p1")
        for twice in (ALSO_LIVES, SAME_MOBILE):
            kept = get(connection, key(twice))
            assert kept is not None
            assert kept.removed_at == 3_000
        assert statements_of(connection, [key(TWIN)]) == {}
        facts = facts_of(connection, key(WANG))
        assert (facts["name"].source, facts["needs"].source) == ("survey", "visit")
        assert len(history_of(connection, key(TWIN))) == 2
    with pytest.raises(Conflict), filled.write() as connection:
        restore(connection, [key(TWIN)], Origin(4_000))
    with pytest.raises(NotFound), filled.write() as connection:
        merge(connection, key(TWIN), key(WANG), Origin(4_000))


def test_a_chain_of_duplicates_leads_to_the_last(filled: Database) -> None:
    """However often it was merged."""
    with filled.write() as connection:
        put(connection, [TWIN, Person("p3", "c1", "王")], LATER)
        merge(connection, key(TWIN), Key("person", "p3"), LATER)
        merge(connection, Key("person", "p3"), key(WANG), LATER)
        assert survivor_of(connection, key(TWIN)) == "p1"


def test_two_records_of_a_device_become_one(filled: Database) -> None:
    """What hung on the duplicate hangs on the survivor, and nothing on itself."""
    double = Device("switch-2", "c1", "gw", "relay", NAME, "c1-12", parent="switch")
    with filled.write() as connection:
        put(connection, [double, Equipment("switch-2", "c1", "SW-2"), replace(DOOR, parent="switch-2")], LATER)
        assert merge(connection, key(SWITCH), Key("device", "switch-2"), LATER) == []
        found = read_registry(connection)
        assert "switch" not in found.devices
        assert (found.devices["switch-2"].parent, found.devices["door"].parent) == (None, "switch-2")
        kept = get(connection, Key("equipment", "switch-2"))
        assert kept is not None
        assert kept.item == Equipment("switch-2", "c1", "SW-2")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (key(WANG), key(WANG)),
        (key(WANG), key(DOOR)),
        (key(BUILDING), key(FLOOR)),
        (key(WANG), Key("person", "elsewhere")),
    ],
)
def test_what_cannot_be_one_is_not_merged(filled: Database, one: Key, other: Key) -> None:
    """One with itself, two kinds, kinds without duplicates, two compounds."""
    with filled.write() as connection:
        put(connection, [Person("elsewhere", "c2", "王")], AT)
    with pytest.raises(Conflict), filled.write() as connection:
        merge(connection, one, other, LATER)


# --- what was said of it -----------------------------------------------------------------------------------------------


def test_the_queue_forgets_what_is_removed_and_knows_what_comes_back(filled: Database) -> None:
    """Nobody is asked to confirm the number of somebody who is gone."""
    with filled.write() as connection:
        for number, source in (("13900000001", "a"), ("13900000002", "b")):
            record(connection, [replace(MOBILE, value=number)], Origin(2_000, "li", source, 0.8))
        assert [doubt.key for doubt in doubts(connection, 3_000)] == [key(MOBILE)]
        remove(connection, [key(MOBILE)], LATER)
        assert doubts(connection, 3_000) == []
        restore(connection, [key(MOBILE)], LATER)
        assert [doubt.key for doubt in doubts(connection, 3_000)] == [key(MOBILE)]
        record(connection, [replace(MOBILE, value="13900000002")], Origin(4_000, "li", PERSON), ["value"])
        assert doubts(connection, 5_000) == []
        assert connection.execute(select(schema.doubts.c.contradicted)).scalars().all() == [False]
