"""The rules worker and a gateway whose clock is wrong."""

import dataclasses

import pytest

from linli.clock import DAY, SECOND
from tests.unit.rules.site import Site


@pytest.mark.parametrize("clock", [90 * SECOND, 400 * 365 * DAY // 2])
def test_a_gateway_whose_clock_is_wrong_still_alarms(site: Site, clock: int) -> None:
    """Never set (1970) its alarms would be history, ahead they would be of next century: the receive time counts."""
    entry = site.feed.event(1, "smoke", "fire.alarm.raised")
    message = dataclasses.replace(entry.message, time=clock, agent_time=clock)
    site.send(dataclasses.replace(entry, message=message))
    (alert,) = site.alerts.find()
    assert (alert.rule, alert.opened_at) == ("fire-alarm", entry.received_at)
