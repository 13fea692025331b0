"""The rules as people read them: words, overrides within the reader's scope, the devices watched, and files that change."""

import os
from pathlib import Path

import pytest

from api.rulebook.service import RuleDetail, RuleFiles, RuleService
from linli.clock import SystemClock
from linli.db.alerts import Change, Effects, SqlAlerts
from linli.db.database import Database
from linli.db.people import Person
from linli.db.registry import save
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place, Role, Severity
from linli.testing import ManualClock
from tests.contract.database.test_alerts import another
from tests.unit.api.seeing import sights_of

RULE = """
id: hot
title: {zh: 过热, en: Hot}
sentence: {zh: "{device} 过热", en: "{device} is hot"}
advice: {zh: 去看, en: Go}
steps: [{zh: 看, en: Look}, {zh: 关, en: Switch it off}]
severity: medium
route: [guard, a neighbour]
subject: place
many: {devices: 3, severity: critical}
confirm: {within: 3m}
remind: [10m, 20m]
remind_every: 8h
settle: 500ms
source: test
applies_to: {device_kinds: [door, sensor]}
when:
  - reading: {quantity: temperature, unit: Cel, above: 70, for: 30s}
  - reading: {quantity: temperature, unit: Cel, above: 90, for: 30s}
    severity: critical
    only: {place_kinds: [building]}
"""
OVERRIDES = """
- {rule: hot, where: {community: c2}, off: true, reason: a sauna}
- {rule: hot, where: {place: c1-b1}, change: {when: {1: {reading: {above: 60}}}}, reason: old cables}
- {rule: hot, where: {device: c2-door}, change: {when: {1: {reading: {above: 50}}}}}
"""
NAME = Text("名", "Name")
ALL = Person("p", "root", "root", Role.ADMINISTRATOR, None)
FIRST = Person("q", "li", "li", Role.PROPERTY, frozenset({"c1"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    (made / "overrides").mkdir(parents=True)
    (made / "hot.yaml").write_text(RULE, "utf-8")
    (made / "overrides" / "site.yaml").write_text(OVERRIDES, "utf-8")
    return made


@pytest.fixture
def database(database: Database) -> Database:
    with database.write() as connection:
        for community in ("c1", "c2"):
            building = Place(f"{community}-b1", community, "building", NAME)
            gateway = Gateway(f"gw-{community}", community, NAME)
            devices = [
                Device(f"{community}-{kind}", community, gateway.id, kind, NAME, building.id)
                for kind in ("door", "lift", "sensor")
            ]
            save(connection, [Community(community, NAME), building, gateway, *devices])
    return database


@pytest.fixture
def service(folder: Path, database: Database) -> RuleService:
    clock = SystemClock()
    return RuleService(RuleFiles(folder, None, clock), sights_of(database, clock))


def devices(detail: RuleDetail) -> list[str]:
    return [device.id for device in detail.devices]


def test_a_rule_in_words(service: RuleService, database: Database) -> None:
    """Each clause with how bad it is, steps, what it watches, and how many of its alerts stand where the reader looks."""
    alerts = SqlAlerts(database)
    made = [another(1, rule="hot"), another(2, rule="hot", community="c2"), another(3, rule="cold")]
    alerts.apply([Effects(number, (Change(alert, "opened", 1),)) for number, alert in enumerate(made, 1)])
    (view,) = service.all(FIRST)
    assert [clause.severity for clause in view.clauses] == [Severity.MEDIUM, Severity.CRITICAL]
    assert "70" in view.clauses[0].words.en
    assert "70" in view.clauses[0].words.zh
    assert [step.en for step in view.steps] == ["Look", "Switch it off"]
    assert [kind.en for kind in view.device_kinds] == ["Door", "Sensor"]
    assert (view.open_alerts, service.all(ALL)[0].open_alerts) == (1, 2)


def test_what_becomes_of_its_alerts_is_said_too(service: RuleService) -> None:
    """Whom they are for, when they are worse, confirmed and told again; the name of somebody whom Linli does not know stays."""
    view = service.get(ALL, "hot").view
    assert [whom.zh for whom in view.route] == ["保安", "a neighbour"]
    assert [said.en for said in view.also] == [
        "3 devices at once make it “Critical”",
        "a second device or point within 3 min confirms it, and it is to be acknowledged again",
        "while it goes on it is told again 10 min and 20 min after it opened",
        "while it goes on it is told again every 8 h",
        "it waits 0.5 s for what comes late, so that the order does not matter",
    ]
    assert view.also[2].zh == "仍在持续时，产生后 10 分钟、20 分钟再次提醒"


def test_a_clause_is_meant_for_all_that_lies_in_a_place_of_its_kind(folder: Path, database: Database) -> None:
    """As the engine has it: a room of a building is in a building."""
    clause = "  - reading: {quantity: temperature, unit: Cel, above: 70, for: 30s}\n"
    (folder / "hot.yaml").write_text(RULE.replace(clause, ""), "utf-8")
    (folder / "overrides" / "site.yaml").unlink()
    with database.write() as connection:
        room = Place("c1-room", "c1", "room", NAME, "c1-b1")
        save(connection, [room, Device("c1-lone", "c1", "gw-c1", "door", NAME, room.id)])
    clock = SystemClock()
    service = RuleService(RuleFiles(folder, None, clock), sights_of(database, clock))
    assert devices(service.get(FIRST, "hot")) == ["c1-door", "c1-lone", "c1-sensor"]


def test_devices_and_overrides_are_those_in_scope(service: RuleService) -> None:
    """What is off somewhere watches nothing there, but for a device that says otherwise; a foreign override is not told."""
    whole, first = service.get(ALL, "hot"), service.get(FIRST, "hot")
    assert devices(whole) == ["c1-door", "c1-sensor", "c2-door"]
    assert devices(first) == ["c1-door", "c1-sensor"]
    assert {(item.kind, item.where, item.off) for item in whole.overrides} == {
        ("community", "c2", True),
        ("device", "c2-door", False),
        ("place", "c1-b1", False),
    }
    (seen,) = first.overrides
    assert (seen.where, seen.reason) == ("c1-b1", "old cables")
    assert "60" in seen.clauses[0].words.en


def test_an_override_is_told_with_those_around_it(folder: Path, service: RuleService) -> None:
    """As the engine has it: the limit of the community and the severity of the building are both in force for the device."""
    (folder / "overrides" / "site.yaml").write_text(
        """
- {rule: hot, where: {community: c1}, change: {when: {1: {reading: {above: 60}}}}}
- {rule: hot, where: {place: c1-b1}, change: {severity: high, route: [electrician]}}
- {rule: hot, where: {device: c1-door}, change: {when: {2: {severity: low}}, latched: true, remind: null}}
""",
        "utf-8",
    )
    community, place, device = service.get(FIRST, "hot").overrides
    assert (community.severity, community.also) == (Severity.MEDIUM, ())
    assert [clause.severity for clause in place.clauses] == [Severity.HIGH, Severity.CRITICAL]
    assert [said.en for said in place.also] == ["severity: High", "for: the electrician"]
    assert [said.zh for said in place.also] == ["级别：重要", "通知：电工"]
    assert "60" in place.clauses[0].words.en
    assert "60" in device.clauses[0].words.en
    assert [clause.severity for clause in device.clauses] == [Severity.HIGH, Severity.LOW]
    assert [said.en for said in device.also][2:] == [
        "a person must close it",
        "no more: while it goes on it is told again 10 min and 20 min after it opened",
    ]


def test_an_override_that_is_passed_over_says_why(folder: Path, service: RuleService) -> None:
    """Alone it would do; over the reset of the community its limit makes no sense."""
    (folder / "overrides" / "site.yaml").write_text(
        """
- {rule: hot, where: {community: c1}, change: {when: {1: {reading: {above: 60, reset_below: 55}}}}}
- {rule: hot, where: {device: c1-door}, change: {when: {1: {reading: {above: 50}}}}}
""",
        "utf-8",
    )
    community, device = service.get(FIRST, "hot").overrides
    assert community.passed_over is None
    assert device.passed_over is not None
    assert "reset_below" in device.passed_over.en
    assert device.passed_over.zh != device.passed_over.en
    assert "60" in device.clauses[0].words.en, "what is in force there"


def test_a_rule_that_there_is_not(service: RuleService) -> None:
    """Told as such."""
    with pytest.raises(NotFound, match="no rule cold"):
        service.get(ALL, "cold")
    assert service.find("cold") is None


def test_files_that_change_are_read_again(folder: Path) -> None:
    """Within a second, no more often; with a fault in them the rules stay as they were until it is mended."""
    clock = ManualClock()
    files = RuleFiles(folder, None, clock)
    assert [rule.severity for rule in files.book().rules] == [Severity.MEDIUM]
    (folder / "hot.yaml").write_text(RULE.replace("medium", "high"), "utf-8")
    assert files.book().rules[0].severity is Severity.MEDIUM
    clock.advance(2)
    assert files.book().rules[0].severity is Severity.HIGH
    (folder / "hot.yaml").write_text("id: [", "utf-8")
    clock.advance(2)
    assert files.book().rules[0].severity is Severity.HIGH
    fault = files.fault()
    assert fault is not None
    assert "hot.yaml:2" in fault.en
    (folder / "hot.yaml").write_text(RULE.replace("medium", "low"), "utf-8")
    os.utime(folder / "hot.yaml", ns=(1, 1))
    clock.advance(2)
    assert (files.book().rules[0].severity, files.fault()) == (Severity.LOW, None)


def test_no_rules_at_all_is_no_failure(tmp_path: Path) -> None:
    """A folder that is not there is told; the list is empty."""
    files = RuleFiles(tmp_path / "none", None, SystemClock())
    assert files.book().rules == ()
    assert files.fault() is not None


def test_a_fault_is_told_to_administrators(folder: Path, service: RuleService) -> None:
    """It names files of the server; who cannot mend them is not told."""
    (folder / "hot.yaml").write_text("id: [", "utf-8")
    assert service.fault(FIRST) is None
    assert service.fault(ALL) is not None
