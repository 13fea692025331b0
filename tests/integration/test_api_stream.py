"""The live stream over HTTP: at once, going on where it was cut off, ending when it should."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import httpx
import pytest

from api import routes as routes_module
from api.alerts import live as live_module
from api.alerts import stream as stream_module
from api.views import AlertChange
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import HOME, PASSWORD, World, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration

Event = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("stream"), url) as running:
        yield running


@contextmanager
def listening(client: httpx.Client, last: str | None = None) -> Iterator[Iterator[Event]]:
    """The events of a stream as (event, id, data); heartbeats are ('', '', {})."""
    headers = {} if last is None else {"last-event-id": last}
    with client.stream("GET", "/api/v1/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "retry" in fields:
            fields = {}
        else:
            yield fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "{}"))
            fields = {}


def test_a_change_is_told_at_once(world: World) -> None:
    """Within tens of milliseconds of its commit, with the alert as it is; measured over ten."""
    delays = []
    with world.client(f"{HOME}-security") as client, listening(client) as events:
        assert next(events)[0] == "ready"
        for number in range(200, 210):
            alert = make_alert(HOME, number, world.clock.now())
            world.change(alert)
            committed = monotonic()
            kind, _, data = next(events)
            delays.append(monotonic() - committed)
            assert (kind, data["kind"], data["alert"]["id"]) == ("alert", "opened", alert.id)
            assert data["alert"]["subject_name"]["en"] == "home door"
    assert sorted(delays)[5] < 0.25, f"median of {delays}"


def test_a_change_that_comes_again_is_told_once(world: World) -> None:
    """A reader that goes by ids gets each once, in rising order, whatever the hub hands out twice."""
    live, person = world.services.live, world.services.people.get(f"{HOME}-security")
    with world.client(person.name) as client, listening(client) as events:
        ready = int(next(events)[1])
        world.change(make_alert(HOME, 215, world.clock.now()))
        seen = [int(next(events)[1])]
        for subscription in live._current():
            for change in live.missed(person, ready):
                assert isinstance(change, AlertChange)
                subscription.offer(change)
        world.change(make_alert(HOME, 216, world.clock.now()))
        seen.append(next(int(number) for kind, number, _ in events if kind == "alert"))
    assert seen == [ready + 1, ready + 2]


def test_a_notice_that_was_lost_costs_a_second(world: World) -> None:
    """The table is read each POLL_S anyway."""
    with world.client(f"{HOME}-security") as client, listening(client) as events:
        next(events)
        clients, world.broker.clients = world.broker.clients, []
        try:
            world.change(make_alert(HOME, 220, world.clock.now()))
        finally:
            world.broker.clients = clients
        began = monotonic()
        assert next(events)[2]["alert"]["id"] == f"a{HOME}0220"
        assert monotonic() - began < live_module.POLL_S + 1


def test_going_on_where_it_was_cut_off(world: World) -> None:
    """With Last-Event-ID: what was missed comes once, in order, then what is new."""
    with world.client(f"{HOME}-security") as client:
        with listening(client) as events:
            last = next(events)[1]
        for number in (230, 231):
            world.change(make_alert(HOME, number, world.clock.now()))
        with listening(client, last) as events:
            seen = [next(events), next(events), next(events)]
            world.change(make_alert(HOME, 232, world.clock.now()))
            seen.append(next(events))
    assert [event[0] for event in seen] == ["alert", "alert", "ready", "alert"]
    assert [event[2]["alert"]["id"] for event in seen if event[0] == "alert"] == [
        f"a{HOME}{number:04}" for number in (230, 231, 232)
    ]
    numbers = [int(event[1]) for event in seen]
    assert numbers == sorted(numbers)


def test_who_comes_while_changes_are_handed_out_misses_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub has read a change and looked who is there; whoever comes before it has told them gets the change all the same."""
    live = world.services.live
    views, reading, go = live._views, threading.Event(), threading.Event()

    def slow(stored: Any) -> Any:
        stored = list(stored)
        if threading.current_thread() is live._thread and stored:
            reading.set()
            go.wait(10)
        return views(stored)

    with world.client("root") as first, listening(first) as others, world.client(f"{HOME}-security") as client:
        next(others)
        monkeypatch.setattr(live, "_views", slow)
        world.change(make_alert(HOME, 240, world.clock.now()))
        assert reading.wait(10)
        with listening(client) as events:
            seen = [next(events)]
            while seen[-1][0] != "ready":
                seen.append(next(events))
            go.set()
            world.change(make_alert(HOME, 241, world.clock.now()))
            while seen[-1][2].get("alert", {}).get("id") != f"a{HOME}0241":
                seen.append(next(events))
    told = [event[2]["alert"]["id"] for event in seen if event[0] == "alert"]
    assert told == [f"a{HOME}0240", f"a{HOME}0241"]


def test_too_much_missed_is_a_resync(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the reader reads the list again."""
    monkeypatch.setattr(live_module, "MAX_REPLAY", 1)
    with world.client(f"{HOME}-security") as client, listening(client, "0") as events:
        assert [next(events)[0], next(events)[0]] == ["resync", "ready"]


@pytest.mark.parametrize("last", ["x", "-1", "1e9", "9" * 30, ""])
def test_a_last_event_id_that_is_none(world: World, last: str) -> None:
    """Is like none: what is new comes."""
    with world.client(f"{HOME}-security") as client, listening(client, last) as events:
        assert next(events)[0] == "ready"


def test_a_stream_ends_with_its_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing out, or being disabled, ends it at the next heartbeat (15 s; shorter here)."""
    monkeypatch.setattr(stream_module, "HEARTBEAT_S", 0.1)
    people = world.services.people
    people.add("streamer", Role.SECURITY, [HOME], password=PASSWORD)
    with world.client("streamer") as client, listening(client) as events:
        assert next(events)[0] == "ready"
        assert next(events) == ("", "", {}), "a heartbeat"
        people.set_enabled("streamer", False)
        list(events)


def test_a_stream_that_was_left_is_forgotten(world: World) -> None:
    """Nothing is queued for a reader that is gone."""
    with world.client(f"{HOME}-security") as client, listening(client) as events:
        next(events)
        assert world.services.live.streams >= 1
    eventually(lambda: world.services.live.streams == 0)


def test_streams_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than MAX_STREAMS is told when to come back."""
    monkeypatch.setattr(routes_module, "MAX_STREAMS", 0)
    with world.client(f"{HOME}-security") as client:
        answer = client.get("/api/v1/stream")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
