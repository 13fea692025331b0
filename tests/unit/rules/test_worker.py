"""The worker with a broker in memory and a database in a file: acknowledging, writing, telling, coming back."""

import dataclasses
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from linli import topics
from linli.codec import Ack, encode
from linli.errors import DataFolderError
from linli.model import ActionKind, Handling, Lane
from rules.durable.journal import Image, Snapshot
from rules.snapshotting import Often
from rules.start import bring_back
from rules.worker import tick_behind, tick_interval
from tests.unit.rules.site import Site, act

OPENED = "access.door.opened"


def test_an_event_becomes_a_row_a_notice_and_an_acknowledgement(site: Site) -> None:
    """In one step; the acknowledgement is sent before the notice."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.subject, alert.handling) == ("door-forced", "door", Handling.UNACKNOWLEDGED)
    assert site.told == ["opened"]
    assert site.acks[-1] == Ack("boot", Lane.URGENT, 1, site.clock.now())
    order = [topic.split("/")[3] for topic, _ in site.broker.sent if "/ack/" in topic or "/alert/" in topic]
    assert order[-2:] == ["gateway", "alert"]
    assert [change.kind for change in site.alerts.changes(alert.id)] == ["opened"]


def test_repeats_count_once_and_gaps_are_answered(site: Site) -> None:
    """A repeat and a gap each get `upto`; the event behind a gap is taken when it comes again."""
    feed = site.feed
    first, second, third = (feed.event(at, "smoke", "fire.alarm.raised") for at in (1, 2, 3))
    site.send(first)
    site.send(first)
    assert site.acks[-1].upto == 1
    site.send(third)
    assert site.acks[-1].upto == 1
    site.send(second, third)
    assert site.acks[-1].upto == 3
    (alert,) = site.alerts.find()
    assert alert.occurrences == 3
    counters = site.worker.health().counters
    assert (counters["repeats"], counters["gaps"], counters["messages"]) == (1, 1, 3)


def test_what_is_no_message_stops_nothing(site: Site) -> None:
    """Counted, and the lane goes on; ingest keeps the dead letter."""
    topic = topics.lane_topic("c1", "gw", Lane.URGENT)
    for payload in (b"", b"{", b"[]", b"\xff\xfe", b'{"specversion":"1.0"}'):
        site.agent.publish(topic, payload)
    site.send(site.feed.event(1, "nobody", OPENED), site.feed.event(2, "door", OPENED))
    site.step()  # the registry was asked once more for whom it is
    assert site.acks[-1].upto == 2
    assert len(site.alerts.find()) == 1
    assert site.worker.health().counters["dead_letters"] == 6


def test_a_message_that_cannot_be_read_holds_up_no_lane(site: Site) -> None:
    """An agent one version newer: passed over, acknowledged, counted once; what comes after it is judged, killed or not."""
    feed = site.feed
    strange = encode(feed.event(1, "cam", "camera.motion.started").message).replace(
        b'"subject"', b'"later":1,"subject"'
    )
    topic = topics.lane_topic("c1", "gw", Lane.URGENT)
    for _ in range(2):
        site.agent.publish(topic, strange)
        site.step()
        assert site.acks[-1].upto == 1
    site.kill()
    site.start()
    assert site.acks[-1].upto == 1
    site.send(feed.event(2, "smoke", "fire.alarm.raised"))
    assert site.acks[-1].upto == 2
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]


def test_what_cannot_be_read_is_counted_once(site: Site) -> None:
    """Repeats of it are repeats, and behind a gap it is a gap."""
    topic = topics.lane_topic("c1", "gw", Lane.URGENT)
    entries = [site.feed.event(at, "cam", "camera.motion.started") for at in (1, 2, 3)]
    first, _, third = (encode(entry.message).replace(b'"subject"', b'"later":1,"subject"') for entry in entries)
    for payload in (first, first, third):
        site.agent.publish(topic, payload)
    site.step()
    counters = site.worker.health().counters
    assert (counters["dead_letters"], counters["repeats"], counters["gaps"]) == (1, 1, 1)


def test_a_persons_act_is_applied_and_answered(site: Site) -> None:
    """Acknowledged, then closed with the reason; each outcome is written with the change."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    act(site, alert.id, ActionKind.ACKNOWLEDGE)
    site.step()
    assert site.alerts.action_outcome("act-1") == "done"
    act(site, alert.id, ActionKind.CLOSE, "act-2")
    act(site, "a-nothing", ActionKind.CLOSE, "act-3")
    site.step()
    assert [site.alerts.action_outcome(name) for name in ("act-2", "act-3")] == ["done", "not_found"]
    assert site.told == ["opened", "acknowledged", "closed"]
    closed = site.alerts.get(alert.id)
    assert closed is not None
    assert (closed.handling, closed.closed_by, closed.close_reason) == (Handling.CLOSED, "li", "seen to")
    assert site.alerts.pending_actions() == []


