"""One's own data over REST, on SQLite and PostgreSQL: all of it, changed by the resident, and nobody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from linli.db import schema
from linli.db.audit import Search, SqlAudit
from linli.db.people import Changes
from linli.db.registryfacts import facts_of
from linli.model import Role
from linli.registry.changes import Key
from linli.registry.inhabitants import PURPOSES
from tests.databases import Databases
from tests.integration.api_world import HOME, PASSWORD, World, running_world
from tests.integration.test_api_persons import FULL, SERVICE, R, register

pytestmark = pytest.mark.integration

OWN = "/api/v1/own"
ANY = {"if-match": "*"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("own"), url) as running:
        running.services.people.add(f"{HOME}-committee", Role.COMMITTEE, [HOME], password=PASSWORD)
        yield running


@pytest.fixture
def staff(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-committee") as client:
        yield client


@dataclass
class Somebody:
    """A resident who is signed in, and what the registry calls them and theirs."""

    client: httpx.Client
    ids: dict[str, str]
    account: str

    def own(self) -> Any:
        answer = self.client.get(OWN)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def contact(self) -> Any:
        return next(one for one in self.own()["contacts"] if one["id"] == self.ids["contact"])

    def consent(self, purpose: str) -> Any:
        return next(one for one in self.own()["consents"] if one["purpose"] == purpose)


_COUNT = iter(range(1, 1000))


@pytest.fixture
def ann(world: World, staff: httpx.Client) -> Iterator[Somebody]:
    """A person that staff have registered, with an account."""
    ids = register(staff, HOME, "安心", "13811112222")
    name = f"ann{next(_COUNT)}"
    account, _ = world.services.people.add(name, Role.RESIDENT, person=ids["person"], password=PASSWORD)
    with world.client(name) as client:
        yield Somebody(client, ids, account.id)


def mate_of(somebody: Somebody, staff: httpx.Client, until: str | None = None) -> str:
    """Somebody else in the same household, and their id."""
    person = staff.post(f"{R}/persons", json={"community": HOME, "name": "欧阳同住", "needs": "asthma"}).json()["id"]
    home = {"community": HOME, "household": somebody.ids["household"], "person": person, "relation": "spouse"}
    assert staff.post(f"{R}/residents", json=home | {"until": until}).status_code == 201
    return str(person)


def test_what_is_known_by_whom_and_since_when(ann: Somebody, staff: httpx.Client) -> None:
    """In full: it is theirs. With the address, and every purpose, asked or not."""
    mate_of(ann, staff)
    mate_of(ann, staff, "2020-01-01")
    own = ann.own()
    known = {(one["kind"], one["field"]): one for one in own["known"]}
    assert own["person"] == ann.ids["person"]
    assert known["person", "name"]["value"] == "安心"
    assert known["person", "needs"]["value"] == "lives alone"
    assert known["contact", "value"]["value"] == "13811112222"
    assert {one["source"] for one in own["known"]} == {"person"}
    (home,) = own["homes"]
    assert home["present"] and "Room" in home["address"]["en"]
    assert [one["name"] for one in home["mates"]] == ["欧***"]
    assert [one["purpose"] for one in own["consents"]] == list(PURPOSES)
    assert [one["purpose"] for one in own["consents"] if one["given"]] == ["care"]
    assert "asthma" not in str(own)


def test_a_changed_contact_counts_and_shows_as_a_contradiction(
    world: World, ann: Somebody, staff: httpx.Client
) -> None:
    """From the revision that was read. Staff see whose word it is, and settle it."""
    path = f"{OWN}/contacts/{ann.ids['contact']}"
    was = ann.client.get(path)
    fresh = {"kind": "mobile", "value": "13733334444"}
    assert ann.client.put(path, json=fresh).status_code == 428
    assert ann.client.put(path, json=fresh, headers={"if-match": '"99"'}).status_code == 412
    changed = ann.client.put(path, json=fresh, headers={"if-match": was.headers["etag"]})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["value"], changed.json()["revision"]) == ("13733334444", was.json()["revision"] + 1)
    file = staff.get(f"{R}/persons/{ann.ids['person']}", params=FULL).json()
    assert [one["value"] for one in file["contacts"]] == ["13733334444"]
    with world.database.read() as connection:
        table = schema.doubts
        doubted = select(table.c.contradicted).where(table.c.item_id == ann.ids["contact"])
        assert connection.execute(doubted).scalar() is True
        fact = facts_of(connection, Key("contact", ann.ids["contact"]))["value"]
    assert (fact.source, list(fact.against)) == ("resident", ["person"])
    known = next(one for one in ann.own()["known"] if (one["kind"], one["field"]) == ("contact", "value"))
    assert (known["source"], known["against"]) == ("resident", [{"source": "person", "value": "13811112222"}])


def test_a_number_that_is_another_is_not_known_to_work(ann: Somebody, staff: httpx.Client) -> None:
    """Whoever had verified the one before; confirming one's own keeps what is known of it."""
    body = {"community": HOME, "person": ann.ids["person"], "kind": "phone", "value": "55512345"}
    body["verified_at"] = "2026-01-02T03:04:05Z"
    contact = staff.post(f"{R}/contacts", json=body).json()["id"]
    path = f"{OWN}/contacts/{contact}"
    same = ann.client.put(path, json={"kind": "phone", "value": "55512345"}, headers=ANY)
    assert same.json()["verified_at"] is not None
    other = ann.client.put(path, json={"kind": "phone", "value": "55599999"}, headers=ANY)
    assert other.json()["verified_at"] is None
    assert ann.client.get(path).json()["verified_at"] is None


