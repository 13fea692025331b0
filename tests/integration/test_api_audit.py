"""The audit log over HTTP: what people do is there with who, why and from where; who may read it, and that nobody may change it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.audit.service import build_audit
from linli.audit import Act, Who
from linli.audithead import HeadFile
from linli.db import schema
from linli.db.audit import append, person_read
from linli.db.auditcheck import advance_head, check_log
from linli.db.registryremoving import remove
from linli.db.registrywriting import put
from linli.i18n import Text
from linli.model import Community, Role
from linli.registry.changes import Key, Origin
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, make_alert, running_world

pytestmark = pytest.mark.integration

Json = dict[str, Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("audit"), url) as running:
        running.services.people.add("auditor", Role.AUDITOR, password=PASSWORD)
        running.services.people.add("chief", Role.ADMINISTRATOR, password=PASSWORD)
        yield running


@pytest.fixture
def auditor(world: World) -> Iterator[httpx.Client]:
    with world.client("auditor") as client:
        yield client


def log(client: httpx.Client, **wanted: str) -> list[Json]:
    answer = client.get("/api/v1/audit", params=wanted)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def person_of(world: World, name: str) -> str:
    return world.services.people.get(name).id


def test_what_somebody_does_is_there_with_who_why_and_from_where(world: World, auditor: httpx.Client) -> None:
    """An alert closed over the API: the person by id, the reason, the address, and the session."""
    alert = make_alert(HOME, 901, world.clock.now())
    world.change(alert)
    guard = person_of(world, f"{HOME}-security")
    with world.client(f"{HOME}-security") as client:
        client.post(f"/api/v1/alerts/{alert.id}/acknowledge", json={"comment": "on my way"})
        sessions = {session.id for session in world.services.people.sessions.of(guard)}
    [entry] = log(auditor, verb="alert.acknowledged", item=alert.id)
    assert (entry["actor"], entry["items"], entry["community"]) == (guard, [alert.id], HOME)
    assert (entry["reason"], entry["address"], entry["outcome"]) == ("on my way", "127.0.0.1", "done")
    assert entry["credential"] in sessions
    assert entry["words"] == {"zh": "确认告警", "en": "Alert acknowledged"}


def test_signing_in_and_being_refused_are_there(world: World, auditor: httpx.Client) -> None:
    """Of a refusal who it was is not known, only whose name was tried; the password and a name that is none are nowhere."""
    guard = person_of(world, f"{HOME}-security")
    with world.client() as client:
        client.post("/api/v1/sessions", json={"name": f"{HOME}-security", "password": "wrong password"})
        client.post("/api/v1/sessions", json={"name": "my secret password", "password": PASSWORD})
    refused = log(auditor, verb="session.refused")
    assert [(entry["actor"], entry["items"], entry["outcome"]) for entry in refused[:2]] == [
        ("nobody", [], "refused"),
        ("nobody", [guard], "refused"),
    ]
    with world.client(f"{HOME}-security"):
        pass
    assert log(auditor, verb="session.started", actor=guard)
    with world.database.read() as connection:
        kept = str(connection.execute(select(schema.audit_entries)).all())
        kept += str(connection.execute(select(schema.audit_texts)).all())
    assert "wrong password" not in kept
    assert "my secret password" not in kept


def test_who_saw_somebody_is_found_by_their_id(world: World, auditor: httpx.Client) -> None:
    """With the purpose in words."""
    with world.database.write() as connection:
        person_read(connection, Who("p-guard"), ["r-77", "r-78"], "emergency", world.clock.now(), community=HOME)
    [entry] = log(auditor, item="r-77")
    assert (entry["verb"], entry["purpose"]) == ("person.read", "emergency")
    assert entry["purpose_words"]["zh"] == "处置告警或紧急情况"


def test_pages_do_not_move_while_entries_arrive(world: World, auditor: httpx.Client) -> None:
    """Read by number; looking is an entry once, and not for each page."""
    for number in range(7):
        with world.database.write() as connection:
            append(connection, Act("data.exported", Who("p9"), "rule", (f"r{number}",)), world.clock.now())
    first = auditor.get("/api/v1/audit", params={"verb": "data.exported", "limit": 3}).json()
    with world.database.write() as connection:
        append(connection, Act("data.exported", Who("p9"), "rule", ("late",)), world.clock.now())
    looked = len(log(auditor, verb="audit.read", limit="1000"))
    second = auditor.get("/api/v1/audit", params={"verb": "data.exported", "limit": 3, "cursor": first["next"]}).json()
    assert [one["items"][0] for page in (first, second) for one in page["items"]] == [f"r{n}" for n in range(6, 0, -1)]
    assert len(log(auditor, verb="audit.read", limit="1000")) == looked + 1
    assert auditor.get("/api/v1/audit", params={"cursor": "nonsense"}).status_code == 422


def test_the_log_of_a_community_that_never_was_is_not_found(world: World, auditor: httpx.Client) -> None:
    """As every list answers: no entries would say that nothing has happened there. Nor is that look an entry."""
    looked = len(log(auditor, verb="audit.read", limit="1000"))
    answer = auditor.get("/api/v1/audit", params={"community": "nowhere"})
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no compound nowhere")
    assert len(log(auditor, verb="audit.read", limit="1000")) == looked + 1


def test_the_log_of_a_community_that_was_removed_is_read_on(world: World, auditor: httpx.Client) -> None:
    """Also of one that the registry knows no more, as after a database was made anew from another's."""
    closed = Community("closed", Text("旧苑", "Closed Court"), "Asia/Shanghai")
    origin = Origin(world.clock.now())
    with world.database.write() as connection:
        put(connection, [closed], origin)
        remove(connection, [Key("community", closed.id)], origin)
        append(connection, Act("data.exported", Who("p9"), "rule", ("r1",), "forgotten"), world.clock.now())
    assert [one["verb"] for one in log(auditor, community=closed.id)] == [
        "registry.community.removed",
        "registry.community.changed",
    ]
    assert [one["verb"] for one in log(auditor, community="forgotten")] == ["data.exported"]


