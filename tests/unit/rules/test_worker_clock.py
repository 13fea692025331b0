"""The rules worker and time: a gateway whose clock is wrong, a database that is slow."""

import dataclasses
from collections.abc import Sequence

import pytest

from linli import topics
from linli.clock import DAY, SECOND
from linli.codec import encode
from linli.db.alerts import Change, Effects
from tests.unit.rules.site import Site


@pytest.mark.parametrize("clock", [90 * SECOND, 400 * 365 * DAY // 2])
def test_a_gateway_whose_clock_is_wrong_still_alarms(site: Site, clock: int) -> None:
    """Never set (1970) its alarms would be history, ahead they would be of next century: the receive time counts."""
    entry = site.feed.event(1, "smoke", "fire.alarm.raised")
    message = dataclasses.replace(entry.message, time=clock, agent_time=clock)
    site.send(dataclasses.replace(entry, message=message))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.opened_at) == ("fire-alarm", entry.received_at)


def test_time_does_not_pass_what_has_arrived(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database takes 8 s for one write, and meanwhile the door is closed in time: that is no alert."""
    feed = site.feed
    site.send(feed.event(0, "door", "access.granted"), feed.event(1, "door", "access.door.opened"))
    for at in range(2, 25, 2):
        site.send(feed.beat(at))
    fire, closed = feed.event(25, "smoke", "fire.alarm.raised"), feed.event(28, "door", "access.door.closed")
    write = site.alerts.apply

    def slowly(effects: Sequence[Effects]) -> list[Change]:
        monkeypatch.setattr(site.alerts, "apply", write)
        site.clock.us = closed.received_at
        site.agent.publish(topics.lane_topic("c1", "gw", closed.message.lane), encode(closed.message))
        site.clock.us = feed.us(33.1)
        return write(effects)

    monkeypatch.setattr(site.alerts, "apply", slowly)
    site.send(fire)
    for _ in range(5):
        site.clock.advance(0.5)
        site.step()
    assert [alert.rule for alert in site.alerts.find()] == ["fire-alarm"]
    assert site.worker.engine.listening.last > feed.us(33), "and goes on once nothing waits"
