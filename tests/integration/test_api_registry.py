"""The registry over REST, on SQLite and PostgreSQL: lists, changes from a revision that was read, history, facts, what is unknown."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from linli.clock import DAY, SECOND
from linli.db.registryfacts import record
from linli.db.strangers import SqlStrangers
from linli.i18n import Text
from linli.model import Role
from linli.registry.changes import Origin
from linli.registry.model import Device, Staff
from linli.registry.strangers import Sample, Stranger
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration

NAME = {"zh": "新门", "en": "New door"}
DOOR = {"community": HOME, "gateway": f"gw-{HOME}", "kind": "door", "name": NAME, "place": f"{HOME}-b1"}
R = "/api/v1/registry"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("registry"), url) as running:
        running.services.people.add("district", Role.DISTRICT_COMMAND, password=PASSWORD)
        yield running


@pytest.fixture
def manager(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-{Role.PROPERTY}") as client:
        yield client


def put(client: httpx.Client, path: str, body: dict[str, Any], tag: str | None = None) -> httpx.Response:
    """Register it, or with a tag change it."""
    headers = {"if-none-match": "*"} if tag is None else {"if-match": tag}
    return client.put(f"{R}/{path}", json=body, headers=headers)


def test_a_list_is_paged_narrowed_and_searched(manager: httpx.Client) -> None:
    """By id, each item once; by a field, and by words within names in both languages, numbers and ids."""
    for number in range(5):
        assert (
            put(manager, f"devices/list-{number}", DOOR | {"equipment": {"serial": f"SN-77{number}"}}).status_code
            == 201
        )
    found, query = [], {"limit": "2", "where": "kind=door"}
    while True:
        page = manager.get(f"{R}/devices", params=query).json()
        found += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == sorted(set(found)) and {f"list-{number}" for number in range(5)} < set(found)
    for words, wanted in (("新门", 5), ("new DOOR", 5), ("sn-773", 1), ("list-4", 1), ("100%", 0), ("zzforeign", 0)):
        assert len(manager.get(f"{R}/devices", params={"q": words, "limit": 50}).json()["items"]) == wanted
    answer = manager.get(f"{R}/devices", params={"where": "colour=red"})
    assert answer.status_code == 422 and "gateway" in answer.json()["detail"]


def test_of_many_who_change_what_they_have_read_one_does(manager: httpx.Client, world: World) -> None:
    """However they fall: the others are told that it was changed (412), as who comes later is; none is lost in silence."""
    door = f"{R}/devices/{HOME}-door"
    tag = manager.get(door).headers["etag"]

    def change(number: int) -> int:
        body = DOOR | {"name": {"zh": f"门 {number}", "en": f"Door {number}"}}
        with httpx.Client(base_url=world.url, headers=manager.headers, cookies=manager.cookies, timeout=30) as client:
            return client.put(door, json=body, headers={"if-match": tag}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(change, range(6))) == [200, *[412] * 5]


def test_a_change_is_made_from_what_was_read(manager: httpx.Client) -> None:
    """Registered once; then only from the revision that is there; the same again changes nothing."""
    made = put(manager, "devices/new-door", DOOR)
    assert (made.status_code, made.headers["etag"], made.json()["equipment"]["serial"]) == (201, '"1"', None)
    assert put(manager, "devices/new-door", DOOR).status_code == 409
    assert manager.put(f"{R}/devices/new-door", json=DOOR).status_code == 428
    assert put(manager, "devices/new-door", DOOR, '"9"').status_code == 412
    changed = put(manager, "devices/new-door", DOOR | {"interval_s": 60}, '"1"')
    assert (changed.status_code, changed.headers["etag"], changed.json()["interval_s"]) == (200, '"2"', 60)
    assert put(manager, "devices/new-door", DOOR | {"interval_s": 60}, '"2"').headers["etag"] == '"2"'
    got = manager.get(f"{R}/devices/new-door", headers={"if-none-match": '"2"'})
    assert (got.status_code, got.content) == (304, b"")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"place": "nowhere"}, "nowhere"),
        ({"place": f"{FOREIGN}-b1"}, f"{FOREIGN}-b1"),
        ({"community": FOREIGN}, f"there is no compound {FOREIGN}"),
        ({"kind": "dragon"}, "dragon"),
        ({"parent": "bad-door"}, "parent"),
        ({"colour": "red"}, "colour"),
        ({"name": {"zh": "只有中文"}}, "en"),
    ],
)
def test_what_is_not_sound_is_refused_by_name(
    world: World, manager: httpx.Client, wrong: dict[str, Any], said: str
) -> None:
    """And nothing of it is there afterwards; a foreign place is as one that is not there."""
    answer = put(manager, "devices/bad-door", DOOR | wrong)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]
    with world.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM devices WHERE id = 'bad-door'")).scalar() == 0


def test_what_belongs_to_the_district_is_changed_by_who_reaches_all_of_it(world: World, manager: httpx.Client) -> None:
    """A compound's own people see organisations and committees, and register none."""
    company = {"kind": "property", "name": {"zh": "滨江物业", "en": "Riverside Property"}}
    assert put(manager, "organisations/riverside", company).status_code == 403
    with world.client("district") as district:
        assert put(district, "organisations/riverside", company).status_code == 201
        assert put(district, "districts/east", {"name": {"zh": "东区", "en": "East"}}).status_code == 201
        committee = {"district": "east", "kind": "village", "name": {"zh": "一村", "en": "First"}}
        assert put(district, "committees/first", committee).status_code == 201
        tag = district.get(f"{R}/communities/{HOME}").headers["etag"]
        home = {"name": {"zh": "家", "en": "Home"}, "committee": "first", "manager": "riverside"}
        assert put(district, f"communities/{HOME}", home, tag).json()["committee"] == "first"
    assert manager.get(f"{R}/organisations/riverside").json()["name"]["zh"] == "滨江物业"
    assert [item["id"] for item in manager.get(f"{R}/communities").json()["items"]] == [HOME]
    assert manager.get(f"{R}/communities/{FOREIGN}").status_code == 404


