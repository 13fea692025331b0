"""Writing to the registry: what is the same stays untouched, what does not fit is named, nothing is lost to two at once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from linli.db import schema
from linli.db.database import Database, open_database
from linli.db.registry import MOST_CHANGES, RegistrySnapshot, SqlRegistry, read_registry, read_version
from linli.db.registryfacts import record
from linli.db.registryhistory import RegistryHistory, history_of
from linli.db.registryitems import get
from linli.db.registryremoving import remove
from linli.db.registryrows import SHAPES
from linli.db.registrywriting import put, save
from linli.errors import Refused
from linli.i18n import Text
from linli.registry.changes import PERSON, AlreadyThere, BadItem, Key, Origin, Outdated, Written
from linli.registry.inhabitants import Person
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Community, Device, Equipment, Gateway, Place, Team
from tests.contract.database.district import (
    AT,
    BUILDING,
    CARD,
    COMMITTEE,
    COMMUNITY,
    DISTRICT,
    DOOR,
    EVERYTHING,
    FLOOR,
    GATEWAY,
    HOME,
    LIVES,
    MOBILE,
    NAME,
    OTHER,
    PLAN,
    ROOM,
    ROOM_2,
    STANDS,
    SWITCH,
    TEAM,
    UNIT,
    WANG,
    key,
)
from tests.contract.database.test_at_once import at_once
from tests.databases import Databases


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        put(connection, EVERYTHING, AT)
    return database


def test_every_kind_comes_back_as_it_was_put(database: Database) -> None:
    """In any order, each at its first revision; one of every kind there is."""
    with database.write() as connection:
        written = put(connection, reversed(EVERYTHING), AT)
        assert set(written.added) == {key(item) for item in EVERYTHING}
        assert {one.kind for one in written.added} == set(KINDS)
        for item in EVERYTHING:
            kept = get(connection, key(item))
            assert kept is not None
            assert (kept.item, kept.revision, kept.changed_at, kept.removed_at) == (item, 1, AT.at, None)


def test_the_same_twice_changes_nothing(filled: Database) -> None:
    """No revision, no version, no history: whoever has read it is up to date still."""
    with filled.write() as connection:
        before = read_version(connection), len(connection.execute(select(schema.registry_history)).all())
        written = put(connection, EVERYTHING, Origin(2_000, "wang"))
        assert written == Written(same=tuple(written.same))
        assert len(written.same) == len(EVERYTHING)
        after = read_version(connection), len(connection.execute(select(schema.registry_history)).all())
        assert after == before


def test_a_change_counts_the_revision_up_and_is_in_the_history(filled: Database) -> None:
    """By whom, from what source, from what to what."""
    renamed = replace(BUILDING, name=Text("十二号楼", "Block 12"))
    with filled.write() as connection:
        assert put(connection, [renamed, UNIT], Origin(2_000, "wang", "survey")).changed == (key(BUILDING),)
        kept = get(connection, key(BUILDING))
        assert kept is not None
        assert (kept.item, kept.revision, kept.changed_at) == (renamed, 2, 2_000)
        (last, first) = history_of(connection, key(BUILDING))
    assert (last.at, last.actor, last.source, last.removed) == (2_000, "wang", "survey", False)
    assert last.before is not None
    assert last.after is not None
    assert (last.before["name"]["en"], last.after["name"]["en"]) == ("Building 12", "Block 12")
    assert (first.before, first.after, first.actor) == (None, last.before, "li")


def test_personal_data_is_in_no_table_that_ingest_and_rules_read(filled: Database) -> None:
    """It has a history of its own, and does not count the registry up."""
    with filled.write() as connection:
        before = read_version(connection)
        put(connection, [replace(WANG, name="王芳")], Origin(2_000, "wang"))
        assert read_version(connection) == before
        assert [past.after and past.after["name"] for past in history_of(connection, key(WANG))] == ["王芳", "王"]
        kinds = set(connection.execute(select(schema.registry_history.c.kind)).scalars())
    assert not any(KINDS[kind].personal for kind in kinds)


def test_who_changes_what_somebody_else_has_changed_is_told(filled: Database) -> None:
    """And nothing of what came with it is written."""
    with filled.write() as connection:
        put(connection, [replace(BUILDING, name=NAME)], AT, {key(BUILDING): 1})
    with pytest.raises(Outdated) as told, filled.write() as connection:
        put(connection, [replace(UNIT, name=NAME), replace(BUILDING, name=Text("乙", "B"))], AT, {key(BUILDING): 1})
    assert (told.value.key, told.value.revision) == (key(BUILDING), 2)
    with pytest.raises(AlreadyThere), filled.write() as connection:
        put(connection, [Gateway("gw", "c1", Text("新", "New"))], AT, {Key("gateway", "gw"): 0})
    with filled.read() as connection:
        kept = get(connection, key(UNIT))
        assert kept is not None
        assert kept.item == UNIT


def test_a_device_and_its_equipment_are_one_revision(filled: Database) -> None:
    """They are one row, of two nouns; neither writes over the other."""
    with filled.write() as connection:
        put(connection, [replace(DOOR, name=Text("门", "Door")), replace(STANDS, serial="S-2")], AT)
        both = [get(connection, Key(kind, "door")) for kind in ("device", "equipment")]
        assert [kept and kept.revision for kept in both] == [2, 2]
        put(connection, [DOOR], AT)
        kept = get(connection, key(STANDS))
        assert kept is not None
        assert (kept.item, kept.revision) == (replace(STANDS, serial="S-2"), 3)


WRONG: list[tuple[str, str, Item]] = [
    ("bad_id", "id", Gateway("GW 1", "c1", NAME)),
    ("reserved_id", "id", Gateway("linli-platform", "c1", NAME)),
    ("no_name", "name", Gateway("gw-2", "c1", Text("名", " "))),
    ("bad_letters", "name", Gateway("gw-2", "c1", Text("名", "a\x1b[0m"))),
    ("unknown_word", "kind", replace(DOOR, kind="gate-keeper")),
    ("not_positive", "interval_s", replace(DOOR, interval_s=float("nan"))),
    ("unknown_reference", "gateway", replace(DOOR, gateway="nowhere")),
    ("unknown_reference", "parent", replace(DOOR, parent="gw")),
    ("other_community", "place", replace(HOME, place="c2-1")),
    ("other_community", "community", replace(DOOR, community="c2", gateway="gw", place="c1-12")),
    ("unknown_reference", "members", replace(TEAM, members=("guard", "nobody"))),
    ("ring", "parent", replace(SWITCH, parent="door")),
    ("ring", "parent", replace(BUILDING, parent="c1-12-1-f12")),
    ("bad_code", "code", replace(ROOM, code="1203室")),
    ("code_taken", "code", replace(ROOM, code="1204")),
    ("code_taken", "code", Place("attic", "c1", "room", NAME, "c1-12-1", "1203")),
    ("half_a_position", "latitude", replace(STANDS, longitude=None)),
    ("half_a_position", "plan", replace(STANDS, plan=None)),
    ("off_the_earth", "latitude", replace(STANDS, latitude=91.0)),
    ("no_such_day", "until", replace(CARD, until="2026-02-30")),
    ("no_such_day", "since", replace(CARD, since="0000-01-01")),
    ("no_such_day", "since", replace(LIVES, since="9999-12-31")),
    ("over_before", "until", replace(CARD, until="2025-12-31")),
    ("unknown_word", "kind", replace(CARD, kind="key")),
    ("off_the_plan", "x_m", replace(STANDS, x_m=-1.0)),
    ("off_the_plan", "y_m", replace(STANDS, y_m=20.5)),
    ("unknown_reference", "id", Equipment("no-device", "c1")),
    ("not_positive", "width_m", replace(PLAN, width_m=0.0)),
    ("bad_form", "file", replace(PLAN, file="../12.png")),
    ("bad_form", "born", replace(WANG, born="1953-13")),
    ("bad_form", "since", replace(LIVES, since="2026-02-40")),
    ("bad_form", "value", replace(MOBILE, value="call me")),
    ("bad_letters", "file", replace(PLAN, file="a\ud800.png")),
    ("unknown_word", "timezone", replace(COMMUNITY, timezone="Asia/Nowhere")),
    ("too_long", "needs", replace(WANG, needs="x" * 2_001)),
]


@pytest.mark.parametrize(("reason", "field", "item"), WRONG, ids=[f"{one[0]}-{one[1]}" for one in WRONG])
def test_what_does_not_fit_is_named_and_nothing_is_written(
    filled: Database, reason: str, field: str, item: Item
) -> None:
    """With the item, the field and what to do, in both languages."""
    with filled.write() as connection:
        put(connection, [Place("c2-1", "c2", "building", NAME)], AT)
    with pytest.raises(BadItem) as told, filled.write() as connection:
        put(connection, [replace(GATEWAY, name=Text("改", "Changed")), item], Origin(2_000))
    assert (told.value.reason, told.value.field, told.value.key) == (reason, field, key(item))
    assert told.value.text.zh != told.value.text.en
    with filled.read() as connection:
        kept = get(connection, key(GATEWAY))
        assert kept is not None
        assert kept.revision == 1


def test_a_ring_of_new_things_is_found(filled: Database) -> None:
    """Two that are written together may not hang on each other."""
    one, two = replace(SWITCH, id="s1", parent="s2"), replace(SWITCH, id="s2", parent="s1")
    with pytest.raises(BadItem, match="s1"), filled.write() as connection:
        put(connection, [one, two], AT)


def address(connection: Connection, place: str) -> tuple[str, str, str, str | None]:
    row = connection.execute(select(schema.places).where(schema.places.c.id == place)).one()
    return row.building, row.unit, row.room, row.address_key


def test_an_address_is_made_of_the_numbers_around(filled: Database) -> None:
    """A floor is none of them; it has the address of what it lies in, and no key of its own."""
    with filled.read() as connection:
        assert address(connection, ROOM.id) == ("12", "1", "1203", "c1/12/1/1203")
        assert address(connection, FLOOR.id) == ("12", "1", "", None)


def test_a_corrected_number_goes_down_to_every_room(filled: Database) -> None:
    """The ids stay, and so do the rooms' revisions: nothing was changed about them."""
    with filled.write() as connection:
        put(connection, [replace(BUILDING, code="13")], AT)
        assert address(connection, ROOM.id) == ("13", "1", "1203", "c1/13/1/1203")
        put(connection, [replace(FLOOR, parent="c1-12")], AT)
        assert address(connection, ROOM.id) == ("13", "", "1203", "c1/13//1203")
        kept = get(connection, key(ROOM))
        assert kept is not None
        assert kept.revision == 1


