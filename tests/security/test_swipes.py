"""Swipes: what an event says of who went in is masked wherever it is handed out, and shown in full only for a purpose that is written down."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from linli.clock import SECOND, format_time
from linli.db.audit import Search, Shown, SqlAudit
from linli.model import Evidence, JsonValue, Lane, Message, Received, Role
from linli.roles import ROLES, Operation
from tests.contract.database.test_alerts import ALERT
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, running_world

pytestmark = pytest.mark.integration

SECRETS: dict[str, dict[str, JsonValue]] = {
    "card": {"credential": "CARD-SECRET-0042"},
    "number": {"credential": 9988776655},
    "lock": {"user": "USER-SECRET-0042", "direction": "in"},
    "plate": {"plate": "沪A-SECRET-42"},
    "camera": {"sub_label": ["FACE-SECRET-0042", 0.97], "zone": "gate"},
    "nested": {"who": {"credential": "DEEP-SECRET-0042"}},
}
RAW = ("SECRET", "9988776655")
WHY: dict[str, Any] = {"full": "true", "purpose": "emergency", "reason": "a door was forced"}
STAFF = [role for role, duty in ROLES.items() if not duty.tokens_only and Operation.SEE in duty.operations]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("swipes"), url) as running:
        people = running.services.people
        for role in STAFF:
            if role is not Role.ADMINISTRATOR:
                reach = [HOME] if ROLES[role].reach.value == "communities" else []
                people.add(f"swipes-{role}", role, reach, password=PASSWORD)
        at = running.clock.now() - 5 * SECOND
        for number, data in enumerate(SECRETS.values(), 1):
            swipe(running, HOME, number, at + number, data)
        swipe(running, FOREIGN, 1, at, {"credential": "CARD-SECRET-ELSEWHERE"})
        evidence = tuple(
            Evidence(at + number, f"{HOME}-door", "access.denied", None, None, data)
            for number, data in enumerate(SECRETS.values())
        )
        running.change(replace(ALERT, id="swiped", community=HOME, subject=f"{HOME}-door", evidence=evidence))
        yield running


def swipe(world: World, community: str, number: int, at: int, data: dict[str, JsonValue]) -> None:
    message = Message(
        community,
        f"gw-{community}",
        "b9",
        Lane.URGENT,
        number,
        1,
        "access.denied",
        f"{community}-door",
        at,
        at,
        data=data,
    )
    world.store.write([Received(message, at)], {})


def name_of(role: Role) -> str:
    return "root" if role is Role.ADMINISTRATOR else f"swipes-{role}"


@pytest.fixture(params=STAFF)
def anybody(world: World, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with world.client(name_of(request.param)) as client:
        yield client


def window(world: World) -> dict[str, str]:
    now = world.clock.now()
    return {"from": format_time(now - 3600 * SECOND), "to": format_time(now + SECOND)}


def reads(world: World) -> list[Shown]:
    return SqlAudit(world.database).newest(Search(verb="swipe.read"))


def test_nothing_that_is_handed_out_says_who_it_was(world: World, anybody: httpx.Client) -> None:
    """Each GET of the document that needs no id, the alert and the exports: for every role, in whatever form."""
    document = anybody.get("/api/v1/openapi.json").json()
    plain = [
        path for path, item in document["paths"].items() if "get" in item and "{" not in path and "stream" not in path
    ]
    assert "/api/v1/events" in plain and "/api/v1/alerts" in plain
    paths = [*plain, "/api/v1/alerts/swiped", f"/api/v1/facilities/{HOME}-lift", f"/api/v1/devices/{HOME}-door"]
    before, seen = len(reads(world)), 0
    for path in paths:
        asked = window(world) if path.rpartition("/")[2].startswith("events") else {}
        for form in ({}, {"format": "ndjson"}) if "/exports/" in path else ({},):
            answer = anybody.get(path, params=asked | form)
            assert not [raw for raw in RAW if raw in answer.text], path
            seen += "****42" in answer.text
    assert seen >= 2  # the list of events and the alert, at least
    assert len(reads(world)) == before


def test_a_mask_tells_two_apart_and_no_more(world: World) -> None:
    """The last characters of what is long; words that are no identity stay."""
    with world.client(f"swipes-{Role.SECURITY}") as guard:
        found = guard.get("/api/v1/events", params=window(world) | {"community": HOME}).json()["items"]
    data = [event["data"] for event in found if event["type"] == "access.denied"]
    assert {"credential": "****42"} in data and {"credential": "****55"} in data
    assert {"user": "****42", "direction": "in"} in data
    assert {"who": {"credential": "****42"}} in data


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/alerts/swiped"])
def test_in_full_takes_the_right_a_purpose_and_a_reason(world: World, path: str) -> None:
    """Each of them; a guard never sees it."""
    asked = window(world) | {"community": HOME} if path.endswith("events") else {}
    before = len(reads(world))
    for role in STAFF:
        may = Operation.UNMASK_PERSONS in ROLES[role].operations
        with world.client(name_of(role)) as client:
            for missing in ("purpose", "reason"):
                wrong = {name: value for name, value in WHY.items() if name != missing}
                assert client.get(path, params=asked | wrong).status_code == (422 if may else 403)
            assert client.get(path, params=asked | WHY | {"purpose": "curiosity"}).status_code == 422
            assert len(reads(world)) == before
            answer = client.get(path, params=asked | WHY)
            assert answer.status_code == (200 if may else 403)
            assert ("CARD-SECRET-0042" in answer.text and "9988776655" in answer.text) is may
            before += may
    assert len(reads(world)) == before


def test_each_look_in_full_names_whose_card_it_was(world: World) -> None:
    """By the register; what for, why, of which devices and how many. In the person's list of looks it stands too."""
    registry, same = "/api/v1/registry", {"community": HOME}
    with world.client("root") as root:
        person = root.post(f"{registry}/persons", json=same | {"name": "王小明"}).json()["id"]
        card = same | {"person": person, "kind": "card", "value": "CARD-SECRET-0042"}
        assert root.post(f"{registry}/credentials", json=card).status_code == 201
        assert root.get("/api/v1/events", params=window(world) | {"community": HOME} | WHY).status_code == 200
        (look, *_) = reads(world)
        assert look.entry.actor == world.services.people.get("root").id
        assert (look.entry.kind, look.entry.ids, look.entry.community) == ("person", (person,), HOME)
        assert (look.entry.purpose, look.texts["reason"]) == ("emergency", "a door was forced")
        assert look.entry.facts["devices"] == [f"{HOME}-door"]
        assert look.entry.facts["count"] >= len(SECRETS)
        assert "SECRET" not in str(look)
        listed = root.get(f"{registry}/persons/{person}/looks").json()
        assert "swipe.read" in [one["verb"] for one in listed]


def test_a_look_that_cannot_be_written_down_is_not_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database fails as the entry is made: there is no answer with a card in it."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    with world.client("root") as root:
        monkeypatch.setattr("api.swipes.append", fail)
        answer = root.get("/api/v1/alerts/swiped", params=WHY)
    assert answer.status_code == 500
    assert "SECRET" not in answer.text
