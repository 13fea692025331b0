"""What the rules watch of Linli itself: a store that cannot be written, ingest that says nothing. Nothing false, either way."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from linli import topics
from linli.clock import SECOND
from linli.codec import encode
from linli.db.registry import save
from linli.db.workers import WorkerReport
from linli.errors import Refused
from linli.i18n import Text
from linli.model import (
    Action,
    ActionKind,
    Alert,
    Community,
    Condition,
    Device,
    Gateway,
    Lane,
    Message,
    Place,
    Severity,
)
from linli.platform import PLATFORM, SERVER, device_of, platform_name, with_platform, workers_in
from linli.testing import ManualClock
from rules.durable.state import dump, restore
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, RegistryIn, RulesIn
from rules.engine.machine import Engine
from rules.platform import (
    FAILING,
    INGEST_SILENT,
    STORE_DOWN,
    Eye,
    Look,
    going_on,
    ingest_workers,
    inputs_of,
    last_sequence,
    platform_rules,
    with_platform_rules,
)
from rules.worker import Platform
from tests.unit.rules.engine.test_properties import catalogue
from tests.unit.rules.site import Site
from tests.unit.rules.smalldisk import PLENTY
from tests.unit.rules.world import T0, registry

WELL = WorkerReport("ingest", 10, T0, T0, "ok", Text("", ""), {"writes": 5.0, "unwritten_s": 0.0})


class Machine:
    """An ingest worker, its reports (each 2 s), and the rules that look at them each second."""

    def __init__(self, after_s: float = 30) -> None:
        self.clock = ManualClock(T0)
        self.engine = Engine()
        self.engine.apply(RulesIn(platform_rules(after_s)))
        self.engine.apply(RegistryIn(with_platform(registry(), ["ingest", "ingest-0-of-2"], "Asia/Shanghai")))
        self.eye = Eye()
        self.told = WELL
        self.name, self.pid, self.writes = "ingest", 10, 5
        self.stuck_since: int | None = None
        self.reports_to = True
        self.happened: list[tuple[str, str, float]] = []
        self.alerts: dict[str, Alert] = {}

    def run(self, seconds: int, *, blind: bool = False) -> "list[tuple[str, str, float]]":
        """So much time passes; what happened, as (kind, rule, second)."""
        before = len(self.happened)
        for second in range(seconds):
            self.clock.advance(1)
            now = self.clock.now()
            if self.reports_to and second % 2 == 0:
                stuck = 0.0 if self.stuck_since is None else (now - self.stuck_since) / SECOND
                counters = {"writes": float(self.writes), "unwritten_s": stuck}
                self.told = replace(WELL, name=self.name, pid=self.pid, seen_at=now, counters=counters)
            if blind:
                self.eye.blind(now)
                continue
            workers = ingest_workers([self.told])
            names = workers_in(self.engine.scope.registry)
            looks = self.eye.look(workers, now, going_on(self.engine, names))
            self.eye.said(looks)
            for entry in inputs_of(looks, now, last_sequence(self.engine)):
                for output in self.engine.apply(entry):
                    assert isinstance(output, Transition)
                    self.happened.append((output.kind, output.alert.rule, (output.at - T0) / SECOND))
                    self.alerts[output.alert.rule] = output.alert
        return self.happened[before:]

    def stick(self) -> None:
        """Writing stops working."""
        self.stuck_since = self.clock.now()

    def unstick(self) -> None:
        """It works again, and the batch that waited is written."""
        self.stuck_since = None
        self.writes += 1

    def restart_ingest(self) -> None:
        """A new process, which has written nothing and tries nothing yet."""
        self.pid += 1
        self.writes, self.stuck_since = 0, None


@pytest.fixture
def machine() -> Machine:
    """All is well for a while."""
    made = Machine()
    assert made.run(20) == []
    return made


def test_a_store_that_cannot_be_written_is_an_alert_and_resolves_with_the_first_write(machine: Machine) -> None:
    """After `store_down_s` of not writing, told within a minute; once, in both languages, with what to do."""
    machine.stick()
    assert machine.run(60) == [("opened", STORE_DOWN, 50.0)]
    alert = machine.alerts[STORE_DOWN]
    assert (alert.community, alert.subject, alert.severity) == (PLATFORM, SERVER, Severity.HIGH)
    assert "30 s" in alert.sentence.en
    assert "30 秒" in alert.sentence.zh
    assert "linli status" in alert.advice.en
    assert "linli status" in alert.advice.zh
    machine.unstick()
    assert [kind for kind, _, _ in machine.run(10)] == ["resolved"]
    assert machine.run(300) == []


def test_a_worker_started_anew_is_no_recovery(machine: Machine) -> None:
    """While the store is down: neither its silence, nor that it is well before it has tried, nor the next failure."""
    machine.stick()
    machine.run(60)
    for _ in range(3):
        machine.restart_ingest()
        assert machine.run(6) == []
        machine.stick()
        assert machine.run(20) == []
    machine.restart_ingest()
    assert machine.run(20) == []
    machine.unstick()
    assert [kind for kind, _, _ in machine.run(4)] == ["resolved"]


def test_rules_started_anew_are_no_recovery_either(machine: Machine) -> None:
    """The eye remembers nothing then; what it needs is in the engine, and in the reports to come."""
    machine.stick()
    machine.run(60)
    machine.engine, machine.eye = restore(dump(machine.engine)), Eye()
    assert machine.run(60) == []
    machine.stuck_since = None
    machine.engine, machine.eye = restore(dump(machine.engine)), Eye()
    assert machine.run(10) == []
    machine.unstick()
    assert [kind for kind, _, _ in machine.run(4)] == ["resolved"]


@pytest.mark.parametrize("trouble", [STORE_DOWN, INGEST_SILENT])
def test_closed_by_a_person_it_stays_closed_until_it_happens_anew(machine: Machine, trouble: str) -> None:
    """Like any other alert; when it has been well in between, the next time is a new alert."""

    def set_in() -> None:
        machine.stick()
        machine.reports_to = trouble == STORE_DOWN

    def end() -> None:
        machine.unstick()
        machine.reports_to = True

    set_in()
    assert [kind for kind, _, _ in machine.run(60)] == ["opened"]
    act = Action("x", machine.alerts[trouble].id, ActionKind.CLOSE, "li", "being seen to", machine.clock.now())
    machine.engine.apply(ActionIn(act))
    assert machine.run(120) == []
    end()
    assert machine.run(20) == []
    set_in()
    assert [kind for kind, _, _ in machine.run(60)] == ["opened"]


def test_a_slow_write_now_and_then_is_no_alert(machine: Machine) -> None:
    """Ten seconds for a batch, and again: each is written in the end."""
    for _ in range(10):
        machine.stick()
        assert machine.run(10) == []
        machine.unstick()
        assert machine.run(4) == []


def test_ingest_that_says_nothing_is_an_alert_of_its_own(machine: Machine) -> None:
    """Dead or hung; and it resolves when it reports. Of the store nobody knows anything meanwhile."""
    machine.reports_to = False
    assert machine.run(60) == [("opened", INGEST_SILENT, 49.0)]
    machine.reports_to = True
    assert [kind for kind, _, _ in machine.run(4)] == ["resolved"]


def test_with_the_store_down_and_ingest_dead_the_store_stays_down(machine: Machine) -> None:
    """Nobody knows better until something is written."""
    machine.stick()
    machine.run(60)
    machine.reports_to = False
    assert [rule for _, rule, _ in machine.run(60)] == [INGEST_SILENT]
    machine.restart_ingest()
    machine.reports_to = True
    assert [(kind, rule) for kind, rule, _ in machine.run(10)] == [("resolved", INGEST_SILENT)]
    assert machine.alerts[STORE_DOWN].condition is Condition.FIRING
    machine.unstick()
    assert [(kind, rule) for kind, rule, _ in machine.run(10)] == [("resolved", STORE_DOWN)]


def test_reports_that_cannot_be_read_make_no_alert(machine: Machine) -> None:
    """The database was away for ten minutes, and the reports are old when it is back: they get a moment to come."""
    machine.reports_to = False
    assert machine.run(600, blind=True) == []
    assert machine.run(5) == []
    machine.reports_to = True
    assert machine.run(60) == []


def test_a_clock_set_forward_an_hour_makes_no_alert(machine: Machine) -> None:
    """The last report looks an hour old for as long as the next one takes."""
    machine.clock.advance(3600)
    machine.reports_to = False
    assert machine.run(2) == []
    machine.reports_to = True
    assert machine.run(120) == []


def test_workers_of_another_number_of_shards_are_forgotten() -> None:
    """Those of the number that reported last count, also where one of them is silent."""
    old = replace(WELL, seen_at=T0 - 10**9)
    new = [replace(WELL, name=f"ingest-{number}-of-2", seen_at=T0 - number) for number in range(2)]
    rules = replace(WELL, name="rules", seen_at=T0 + 5)
    assert ingest_workers([old, *new, rules]) == new
    assert ingest_workers([rules]) == []


@pytest.mark.parametrize("trouble", [STORE_DOWN, INGEST_SILENT])
def test_with_the_shards_changed_meanwhile_another_worker_shows_the_end(machine: Machine, trouble: str) -> None:
    """The one that could not write is no more; that its successor runs is a recovery of silence, not of the store."""
    if trouble == STORE_DOWN:
        machine.stick()
    machine.reports_to = trouble == STORE_DOWN
    assert [kind for kind, _, _ in machine.run(60)] == ["opened"]
    machine.name, machine.reports_to = "ingest-0-of-2", True
    machine.restart_ingest()
    assert [kind for kind, _, _ in machine.run(6)] == ([] if trouble == STORE_DOWN else ["resolved"])
    machine.unstick()
    assert [kind for kind, _, _ in machine.run(6)] == (["resolved"] if trouble == STORE_DOWN else [])


def test_the_rules_of_a_site_do_not_replace_ours() -> None:
    """Whatever folder it has; in order of id, as the engine keeps them."""
    rules = with_platform_rules(catalogue(), 60)
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
    assert len(rules) == len(catalogue()) + 6
    assert with_platform_rules(rules, 60) == rules


def test_names_for_people() -> None:
    """Of what no registry has."""
    assert platform_name(device_of("ingest-2-of-8")) == Text("数据接入 2/8", "ingest 2/8")
    assert platform_name(PLATFORM) is not None
    assert platform_name(SERVER) is not None
    assert platform_name("door") is None


def test_the_worker_looks_and_tells(tmp_path: Path) -> None:
    """From the reports to the row in the database; a kill in between, and a registry change, do not begin it anew."""
    site = Site(tmp_path)
    reports = [WELL]
    site.platform = Platform(lambda: reports, "Asia/Shanghai")
    site.rules = with_platform_rules(catalogue(), 30)
    site.kill()
    site.start()
    for second in range(40):
        if second == 20:
            site.kill()
            site.start()
        site.clock.advance(1)
        now = site.clock.now()
        reports[0] = replace(WELL, seen_at=now, counters={"writes": 5.0, "unwritten_s": float(second)})
        site.step()
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.community) == (STORE_DOWN, PLATFORM)
    reports[0] = replace(WELL, seen_at=site.clock.now(), counters={"writes": 6.0, "unwritten_s": 0.0})
    site.clock.advance(1)
    site.step()
    assert [change.kind for change in site.alerts.changes(alert.id)] == ["opened", "resolved"]
    assert not [topic for topic, _ in site.broker.sent if "/ack/" in topic]


def test_what_the_journal_could_not_take_is_said_again(tmp_path: Path) -> None:
    """The disk is full for both: the journal has room again first, and the store is an alert all the same."""
    site = Site(tmp_path)
    reports = [WELL]
    site.platform = Platform(lambda: reports, "Asia/Shanghai")
    site.rules = with_platform_rules(catalogue(), 30)
    site.kill()
    site.start()
    site.worker.pause.set()
    for second in range(60):
        if second == 5:
            site.disk_is_full()
        if second == 15:
            site.disk_has_room()
        site.clock.advance(1)
        counters = {"writes": 5.0, "unwritten_s": max(0.0, second - 5.0)}
        reports[0] = replace(WELL, seen_at=site.clock.now(), counters=counters)
        site.step()
    assert [alert.rule for alert in site.alerts.find()] == [STORE_DOWN]


@pytest.mark.parametrize("phase", [0, 0.25, 0.5, 0.75])
def test_what_was_only_looked_ahead_at_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: float
) -> None:
    """Ingest dies with the disk full, and there is room again just when that shows: it is journalled then, and an alert."""
    site = Site(tmp_path)
    reports = [WELL]
    site.watch(lambda: reports)
    site.rules = with_platform_rules(catalogue(), 30)
    site.kill()
    site.start()
    site.worker.pause.set()
    seen: list[str] = []
    look = Eye.look

    def spied(*arguments: Any) -> list[Look]:
        found = look(*arguments)
        seen.extend(each.type for each in found)
        return found

    monkeypatch.setattr(Eye, "look", spied)
    for _ in range(20):
        site.clock.advance(0.25)
        reports[0] = replace(WELL, seen_at=site.clock.now())
        site.worker.step(0)
    site.clock.advance(phase)
    site.disk_is_full()
    site.send(site.feed.beat(10))
    while "linli.ingest.silent" not in seen:
        site.clock.advance(0.25)
        site.worker.step(0)
    assert site.alerts.find() == []
    site.journal.room = PLENTY
    for _ in range(160):
        site.clock.advance(0.25)
        site.send(site.feed.beat((site.clock.now() - T0) / SECOND))
    assert [alert.rule for alert in site.alerts.find()] == [INGEST_SILENT]


@pytest.mark.parametrize(("bootid", "sequence"), [("other", 1), ("platform", 10**15)])
def test_nobody_outside_speaks_for_linli_itself(tmp_path: Path, bootid: str, sequence: int) -> None:
    """What comes over the wire in the name of the built-in gateway is refused, and not answered."""
    site = Site(tmp_path)
    site.platform = Platform(lambda: [replace(WELL, seen_at=site.clock.now())], "Asia/Shanghai")
    site.rules = with_platform_rules(catalogue(), 1)
    site.kill()
    site.start()
    for _ in range(3):
        site.clock.advance(1)
        site.step()
    assert device_of("ingest") in site.worker.engine.scope.registry.devices
    now = site.clock.now()
    claimed = Message(
        PLATFORM, PLATFORM, bootid, Lane.URGENT, sequence, sequence, FAILING, device_of("ingest"), now - 5 * SECOND, now
    )
    site.agent.publish(topics.lane_topic(PLATFORM, PLATFORM, Lane.URGENT), encode(claimed))
    site.step()
    assert last_sequence(site.worker.engine) == 0
    assert site.worker.health().counters["dead_letters"] == 1
    assert site.alerts.find() == []
    assert not [topic for topic, _ in site.broker.sent if "/ack/" in topic]


def test_the_built_in_names_cannot_be_registered(tmp_path: Path) -> None:
    """A community of that name would show its people what is for administrators, a device would be taken for a worker."""
    site = Site(tmp_path)
    name = Text("别的", "Other")
    for item in (
        Community(PLATFORM, name, "UTC"),
        Place(SERVER, "c1", "building", name),
        Gateway(PLATFORM, "c1", name),
        Device(device_of("ingest"), "c1", "gw", "door", name, "b1"),
    ):
        with pytest.raises(Refused, match="reserved") as refused, site.database.write() as connection:
            save(connection, [item])
        assert item.id in refused.value.text.zh
    with site.database.write() as connection:
        save(connection, [Community("linli-court", name, "UTC")])
