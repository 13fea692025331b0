"""Who sees and does what, where the table of roles and the matrix (tests/security/test_matrix.py) do not say it all."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from linli.clock import DAY, format_time
from linli.db.arming import SqlArming
from linli.db.commands import SqlCommands
from linli.model import Role
from linli.platform import PLATFORM, SERVER
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, make_alert, running_world

pytestmark = pytest.mark.integration

MEMBERS = [f"{HOME}-{Role.SECURITY}", f"{HOME}-{Role.PROPERTY}"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("scope"), url) as running:
        yield running


def values(world: World, community: str) -> dict[str, str]:
    """What to fill into each parameter by name, of one community."""
    now = world.clock.now()
    return {
        "alert_id": f"a{community}0001",
        "facility_id": f"{community}-lift",
        "place_id": f"{community}-b1",
        "rule_id": "door-forced",
        "gateway_id": f"gw-{community}",
        "command_id": f"c{community}0001",
        "device_id": f"{community}-door",
        "account_id": "p0123456789abcdef",
        "session_id": "s0123456789abcdef",
        "token_id": "t0123456789",
        "snapshot_id": f"{community}-s1",
        "taken_at": format_time(now),
        "community": community,
        "subject": f"{community}-door",
        "device": f"{community}-car",
        "quantity": "running",
        "from": format_time(now - DAY),
        "to": format_time(now + DAY),
        "since": format_time(now - DAY),
        "until": format_time(now + DAY),
        "severity": "high",
        "rule": "door-forced-1",
        "type": "access.granted",
        "open": "false",
        "limit": "50",
        "points": "10",
        "downsample": "minmaxmean",
        "cursor": "1700000000000000.1.gw.b1.urgent",
    }


def ask(client: httpx.Client, method: str, path: str, body: object, query: dict[str, str]) -> tuple[int, str]:
    """Status and text; of a stream that does not end, what comes within its first event."""
    with client.stream(method, path, params=query, json=body) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            chunks = answer.iter_text()
            return answer.status_code, next(chunks) + next(chunks)
        return answer.status_code, answer.read().decode()


@pytest.mark.parametrize("name", ["root", *MEMBERS])
def test_everybody_sees_their_own(world: World, name: str) -> None:
    """The other side of the leak test: it would pass if nobody saw anything."""
    known = values(world, HOME)
    with world.client(name) as client:
        for path in ("alerts", "devices", "facilities", "communities"):
            assert HOME in client.get(f"/api/v1/{path}").text
        assert client.get(f"/api/v1/alerts/{known['alert_id']}").json()["changes"][0]["kind"] == "opened"
        detail = client.get(f"/api/v1/facilities/{known['facility_id']}").json()
        assert {value["quantity"] for value in detail["values"]} == {"running", "position"}
        rng = {"from": known["from"], "to": known["to"]}
        assert client.get("/api/v1/readings", params=rng | {"device": known["device"], "quantity": "position"}).json()
        assert HOME in client.get("/api/v1/events", params=rng).text
        assert client.get(f"/api/v1/commands/{known['command_id']}").json()["reason"] == f"{HOME} ambulance"
        assert HOME in client.get(f"/api/v1/devices/{HOME}-door/commands").text


def test_an_administrator_sees_every_community(world: World) -> None:
    """In lists, by id, and in the events of all."""
    with world.client("root") as client:
        assert {item["id"] for item in client.get("/api/v1/communities").json()["items"]} == {HOME, FOREIGN}
        assert client.get(f"/api/v1/alerts/a{FOREIGN}0001").status_code == 200


@pytest.mark.parametrize("name", MEMBERS)
def test_nobody_but_an_administrator_sees_the_platform(world: World, name: str) -> None:
    """Metrics count over all communities; health says only whether it is well."""
    with world.client(name) as client:
        assert client.get("/api/v1/metrics").status_code == 403
        assert set(client.get("/api/v1/health").json()) == {"state", "at"}
    with world.client("root") as client:
        assert "linli_open_alerts" in client.get("/api/v1/metrics").text
        assert "workers" in client.get("/api/v1/health").json()


@pytest.mark.parametrize("extra", ["role", "community", "owner", "actor", "communities"])
def test_what_a_body_may_not_say_is_refused(world: World, extra: str) -> None:
    """A role, community or owner in a body is a 422, and changes nothing."""
    with world.client(f"{HOME}-security") as client:
        for path, body in (
            (f"/api/v1/alerts/a{HOME}0001/acknowledge", {"comment": "x"}),
            (f"/api/v1/alerts/a{HOME}0001/close", {"reason": "x"}),
            (f"/api/v1/alerts/a{HOME}0001/shelve", {"reason": "x", "minutes": 5}),
            (f"/api/v1/devices/{HOME}-door/commands", {"command": "unlock", "reason": "x"}),
            ("/api/v1/sessions", {"name": "root", "password": "x"}),
        ):
            assert client.post(path, json=body | {extra: "administrator"}).status_code == 422
        assert client.get(f"/api/v1/alerts/a{HOME}0001").json()["handling"] == "unacknowledged"


@pytest.mark.parametrize(
    ("act", "body"),
    [
        ("acknowledge", {}),
        ("close", {"reason": "x"}),
        ("shelve", {"reason": "x", "minutes": 5}),
        ("unshelve", {}),
    ],
)
@pytest.mark.parametrize("name", MEMBERS)
def test_nobody_handles_a_foreign_alert(world: World, name: str, act: str, body: dict[str, object]) -> None:
    """404, and no act is even stored."""
    with world.client(name) as client:
        answer = client.post(f"/api/v1/alerts/a{FOREIGN}0001/{act}", json=body)
    assert answer.status_code == 404
    found = world.alerts.get(f"a{FOREIGN}0001")
    assert found is not None
    assert found.open
    assert len(world.alerts.changes(f"a{FOREIGN}0001")) == 1


@pytest.mark.parametrize("name", MEMBERS)
def test_nobody_tells_a_foreign_device_anything(world: World, name: str) -> None:
    """404 as for one that is not there, nothing is kept, and nothing goes out."""
    with world.client(name) as client:
        answer = client.post(f"/api/v1/devices/{FOREIGN}-door/commands", json={"command": "unlock", "reason": "x"})
    assert answer.status_code == 404
    assert len(SqlCommands(world.database).of_device(f"{FOREIGN}-door", 10)) == 1
    assert [topic for topic, _ in world.broker.sent if FOREIGN in topic and topic.endswith("/command")] == []


def test_doors_are_opened_by_security_and_administrators_only(world: World) -> None:
    """A property manager sees what was done, and may not do it."""
    path, body = f"/api/v1/devices/{HOME}-door/commands", {"command": "unlock", "reason": "ambulance"}
    statuses = {}
    for name in ("root", *MEMBERS):
        with world.client(name) as client:
            statuses[name] = client.post(path, json=body).status_code
    assert statuses == {"root": 202, f"{HOME}-{Role.SECURITY}": 202, f"{HOME}-{Role.PROPERTY}": 403}


def test_places_are_armed_by_security_and_administrators_only(world: World) -> None:
    """A property manager sees the mode and may not set it; a foreign place is as one that is not there."""
    body = {"mode": "away", "reason": "everybody has left"}
    statuses = {}
    for name in ("root", *MEMBERS):
        with world.client(name) as client:
            statuses[name] = client.put(f"/api/v1/places/{HOME}-f1/mode", json=body).status_code
            assert client.get(f"/api/v1/places/{HOME}-f1").json()["mode"] == "away"
            if name != "root":
                foreign = client.put(f"/api/v1/places/{FOREIGN}-b1/mode", json=body).status_code
                assert foreign == (404 if name.endswith(Role.SECURITY) else 403)
    assert statuses == {"root": 200, f"{HOME}-{Role.SECURITY}": 200, f"{HOME}-{Role.PROPERTY}": 403}
    assert f"{FOREIGN}-b1" not in SqlArming(world.database).modes()


def test_the_live_stream_keeps_to_the_scope(world: World) -> None:
    """A foreign change is not told, live or replayed; one's own, made after it, is."""
    before = world.alerts.last_change()
    with world.client(f"{HOME}-security") as client:
        with client.stream("GET", "/api/v1/stream") as answer:
            chunks = answer.iter_text()
            assert "ready" in next(chunks) + next(chunks)
            world.change(make_alert(FOREIGN, 7, world.clock.now()))
            world.change(make_alert(HOME, 7, world.clock.now()))
            live = next(chunks)
        with client.stream("GET", "/api/v1/stream", headers={"last-event-id": str(before)}) as answer:
            chunks = answer.iter_text()
            replayed = next(chunks) + next(chunks)
    for text in (live, replayed):
        assert f"a{HOME}0007" in text
        assert FOREIGN not in text


