"""Many alerts at once, on both databases: each is done or not, and says so."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.alerts import bulk
from linli.model import Role, Severity
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("bulk"), url) as running:
        yield running


@pytest.fixture
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-security") as client:
        yield client


def opened(world: World, *numbers: int, severity: Severity = Severity.HIGH) -> list[str]:
    for number in numbers:
        world.change(make_alert(HOME, number, world.clock.now(), severity))
    return [f"a{HOME}{number:04}" for number in numbers]


def problem(item: dict[str, Any]) -> str:
    return str(item["problem"]["type"]).rpartition(":")[2]


def test_each_says_what_happened_to_it(world: World, guard: httpx.Client) -> None:
    """Done, closed already, not there, not yours: in the order asked, whatever becomes of the others."""
    first, closed, second = opened(world, 101, 102, 103)
    assert guard.post(f"/api/v1/alerts/{closed}/close", json={"reason": "x"}).status_code == 200
    ids = [first, closed, "nosuch", f"a{FOREIGN}0001", second]
    answer = guard.post("/api/v1/alerts/acknowledge", json={"ids": ids, "comment": "on my way"})
    assert answer.status_code == 207
    body = answer.json()
    assert [item["id"] for item in body["items"]] == ids
    assert [item["status"] for item in body["items"]] == [200, 409, 404, 404, 200]
    assert (body["done"], body["failed"]) == (2, 3)
    assert [problem(item) for item in body["items"] if item["problem"]] == ["conflict", "not-found", "not-found"]
    assert body["items"][0]["alert"]["handling"] == "acknowledged"
    assert "zzforeign door" not in answer.text
    assert world.alerts.get(f"a{FOREIGN}0001").acknowledged_at is None  # type: ignore[union-attr]


def test_closing_shelving_and_taking_up_again(world: World, guard: httpx.Client) -> None:
    """With the one reason; life safety cannot be shelved, and says so beside one that is."""
    low, critical = opened(world, 111)[0], opened(world, 112, severity=Severity.CRITICAL)[0]
    both = {"ids": [low, critical]}
    shelved = guard.post("/api/v1/alerts/shelve", json=both | {"minutes": 10, "reason": "works"}).json()
    assert [item["status"] for item in shelved["items"]] == [200, 409]
    taken = guard.post("/api/v1/alerts/unshelve", json=both).json()
    assert [item["status"] for item in taken["items"]] == [200, 409]
    closed = guard.post("/api/v1/alerts/close", json=both | {"reason": "drill"}).json()
    assert [item["alert"]["handling"] for item in closed["items"]] == ["closed", "closed"]


def test_one_that_is_named_twice_counts_once(world: World, guard: httpx.Client) -> None:
    """And is done once."""
    (alert,) = opened(world, 121)
    body = guard.post("/api/v1/alerts/acknowledge", json={"ids": [alert, alert]}).json()
    assert len(body["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acknowledge", {"ids": []}),
        ("acknowledge", {"ids": ["a"] * (bulk.MOST + 1)}),
        ("acknowledge", {"ids": ["A B"]}),
        ("acknowledge", {"ids": ["a"], "comment": "\x00"}),
        ("close", {"ids": ["a"]}),
        ("close", {"ids": ["a"], "reason": " "}),
        ("shelve", {"ids": ["a"], "reason": "x"}),
        ("shelve", {"ids": ["a"], "reason": "x", "until": "2020-01-01T00:00:00Z"}),
        ("acknowledge", {"ids": ["a"], "actor": "somebody"}),
    ],
)
def test_what_would_be_refused_for_one_is_refused_for_all(guard: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Before anything is done."""
    assert guard.post(f"/api/v1/alerts/{path}", json=body).status_code == 422


def test_many_are_done_in_the_time_of_few(world: World, guard: httpx.Client) -> None:
    """A storm of two hundred, taken up with one request."""
    ids = opened(world, *range(1000, 1200))
    body = guard.post("/api/v1/alerts/acknowledge", json={"ids": ids}, timeout=30).json()
    assert (body["done"], body["failed"]) == (200, 0)


