"""`linli rules check` and `schema`: what people run while they write."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.rulebook.command import rules_app
from linli.errors import ConfigError

PUBLISHED = Path(__file__).parents[3] / "docs" / "schema"
OVERRIDE = "- {rule: %s, where: {community: c1}, change: {severity: critical}}\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder without settings or data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    return tmp_path


@pytest.mark.parametrize("kind", ["rule", "override"])
def test_the_schema_is_printed_as_it_is_published(kind: str) -> None:
    """So that `linli rules schema > rule.schema.json` needs no network."""
    result = CliRunner().invoke(rules_app, ["schema", kind])
    assert result.output == (PUBLISHED / f"{kind}.schema.json").read_text(encoding="utf-8")


def test_there_are_two_schemas() -> None:
    """Another one is a fault of the call."""
    result = CliRunner().invoke(rules_app, ["schema", "rules"])
    assert result.exit_code == 2
    assert "rule, override" in result.output


def test_overrides_are_checked_with_the_rules(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted; a fault in one is told like a fault in a rule."""
    folder = elsewhere / "site"
    folder.mkdir()
    monkeypatch.setenv("LINLI_RULES_OVERRIDES", str(folder))
    file = folder / "site.yaml"
    file.write_text(OVERRIDE % "loitering", encoding="utf-8")
    assert " rules, 1 overrides, no fault" in CliRunner().invoke(rules_app, ["check"]).output
    file.write_text(OVERRIDE % "loitring", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"site\.yaml:1: there is no rule loitring; did you mean 'loitering'"):
        CliRunner().invoke(rules_app, ["check"], catch_exceptions=False)
