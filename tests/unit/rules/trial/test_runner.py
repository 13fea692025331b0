"""Tests of rules run as the site would: lanes, heartbeats, outages, people, arming, time."""

from pathlib import Path

from linli.clock import MINUTE, SECOND
from rules.trial.reading import read_trial
from rules.trial.runner import Outcome, run
from tests.unit.rules.trial.rules import RULES
from tests.unit.rules.world import rule_text

CABLE = "rules: [cable]\ndevices: [{id: d1, kind: cable_sensor}]\n"
DOOR = "rules: [forced]\ndevices: [{id: d1, kind: door}]\n"
CAMERA = "rules: [camera]\ndevices: [{id: d1, kind: camera}]\n"


def outcome(tmp_path: Path, head: str, test: str) -> Outcome:
    """How the only test of a file with this text goes."""
    file = tmp_path / "test.yaml"
    file.write_text(f"{head}tests:\n  - name: a test\n" + test, encoding="utf-8")
    trial = read_trial(file, RULES)
    return run(trial, trial.cases[0])


def happened(result: Outcome) -> list[tuple[float, str]]:
    """The log, as (second, kind)."""
    return [(entry.at / SECOND, entry.kind) for entry in result.log]


def test_time_passes_without_readings(tmp_path: Path) -> None:
    """Heartbeats and ticks let `for` run out though the device says no more."""
    result = outcome(
        tmp_path,
        CABLE,
        "    input: [{at: 5s, device: d1, temperature: 71}]\n    expect: [{at: 35s, opened: d1}]\n    until: 1m\n",
    )
    assert result.passed
    assert happened(result) == [(35, "opened")]


def test_at_one_instant_the_lines_of_the_file_decide(tmp_path: Path) -> None:
    """A reading at exactly `for`, before the clock of the same second."""
    lines = "    input: [{device: d1, temperature: '71 70', every: 30s}]\n    until: 2m\n"
    assert outcome(tmp_path, CABLE, lines).passed


def test_what_was_not_expected_fails_it(tmp_path: Path) -> None:
    """The whole log is compared."""
    result = outcome(tmp_path, CABLE, "    input: [{at: 0s, device: d1, temperature: 71}]\n    until: 1m\n")
    assert not result.passed
    (difference,) = result.differences
    assert difference.expected is None and difference.happened is not None


def test_only_leaves_the_other_kinds_out(tmp_path: Path) -> None:
    """For a test that is about one thing."""
    lines = (
        "    input: [{device: d1, temperature: '71x3 60', every: 10s}]\n"
        "    expect: [{at: 40s, resolved: d1}]\n    only: [resolved]\n    until: 1m\n"
    )
    assert outcome(tmp_path, CABLE, lines).passed


def test_people_act_on_the_open_alert(tmp_path: Path) -> None:
    """By the id of what it is about; an act that came to nothing is in the log."""
    lines = """
    input:
      - {at: 0s, act: acknowledge, alert: d1}
      - {at: 1s, device: d1, event: access.door.opened}
      - {at: 2s, act: acknowledge, alert: d1, by: li, comment: on my way}
      - {at: 3s, device: d1, event: access.door.closed}
      - {at: 4s, act: close, alert: d1}
      - {at: 5s, act: close, alert: d1, comment: nobody there}
    expect:
      - {at: 0s, refused: d1}
      - {at: 1s, opened: d1, rule: forced}
      - {at: 2s, acknowledged: d1, by: li}
      - {at: 3s, resolved: d1}
      - {at: 4s, refused: d1}
      - {at: 5s, closed: d1, by: guard}
    until: 1m
"""
    result = outcome(tmp_path, DOOR, lines)
    assert result.passed, result.differences
    assert [entry.outcome for entry in result.log if entry.kind == "refused"] == ["no_open_alert", "reason_required"]


def test_what_is_shelved_comes_back(tmp_path: Path) -> None:
    """`back` says when; the server's clock brings it."""
    lines = """
    input:
      - {at: 0s, device: d1, temperature: 71}
      - {at: 40s, act: shelve, alert: d1, back: 5m, comment: being mended}
    expect:
      - {at: 30s, opened: d1}
      - {at: 40s, shelved: d1, by: guard}
      - {at: 5m, unshelved: d1}
    until: 10m
"""
    result = outcome(tmp_path, CABLE, lines)
    assert result.passed, result.differences


def test_a_gateway_that_stops_makes_no_device_missing(tmp_path: Path) -> None:
    """`missing` goes by what was delivered: its own silence is the gateway's."""
    beats = "{device: d1, event: device.heartbeat, every: 60s, from: 0s, to: 2m}"
    silent = f"    input: [{beats}]\n    expect: [{{at: 5m, opened: d1}}]\n    until: 10m\n"
    assert outcome(tmp_path, CAMERA, silent).passed
    stopped = f"    input: [{beats}, {{at: 130s, gateway: stops}}]\n    until: 10m\n"
    assert outcome(tmp_path, CAMERA, stopped).passed


def test_what_is_kept_while_the_link_is_down_is_judged_in_its_own_time(tmp_path: Path) -> None:
    """All of it comes when the link is back."""
    lines = """
    input:
      - {at: 1m, gateway: offline}
      - {at: 2m, device: d1, temperature: 71}
      - {at: 5m, gateway: online}
    expect: [{at: 150s, opened: d1}]
    until: 10m
"""
    assert outcome(tmp_path, CABLE, lines).passed


def test_the_built_in_rule_about_gateways_can_be_named(tmp_path: Path) -> None:
    """It is no file of the catalogue."""
    head = "rules: [linli-gateway-offline]\ndevices: [{id: d1, kind: camera}]\n"
    lines = "    input: [{at: 1m, gateway: stops}, {at: 5m, gateway: starts}]\n    only: [opened, resolved]\n    until: 6m\n"
    result = outcome(tmp_path, head, lines)
    assert [(entry.kind, entry.subject) for entry in result.log] == [("opened", "gateway"), ("resolved", "gateway")]


def test_what_comes_late_comes_late(tmp_path: Path) -> None:
    """`arrives`: the server gets it then; the event keeps its time."""
    file = tmp_path / "rule.yaml"
    file.write_text(rule_text("  - event: {types: [access.denied]}\n"), encoding="utf-8")
    head = "files: [rule.yaml]\ndevices: [{id: d1, kind: door}]\n"
    lines = """
    input: [{at: 10s, arrives: 12s, device: d1, event: access.denied}]
    expect: [{at: 10s, opened: d1}]
    only: [opened]
    until: 1m
"""
    assert outcome(tmp_path, head, lines).passed


def test_a_long_test_keeps_its_times(tmp_path: Path) -> None:
    """Its clock ticks less often; deadlines are what they are."""
    lines = """
    input: [{at: 23h, device: d1, temperature: 71}]
    expect: [{at: 23h30s, opened: d1}]
    until: 24h
"""
    result = outcome(tmp_path, CABLE, lines)
    assert result.passed
    assert result.log[0].at == 23 * 60 * MINUTE + 30 * SECOND
