"""The worker with a broker in memory and a database in a file: acknowledging, writing, telling, coming back."""

import dataclasses
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from linli import topics
from linli.clock import SECOND
from linli.codec import Ack, decode_ack, decode_notice, encode
from linli.db.alerts import SqlAlerts
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.registry import SqlRegistry, save
from linli.errors import DataFolderError
from linli.model import Action, ActionKind, Consumer, Handling, Lane
from linli.testing import FakeBroker, FakeClient, ManualClock
from rules.effects import Waiting
from rules.engine import Engine, Output
from rules.inputs import ActionIn, Input, MessageIn
from rules.journal import Journal, Snapshot
from rules.load import load_rules
from rules.start import bring_back
from rules.state import dump
from rules.worker import Arrival, Inbox, Outside, Worker, tick_behind, tick_interval
from tests.unit.rules.world import T0, Feed, registry

OPENED = "access.door.opened"


class Site:
    """Broker, database and clock that outlive a worker, and a worker that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database: Database = open_database(f"sqlite:///{folder}/linli.db")
        upgrade(self.database)
        known = registry()
        with self.database.write() as connection:
            save(
                connection,
                [
                    *known.communities.values(),
                    *known.places.values(),
                    *known.gateways.values(),
                    *known.facilities.values(),
                    *known.devices.values(),
                ],
            )
        self.alerts = SqlAlerts(self.database)
        self.broker = FakeBroker()
        self.clock = ManualClock(T0)
        self.feed = Feed()
        self.agent = self.broker.client()
        self.agent.start(lambda _topic, _payload, _retained: None, lambda: None, lambda _reason: None)
        self.start()

    def start(self) -> None:
        """A new process."""
        self.journal = Journal(self.folder / "rules")
        engine, waiting = bring_back(self.journal, self.alerts, load_rules())
        self.client: FakeClient = self.broker.client()
        outside = Outside(self.client, self.alerts, SqlRegistry(self.database), self.journal, self.clock)
        self.worker = Worker(outside, engine, waiting)
        self.worker.connect()
        self.worker.step(0)

    def kill(self) -> None:
        """End it without a word: nothing is written that was not written before."""
        self.client.stop()
        self.journal.close()

    def send(self, *entries: MessageIn) -> None:
        """The agent sends; the worker does one step."""
        for entry in entries:
            self.clock.us = max(self.clock.us, entry.received_at)
            message = entry.message
            topic = topics.lane_topic(message.community, message.gateway, message.lane)
            self.agent.publish(topic, encode(message))
        self.step()

    def step(self) -> None:
        """One step of the worker, a moment later."""
        self.clock.advance(0.06)
        self.worker.step(0)

    @property
    def acks(self) -> list[Ack]:
        """What the agent was answered, in order."""
        mine = topics.ack_topic("c1", "gw", Consumer.RULES)
        return [decode_ack(payload) for topic, payload in self.broker.sent if topic == mine]

    @property
    def told(self) -> list[str]:
        """The notices' changes, in order."""
        return [decode_notice(payload).change for topic, payload in self.broker.sent if "/alert/" in topic]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with a running worker."""
    here = Site(tmp_path)
    yield here
    here.kill()
    here.database.close()


def test_an_event_becomes_a_row_a_notice_and_an_acknowledgement(site: Site) -> None:
    """In one step; the acknowledgement is sent before the notice."""
    site.send(site.feed.event(1, "door", OPENED))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.subject, alert.handling) == ("door-forced", "door", Handling.UNACKNOWLEDGED)
    assert site.told == ["opened"]
    assert site.acks[-1] == Ack("boot", Lane.URGENT, 1)
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


def act(site: Site, alert: str, kind: ActionKind, name: str = "act-1") -> None:
    site.alerts.add_action(Action(name, alert, kind, "li", "seen to", site.clock.now()))


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
    with sqlite3.connect(site.journal.file) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    for second in range(67, 74):
        at(site, second)
        site.step()
    other.execute("DROP TRIGGER full")
    other.close()
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
    """Messages are journalled and acknowledged meanwhile; all is written when it is back."""
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts RENAME TO alerts_away"))
    site.send(site.feed.event(1, "door", OPENED))
    site.send(site.feed.event(2, "smoke", "fire.alarm.raised"))
    assert site.told == []
    assert site.worker.health().counters["waiting_effects"] == 2
    with site.database.write() as connection:
        connection.execute(text("ALTER TABLE alerts_away RENAME TO alerts"))
    site.clock.advance(1)
    site.step()
    assert site.told == ["opened", "opened"]
    site.step()
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
    journal.keep(Snapshot(site.alerts.position(), 0, dump(Engine())))
    journal.close()
    site.start()
    assert [record.alert for record in site.worker.engine.book.open.values()] == [alert]


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


def test_a_snapshot_nobody_can_read_is_told(site: Site) -> None:
    """Not a wrong start."""
    site.journal.keep(Snapshot(site.journal.position, 0, b'{"version": 99}'))
    with pytest.raises(DataFolderError, match="cannot be read"):
        bring_back(site.journal, site.alerts, load_rules())


def test_with_the_journal_unwritable_nothing_is_taken_or_acknowledged(site: Site) -> None:
    """The agent keeps it, and sends it again; then it counts, once."""
    site.worker.pause.set()
    entry = site.feed.event(1, "door", OPENED)
    with sqlite3.connect(site.journal.file) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    site.send(entry)
    assert site.acks == []
    assert "journal cannot be written" in site.worker.health().detail.en
    assert site.alerts.find() == []
    other.execute("DROP TRIGGER full")
    other.close()
    site.send(entry)
    assert site.acks[-1].upto == 1
    assert [alert.occurrences for alert in site.alerts.find()] == [1]
    assert site.worker.health().state == "ok"


class Faulty(Engine):
    """An engine that cannot take acts."""

    def apply(self, entry: Input) -> list[Output]:
        """Raise for an act."""
        if isinstance(entry, ActionIn):
            raise ZeroDivisionError("a fault of ours")
        return super().apply(entry)


def test_an_input_that_raises_is_skipped_and_counted(site: Site) -> None:
    """It is logged and passed over; what comes with it and after it is applied and acknowledged."""
    outside = Outside(site.client, site.alerts, SqlRegistry(site.database), site.journal, site.clock)
    site.worker = Worker(outside, Faulty(), Waiting())
    site.worker.connect()
    act(site, "a-nothing", ActionKind.CLOSE)
    site.send(site.feed.beat(1))
    assert site.worker.health().counters["failed_inputs"] == 1
    assert site.acks[-1].upto == 1
    assert site.alerts.action_outcome("act-1") == "failed"


def test_the_inbox_is_bounded_and_counts_what_it_drops() -> None:
    """Dropped messages come again: they were not acknowledged."""
    inbox = Inbox(2)
    arrivals = [Arrival("topic", b"", number) for number in range(5)]
    for arrival in arrivals:
        inbox.put(arrival)
    assert (inbox.take(0), inbox.dropped) == (arrivals[:2], 3)


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 1.0), (0.5, 1.0), (10.0, 0.1), (1000.0, 0.05)])
def test_ticks_come_faster_on_a_faster_clock(speed: float, seconds: float) -> None:
    """About one a second of that clock, at most 20 a real second."""
    assert tick_interval(speed) == seconds


@pytest.mark.parametrize(("speed", "behind"), [(1.0, 0), (0.5, 0), (61.0, 60_000_000)])
def test_ticks_stay_behind_a_faster_clock(speed: float, behind: int) -> None:
    """By a real second of it, so that what is on its way comes before the clock stands in; not at all at real time."""
    assert tick_behind(speed) == behind
