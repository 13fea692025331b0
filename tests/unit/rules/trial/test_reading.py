"""Test files of rules are read strictly: what is wrong is told with its line and what was probably meant."""

from pathlib import Path

import pytest

from linli.clock import parse_time
from linli.errors import ConfigError
from rules.trial.reading import read_trial
from tests.unit.rules.trial.rules import RULES

HEAD = """\
rules: [cable]
places:
  - {id: b1, kind: building}
devices:
  - {id: d1, kind: cable_sensor}
"""
TEST = """\
tests:
  - name: a test
    input:
      - {at: 0s, device: d1, temperature: 71}
    expect:
      - {at: 30s, opened: d1}
    until: 1m
"""


def fault(tmp_path: Path, text: str) -> ConfigError:
    """What is said of a file with this text."""
    file = tmp_path / "test.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_trial(file, RULES)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("[cable]", "[cabel]", 1, "did you mean 'cable'?"),
        ("rules: [cable]", "files: [gone.yaml]", None, "gone.yaml"),
        ("[cable]", "[]", 1, "names no rule"),
        ("kind: building", "kind: bilding", 3, "did you mean 'building'?"),
        ("id: d1, kind", "id: D1, kind", 5, "does not match"),
        ("id: d1, kind", "id: b1, kind", 5, "used already"),
        ("cable_sensor}", "cable_sensor, place: b2}", 5, "there are b1"),
        ("device: d1", "device: d2", 9, "there are d1"),
        ("temperature: 71", "temprature: 71", 9, "did you mean 'temperature'?"),
        ("temperature: 71", "temperature: '71 7o'", 9, "'7o' is no reading"),
        ("temperature: 71", "temperature: '71 70'", 9, "every"),
        ("temperature: 71", "temperature: [71]", 9, "neither a number"),
        ("temperature: 71", "event: access.door.openned", 9, "did you mean 'access.door.opened'?"),
        ("temperature: 71", "event: access.door.opened, temperature: 71", 9, "either an event or readings"),
        ("temperature: 71", "temperature: 71, historic: 1", 9, "Expected `bool`"),
        ("temperature: 71", "temperature: 71, at: 5", 9, "given twice"),
        ("at: 0s, device: d1, temperature: 71", "at: 0s", 9, "exactly one of device, mode, act, gateway"),
        ("at: 0s, device: d1, temperature: 71", "device: d1, temperature: 71", 9, "at is missing"),
        ("device: d1, temperature: 71", "act: acknowlege, alert: d1", 9, "did you mean 'acknowledge'?"),
        ("device: d1, temperature: 71", "act: shelve, alert: d1", 9, "when it is `back`"),
        ("device: d1, temperature: 71", "mode: awai, place: b1", 9, "did you mean 'away'?"),
        ("device: d1, temperature: 71", "gateway: stop", 9, "did you mean 'stops'?"),
        ("device: d1, temperature: 71", "gateway: stops, id: g2", 9, "there are gateway"),
        ("0s", "soon", 9, "no time such as"),
        ("temperature: 71", "temperature: 71, arrives: -1s", 9, "no time such as"),
        ("opened: d1", "opend: d1", 11, "did you mean 'opened'?"),
        ("opened: d1", "opened: d1, resolved: d1", 11, "exactly one change"),
        ("opened: d1", "opened: d11", 11, "did you mean 'd1'?"),
        ("at: 30s", "at: 30min", 11, "no time such as"),
        ("until: 1m", "until: 10s", 12, "the test ends at 10s, and something in it is at "),
        ("until: 1m", "until: 1m\n    only: [open]", 13, "did you mean 'opened'?"),
        ("    until: 1m\n", "", 7, "this test has no until: say how long it goes on, as in until: 5m"),
        ("places:", "start: tomorrow\nplaces:", 2, "no time such as 2026"),
        ("places:", "timezone: Mars/Base\nplaces:", 2, "no time zone"),
        ("places:", "holidays: {'2026-13-01': true}\nplaces:", 2, "no day such as"),
        ("places:", "overrides: [{rule: x, where: {place: b1}}]\nplaces:", 2, "there is no rule 'x'"),
        ("places:", "overrides: [{rule: cable, where: {place: b9}}]\nplaces:", 2, "there are b1"),
        (
            "places:",
            "overrides: [{rule: cable, where: {device: d1}, change: {when: {1: {reading: {abov: 3}}}}}]\nplaces:",
            2,
            "did you mean 'above'?",
        ),
    ],
)
def test_faults_name_the_line_and_what_was_meant(
    tmp_path: Path, old: str, new: str, line: int | None, said: str
) -> None:
    """One thing wrong at a time."""
    assert old in HEAD + TEST
    error = fault(tmp_path, (HEAD + TEST).replace(old, new, 1))
    assert said in error.reason.en or said in str(error)
    if line is not None:
        assert error.line == line


def test_times_are_local_and_count_from_the_start(tmp_path: Path) -> None:
    """`start` is the wall clock of `timezone`."""
    file = tmp_path / "test.yaml"
    file.write_text('timezone: Asia/Tokyo\nstart: "2026-03-02 22:50:00"\n' + HEAD + TEST, encoding="utf-8")
    assert read_trial(file, RULES).start == parse_time("2026-03-02T13:50:00Z")
