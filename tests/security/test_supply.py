"""Packages of others: audited, or said not to be; and listed with version and licence."""

import hashlib
import json
import re
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.security.supply import OURS, audit, fault_of, judged, make_release, write_sbom

pytestmark = pytest.mark.timeout(600)


def test_a_package_that_could_not_be_looked_up_is_not_audited() -> None:
    """pip-audit itself says 'No known vulnerabilities found' and ends with 0."""
    found = judged(
        {"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}, {"name": OURS, "skip_reason": "x"}]}
    )
    assert dict(found.unaudited) == {"a": "not found on PyPI"}
    assert (found.looked_at, dict(found.vulnerable)) == (0, {})
    assert "not audited: a" in str(found)


def test_a_vulnerability_is_named() -> None:
    """With the package, its version and its id."""
    package = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    found = judged({"dependencies": [package, {"name": "b", "version": "3", "vulns": []}]})
    assert dict(found.vulnerable) == {"a 1": ("PYSEC-1",)}
    assert found.looked_at == 2
    assert "1 are vulnerable" in str(found)


def test_no_package_has_a_known_vulnerability() -> None:
    """Skipped, with the reason, where no package at all could be looked up: then nothing is known, and nothing is claimed."""
    found = audit()
    assert not found.vulnerable, str(found)
    if not found.looked_at:
        name, why = next(iter(found.unaudited.items()))
        pytest.skip(f"not audited: none of {len(found.unaudited)} packages could be looked up, as {name}: {why}")
    assert not found.unaudited, str(found)


def test_the_list_names_every_package_with_version_and_licence(tmp_path: Path) -> None:
    """Of each that is installed here but Linli itself, which the list is about."""
    document = write_sbom(tmp_path / "linli.cdx.json")
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", OURS)
    listed = {_plain(one["name"]): one for one in document["components"]}
    installed = {_plain(one.metadata["Name"]): one.version for one in metadata.distributions()}
    del installed[OURS]
    assert {name: one["version"] for name, one in listed.items()} == installed
    assert [name for name, one in listed.items() if not one.get("licenses")] == []


def test_a_release_is_the_wheel_what_it_is_made_of_and_their_sums(tmp_path: Path) -> None:
    """Nothing of the workshop (pytest, mypy) is in what people install; all that the console serves is in the wheel."""
    wheel, sbom, sums = make_release(tmp_path / "release")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {"api/console/static/console.css", "linli/db/migrations/script.py.mako"} <= set(names)
    assert not [name for name in names if name.startswith("tests/")]
    document = json.loads(sbom.read_text())
    listed = {_plain(one["name"]) for one in document["components"]}
    assert {"fastapi", "paho-mqtt", "sqlalchemy", "nicegui"} <= listed
    assert not listed & {"pytest", "mypy", "ruff", "playwright"}
    for line in sums.read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "release" / name).read_bytes()).hexdigest() == digest
    assert {line.split("  ")[1] for line in sums.read_text().splitlines()} == {wheel.name, sbom.name}


def test_a_release_is_of_what_is_committed_and_told() -> None:
    """And whoever forgets is told what to do."""
    told = "## [1.2.0] - 2026-01-02\n"
    assert fault_of(told, "1.2.0", "") is None
    assert "CHANGELOG.md has no section '## [1.3.0]'" in str(fault_of(told, "1.3.0", ""))
    assert "commit" in str(fault_of(told, "1.2.0", " M README.md\n"))


def _plain(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
