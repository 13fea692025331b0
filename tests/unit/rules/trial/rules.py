"""Rules for tests of trials, which the catalogue may change without them."""

from pathlib import Path

from linli.yamlfile import Source
from rules.language.check import check
from rules.language.model import Rule
from tests.unit.rules.world import rule_text


def made(name: str, when: str, *, severity: str = "high", more: str = "") -> Rule:
    """The rule of that id, checked."""
    rule = Source(Path(f"{name}.yaml"), rule_text(when, rule=name, severity=severity, more=more)).convert(Rule)
    check(rule)
    return rule


CABLE = made(
    "cable",
    "  - reading: {quantity: temperature, above: 70, reset_below: 65, unit: Cel, for: 30s}\n    only: {device_kinds: [cable_sensor]}\n",
)
DOOR = made(
    "forced",
    """\
  - state:
      begins:
        types: [access.door.opened]
        unless: {types: [access.granted], within: 10s}
      ends: [{types: [access.door.closed]}]
""",
    more="latched: true\n",
)
CAMERA = made(
    "camera",
    "  - missing: {types: [device.heartbeat], for: 180s}\n    only: {device_kinds: [camera]}\n",
    severity="medium",
)
RULES = {rule.id: rule for rule in (CABLE, DOOR, CAMERA)}
