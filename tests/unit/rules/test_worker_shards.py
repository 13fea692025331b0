"""A worker of one shard among several: what it hears, whose acts it applies, which registry it knows."""

from pathlib import Path

import pytest

from linli.db.database import Database
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Action, ActionKind, Community
from linli.shards import Shard, shards_of
from tests.unit.rules.durable.test_reshard import COMMUNITIES, District, moved
from tests.unit.rules.world import T0


@pytest.fixture
def three(tmp_path: Path, database: Database) -> District:
    """Three shards of one district."""
    return District(tmp_path, database, 3)


def test_each_hears_its_communities_and_nothing_else(three: District) -> None:
    """The broker sends no worker what another one takes, and each message is acknowledged once."""
    for community, feed in three.feeds.items():
        three.send(community, feed.event(1, "door", "access.door.opened"))
    for (worker, _), shard in zip(three.workers, shards_of(3), strict=True):
        counters = worker.health().counters
        assert counters["messages"] == sum(map(shard.covers, COMMUNITIES))
        assert set(worker.engine.scope.registry.communities) == set(filter(shard.covers, COMMUNITIES))
        assert not counters["dead_letters"]
    acknowledged = [topic for topic, _ in three.broker.sent if "/ack/" in topic]
    assert len(acknowledged) == len(COMMUNITIES)


def test_an_act_is_applied_by_the_shard_of_its_alert(three: District) -> None:
    """Once, also where another shard's worker is away; on an alert that there is not, one worker says so."""
    for community, feed in three.feeds.items():
        three.send(community, feed.event(1, "door", "access.door.opened"))
    for alert in three.alerts.find():
        three.alerts.add_action(Action(f"x-{alert.community}", alert.id, ActionKind.CLOSE, "li", "seen", T0))
    three.alerts.add_action(Action("x-nothing", "a-nothing", ActionKind.CLOSE, "li", "seen", T0))
    three.step()
    outcomes = [three.alerts.action_outcome(f"x-{community}") for community in (*COMMUNITIES, "nothing")]
    assert outcomes == ["done"] * len(COMMUNITIES) + ["not_found"]
    assert all(kinds == ["opened", "closed"] for kinds in three.kinds.values())


def test_acts_that_wait_for_another_shard_hold_up_none(three: District) -> None:
    """However many there are: their worker may be down for long."""
    for community, feed in three.feeds.items():
        three.send(community, feed.event(1, "door", "access.door.opened"))
    shard = Shard(0, 3)
    alerts = sorted(three.alerts.find(), key=lambda alert: shard.covers(alert.community))
    assert shard.covers(alerts[-1].community)
    for number in range(600):
        three.alerts.add_action(Action(f"y-{number}", alerts[0].id, ActionKind.ACKNOWLEDGE, "li", "", T0))
    three.alerts.add_action(Action("mine", alerts[-1].id, ActionKind.ACKNOWLEDGE, "li", "", T0))
    three.clock.advance(1)
    three.workers[0][0].step(0)
    assert three.alerts.action_outcome("mine") == "done"
    assert three.alerts.action_outcome("y-0") is None


def test_a_community_registered_meanwhile_is_heard(three: District) -> None:
    """By the worker of its shard, within its next look at the registry."""
    fresh = "c77"
    feed = three.feeds["c1"]
    with three.database.write() as connection:
        save(connection, [Community(fresh, Text("新", "New"))])
    three.clock.advance(2)
    three.step()
    three.send(fresh, feed.beat(5))
    three.step()  # its gateway is nobody's: the registry was asked once more
    heard = [worker.health().counters["messages"] for worker, _ in three.workers]
    assert heard == [int(shard.covers(fresh)) for shard in shards_of(3)]
    assert moved(feed.beat(6).message, fresh).gateway == "gw-c77"


def test_alerts_of_others_are_not_taken_over(three: District) -> None:
    """A worker whose journal was lost adopts what is open in its own communities alone."""
    for community, feed in three.feeds.items():
        three.send(community, feed.event(1, "door", "access.door.opened"))
    three.kill()
    for shard in shards_of(3):
        for file in shard.folder(three.folder.rules).iterdir():
            file.unlink()
    three.start(3)
    for (worker, _), shard in zip(three.workers, shards_of(3), strict=True):
        known = {record.alert.community for record in worker.engine.book.open.values()}
        assert known == set(filter(shard.covers, COMMUNITIES))
