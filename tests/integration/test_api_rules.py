"""Why an alert is there, shelving, arming and the rules in words, over HTTP."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from linli.clock import HOUR, MINUTE, SECOND, format_time, parse_time
from linli.i18n import Text
from linli.model import Severity
from rules.language.load import load_rules
from tests.databases import Databases
from tests.integration.api_world import HOME, World, make_alert, running_world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("rules"), url) as running:
        yield running


@pytest.fixture
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-security") as client:
        yield client


def fresh(world: World, number: int, severity: Severity = Severity.HIGH) -> str:
    """A new open alert; its id."""
    alert = make_alert(HOME, number, world.clock.now(), severity)
    world.change(alert)
    return alert.id


def test_an_alert_says_why_and_what_to_do(world: World, guard: httpx.Client) -> None:
    """Steps in order, and why with its times; one from before they were kept has none."""
    at = world.clock.now()
    why = {
        "clause": 2,
        "part": "reading",
        "words": {"zh": "水位高于 2 m", "en": "water level above 2 m"},
        "began": at - 90 * SECOND,
        "fired": at,
        "held": 90 * SECOND,
        "limit": 2.0,
        "value": 2.4,
        "rule": "0123456789ab",
        "devices": ["a", "b"],
    }
    steps = (Text("看", "Look"), Text("关阀", "Close the valve"))
    world.change(replace(make_alert(HOME, 61, at), steps=steps, why=why))
    told = guard.get(f"/api/v1/alerts/a{HOME}0061").json()
    assert told["steps"] == [{"zh": "看", "en": "Look"}, {"zh": "关阀", "en": "Close the valve"}]
    assert told["why"] == {name: value for name, value in why.items() if name != "held"} | {
        "began": format_time(at - 90 * SECOND),
        "fired": format_time(at),
        "held_s": 90.0,
    }
    before = guard.get(f"/api/v1/alerts/{fresh(world, 62)}").json()
    assert (before["steps"], before["why"], before["shelved_until"]) == ([], None, None)


def test_an_alert_is_shelved_for_a_time_and_taken_up_again(world: World, guard: httpx.Client) -> None:
    """With a reason; until a time or for so many minutes; the history says who, and the list shows it as shelved."""
    alert, now = fresh(world, 63), world.clock.now()
    until = format_time(now + HOUR)
    told = guard.post(f"/api/v1/alerts/{alert}/shelve", json={"until": until, "reason": "plumber comes"}).json()
    assert (told["handling"], told["shelved_until"]) == ("shelved", until)
    assert alert in [item["id"] for item in guard.get("/api/v1/alerts").json()["items"]]
    again = guard.post(f"/api/v1/alerts/{alert}/unshelve", json={"comment": "he is here"}).json()
    assert (again["handling"], again["shelved_until"]) == ("unacknowledged", None)
    refused = guard.post(f"/api/v1/alerts/{alert}/unshelve", json={})
    assert (refused.status_code, refused.json()["detail"]) == (409, "this alert is not shelved")
    told = guard.post(f"/api/v1/alerts/{alert}/shelve", json={"minutes": 1, "reason": "x"}).json()
    assert abs(parse_time(told["shelved_until"]) - world.clock.now() - MINUTE) < MINUTE
    changes = guard.get(f"/api/v1/alerts/{alert}").json()["changes"]
    assert [change["kind_name"]["en"] for change in changes][1:] == ["Shelved", "No longer shelved", "Shelved"]
    assert changes[1]["actor_name"] == f"{HOME}-security"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"minutes": 30}, 422),
        ({"minutes": 30, "reason": "  "}, 422),
        ({"reason": "x"}, 422),
        ({"reason": "x", "minutes": 0}, 422),
        ({"reason": "x", "minutes": 7 * 24 * 60 + 1}, 422),
        ({"reason": "x", "minutes": 30, "until": "2126-01-01T00:00:00Z"}, 422),
        ({"reason": "x", "until": "2126-01-01T00:00:00Z"}, 422),
        ({"reason": "x", "until": "2020-01-01T00:00:00Z"}, 422),
    ],
)
def test_shelving_takes_a_reason_and_an_end(
    world: World, guard: httpx.Client, body: dict[str, object], status: int
) -> None:
    """One of until and minutes, ahead by a week at most; otherwise nothing is stored."""
    answer = guard.post(f"/api/v1/alerts/a{HOME}0002/shelve", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == "urn:linli:problem:invalid-request"
    assert guard.get(f"/api/v1/alerts/a{HOME}0002").json()["handling"] == "unacknowledged"


def test_life_safety_is_not_shelved(world: World, guard: httpx.Client) -> None:
    """Rules says no, and the answer says why."""
    alert = fresh(world, 64, Severity.CRITICAL)
    answer = guard.post(f"/api/v1/alerts/{alert}/shelve", json={"minutes": 30, "reason": "noisy"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "an alert of life safety cannot be shelved"
    assert guard.post(f"/api/v1/alerts/{alert}/close", json={"reason": "tested"}).status_code == 200


def test_a_place_is_armed_with_a_reason(world: World, guard: httpx.Client) -> None:
    """What lies in it has its mode; its own goes over that, until it gives it up; all of it is kept."""
    building, floor = f"/api/v1/places/{HOME}-b1", f"/api/v1/places/{HOME}-f1"
    told = guard.put(f"{building}/mode", json={"mode": "night", "reason": "closing time"}).json()
    assert (told["mode"], told["own_mode"], told["changed_by_name"]) == ("night", "night", f"{HOME}-security")
    inside = guard.get(floor).json()
    assert (inside["mode"], inside["own_mode"], inside["mode_from"]) == ("night", None, f"{HOME}-b1")
    assert inside["mode_name"] == {"zh": "夜间布防", "en": "Night"}
    guard.put(f"{floor}/mode", json={"mode": "disarmed", "reason": "cleaning"})
    listed = {
        item["id"]: item["mode"] for item in guard.get("/api/v1/places", params={"community": HOME}).json()["items"]
    }
    assert listed == {f"{HOME}-b1": "night", f"{HOME}-f1": "disarmed"}
    given_up = guard.put(f"{floor}/mode", json={"mode": None, "reason": "done"}).json()
    assert (given_up["mode"], given_up["own_mode"]) == ("night", None)
    changes = guard.get(floor).json()["changes"]
    assert [(change["mode"], change["reason"]) for change in changes] == [(None, "done"), ("disarmed", "cleaning")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"mode": "nigth", "reason": "x"}, "bad_mode"),
        ({"mode": "night", "reason": "  "}, "no_reason"),
        ({"mode": "night", "reason": ""}, None),
        ({"mode": "night"}, None),
        ({"reason": "x"}, None),
    ],
)
def test_what_arming_lacks(guard: httpx.Client, body: dict[str, object], reason: str | None) -> None:
    """422 with what to do."""
    answer = guard.put(f"/api/v1/places/{HOME}-b1/mode", json=body)
    assert (answer.status_code, answer.json().get("reason")) == (422, reason)


def test_the_rules_in_words(world: World, guard: httpx.Client) -> None:
    """Every rule of the catalogue, the worst first; one with what it watches here; one that there is not."""
    rules = guard.get("/api/v1/rules", params={"limit": 1000}).json()["items"]
    assert {rule["id"] for rule in rules} == {rule.id for rule in load_rules()}
    ranks = [Severity(rule["severity"]).rank for rule in rules]
    assert ranks == sorted(ranks)
    assert all(clause["words"]["zh"] and clause["words"]["en"] for rule in rules for clause in rule["clauses"])
    door = guard.get("/api/v1/rules/door-forced").json()
    assert (door["device_count"], door["overrides"], door["title"]["zh"]) == (1, [], "门被强行打开")
    missing = guard.get("/api/v1/rules/door-of-nobody")
    assert (missing.status_code, missing.json()["detail"]) == (404, "there is no rule door-of-nobody")