def test_a_tick_brings_what_is_due_and_none_comes_while_the_broker_is_away(site: Site) -> None:
    """Disconnected, silence is ours: a door left open in the meantime is not made an alert of."""
    site.send(site.feed.event(0, "door", "access.granted"), site.feed.event(1, "door", OPENED))
    site.client.cut()
    for _ in range(200):
        site.clock.advance(1)
        site.worker.step(0)
    assert site.alerts.find() == []
    assert "broker" in site.worker.health().detail.en
    site.client.restore()
    for _ in range(70):
        site.clock.advance(1)
        site.worker.step(0)
    assert [alert.rule for alert in site.alerts.find()] == ["door-held-open"]


def test_what_settles_does_not_wait_for_the_next_full_second(site: Site) -> None:
    """A door forced is an alert half a second after it was, whenever the next tick would have been."""
    scope = site.worker.engine.scope
    forced = msgspec.structs.replace(scope.rules["door-forced"], settle="500ms")
    site.worker.engine.enter((forced,), scope.registry, ())
    site.send(site.feed.event(1, "door", "access.door.forced"))
    steps = 0
    while not site.alerts.find() and steps < 20:
        site.clock.advance(0.05)
        site.worker.step(0)
        steps += 1
    assert 8 <= steps <= 12


def test_on_connecting_it_says_how_far_every_lane_is(site: Site) -> None:
    """Which wakes agents that wait for an answer."""
    site.send(site.feed.beat(0), site.feed.beat(1, Lane.BULK))
    site.broker.sent.clear()
    site.client.restore()
    site.step()
    assert sorted((ack.lane, ack.upto) for ack in site.acks) == [(Lane.BULK, 1), (Lane.URGENT, 1)]


# --- kills ----------------------------------------------------------------------------------------------------------


def test_a_restart_goes_on_where_it_was(site: Site) -> None:
    """A pending timer survives; positions too, so what comes again is a repeat."""
    feed = site.feed
    opened = [feed.event(0, "door", "access.granted"), feed.event(1, "door", OPENED)]
    site.send(*opened)
    site.kill()
    site.start()
    site.send(*opened)
    assert site.acks[-1].upto == 2
    site.send(feed.beat(32))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.opened_at) == ("door-held-open", feed.us(31))


def test_killed_between_journal_and_database_gives_the_same_alert_once(site: Site) -> None:
    """The effects are found again in the journal; written twice they change nothing."""
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts RENAME TO alerts_away"))
    site.send(site.feed.event(1, "door", OPENED))
    assert site.acks[-1].upto == 1
    assert site.worker.health().state == "degraded"
    ids = [record.alert.id for record in site.worker.engine.book.open.values()]
    site.kill()
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts_away RENAME TO alerts"))
    for _ in range(3):
        site.start()
        site.kill()
    site.start()
    assert [alert.id for alert in site.alerts.find()] == ids
    assert [change.kind for change in site.alerts.changes_after(0)] == ["opened"]
    assert site.told == ["opened"]


def test_while_the_database_is_down_effects_wait_in_order(site: Site) -> None:
    """Messages are journalled and acknowledged meanwhile; all is written when it is back. What is critical is told at once,
    under the id that it has then, and told again once it can be looked up."""
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts RENAME TO alerts_away"))
    site.send(site.feed.event(1, "door", OPENED))
    site.send(site.feed.event(2, "smoke", "fire.alarm.raised"))
    for _ in range(30):
        site.step()
    assert site.acks[-1].upto == 2
    assert site.told == ["opened"]
    (foretold,) = site.notices
    assert site.worker.health().counters["waiting_effects"] == 2
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts_away RENAME TO alerts"))
    site.clock.advance(1)
    site.step()
    assert site.told == ["opened", "opened", "opened"]
    assert foretold.id == site.notices[-1].id
    assert {notice.id for notice in site.notices} == {alert.id for alert in site.alerts.find()}
    site.step()
    assert site.worker.health().state == "ok"


