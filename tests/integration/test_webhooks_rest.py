"""Webhooks over REST, on both databases, and what their page says: its receiver is run as it stands there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.words import CHANGES
from linli.clock import HOUR, format_time
from linli.model import Role
from linli.webhooks import ENDED, RETRY_AFTER_S
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, make_alert, running_world
from tests.integration.receivers import Receiver, receiving
from tests.support import eventually, free_port

pytestmark = pytest.mark.integration

PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("webhooks.md", "webhooks.zh-CN.md")]
HOOKS = "/api/v1/webhooks"


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, databases.new() as url:
        patch.setenv("LINLI_WEBHOOK_ALLOWED", "127.0.0.1")
        with running_world(tmp_path_factory.mktemp("hooks"), url) as running:
            running.services.people.add("desk", Role.DISTRICT_COMMAND, password=PASSWORD)
            running.services.people.add("other", Role.DISTRICT_COMMAND, password=PASSWORD)
            yield running


@pytest.fixture
def desk(world: World) -> Iterator[httpx.Client]:
    with world.client("desk") as client:
        yield client
        for item in client.get(HOOKS).json()["items"]:
            client.delete(f"{HOOKS}/{item['id']}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def make(client: httpx.Client, url: str, **more: Any) -> dict[str, Any]:
    answer = client.post(HOOKS, json={"name": "desk", "url": url} | more)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_the_life_of_a_webhook(world: World, desk: httpx.Client, receiver: Receiver) -> None:
    """Made, read, tried, changed, told; its secret is shown once."""
    made = make(desk, receiver.url, kinds=["opened"])
    path = f"{HOOKS}/{made['id']}"
    assert made["secret"].startswith("whsec_")
    read = desk.get(path)
    assert "secret" not in read.json()
    assert read.json()["owner_name"] == "desk"
    assert desk.get(path, headers={"if-none-match": read.headers["etag"]}).status_code == 304
    tried = desk.post(f"{path}/test").json()
    assert (tried["outcome"], tried["status"], tried["origin"]) == ("delivered", 204, "test")
    world.change(make_alert(HOME, 701, world.clock.now()))
    eventually(lambda: len(receiver.requests) == 2)
    assert receiver.requests[1].document["data"]["alert"]["id"] == f"a{HOME}0701"
    eventually(lambda: len(desk.get(f"{path}/deliveries").json()["items"]) == 2)
    newest = desk.get(f"{path}/deliveries", params={"limit": 1}).json()
    assert newest["items"][0]["kind"] == "opened"
    older = desk.get(f"{path}/deliveries", params={"limit": 1, "cursor": newest["next"]}).json()
    assert (older["items"][0]["kind"], older["next"]) == ("test", None)
    assert desk.get(f"{path}/deliveries", params={"outcome": "failed"}).json()["items"] == []
    assert desk.delete(path).status_code == 204
    assert desk.get(path).status_code == 404


def test_a_change_says_what_was_read(desk: httpx.Client, receiver: Receiver) -> None:
    """428 without If-Match, 412 with an older one; and only what is given is changed."""
    path = f"{HOOKS}/{make(desk, receiver.url, severities=['critical'])['id']}"
    tag = desk.get(path).headers["etag"]
    assert desk.patch(path, json={"name": "x"}).status_code == 428
    first = desk.patch(path, json={"name": "renamed"}, headers={"if-match": tag})
    assert (first.status_code, first.json()["name"], first.json()["severities"]) == (200, "renamed", ["critical"])
    late = desk.patch(path, json={"name": "late"}, headers={"if-match": tag})
    assert (late.status_code, late.json()["type"]) == (412, "urn:linli:problem:precondition-failed")
    off = desk.patch(path, json={"enabled": False}, headers={"if-match": first.headers["etag"]}).json()
    assert (off["enabled"], off["ended"]["reason"], off["ended"]["text"]) == (
        False,
        "by_person",
        {"zh": ENDED[off["ended"]["reason"]].zh, "en": ENDED[off["ended"]["reason"]].en},
    )


def test_again(world: World, desk: httpx.Client, receiver: Receiver) -> None:
    """One delivery, and a stretch of time."""
    path = f"{HOOKS}/{make(desk, receiver.url, communities=[HOME])['id']}"
    world.change(make_alert(HOME, 710, world.clock.now()))
    eventually(lambda: desk.get(f"{path}/deliveries").json()["items"] != [])
    (line,) = desk.get(f"{path}/deliveries").json()["items"]
    assert desk.post(f"{path}/deliveries/{line['id']}/replay").status_code == 202
    eventually(lambda: len(receiver.requests) == 2)
    now = world.clock.now()
    body = {"from": format_time(now - HOUR), "to": format_time(now + HOUR)}
    answer = desk.post(f"{path}/replay", json=body)
    assert answer.status_code == 202
    assert answer.json()["changes"] >= 1
    eventually(lambda: len(receiver.requests) >= 3)
    assert desk.post(f"{path}/replay", json={"from": body["to"], "to": body["from"]}).status_code == 422


def test_a_new_secret(desk: httpx.Client, receiver: Receiver) -> None:
    """Shown once; until when the former one holds is told."""
    made = make(desk, receiver.url)
    changed = desk.post(f"{HOOKS}/{made['id']}/rotate-secret").json()
    assert changed["secret"] not in ("", made["secret"])
    assert changed["former_secret_until"] is not None


def test_with_a_key_it_is_made_once(desk: httpx.Client, receiver: Receiver) -> None:
    """Whoever heard no answer gets the same secret, not a second webhook."""
    key = {"idempotency-key": "make-1"}
    first, second = (desk.post(HOOKS, json={"name": "x", "url": receiver.url}, headers=key) for _ in range(2))
    assert first.json() == second.json()
    assert len(desk.get(HOOKS).json()["items"]) == 1


def test_anothers_is_like_none(world: World, desk: httpx.Client, receiver: Receiver) -> None:
    """By every route; who manages accounts sees it; a guard may have none."""
    made = make(desk, receiver.url)
    path = f"{HOOKS}/{made['id']}"
    body = {"from": format_time(0), "to": format_time(HOUR)}
    with world.client("other") as other, world.client("root") as root, world.client(f"{HOME}-security") as guard:
        answers = [
            other.get(path),
            other.patch(path, json={}, headers={"if-match": "*"}),
            other.delete(path),
            other.post(f"{path}/test"),
            other.post(f"{path}/rotate-secret"),
            other.post(f"{path}/replay", json=body),
            other.get(f"{path}/deliveries"),
            other.post(f"{path}/deliveries/1/replay"),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert other.get(HOOKS).json()["items"] == []
        assert root.get(path).json()["owner_name"] == "desk"
        assert {guard.get(HOOKS).status_code, guard.post(HOOKS, json={}).status_code} == {403}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"url": "https://169.254.169.254/"}, "private_address"),
        ({"url": "http://example.org/"}, None),
        ({"url": "https://127.0.0.2/"}, "private_address"),
        ({"url": "gopher://example.org/"}, "bad_url"),
        ({"url": "https://example.org/", "communities": ["nowhere"]}, "bad_filter"),
        ({"url": "https://example.org/", "kinds": ["burnt"]}, "bad_filter"),
        ({"url": "https://example.org/", "severities": ["bad"]}, None),
        ({"url": "https://example.org/", "owner": "p1"}, None),
        ({"url": "https://example.org/", "name": " "}, "bad_name"),
    ],
)
def test_what_is_not_taken(desk: httpx.Client, body: dict[str, Any], reason: str | None) -> None:
    """422 with what to do; somebody else's ownership cannot be slipped in."""
    answer = desk.post(HOOKS, json={"name": "x"} | body)
    if body["url"] == "http://example.org/":
        assert answer.status_code == 201, "a network is allowed: it may lie there"
        return
    assert (answer.status_code, answer.json().get("reason")) == (422, reason)
    assert FOREIGN not in answer.text