def test_contacts_are_added_and_removed_within_bounds(ann: Somebody, staff: httpx.Client) -> None:
    """What is none is refused; one too many too; what is removed is gone for staff as well."""
    for wrong in ({"kind": "mobile", "value": "none"}, {"kind": "pigeon", "value": "1"}, {"kind": "email"}):
        assert ann.client.post(f"{OWN}/contacts", json=wrong).status_code == 422
    slipped = {"kind": "email", "value": "a@example.org", "person": "other", "community": "zzforeign"}
    assert ann.client.post(f"{OWN}/contacts", json=slipped).status_code == 422
    key = {"idempotency-key": "add-once"}
    made = [ann.client.post(f"{OWN}/contacts", json={"kind": "email", "value": "a@example.org"}, headers=key)]
    made += [ann.client.post(f"{OWN}/contacts", json={"kind": "email", "value": "a@example.org"}, headers=key)]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert ann.client.get(made[0].headers["location"]).json() == made[0].json()
    for number in range(18):
        body = {"kind": "email", "value": f"a{number}@example.org"}
        assert ann.client.post(f"{OWN}/contacts", json=body).status_code == 201
    assert ann.client.post(f"{OWN}/contacts", json={"kind": "email", "value": "b@example.org"}).status_code == 409
    path = f"{OWN}/contacts/{made[0].json()['id']}"
    assert ann.client.delete(path).status_code == 428
    assert ann.client.delete(path, headers={"if-match": made[0].headers["etag"]}).status_code == 204
    assert ann.client.get(path).status_code == 404
    file = staff.get(f"{R}/persons/{ann.ids['person']}", params=FULL).json()
    assert "a@example.org" not in [one["value"] for one in file["contacts"]]
    assert len(file["contacts"]) == 19


