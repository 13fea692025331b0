"""Every route, for every role, in two communities that must not see each other. All of it is taken from the OpenAPI document, so a
new route is tried without anybody thinking of it; one with a parameter that this test cannot fill fails until it is told how.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.routes import ANONYMOUS
from linli.clock import DAY, format_time
from linli.db.registry import save
from linli.db.registryitems import get
from linli.i18n import Text
from linli.model import Role
from linli.registry.changes import Key
from linli.registry.model import FloorPlan
from linli.roles import ROLES, Operation, Reach
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, inhabitants, running_world

pytestmark = pytest.mark.integration

Json = dict[str, Any]
LIMITED = [role for role, duty in ROLES.items() if duty.reach is Reach.COMMUNITIES]
ABOUT_ONESELF = ("/api/v1/me", "/api/v1/sessions")
"""Changes of one's own session or account: they have no community, and would end the test's own."""

DECIDING = ("/api/v1/accounts", "/api/v1/me", "/api/v1/sessions", "/api/v1/tokens")
"""Who gets in."""

OF_KIND = {
    "devices": "door",
    "places": "b1",
    "facilities": "lift",
    "floor-plans": "plan",
    "persons": "person",
    "households": "household",
    "residents": "resident",
    "contacts": "contact",
    "consents": "consent",
}
FIXED = {
    "account_id": "p0",
    "confidence": "0.5",
    "file": "devices.csv",
    "edition": "e1",
    "import_id": "f0",
    "persons": "false",
    "remove_missing": "false",
    "source": "list",
    "table": "devices",
    "actor": "p0",
    "committee": "none",
    "contradicted": "true",
    "delivery_id": "1",
    "downsample": "minmaxmean",
    "entry": "1",
    "format": "csv",
    "item": "x0",
    "kind": "alert",
    "limit": "50",
    "open": "false",
    "outcome": "done",
    "full": "false",
    "points": "10",
    "purpose": "service",
    "reason": "looking",
    "quantity": "running",
    "rule": "door-forced-1",
    "role": "security",
    "rule_id": "door-forced",
    "session_id": "s0",
    "severity": "high",
    "token_id": "t0",
    "type": "access.granted",
    "verb": "alert.",
    "webhook_id": "w0",
}
OWN = "/api/v1/own"
NEIGHBOUR = "zzneighbour"
"""Somebody who lives in HOME, of whom another resident of it must learn nothing."""
NOT_THERE = ("/drawing", "/snapshots/{snapshot_id}", "/deliveries")
"""Ends of addresses of which the world has nothing: pictures, which have tests of their own (test_drawings, test_snapshots)."""
OPTIONAL = ("along", "as_of", "bom", "cursor", "headings", "lang", "link", "removed", "snapshot_id", "taken_at")
"""Parameters that lead to nothing of anybody's."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("matrix"), url) as running:
        with running.database.write() as connection:
            for community, whose in ((HOME, HOME), (HOME, NEIGHBOUR), (FOREIGN, FOREIGN)):
                save(connection, inhabitants(community, whose))
            for community in (HOME, FOREIGN):
                name = Text(f"{community} plan", f"{community} plan")
                save(
                    connection, [FloorPlan(f"{community}-plan", community, f"{community}-f1", name, "1.png", 9.0, 9.0)]
                )
        yield running


@pytest.fixture(scope="module")
def tokens(world: World) -> dict[Role, str]:
    """A token of somebody of each role, who belongs to HOME where the role belongs anywhere, and is somebody of HOME where it is
    about oneself."""
    found = {}
    for role, duty in ROLES.items():
        name = f"matrix-{role}".replace("_", "-")
        belongs = [HOME] if duty.reach is Reach.COMMUNITIES else []
        person = f"{HOME}-person" if duty.reach is Reach.OWN else None
        world.services.people.add(name, role, belongs, person=person)
        found[role] = world.services.people.new_token(name, "matrix", 1)[1]
    return found


