"""The rules worker and time: a gateway whose clock is wrong, a database that is slow."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import pytest

from linli import topics
from linli.clock import DAY, SECOND
from linli.codec import encode
from linli.db.alerts import Change, Effects
from linli.testing import ManualClock
from rules.engine.inputs import MessageIn
from rules.inbox import Inbox
from tests.unit.rules.site import Site
from tests.unit.rules.world import T0, Feed


@pytest.mark.parametrize("clock", [90 * SECOND, 400 * 365 * DAY // 2])
def test_a_gateway_whose_clock_is_wrong_still_alarms(site: Site, clock: int) -> None:
    """Never set (1970) its alarms would be history, ahead they would be of next century: the receive time counts."""
    entry = site.feed.event(1, "smoke", "fire.alarm.raised")
    message = dataclasses.replace(entry.message, time=clock, agent_time=clock)
    site.send(dataclasses.replace(entry, message=message))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.opened_at) == ("fire-alarm", entry.received_at)


def closed_during_a_slow_write(site: Site, monkeypatch: pytest.MonkeyPatch, flood: int = 0) -> MessageIn:
    """A door is opened, and closed in time while the database takes 8 s for one write. `flood`: so many others come before that."""
    feed = site.feed
    site.send(feed.event(0, "door", "access.granted"), feed.event(1, "door", "access.door.opened"))
    for at in range(2, 25, 2):
        site.send(feed.beat(at))
    fire = feed.event(25, "smoke", "fire.alarm.raised")
    others = [feed.beat(26 + number / 10, gateway="gw-2") for number in range(flood)]
    closed = feed.event(28, "door", "access.door.closed")
    write = site.alerts.apply

    def slowly(effects: Sequence[Effects]) -> list[Change]:
        monkeypatch.setattr(site.alerts, "apply", write)
        for entry in (*others, closed):
            site.clock.us = entry.received_at
            lane = topics.lane_topic("c1", entry.message.gateway, entry.message.lane)
            site.agent.publish(lane, encode(entry.message))
        site.clock.us = feed.us(33.1)
        return write(effects)

    monkeypatch.setattr(site.alerts, "apply", slowly)
    site.send(fire)
    for _ in range(5):
        site.clock.advance(0.5)
        site.step()
    return closed


def test_time_does_not_pass_what_has_arrived(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed in time is no alert; and time goes on once nothing waits."""
    closed_during_a_slow_write(site, monkeypatch)
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
    assert site.worker.engine.listening.last > site.feed.us(33)


def test_nor_what_was_dropped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """More came than there is room for: it comes again, and until then nobody's silence means anything."""
    monkeypatch.setattr("rules.worker.Inbox", partial(Inbox, 3))
    site.kill()
    site.start()
    closed = closed_during_a_slow_write(site, monkeypatch, flood=5)
    assert site.worker.health().counters["dropped"] > 0
    site.send(closed)
    for _ in range(5):
        site.clock.advance(0.5)
        site.step()
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
    assert site.worker.engine.listening.last > site.feed.us(33)


def test_nor_after_the_clock_was_set_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of our connection lies ahead then."""
    before = site.clock.us
    monkeypatch.setattr(
        ManualClock, "monotonic", lambda clock: (clock.us + max(0, before - T0 + 120 * SECOND)) / SECOND
    )
    site.clock.us -= 120 * SECOND
    site.feed = Feed(origin=site.clock.us + SECOND)
    for _ in range(3):
        site.clock.advance(0.3)
        site.step()
    closed_during_a_slow_write(site, monkeypatch)
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
