"""The JSON Schemas that editors use: published as they are made, true of the catalogue, and false of what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from linli.yamlfile import open_source
from rules.language.load import CATALOGUE
from rules.language.schema import Schema, as_text, override_schema, rule_schema
from rules.language.schemawords import SAYS
from tests.unit.rules.language.test_load import GOOD, SOUND
from tests.unit.rules.language.test_overrides import GOOD as GOOD_OVERRIDE
from tests.unit.rules.language.validator import faults
from tests.unit.rules.world import rule_text

PUBLISHED = Path(__file__).parents[4] / "docs" / "schema"
RULE, OVERRIDE = rule_schema(), override_schema()


def parsed(folder: Path, text: str) -> Any:
    """What the YAML says."""
    (folder / "file.yaml").write_text(text, encoding="utf-8")
    return open_source(folder / "file.yaml").value


@pytest.mark.parametrize(("name", "schema"), [("rule", RULE), ("override", OVERRIDE)])
def test_what_is_published_is_what_the_types_say(name: str, schema: Schema) -> None:
    """`linli rules schema` writes it: run it again where this fails."""
    assert (PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8") == as_text(schema)


@pytest.mark.parametrize("file", sorted(CATALOGUE.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_rule_of_the_catalogue_is_as_the_schema_has_it(file: Path) -> None:
    """An editor shows no fault in a file that loads."""
    assert faults(RULE, open_source(file).value) == []


@pytest.mark.parametrize("when", [item[1] for item in SOUND], ids=[item[0] for item in SOUND])
def test_whatever_makes_sense_is_as_the_schema_has_it(tmp_path: Path, when: str) -> None:
    """All parts of the language, not only those that the catalogue uses."""
    assert faults(RULE, parsed(tmp_path, rule_text(when))) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "latchd: true\n", "$.latchd"),
        (GOOD.replace("severity: medium", "severity: awful"), "$.severity"),
        (GOOD.replace("for: 30s", "for: 30 s"), "not like"),
        (GOOD.replace("above: 70", "above: hot"), "$.when[0].reading.above"),
        (GOOD.replace("above: 70, reset_below: 65, ", ""), "not exactly one"),
        (GOOD.replace("advice: {zh: 去看, en: Go and look}", "advice: {zh: 去看}"), "en is not there"),
        (rule_text("  - severity: high\n"), "not exactly one"),
        (GOOD + "subject: building\n", "$.subject"),
        (rule_text("  - missing: {for: 3s}\n    by: room\n"), "$.when[0].by"),
    ],
)
def test_a_fault_shows_while_one_writes(tmp_path: Path, text: str, said: str) -> None:
    """Typing errors in keys, texts that are no durations, two of what there is one."""
    assert said in " ".join(faults(RULE, parsed(tmp_path, text)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("reason", "reason", None),
        ("{reading: {above: 60, reset_below: 50}}", "{reading: {above: null, at_least: 3}, severity: high}", None),
        ("      1:", "      first:", "$[0].change.when"),
        ("above", "abov", "$[0].change.when"),
        ("{place: b1}", "{place: b1, device: d}", "not exactly one"),
        ("  change:\n", "  change:\n    settle: 3s\n", "$[0].change.settle"),
    ],
)
def test_a_file_of_overrides_is_checked_too(tmp_path: Path, old: str, new: str, said: str | None) -> None:
    """A change has a rule's keys, none of them required, and clauses by number."""
    found = faults(OVERRIDE, parsed(tmp_path, GOOD_OVERRIDE.replace(old, new)))
    assert (said in " ".join(found)) if said else found == []


def test_every_key_is_described_in_both_languages() -> None:
    """Making the schema fails for one that is not; here that no description is of a key that is gone."""
    told = {
        (name, key)
        for schema in (RULE, OVERRIDE)
        for name, part in schema["$defs"].items()
        for key in part.get("properties", ())
    }
    keys = {key for _, key in told} | {f"{name}.{key}" for name, key in told}
    assert set(SAYS) <= keys
    assert all(text.zh.strip() and text.en.strip() for text in SAYS.values())
