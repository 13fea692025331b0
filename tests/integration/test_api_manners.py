"""What holds for every route alike: filters that name nothing, parameters that nobody knows, bodies that are no JSON, and HEAD."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.routes import ANONYMOUS
from linli.clock import HOUR, format_time
from linli.db.registry import save
from linli.db.registryremoving import remove
from linli.i18n import Text
from linli.model import Device, Role
from linli.registry.changes import PERSON, Key, Origin
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, inhabitants, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration

GONE = f"{HOME}-gone"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With a device that was removed, and people who live somewhere."""
    folder: Path = tmp_path_factory.mktemp("manners")
    with databases.new() as url, running_world(folder, url) as running:
        gone = Device(GONE, HOME, f"gw-{HOME}", "door", Text("旧门", "old door"), f"{HOME}-b1")
        with running.database.write() as connection:
            save(connection, [gone, *inhabitants(HOME, HOME), *inhabitants(FOREIGN, FOREIGN)])
        with running.database.write() as connection:
            remove(connection, [Key("device", GONE)], Origin(running.clock.now(), "root", PERSON))
        yield running


@pytest.fixture(scope="module")
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-{Role.SECURITY}") as client:
        yield client


@pytest.fixture(scope="module")
def staff(world: World) -> Iterator[httpx.Client]:
    """Somebody who may see who lives there."""
    with world.client(f"{HOME}-{Role.PROPERTY}") as client:
        yield client


def span(world: World) -> Json:
    return {"from": format_time(world.clock.now() - HOUR), "to": format_time(world.clock.now() + HOUR)}


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


# --- filters ----------------------------------------------------------------------------------------------------------

FILTERS = [
    ("/alerts", "community", FOREIGN),
    ("/alerts", "subject", f"{FOREIGN}-door"),
    ("/exports/alerts", "community", FOREIGN),
    ("/exports/alerts", "subject", f"{FOREIGN}-door"),
    ("/devices", "community", FOREIGN),
    ("/exports/devices", "community", FOREIGN),
    ("/facilities", "community", FOREIGN),
    ("/places", "community", FOREIGN),
    ("/events", "community", FOREIGN),
    ("/events", "device", f"{FOREIGN}-door"),
    ("/exports/events", "community", FOREIGN),
    ("/exports/events", "device", f"{FOREIGN}-door"),
    ("/readings", "device", f"{FOREIGN}-car"),
    ("/registry/unknown-devices", "gateway", f"gw-{FOREIGN}"),
    ("/registry/export", "community", FOREIGN),
    ("/registry/households", "place", f"{FOREIGN}-b1"),
    ("/registry/persons", "community", FOREIGN),
    ("/registry/persons", "place", f"{FOREIGN}-b1"),
    ("/registry/persons", "household", f"{FOREIGN}-household"),
]


@pytest.mark.parametrize(("path", "name", "foreign"), FILTERS)
def test_a_filter_that_names_what_is_not_there_is_told_so(
    world: World, guard: httpx.Client, staff: httpx.Client, path: str, name: str, foreign: str
) -> None:
    """404, for what never was as for what is another's: an empty list would say that there is nothing, and of a typing error too."""
    more = span(world) if path.endswith("events") or path == "/readings" else {}
    more |= {"quantity": "running"} if path == "/readings" else {}
    more |= {"purpose": "service"} if path == "/registry/persons" else {}
    client = staff if path.startswith(("/registry", "/exports")) else guard
    answers = [client.get(f"/api/v1{path}", params=more | {name: value}) for value in ("nowhere", foreign)]
    assert [problem(answer) for answer in answers] == [(404, "not-found")] * 2
    assert answers[0].json()["detail"].replace("nowhere", foreign) == answers[1].json()["detail"]


@pytest.mark.parametrize(
    ("kind", "field"), [("places", "parent"), ("devices", "community"), ("devices", "gateway"), ("facilities", "place")]
)
def test_a_list_of_the_registry_is_not_narrowed_by_what_is_not_there(
    guard: httpx.Client, kind: str, field: str
) -> None:
    """The same for `where`."""
    foreign = {"parent": f"{FOREIGN}-b1", "community": FOREIGN, "gateway": f"gw-{FOREIGN}", "place": f"{FOREIGN}-b1"}
    for value in ("nowhere", foreign[field]):
        answer = guard.get(f"/api/v1/registry/{kind}", params={"where": f"{field}={value}"})
        assert problem(answer) == (404, "not-found")


def test_what_was_removed_can_still_be_asked_for(world: World, guard: httpx.Client) -> None:
    """What happened to it is kept."""
    for path, query in (("/alerts", {"subject": GONE}), ("/events", span(world) | {"device": GONE})):
        assert guard.get(f"/api/v1{path}", params=query).json()["items"] == []
    asked = span(world) | {"device": GONE, "quantity": "open"}
    assert guard.get("/api/v1/readings", params=asked).json() == []
    removed = guard.get("/api/v1/registry/devices", params={"removed": "true", "where": f"community={HOME}"})
    assert [one["id"] for one in removed.json()["items"]] == [GONE]


def test_who_sees_all_asks_for_linli_itself_too(world: World) -> None:
    """It is in no registry, and alerts are about it."""
    with world.client("root") as root:
        for query in ({"community": "linli-platform"}, {"subject": "linli-worker-main"}):
            assert root.get("/api/v1/alerts", params=query).status_code == 200
    with world.client(f"{HOME}-{Role.SECURITY}") as client:
        assert client.get("/api/v1/alerts?community=linli-platform").status_code == 404


