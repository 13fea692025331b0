"""Schemathesis over the whole API: whatever the document allows is answered as the document says, and what it does not allow is
refused; never with a 500, never without signing in.

A request that fits the schema may still be refused with 422 for what no schema can say (a range that ends before it starts, a
code that was never made): that is the one thing allowed beyond schemathesis' own expectations.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation, BaseSchema

from linli.db.registry import save
from linli.model import Role
from linli.roles import ROLES, Reach
from tests.databases import SqliteDatabases
from tests.integration.api_world import HOME, PASSWORD, World, inhabitants, running_world

Case = schemathesis.Case[Any]
Operation = APIOperation[Any, Any, Any, Any]

pytestmark = pytest.mark.integration

EXAMPLES = 20
WRONG = 10
FEW = 3
OTHERS = [role for role in ROLES if role not in (Role.DISTRICT_COMMAND, Role.PROPERTY, Role.RESIDENT)]
ENDLESS = ("/api/v1/stream",)
"""Never ends, so nothing here can read it to its end; tests/integration/test_api_stream.py has it."""

EXPECTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "428", "429", "503"]
PARTS = 6
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": EXPECTED}}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with SqliteDatabases(folder).new() as url, running_world(folder, url) as running:
        running.services.people.add("district", Role.DISTRICT_COMMAND, password=PASSWORD)
        yield running


def schema_of(world: World, account: str) -> BaseSchema:
    """The document, and who asks."""
    token = world.services.people.new_token(account, "fuzzing", 1)[1]
    schema = schemathesis.openapi.from_url(
        f"{world.url}/api/v1/openapi.json", config=SchemathesisConfig.from_dict(CONFIG)
    )

    class Bearer:
        def get(self, _case: Case, _context: object) -> str:
            return token

        def set(self, case: Case, data: str, _context: object) -> None:
            case.headers["Authorization"] = f"Bearer {data}"

    schema.auth()(Bearer)
    return schema


def fault_of(operation: Operation, mode: GenerationMode = GenerationMode.POSITIVE, most: int = EXAMPLES) -> str | None:
    """What is wrong with the operation; None if nothing is found. `mode`: with what the document allows, or with what it does not."""

    @settings(
        max_examples=most, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_out(case: Case) -> None:
        case.call_and_validate()

    try:
        try_out()
    except (AssertionError, ExceptionGroup) as error:
        return f"{operation.label}: {error}"
    except Unsatisfiable:  # it takes nothing that could be wrong
        return None
    return None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("account", ["district", f"{HOME}-{Role.PROPERTY}"])
def test_every_operation_keeps_to_the_document(world: World, account: str, part: int) -> None:
    """Statuses, content types, headers and bodies are those of the document; no answer is a 500; what is not valid is refused."""
    faults = [fault for operation in operations_of(world, account)[part::PARTS] if (fault := fault_of(operation))]
    assert not faults, "\n\n".join(faults)


def operations_of(world: World, account: str) -> list[Operation]:
    """All that ends."""
    found = [found.ok() for found in schema_of(world, account).get_all_operations() if isinstance(found, Ok)]
    tried = [operation for operation in found if operation.path not in ENDLESS]
    assert len(tried) > 30
    return tried


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_what_the_document_does_not_allow_is_refused(world: World, part: int) -> None:
    """By who may do the most with a token: of what is wrong nothing is taken, and nothing is a 500."""
    faults = [
        fault
        for operation in operations_of(world, "district")[part::PARTS]
        if (fault := fault_of(operation, GenerationMode.NEGATIVE, WRONG))
    ]
    assert not faults, "\n\n".join(faults)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", OTHERS)
def test_every_role_is_answered_as_the_document_says(world: World, role: Role) -> None:
    """Also where the answer is no."""
    reach = [HOME] if ROLES[role].reach is Reach.COMMUNITIES else []
    world.services.people.add(f"fuzz-{role}", role, reach)
    faults = [fault for operation in operations_of(world, f"fuzz-{role}") if (fault := fault_of(operation, most=FEW))]
    assert not faults, "\n\n".join(faults)


def test_a_residents_own_routes_keep_to_it_too(world: World) -> None:
    """For who is somebody in the registry: to everybody above they say no."""
    with world.database.write() as connection:
        save(connection, inhabitants(HOME, HOME))
    world.services.people.add("resident", Role.RESIDENT, person=f"{HOME}-person")
    operations = [found.ok() for found in schema_of(world, "resident").get_all_operations() if isinstance(found, Ok)]
    own = [operation for operation in operations if operation.path.startswith("/api/v1/own")]
    assert len(own) >= 8
    faults = [fault for operation in own if (fault := fault_of(operation))]
    assert not faults, "\n\n".join(faults)