def test_one_entry_is_read_by_its_number(world: World, auditor: httpx.Client) -> None:
    """404 for one that there is not."""
    newest = log(auditor, limit="1")[0]
    assert auditor.get(f"/api/v1/audit/{newest['id']}").json() == newest
    assert auditor.get("/api/v1/audit/999999999").status_code == 404


@pytest.mark.parametrize("role", ["security", "property"])
def test_the_log_is_for_auditors_and_administrators(world: World, role: str) -> None:
    """Nobody else, however little they ask for."""
    with world.client(f"{HOME}-{role}") as client:
        for path in ("/api/v1/audit", "/api/v1/audit/1", "/api/v1/audit/standing"):
            assert client.get(path).status_code == 403


def test_what_somebody_may_not_do_is_there_once_a_minute(world: World, auditor: httpx.Client) -> None:
    """Who, and which route: not each try, or a script fills the log."""
    guard = person_of(world, f"{HOME}-security")
    with world.client(f"{HOME}-security") as client:
        for _ in range(3):
            assert client.get("/api/v1/audit/7").status_code == 403
    found = [
        entry for entry in log(auditor, verb="access.refused", actor=guard) if "{entry}" in entry["facts"]["route"]
    ]
    assert [(entry["outcome"], entry["facts"]["method"]) for entry in found] == [("refused", "GET")]


def test_a_code_that_nobody_made_is_there(world: World, auditor: httpx.Client) -> None:
    """With the address that tried, and never the code."""
    with world.client() as client:
        body = {"code": "AAAA-AAAA-AAAA-AAAA", "attempt": "x" * 43}
        assert client.post("/api/v1/enrolments/redeem", json=body).status_code == 422
    [entry, *_] = log(auditor, verb="enrolment.refused")
    assert (entry["actor"], entry["address"], entry["facts"]) == (
        "nobody",
        "127.0.0.1",
        {"reason": "enrolment_unknown"},
    )


def test_there_is_no_operation_that_changes_the_log(world: World) -> None:
    """Not for an administrator: not by any method, on any path of it."""
    with world.client("chief") as client:
        paths = client.get("/api/v1/openapi.json").json()["paths"]
        assert {method for path, item in paths.items() if "/audit" in path for method in item} == {"get"}
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert client.request(method, "/api/v1/audit/1", json={}).status_code == 405
            assert client.request(method, "/api/v1/audit", json={}).status_code == 405


def test_who_sees_some_communities_would_see_their_entries_alone(world: World) -> None:
    """No role that reads the log is confined today; the query is, whoever asks."""
    for community in (HOME, FOREIGN):
        with world.database.write() as connection:
            append(connection, Act("arming.changed", Who("p9"), "place", ("x",), community), world.clock.now())
    confined = replace(world.services.people.get("auditor"), communities=frozenset({HOME}))
    found = build_audit(world.services).page(confined, limit=1000).items
    assert {view.entry.community for view in found} == {HOME}


def test_how_the_log_stands_is_told(world: World, auditor: httpx.Client) -> None:
    """By a look at its end; all that happened here is one whole chain."""
    head = HeadFile(world.services.settings.audit_head_path)
    assert advance_head(world.database, head, Who("system:api"), world.clock.now()) is None
    standing = auditor.get("/api/v1/audit/standing").json()
    assert (standing["whole"], standing["fault"]) == (True, None)
    assert check_log(world.database, head).whole