def test_a_foreign_id_is_taken_and_nothing_more_is_told(manager: httpx.Client) -> None:
    """Ids are the district's: who makes one up that another compound has is told to choose another."""
    answer = put(manager, f"devices/{FOREIGN}-door", DOOR)
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"the id {FOREIGN}-door is taken: choose another"


def test_removed_and_brought_back(manager: httpx.Client) -> None:
    """What others need stays, with who needs it; what is gone is found among the removed, and its id is nobody else's."""
    put(manager, "places/old-hall", {"community": HOME, "kind": "floor", "name": NAME, "parent": f"{HOME}-b1"})
    put(manager, "devices/in-hall", DOOR | {"place": "old-hall"})
    refused = manager.delete(f"{R}/places/old-hall", headers={"if-match": "*"})
    assert refused.status_code == 409 and "in-hall" in refused.json()["detail"]
    assert manager.delete(f"{R}/places/old-hall", params={"along": True}, headers={"if-match": "*"}).status_code == 204
    assert manager.get(f"{R}/devices/in-hall").status_code == 404
    assert manager.get(f"{R}/devices/in-hall", params={"removed": True}).json()["removed_at"] is not None
    assert "in-hall" in manager.get(f"{R}/devices", params={"removed": True}).text
    assert put(manager, "devices/in-hall", DOOR).status_code == 422
    assert manager.post(f"{R}/devices/in-hall/restore").status_code == 422
    assert manager.post(f"{R}/places/old-hall/restore").json()["removed_at"] is None
    assert manager.post(f"{R}/devices/in-hall/restore").json()["place"] == "old-hall"


