"""The worker's own outages: killed, cut off, deaf, or with a journal or a database from another day."""

import dataclasses
import shutil
from collections.abc import Callable

import pytest
from sqlalchemy import text

from linli.clock import SECOND
from linli.model import ActionKind, Handling
from rules.durable.journal import Journal, Snapshot
from rules.durable.state import image
from rules.engine.inputs import MessageIn
from rules.engine.machine import Engine
from tests.unit.rules.site import Site, act
from tests.unit.rules.world import T0

OPENED = "access.door.opened"
STOPPED, RELEASED = "facility.lift.stopped", "facility.lift.released"


def at(site: Site, second: float) -> None:
    """The clock comes to that second, and a tick is due."""
    site.clock.advance((T0 - site.clock.us) / SECOND + second)


def lift_stands_from_12_to_68(site: Site) -> MessageIn:
    """With all messages up to second 60 here; the release, which the agent takes at 68, is returned."""
    for second in (0, 10):
        site.send(site.feed.beat(second))
    site.send(site.feed.event(12, "lift", STOPPED, {"door_zone": False, "occupied": True}))
    for second in (20, 30, 40, 50, 60):
        site.send(site.feed.beat(second))
    return site.feed.event(68, "lift", RELEASED, received=74.4)


def restart(site: Site) -> None:
    """Killed, and back seven seconds later."""
    at(site, 67)
    site.kill()
    at(site, 74)
    site.start()


def lose_the_broker(site: Site) -> None:
    """The connection is lost, and back seven seconds later."""
    at(site, 67)
    site.client.cut()
    site.step()
    at(site, 74)
    site.client.restore()


def fill_the_disk(site: Site) -> None:
    """The journal takes nothing for seven seconds."""
    at(site, 67)
    site.worker.pause.set()
    site.disk_is_full()
    for second in range(67, 74):
        at(site, second)
        site.step()
    site.disk_has_room()
    at(site, 74)


@pytest.mark.parametrize("outage", [restart, lose_the_broker, fill_the_disk])
def test_our_own_outage_makes_no_alert(site: Site, outage: Callable[[Site], None]) -> None:
    """The lift was released after 56 s, and that waits with the agent: the clock does not run on before it has sent again."""
    released = lift_stands_from_12_to_68(site)
    outage(site)
    site.step()
    at(site, 74.3)
    site.step()
    site.send(released, site.feed.beat(80))
    for second in range(80, 200):
        at(site, second)
        site.step()
    assert site.alerts.find() == []


@pytest.mark.parametrize("outage", [restart, lose_the_broker, fill_the_disk])
def test_after_an_outage_of_ours_a_gateway_that_stays_away_is_judged_silent(
    site: Site, outage: Callable[[Site], None]
) -> None:
    """A minute of listening without a word, and what stands in the lift is told."""
    lift_stands_from_12_to_68(site)
    outage(site)
    for second in range(75, 134):
        at(site, second)
        site.step()
    assert site.alerts.find() == []
    at(site, 136)
    site.step()
    assert [alert.rule for alert in site.alerts.find()] == ["lift-entrapment"]


def test_a_worker_that_may_not_listen_is_not_well(site: Site) -> None:
    """A broker that refuses a subscription leaves it deaf: health names the topic, and that silence is nobody else's."""
    lift_stands_from_12_to_68(site)
    site.broker.refusing.add("linli/v1/+/gateway/+/urgent")
    site.client.restore()
    for second in range(62, 200):
        at(site, second)
        site.step()
    assert site.worker.health().state == "degraded"
    assert "linli/v1/+/gateway/+/urgent" in site.worker.health().detail.en
    assert site.alerts.find() == []
    site.broker.refusing.clear()
    site.client.restore()
    assert site.worker.health().state == "ok"


