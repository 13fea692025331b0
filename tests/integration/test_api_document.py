"""The OpenAPI document: complete, and true to its own schemas."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.routing import DECLARED, EVERYBODY, SESSION, SIGNED_IN
from linli.cli.openapi import document as written
from linli.roles import Operation

KEPT = Path(__file__).parents[2] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written())
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_the_contract_is_the_one_that_is_kept(document: dict[str, Any]) -> None:
    """A change of it is seen in docs/openapi.json, and decided on; then `linli openapi docs/openapi.json` writes it anew."""
    assert document == json.loads(KEPT.read_text(encoding="utf-8"))


def test_every_operation_says_what_and_for_whom(document: dict[str, Any]) -> None:
    """A sentence, an id to generate clients from, and an operation of the table of roles."""
    ids = []
    for name, operation in operations(document):
        assert len(operation["summary"].split()) >= 2, f"{name}: '{operation['summary']}' is no sentence"
        assert operation[DECLARED] in {*Operation, EVERYBODY, SIGNED_IN, SESSION}, name
        ids.append(operation["operationId"])
    assert len(set(ids)) == len(ids)


def test_every_operation_names_its_problems(document: dict[str, Any]) -> None:
    """As problem documents with an example, and never as FastAPI's own."""
    for name, operation in operations(document):
        failures = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"429", "503"} <= set(failures), name
        assert operation[DECLARED] == EVERYBODY or "401" in failures, name
        for status, said in failures.items():
            name_of_it = said.get("$ref", "").rpartition("/")[2]
            assert name_of_it in ("", f"Problem{status}")
            answer = document["components"]["responses"][name_of_it] if name_of_it else said
            example = answer["content"]["application/problem+json"]["example"]
            assert set(example) == {"type", "title", "status", "detail", "action"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_header_that_is_read_is_told(document: dict[str, Any]) -> None:
    """Else a client that is made from the document cannot change a thing: it has no way to send If-Match."""
    asked = {
        (method, path): {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    device = "/api/v1/registry/devices/{item_id}"
    assert asked["get", device] == {"If-None-Match"}
    assert asked["put", device] == {"Idempotency-Key", "If-Match", "If-None-Match"}
    assert asked["patch", "/api/v1/webhooks/{webhook_id}"] == {"Idempotency-Key", "If-Match"}
    assert asked["post", "/api/v1/alerts/{alert_id}/close"] == {"Idempotency-Key"}
    assert asked["get", "/api/v1/stream"] == {"Last-Event-ID"}
    assert asked["post", "/api/v1/sessions"] == set()
    for (method, path), headers in asked.items():
        answers = document["paths"][path][method]["responses"]
        assert ("428" in answers) == ("If-Match" in headers), path
        assert "ETag" in answers.get("304", {}).get("headers", {"ETag"}), path


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    """What goes in and what comes out, field by field."""
    count = 0
    for name, operation in operations(document):
        for place in (operation.get("requestBody", {}), *operation["responses"].values()):
            for kind, content in place.get("content", {}).items():
                if "json" not in kind or "schema" not in content:
                    continue
                schema = content["schema"] | {"components": document["components"]}
                faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(content["example"])]
                assert not faults, f"{name}: {faults}"
                count += 1
    assert count > 100
