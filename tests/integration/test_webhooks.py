"""Webhooks end to end, on both databases: what arrives where, in what order, and after what went wrong."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import IO, Self

import pytest
from sqlalchemy import select, update
from standardwebhooks.webhooks import Webhook as Verifier

from api.webhooks import sending as webhook_sending
from api.webhooks.service import Wish
from linli.clock import DAY, HOUR, SECOND
from linli.db import schema
from linli.db.database import Database
from linli.errors import Conflict, NotAllowed, NotFound, Outdated, Refused
from linli.model import Role, Severity
from linli.webhooks import FAILING_FOR, GRACE, Ended, Filter, Outcome
from tests.integration.api_world import FOREIGN, HOME, make_alert
from tests.integration.receivers import Receiver, receiving, talking
from tests.integration.webhook_world import HookWorld, build, sending_world
from tests.support import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[HookWorld]:
    with sending_world(database, tmp_path / "secrets") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def numbers(receiver: Receiver) -> list[int]:
    """The numbers of the alerts that came, in order."""
    return [int(request.document["data"]["alert"]["id"][-4:]) for request in receiver.requests]


def test_what_happens_arrives_signed_and_in_order(world: HookWorld, receiver: Receiver) -> None:
    """As the Standard has it: type, timestamp, data; and the log says so."""
    owner = world.person("caller")
    world.alerts(range(1, 3))
    hook, secret = world.service.add(owner, Wish("ours", receiver.url, Filter()))
    world.alerts(range(3, 23))
    world.close(3)
    eventually(lambda: len(receiver.requests) == 21, what="all from its making on arrive")
    assert numbers(receiver) == [*range(3, 23), 3]
    first, last = receiver.requests[0], receiver.requests[-1]
    for request in receiver.requests:
        assert Verifier(secret).verify(request.body, request.headers) == request.document
    assert first.document["type"] == "alert.opened"
    assert last.document["type"] == "alert.closed"
    assert first.document["data"]["alert"]["title"]["en"] == f"{HOME} door forced"
    assert first.document["data"]["at"] == first.document["timestamp"]
    eventually(lambda: world.up_to_date(hook))
    log = world.service.deliveries(owner, hook.id, 100).items
    assert [line.message for line in reversed(log)] == [request.headers["webhook-id"] for request in receiver.requests]
    assert {(line.outcome, line.status, line.origin, line.next_try_at) for line in log} == {
        (Outcome.DELIVERED, 204, "live", None)
    }
    assert all(0 < line.duration_us < 10 * SECOND for line in log)


def test_a_filter_leaves_the_rest_out(world: HookWorld, receiver: Receiver) -> None:
    """Community, severity, rule and kind."""
    owner = world.person("district", Role.DISTRICT_COMMAND)
    wanted = Filter(
        frozenset({HOME}),
        frozenset({Severity.CRITICAL, Severity.HIGH}),
        frozenset({"door-forced-5"}),
        frozenset({"opened"}),
    )
    hook, _ = world.service.add(owner, Wish("narrow", receiver.url, wanted))
    world.alerts(range(4, 7))
    world.alerts(range(4, 7), FOREIGN)
    world.close(5)
    world.change(make_alert(HOME, 5, world.clock.now() + 1, Severity.LOW))
    world.alerts(range(5, 6))
    eventually(lambda: len(receiver.requests) == 2)
    assert numbers(receiver) == [5, 5]
    assert world.service.deliveries(owner, hook.id, 100).following is None


def test_it_tells_nobody_what_its_owner_does_not_see(world: HookWorld, receiver: Receiver) -> None:
    """Not by asking for another community, and not any more once they belong there no longer."""
    owner = world.person("caller", Role.INTEGRATOR, HOME, FOREIGN)
    hook = world.hook(owner, receiver.url)
    world.alerts(range(1, 2), FOREIGN)
    eventually(lambda: len(receiver.requests) == 1)
    world.people.set_communities("caller", [HOME])
    world.alerts(range(2, 5), FOREIGN)
    world.alerts(range(9, 10), HOME)
    eventually(lambda: len(receiver.requests) == 2)
    assert "zzforeign" not in receiver.requests[1].body.decode()
    eventually(lambda: world.up_to_date(hook))
    narrowed = world.people.get("caller")
    with pytest.raises(Refused, match="community"):
        world.service.add(narrowed, Wish("x", receiver.url, Filter(communities=frozenset({FOREIGN}))))


def test_a_token_that_is_limited_lends_no_wider_sight(world: HookWorld, receiver: Receiver) -> None:
    """What it made tells of the communities that it reached, whatever its owner sees; a new name lifts no limit."""
    owner = world.person("caller", Role.INTEGRATOR, HOME, FOREIGN)
    token = replace(owner, communities=frozenset({HOME}))
    hook, _ = world.service.add(token, Wish("limited", receiver.url, Filter()))
    renamed = world.service.change(owner, hook.id, hook.version, Wish("renamed", receiver.url, Filter()))
    assert renamed.within == frozenset({HOME})
    world.alerts(range(1, 4), FOREIGN)
    world.alerts(range(7, 8), HOME)
    eventually(lambda: len(receiver.requests) == 1)
    assert numbers(receiver) == [7]


@pytest.mark.parametrize("how", ["disabled", "role"])
def test_an_owner_who_may_not_any_more_is_told_nothing(world: HookWorld, receiver: Receiver, how: str) -> None:
    """Their account is disabled, or their role has no webhooks: it stops, with a note, and does not begin again by itself."""
    hook = world.hook(world.person("caller"), receiver.url)
    if how == "disabled":
        world.people.set_enabled("caller", False)
    else:
        with world.database.write() as connection:
            connection.execute(update(schema.users).where(schema.users.c.name == "caller").values(role="security"))
    world.alerts(range(1, 3))
    why = {"disabled": Ended.OWNER_DISABLED, "role": Ended.OWNER_MAY_NOT}[how]
    eventually(lambda: world.hooks.get(hook.id).standing.ended is why)
    assert receiver.requests == []


def test_what_fails_is_tried_again_and_nothing_overtakes_it(world: HookWorld, receiver: Receiver) -> None:
    """Later, in order, with the same ids; the log has each try with the time of the next."""
    owner = world.person("caller")
    hook = world.hook(owner, receiver.url)
    receiver.replies = lambda _request: (503, {}, b"down for repairs")
    world.alerts(range(1, 4))
    eventually(lambda: len(receiver.requests) == 1)
    eventually(lambda: world.hooks.get(hook.id).standing.failures == 1)
    (failed,) = world.service.deliveries(owner, hook.id, 10).items
    assert (failed.outcome, failed.status, failed.excerpt, failed.failures) == (
        Outcome.FAILED,
        503,
        "down for repairs",
        1,
    )
    assert failed.next_try_at is not None
    assert 3 * SECOND < failed.next_try_at - failed.at < 8 * SECOND
    receiver.replies = lambda _request: (200, {}, b"")
    world.clock.ahead_s += 10
    world.service.sender.nudge()
    eventually(lambda: len(receiver.requests) == 4)
    assert numbers(receiver) == [1, 1, 2, 3]
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[1].headers["webhook-id"]
    assert receiver.requests[0].headers["webhook-timestamp"] != receiver.requests[1].headers["webhook-timestamp"]
    eventually(lambda: world.hooks.get(hook.id).standing.failing_since is None)


def test_after_days_of_failure_it_is_turned_off_and_can_be_turned_on(world: HookWorld, receiver: Receiver) -> None:
    """It goes on where it stopped, so that nothing of those days is missing."""
    owner = world.person("caller")
    hook = world.hook(owner, receiver.url)
    receiver.replies = lambda _request: (500, {}, b"")
    world.alerts(range(1, 2))
    eventually(lambda: world.hooks.get(hook.id).standing.failures == 1)
    world.clock.ahead_s += FAILING_FOR // SECOND + 1
    world.alerts(range(2, 3))
    eventually(lambda: world.hooks.get(hook.id).standing.ended is Ended.FAILING)
    tries = len(receiver.requests)
    world.alerts(range(3, 4))
    receiver.replies = lambda _request: (200, {}, b"")
    off = world.service.get(owner, hook.id)
    world.service.change(owner, hook.id, off.version, Wish("on again", receiver.url, Filter()))
    world.service.sender.nudge()
    eventually(lambda: len(receiver.requests) == tries + 3)
    assert numbers(receiver)[tries:] == [1, 2, 3]


def test_who_answers_410_is_asked_no_more(world: HookWorld, receiver: Receiver) -> None:
    """It wants nothing any more."""
    hook = world.hook(world.person("caller"), receiver.url)
    receiver.replies = lambda _request: (410, {}, b"")
    world.alerts(range(1, 3))
    eventually(lambda: world.hooks.get(hook.id).standing.ended is Ended.GONE)
    assert len(receiver.requests) == 1


def test_receivers_that_hang_hold_up_nobody(world: HookWorld, receiver: Receiver) -> None:
    """Twenty that never answer; another receiver hears within moments, and the database has nobody waiting."""
    owner = world.person("caller", Role.ADMINISTRATOR)

    def say_nothing(_connection: socket.socket, ended: threading.Event) -> None:
        ended.wait()

    with talking(say_nothing) as port:
        for _ in range(20):
            world.hook(owner, f"http://127.0.0.1:{port}/")
        world.hook(owner, receiver.url)
        began = monotonic()
        world.alerts(range(1, 2))
        eventually(lambda: len(receiver.requests) == 1, timeout=5)
        assert monotonic() - began < 5
        world.service.sender.stop()
        assert not world.service.sender.alive, "it does not wait for them when it is to end"


def test_two_processes_share_the_sending(world: HookWorld, receiver: Receiver, tmp_path: Path) -> None:
    """Each change goes out once and in order, whichever of them sends it."""
    other = build(world.database, tmp_path / "secrets", world.clock)
    hooks = [world.hook(world.person(f"caller{number}"), f"{receiver.url}?{number}") for number in range(3)]
    other.service.sender.start()
    try:
        for number in range(1, 21):
            world.alerts(range(number, number + 1))
            other.service.sender.nudge()
        eventually(lambda: all(world.up_to_date(hook) for hook in hooks), timeout=30)
    finally:
        other.service.sender.stop()
    for number in range(3):
        got = [request.document["data"]["id"] for request in receiver.requests if request.path.endswith(f"?{number}")]
        assert len(got) == 20
        assert got == sorted(set(got))


def test_one_delivery_again(world: HookWorld, receiver: Receiver) -> None:
    """With the same id, so that a receiver that has it already can tell."""
    owner = world.person("caller")
    hook = world.hook(owner, receiver.url)
    world.alerts(range(1, 4))
    eventually(lambda: len(receiver.requests) == 3 and world.up_to_date(hook))
    second = world.service.deliveries(owner, hook.id, 10).items[1]
    world.service.replay_one(owner, hook.id, second.id)
    eventually(lambda: len(receiver.requests) == 4)
    assert numbers(receiver) == [1, 2, 3, 2]
    assert receiver.requests[3].headers["webhook-id"] == second.message
    eventually(lambda: world.hooks.replays(hook.id) == [])
    assert world.service.deliveries(owner, hook.id, 1).items[0].origin == "replay"
    with pytest.raises(NotFound):
        world.service.replay_one(owner, hook.id, 10**9)


def test_a_stretch_of_time_again(world: HookWorld, receiver: Receiver) -> None:
    """What happened then and is for the webhook; after what is new, and to its end though the receiver fails meanwhile."""
    owner = world.person("caller")
    world.alerts(range(1, 4))
    world.alerts(range(1, 3), FOREIGN)
    hook = world.hook(owner, receiver.url)
    since = world.clock.now() - HOUR
    failing = iter([503])
    receiver.replies = lambda _request: (next(failing, 200), {}, b"")
    assert world.service.replay_range(owner, hook.id, since, world.clock.now() + HOUR) == 5
    eventually(lambda: len(receiver.requests) == 1)
    eventually(lambda: world.hooks.get(hook.id).standing.failures == 1)
    world.clock.ahead_s += 10
    world.service.sender.nudge()
    eventually(lambda: world.hooks.replays(hook.id) == [])
    assert numbers(receiver) == [1, 1, 2, 3]
    assert world.service.replay_range(owner, hook.id, since - HOUR, since) == 0
    with pytest.raises(Refused, match="31"):
        world.service.replay_range(owner, hook.id, since - 40 * DAY, since)


def test_a_test_is_sent_at_once_and_said(world: HookWorld, receiver: Receiver) -> None:
    """Whatever the webhook waits for; one that gets through ends the waiting, and one that does not changes nothing."""
    owner = world.person("caller")
    hook = world.hook(owner, receiver.url)
    receiver.replies = lambda _request: (503, {}, b"")
    world.alerts(range(1, 2))
    eventually(lambda: world.hooks.get(hook.id).standing.failures == 1)
    line = asyncio.run(world.service.test(hook))
    assert (line.outcome, line.status, line.origin) == (Outcome.FAILED, 503, "test")
    assert world.hooks.get(hook.id).standing.failures == 1
    receiver.replies = lambda _request: (200, {}, b"hello")
    line = asyncio.run(world.service.test(hook))
    assert (line.outcome, line.excerpt, line.kind) == (Outcome.DELIVERED, "hello", "test")
    assert receiver.requests[-1].document["type"] in ("webhook.test", "alert.opened")
    eventually(lambda: world.up_to_date(hook))
    with pytest.raises(Refused, match="another test"):
        world.service.replay_one(owner, hook.id, line.id)


def test_a_secret_is_changed_without_a_gap(world: HookWorld, receiver: Receiver) -> None:
    """Both sign for a day, then the new one alone. None is in the database in clear."""
    owner = world.person("caller")
    hook, old = world.service.add(owner, Wish("x", receiver.url, Filter()))
    _, new = world.service.rotate(owner, hook.id)
    asyncio.run(world.service.test(hook))
    for secret in (old, new):
        Verifier(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert world.hooks.keys(hook.id, world.clock.now() + GRACE - SECOND) != [new]
    assert world.hooks.keys(hook.id, world.clock.now() + GRACE + SECOND) == [new]
    with world.database.read() as connection:
        row = str(connection.execute(select(schema.webhooks)).one())
    assert old not in row
    assert new not in row
    assert world.hooks.keys(hook.id, world.clock.now()) == [new, old]


def test_what_people_do_with_webhooks_is_written_down(world: HookWorld, receiver: Receiver) -> None:
    """Who let which be told what, and where; the secret is in no entry."""
    owner = world.person("caller")
    hook, secret = world.service.add(owner, Wish("x", receiver.url, Filter()))
    hook = world.service.change(owner, hook.id, hook.version, Wish("y", receiver.url, Filter()))
    world.service.rotate(owner, hook.id)
    world.alerts(range(1, 2))
    world.service.replay_range(owner, hook.id, 0, DAY)
    now = world.clock.now()
    world.service.replay_range(owner, hook.id, now - HOUR, now + HOUR)
    world.service.remove(owner, hook.id)
    entries, texts = schema.audit_entries, schema.audit_texts
    with world.database.read() as connection:
        rows = connection.execute(select(entries).where(entries.c.kind == "webhook").order_by(entries.c.seq)).all()
        beside = str(connection.execute(select(texts.c.text)).all())
    verbs = ["webhook.added", "webhook.changed", "secret.rotated", "webhook.replayed", "webhook.removed"]
    assert [row.verb for row in rows] == verbs
    assert {row.actor for row in rows} == {owner.id}
    assert receiver.url in beside
    assert secret not in beside + str(rows)


def test_who_may_have_and_see_webhooks(world: HookWorld, receiver: Receiver) -> None:
    """Their own; who manages accounts sees everybody's; a guard has none; another's is answered like none."""
    owner, other = world.person("caller"), world.person("other", Role.INTEGRATOR, FOREIGN)
    admin, guard = world.person("admin", Role.ADMINISTRATOR), world.person("guard", Role.SECURITY, HOME)
    hook = world.hook(owner, receiver.url)
    assert [found.id for found in world.service.all(owner, 10).items] == [hook.id]
    assert [found.id for found in world.service.all(admin, 10).items] == [hook.id]
    assert world.service.all(other, 10).items == []
    for act in (world.service.get, world.service.remove, world.service.rotate):
        with pytest.raises(NotFound):
            act(other, hook.id)
        with pytest.raises(NotAllowed):
            act(guard, hook.id)
    with pytest.raises(NotFound):
        world.service.deliveries(other, hook.id, 10)
    with pytest.raises(NotAllowed):
        world.hook(guard, receiver.url)
    with pytest.raises(Outdated):
        world.service.change(owner, hook.id, hook.version + 1, Wish("x", receiver.url, Filter()))
    world.service.remove(admin, hook.id)
    assert world.service.all(owner, 10).items == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.0.0.1/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://169.254.169.254/", "private_address"),
        ("http://8.8.8.8/", "not_https"),
        ("ftp://example.org/", "bad_url"),
        ("https://u:p@example.org/", "bad_url"),
    ],
)
def test_an_address_that_will_never_do_is_refused_at_once(world: HookWorld, url: str, reason: str) -> None:
    """With what to do about it; a name is judged whenever it is sent to."""
    with pytest.raises(Refused) as caught:
        world.hook(world.person("caller"), url)
    assert caught.value.reason == reason


def test_nobody_has_more_than_fifty(world: HookWorld, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a look at every change."""
    monkeypatch.setattr("linli.db.webhooks.MAX_EACH", 2)
    owner = world.person("caller")
    world.hook(owner, receiver.url)
    world.hook(owner, receiver.url)
    with pytest.raises(Conflict, match="2 webhooks"):
        world.hook(owner, receiver.url)