def test_an_alert_about_what_nobody_registered_is_found(world: World, guard: httpx.Client) -> None:
    """As its subject stands in it."""
    world.change(replace(make_alert(HOME, 70, world.clock.now()), subject="never-registered"))
    found = guard.get("/api/v1/alerts", params={"subject": "never-registered"}).json()["items"]
    assert [one["id"] for one in found] == [f"a{HOME}0070"]


# --- parameters that nobody knows -------------------------------------------------------------------------------------


def operations(world: World) -> Iterator[tuple[str, str, Json]]:
    with world.client() as client:
        document = client.get("/api/v1/openapi.json").json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def test_a_parameter_that_is_not_known_is_refused_everywhere(world: World) -> None:
    """Each route that there is, with nothing done: the answer names it, and those that there are. What is known is what the document
    says."""
    with world.client("root") as root:
        for method, path, operation in operations(world):
            if operation["x-linli-operation"] == "session" or path in ("/api/v1/sessions", "/api/v1/own"):
                continue
            known = {one["name"] for one in operation.get("parameters", []) if one["in"] == "query"}
            where = path.replace("{", "").replace("}", "")
            answer = root.request(method, where, params={"colour": "red", "page": "2"})
            if answer.status_code == 403:
                continue  # not for an administrator, who is told that before anything else
            assert problem(answer) == (422, "unknown-parameter"), f"{method} {path}"
            told = answer.json()
            assert told["unknown"] == ["colour", "page"]
            assert set(told["known"]) == known
            assert "colour" in told["detail"]


def test_who_is_nobody_is_told_that_first(world: World) -> None:
    """And in the reader's language what is wrong."""
    with world.client() as nobody:
        assert problem(nobody.get("/api/v1/alerts?colour=red")) == (401, "not-signed-in")
        refused = nobody.get("/api/v1/health?colour=red", headers={"accept-language": "zh"})
        assert problem(refused) == (422, "unknown-parameter")
        assert "不认识查询参数 colour" in refused.json()["detail"]
    assert ("GET", "/api/v1/health") in ANONYMOUS


def test_what_is_known_by_another_name_within_is_known_by_its_own(world: World, guard: httpx.Client) -> None:
    """Aliases count as they stand in the address, and parameters of what a route depends on."""
    assert guard.get("/api/v1/alerts?open=false&severity=high&severity=low").status_code == 200
    assert problem(guard.get("/api/v1/alerts?open_only=false")) == (422, "unknown-parameter")
    assert guard.get("/api/v1/events", params=span(world) | {"type": "access.granted"}).status_code == 200
    assert problem(guard.get("/api/v1/events", params=span(world) | {"kind": "x"})) == (422, "unknown-parameter")


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "", "json", None]
)
def test_a_body_that_does_not_say_it_is_json(guard: httpx.Client, kind: str | None) -> None:
    """415 with what to send: curl's -d says that it is a form."""
    sent = {} if kind is None else {"content-type": kind}
    answer = guard.post(f"/api/v1/alerts/a{HOME}0001/acknowledge", content=b'{"comment": "x"}', headers=sent)
    assert problem(answer) == (415, "not-json")
    assert "application/json" in answer.json()["action"]
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"]
)
def test_a_body_that_says_it_is_json(guard: httpx.Client, kind: str) -> None:
    """In any of the ways to say so."""
    answer = guard.post(
        f"/api/v1/alerts/a{HOME}0001/acknowledge", content=b'{"comment": "x"}', headers={"content-type": kind}
    )
    assert answer.status_code == 200


def test_no_body_needs_no_type(guard: httpx.Client) -> None:
    """Where one is wanted that is what is said."""
    answer = guard.post(f"/api/v1/alerts/a{HOME}0001/acknowledge", headers={"content-type": "text/plain"})
    assert problem(answer) == (422, "invalid-request")


def test_who_may_not_is_told_that_before_anything_of_the_body(world: World) -> None:
    """Nobody learns more of a route than that it is not for them."""
    with world.client() as nobody:
        answer = nobody.post(f"/api/v1/alerts/a{HOME}0001/acknowledge", content=b"comment=x")
    assert problem(answer) == (401, "not-signed-in")


# --- HEAD -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["alerts", "devices", f"devices/{HOME}-door/commands", f"registry/devices/{HOME}-door", "me", "health", "nothing"],
)
def test_head_is_get_without_the_body(guard: httpx.Client, path: str) -> None:
    """The same status and headers, also of what is not there."""
    whole, head = guard.get(f"/api/v1/{path}"), guard.head(f"/api/v1/{path}")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    passing = ("date", "ratelimit")
    kept = [{name: one for name, one in answer.headers.items() if name not in passing} for answer in (whole, head)]
    assert kept[0] == kept[1]
    assert whole.content


@pytest.mark.parametrize("path", ["exports/alerts", "stream"])
def test_head_of_what_goes_on_ends_at_once(world: World, staff: httpx.Client, path: str) -> None:
    """And leaves nothing running."""
    answer = staff.head(f"/api/v1/{path}", timeout=5)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/")
    eventually(lambda: world.services.live.streams == 0)


def test_head_of_what_only_takes_changes(guard: httpx.Client) -> None:
    """405 with what it takes; and where GET is taken, HEAD is among what is said."""
    refused = guard.head(f"/api/v1/alerts/a{HOME}0001/close")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert guard.put("/api/v1/alerts").headers["allow"] == "GET, HEAD"
