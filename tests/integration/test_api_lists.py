"""Every list is read in one way: `limit` and `cursor` in, `items` and `next` out, and a `Link`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.http.paging import write_cursor
from linli.clock import HOUR, format_time
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Device, Facility
from tests.databases import Databases
from tests.integration.api_world import HOME, World, make_alert, running_world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("lists")
    with databases.new() as url, running_world(folder, url) as running:
        name = Text("门", "door")
        more: list[Device | Facility] = [
            Device(f"{HOME}-d{number}", HOME, f"gw-{HOME}", "door", name, f"{HOME}-b1") for number in range(7)
        ]
        more += [Facility(f"{HOME}-f{number}", HOME, "lift", name, f"{HOME}-f1") for number in range(5)]
        with running.database.write() as connection:
            save(connection, more)
        for number in range(10, 16):
            running.change(make_alert(HOME, number, running.clock.now()))
        yield running


@pytest.fixture(scope="module")
def root(world: World) -> Iterator[httpx.Client]:
    with world.client("root") as client:
        yield client


def query(world: World, path: str) -> dict[str, Any]:
    if path != "/events":
        return {}
    return {"from": format_time(world.clock.now() - HOUR), "to": format_time(world.clock.now() + HOUR)}


LISTS = [
    "/alerts",
    "/communities",
    "/devices",
    "/facilities",
    "/places",
    "/rules",
    "/events",
    f"/devices/{HOME}-door/commands",
]


@pytest.mark.parametrize("path", LISTS)
def test_pages_add_up_to_the_whole(world: World, root: httpx.Client, path: str) -> None:
    """Each row once, in the order of the whole; `Link` and `next` lead on alike, and end alike."""
    asked = query(world, path)
    whole = root.get(f"/api/v1{path}", params=asked | {"limit": 1000}).json()
    assert whole["next"] is None
    assert whole["items"]
    found, address = [], f"/api/v1{path}"
    answer = root.get(address, params=asked | {"limit": 2})
    while True:
        page = answer.json()
        assert len(page["items"]) <= 2
        found += page["items"]
        link = answer.links.get("next")
        if page["next"] is None:
            assert link is None
            break
        assert link is not None
        assert page["next"] in link["url"]
        answer = root.get(link["url"])
    assert [_key(item) for item in found] == [_key(item) for item in whole["items"]]


def _key(item: dict[str, Any]) -> str:
    return str(item.get("id") or (item["time"], item["device"]))


@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_that_is_none_of_the_lists(world: World, root: httpx.Client, path: str) -> None:
    """422 with what to do; none of another list, and none with what no column holds."""
    names = ("alerts", "devices", "events", "x")
    made_up = [write_cursor(name, key) for name in names for key in ((2**70, "a"), ("a\0",), (1, "\0"), ("\ud800",))]
    for cursor in ["x", "", "AAAA", *made_up]:
        answer = root.get(f"/api/v1{path}", params=query(world, path) | {"cursor": cursor})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:linli:problem:invalid-request"), cursor


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1"])
def test_a_limit_that_is_none(world: World, root: httpx.Client, path: str, limit: str) -> None:
    """Told, not cut to what is possible."""
    assert root.get(f"/api/v1{path}", params=query(world, path) | {"limit": limit}).status_code == 422
