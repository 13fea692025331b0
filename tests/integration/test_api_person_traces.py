"""Swipes of a person over REST, on SQLite and PostgreSQL: found by the card that the register says is theirs, handed out and erased."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from linli.clock import SECOND
from linli.errors import StoreUnavailable
from linli.i18n import Text
from linli.model import Evidence, Handling, JsonValue, Lane, Message, Received, Role
from linli.registry.masking import HIDDEN
from tests.contract.database.test_alerts import ALERT
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world
from tests.integration.test_api_persons import FULL, SERVICE, R, looks, register

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("traces"), url) as running:
        for community in (HOME, FOREIGN):
            running.services.people.add(f"{community}-committee", Role.COMMITTEE, [community], password=PASSWORD)
        yield running


@pytest.fixture
def staff(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-committee") as client:
        yield client


@pytest.fixture
def root(world: World) -> Iterator[httpx.Client]:
    with world.client("root") as client:
        yield client


def give_card(client: httpx.Client, person: str, card: str, **more: str) -> str:
    body = {"community": HOME, "person": person, "kind": "card", "value": card} | more
    answer = client.post(f"{R}/credentials", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def swipe(world: World, sequence: int, card: JsonValue) -> int:
    at = world.clock.now() - 2 * SECOND
    data = {"credential": card}
    message = Message(
        HOME, f"gw-{HOME}", "b2", Lane.URGENT, sequence, 1, "access.granted", f"{HOME}-door", at, at, data=data
    )
    world.store.write([Received(message, at)], {})
    return at


def test_a_card_is_on_the_persons_file_masked_and_in_full(staff: httpx.Client) -> None:
    """Like any other fact of theirs: masked, in full for a purpose, changed from the revision that was read, with its history."""
    ids = register(staff, HOME, "赵一", "13700000001")
    card = give_card(staff, ids["person"], "CARD0000042", since="2026-01-02")
    path = f"{R}/persons/{ids['person']}"
    (masked,) = staff.get(path, params=SERVICE).json()["credentials"]
    assert (masked["kind"], masked["value"], masked["since"]) == ("card", "****42", "202*")
    (full,) = staff.get(path, params=FULL).json()["credentials"]
    assert (full["value"], full["since"], full["until"]) == ("CARD0000042", "2026-01-02", None)
    change = {"community": HOME, "person": ids["person"], "kind": "card", "value": "CARD0000042", "until": "2026-02-30"}
    headers = {"if-match": '"1"'}
    assert staff.put(f"{R}/credentials/{card}", json=change, headers=headers).status_code == 422
    change["until"] = "2026-02-28"
    assert staff.put(f"{R}/credentials/{card}", json=change, headers=headers).status_code == 200
    assert staff.put(f"{R}/credentials/{card}", json=change, headers=headers).status_code == 412
    with_kind = change | {"kind": "magic"}
    assert staff.put(f"{R}/credentials/{card}", json=with_kind, headers={"if-match": "*"}).status_code == 422


def test_nobody_elses_community_is_reached(world: World, staff: httpx.Client) -> None:
    """A card is given to nobody of another community, and theirs is answered like one that does not exist."""
    ids = register(staff, HOME, "钱二", "13700000002")
    card = give_card(staff, ids["person"], "CARD0000043")
    with world.client(f"{FOREIGN}-committee") as other:
        body = {"community": FOREIGN, "person": ids["person"], "kind": "card", "value": "X"}
        assert other.post(f"{R}/credentials", json=body).status_code in (404, 422)
        body |= {"community": HOME}
        assert other.put(f"{R}/credentials/{card}", json=body, headers={"if-match": "*"}).status_code == 404
        assert other.delete(f"{R}/credentials/{card}", headers={"if-match": "*"}).status_code == 404


def test_swipes_are_handed_out_and_erased_with_the_person(
    world: World, staff: httpx.Client, root: httpx.Client
) -> None:
    """What the readers reported of their card, and what a closed alert keeps of it; a neighbour's swipes stay as they are."""
    ids, neighbour = register(staff, HOME, "孙三", "13700000003"), register(staff, HOME, "李四", "13700000004")
    give_card(staff, ids["person"], "CARD0000044")
    give_card(staff, neighbour["person"], "CARD0000045")
    at = swipe(world, 1, "CARD0000044")
    swipe(world, 2, "CARD0000045")
    evidence = (Evidence(at, f"{HOME}-door", "access.denied", None, None, {"credential": "CARD0000044"}),)
    alert = replace(ALERT, id="swiped", community=HOME, subject=f"{HOME}-door-9", evidence=evidence)
    world.change(alert)
    path, why = f"{R}/persons/{ids['person']}", {"reason": "the resident asks for it"}
    handed = root.get(f"{path}/export", params=why).json()
    assert [one["data"] for one in handed["swipes"]] == [{"credential": "CARD0000044"}]
    assert [one["id"] for one in handed["alerts"]] == ["swiped"]

    erase = {"reason": "moved away", "sure": True}
    refused = root.post(f"{path}/erase", json=erase)
    assert refused.status_code == 409 and "swiped" in refused.text
    world.change(replace(alert, handling=Handling.CLOSED, closed_at=at, closed_by="x", close_reason="known"), "closed")
    assert root.post(f"{path}/erase", json=erase).status_code == 200
    cards = {event.sequence: event.data["credential"] for event in world.store.events(HOME, at - SECOND, at + SECOND)}
    assert (cards[1], cards[2]) == (HIDDEN, "CARD0000045")
    kept = world.alerts.get("swiped")
    assert kept is not None and kept.evidence[0].data["credential"] == HIDDEN
    assert "CARD0000044" not in root.get(f"{path}/export", params=why).text
    handed = root.get(f"{R}/persons/{neighbour['person']}/export", params=why).json()
    assert [one["data"] for one in handed["swipes"]] == [{"credential": "CARD0000045"}]


