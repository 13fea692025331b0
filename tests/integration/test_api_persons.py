"""Personal data over REST, on SQLite and PostgreSQL: masked, each look logged with its purpose, handed out and erased."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from linli.db.audit import Search, Shown, SqlAudit
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration

R = "/api/v1/registry"
ROOMS = itertools.count(1)
SERVICE = {"purpose": "service"}
FULL = {"purpose": "resident_request", "reason": "she is at the desk", "full": "true"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("persons"), url) as running:
        for community in (HOME, FOREIGN):
            running.services.people.add(f"{community}-committee", Role.COMMITTEE, [community], password=PASSWORD)
        running.services.people.add(f"{HOME}-maintainer", Role.MAINTAINER, [HOME], password=PASSWORD)
        yield running


@pytest.fixture
def staff(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-committee") as client:
        yield client


@pytest.fixture
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-security") as client:
        yield client


def register(client: httpx.Client, community: str, name: str = "王小明", phone: str = "13812345678") -> dict[str, str]:
    """A person in a household in a room of the community's building; the ids."""
    same = {"community": community}
    room = {"kind": "room", "name": {"zh": "101", "en": "101"}, "parent": f"{community}-b1"} | same
    number = next(ROOMS)
    place = f"{community}-r{number}"
    client.put(f"{R}/places/{place}", json=room | {"code": str(number)}, headers={"if-none-match": "*"})

    def add(path: str, body: dict[str, Any]) -> str:
        answer = client.post(f"{R}/{path}", json=same | body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    home = add("households", {"place": place, "kind": "owner"})
    person = add("persons", {"name": name, "sex": "male", "born": "1953-07-21", "needs": "lives alone"})
    add("residents", {"household": home, "person": person, "relation": "head"})
    contact = add("contacts", {"person": person, "kind": "mobile", "value": phone})
    add(
        "consents", {"person": person, "purpose": "care", "given": True, "at": "2026-01-02T03:04:05Z", "source": "form"}
    )
    return {"person": person, "household": home, "contact": contact, "place": place}


def looks(world: World, person: str, verb: str = "person.read") -> list[Shown]:
    return SqlAudit(world.database).newest(Search(verb=verb, item=person))


def test_masked_unless_in_full_is_asked_for(world: World, staff: httpx.Client, guard: httpx.Client) -> None:
    """A guard is shown enough to know whom they know; who may see more says why."""
    ids = register(staff, HOME)
    path = f"{R}/persons/{ids['person']}"
    seen = guard.get(path, params=SERVICE).json()
    assert (seen["masked"], seen["person"]["name"], seen["person"]["needs"]) == (True, "王**", "***")
    assert (seen["contacts"][0]["value"], seen["person"]["born"]) == ("138****5678", "195*")
    assert seen["households"][0]["place"] == ids["place"]
    assert guard.get(path, params=FULL).status_code == 403
    whole = staff.get(path, params=FULL).json()
    assert (whole["masked"], whole["person"]["name"], whole["contacts"][0]["value"]) == (False, "王小明", "13812345678")
    assert staff.get(path, params=FULL | {"reason": " "}).status_code == 422


def test_no_look_without_a_purpose_and_none_without_its_entry(
    world: World, staff: httpx.Client, guard: httpx.Client
) -> None:
    """Who, when, what for and whether masked, in the audit log; a list is a look at each who is on it."""
    ids = register(staff, HOME)
    path = f"{R}/persons/{ids['person']}"
    for wrong in ({}, {"purpose": "curiosity"}, {"purpose": "other"}):
        assert guard.get(path, params=wrong).status_code == 422
    assert looks(world, ids["person"]) == []
    guard.get(path, params={"purpose": "emergency"})
    staff.get(path, params=FULL)
    guard.get(f"{R}/persons", params=SERVICE | {"household": ids["household"]})
    found = [(one.entry.actor, one.entry.purpose, bool(one.entry.facts)) for one in looks(world, ids["person"])]
    by = {name: world.services.people.get(f"{HOME}-{name}").id for name in ("security", "committee")}
    assert found == [
        (by["security"], "service", True),
        (by["committee"], "resident_request", False),
        (by["security"], "emergency", True),
    ]


def test_lists_by_household_room_and_words(staff: httpx.Client, guard: httpx.Client) -> None:
    """To look for words takes the right to see in full: a masked name must not be guessed letter by letter."""
    ids = register(staff, HOME, "李四", "13900001111")
    for narrow in ({"household": ids["household"]}, {"place": ids["place"]}):
        items = guard.get(f"{R}/persons", params=SERVICE | narrow).json()["items"]
        assert [(item["id"], item["name"]) for item in items] == [(ids["person"], "李*")]
    for words in ("李四", "0000111"):
        assert guard.get(f"{R}/persons", params=SERVICE | {"q": words}).status_code == 403
        assert len(staff.get(f"{R}/persons", params=FULL | {"q": words}).json()["items"]) == 1
    assert staff.get(f"{R}/persons", params=FULL | {"q": "%"}).json()["items"] == []


def test_another_compounds_people_are_not_there(world: World, staff: httpx.Client) -> None:
    """In no list, by no id, for no change; and who has no business with residents sees none at all."""
    with world.client(f"{FOREIGN}-committee") as other:
        ids = register(other, FOREIGN, "外人")
        path = f"{R}/persons/{ids['person']}"
        assert staff.get(path, params=SERVICE).status_code == 404
        assert ids["person"] not in staff.get(f"{R}/persons", params=SERVICE | {"limit": "1000"}).text
        assert ids["household"] not in staff.get(f"{R}/households", params={"limit": "1000"}).text
        assert staff.delete(path, headers={"if-match": "*"}).status_code == 404
        assert staff.post(f"{path}/merge", json={"duplicate": ids["person"]}).status_code in (404, 409)
        mine = register(staff, HOME)
        assert staff.post(f"{R}/persons/{mine['person']}/merge", json={"duplicate": ids["person"]}).status_code == 404
        contact = {"community": HOME, "person": ids["person"], "kind": "mobile", "value": "13700000000"}
        assert staff.post(f"{R}/contacts", json=contact).status_code == 422
        assert other.get(path, params=SERVICE).json()["contacts"][0]["id"] == ids["contact"]
    with world.client(f"{HOME}-maintainer") as maintainer:
        assert maintainer.get(f"{R}/persons", params=SERVICE).status_code == 403
        assert maintainer.get(f"{R}/households").status_code == 403


def test_who_may_not_change_people_removes_none_along(world: World, staff: httpx.Client) -> None:
    """A room with a household in it stays for an integrator, who is not told whose it is either; and goes, with all that is in
    it, for who may change both."""
    ids = register(staff, HOME, "周一")
    world.services.people.add("system", Role.INTEGRATOR, [HOME])
    token = world.services.people.new_token("system", "rooms", 1)[1]
    with world.client(authorization=f"Bearer {token}") as system:
        for along, status in ((False, 409), (True, 403)):
            answer = system.delete(f"{R}/places/{ids['place']}", params={"along": along}, headers={"if-match": "*"})
            assert answer.status_code == status
            assert ids["household"] not in answer.text
    assert staff.get(f"{R}/persons/{ids['person']}", params=SERVICE).status_code == 200
    gone = staff.delete(f"{R}/places/{ids['place']}", params={"along": True}, headers={"if-match": "*"})
    assert gone.status_code == 204
    assert staff.get(f"{R}/persons/{ids['person']}", params=SERVICE).json()["residents"] == []


def test_a_search_without_a_hit_is_a_look_too(world: World, staff: httpx.Client) -> None:
    """Whether a number is in the register is something one may not ask without a trace."""
    asked = {"purpose": "authority", "q": "13999998888"}
    assert staff.get(f"{R}/persons", params=asked).status_code == 422
    assert staff.get(f"{R}/persons", params=asked | {"reason": "a warrant"}).json()["items"] == []
    found = SqlAudit(world.database).newest(Search(verb="person.read", purpose="authority"))
    assert [(one.entry.ids, one.texts["reason"]) for one in found] == [((), "a warrant")]


def test_changed_merged_removed(staff: httpx.Client) -> None:
    """From the revision that was read; two records of one person become one, and the old id leads to it."""
    ids, twin = register(staff, HOME, "赵一"), register(staff, HOME, "赵一", "13600001111")
    path = f"{R}/persons/{ids['person']}"
    tag = staff.get(path, params=FULL).headers["etag"]
    changed = {"community": HOME, "name": "赵乙", "sex": "male", "born": "1953-07-21", "needs": "lives alone"}
    assert staff.put(path, json=changed).status_code == 428
    assert staff.put(path, json=changed, headers={"if-match": '"99"'}).status_code == 412
    assert staff.put(path, json=changed, headers={"if-match": tag}).json()["name"] == "赵乙"
    past = staff.get(f"{path}/history", params={name: FULL[name] for name in ("purpose", "reason")}).json()
    assert [(one["before"] or {}).get("name") for one in past] == ["赵一", None]
    assert staff.post(f"{path}/merge", json={"duplicate": twin["person"]}).status_code == 204
    merged = staff.get(f"{R}/persons/{twin['person']}", params=FULL).json()
    assert merged["person"]["id"] == ids["person"]
    assert {one["value"] for one in merged["contacts"]} == {"13812345678", "13600001111"}
    contact = f"{R}/contacts/{ids['contact']}"
    assert staff.delete(contact, headers={"if-match": "*"}).status_code == 204
    assert len(staff.get(path, params=FULL).json()["contacts"]) == 1


def test_looks_at_a_duplicate_are_looks_at_the_person(world: World, staff: httpx.Client) -> None:
    """By whichever of the two ids one asks; and why somebody was erased is in the log."""
    first, second = register(staff, HOME, "赵甲"), register(staff, HOME, "赵乙")
    staff.get(f"{R}/persons/{second['person']}", params=FULL)
    assert staff.post(f"{R}/persons/{first['person']}/merge", json={"duplicate": second["person"]}).status_code == 204
    with world.client("root") as root:
        for ids in (first, second):
            path = f"{R}/persons/{ids['person']}"
            listed = root.get(f"{path}/looks").json()
            assert "person.read" in [one["verb"] for one in listed]
            handed = root.get(f"{path}/export", params={"reason": "asked"}).json()["looks"]
            assert handed[1:] == listed and handed[0]["verb"] == "person.exported"
        assert root.post(f"{path}/erase", json={"reason": "moved away", "sure": True}).status_code == 200
    assert [one.texts["reason"] for one in looks(world, first["person"], "audit.erased")] == ["moved away"]


def test_all_of_one_person_is_handed_out_and_erased(world: World, staff: httpx.Client) -> None:
    """By an administrator, with a reason; then nothing is left but that there was somebody, and the log is whole."""
    ids = register(staff, HOME, "钱七", "13500002222")
    path = f"{R}/persons/{ids['person']}"
    staff.get(path, params=FULL)
    assert staff.get(f"{path}/export", params={"reason": "x"}).status_code == 403
    with world.client("root") as root:
        assert root.get(f"{path}/export").status_code == 422
        handed = root.get(f"{path}/export", params={"reason": "the resident asks for it"})
        assert {one["kind"] for one in handed.json()["records"]} == {"person", "resident", "contact", "consent"}
        assert "钱七" in handed.text and "13500002222" in handed.text
        assert handed.json()["looks"][-1]["verb"] in ("person.read", "person.added", "person.changed")
        assert root.post(f"{path}/erase", json={"reason": "moved away", "sure": False}).status_code == 422
        assert root.post(f"{path}/erase", json={"reason": "moved away", "sure": True}).json()["records"] >= 4
        assert root.post(f"{path}/erase", json={"reason": "again", "sure": True}).status_code == 409
        left = root.get(f"{path}/export", params={"reason": "to check"}).text
    assert "钱七" not in left and "13500002222" not in left
    assert staff.get(path, params=FULL).status_code == 404
    assert [one.entry.verb for one in looks(world, ids["person"], "person.erased")] == ["person.erased"]