def test_effects_that_the_database_never_takes_hold_up_nothing(site: Site) -> None:
    """Somebody else's row stands in the way of one alert; the others are written, and that one is counted."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    in_the_way = dataclasses.replace(alert, id="a-other", rule="fire-alarm", subject="b1")
    site.alerts.restore([in_the_way], site.alerts.position())
    site.send(site.feed.event(2, "smoke", "fire.alarm.raised"), site.feed.event(3, "door-2", OPENED))
    assert site.worker.health().counters["refused_effects"] == 1
    assert {alert.subject for alert in site.alerts.find()} == {"door", "b1", "door-2"}
    site.kill()
    site.start()
    assert site.worker.health().counters["waiting_effects"] == 0


def test_a_snapshot_nobody_can_read_is_told(site: Site) -> None:
    """Not a wrong start."""
    site.journal.keep(Snapshot(site.journal.position, 0, Image(b'{"version": 99}')))
    with pytest.raises(DataFolderError, match="cannot be read"):
        bring_back(site.journal, site.alerts, None)


def test_with_the_journal_unwritable_nothing_is_taken_or_acknowledged(site: Site) -> None:
    """The agent keeps it, and sends it again; then it counts, once."""
    site.worker.pause.set()
    entry = site.feed.event(1, "door", OPENED)
    site.disk_is_full()
    site.send(entry)
    assert site.acks == []
    assert "journal cannot be written" in site.worker.health().detail.en
    assert site.alerts.find() == []
    site.disk_has_room()
    site.send(entry)
    assert site.acks[-1].upto == 1
    assert [alert.occurrences for alert in site.alerts.find()] == [1]
    assert site.worker.health().state == "ok"


def test_nothing_is_judged_before_the_registry_is_known(site: Site) -> None:
    """The very first journal write fails, or the database cannot be read yet: what comes then is not acknowledged as a
    stranger's, but counted when it comes again."""
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    site.start(full_disk=True)
    entry = site.feed.event(1, "door", OPENED)
    site.send(entry)
    assert site.acks == []
    site.disk_has_room()
    site.send(entry)
    assert site.acks[-1].upto == 1
    assert len(site.alerts.find()) == 1
    assert site.worker.health().counters["dead_letters"] == 0


def test_a_database_that_cannot_be_read_at_the_first_start_loses_nothing(site: Site) -> None:
    """Without any registry nothing is taken; with it the same message counts."""
    site.kill()
    for file in (site.folder / "rules").iterdir():
        file.unlink()
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE registry_version RENAME TO gone"))
    site.start()
    entry = site.feed.event(1, "door", OPENED)
    site.send(entry)
    assert site.acks == []
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO registry_version"))
    site.clock.advance(2)
    site.send(entry)
    assert site.acks[-1].upto == 1
    assert len(site.alerts.find()) == 1


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 1.0), (0.5, 1.0), (10.0, 0.1), (1000.0, 0.05)])
def test_ticks_come_faster_on_a_faster_clock(speed: float, seconds: float) -> None:
    """About one a second of that clock, at most 20 a real second."""
    assert tick_interval(speed) == seconds


@pytest.mark.parametrize(("speed", "behind"), [(1.0, 0), (0.5, 0), (61.0, 60_000_000)])
def test_ticks_stay_behind_a_faster_clock(speed: float, behind: int) -> None:
    """By a real second of it, so that what is on its way comes before the clock stands in; not at all at real time."""
    assert tick_behind(speed) == behind


@pytest.mark.parametrize("limit", [Often(inputs=10), Often(size=4000)])
def test_the_journal_stays_small(tmp_path: Path, limit: Often) -> None:
    """By the number of inputs and by their size, whichever comes first; and what fires goes on over a snapshot."""
    site = Site(tmp_path)
    site.kill()
    site.snapshots = limit
    site.start()
    site.send(site.feed.event(0, "door", "access.door.opened"))
    for second in range(1, 60):
        site.send(site.feed.beat(second))
        assert len(list(site.journal.after((site.journal.snapshot() or Snapshot(0, 0, Image(b""))).position))) < 40
    site.kill()
    site.start()
    assert sorted(alert.rule for alert in site.alerts.find()) == ["door-forced", "door-held-open"]