@pytest.mark.parametrize("name", [*MEMBERS, "root"])
def test_alerts_about_linli_itself_are_for_administrators(world: World, name: str) -> None:
    """They are of a community that nobody belongs to: no list and no act of anybody else reaches them."""
    told = replace(
        make_alert(HOME, 900, world.clock.now()),
        id="aplatform",
        rule="linli-store-down",
        community=PLATFORM,
        subject=SERVER,
        subject_kind="place",
        place=SERVER,
    )
    world.change(told)
    with world.client(name) as client:
        seen = [
            ask(client, method, f"/api/v1{path}", body, query)
            for method, path, body, query in (
                ("GET", "/alerts", None, {}),
                ("GET", "/alerts", None, {"community": PLATFORM}),
                ("GET", f"/alerts/{told.id}", None, {}),
                ("POST", f"/alerts/{told.id}/acknowledge", {"comment": ""}, {}),
                ("GET", "/communities", None, {}),
                ("GET", "/devices", None, {}),
            )
        ]
    shown = [told.id in text.replace(f"there is no alert {told.id}", "") for _, text in seen]
    if name == "root":
        assert [status for status, _ in seen] == [200] * 6
        assert shown == [True, True, True, True, False, False]
        assert "Linli itself" in seen[0][1]
    else:
        assert [status for status, _ in seen] == [200, 404, 404, 404, 200, 200]
        assert not any(shown)
    assert PLATFORM not in seen[4][1] + seen[5][1]
