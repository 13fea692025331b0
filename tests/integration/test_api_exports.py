"""Exports over HTTP, on both databases: whole lists, in flat memory, of what a person sees and no more."""

import csv
import io
import json
import socket
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from api.exports import sources as export_sources
from api.exports import streaming as exports
from linli.clock import HOUR, SECOND, format_time
from linli.db import schema
from linli.db.database import Database
from linli.db.people import Changes, People
from linli.errors import Conflict
from linli.i18n import Text
from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import FOREIGN, HOME, PASSWORD, World, make_alert, running_world
from tests.support import eventually

pytestmark = pytest.mark.integration

MANY = 100_000


def stuff(database: Database, count: int, community: str = HOME) -> None:
    """Put so many closed alerts into the table, without their history."""
    like = make_alert(community, 1, 0)
    row: dict[str, Any] = {
        "rule": "bulk",
        "community_id": community,
        "subject": like.subject,
        "subject_kind": "device",
        "place_id": like.place,
        "severity": "low",
        "condition": "resolved",
        "handling": "closed",
        "latched": False,
        "confirmed": False,
        "historic": False,
        "title_zh": "门未关好",
        "title_en": "Door left open",
        "sentence_zh": "3 号楼大门 已开 5 分钟" * 4,
        "sentence_en": "The door of building 3 has been open for 5 minutes" * 4,
        "advice_zh": "",
        "advice_en": "",
        "first_seen": 0,
        "last_seen": 0,
        "occurrences": 1,
        "evidence": [],
        "updated_at": 0,
    }
    with database.write() as connection:
        for start in range(0, count, 5000):
            connection.execute(
                insert(schema.alerts),
                [
                    row | {"id": f"bulk-{community}-{number}", "opened_at": number // 3 * SECOND}
                    for number in range(start, min(start + 5000, count))
                ],
            )


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with databases.new() as url, running_world(tmp_path_factory.mktemp("exports"), url) as running:
        running.services.people.add("auditor", Role.AUDITOR, password=PASSWORD)
        yield running


def lines(answer: httpx.Response) -> list[list[str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def objects(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.content.splitlines()]


def test_alerts_as_a_file(world: World) -> None:
    """In the reader's language, with a name and a type that a browser saves by."""
    with world.client(f"{HOME}-property", **{"accept-language": "zh"}) as client:
        answer = client.get("/api/v1/exports/alerts", params={"bom": True})
        english = client.get("/api/v1/exports/alerts", params={"lang": "en"})
    rows = lines(answer)
    assert rows[0][:4] == ["编号", "产生时间", "级别", "标题"]
    assert rows[1][2] == "重要"
    assert {row[0] for row in rows[1:]} == {f"a{HOME}0001", f"a{HOME}0002"}
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="linli-alerts-20')
    assert answer.headers["content-disposition"].endswith('.csv"')
    assert lines(english)[0][:3] == ["Id", "Opened at", "Severity"]


def test_the_filters_are_those_of_the_list(world: World) -> None:
    """The same question gives the same alerts, in the same order."""
    questions: Sequence[dict[str, Any]] = [
        {},
        {"open": False},
        {"severity": "critical"},
        {"rule": ["door-forced-1", "x"]},
        {"community": HOME},
        {"subject": f"{HOME}-door"},
        {"since": format_time(world.clock.now() - HOUR - 60 * SECOND)},
        {"until": format_time(world.clock.now() - HOUR - 60 * SECOND)},
    ]
    with world.client("root") as client:
        for question in questions:
            listed = client.get("/api/v1/alerts", params=question).json()["items"]
            exported = objects(client.get("/api/v1/exports/alerts", params=question | {"format": "ndjson"}))
            assert [row["id"] for row in exported] == [row["id"] for row in listed]
            for row, item in zip(exported, listed, strict=True):
                assert {name: row[name] for name in row.keys() & item.keys()} == {
                    name: item[name] for name in row.keys() & item.keys()
                }


def test_devices_and_events(world: World) -> None:
    """With what they say in JSON; page after page."""
    hour = {"from": format_time(world.clock.now() - HOUR), "to": format_time(world.clock.now() + HOUR)}
    with world.client(f"{HOME}-property") as client:
        devices = lines(client.get("/api/v1/exports/devices"))
        events = objects(client.get("/api/v1/exports/events", params=hour | {"format": "ndjson"}))
        cells = lines(client.get("/api/v1/exports/events", params=hour | {"headings": "names"}))
    assert [row[0] for row in devices[1:]] == [f"{HOME}-car", f"{HOME}-door"]
    assert [event["type"] for event in events] == ["access.granted"]
    assert events[0]["data"] == {"credential": "****rd"}
    assert json.loads(cells[1][cells[0].index("data")]) == events[0]["data"]


@pytest.mark.parametrize("what", ["alerts", "devices", "events"])
def test_nothing_of_others(world: World, what: str) -> None:
    """Not asked for, and not when asked for by name."""
    hour = {"from": format_time(world.clock.now() - HOUR), "to": format_time(world.clock.now() + HOUR)}
    by_list: dict[str, dict[str, Any]] = {"alerts": {"open": False}, "devices": {}, "events": hour}
    params = by_list[what]
    with world.client(f"{HOME}-property") as client:
        answer = client.get(f"/api/v1/exports/{what}", params=params | {"format": "ndjson"})
        assert answer.status_code == 200
        assert answer.content
        assert b"zzforeign" not in answer.content
        assert client.get(f"/api/v1/exports/{what}", params=params | {"community": FOREIGN}).status_code == 404


@pytest.mark.parametrize(("name", "status"), [(f"{HOME}-security", 403), ("auditor", 200), (None, 401)])
def test_who_may_export(world: World, name: str | None, status: int) -> None:
    """A guard sees alerts, and takes no lists away."""
    with world.client(name) as client:
        assert client.get("/api/v1/exports/alerts").status_code == status


def test_who_took_what_away_is_written_down(world: World) -> None:
    """Before they have any of it."""
    with world.client("auditor") as client:
        client.get("/api/v1/exports/devices", params={"format": "ndjson", "community": HOME})
    table = schema.audit_entries
    with world.database.read() as connection:
        query = select(table).where(table.c.verb == "data.exported").order_by(table.c.seq.desc()).limit(1)
        entry = connection.execute(query).one()
    assert entry.actor == world.services.people.get("auditor").id
    assert "community=home" in str(entry.facts)


def test_a_name_that_is_a_formula_is_inert(world: World) -> None:
    """As in every cell that somebody may have written."""
    evil = Text("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0")
    world.change(replace(make_alert(HOME, 77, world.clock.now()), title=evil))
    with world.client("root") as client:
        rows = lines(client.get("/api/v1/exports/alerts", params={"rule": "door-forced-77", "lang": "en"}))
    assert rows[1][rows[0].index("Title")] == "'=cmd|' /C calc'!A0"


def test_rows_that_come_and_go_meanwhile_disturb_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row that was there all the time comes once."""
    monkeypatch.setattr(export_sources, "PAGE", 3)
    stuff(world.database, 12, FOREIGN)
    seen: list[str] = []
    params: dict[str, Any] = {"rule": "bulk", "open": False, "format": "ndjson"}
    with world.client("root") as client, client.stream("GET", "/api/v1/exports/alerts", params=params) as answer:
        for number, line in enumerate(answer.iter_lines()):
            seen.append(json.loads(line)["id"])
            world.change(make_alert(HOME, 500 + number, world.clock.now()))
    assert len(seen) == len(set(seen)) == 12


@pytest.mark.timeout(300)
def test_a_long_export_grows_nothing_and_holds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow reader of 100,000 rows: memory stays, no transaction is open in between, and another may write all the while."""
    stuff(world.database, MANY)
    process, peak, read = psutil.Process(), 0, 0
    params: dict[str, Any] = {"rule": "bulk", "open": False, "format": "csv"}
    with world.client("root") as client:
        client.get("/api/v1/exports/alerts", params=params | {"until": format_time(1000 * SECOND)})
        before = process.memory_info().rss
        with client.stream("GET", "/api/v1/exports/alerts", params=params) as answer:
            for chunk in answer.iter_raw():
                read += chunk.count(b"\r\n")
                peak = max(peak, process.memory_info().rss)
                if read < 5000:
                    nothing_is_held(world)
    assert read == MANY + 1 + 12
    assert (peak - before) / 1e6 < 50


def nothing_is_held(world: World) -> None:
    """No transaction of the export is open on the database while its reader has not taken what was read."""
    engine = world.database.engine
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(engine.url.database))) as connection:
            checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
            eventually(lambda: connection.execute(checkpoint).fetchone()[0] == 0, what="the log is written back whole")
        return
    idle = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    eventually(lambda: _count(world, idle) == 0, what="no transaction idles")


def _count(world: World, query: Any) -> int:
    with world.database.read() as connection:
        return int(connection.execute(query).scalar_one())


def test_a_reader_that_goes_makes_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is read for it, and another has its place; whoever finds none is told when to come back."""
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    params: dict[str, Any] = {"open": False, "rule": "bulk"}
    with world.client("root") as client, world.client("auditor") as other:
        with client.stream("GET", "/api/v1/exports/alerts", params=params) as answer:
            next(answer.iter_raw())
            refused = other.get("/api/v1/exports/devices")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        eventually(lambda: other.get("/api/v1/exports/devices").status_code == 200)


def test_nobody_has_all_places_for_exports(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person's exports leave room for another's; who has too many is told so, and one that failed is none."""
    monkeypatch.setattr(exports, "EACH", 1)
    params: dict[str, Any] = {"open": False, "rule": "bulk"}
    with world.client("root") as client, world.client("root") as again, world.client("auditor") as other:
        with client.stream("GET", "/api/v1/exports/alerts", params=params) as answer:
            next(answer.iter_raw())
            refused = again.get("/api/v1/exports/devices")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
            assert "of yours" in refused.json()["detail"]
            assert other.get("/api/v1/exports/devices").status_code == 200
        eventually(lambda: again.get("/api/v1/exports/devices").status_code == 200)
        monkeypatch.setattr(exports, "append", _fails)
        assert again.get("/api/v1/exports/devices").status_code == 503
        monkeypatch.undo()
        monkeypatch.setattr(exports, "EACH", 1)
        assert again.get("/api/v1/exports/devices").status_code == 200


def _fails(*_: object) -> None:
    raise OperationalError("INSERT", None, Exception("the disk is full"))


def test_a_reader_that_has_stopped_reading_is_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is open and nothing is wrong with it; but for as long as it kept its place, others would wait."""
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    monkeypatch.setattr(exports, "STALL_S", 0.5)
    host, port = world.url.removeprefix("http://").split(":")
    with world.client("auditor") as other, socket.socket() as stalled:
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect((host, int(port)))
        cookies = "; ".join(f"{name}={value}" for name, value in other.cookies.items())
        asked = f"GET /api/v1/exports/alerts?open=false&rule=bulk HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n\r\n"
        stalled.sendall(asked.encode())
        assert stalled.recv(12) == b"HTTP/1.1 200"
        assert other.get("/api/v1/exports/devices").status_code == 429
        eventually(lambda: other.get("/api/v1/exports/devices").status_code == 200)


TAKEN: dict[str, Callable[[People], object]] = {
    "the account": lambda people: people.set_enabled("leaver", False),
    "the right to export": lambda people: people.change("leaver", Changes(role=Role.SECURITY)),
    "a community": lambda people: people.set_communities("leaver", [HOME]),
}


@pytest.mark.parametrize("way", ["session", "token"])
@pytest.mark.parametrize("what", TAKEN)
def test_an_export_ends_when_something_is_taken_away(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str, way: str
) -> None:
    """Who loses it while it streams gets a broken file, not the rest of it: also by a token, which ends with no session."""
    monkeypatch.setattr(exports, "RECHECK_S", 0.0)
    people = world.services.people
    try:
        people.add("leaver", Role.COMMITTEE, [HOME, FOREIGN], password=PASSWORD)
    except Conflict:
        people.change("leaver", Changes(None, Role.COMMITTEE, frozenset({HOME, FOREIGN}), None, True))
    bearer = {"authorization": f"Bearer {people.new_token('leaver', 'x')[1]}"} if way == "token" else {}
    params: dict[str, Any] = {"open": False, "rule": "bulk", "format": "ndjson"}
    with (
        world.client(None if bearer else "leaver", **bearer) as client,
        pytest.raises(httpx.RemoteProtocolError),
        client.stream("GET", "/api/v1/exports/alerts", params=params) as answer,
    ):
        chunks = answer.iter_raw()
        next(chunks)
        TAKEN[what](people)
        for _ in chunks:
            pass
