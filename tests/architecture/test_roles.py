"""The table of roles: complete, and the documents show it as it is."""

import re
from pathlib import Path

import pytest

from linli.model import Role
from linli.registry.masking import MASKS
from linli.roles import OPERATIONS, ROLES, Operation

_MASKED = re.compile(r"\| (\w+) \| `(\w+)` \|")
DOCS = Path(__file__).parents[2] / "docs"


def test_no_role_and_no_operation_is_forgotten() -> None:
    """One that is not in the table would be an error at its first request."""
    assert ROLES.keys() == set(Role)
    assert OPERATIONS.keys() == set(Operation)


@pytest.mark.parametrize(("file", "language"), [("roles.md", "en"), ("roles.zh-CN.md", "zh")])
def test_the_documents_have_the_table(file: str, language: str) -> None:
    """Line by line: an operation, and which roles may do it; and of each role, its reach."""
    text = (DOCS / file).read_text()
    for operation, words in OPERATIONS.items():
        marks = " | ".join("x" if operation in duty.operations else " " for duty in ROLES.values())
        assert f"| {words.of(language)} (`{operation.value}`) | {marks} |" in text
    for role, duty in ROLES.items():
        assert f"| {duty.name.of(language)} | `{role.value}` | {duty.reach.value} | {duty.what.of(language)} |" in text


@pytest.mark.parametrize("file", ["personal-data.md", "personal-data.zh-CN.md"])
def test_the_documents_have_every_masked_field(file: str) -> None:
    """And none that is not masked."""
    lines = (DOCS / file).read_text().splitlines()
    found = {(kind, field) for line in lines if (match := _MASKED.match(line)) for kind, field in [match.groups()]}
    assert found == {(kind, field) for kind, masks in MASKS.items() for field in masks}
