from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from linli.clock import HOUR, MINUTE, SECOND, parse_time
from linli.errors import ConfigError, LinliError, NotFound, Refused
from linli.vocabulary import EVENT_TYPES, QUANTITIES
from simulators import scenario
from simulators.compound import demo_registry
from simulators.rotation import ORDER

GOOD = """\
title: {zh: 试, en: Try}
about: {zh: 试一试, en: A try}
lasts: 60s
steps:
  - {at: 5s, device: c001-door-02, event: access.door.opened}
  - {at: 5s, device: c001-b3-cable-1, hold: {temperature: 78}, for: 30s}
expect:
  - {rule: door-forced, subject: c001-door-02, severity: high, after: 5s, within: 5s}
"""


def load(tmp_path: Path, text: str) -> scenario.Scenario:
    file = tmp_path / "try.yaml"
    file.write_text(text, encoding="utf-8")
    return scenario.load(file)


def test_good_file(tmp_path: Path) -> None:
    """A file becomes steps and expectations."""
    loaded = load(tmp_path, GOOD)
    assert loaded.title.text.of("zh") == "试"
    assert loaded.length == MINUTE
    assert loaded.devices == {"c001-door-02", "c001-b3-cable-1"}
    assert (loaded.steps[1].begins, loaded.steps[1].ends) == (5 * SECOND, 35 * SECOND)
    assert loaded.expect[0].change == "opened"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("lasts: 60s", "lasts: 60", 3, "write 60s"),
        ("lasts: 60s", "lasts: an hour", 3, "not a duration"),
        ("lasts: 60s", "lasts: 8s", 8, "after `lasts`"),
        ("at: 5s, device: c001-door-02", "at: soon, device: c001-door-02", 5, "not a duration"),
        ("device: c001-door-02, event", "device: Door 2, event", 5, "does not match"),
        ("event: access.door.opened", "event: opened", 5, "not a dotted event type"),
        ("event: access.door.opened", "silent_for: ever", 5, "not a duration"),
        (", event: access.door.opened", "", 5, "exactly one of"),
        ("event: access.door.opened", "event: access.door.opened, silent_for: 5s", 5, "exactly one of"),
        (", for: 30s", "", 6, "go together"),
        ("for: 30s", "for: 30s, data: {a: 1}", 6, "with event only"),
        ("temperature: 78", "TEMP: 78", 6, "does not match"),
        ("rule: door-forced", "rules: door-forced", 8, "did you mean 'rule'"),
        ("severity: high", "severity: awful", 8, "awful"),
        ("within: 5s", "within: 5", 8, "write 5s"),
        ("lasts: 60s", "lasts: 60s\nstarts_at: '25:00'", 4, "not a time of day"),
        ("lasts: 60s", "lasts: 60s\nonly_between: ['23:00', later]", 4, "not a time of day"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    """Each mistake is blamed on its line, in both languages."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert caught.value.line == line
    assert said in caught.value.text.en
    assert str(tmp_path / "try.yaml") in caught.value.text.zh


@pytest.mark.parametrize(
    ("text", "micros"),
    [("500ms", SECOND // 2), ("5s", 5 * SECOND), ("1.5m", 90 * SECOND), ("2h", 2 * HOUR)],
)
def test_durations(text: str, micros: int) -> None:
    """A number and a unit."""
    assert scenario.duration(text) == micros


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5d", "٥s", "1e3s"])
def test_no_durations(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(Refused):
        scenario.duration(text)


@pytest.mark.parametrize("name", scenario.known())
def test_own_scenarios_are_sound(name: str) -> None:
    """Each that comes with Linli loads, names devices and places of the compound, and words of the vocabulary."""
    ids = {item.id for item in demo_registry()}
    loaded = scenario.find(name)
    loaded.check()
    assert loaded.devices <= ids
    assert {wanted.subject for wanted in loaded.expect} <= ids
    assert loaded.expect
    for step in loaded.steps:
        assert step.event is None or step.event in EVENT_TYPES
        assert set(step.hold or ()) <= QUANTITIES.keys()
        assert step.ends <= loaded.length


def test_rotation_has_every_scenario() -> None:
    """A new scenario joins the demonstration; the forced door comes first."""
    assert set(ORDER) == scenario.known().keys()
    assert ORDER[0] == "forced-door"


def test_find_suggests(tmp_path: Path) -> None:
    """A wrong name is told with the nearest and all known ones; a path is taken as a file."""
    with pytest.raises(NotFound) as caught:
        scenario.find("force-door")
    assert "did you mean 'forced-door'" in caught.value.text.en
    assert "kitchen-fire" in caught.value.text.zh
    with pytest.raises(NotFound) as caught:
        scenario.find("zzz")
    assert "did you mean" not in caught.value.text.en
    with pytest.raises(LinliError, match=r"none\.yaml"):
        scenario.find(str(tmp_path / "none.yaml"))
    (tmp_path / "mine.yaml").write_text(GOOD, encoding="utf-8")
    assert scenario.find(str(tmp_path / "mine.yaml")).title.en == "Try"


@pytest.mark.parametrize(
    ("at", "fits"),
    [("22:59", False), ("23:00", True), ("23:59", True), ("00:00", True), ("04:59", True), ("05:00", False)],
)
def test_window_over_midnight(at: str, fits: bool) -> None:
    """Armed hours go over midnight, in the compound's own time."""
    night = scenario.find("intrusion-after-hours")
    zone = ZoneInfo("Asia/Shanghai")
    assert night.fits(parse_time(f"2026-11-23T{at}:00+08:00"), zone) is fits
    assert scenario.find("forced-door").fits(parse_time(f"2026-11-23T{at}:00+08:00"), zone)


@pytest.mark.parametrize(
    ("old", "new"), [("c001-door-02, event", "Door 2, event"), ("at: 5s", "at: soon"), ("access.door.opened", "opened")]
)
def test_check_of_what_came_without_a_file(tmp_path: Path, old: str, new: str) -> None:
    """A scenario from a request is refused, not believed."""
    import msgspec
    import yaml

    document = yaml.safe_load(GOOD.replace(old, new, 1))
    with pytest.raises(Refused):
        msgspec.convert(document, scenario.Scenario).check()
