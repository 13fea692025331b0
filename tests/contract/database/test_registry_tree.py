"""The registry a level at a time: in the order in which people count, with how much is in each, within what somebody sees."""

from collections.abc import Iterable

import pytest

from linli.db.database import Database
from linli.db.registryremoving import remove
from linli.db.registrytree import (
    TOP,
    Branch,
    branches,
    communities_like,
    communities_of,
    devices_called,
    places_at,
    places_like,
    stray_communities,
    trail,
    under,
)
from linli.db.registrywriting import put
from linli.db.scoping import guarded
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place
from linli.registry.changes import Key, Origin
from linli.registry.kinds import Item
from linli.registry.model import Committee, District, Equipment

AT = Origin(1_000)


def named(name: str) -> Text:
    return Text(f"{name}号", f"No. {name}")


def compound(community: str, committee: str | None) -> list[Item]:
    """Twelve buildings, a gate without a number; in the first building a unit with a room; devices at several levels."""
    places: list[Item] = [
        Place(f"{community}-b{n}", community, "building", named(str(n)), None, str(n)) for n in range(1, 13)
    ]
    places += [
        Place(f"{community}-gate", community, "gate", named("gate")),
        Place(f"{community}-u1", community, "unit", named("unit"), f"{community}-b1", "1"),
        Place(f"{community}-r1", community, "dwelling", named("room"), f"{community}-u1", "0101"),
        Place(f"{community}-r2", community, "dwelling", named("other"), f"{community}-b2", "0101"),
    ]
    where = {"d1": "b1", "d2": "u1", "d3": "r1", "d4": "r1", "d5": "gate"}
    devices = [
        Device(f"{community}-{name}", community, f"gw-{community}", "door", named(name), f"{community}-{place}")
        for name, place in where.items()
    ]
    gateway = Gateway(f"gw-{community}", community, named("gateway"))
    return [
        Community(community, Text(f"{community}苑", f"{community} Court"), committee=committee),
        gateway,
        *places,
        *devices,
    ]


@pytest.fixture
def district(database: Database) -> Database:
    """Two compounds of one committee, and one of none."""
    items: list[Item] = [District("d", named("d")), Committee("k1", "d", "village", named("k1"))]
    with database.write() as connection:
        put(connection, [*items, *compound("c1", "k1"), *compound("c2", "k1"), *compound("c3", None)], AT)
        put(connection, [Equipment("c2-d1", "c2", serial="SN-7")], AT)
    return database


def ids(found: Iterable[Branch]) -> list[str]:
    return [branch.key.id for branch in found]


def test_each_level_has_what_lies_in_it_and_how_much(district: Database) -> None:
    """Devices are counted with all that lies below; what belongs to no committee is found all the same."""
    with district.read() as connection:
        assert [(one.key, one.below) for one in branches(connection, TOP, 10)] == [(Key("district", "d"), 1)]
        assert [(one.key.id, one.below) for one in branches(connection, Key("district", "d"), 10)] == [("k1", 2)]
        found = branches(connection, Key("committee", "k1"), 10)
        assert [(one.key.id, one.below, one.devices) for one in found] == [("c1", 13, 5), ("c2", 13, 5)]
        assert ids(stray_communities(connection, 10)) == ["c3"]
        assert ids(communities_of(connection, {"c2", "c3"}, 10)) == ["c2", "c3"]
        inside = {one.key.id: (one.below, one.devices) for one in branches(connection, Key("community", "c1"), 20)}
        assert (inside["c1-b1"], inside["c1-b2"], inside["c1-gate"]) == ((1, 4), (1, 0), (0, 1))
        (unit,) = branches(connection, Key("place", "c1-b1"), 10)
        assert (unit.below, unit.devices) == (1, 3)


