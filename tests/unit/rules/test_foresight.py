"""With the disk full: the loop goes on, nothing is acknowledged, critical alerts are told at once and written later."""

from linli.model import Severity
from rules.engine.inputs import RulesIn
from rules.language.load import load_rules
from rules.platform import dressed
from tests.unit.rules.site import Site


def run(site: Site, seconds: float) -> None:
    for _ in range(round(seconds * 4)):
        site.clock.advance(0.25)
        site.worker.step(0)


def test_a_critical_alert_is_told_once_and_written_under_its_id(site: Site) -> None:
    """However often the agent sends it again."""
    site.disk_is_full()
    fire, door = site.feed.event(1, "smoke", "fire.alarm.raised"), site.feed.event(2, "door", "access.door.opened")
    for _ in range(5):
        site.send(fire, door)
        run(site, 2)
    assert site.acks == []
    (told,) = site.notices
    assert (told.rule, told.severity, told.change) == ("fire-alarm", Severity.CRITICAL, "opened")
    assert site.alerts.find() == []
    assert "journal cannot be written" in site.worker.health().detail.en
    assert site.worker.health().counters["unjournalled_s"] > 8
    site.disk_has_room()
    site.send(fire, door)
    assert site.acks[-1].upto == 2
    assert {alert.rule: alert.occurrences for alert in site.alerts.find()} == {"fire-alarm": 1, "door-forced": 1}
    assert told.id in {alert.id for alert in site.alerts.find()}
    assert site.worker.health().state == "ok"
    assert site.worker.health().counters["unjournalled_s"] == 0


def test_what_was_told_is_not_lost_if_it_dies_then(site: Site) -> None:
    """The agent has it, and sends it to the next process."""
    site.disk_is_full()
    fire = site.feed.event(1, "smoke", "fire.alarm.raised")
    site.send(fire)
    (told,) = site.notices
    site.kill()
    site.start()
    assert site.alerts.find() == []
    site.send(fire)
    assert [alert.id for alert in site.alerts.find()] == [told.id]


def test_timers_go_on_meanwhile(site: Site) -> None:
    """Somebody is stuck in the lift, and the disk has been full since the doors closed."""
    feed = site.feed
    site.send(feed.beat(0), feed.event(1, "lift", "facility.lift.stopped", {"door_zone": False, "occupied": True}))
    site.disk_is_full()
    for at in range(5, 75, 5):
        site.send(feed.beat(at))
    assert [(notice.rule, notice.change) for notice in site.notices] == [("lift-entrapment", "opened")]
    assert site.alerts.find() == []


def test_nothing_of_what_was_looked_ahead_at_stays(site: Site) -> None:
    """The end came while nothing could be written, and never again: the engine knows of neither."""
    feed = site.feed
    site.send(feed.beat(0))
    site.disk_is_full()
    site.send(feed.event(1, "smoke", "fire.alarm.raised"))
    assert site.worker.engine.book.open
    site.disk_has_room()
    run(site, 1)
    assert not site.worker.engine.book.open
    assert site.worker.health().state == "ok"


def test_a_disk_that_is_full_of_ones_own_journal_is_told_of(site: Site) -> None:
    """By the rules themselves, from memory; and once there is room it is in the history, with its end."""
    reports = [site.report()]
    site.watch(lambda: reports)
    site.rules = dressed(RulesIn(load_rules()), 5).rules
    site.kill()
    site.start()
    run(site, 3)
    site.disk_is_full()
    for _ in range(20):
        reports[0] = site.report()
        run(site, 1)
    assert [(notice.rule, notice.change) for notice in site.notices] == [("linli-journal-down", "opened")]
    site.disk_has_room()
    for _ in range(3):
        reports[0] = site.report()
        run(site, 1)
    (alert,) = site.alerts.find()
    assert alert.rule == "linli-journal-down"
    assert [change.kind for change in site.alerts.changes(alert.id)] == ["opened", "resolved"]
