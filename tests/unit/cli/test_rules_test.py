"""What `linli rules test` says, and its exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.rulebook.command import rules_app
from linli.errors import ConfigError

GOOD = """\
rules: [cable-temperature]
devices: [{id: d1, kind: cable_sensor}]
tests:
  - name: {zh: 过热, en: too hot}
    input: [{at: 0s, device: d1, temperature: 71}]
    expect: [{at: 30s, opened: d1}]
    until: 1m
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of tests, all of which pass."""
    (tmp_path / "cable.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_tests_that_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each in the shell's language, and exit status 0."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    result = CliRunner().invoke(rules_app, ["test", str(folder)])
    assert result.exit_code == 0
    assert "通过  过热" in result.output
    assert "1 项通过，0 项不符" in result.output


def test_a_test_that_fails_shows_both_sides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was expected and what happened, with the line of the test; exit status 1."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    file = folder / "cable.yaml"
    file.write_text(GOOD.replace("at: 30s", "at: 31s"), encoding="utf-8")
    result = CliRunner().invoke(rules_app, ["test", str(file)])
    assert result.exit_code == 1
    assert "FAILED  too hot  (cable.yaml:4)" in result.output
    assert "-      31s  opened: d1" in result.output
    assert "+      30s  opened: d1  severity: high" in result.output
    assert "0 passed, 1 failed" in result.output


def test_json_has_the_whole_log(folder: Path) -> None:
    """With what was expected and what happened."""
    result = CliRunner().invoke(rules_app, ["test", str(folder), "--json"])
    (told,) = json.loads(result.output)
    assert told["passed"] is True
    assert [(line["at"], line["opened"], line["happened"], line["expected"]) for line in told["log"]] == [
        ("30s", "d1", True, True)
    ]


def test_a_folder_without_tests_is_an_error(tmp_path: Path) -> None:
    """Not a success of nothing."""
    result = CliRunner().invoke(rules_app, ["test", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