def test_a_lost_journal_takes_over_the_open_alerts(site: Site) -> None:
    """No second alert beside the open one, and acts on it work; positions go on above the database's."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    site.start()
    act(site, alert.id, ActionKind.ACKNOWLEDGE)
    site.step()
    entry = site.feed.event(5, "door", "access.door.forced")
    site.send(dataclasses.replace(entry, message=dataclasses.replace(entry.message, oldest=2)))
    after = site.alerts.get(alert.id)
    assert after is not None
    assert (after.handling, after.occurrences) == (Handling.ACKNOWLEDGED, 2)
    site.kill()
    site.start()
    assert len(site.alerts.find()) == 1


def test_killed_while_taking_over_it_takes_over_at_the_next_start(site: Site) -> None:
    """The new journal has begun, the open alerts are not in it yet."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    journal = Journal(site.folder / "rules")
    journal.keep(Snapshot(site.alerts.position(), 0, image(Engine())))
    journal.close()
    site.start()
    assert [record.alert for record in site.worker.engine.book.open.values()] == [alert]


def test_a_database_from_a_backup_gets_the_open_alerts_back(site: Site) -> None:
    """Older than the journal's snapshot: the engine's open alerts are written again."""
    site.send(site.feed.event(1, "door", OPENED))
    site.worker.snapshot_now()
    site.kill()
    with site.database.write() as connection:
        for table in ("alert_changes", "alerts", "rules_positions"):
            connection.execute(text(f"DELETE FROM {table}"))
    site.start()
    assert [alert.rule for alert in site.alerts.find()] == ["door-forced"]


def brought_back(site: Site, *meanwhile: MessageIn) -> None:
    """The journal's folder is copied, then comes what comes, and the copy is put back."""
    site.kill()
    shutil.copytree(site.folder / "rules", site.folder / "copy")
    site.start()
    site.send(*meanwhile)
    act(site, site.alerts.find()[-1].id, ActionKind.CLOSE, "act-closed")
    site.step()
    site.kill()
    shutil.rmtree(site.folder / "rules")
    shutil.copytree(site.folder / "copy", site.folder / "rules")
    site.start()


def test_a_journal_from_a_copy_loses_no_alert(site: Site) -> None:
    """Older than the database: what comes next is above the database's position, written and told, also after a kill."""
    feed = site.feed
    site.send(feed.event(1, "door", OPENED))
    brought_back(site, *(feed.event(at, "door-2", OPENED if at % 2 else "access.door.closed") for at in range(3, 40)))
    assert site.journal.position >= site.alerts.position()
    entry = feed.event(50, "smoke", "fire.alarm.raised")
    site.send(dataclasses.replace(entry, message=dataclasses.replace(entry.message, oldest=entry.message.sequence)))
    assert "fire-alarm" in {alert.rule for alert in site.alerts.open_alerts()}
    site.kill()
    site.start()
    assert site.alerts.position() <= site.journal.position
    assert "fire-alarm" in {record.alert.rule for record in site.worker.engine.book.open.values()}


def test_a_journal_from_a_copy_believes_the_database(site: Site) -> None:
    """Closed by a person since: closed. Opened since: taken over. Nowhere in the database: written again."""
    feed = site.feed
    site.send(feed.event(1, "door", OPENED))
    (first,) = site.alerts.find()
    site.send(feed.event(2, "lift", "facility.lift.moving"), feed.event(3, "cam", "camera.motion.started"))
    brought_back(site, feed.event(4, "smoke", "fire.alarm.raised"), feed.event(5, "door-2", OPENED))
    rows = {alert.id: alert for alert in site.alerts.find()}
    known = {record.alert.id: record.alert for record in site.worker.engine.book.open.values()}
    assert known == {alert.id: alert for alert in rows.values() if alert.handling is not Handling.CLOSED}
    assert len(rows) == 3
    assert first.id not in known
    with site.database.write() as connection:
        for table in ("alert_changes", "alerts"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE rules_positions SET position = position + 1000"))
    site.kill()
    site.start()
    assert {alert.id for alert in site.alerts.find()} == set(known)