def test_two_places_may_change_numbers_in_one_go(filled: Database) -> None:
    """As when somebody mixed them up."""
    with filled.write() as connection:
        put(connection, [replace(ROOM, code="1204"), replace(ROOM_2, code="1203")], AT)
        assert address(connection, ROOM_2.id)[3] == "c1/12/1/1203"


# --- what ingest and rules know of it ----------------------------------------------------------------------------------


def test_a_room_is_known_to_ingest_and_rules_once_something_hangs_in_it(filled: Database) -> None:
    """There are as many as households; what lies around it is known with it."""
    reader = SqlRegistry(filled)
    assert reader.refresh()
    assert ROOM.id not in reader.snapshot.places
    cellar = Place("cellar", "c1", "room", NAME, ROOM.id)
    with filled.write() as connection:
        put(connection, [cellar], Origin(2_000))
    assert not reader.refresh()
    with filled.write() as connection:
        put(connection, [replace(DOOR, place="cellar")], Origin(3_000))
        whole = read_registry(connection)
    assert reader.refresh()
    assert reader.snapshot == whole
    assert {"cellar", ROOM.id} <= whole.places.keys()
    assert ROOM_2.id not in whole.places
    history = RegistryHistory(filled)
    assert history.at(3_000) == whole
    assert "cellar" not in history.at(2_999).places
    with filled.write() as connection:
        put(connection, [replace(cellar, name=Text("地下室", "Cellar"))], Origin(4_000))
        remove(connection, [Key("device", "door")], Origin(5_000))
        whole = read_registry(connection)
    assert reader.refresh()
    assert reader.snapshot == whole == history.at(5_000)
    assert whole.places["cellar"].name.en == "Cellar"


