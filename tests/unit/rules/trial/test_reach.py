"""Which devices a rule reaches, and what of them it looks at."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from rules.language.model import AppliesTo, Override, Where
from rules.trial.reach import Needs, needs, parts, variants
from tests.unit.rules.trial.rules import CAMERA, made
from tests.unit.rules.world import registry, rule_of


def test_devices_of_the_kinds_in_the_facilities() -> None:
    """A probe of the garage is no probe of a pump room."""
    rule = replace(
        CAMERA, applies_to=AppliesTo(device_kinds=("water_probe",), facility_kinds=("pump_room",)), when=CAMERA.when
    )
    whole = replace(rule, when=(replace(rule.when[0], only=None),))
    assert [device.id for device, _, _ in variants(whole, (), registry())] == ["probe"]


def test_overrides_change_it_for_some_and_switch_it_off_for_others() -> None:
    """Each device with the rule as it is there."""
    rule = CAMERA
    off = Override(rule=rule.id, where=Where(place="b1"), off=True)
    longer = Override(rule=rule.id, where=Where(device="cam-2"), change={"when": {"1": {"missing": {"for": "10m"}}}})
    ((device, there, chain),) = variants(rule, (off, longer), registry())
    assert device.id == "cam-2"
    assert there.when[0].hold == 600_000_000
    assert chain == (longer,)


@pytest.mark.parametrize(
    ("only", "devices"),
    [
        ("device_kinds: [camera]", ["cam", "cam-2"]),
        ("place_kinds: [floor]", ["smoke"]),
        ("place_kinds: [building], device_kinds: [smoke_detector]", ["smoke", "smoke-b2"]),
        ("facility_kinds: [pump_room]", []),
    ],
)
def test_a_rule_whose_only_clause_leaves_a_device_out_does_not_reach_it(
    tmp_path: Path, only: str, devices: list[str]
) -> None:
    """`only` of its clauses; a floor lies in a building."""
    (rule,) = rule_of(tmp_path / "rules", f"  - event: {{types: [access.denied]}}\n    only: {{{only}}}\n")
    assert [device.id for device, _, _ in variants(rule, (), registry())] == devices


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("  - reading: {quantity: temperature, above: 3}\n", Needs(frozenset({"temperature"}))),
        ("  - reading: {value: voltage * current, above: 3}\n", Needs(frozenset({"voltage", "current"}))),
        ("  - missing: {for: 60s}\n", Needs(anything=True)),
        ("  - missing: {types: [device.heartbeat], for: 60s}\n", Needs(types=frozenset({"device.heartbeat"}))),
        (
            """\
  - event:
      types: [access.door.opened]
      unless: {types: [access.granted], within: 5s}
      after: {types: [access.denied], within: 1m, without: {types: [access.exit.requested]}}
""",
            Needs(types=frozenset({"access.door.opened", "access.granted", "access.denied", "access.exit.requested"})),
        ),
    ],
)
def test_what_a_rule_looks_at(tmp_path: Path, when: str, found: Needs) -> None:
    """All that a backtest has to read."""
    assert needs(rule_of(tmp_path / "rules", when)) == found


def test_parts_are_named_once() -> None:
    """Two clauses of one part."""
    event = "event: {types: [access.denied]}"
    rule = made(
        "parts", f"  - {event}\n  - {event}\n  - all: {{of: [{{{event}}}, {{missing: {{for: 60s}}}}]}}\n    by: place\n"
    )
    assert parts(rule) == ("event", "all", "missing")