@pytest.fixture(scope="module")
def document(world: World) -> Json:
    with world.client() as client:
        found: Json = client.get("/api/v1/openapi.json").json()
        return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """(method, path, operation) of all that the document describes."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def value_of(world: World, path: str, name: str, community: str) -> str:
    """What to fill into a parameter, of one community."""
    now = world.clock.now()
    if name == "item_id":
        segment = path.split("/registry/")[1].split("/", maxsplit=1)[0]
        if segment in OF_KIND:
            return f"{community}-{OF_KIND[segment]}"
        return {"gateways": f"gw-{community}", "communities": community}.get(segment, "shared")
    ours = {
        "alert_id": f"a{community}0001",
        "command_id": f"c{community}0001",
        "community": community,
        "contact_id": f"{community}-contact",
        "device": f"{community}-car",
        "device_id": f"{community}-door",
        "facility_id": f"{community}-lift",
        "gateway": f"gw-{community}",
        "household": f"{community}-household",
        "place": f"{community}-b1",
        "gateway_id": f"gw-{community}",
        "place_id": f"{community}-b1",
        "q": f"{community} compound",
        "subject": f"{community}-door",
        "text": f"d/c/{community} compound/1",
        "where": f"community={community}",
    }
    if path.startswith(f"{OWN}/consents"):
        return "care"
    times = {"from": now - DAY, "to": now + DAY, "since": now - DAY, "until": now + DAY}
    if name in ours:
        return ours[name]
    if name in times:
        return format_time(times[name])
    assert name in FIXED, f"tell this test how to fill {name} of {path}"
    return FIXED[name]


def in_path(operation: Json) -> list[str]:
    return [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]


def in_query(operation: Json, *, required: bool = False) -> list[str]:
    found = [one for one in operation.get("parameters", []) if one["in"] == "query"]
    return [one["name"] for one in found if (one["required"] or not required) and one["name"] not in OPTIONAL]


def body_of(document: Json, operation: Json) -> tuple[Any, bytes | None, dict[str, str]]:
    """The example of what it takes (as JSON, or raw), and the headers that go with it."""
    content = operation.get("requestBody", {}).get("content", {})
    headers = {"if-match": "*"}
    if "application/json" in content:
        return content["application/json"]["example"], None, headers
    kind = next(iter(content), None)
    return None, None if kind is None else b"\xff\xd8\xff", headers | ({} if kind is None else {"content-type": kind})


def ask(
    client: httpx.Client, method: str, path: str, query: dict[str, str], body: tuple[Any, bytes | None, dict[str, str]]
) -> tuple[int, str]:
    """Status and text; of a stream that does not end, what comes within its first event."""
    document, raw, headers = body
    asked = {"params": query, "headers": headers} | ({"json": document} if raw is None else {"content": raw})
    with client.stream(method, path, **asked) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            chunks = answer.iter_text()
            return answer.status_code, next(chunks) + next(chunks)
        return answer.status_code, answer.read().decode("utf-8", "replace")


def filled(world: World, path: str, operation: Json, community: str, **other: str) -> str:
    """The address with its parameters, of one community but for those given."""
    values = {name: "x0" if name in OPTIONAL else value_of(world, path, name, community) for name in in_path(operation)}
    return path.format(**(values | other))


def test_only_a_short_list_answers_the_anonymous(world: World, document: Json) -> None:
    """Everything else is 401, whatever is asked for; a wrong cookie or token is like none."""
    for headers in ({}, {"cookie": "linli_session=wrong"}, {"authorization": "Bearer wrong"}):
        with world.client(**headers) as client:
            for method, path, operation in operations(document):
                if (method, path) in ANONYMOUS:
                    continue
                query = {name: value_of(world, path, name, HOME) for name in in_query(operation, required=True)}
                address = filled(world, path, operation, HOME)
                status, text = ask(client, method, address, query, body_of(document, operation))
                assert status == 401, f"{method} {path} answered {status}: {text[:200]}"
                assert "urn:linli:problem:not-signed-in" in text


@pytest.mark.parametrize("role", Role)
def test_no_role_does_what_the_table_does_not_give_it(
    world: World, document: Json, tokens: dict[Role, str], role: Role
) -> None:
    """403 on one's own ground, for each route whose operation is not the role's; and never for one whose operation is, if it
    only reads."""
    with world.client(authorization=f"Bearer {tokens[role]}") as client:
        for method, path, operation in operations(document):
            needed = operation["x-linli-operation"]
            if needed not in set(Operation):
                continue
            allowed = Operation(needed) in ROLES[role].operations - {Operation.MANAGE_ACCOUNTS}
            if allowed and method != "GET":
                continue
            query = {name: value_of(world, path, name, HOME) for name in in_query(operation, required=True)}
            address = filled(world, path, operation, HOME)
            status, text = ask(client, method, address, query, body_of(document, operation))
            if allowed:
                assert status != 403, f"{role} may {needed}, and {method} {path} refuses: {text[:200]}"
            else:
                assert status == 403, f"{role} may not {needed}, and {method} {path} answers {status}: {text[:200]}"


def test_what_decides_who_gets_in_is_for_no_token(world: World, document: Json) -> None:
    """Not for one that may do all that an administrator may; and whatever changes accounts, sessions or proofs is marked so."""
    owner, _ = world.services.people.add("matrix-owner", Role.ADMINISTRATOR)
    every = world.services.people.tokens.make(owner, "every", operations=ROLES[Role.ADMINISTRATOR].operations)[1]
    marked = 0
    with world.client(authorization=f"Bearer {every}") as client:
        for method, path, operation in operations(document):
            if not operation.get("x-linli-session"):
                decides = path.startswith(DECIDING) and method != "GET" and (method, path) not in ANONYMOUS
                assert not decides or path == "/api/v1/tokens/{token_id}", f"{method} {path} is open to tokens"
                continue
            marked += 1
            assert operation["security"] == [{"session": []}]
            status, text = ask(client, method, filled(world, path, operation, HOME), {}, body_of(document, operation))
            assert status == 403, f"{method} {path} answers a token {status}: {text[:200]}"
    assert marked > 15


@pytest.mark.parametrize("role", LIMITED)
def test_no_route_leaks_another_community(world: World, document: Json, tokens: dict[Role, str], role: Role) -> None:
    """Each route is asked for all, then with each parameter in turn naming something foreign, then with all foreign. No
    answer holds anything foreign, and one to a foreign id is the same as to an id that does not exist."""
    with world.client(authorization=f"Bearer {tokens[role]}") as client:
        for method, path, operation in operations(document):
            if (method, path) in ANONYMOUS or path.startswith(ABOUT_ONESELF):
                continue
            _try_for_leaks(world, client, document, method, path, operation)


def _try_for_leaks(world: World, client: httpx.Client, document: Json, method: str, path: str, operation: Json) -> None:
    where, body = f"{method} {path}", body_of(document, operation)
    required = {name: value_of(world, path, name, HOME) for name in in_query(operation, required=True)}
    if not in_path(operation) and method == "GET":
        status, text = ask(client, method, path, required, body)
        assert status < 500, f"{where}: {status} {text[:200]}"
        assert FOREIGN not in text, f"{where} leaks"
    for name in in_path(operation) + in_query(operation):
        foreign = "" if name in OPTIONAL else value_of(world, path, name, FOREIGN)
        if FOREIGN not in foreign or (method != "GET" and name in in_query(operation)):
            continue
        answers = []
        for value in (foreign, foreign.replace(FOREIGN, "nowhere")):
            address = filled(world, path, operation, HOME, **({name: value} if name in in_path(operation) else {}))
            query = required | ({} if name in in_path(operation) else {name: value})
            status, text = ask(client, method, address, query, body)
            text = text.replace(value, "it")
            if (
                status >= 400
            ):  # a problem may name a part of what was asked for, and says no more than of what is not there
                text = text.replace(FOREIGN if value == foreign else "nowhere", "it")
            answers.append((status, text))
        assert FOREIGN not in answers[0][1], f"{where} leaks through {name}"
        assert answers[0] == answers[1], f"{where} tells that the {name} exists"
        assert name in in_query(operation) or answers[0][0] in (403, 404), (
            f"{where} with a foreign {name}: {answers[0]}"
        )


def test_the_other_side(world: World, document: Json, tokens: dict[Role, str]) -> None:
    """The test above would pass if nobody saw anything: who reaches the district is shown the foreign community in just the
    lists, and who belongs to one's own is shown that."""
    lists = ("/alerts", "/communities", "/devices", "/facilities", "/places", "/events", "/registry/devices")
    times = {name: value_of(world, "", name, HOME) for name in ("from", "to")}
    for role, marker in ((Role.DISTRICT_COMMAND, FOREIGN), (Role.ADMINISTRATOR, FOREIGN), (Role.MAINTAINER, HOME)):
        with world.client(authorization=f"Bearer {tokens[role]}") as client:
            for path in lists:
                answer = client.get(f"/api/v1{path}", params=times if path == "/events" else {})
                assert marker in answer.text, f"{role} is not shown {marker} in {path}"


