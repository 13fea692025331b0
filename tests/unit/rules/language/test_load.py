"""Rule files: each fault is told with its file, its line, and what was probably meant."""

from pathlib import Path

import pytest

from linli.errors import ConfigError
from linli.i18n import Text
from rules.language.load import CATALOGUE, load_rules
from rules.language.model import duration
from tests.unit.rules.world import rule_of, rule_text

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


def test_a_value_of_one_clause_is_enough(tmp_path: Path) -> None:
    """One sentence serves all clauses, also those within `all`."""
    parts = "  - missing: {for: 3s}\n  - all: {of: [{missing: {for: 3s}}, {reading: {quantity: co, above: 1}}]}\n"
    file = tmp_path / "good.yaml"
    file.write_text(rule_text(parts).replace('en: "{device}"', 'en: "{value} {threshold}"'), encoding="utf-8")
    assert [rule.id for rule in load_rules(tmp_path)] == ["test-rule"]


def test_a_source_is_written_once_or_in_both_languages(tmp_path: Path) -> None:
    """GB 14287.3 is that in any language; what is said of it is not."""
    file = tmp_path / "good.yaml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_rules(tmp_path)[0].source_text == Text("[P]", "[P]")
    file.write_text(GOOD.replace('source: "[P]"', "source: {zh: 立即, en: at once}"), encoding="utf-8")
    assert load_rules(tmp_path)[0].source_text == Text("立即", "at once")


def test_the_good_file_loads(tmp_path: Path) -> None:
    """What the faulty ones below differ from."""
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    assert [rule.id for rule in load_rules(tmp_path)] == ["test-rule"]


READING = "  - reading: {quantity: temperature, %s}\n"

FAULTS = [
    ("an unknown key", GOOD + "latchd: true\n", 11, "unknown key 'latchd'; did you mean 'latched'?"),
    ("an unknown key deep down", GOOD.replace("for: 30s", "four: 30s"), 10, "did you mean 'for'?"),
    (
        "a missing language",
        GOOD.replace("advice: {zh: 去看, en: Go and look}", "advice: {zh: 去看}"),
        4,
        "advice has no en",
    ),
    ("an empty text", GOOD.replace("en: Go and look", 'en: " "'), 4, "advice.en is empty"),
    ("an unknown field", GOOD.replace('en: "{device}"', 'en: "{devise}"'), 3, "did you mean 'device'?"),
    ("braces that do not pair", GOOD.replace('en: "{device}"', 'en: "{device"'), 3, "braces"),
    ("a format", GOOD.replace('en: "{device}"', 'en: "{device:>9}"'), 3, "takes no format"),
    ("a field of a field", GOOD.replace('en: "{device}"', 'en: "{device.zh}"'), 3, "did you mean 'device'?"),
    ("a field without a name", GOOD.replace('en: "{device}"', 'en: "{}"'), 3, "one of community"),
    (
        "a value where nothing is measured",
        rule_text("  - missing: {for: 3s}\n").replace('en: "{device}"', 'en: "{value}"'),
        3,
        "no clause looks at a reading, so there is never a {value}",
    ),
    ("a bad id", GOOD.replace("id: test-rule", "id: Test Rule"), 1, "may hold a-z"),
    ("an unknown severity", GOOD.replace("severity: medium", "severity: awful"), 5, "awful"),
    ("no route", GOOD.replace("route: [guard]", "route: []"), 6, "route is empty"),
    ("a source in one language", GOOD.replace('source: "[P]"', 'source: {zh: 标准, en: " "}'), 7, "source.en is empty"),
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
    (
        "a limit that is no number",
        rule_text(READING % "above: hot"),
        10,
        "when[1].reading.above is to be a number, not a text",
    ),
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
    ("an empty schedule", rule_text(STATE % (', during: {from: "05:00", to: "05:00"}', "")), 11, "the whole day"),
    ("hours that begin at their end", rule_text(STATE % (', during: {from: "24:00", to: "05:00"}', "")), 11, "an end"),
    ("a list of lists in where", rule_text(STATE % (", where: {floor: [[1]]}", "")), 11, "a list of such"),
    (
        "a declared type that is none",
        rule_text("  - missing: {types: [Bad], for: 3s}\n", more="declares: [Bad]\n"),
        11,
        "dotted",
    ),
    ("a key twice", GOOD + "id: again\n", 11, "given twice"),
]


CAMERAS = "  - event: {types: [camera.person.detected]%s}\n%s"
DOORS = "  - state: {begins: {types: [access.door.opened]}, ends: [{types: [access.door.closed]}]}\n"
BOTH = "  - all:\n      of:\n        - event: {types: [access.granted]}\n        - event: {types: [access.denied]}\n%s"

