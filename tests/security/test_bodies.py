"""A body that says more than it may: a role, a community, an owner that its route does not know. Taken from the OpenAPI document, with
the example that it gives of each body, so that a new route is tried without anybody thinking of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from linli.db import schema
from linli.db.registry import save
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, inhabitants, running_world

pytestmark = pytest.mark.integration

Json = dict[str, Any]

WANTED: Json = {
    "role": "administrator",
    "community": FOREIGN,
    "communities": [FOREIGN],
    "owner": "p0",
    "is_admin": True,
    "person": f"{FOREIGN}-person",
    "account": "p0",
    "actor": "p0",
    "id": "chosen",
    "enabled": True,
}
"""What somebody would like to say of themselves or of what is theirs, where the route does not ask for it."""

ANY = {"if-match": "*"}
UNTOUCHED = (schema.users, schema.api_tokens, schema.sessions, schema.webhooks, schema.actions, schema.commands)
"""Tables in which nothing may be more or less afterwards."""


@dataclass(frozen=True)
class Operation:
    """A change, with the example of its body and the properties that its schema knows."""

    method: str
    path: str
    example: Json
    known: frozenset[str]

    @property
    def address(self) -> str:
        """Filled with what there is in HOME, so that a route that looks first finds it."""
        there = {"alert_id": f"a{HOME}0001", "device": f"{HOME}-door", "place_id": f"{HOME}-b1"}
        segments = (there.get(part.strip("{}"), "x0") if "{" in part else part for part in self.path.split("/"))
        return "/".join(segments)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("bodies"), url) as running:
        with running.database.write() as connection:
            save(connection, inhabitants(HOME, HOME))
        running.services.people.add("resident", Role.RESIDENT, person=f"{HOME}-person", password=PASSWORD)
        yield running


@pytest.fixture(scope="module")
def clients(world: World) -> Iterator[list[httpx.Client]]:
    """Of who may do everything, and of who sees their own data: between them they may do all that there is."""
    with world.client("root") as root, world.client("resident") as resident:
        yield [root, resident]


def operations(world: World) -> list[Operation]:
    """Every change that takes a JSON object, as the document has it."""
    with world.client() as client:
        document: Json = client.get("/api/v1/openapi.json").json()
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                shape = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
                found.append(Operation(method, path, content["example"], frozenset(shape["properties"])))
    return found


def counts(world: World) -> list[int]:
    with world.database.read() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in UNTOUCHED]


def test_a_body_says_nothing_that_its_route_does_not_know(world: World, clients: list[httpx.Client]) -> None:
    """422 that names the property, for each of them on each route that takes a body; nothing is done, nobody is more than before."""
    every, before = operations(world), counts(world)
    assert len(every) > 50
    wrong = []
    for operation in every:
        asked = WANTED.keys() - operation.known
        body = operation.example | {name: WANTED[name] for name in asked}
        answers = [client.request(operation.method, operation.address, json=body, headers=ANY) for client in clients]
        refused = [answer for answer in answers if answer.status_code == 422]
        if not refused or any(answer.status_code not in (401, 403, 422) for answer in answers):
            wrong.append(f"{operation}: {[(answer.status_code, answer.text[:200]) for answer in answers]}")
        wrong += [
            f"{operation}: {name} is not named" for name in asked for answer in refused if not names(answer, name)
        ]
    assert not wrong, "\n".join(wrong)
    assert counts(world) == before


def names(answer: httpx.Response, name: str) -> bool:
    """Whether the refusal is about that property."""
    return any(name in str(error) for error in answer.json().get("errors", []))