# --- the page ---------------------------------------------------------------------------------------------------------


@contextmanager
def receiver_of(page: Path, folder: Path, secret: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The page's receiver, as it stands there, with this secret; its address."""
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (folder / "receiver.py").write_text(code)
    port = free_port()
    environment = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, str(folder / "receiver.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        eventually(lambda: _listens(port), what="the receiver listens")
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.kill()
        process.communicate()


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 501
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_receiver_of_the_page(world: World, desk: httpx.Client, tmp_path: Path, page: Path) -> None:
    """Takes what Linli sends with its secret, and refuses what it sends with another."""
    made = make(desk, "http://127.0.0.1:9/")
    path = f"{HOOKS}/{made['id']}"
    with receiver_of(page, tmp_path, made["secret"]) as (url, process):
        tag = desk.get(path).headers["etag"]
        assert desk.patch(path, json={"url": url}, headers={"if-match": tag}).status_code == 200
        assert desk.post(f"{path}/test").json()["status"] == 204
        assert process.stdout is not None
        assert process.stdout.readline() == "webhook.test None\n"
        other = make(desk, url)
        assert desk.post(f"{HOOKS}/{other['id']}/test").json()["status"] == 401


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_all_there_is(page: Path) -> None:
    """Each kind of change, and how often it is tried."""
    told = page.read_text("utf-8")
    assert all(f"`{kind}`" in told for kind in CHANGES)
    assert list(RETRY_AFTER_S) == [5, 30, 120, 300, 900, 1800, 3600]


def test_both_pages_have_the_same_receiver() -> None:
    """Whoever reads either gets the same."""
    codes = [re.findall(r"```(?:python|sh|json)\n(.*?)```", page.read_text("utf-8"), re.DOTALL) for page in PAGES]
    assert codes[0] == codes[1]