FAULTS += [
    # what belongs to the whole rule
    ("an empty step", GOOD + "steps: [{zh: 去, en: Go}, {zh: ' ', en: Look}]\n", 11, "steps.1.zh is empty"),
    ("a settle that is long", GOOD + "settle: 1h\n", 11, "10m at most"),
    ("reminders out of order", GOOD + "remind: [20m, 10m]\n", 11, "from early to late"),
    ("a reminder at once", GOOD + "remind: [0s]\n", 11, "more than zero"),
    ("a reminder all the time", GOOD + "remind_every: 0s\n", 11, "more than zero"),
    ("many of one device", GOOD + "many: {devices: 3, severity: high}\n", 11, "needs subject: place or community"),
    ("many is one", GOOD + "subject: place\nmany: {devices: 1, severity: high}\n", 12, "two devices or more"),
    ("many is milder", GOOD + "subject: place\nmany: {devices: 3, severity: low}\n", 12, "milder than medium"),
    # a clause's own conditions
    ("no mode", rule_text(CAMERAS % ("", "    armed: [awy]\n")), 11, "did you mean 'away'?"),
    (
        "no memory",
        rule_text(CAMERAS % ("", "    by: room\n")),
        11,
        "one of device, place, building, community, device.<field>, data.<field>",
    ),
    ("no field", rule_text(CAMERAS % ("", "    by: data.\n")), 11, "as in data.credential"),
    ("data of a reading", rule_text(READING % "above: 1" + "    by: data.card\n"), 11, "a reading has no data"),
    ("no day", rule_text(CAMERAS % ("", '    during: {from: "08:00", to: "18:00", days: [monday]}\n')), 11, "'mon'"),
    ("only of nothing", rule_text(CAMERAS % ("", "    only: {}\n")), 11, "at least one of"),
    (
        "only what the rule has not",
        rule_text(CAMERAS % ("", "    only: {device_kinds: [lift]}\n")),
        11,
        "one of cable_",
    ),
    ("no kind of place", rule_text(CAMERAS % ("", "    only: {place_kinds: [rom]}\n")), 11, "did you mean 'room'?"),
    ("no kind of facility", rule_text(CAMERAS % ("", "    only: {facility_kinds: [lfit]}\n")), 11, "'lift'?"),
    # sequences
    (
        "after of no time",
        rule_text(CAMERAS % (", after: {types: [access.granted], within: 0s}", "")),
        10,
        "more than zero",
    ),
    (
        "an unknown type in without",
        rule_text(CAMERAS % (", after: {types: [access.granted], within: 1s, without: {types: [acces.denied]}}", "")),
        10,
        "'access.denied'",
    ),
    (
        "more of itself than of itself",
        rule_text(
            CAMERAS
            % (", repeated: {times: 2, within: 5s, more_than: {types: [camera.person.detected], within: 5s}}", "")
        ),
        10,
        "never counts",
    ),
    (
        "two devices in the memory of one",
        rule_text(CAMERAS % (", repeated: {times: 2, within: 5s, devices: 2}", "")),
        10,
        "one device only",
    ),
    (
        "an excuse that is wanted",
        rule_text(
            CAMERAS
            % (", after: {types: [access.denied], within: 5s}, unless: {types: [access.denied], within: 5s}", "")
        ),
        10,
        "both wanted before and an excuse",
    ),
    ("a beginning that is an end", rule_text(DOORS.replace("closed", "opened")), 10, "tell them apart with where"),
    ("fades of no time", rule_text(DOORS.replace("}]}", "}], fades: 0s}")), 10, "more than zero"),
    # all
    ("all of one", rule_text("  - all: {of: [{missing: {for: 3s}}]}\n"), 10, "at least two"),
    ("all within all", rule_text("  - all: {of: [{missing: {for: 3s}}, {all: {of: []}}]}\n"), 10, "no all within all"),
    ("a severity within all", rule_text(BOTH % "          severity: high\n"), 14, "stands beside all"),
    ("a memory within all", rule_text(BOTH % "          by: place\n"), 14, "stands beside all"),
    ("a fault within all", rule_text((BOTH % "").replace("access.denied", "access.dnied")), 13, "'access.denied'"),
    # numbers
    ("no number", rule_text("  - reading: {above: 1}\n"), 10, "exactly one of quantity, value"),
    ("two numbers", rule_text(READING % "value: co * 2, above: 1"), 10, "exactly one of quantity, value"),
    ("no expression", rule_text("  - reading: {value: co +, above: 1}\n"), 10, "at character 5"),
    ("an unknown function", rule_text('  - reading: {value: "avrg(co, 5m)", above: 1}\n'), 10, "did you mean avg?"),
    ("an unknown quantity in it", rule_text('  - reading: {value: "avg(coo, 5m)", above: 1}\n'), 10, "'co'"),
    ("no quantity in it", rule_text("  - reading: {value: 1 + 2, above: 1}\n"), 10, "names no quantity"),
    (
        "another unit in it",
        rule_text("  - reading: {value: co - co2, above: 1, unit: mg/m3}\n"),
        10,
        "co2 is measured in ppm",
    ),
    ("a place of one device", rule_text("  - reading: {value: place.avg(co), above: 1}\n"), 10, "put by: place"),
    (
        "devices against each other",
        rule_text("  - reading: {quantity: co, above: 1}\n    by: place\n"),
        10,
        "use place.max(co)",
    ),
    ("limits the wrong way round", rule_text(READING % "outside: [235, 198]"), 10, "outside is [lower, upper]"),
    (
        "a reset that is outside",
        rule_text(READING % "outside: [1, 9], reset_inside: [0, 8]"),
        10,
        "goes beyond outside",
    ),
    ("a reset of another limit", rule_text(READING % "outside: [1, 9], reset_below: 8"), 10, "wants reset_inside"),
    ("a reset of what is normal", rule_text(READING % "normal: {sigmas: 3}, reset_below: 8"), 10, "use keep"),
    ("no sigmas", rule_text(READING % "normal: {sigmas: 0}"), 10, "more than zero"),
    ("learning by month", rule_text(READING % "normal: {sigmas: 3, by: month}"), 10, "one of hour, always"),
    ("a number without end", rule_text(READING % "above: 1e999"), 10, "not a finite number"),
    ("a range without end", rule_text(READING % "outside: [1, 1e999]"), 10, "not a finite number"),
    ("sigmas without end", rule_text(READING % "normal: {sigmas: 1e999}"), 10, "not a finite number"),
    ("a duration of centuries", rule_text(READING % "above: 1, for: 999999999d"), 10, "400d at most"),
    ("no samples", rule_text(READING % "above: 1, samples: 0"), 10, "between 1 and 1000"),
    ("fades with a reset", rule_text(READING % "above: 9, reset_below: 8, fades: 5m"), 10, "keep one of them"),
    ("fades with keep", rule_text(READING % "above: 9, keep: 8s, fades: 5m"), 10, "keep one of them"),
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


SOUND = [
    ("a sequence", CAMERAS % (", after: {types: [access.granted], within: 9s, without: {types: [access.denied]}}", "")),
    (
        "an excuse that is nearer than what is wanted",
        CAMERAS % (", after: {types: [access.denied], within: 9s}, unless: {types: [access.denied], within: 2s}", ""),
    ),
    ("one value of several", CAMERAS % (", where: {zone: [a, b]}", "")),
    ("a memory for each credential", CAMERAS % (", repeated: {times: 5, within: 2m}", "    by: data.credential\n")),
    ("a schedule of workdays", CAMERAS % ("", '    during: {from: "22:00", to: "06:00", days: [workday, fri]}\n')),
    ("armed", CAMERAS % ("", "    armed: [away, night]\n")),
    ("only some", CAMERAS % ("", "    only: {device_kinds: [door], facility_kinds: [lift], place_kinds: [room]}\n")),
    ("what fades", DOORS.replace(", ends: [{types: [access.door.closed]}]", ", fades: 5m")),
    (
        "one type that tells by its data",
        DOORS.replace("closed", "opened").replace(
            "ends: [{types: [access.door.opened]", "ends: [{types: [access.door.opened], where: {open: false}"
        ),
    ),
    ("silence of a whole place", "  - missing: {types: [access.door.opened], for: 24h}\n    by: place\n"),
    ("all of a place", BOTH % "    by: place\n"),
    (
        "a number of one device of a place",
        "  - all:\n      of: [{reading: {quantity: co, above: 1}}, {event: {types: [access.denied]}}]\n    by: place\n",
    ),
    ("a number of a place", '  - reading: {value: "place.avg(co) / 2", above: 30, unit: mg/m3}\n    by: building\n'),
    ("any device of a place, while it lasts", "  - reading: {quantity: co, above: 30, fades: 5m}\n    by: place\n"),
    ("a range", READING % "outside: [198, 235], reset_inside: [200, 230]"),
    ("what is normal", READING % "normal: {sigmas: 3, learn: 7d, by: always}, keep: 5m"),
    ("samples", READING % "above: 1, samples: 2, for: 15m"),
]


@pytest.mark.parametrize("when", [item[1] for item in SOUND], ids=[item[0] for item in SOUND])
def test_what_makes_sense_loads(tmp_path: Path, when: str) -> None:
    """The parts combine freely; only what says nothing is refused."""
    rule_of(tmp_path, when)


def test_every_file_of_the_catalogue_is_named_as_its_rule() -> None:
    """So that a person finds it."""
    assert {file.stem for file in CATALOGUE.glob("*.yaml")} == {rule.id for rule in load_rules()}


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