def test_history_says_who_and_from_what_to_what(world: World, manager: httpx.Client) -> None:
    """Of each change, the removal too."""
    put(manager, "devices/old-one", DOOR)
    put(manager, "devices/old-one", DOOR | {"interval_s": 5}, '"1"')
    manager.delete(f"{R}/devices/old-one", headers={"if-match": "*"})
    past = [one for one in manager.get(f"{R}/devices/old-one/history").json() if "interval_s" in (one["before"] or {})]
    assert [(one["removed"], (one["after"] or {}).get("interval_s")) for one in past] == [(True, None), (False, 5)]
    who = world.services.people.get(f"{HOME}-{Role.PROPERTY}").id
    assert {one["actor"] for one in past} == {who}
    assert {one["source"] for one in past} == {"person"}


def test_sources_that_contradict_each_other_are_shown_and_settled(world: World, manager: httpx.Client) -> None:
    """What a survey says other than a list is not overwritten in silence; who confirms ends it."""
    put(manager, "devices/doubtful", DOOR)
    now = world.clock.now()
    for source, interval in (("list", 10.0), ("survey", 20.0)):
        device = Device("doubtful", HOME, f"gw-{HOME}", "door", Text("新门", "New door"), f"{HOME}-b1", None, interval)
        with world.database.write() as connection:
            record(connection, [device], Origin(now - DAY, None, source, 0.5), ["interval_s"])
    queue = manager.get(f"{R}/doubts", params={"contradicted": True}).json()["items"]
    assert [item["contradicted"] for item in queue if item["id"] == "doubtful"] == [["interval_s"]]
    fact = next(one for one in manager.get(f"{R}/devices/doubtful/facts").json() if one["field"] == "interval_s")
    assert {fact["source"], *(one["source"] for one in fact["against"])} == {"list", "survey"}
    assert manager.post(f"{R}/devices/doubtful/confirm", json={"fields": ["interval_s"]}).status_code == 200
    assert "doubtful" not in manager.get(f"{R}/doubts", params={"contradicted": True}).text


def test_a_device_is_replaced_and_a_duplicate_merged(manager: httpx.Client) -> None:
    """The same place and id, other equipment, both remembered; two records become one, and the old id leads there."""
    put(manager, "devices/worn", DOOR | {"equipment": {"serial": "A1", "latitude": 31.2, "longitude": 121.4}})
    new = manager.post(
        f"{R}/devices/worn/replace", json={"serial": "B2", "reason": "worn out"}, headers={"if-match": '"1"'}
    )
    assert new.json()["equipment"] | {"in_service_since": None} == {
        "serial": "B2",
        "model": None,
        "in_service_since": None,
        "latitude": 31.2,
        "longitude": 121.4,
        "plan": None,
        "x_m": None,
        "y_m": None,
    }
    stood = manager.get(f"{R}/devices/worn/installations").json()
    assert [(one["serial"], one["until"] is None) for one in stood] == [("B2", True), ("A1", False)]
    put(manager, "devices/worn-again", DOOR | {"interval_s": 30})
    assert manager.post(f"{R}/devices/worn/merge", json={"duplicate": "worn-again"}).json()["interval_s"] == 30
    assert manager.get(f"{R}/devices/worn-again").status_code == 404
    assert manager.post(f"{R}/devices/worn/merge", json={"duplicate": f"{FOREIGN}-door"}).status_code == 404


def test_unknown_devices_wait_to_be_adopted(world: World, manager: httpx.Client) -> None:
    """With what they sent, each compound its own; adopted under the id that they report."""
    now = world.clock.now()
    for community in (HOME, FOREIGN):
        heard = Stranger(
            community,
            f"gw-{community}",
            f"{community}-new",
            now - SECOND,
            now,
            3,
            ("temperature",),
            (),
            (Sample(now, "temperature", 21.5, "Cel"),),
        )
        SqlStrangers(world.database).put([heard], {}, now)
    items = manager.get(f"{R}/unknown-devices").json()["items"]
    assert [item["device"] for item in items] == [f"{HOME}-new"]
    assert items[0]["samples"][0]["value"] == 21.5
    path = f"{R}/unknown-devices/gw-{HOME}/{HOME}-new/adopt"
    what = {"kind": "door", "name": NAME, "place": f"{HOME}-b1"}
    assert manager.post(path, json=what | {"kind": "dragon"}).status_code == 422
    assert manager.post(path, json=what).status_code == 201
    assert manager.get(f"{R}/unknown-devices").json()["items"] == []
    assert manager.get(f"{R}/devices/{HOME}-new").json()["gateway"] == f"gw-{HOME}"
    theirs = f"{R}/unknown-devices/gw-{FOREIGN}/{FOREIGN}-new"
    assert manager.post(f"{theirs}/adopt", json=what).status_code == 404
    assert manager.delete(theirs).status_code == 404
    with world.client("district") as district:
        assert [item["device"] for item in district.get(f"{R}/unknown-devices").json()["items"]] == [f"{FOREIGN}-new"]