def test_what_rules_know_nothing_of_does_not_reach_them(filled: Database) -> None:
    """Serial numbers, teams and persons may change all day: nobody reads anything anew."""
    reader = SqlRegistry(filled)
    reader.refresh()
    version = reader.snapshot.version
    with filled.write() as connection:
        put(connection, [replace(STANDS, serial="S-9"), replace(TEAM, members=()), replace(WANG, name=None)], AT)
    news = reader.since(version)
    assert news is not None
    assert news[1] == []
    assert not reader.refresh()


def test_very_much_at_once_is_read_as_a_whole(database: Database) -> None:
    """An import of a district is not told one by one. Whoever keeps it apart from what is short-lived is told when it was read."""
    with database.write() as connection:
        put(connection, [DISTRICT, COMMITTEE, replace(COMMUNITY, manager=None), GATEWAY], AT)
    settled: list[int] = []
    reader = SqlRegistry(database, lambda: settled.append(len(reader.snapshot.gateways)))
    reader.refresh()
    with database.write() as connection:
        put(connection, [replace(GATEWAY, name=Text("网关", "Gateway"))], AT)
    assert reader.refresh()
    assert settled == [1]
    with database.write() as connection:
        put(connection, [Gateway(f"g{number}", "c1", NAME) for number in range(MOST_CHANGES + 1)], AT)
    assert reader.since(reader.snapshot.version) is None
    assert reader.refresh()
    assert len(reader.snapshot.gateways) == MOST_CHANGES + 2
    assert settled == [1, MOST_CHANGES + 2]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([SWITCH, DOOR, ROOM, ROOM_2, BUILDING, GATEWAY, OTHER, STANDS, HOME]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([ROOM.id, ROOM_2.id, BUILDING.id]),
    ),
    max_size=8,
)


