"""Charts and pages of events over HTTP: what is asked for, and the headers that say more."""

from collections.abc import Iterator

import httpx
import pytest

from api.http.paging import write_cursor
from linli.clock import HOUR, MINUTE, SECOND, format_time
from linli.model import READINGS_TYPE, Lane, Message, Reading, Received
from tests.databases import Databases
from tests.integration.api_world import HOME, World, running_world

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("series"), url) as running:
        yield running


@pytest.fixture
def guard(world: World) -> Iterator[httpx.Client]:
    with world.client(f"{HOME}-security") as client:
        yield client


def message(number: int, time: int, *readings: Reading, kind: str = "access.granted") -> Received:
    lane = Lane.BULK if readings else Lane.URGENT
    subject = f"{HOME}-gw" if readings else f"{HOME}-car"
    return Received(
        Message(HOME, f"{HOME}-gw", "b77", lane, number, 1, kind, subject, time, time, readings=readings), time
    )


def test_readings_in_every_shape_say_what_they_were_read_from(world: World, guard: httpx.Client) -> None:
    """`downsample`, and the header Linli-Resolution."""
    start = (world.clock.now() - 9 * HOUR) // HOUR * HOUR
    readings = [Reading(f"{HOME}-car", "load", start + n * SECOND, 500.0 if n == 777 else 1.0) for n in range(3600)]
    world.store.write([message(1, start, *readings, kind=READINGS_TYPE)], {})
    series: dict[str, str | int] = {
        "device": f"{HOME}-car",
        "quantity": "load",
        "from": format_time(start),
        "points": 20,
    }

    def ask(minutes: int, **more: str) -> tuple[str, list[dict[str, float]]]:
        query = {**series, "to": format_time(start + minutes * MINUTE), **more}
        answer = guard.get("/api/v1/readings", params=query)
        assert answer.status_code == 200, answer.text
        return answer.headers["linli-resolution"], answer.json()

    resolution, bands = ask(60)
    assert (resolution, len(bands), sum(b["count"] for b in bands)) == ("1m", 20, 3600)
    assert max(b["maximum"] for b in bands) == 500.0
    resolution, line = ask(19, downsample="lttb")
    assert (resolution, len(line)) == ("raw", 20)
    assert 500.0 in [point["last"] for point in line]
    assert ask(19, downsample="minmaxmean")[0] == "raw"
    resolution, rows = ask(60, downsample="none")
    assert (resolution, [row["count"] for row in rows]) == ("raw", [1] * 20)
    other: dict[str, str | int] = {"to": format_time(start + HOUR), "downsample": "mean"}
    answer = guard.get("/api/v1/readings", params=series | other)
    assert answer.status_code == 422


def test_events_come_in_pages(world: World, guard: httpx.Client) -> None:
    """`next` leads from each page to the next, as the `Link` does, and is null on the last."""
    start = world.clock.now() - 5 * HOUR
    world.store.write([message(n, start + n // 3) for n in range(1, 26)], {})
    span: dict[str, str | int] = {"from": format_time(start), "to": format_time(start + SECOND), "limit": 10}
    found, pages = [], 0
    more: dict[str, str | int] = {}
    while True:
        answer = guard.get("/api/v1/events", params=span | more)
        assert answer.status_code == 200, answer.text
        found += [event["time"] for event in answer.json()["items"]]
        pages += 1
        following = answer.json()["next"]
        assert ("link" in answer.headers) == (following is not None)
        if following is None:
            break
        more = {"cursor": following}
    assert (pages, len(found)) == (3, 25)
    assert found == sorted(found, reverse=True)
    made_up = [
        (1, 1, "gw", "b", "slow"),
        (1, 1, "' OR 1=1", "b", "bulk"),
        (2**63, 1, "gw", "b", "bulk"),
        (1, 1, "\0", "b", "bulk"),
    ]
    for cursor in ["page 2", write_cursor("alerts", (1, "a")), *(write_cursor("events", key) for key in made_up)]:
        answer = guard.get("/api/v1/events", params=span | {"cursor": cursor})
        assert (answer.status_code, answer.json()["reason"]) == (422, "bad_cursor")