def test_consent_is_given_and_taken_back(ann: Somebody, staff: httpx.Client) -> None:
    """Each time with its own time and source; what was said before stays in the history."""
    path = f"{OWN}/consents/face_access"
    asked = ann.consent("face_access")
    assert (asked["given"], asked["at"], asked["revision"]) == (False, None, 0)
    assert ann.client.put(path, json={"given": True}).status_code == 428
    tag = '"0"'
    for given in (True, True, False):
        answer = ann.client.put(path, json={"given": given}, headers={"if-match": tag})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["given"], answer.json()["source"]) == (given, "resident")
        assert ann.consent("face_access")["given"] is given
        tag = answer.headers["etag"]
    assert tag == '"2"'
    assert ann.client.put(path, json={"given": True}, headers={"if-match": '"0"'}).status_code == 412
    assert ann.client.put(f"{OWN}/consents/anything", json={"given": True}, headers=ANY).status_code == 422
    file = staff.get(f"{R}/persons/{ann.ids['person']}", params=FULL).json()
    said = [(one["given"], one["source"]) for one in file["consents"] if one["purpose"] == "face_access"]
    assert sorted(said) == [(False, "resident"), (True, "resident")]


def test_who_looked_and_what_for_by_role_and_not_by_name(world: World, ann: Somebody, staff: httpx.Client) -> None:
    """Newest first, page by page; their own looks are written down and not in the list."""
    with world.client("root") as root:
        root.put(
            f"{R}/organisations/office",
            json={"kind": "department", "name": {"zh": "居委会办公室", "en": "Committee office"}},
            headers={"if-none-match": "*"},
        )
        account = world.services.people.get(f"{HOME}-committee").id
        worker = {"organisation": "office", "name": "李大姐", "duty": "x", "account": account}
        root.put(f"{R}/staff/li", json=worker, headers={"if-none-match": "*"})
    staff.get(f"{R}/persons/{ann.ids['person']}", params=SERVICE)
    with world.client(f"{HOME}-security") as guard:
        guard.get(f"{R}/persons/{ann.ids['person']}", params={"purpose": "emergency"})
    shown = ann.own()["looks"]
    assert [(one["who"]["en"], one["purpose"]) for one in shown[:2]] == [
        ("Security", "emergency"),
        ("Committee", "service"),
    ]
    assert (shown[0]["organisation"], shown[1]["organisation"]["en"]) == (None, "Committee office")
    page = ann.client.get(f"{OWN}/looks", params={"limit": 1}).json()
    after = ann.client.get(f"{OWN}/looks", params={"limit": 1, "cursor": page["next"]}).json()
    assert [*page["items"], *after["items"]] == shown[:2]
    assert ann.client.get(f"{OWN}/looks", params={"cursor": "x"}).status_code == 422
    assert not any(word in str(shown) for word in ("李大姐", account, f"{HOME}-committee"))
    mine = Search(verb="person.read", item=ann.ids["person"], actor=ann.account, purpose="own")
    assert SqlAudit(world.database).newest(mine)


def test_a_mates_name_is_a_look_at_them(world: World, ann: Somebody, staff: httpx.Client) -> None:
    """Masked or not: they can find out that it was shown."""
    mate = mate_of(ann, staff)
    ann.own()
    (look,) = SqlAudit(world.database).newest(Search(verb="person.read", item=mate))
    assert (look.entry.actor, look.entry.facts) == (ann.account, {"fields": ["name masked"]})


def test_all_that_is_kept_is_handed_out(world: World, ann: Somebody) -> None:
    """Records, changes and words of sources; logged as an export."""
    ann.client.put(f"{OWN}/consents/notices", json={"given": True}, headers=ANY)
    handed = ann.client.get(f"{OWN}/export").json()
    assert {one["kind"] for one in handed["records"]} == {"person", "resident", "contact", "consent"}
    assert {one["source"] for one in handed["history"]} == {"person", "resident"}
    assert "13811112222" in str(handed["statements"])
    (look,) = SqlAudit(world.database).newest(Search(verb="person.exported", item=ann.ids["person"]))
    assert look.entry.actor == ann.account
    assert ann.account not in str(handed["looks"])