def test_of_staff_and_teams_is_shown_what_concerns_one(world: World) -> None:
    """A telephone number in full to who looks after people; of a team the compounds that one sees."""
    with world.client("district") as district:
        put(district, "organisations/repairs", {"kind": "contractor", "name": {"zh": "维修", "en": "Repairs"}})
        person = {"organisation": "repairs", "name": "王五", "duty": "lifts", "phone": "13900002222"}
        assert put(district, "staff/wang", person).status_code == 201
        team = {"organisation": "repairs", "name": {"zh": "电梯班", "en": "Lifts"}, "members": ["wang"]}
        assert put(district, "teams/lifts", team | {"communities": [HOME, FOREIGN]}).status_code == 201
        assert district.get(f"{R}/staff/wang").json()["phone"] == "13900002222"
        assert district.get(f"{R}/teams/lifts").json()["communities"] == [HOME, FOREIGN]
    world.services.people.add("lift-system", Role.INTEGRATOR, [HOME])
    token = world.services.people.new_token("lift-system", "x", 1)[1]
    with world.client(authorization=f"Bearer {token}") as system:
        assert system.get(f"{R}/staff").json()["items"][0]["phone"] == "139****2222"
        assert system.get(f"{R}/teams/lifts").json()["communities"] == [HOME]


def test_a_telephone_number_is_masked_wherever_it_stands(world: World) -> None:
    """As it was, as sources say it, and in the queue too: an auditor reaches the district and looks after nobody."""
    with world.client("district") as district:
        put(district, "organisations/gate", {"kind": "contractor", "name": {"zh": "门禁", "en": "Gates"}})
        zhao = {"organisation": "gate", "name": "赵六", "duty": "gates", "phone": "13700005555"}
        assert put(district, "staff/zhao", zhao).status_code == 201
    with world.database.write() as connection:
        other = Staff("zhao", "gate", "赵六", "gates", "13700006666")
        record(connection, [other], Origin(world.clock.now(), None, "survey", 0.9))
    world.services.people.add("checker", Role.AUDITOR)
    token = world.services.people.new_token("checker", "x", 1)[1]
    paths = [f"{R}/staff", f"{R}/staff/zhao", f"{R}/staff/zhao/history", f"{R}/staff/zhao/facts", f"{R}/doubts"]
    with world.client("district") as district, world.client(authorization=f"Bearer {token}") as auditor:
        for path in paths:
            assert "13700005555" in district.get(path).text, path
            seen = auditor.get(path).text
            assert "137****5555" in seen and "1370000" not in seen, path
        assert "137****6666" in auditor.get(f"{R}/doubts").text


def test_a_guard_reads_and_changes_nothing(world: World) -> None:
    """EDIT_REGISTRY is not theirs; nor is any other compound's item."""
    with world.client(f"{HOME}-{Role.SECURITY}") as guard:
        assert guard.get(f"{R}/devices/{HOME}-door").status_code == 200
        assert guard.get(f"{R}/devices/{FOREIGN}-door").status_code == 404
        assert put(guard, "devices/x", DOOR).status_code == 403
        assert guard.delete(f"{R}/devices/{HOME}-door", headers={"if-match": "*"}).status_code == 403
