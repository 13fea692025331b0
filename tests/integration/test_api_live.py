"""The hub: what one looker-on does must not touch the others."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import OperationalError

from api.alerts import live as live_module
from api.alerts.live import QUEUE, Resync, Subscription
from api.views import AlertChange
from linli.db import schema
from linli.db.alerts import Change, Effects
from linli.db.people import Changes, Person
from linli.model import Alert, Role
from linli.roles import Operation
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, World, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("live"), url) as running:
        yield running


def ids(taken: list[AlertChange | Resync]) -> list[str]:
    return [change.view.alert.id for change in taken if isinstance(change, AlertChange)]


def subscribe(world: World, name: str) -> Subscription:
    return world.services.live.subscribe(world.services.people.get(name), lambda: None)


def test_each_hears_what_they_may(world: World) -> None:
    """One change, three people."""
    guard, root = subscribe(world, f"{HOME}-security"), subscribe(world, "root")
    other = subscribe(world, f"{FOREIGN}-security")
    world.change(make_alert(HOME, 300, world.clock.now()))
    eventually(lambda: bool(root._queue) and bool(guard._queue))
    assert ids(root.take()) == ids(guard.take()) == [f"a{HOME}0300"]
    assert other.take() == []
    for subscription in (guard, root, other):
        world.services.live.unsubscribe(subscription)


def test_a_slow_reader_loses_its_queue_and_is_told(world: World) -> None:
    """One Resync in place of what did not fit; then it goes on as before, and memory stays bounded."""
    slow = subscribe(world, "root")
    world.change(make_alert(HOME, 310, world.clock.now()))
    eventually(lambda: bool(slow._queue))
    change = slow.take()[0]
    assert isinstance(change, AlertChange)
    for _ in range(QUEUE + 1):
        slow.offer(change)
    taken = slow.take()
    assert len(taken) == 1
    assert isinstance(taken[0], Resync)
    slow.offer(change)
    assert slow.take() == [change]
    world.services.live.unsubscribe(slow)


def test_a_reader_that_raises_harms_nobody_else(world: World) -> None:
    """It is ended; the others hear on."""

    def broken() -> None:
        raise RuntimeError("a page that is gone")

    bad = world.services.live.subscribe(world.services.people.get("root"), broken)
    good = subscribe(world, "root")
    world.change(make_alert(HOME, 320, world.clock.now()))
    eventually(lambda: f"a{HOME}0320" in ids(good.take()))
    assert bad.ended
    for subscription in (bad, good):
        world.services.live.unsubscribe(subscription)


def test_people_are_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was disabled is cut off; who lost a community no longer hears of it."""
    monkeypatch.setattr(live_module, "RECHECK_S", 0.0)
    people = world.services.people
    gone, _ = people.add("gone", Role.SECURITY, [HOME])
    wide, _ = people.add("wide", Role.SECURITY, [HOME])
    stale = Person(wide.id, wide.name, wide.display_name, wide.role, frozenset((HOME, FOREIGN)))
    first, second = (world.services.live.subscribe(person, lambda: None) for person in (gone, stale))
    people.set_enabled("gone", False)
    world.services.live.nudge()
    eventually(lambda: first.ended and second.person.communities == frozenset((HOME,)))
    assert not second.ended
    for subscription in (first, second):
        world.services.live.unsubscribe(subscription)