def test_nobody_elses(world: World, ann: Somebody, staff: httpx.Client) -> None:
    """A neighbour's contact is as one that does not exist, to look at, to change and to remove."""
    other = register(staff, HOME, "邻居", "13955556666")
    for there in (other["contact"], "k0"):
        path = f"{OWN}/contacts/{there}"
        body = {"kind": "mobile", "value": "13700000000"}
        found = [
            ann.client.get(path),
            ann.client.put(path, json=body, headers=ANY),
            ann.client.delete(path, headers=ANY),
        ]
        assert {one.status_code for one in found} == {404}
        assert len({one.json()["detail"].replace(there, "it") for one in found}) == 1
    file = staff.get(f"{R}/persons/{other['person']}", params=FULL).json()
    assert file["contacts"][0]["value"] == "13955556666"
    for path in ("/alerts", "/devices", "/communities", f"/registry/persons/{ann.ids['person']}?purpose=own"):
        assert ann.client.get(f"/api/v1{path}").status_code == 403
    assert staff.get(OWN).status_code == 403


def test_who_is_linked_to_nobody_sees_nothing(world: World, ann: Somebody) -> None:
    """Before anybody has said who they are; and when they are out of the registry, what is kept is still handed out."""
    world.services.people.add("stray", Role.RESIDENT, password=PASSWORD)
    with world.client("stray") as stray:
        for path in (OWN, f"{OWN}/export", f"{OWN}/looks"):
            answer = stray.get(path)
            assert (answer.status_code, "linked" in answer.json()["detail"]) == (404, True)
    with world.client("root") as root:
        gone = root.delete(f"{R}/persons/{ann.ids['person']}", params={"along": True}, headers=ANY)
        assert gone.status_code == 204
        assert ann.client.get(OWN).status_code == 404
        assert ann.client.get(f"{OWN}/export").json()["records"]
        said = {"reason": "she asked", "sure": True}
        assert root.post(f"{R}/persons/{ann.ids['person']}/erase", json=said).status_code == 200
    assert ann.client.get(f"{OWN}/export").status_code == 401


def test_an_account_is_linked_over_rest(world: World, staff: httpx.Client) -> None:
    """By who manages accounts; refused for anybody but a resident, and for who has an account already."""
    ids = register(staff, HOME, "关联", "13866667777")
    with world.client("root") as root:
        made = root.post("/api/v1/accounts", json={"name": "linked", "role": "resident", "person": ids["person"]})
        assert made.status_code == 201, made.text
        account = made.json()["account"]
        assert (account["person"], account["reaches"]) == (ids["person"], [])
        path, whatever = f"/api/v1/accounts/{account['id']}", {"if-match": "*"}
        assert root.patch(path, json={"display_name": "x"}, headers=whatever).json()["person"] == ids["person"]
        assert root.patch(path, json={"person": None}, headers=whatever).json()["person"] is None
        assert root.patch(path, json={"person": ids["person"]}, headers=whatever).json()["person"] == ids["person"]
        again = {"name": "again", "role": "resident", "person": ids["person"]}
        assert root.post("/api/v1/accounts", json=again).status_code == 409
        assert root.post("/api/v1/accounts", json=again | {"role": "security"}).status_code == 409
        assert root.post("/api/v1/accounts", json=again | {"person": "nobody"}).status_code == 404


def test_who_is_somebody_else_now_is_answered_anew(world: World, staff: httpx.Client) -> None:
    """A request sent again with its key would else be answered with what was the other person's."""
    people, told = world.services.people, {"idempotency-key": "same-again", "if-match": "*"}
    first, second = (register(staff, HOME, name) for name in ("甲某", "乙某"))
    people.add("moving", Role.RESIDENT, person=first["person"])
    token = people.new_token("moving", "app", 1)[1]
    with world.client(authorization=f"Bearer {token}") as client:
        put = [client.put(f"{OWN}/consents/notices", json={"given": True}, headers=told) for _ in range(2)]
        assert [one.headers.get("idempotency-replayed") for one in put] == [None, "true"]
        people.change("moving", Changes(person=second["person"]))
        assert client.put(f"{OWN}/consents/notices", json={"given": True}, headers=told).status_code == 422
        assert client.get(OWN).json()["person"] == second["person"]