def test_what_is_foreign_is_there_to_be_found(world: World, document: Json) -> None:
    """A route that answers 404 to a foreign id says nothing of scope if there is no such thing: who sees all is shown each."""
    looked = 0
    with world.client("root") as client:
        for method, path, operation in operations(document):
            foreign = [name for name in in_path(operation) if name not in OPTIONAL]
            if method != "GET" or not any(FOREIGN in value_of(world, path, name, FOREIGN) for name in foreign):
                continue
            if path.endswith(NOT_THERE) or path.startswith(OWN):
                continue
            query = {name: value_of(world, path, name, FOREIGN) for name in in_query(operation, required=True)}
            status, text = ask(client, method, filled(world, path, operation, FOREIGN), query, (None, None, {}))
            assert status == 200, f"{path} of the foreign community answers {status}: {text[:200]}"
            looked += 1
    assert looked > 25


def test_a_resident_is_shown_themselves_and_nobody_else(world: World, document: Json, tokens: dict[Role, str]) -> None:
    """Every route there is: those about oneself answer with what is one's own, the others refuse. Nowhere is a word of a neighbour."""
    with world.client(authorization=f"Bearer {tokens[Role.RESIDENT]}") as client:
        for method, path, operation in operations(document):
            needed = operation["x-linli-operation"]
            if (method, path) in ANONYMOUS or method == "DELETE" or path.startswith(ABOUT_ONESELF):
                continue
            query = {name: value_of(world, path, name, HOME) for name in in_query(operation, required=True)}
            address = filled(world, path, operation, HOME)
            status, text = ask(client, method, address, query, body_of(document, operation))
            where = f"{method} {path} answers {status}: {text[:200]}"
            assert NEIGHBOUR not in text and FOREIGN not in text, where
            if needed == Operation.SEE_OWN:
                assert status in (200, 201), where
            elif needed in set(Operation):
                assert status == 403, where
        assert f"{HOME} name" in client.get(OWN).text
        assert f"{HOME} form" in client.get(f"{OWN}/export").text


@pytest.mark.parametrize("whose", [NEIGHBOUR, FOREIGN])
def test_a_resident_reaches_nothing_of_anybody_else(
    world: World, document: Json, tokens: dict[Role, str], whose: str
) -> None:
    """Not of the neighbour next door either: what is theirs is answered like what does not exist, to look, change and remove."""
    reached = 0
    with world.client(authorization=f"Bearer {tokens[Role.RESIDENT]}") as client:
        for method, path, operation in operations(document):
            if operation["x-linli-operation"] != Operation.SEE_OWN:
                continue
            for name in (one for one in in_path(operation) if whose in value_of(world, path, one, whose)):
                answers = []
                for value in (value_of(world, path, name, whose), "nowhere"):
                    address = filled(world, path, operation, HOME, **{name: value})
                    status, text = ask(client, method, address, {}, body_of(document, operation))
                    answers.append((status, text.replace(value, "it")))
                assert answers[0] == answers[1] and answers[0][0] == 404, f"{method} {path}: {answers}"
                reached += 1
    assert reached >= 3
    with world.database.read() as connection:
        kept = get(connection, Key("contact", f"{whose}-contact"))
    assert kept is not None and kept.revision == 1 and kept.removed_at is None