def test_without_the_store_nobody_is_erased_by_half(
    world: World, staff: httpx.Client, root: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said that the store does not answer, and the register is as it was; later it is done."""
    ids = register(staff, HOME, "周五", "13700000005")
    give_card(staff, ids["person"], "CARD0000046")
    path, erase = f"{R}/persons/{ids['person']}", {"reason": "moved away", "sure": True}

    def fail(*_: object, **__: object) -> list[object]:
        raise StoreUnavailable(Text("读数库不应答", "the store of readings does not answer"))

    for method in ("events", "redact"):
        with monkeypatch.context() as broken:
            broken.setattr(world.store, method, fail)
            answer = root.post(f"{path}/erase", json=erase)
            assert answer.status_code == 503 and "store" in answer.text
            if method == "events":
                assert root.get(f"{path}/export", params={"reason": "asked"}).status_code == 503
    assert staff.get(path, params=FULL).json()["credentials"][0]["value"] == "CARD0000046"
    assert not looks(world, ids["person"], "person.exported")
    assert root.post(f"{path}/erase", json=erase).status_code == 200


def test_residents_are_handed_their_own_swipes(world: World, staff: httpx.Client, root: httpx.Client) -> None:
    """On their page the cards that are theirs; in their file what these did, and nobody else's."""
    ids = register(staff, HOME, "吴六", "13700000006")
    give_card(staff, ids["person"], "CARD0000047")
    swipe(world, 7, "CARD0000047")
    swipe(world, 8, "CARD0000048")
    world.services.people.add("wu", Role.RESIDENT, [], password=PASSWORD)
    account = next(
        one for one in root.get("/api/v1/accounts", params={"limit": 500}).json()["items"] if one["name"] == "wu"
    )
    changed = root.patch(f"/api/v1/accounts/{account['id']}", json={"person": ids["person"]}, headers={"if-match": "*"})
    assert changed.status_code == 200, changed.text
    with world.client("wu") as wu:
        own = wu.get("/api/v1/own").json()
        assert [(one["kind"], one["value"]) for one in own["credentials"]] == [("card", "CARD0000047")]
        handed = wu.get("/api/v1/own/export").json()
    assert [one["data"] for one in handed["swipes"]] == [{"credential": "CARD0000047"}]


def test_nobody_is_left_with_nothing_but_their_face(staff: httpx.Client) -> None:
    """Whoever opens doors by face has another way in, also after a card is taken back or has ended; a plate opens no door."""
    person = register(staff, HOME, "郑七", "13700000007")["person"]
    face = {"community": HOME, "person": person, "kind": "face", "value": "FACE-000077"}
    plate = face | {"kind": "plate", "value": "沪A12345"}
    assert staff.post(f"{R}/credentials", json=plate).status_code == 201
    refused = staff.post(f"{R}/credentials", json=face)
    assert refused.status_code == 409 and "another way in" in refused.text
    card = give_card(staff, person, "CARD0000049")
    assert staff.post(f"{R}/credentials", json=face).status_code == 201
    assert staff.delete(f"{R}/credentials/{card}", headers={"if-match": '"1"'}).status_code == 409
    ended = {"community": HOME, "person": person, "kind": "card", "value": "CARD0000049", "until": "2026-01-01"}
    assert staff.put(f"{R}/credentials/{card}", json=ended, headers={"if-match": '"1"'}).status_code == 409
    give_card(staff, person, "CARD0000050")
    assert staff.delete(f"{R}/credentials/{card}", headers={"if-match": '"1"'}).status_code == 204
    shown = staff.get(f"{R}/persons/{person}", params=FULL).json()["credentials"]
    assert sorted(one["kind"] for one in shown) == ["card", "face", "plate"]