def test_a_webhook_that_nothing_is_for_costs_no_writes(world: HookWorld, receiver: Receiver) -> None:
    """How far it has looked is written down now and then only."""
    owner = world.person("caller")
    hook = world.hook(owner, receiver.url, kinds=frozenset({"closed"}))
    world.alerts(range(1, 2))
    eventually(lambda: world.up_to_date(hook))
    before = world.hooks.get(hook.id).position
    world.alerts(range(2, 12))
    eventually(lambda: world.service.sender._passed[hook.id][0] >= world.newest())
    assert world.hooks.get(hook.id).position == before
    world.close(5)
    eventually(lambda: len(receiver.requests) == 1)


class Process:
    """A sender in a process of its own."""

    def __init__(self, database: Database, secrets: Path, ahead_s: int) -> None:
        url = database.engine.url.render_as_string(hide_password=False)
        command = [sys.executable, "-m", "tests.integration.webhook_world", url, str(secrets), str(ahead_s)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output: IO[str] | None = self._process.stdout
        assert output is not None
        assert output.readline() == "sending\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """As the machine might end it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.mark.timeout(300)
def test_nothing_is_missed_over_kills(database: Database, receiver: Receiver, tmp_path: Path) -> None:
    """A sender that is killed again and again: each change arrives, in order, and what comes twice is what was under way."""
    kills, changes = 3, 40
    with sending_world(database, tmp_path / "secrets") as world:
        world.service.sender.stop()
        hook = world.hook(world.person("caller"), receiver.url)
        world.alerts(range(1, changes + 1))
        for round_ in range(kills):
            # A hold of the one before has ended by this one's clock.
            with Process(database, tmp_path / "secrets", round_ * webhook_sending.HOLD // SECOND):
                wanted = len(receiver.requests) + 7
                eventually(lambda wanted=wanted: len(receiver.requests) >= wanted)  # type: ignore[misc]
        with Process(database, tmp_path / "secrets", kills * webhook_sending.HOLD // SECOND):
            eventually(lambda: world.up_to_date(hook), timeout=30)
    got = receiver.changes()
    assert list(dict.fromkeys(got)) == sorted(set(got)), "in order"
    assert len(set(got)) == changes, "each of them"
    assert len(got) - changes <= kills, "at most one is under way when it is killed"
    ids = {request.headers["webhook-id"] for request in receiver.requests}
    assert len(ids) == changes