def test_the_same_again_is_done_once(world: World, guard: httpx.Client) -> None:
    """With an idempotency key, as any write."""
    ids = opened(world, 131, 132)
    answers = [
        guard.post("/api/v1/alerts/acknowledge", json={"ids": ids}, headers={"idempotency-key": "storm-1"})
        for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotency-replayed"] == "true"
    acts = [change.kind for change in world.alerts.changes(ids[0])]
    assert acts.count("acknowledged") == 1


def test_rules_that_does_not_answer(world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 for each, and all are applied once rules is back."""
    ids = opened(world, 141, 142)
    monkeypatch.setattr(bulk, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(World, "_apply", lambda *_: None)
    body = guard.post("/api/v1/alerts/acknowledge", json={"ids": ids}).json()
    assert {item["status"] for item in body["items"]} == {503}
    assert {problem(item) for item in body["items"]} == {"rules-not-answering"}
    monkeypatch.undo()
    eventually(lambda: all(guard.get(f"/api/v1/alerts/{alert}").json()["handling"] == "acknowledged" for alert in ids))


def test_asking_again_while_rules_does_not_answer_is_the_same_act(
    world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An act is kept though the answer is 503. With its key it is asked after and not done anew, which would shelve twice."""
    (alert,) = opened(world, 143)
    body, key = {"minutes": 60, "reason": "works"}, {"idempotency-key": "shelve-143"}
    monkeypatch.setattr(bulk, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(World, "_apply", lambda *_: None)
    asked = [guard.post(f"/api/v1/alerts/{alert}/shelve", json=body, headers=key).status_code for _ in range(3)]
    monkeypatch.undo()
    eventually(lambda: guard.get(f"/api/v1/alerts/{alert}").json()["handling"] == "shelved")
    answer = guard.post(f"/api/v1/alerts/{alert}/shelve", json=body, headers=key)
    assert (asked, answer.status_code, answer.json()["handling"]) == ([503] * 3, 200, "shelved")
    assert [change.kind for change in world.alerts.changes(alert)] == ["opened", "shelved"]


def test_asking_again_after_a_close_that_was_not_answered(
    world: World, guard: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeat hears that it is closed, not that it cannot be closed any more; without the key it is somebody else's close."""
    (alert,) = opened(world, 144)
    body, key = {"reason": "fire drill"}, {"idempotency-key": "close-144"}
    monkeypatch.setattr(bulk, "ANSWER_WITHIN_S", 0.1)
    monkeypatch.setattr(World, "_apply", lambda *_: None)
    assert guard.post(f"/api/v1/alerts/{alert}/close", json=body, headers=key).status_code == 503
    monkeypatch.undo()
    eventually(lambda: guard.get(f"/api/v1/alerts/{alert}").json()["handling"] == "closed")
    assert guard.post(f"/api/v1/alerts/{alert}/close", json=body, headers=key).status_code == 200
    assert guard.post(f"/api/v1/alerts/{alert}/close", json=body).status_code == 409


def test_what_could_not_be_done_is_tried_anew_with_the_same_key(world: World, guard: httpx.Client) -> None:
    """It changed nothing, and may be possible by now."""
    (alert,) = opened(world, 145)
    key = {"idempotency-key": "unshelve-145"}
    assert guard.post(f"/api/v1/alerts/{alert}/unshelve", json={}, headers=key).status_code == 409
    assert guard.post(f"/api/v1/alerts/{alert}/shelve", json={"minutes": 5, "reason": "works"}).status_code == 200
    assert guard.post(f"/api/v1/alerts/{alert}/unshelve", json={}, headers=key).status_code == 200


def test_who_may_not_handle_alerts_does_nothing(world: World) -> None:
    """403, whatever is named."""
    world.services.people.add("looker", Role.AUDITOR, password=PASSWORD)
    with world.client("looker") as client:
        answer = client.post("/api/v1/alerts/acknowledge", json={"ids": [f"a{HOME}0001"]})
    assert answer.status_code == 403