def test_places_come_in_the_order_of_their_numbers_page_by_page(district: Database) -> None:
    """2 before 10, what has no number last; pages leave nothing out and repeat nothing."""
    with district.read() as connection:
        whole = ids(branches(connection, Key("community", "c1"), 100))
        assert whole == [*(f"c1-b{n}" for n in range(1, 13)), "c1-gate"]
        paged: list[str] = []
        while page := branches(connection, Key("community", "c1"), 5, paged[-1] if paged else None):
            paged += ids(page)
        assert paged == whole
        with pytest.raises(NotFound):
            branches(connection, Key("community", "c1"), 5, "nowhere")


def test_what_was_removed_is_listed_apart_and_counted_nowhere(district: Database) -> None:
    """A building that went with all that was in it."""
    with district.write() as connection:
        remove(connection, [Key("place", "c1-b1")], AT, along=True)
    with district.read() as connection:
        assert "c1-b1" not in ids(branches(connection, Key("community", "c1"), 100))
        assert ids(branches(connection, Key("community", "c1"), 100, removed=True)) == ["c1-b1"]
        assert [(one.below, one.devices) for one in branches(connection, Key("committee", "k1"), 1)] == [(12, 1)]
        assert places_at(connection, ["c1"], "1", "", "", 10) == []
        assert [key.id for key, _ in trail(connection, Key("place", "c1-b1"))] == ["d", "k1", "c1", "c1-b1"]


def test_the_way_down_names_each_step(district: Database) -> None:
    """From the district to the room; a compound of no committee begins with itself."""
    with district.read() as connection:
        way = trail(connection, Key("place", "c1-r1"))
        assert [key.id for key, _ in way] == ["d", "k1", "c1", "c1-b1", "c1-u1", "c1-r1"]
        assert way[-1][1] == named("room")
        assert [key.id for key, _ in trail(connection, Key("place", "c3-b1"))] == ["c3", "c3-b1"]
        assert trail(connection, Key("place", "nowhere")) == []


def test_a_place_is_found_by_its_numbers(district: Database) -> None:
    """In some compounds at once; a room of a building without units too, whether or not a unit was said of another."""
    with district.read() as connection:
        everywhere = ["c1", "c2", "c3"]
        assert places_at(connection, everywhere, "1", "1", "0101", 10) == ["c1-r1", "c2-r1", "c3-r1"]
        assert places_at(connection, ["c1"], "2", "", "0101", 10) == ["c1-r2"]
        assert places_at(connection, ["c1"], "1", "", "0101", 10) == ["c1-r1"]
        assert places_at(connection, everywhere, "1", "1", "0101", 2) == ["c1-r1", "c2-r1"]
        assert places_at(connection, ["c1"], "99", "", "", 10) == []
        assert communities_like(connection, "c1苑", 10) == communities_like(connection, "C1 court", 10) == ["c1"]
        assert places_like(connection, "c1", "gate", 10) == ["c1-gate"]
        assert places_like(connection, "c1", "0101", 10) == ["c1-r1", "c1-r2"]
        assert places_like(connection, "c1", "%", 10) == []
        assert [kept.item.id for kept in devices_called(connection, "C1-D3", 10)] == ["c1-d3"]
        assert [kept.item.id for kept in devices_called(connection, "sn-7", 10)] == ["c2-d1"]
        assert devices_called(connection, "SN", 10) == []
        assert under(connection, "c1-b1", 10) == ["c1-b1", "c1-u1", "c1-r1"]


def test_nobody_finds_what_they_do_not_see(district: Database) -> None:
    """Neither by level, nor by number, nor in a count."""
    with guarded(district).of({"c1"}).read() as connection:
        assert ids(branches(connection, Key("committee", "k1"), 10)) == ["c1"]
        assert [one.below for one in branches(connection, Key("district", "d"), 10)] == [1]
        assert branches(connection, Key("community", "c2"), 10) == []
        assert stray_communities(connection, 10) == []
        assert places_at(connection, ["c1", "c2"], "1", "", "", 10) == ["c1-b1"]
        assert communities_like(connection, "", 10) == ["c1"]
        assert places_like(connection, "c2", "", 10) == []
        assert trail(connection, Key("place", "c2-b1")) == []
        assert devices_called(connection, "SN-7", 10) == []
        assert under(connection, "c2-b1", 10) == ["c2-b1"]
