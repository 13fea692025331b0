"""`linli rules check` and `schema`: what people run while they write."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.rulebook.command import rules_app
from linli.errors import ConfigError
from rules.language.load import CATALOGUE

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
    assert " rules, 1 override, no fault" in CliRunner().invoke(rules_app, ["check"]).output
    file.write_text(OVERRIDE % "loitring", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"site\.yaml:1: there is no rule loitring; did you mean 'loitering'"):
        CliRunner().invoke(rules_app, ["check"], catch_exceptions=False)


@pytest.fixture
def folder(elsewhere: Path) -> Path:
    """Rules with overrides and tests beside them, all of them sound."""
    made = elsewhere / "rules"
    (made / "overrides").mkdir(parents=True)
    (made / "tests").mkdir()
    for name in ("door-forced", "cable-temperature"):
        shutil.copy(CATALOGUE / f"{name}.yaml", made)
        shutil.copy(CATALOGUE / "tests" / f"{name}.yaml", made / "tests")
    (made / "overrides" / "site.yaml").write_text(OVERRIDE % "door-forced", encoding="utf-8")
    return made


def checked(*words: object) -> str:
    """What it says; its error is raised."""
    return CliRunner().invoke(rules_app, ["check", *map(str, words)], catch_exceptions=False).output


def test_all_faults_of_all_files_are_named(folder: Path) -> None:
    """Who has to mend ten wants to know of ten; an override of a rule that could not be read is none of them."""
    door, cable, site = (
        folder / "door-forced.yaml",
        folder / "cable-temperature.yaml",
        folder / "overrides" / "site.yaml",
    )
    door.write_text(door.read_text("utf-8").replace("severity: high", "severity: hihg"), "utf-8")
    text = cable.read_text("utf-8").replace("above: 70", "above: 60").replace("route: [electrician]", "route: []")
    cable.write_text(text, "utf-8")
    site.write_text(
        OVERRIDE % "door-forced" + (OVERRIDE % "cable-temperature").replace("community", "comunity"), "utf-8"
    )
    with pytest.raises(ConfigError) as caught:
        checked(folder)
    assert [line.partition(": ")[2] for line in caught.value.text.en.splitlines()] == [
        "route is empty",
        "reset_below 65 is on the wrong side of the limit 60: the alert would be over at once",
        "'hihg' is not known; did you mean 'high'?",
        "unknown key 'comunity'; did you mean 'community'?",
        "",
    ]
    assert caught.value.text.en.endswith("\n4 faults")
    assert caught.value.text.zh.endswith("\n共 4 处错误")


def test_one_file_can_be_checked(folder: Path) -> None:
    """A rule by itself, overrides over the rules that they lie beside; else over those that are set."""
    assert checked(folder / "door-forced.yaml").endswith("door-forced.yaml: 1 rule, no fault\n")
    site = folder / "overrides" / "site.yaml"
    assert checked(site) == f"{site}: 1 override, no fault\n"
    assert checked(site.parent) == f"{site.parent}: 1 override, no fault\n"
    site.write_text(OVERRIDE % "loitering", "utf-8")
    with pytest.raises(ConfigError, match=r"site\.yaml:1: there is no rule loitering"):
        checked(site)
    alone = shutil.move(site, folder.parent / "site.yaml")
    assert checked(alone).endswith("site.yaml: 1 override, no fault\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests/door-forced.yaml", "this is a file of tests, not a rule: .* run it with linli rules test"),
        ("tests", "this is a file of tests, not a rule"),
        ("nothing", "there is no such folder or file"),
    ],
)
def test_what_is_no_rule_is_called_by_its_name(folder: Path, name: str, said: str) -> None:
    """With what to run instead."""
    with pytest.raises(ConfigError, match=said):
        checked(folder / name)


def test_overrides_among_the_rules_are_told_where_they_belong(folder: Path) -> None:
    """As is a rule among the overrides."""
    shutil.copy(folder / "overrides" / "site.yaml", folder)
    shutil.copy(folder / "door-forced.yaml", folder / "overrides")
    with pytest.raises(ConfigError) as caught:
        checked(folder)
    said = caught.value.text.en
    assert "rules/site.yaml:1: this is a list of overrides, not a rule: it belongs in the folder overrides" in said
    assert "door-forced.yaml:1: this is a rule, not a list of overrides: it belongs in the folder of rules" in said


def test_a_folder_with_rules_has_its_tests_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`linli rules test .` means the tests below it, of the rules in it."""
    monkeypatch.chdir(folder)
    cable = folder / "cable-temperature.yaml"
    cable.write_text(cable.read_text("utf-8").replace("for: 30s", "for: 40s"), "utf-8")
    result = CliRunner().invoke(rules_app, ["test", "."])
    assert (result.exit_code, "5 passed, 2 failed" in result.output) == (1, True), result.output
    shutil.rmtree(folder / "tests")
    with pytest.raises(ConfigError, match=r"no test file \(\*.yaml with tests:\). To check them: linli rules check"):
        CliRunner().invoke(rules_app, ["test", "."], catch_exceptions=False)
    with pytest.raises(ConfigError, match="this is a rule, not a file of tests"):
        CliRunner().invoke(rules_app, ["test", "door-forced.yaml"], catch_exceptions=False)
