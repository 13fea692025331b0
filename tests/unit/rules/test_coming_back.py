"""Down for ten minutes, and back: nothing from our own silence, nothing twice, and what passed meanwhile once."""

import dataclasses
from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import delete, insert, select, text

from linli.db import schema
from linli.db.alerts import SqlAlerts
from linli.db.database import Database
from linli.model import Action, ActionKind, Lane
from linli.shards import shards_of
from rules.engine.inputs import MessageIn, Tick
from rules.language.model import Rule
from rules.platform import with_platform_rules
from tests.unit.rules.engine.test_outages import STOPPED, at
from tests.unit.rules.site import Site, act
from tests.unit.rules.world import SITE_RULES

DOWN, BACK = 300, 900
WRITTEN = (schema.alerts, schema.alert_changes, schema.actions, schema.rules_positions)


@pytest.fixture
def watched(site: Site) -> Site:
    """With every rule of silence that there is: of cameras and of gateways."""
    site.rules = with_platform_rules(SITE_RULES, 30)
    site.kill()
    site.start()
    return site


def second_of(site: Site, second: int) -> list[MessageIn]:
    """What the agent takes in one second: heartbeats of both lanes each ten, of two cameras each thirty."""
    found = []
    if second % 10 == 0:
        found += [site.feed.beat(second), site.feed.beat(second, Lane.BULK)]
    if second % 30 == 0:
        found += [site.feed.alive(second, "cam"), site.feed.alive(second, "cam-2")]
    return found


def run(site: Site, first: int, last: int) -> None:
    """The agent sends, the worker works, a step each five seconds."""
    for second in range(first, last, 5):
        at(site, second)
        site.send(*second_of(site, second))


def queued(site: Site) -> None:
    """The agent kept what it took meanwhile, and sends it in order."""
    backlog = [entry for second in range(DOWN, BACK, 10) for entry in second_of(site, second)]
    for start in range(0, len(backlog), 20):
        site.send(*backlog[start : start + 20])


def lost(site: Site) -> None:
    """The agents were down as well, and begin again with what is now."""


def late(site: Site) -> None:
    """It takes the agent half a minute to come back."""
    for _ in range(30):
        site.clock.advance(1)
        site.step()


@pytest.mark.parametrize("came", [queued, lost, late])
def test_ten_minutes_of_our_own_silence_make_no_alert(watched: Site, came: Callable[[Site], None]) -> None:
    """Of no gateway and no device, whatever became of the time between."""
    run(watched, 0, DOWN)
    watched.kill()
    at(watched, BACK)
    watched.start()
    came(watched)
    run(watched, BACK + 40, BACK + 400)
    assert watched.alerts.find() == []
    assert watched.notices == []


def test_who_is_really_silent_is_told_of_once_we_have_listened_long_enough(watched: Site) -> None:
    """The gateway died while we were down: a minute of our own listening, and one alert."""
    run(watched, 0, DOWN)
    watched.kill()
    at(watched, BACK)
    watched.start()
    for second in range(BACK, BACK + 58):
        at(watched, second)
        watched.step()
    assert watched.alerts.find() == []
    for second in range(BACK + 58, BACK + 120):
        at(watched, second)
        watched.step()
    assert [notice.rule for notice in watched.notices] == ["linli-gateway-offline"]


def test_what_came_due_meanwhile_fires_once_and_says_how_old_it_is(watched: Site) -> None:
    """Somebody had been in the lift for 20 s when we went down; after ten minutes the agent sends what it has."""
    run(watched, 0, DOWN - 20)
    watched.send(
        watched.feed.event(DOWN - 20, "lift", STOPPED, {"door_zone": False, "occupied": True}),
    )
    run(watched, DOWN - 20, DOWN)
    watched.kill()
    at(watched, BACK)
    watched.start()
    queued(watched)
    run(watched, BACK, BACK + 60)
    (alert,) = watched.alerts.find()
    assert (alert.rule, alert.subject) == ("lift-entrapment", "lift")
    assert watched.told == ["opened"]
    assert "min" in alert.sentence.en


