"""Rule files: each fault is told with its file, its line, and what was probably meant."""

from pathlib import Path

import pytest

from linli.errors import ConfigError
from rules.language.load import CATALOGUE, load_rules
from rules.language.model import duration
from tests.unit.rules.world import rule_text

GOOD = rule_text("  - reading: {quantity: temperature, above: 70, reset_below: 65, for: 30s}\n")
STATE = (
    "  - state:\n      begins: {types: [access.door.opened]%s}\n      ends:\n        - types: [access.door.closed]\n%s"
)


def fault(folder: Path, text: str) -> ConfigError:
    """The error that a folder with this rule file gives."""
    (folder / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_rules(folder)
    assert caught.value.reason.zh.strip()
    return caught.value


def test_the_good_file_loads(tmp_path: Path) -> None:
    """What the faulty ones below differ from."""
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    assert [rule.id for rule in load_rules(tmp_path)] == ["test-rule"]


READING = "  - reading: {quantity: temperature, %s}\n"

FAULTS = [
    ("an unknown key", GOOD + "latchd: true\n", 11, "unknown key 'latchd'; did you mean 'latched'?"),
    ("an unknown key deep down", GOOD.replace("for: 30s", "four: 30s"), 10, "did you mean 'for'?"),
    ("a missing language", GOOD.replace("advice: {zh: 去看, en: Go and look}", "advice: {zh: 去看}"), 4, "`en`"),
    ("an empty text", GOOD.replace("en: Go and look", 'en: " "'), 4, "advice.en is empty"),
    ("an unknown field", GOOD.replace('en: "{device}"', 'en: "{devise}"'), 3, "did you mean 'device'?"),
    ("braces that do not pair", GOOD.replace('en: "{device}"', 'en: "{device"'), 3, "braces"),
    ("a format", GOOD.replace('en: "{device}"', 'en: "{device:>9}"'), 3, "takes no format"),
    ("a field of a field", GOOD.replace('en: "{device}"', 'en: "{device.zh}"'), 3, "did you mean 'device'?"),
    ("a field without a name", GOOD.replace('en: "{device}"', 'en: "{}"'), 3, "one of community"),
    ("a bad id", GOOD.replace("id: test-rule", "id: Test Rule"), 1, "may hold a-z"),
    ("an unknown severity", GOOD.replace("severity: medium", "severity: awful"), 5, "awful"),
    ("no route", GOOD.replace("route: [guard]", "route: []"), 6, "route is empty"),
    ("no source", GOOD.replace('source: "[P]"', 'source: ""'), 7, "source is empty"),
    ("an unknown device kind", GOOD.replace("[cable_sensor, ", "[cable_senser, "), 8, "did you mean 'cable_sensor'?"),
    ("an unknown facility kind", GOOD.replace("smoke_detector]}", "door], facility_kinds: [lfit]}"), 8, "'lift'"),
    ("an unknown subject", GOOD + "subject: building\n", 11, "one of device, place, community"),
    ("life safety that does not latch", GOOD + "life_safety: true\n", 11, "add latched: true"),
    ("confirm without a place", GOOD + "confirm: {within: 3m}\n", 11, "needs subject: place"),
    ("no clause", GOOD[: GOOD.index("when:")] + "when: []\n", 9, "when is empty"),
    (
        "a clause of two parts",
        rule_text("  - missing: {for: 3s}\n    event: {types: [access.denied]}\n"),
        10,
        "exactly one",
    ),
    ("a clause of none", rule_text("  - severity: high\n"), 10, "exactly one"),
    ("a bad duration", rule_text(READING % "above: 1, for: 30 s"), 10, "no duration such as 30s"),
    (
        "an unknown quantity",
        rule_text("  - reading: {quantity: temprature, above: 1}\n"),
        10,
        "did you mean 'temperature'?",
    ),
    ("no limit", rule_text(READING % "for: 3s"), 10, "exactly one of above"),
    ("two limits", rule_text(READING % "above: 3, below: 1"), 10, "exactly one of above"),
    ("a limit that is no number", rule_text(READING % "above: hot"), 10, "Expected `float"),
    ("a reset on the wrong side", rule_text(READING % "above: 70, reset_below: 75"), 10, "wrong side of the limit 70"),
    ("a reset on the wrong side below", rule_text(READING % "below: 2, reset_above: 1"), 10, "wrong side"),
    ("a reset in the wrong direction", rule_text(READING % "above: 70, reset_above: 80"), 10, "wants reset_below"),
    ("a wrong unit", rule_text(READING % "above: 343, unit: K"), 10, "measured in Cel"),
    ("missing for no time", rule_text("  - missing: {for: 0s}\n"), 10, "more than zero"),
    (
        "an unknown event type",
        rule_text("  - missing: {types: [device.hartbeat], for: 3s}\n"),
        10,
        "'device.heartbeat'",
    ),
    ("an unknown type in ends", rule_text(STATE.replace("closed", "shut") % ("", "")), 13, "'access.door"),
    ("no ends", rule_text("  - state:\n      begins: {types: [access.denied]}\n      ends: []\n"), 12, "ends is empty"),
    ("a bad for", rule_text(STATE % ("", "      for: soon\n")), 14, "'soon' is no duration"),
    (
        "unless of no time",
        rule_text(STATE % (", unless: {types: [access.granted], within: 0s}", "")),
        11,
        "more than zero",
    ),
    ("once repeated", rule_text(STATE % (", repeated: {times: 1, within: 3s}", "")), 11, "between 2 and 1000"),
    ("no time of day", rule_text(STATE % (', during: {from: "25:00", to: "05:00"}', "")), 11, "no time of day"),
    ("an empty schedule", rule_text(STATE % (', during: {from: "05:00", to: "05:00"}', "")), 11, "the same"),
    ("a list of lists in where", rule_text(STATE % (", where: {floor: [[1]]}", "")), 11, "a list of such"),
    (
        "a declared type that is none",
        rule_text("  - missing: {types: [Bad], for: 3s}\n", more="declares: [Bad]\n"),
        11,
        "dotted",
    ),
    ("a key twice", GOOD + "id: again\n", 11, "given twice"),
]


@pytest.mark.parametrize(("text", "line", "said"), [item[1:] for item in FAULTS], ids=[item[0] for item in FAULTS])
def test_a_fault_names_file_line_and_reason(tmp_path: Path, text: str, line: int, said: str) -> None:
    """Each in both languages (the English is compared)."""
    error = fault(tmp_path, text)
    assert error.file == tmp_path / "bad.yaml"
    assert (error.line, said in error.reason.en) == (line, True), error.text.en


def test_two_files_with_one_id(tmp_path: Path) -> None:
    """The later file is blamed, and names the earlier."""
    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    error = fault(tmp_path, GOOD)
    assert error.file == tmp_path / "bad.yaml"
    assert "already in a.yaml" in error.reason.en


def test_no_folder_and_an_empty_one(tmp_path: Path) -> None:
    """Said as such; never an engine without rules in silence."""
    with pytest.raises(ConfigError, match="no such folder"):
        load_rules(tmp_path / "none")
    with pytest.raises(ConfigError, match="no rule file"):
        load_rules(tmp_path)


def test_words_that_are_declared_are_taken(tmp_path: Path) -> None:
    """A site's own event type, device kind and quantity."""
    text = rule_text(
        "  - event: {types: [pool.cover.opened]}\n  - reading: {quantity: chlorine, below: 0.05}\n",
        more="declares: [pool.cover.opened, pool_cover, chlorine]\n",
    ).replace("smoke_detector]", "pool_cover]")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    assert load_rules(tmp_path)[0].declares == ("pool.cover.opened", "pool_cover", "chlorine")


def test_every_file_of_the_catalogue_is_named_as_its_rule() -> None:
    """So that a person finds it."""
    assert {file.stem for file in CATALOGUE.iterdir()} == {rule.id for rule in load_rules()}


@pytest.mark.parametrize(
    ("text", "us"), [("500ms", 500_000), ("30s", 30_000_000), ("24h", 86_400_000_000), ("7d", 604_800_000_000)]
)
def test_durations(text: str, us: int) -> None:
    """Whole numbers of ms, s, m, h, d."""
    assert duration(text) == us


@pytest.mark.parametrize("text", ["", "30", "s", "-3s", "1.5h", "3 s", "3S", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    """Everything else."""
    with pytest.raises(ValueError, match="not a duration"):
        duration(text)