def test_a_tokens_limits_last_as_long_as_its_stream(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """People are read again while it is open: it does not widen to all that its owner sees and may."""
    monkeypatch.setattr(live_module, "RECHECK_S", 0.0)
    people = world.services.people
    owner, _ = people.add("hub", Role.INTEGRATOR, [HOME, FOREIGN])
    secret = people.tokens.make(owner, "x", operations=[Operation.SEE], communities=[HOME])[1]
    limited = people.by_token(secret)
    assert limited is not None
    subscription = world.services.live.subscribe(limited, lambda: None)
    people.change("hub", Changes(display_name="Another name"))
    world.services.live.nudge()
    eventually(lambda: subscription.person.display_name == "Another name")
    assert subscription.person.communities == frozenset((HOME,))
    assert subscription.person.operations == {Operation.SEE}
    world.services.live.unsubscribe(subscription)


def test_changes_as_an_async_iterator(world: World) -> None:
    """What the console uses."""

    async def first() -> AlertChange | Resync:
        async with aclosing(world.services.live.changes(world.services.people.get("root"))) as changes:
            reading = asyncio.ensure_future(anext(changes))
            while world.services.live.streams == 0:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(world.change, make_alert(HOME, 330, world.clock.now()))
            return await asyncio.wait_for(reading, 5)

    change = asyncio.run(first())
    assert isinstance(change, AlertChange)
    assert change.view.alert.id == f"a{HOME}0330"
    assert world.services.live.streams == 0


def test_the_hub_outlives_what_it_did_not_expect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of any kind ends one round, not the thread: what happens afterwards is told, and nothing twice."""
    live, root = world.services.live, subscribe(world, "root")
    failed = threading.Event()

    def failing() -> None:
        failed.set()
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(live, "_recheck", failing)
        world.change(make_alert(HOME, 340, world.clock.now()))
        assert failed.wait(5)
    eventually(lambda: bool(root._queue))
    world.change(make_alert(HOME, 341, world.clock.now()))
    eventually(lambda: len(root._queue) == 2)
    assert ids(root.take()) == [f"a{HOME}0340", f"a{HOME}0341"]
    assert live.alive
    live.unsubscribe(root)


def test_a_change_that_cannot_be_shown_is_left_out(world: World) -> None:
    """One alert that cannot be read, one change with a word that nobody knows: the others are told, and the hub is well."""
    root, odd = subscribe(world, "root"), f"a{HOME}0001"
    alerts, changes = schema.alerts, schema.alert_changes
    with world.database.write() as connection:
        connection.execute(update(alerts).where(alerts.c.id == odd).values(condition="odd"))
        row = {"alert_id": odd, "community_id": HOME, "at": 1, "kind": "opened", "handling": "closed"}
        for severity in ("high", "cosmic", "high"):
            connection.execute(insert(changes).values(**row, severity=severity))
    world.change(make_alert(HOME, 353, world.clock.now()))
    eventually(lambda: f"a{HOME}0353" in ids(root.take()))
    with world.database.write() as connection:
        connection.execute(update(alerts).where(alerts.c.id == odd).values(condition="firing"))
        connection.execute(delete(changes).where(changes.c.severity == "cosmic"))
    assert world.services.live.alive
    world.services.live.unsubscribe(root)


def test_a_hub_whose_rounds_fail_is_part_of_the_apis_health(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no round has succeeded for a while the API says so, in words; and again when it is well."""
    live = world.services.live
    with monkeypatch.context() as patched:
        patched.setattr(live_module, "ALIVE_S", 0.0)
        assert not live.alive
        health = world.services.health()
        assert "api" in health.ailing
        assert any("live feed has stopped" in reason.en for reason in health.reasons)
    eventually(lambda: live.alive)
    assert world.services.own_troubles() == {}


def test_a_batch_that_broke_off_is_not_told_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that fails in the middle of a batch: what was told before is not told again."""
    live, root = world.services.live, subscribe(world, "root")
    real, broken = live._alerts.get, [True]

    def failing(alert: str) -> Alert | None:
        if alert.endswith("0361") and broken.pop():
            broken.append(False)
            raise OperationalError("select", {}, Exception("disk"))
        return real(alert)

    with monkeypatch.context() as patched:
        patched.setattr(live._alerts, "get", failing)
        patched.setattr(world.broker, "clients", [])
        now = world.clock.now()
        with world.lock:
            changes = tuple(Change(make_alert(HOME, number, now), "opened", now) for number in (360, 361, 362))
            world.position += 1
            world.alerts.apply([Effects(world.position, changes)])
        eventually(lambda: len(root._queue) >= 3)
    assert ids(root.take()) == [f"a{HOME}0360", f"a{HOME}0361", f"a{HOME}0362"]
    live.unsubscribe(root)