def reminding(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(
        msgspec.structs.replace(rule, remind=("2m", "4m"), remind_every="3m") if rule.id == "fire-alarm" else rule
        for rule in rules
    )


def test_reminders_that_passed_come_once(watched: Site) -> None:
    """Three or four were due meanwhile: one is told, and the next at its own time."""
    watched.rules = reminding(watched.rules)
    watched.kill()
    watched.start()
    run(watched, 0, DOWN - 60)
    watched.send(watched.feed.event(DOWN - 60, "smoke", "fire.alarm.raised"))
    run(watched, DOWN - 60, DOWN)
    watched.kill()
    at(watched, BACK)
    watched.start()
    queued(watched)
    before = len(watched.told)
    run(watched, BACK, BACK + 30)
    (alert,) = watched.alerts.find()
    kinds = [change.kind for change in watched.alerts.changes(alert.id)]
    assert (kinds, watched.told[before:].count("reminded") <= 1) == (["opened", "reminded"], True)


def test_shelving_that_passed_ends_once(watched: Site) -> None:
    """It was to come back five minutes into the outage: it does as we are back, and after another restart no more."""
    run(watched, 0, 30)
    watched.send(watched.feed.event(30, "door", "access.door.opened"))
    (alert,) = [each for each in watched.alerts.find() if each.rule == "door-forced"]
    until = watched.feed.us(DOWN + 300)
    watched.alerts.add_action(
        Action("act-1", alert.id, ActionKind.SHELVE, "li", "being mended", watched.clock.now(), until)
    )
    run(watched, 30, DOWN)
    watched.kill()
    at(watched, BACK)
    watched.start()
    queued(watched)
    run(watched, BACK, BACK + 10)
    watched.kill()
    watched.start()
    run(watched, BACK + 10, BACK + 20)
    kinds = [change.kind for change in watched.alerts.changes(alert.id)]
    assert kinds == ["opened", "shelved", "unshelved"]


def test_a_restart_tells_nothing_again(watched: Site) -> None:
    """Many alerts are open: whoever is on duty has seen them."""
    run(watched, 0, 20)
    watched.send(*(watched.feed.event(20 + at / 10, "smoke", "fire.alarm.raised") for at in range(40)))
    watched.send(
        watched.feed.event(25, "door", "access.door.opened"), watched.feed.event(25, "smoke-b2", "fire.alarm.raised")
    )
    run(watched, 30, 65)
    told = len(watched.notices)
    assert told > 10
    for end in (watched.kill, watched.stop):
        end()
        watched.start()
        run(watched, 70, 80) if end == watched.kill else run(watched, 80, 90)
    assert len(watched.notices) == told


def test_ticks_of_the_time_between_are_not_made_up(watched: Site) -> None:
    """The journal has one of the moment we are back, and none of the ten minutes."""
    run(watched, 0, 20)
    watched.kill()
    at(watched, BACK)
    watched.start()
    run(watched, BACK, BACK + 5)
    ticks = [entry.now for _, entry in watched.journal.after(0) if isinstance(entry, Tick)]
    assert not [tick for tick in ticks if watched.feed.us(25) < tick < watched.feed.us(BACK - 1)]


def copied(database: Database) -> dict[str, list[dict[str, object]]]:
    """A backup: the rows of each table that rules writes."""
    with database.read() as connection:
        return {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in WRITTEN}


def put_back(database: Database, backup: dict[str, list[dict[str, object]]]) -> None:
    """Make the tables what they were."""
    with database.write() as connection:
        for table in reversed(WRITTEN):
            connection.execute(delete(table))
        for table in WRITTEN:
            if backup[table.name]:
                connection.execute(insert(table), backup[table.name])


@pytest.mark.parametrize("again", [False, True])
def test_a_database_from_a_backup_has_the_alerts_open_that_are(site: Site, again: bool) -> None:
    """One was closed since the backup, and perhaps opened anew: neither stands in the way of the start, nor of what comes."""
    feed = site.feed
    site.send(feed.event(1, "door", "access.door.opened"), feed.event(1, "smoke", "fire.alarm.raised"))
    before = {alert.rule: alert for alert in site.alerts.find()}
    backup = copied(site.database)
    door = before["door-forced"].id
    for number, kind in enumerate((ActionKind.ACKNOWLEDGE, ActionKind.CLOSE)):
        act(site, door, kind, f"act-{number}")
        site.step()
    site.send(feed.event(5, "door", "access.door.closed"))
    if again:
        site.send(feed.event(10, "door", "access.door.opened"))
    wanted = {alert.id for alert in site.alerts.open_alerts()}
    site.stop()
    put_back(site.database, backup)
    site.start()
    assert {alert.id for alert in site.alerts.open_alerts()} == wanted
    assert before["fire-alarm"].id in wanted
    assert [change.kind for change in site.alerts.changes(door)] == ["opened", "closed"]
    site.send(feed.event(20, "door", "access.door.closed"), feed.event(30, "door", "access.door.opened"))
    assert len([alert for alert in site.alerts.open_alerts() if alert.subject == "door"]) == 1


def test_an_older_database_in_which_it_is_another_shards_alert(site: Site) -> None:
    """The device has moved since the backup: what stands open there is not this worker's to replace, nor does it keep it from
    starting."""
    site.send(site.feed.event(1, "door", "access.door.opened"))
    (alert,) = site.alerts.find()
    site.stop()
    ours = next(shard for shard in shards_of(2) if shard.covers("c1"))
    other = next(name for name in ("x1", "x2", "x3", "x4", "x5") if not ours.covers(name))
    with site.database.write() as connection:
        for table in ("alert_changes", "alerts", "rules_positions"):
            connection.execute(text(f"DELETE FROM {table}"))
    site.alerts.restore([dataclasses.replace(alert, id="theirs", community=other)], 0)
    site.alerts = SqlAlerts(site.database, ours)
    site.start()
    assert [alert.id for alert in site.alerts.open_alerts()] == ["theirs"]