@contextmanager
def _new(databases: Databases) -> Iterator[Database]:
    with databases.new() as url, closing(open_database(url)) as opened:
        yield opened


@settings(max_examples=20)
@given(changes=CHANGES)
def test_reader_history_and_whole_agree_after_any_changes(
    databases: Databases, changes: list[tuple[Item, str, str]]
) -> None:
    """Whoever follows the changes knows what one who reads all anew knows, and the history says the same."""
    with _new(databases) as database:
        with database.write() as connection:
            put(connection, EVERYTHING, AT)
        reader, history = SqlRegistry(database), RegistryHistory(database)
        reader.refresh()
        for number, (item, word, place) in enumerate(changes):
            changed: Item = item
            if isinstance(item, Device):
                changed = replace(item, name=Text(word, word), place=place)
            elif isinstance(item, Place | Gateway | Community):
                changed = replace(item, name=Text(word, word))
            elif isinstance(item, Equipment):
                changed = replace(item, serial=word)
            with database.write() as connection:
                put(connection, [changed], Origin(2_000 + number))
            reader.refresh()
            with database.read() as connection:
                whole = read_registry(connection)
            assert reader.snapshot == whole
            assert replace(history.at(2_000 + number), version=whole.version) == whole


def test_saving_brings_back_what_was_removed(filled: Database) -> None:
    """A file that is loaded again says that it is there; an edit does not."""
    with filled.write() as connection:
        remove(connection, [Key("device", "door")], Origin(2_000))
    with pytest.raises(BadItem, match="removed"), filled.write() as connection:
        put(connection, [DOOR], AT)
    with filled.write() as connection:
        save(connection, [DOOR], 3_000)
        assert read_registry(connection).devices["door"] == DOOR
        removed = select(SHAPES["device"].table.c.removed_at).where(SHAPES["device"].table.c.id == "door")
        assert connection.execute(removed).scalar() is None


def test_an_empty_registry_is_one(database: Database) -> None:
    """Nothing to put, nothing to say."""
    with database.write() as connection:
        assert put(connection, [], AT) == Written()
        assert read_registry(connection) == RegistrySnapshot()
    assert Person("p", "c", None).name is None
    assert Team("t", "o", NAME).members == ()


def test_a_floor_does_not_take_its_rooms_to_where_their_numbers_are_others(filled: Database) -> None:
    """One address would be two rooms."""
    with filled.write() as connection:
        put(connection, [Place("u2", "c1", "unit", NAME, "c1-12", "2")], AT)
        put(connection, [Place("u2-1203", "c1", "dwelling", NAME, "u2", "1203")], AT)
    with pytest.raises(BadItem, match="u2-1203"), filled.write() as connection:
        put(connection, [replace(FLOOR, parent="u2")], AT)


@pytest.mark.parametrize("item", [DOOR, WANG], ids=["shared", "personal"])
def test_of_two_who_change_one_revision_at_once_the_second_is_told(filled: Database, item: Item) -> None:
    """On PostgreSQL both are under way; neither is lost in silence."""

    def change(database: Database, source: str) -> None:
        name: Text | str = source if isinstance(item, Person) else Text(source, source)
        with database.write() as connection:
            changed: Item = replace(item, name=name)  # type: ignore[arg-type]
            record(connection, [changed], Origin(2_000, source, PERSON), expected={key(item): 1})

    first, second = at_once(filled, lambda db: change(db, "li"), lambda db: change(db, "wang"))
    first.result()
    with pytest.raises(Outdated):
        second.result()


@pytest.mark.parametrize(
    "wrong",
    [{"source": ""}, {"source": "x" * 65}, {"source": "a\nb"}, {"confidence": 1.5}, {"confidence": float("nan")}],
)
def test_where_a_change_is_from_is_sound_or_refused(wrong: dict[str, Any]) -> None:
    """It is shown to people, and part of a key."""
    with pytest.raises(Refused, match=r"source|confidence"):
        Origin(1, "li", **wrong)
