"""Homes and who lives there, on SQLite and PostgreSQL: found by address within reach, taken out and brought back together."""

from collections.abc import Iterator

import httpx
import pytest

from api.registry.homes import HomeService
from linli.errors import NotFound
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world
from tests.integration.test_api_persons import FULL, SERVICE, R, register

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("homes"), url) as running:
        for community in (HOME, FOREIGN):
            running.services.people.add(f"{community}-committee", Role.COMMITTEE, [community], password=PASSWORD)
        yield running


@pytest.fixture
def staff(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-committee") as client:
        yield client


def test_who_was_removed_comes_back_with_what_went_along(world: World, staff: httpx.Client) -> None:
    """Home and contacts too; once, and nobody of another community."""
    ids = register(staff, HOME, "赵六", "13711112222")
    path = f"{R}/persons/{ids['person']}"
    tag = staff.get(path, params=SERVICE).headers["etag"]
    assert staff.delete(path, params={"along": "true"}, headers={"if-match": tag}).status_code == 204
    assert staff.get(path, params=SERVICE).status_code == 404
    with world.client(f"{FOREIGN}-committee") as other:
        assert other.post(f"{path}/restore").status_code == 404
    assert staff.post(f"{path}/restore").status_code == 204
    found = staff.get(path, params=FULL).json()
    assert [one["value"] for one in found["contacts"]] == ["13711112222"]
    assert [one["household"] for one in found["residents"]] == [ids["household"]]
    assert staff.post(f"{path}/restore").status_code == 409


def test_a_room_is_found_by_its_numbers_within_reach(world: World, staff: httpx.Client) -> None:
    """With its households and where it is; of another community there is none; a member comes with their home."""
    homes = HomeService(world.services.sights, world.clock)
    same = {"community": HOME, "parent": None}
    building = same | {"kind": "building", "name": {"zh": "77号楼", "en": "Building 77"}, "code": "77"}
    assert staff.put(f"{R}/places/{HOME}-b77", json=building, headers={"if-none-match": "*"}).status_code < 300
    room = building | {"kind": "room", "parent": f"{HOME}-b77", "code": "301"}
    assert staff.put(f"{R}/places/{HOME}-b77-301", json=room, headers={"if-none-match": "*"}).status_code < 300
    given = {"community": HOME, "place": f"{HOME}-b77-301", "kind": "owner"}
    home = staff.post(f"{R}/households", json=given).json()["id"]
    person = world.services.people.get(f"{HOME}-committee")
    stranger = world.services.people.get(f"{FOREIGN}-committee")
    found = homes.find(person, HOME, "77", "", "301")
    assert [one.item.id for one in found.homes] == [home]
    assert found.address.en.endswith("Building 77 / Room 301")
    for asker in (person, stranger):
        with pytest.raises(NotFound):
            homes.find(asker, HOME if asker is stranger else FOREIGN, "77", "", "301")
    with pytest.raises(NotFound):
        homes.get(stranger, home)
    member = homes.add_member(person, home, {"name": "孙七", "sex": None, "born": None, "needs": None}, "head", None)
    assert homes.relations(person, home) == {member: "head"}
    assert homes.relations(stranger, home) == {}
