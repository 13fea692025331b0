"""InfluxDB's generations: 2.x and 3 against answers written from their documentation, and what a real 1.x refuses."""

import base64
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient

from ingest.pipeline import Taken
from ingest.split import write_apart
from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.sqlite_store import SqliteStore
from linli.adapters.store import build_store
from linli.clock import HOUR, SECOND
from linli.errors import StoreError, StoreRefused, StoreUnavailable
from linli.model import Lane, LaneKey, Reading
from linli.ports import Bucket, Latest, Resolution
from linli.settings import load_settings
from linli.testing import ManualClock
from tests.contract import influxd
from tests.contract.answering import Answer, Asked, Server, serving
from tests.contract.test_store import BULK, T0, URGENT, event, packet
from tests.support import free_port
from tests.unit.ingest.world import arrival

V2 = {"X-Influxdb-Version": "v2.7.6", "X-Influxdb-Build": "OSS"}
V3 = {"X-Influxdb-Version": "3.2.1", "X-Influxdb-Build": "Core"}
NOTHING = Answer(200, {"results": [{"statement_id": 0}]})


def series(columns: list[str], *values: list[object], name: str = "readings", **tags: str) -> dict[str, object]:
    return {"name": name, "columns": columns, "values": list(values)} | ({"tags": tags} if tags else {})


def rows(*of: dict[str, object]) -> Answer:
    return Answer(200, {"results": [{"statement_id": 0, "series": list(of)}]})


def generation(headers: dict[str, str]) -> Callable[[Asked], Answer]:
    """A server of that generation, to which nothing was written."""

    def answer(asked: Asked) -> Answer:
        if asked.path == "/ping":
            return Answer(204, headers=headers)
        return Answer(204) if asked.method == "POST" else NOTHING

    return answer


@pytest.fixture(params=["2", "3"])
def number(request: pytest.FixtureRequest) -> str:
    """The generation."""
    return str(request.param)


@pytest.fixture
def server(number: str) -> Iterator[Server]:
    with serving(generation(V2 if number == "2" else V3)) as running:
        yield running


@pytest.fixture
def store(server: Server) -> Iterator[InfluxStore]:
    config = InfluxConfig(server.url, "linli", token="s3cret", org="estate", timeout_s=5)
    opened = InfluxStore(config, ManualClock(T0))
    yield opened
    opened.close()


def test_writing_is_prepared_bodies_for_readings_events_and_positions(
    server: Server, store: InfluxStore, number: str
) -> None:
    """/api/v2/write with bucket, precision and token; the hour's mark, rows, positions; the generation is asked once."""
    store.write([event(1), packet(1, Reading("t-1", "temperature", T0, 20.5, "Cel"))], {URGENT: 1, BULK: 1})
    store.write([event(2)], {})
    ping, mark, readings, events, second, third = server.asked
    assert ping.path == "/ping"
    for asked in (mark, readings, events, second, third):
        assert (asked.method, asked.path) == ("POST", "/api/v2/write")
        assert asked.query["precision"] == "ns"
        assert asked.headers["authorization"] == "Token s3cret"
        assert asked.headers["content-type"] == "text/plain; charset=utf-8"
        assert asked.query["bucket"] == ("linli_events" if asked in (events, third) else "linli")
        assert asked.query.get("org") == ("estate" if number == "2" else None)
    assert re.fullmatch(rb"linli_due,community=c001 touched=\d+i,rolled=0i 1699999200000000000", mark.body)
    assert events.body == (
        b"events,community=c001,device=door-1,type=access.granted "
        b'bootid="b1",data="{}",gateway="gw-1",historic=false,lane="urgent",late=false,received=1700000005000000i,'
        b'sequence=1i,time_source="agent" 1700000000000000001'
    )
    assert readings.body == (
        b"readings,community=c001,device=t-1,quantity=temperature "
        b"value=20.5,received=1700000001000000i 1700000000000000000"
    )
    assert second.body.splitlines() == [
        b"linli_positions,bootid=b1,community=c001,gateway=gw-1,lane=urgent upto=1i 1699999200000000000",
        b"linli_positions,bootid=b1,community=c001,gateway=gw-1,lane=bulk upto=1i 1699999200000000000",
    ]


def test_queries_are_influxql_on_the_bucket(server: Server, store: InfluxStore, number: str) -> None:
    """/query with db, epoch and token, on every generation."""
    store.positions()
    store.latest("c001")
    store.readings("c001", "t-1", "temperature", T0 + 7, T0 + HOUR, 10)
    store.events("c001", T0, T0 + SECOND, types=["access.granted", "access.denied"], device="door-1", limit=7)
    asked = server.on("/query")
    for each in asked:
        assert each.method == "GET"
        assert (each.query["db"], each.query["epoch"]) == (
            "linli_events" if "events" in each.query["q"] else "linli",
            "ns",
        )
        assert each.headers["authorization"] == "Token s3cret"
    positions, latest, readings, events = (each.query["q"] for each in asked)
    bound = " AND time > now() - 3d" if number == "3" else ""
    assert positions == (
        f'SELECT max("upto") AS "upto" FROM "linli_positions"{bound.replace("AND", "WHERE")}'
        ' GROUP BY "bootid", "community", "gateway", "lane"'
    )
    assert latest == (
        'SELECT last("value") AS "value", "received", "unit" FROM "readings"'
        f' WHERE "community" = \'c001\'{bound} GROUP BY "device", "quantity"'
    )
    assert readings.endswith(
        "AND time >= 1700000000000007000 AND time < 1700003600000000000 GROUP BY time(360000000u, 80000007u) fill(none)"
    )
    assert events.endswith(
        'FROM "events" WHERE "community" = \'c001\' AND "device" = \'door-1\' AND time >= 1700000000000000000'
        " AND time < 1700000001000000000 AND (\"type\" = 'access.granted' OR \"type\" = 'access.denied')"
        " ORDER BY time DESC LIMIT 7"
    )


def test_a_question_over_due_hours_is_few_requests(server: Server, store: InfluxStore, number: str) -> None:
    """Sums and raw rows by turns: ten statements to a request, on 3 one, which takes no more."""
    ping = server.answer
    columns = ["time", "touched", "rolled"]
    due: list[list[object]] = [[(T0 - T0 % HOUR + n * 2 * HOUR) * 1000, 5, 0] for n in range(12)]
    server.answer = lambda asked: (
        rows(series(columns, *due, name="linli_due"))
        if "linli_due" in asked.query.get("q", "")
        else ping(asked)
        if asked.path == "/ping"
        else Answer(200, {"results": [{"statement_id": n} for n in range(asked.query["q"].count("SELECT"))]})
    )
    assert store.readings("c001", "t-1", "temperature", T0, T0 + 30 * HOUR, 10_000, Resolution.MINUTE) == []
    asked = [(each.query["db"], each.query["q"].count("SELECT")) for each in server.on("/query")[1:]]
    assert sum(count for _, count in asked) == 24
    assert {db for db, _ in asked} == {"linli", "linli_1m"}
    assert max(count for _, count in asked) == (10 if number == "2" else 1)


@pytest.mark.parametrize(
    ("document", "dropped"),
    [
        ({"error": "partial write: field type conflict: x dropped=3"}, 3),
        ({"code": "unprocessable entity", "message": "failure writing points: partial write: y dropped=12"}, 12),
        ({"error": "partial write of line protocol occurred", "data": [{"line_number": 2}, {"line_number": 7}]}, 2),
        ({"error": "parsing failed", "data": []}, None),
        ({"error": "unable to parse"}, None),
        ("dropped=5", None),
    ],
)
def test_a_partial_write_says_how_many_points_it_dropped(
    server: Server, store: InfluxStore, document: object, dropped: int | None
) -> None:
    """1.x and 2.x in words, 3 as a list of lines; anything else says nothing of it."""
    ping = server.answer
    server.answer = lambda asked: ping(asked) if asked.path == "/ping" else Answer(400, document)
    with pytest.raises(StoreRefused) as caught:
        store.write([event(1)], {})
    assert caught.value.dropped == dropped


def test_answers_become_the_ports_values(server: Server, store: InfluxStore) -> None:
    """Columns and tags, numbers that came as integers, fields that are missing."""
    ping = server.answer
    server.answer = lambda asked: (
        ping(asked)
        if asked.path == "/ping"
        else rows(
            series(
                ["time", "value", "received", "unit"],
                [T0 * 1000, 21, T0 + 1, "Cel"],
                device="t-1",
                quantity="temperature",
            ),
            series(["time", "value", "received", "unit"], [T0 * 1000, 1, T0 + 1, None], device="t-2", quantity="open"),
        )
    )
    assert store.latest("c001") == [
        Latest("t-1", "temperature", T0, 21.0, "Cel", T0 + 1),
        Latest("t-2", "open", T0, 1.0, None, T0 + 1),
    ]
    columns = ["time", "count", "min", "sum", "max", "last"]
    server.answer = lambda _asked: rows(series(columns, [T0 * 1000, 3, 1, 6.0, 3, 2]))
    assert store.readings("c001", "t-1", "temperature", T0, T0 + HOUR, 10) == [Bucket(T0, 3, 1.0, 2.0, 3.0, 2.0)]
    server.answer = lambda _asked: rows(
        series(
            ["time", "upto"], [0, 2**60], name="linli_positions", bootid="b1", community="c", gateway="g", lane="bulk"
        )
    )
    assert store.positions() == {LaneKey("c", "g", "b1", Lane.BULK): 2**60}


def test_check_says_who_answers(server: Server, store: InfluxStore, number: str) -> None:
    """Version, place and bucket, and no secret."""
    said = store.check()
    assert (V2 if number == "2" else V3)["X-Influxdb-Version"] in said
    assert server.url in said
    assert "s3cret" not in said + repr(InfluxConfig("u", "b", token="s3cret"))


def test_check_only_looks_and_inspect_writes(server: Server, store: InfluxStore) -> None:
    """A person who asks for the status changes nothing; ingest tries whether it may write to each bucket."""
    store.check()
    assert {asked.method for asked in server.asked} == {"GET"}
    store.inspect()
    written = [asked.query["bucket"] for asked in server.asked if asked.method == "POST"]
    assert written == ["linli", "linli_events", "linli_1m", "linli_1h"]


@pytest.mark.parametrize(
    ("status", "document", "kind", "words"),
    [
        (400, {"code": "invalid", "message": "unable to parse 'x': missing fields"}, StoreRefused, "missing fields"),
        (400, {"error": "partial write of line protocol occurred", "data": []}, StoreRefused, "partial write"),
        (413, {"code": "request too large", "message": "too large"}, StoreRefused, "too large"),
        (422, {"code": "unprocessable entity", "message": "points beyond retention policy"}, StoreRefused, "retention"),
        (401, {"code": "unauthorized", "message": "unauthorized access"}, StoreUnavailable, "influx_token"),
        (403, {"code": "forbidden", "message": "insufficient permissions"}, StoreUnavailable, "influx_token"),
        (404, {"code": "not found", "message": 'bucket "linli" not found'}, StoreUnavailable, "influx_bucket"),
        (429, {"code": "too many requests", "message": "slow down"}, StoreUnavailable, "slow down"),
        (500, {"code": "internal error", "message": "disk on fire"}, StoreUnavailable, "disk on fire"),
        (503, {"code": "unavailable", "message": "starting"}, StoreUnavailable, "starting"),
    ],
)
def test_an_error_says_whose_fault_it_is_and_what_to_do(
    server: Server, store: InfluxStore, status: int, document: object, kind: type[StoreError], words: str
) -> None:
    """Only bad data is refused. A wrong token or a missing bucket is not the data's fault: it waits."""
    ping = server.answer
    server.answer = lambda asked: ping(asked) if asked.path == "/ping" else Answer(status, document)
    with pytest.raises(kind) as caught:
        store.write([event(1)], {})
    assert words in caught.value.text.en
    assert words in caught.value.text.zh
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("status", "setting"), [(401, "influx_token"), (403, "influx_token"), (404, "influx_bucket")])
def test_check_refuses_a_wrong_setting(
    server: Server, store: InfluxStore, number: str, status: int, setting: str
) -> None:
    """With the setting's name. On 3 a database that is not there yet is made at the first write."""
    ping = server.answer
    makes_it = status == 404 and number == "3"
    server.answer = lambda asked: (
        ping(asked)
        if asked.path == "/ping" or (makes_it and asked.method == "POST")
        else Answer(status, {"message": "no"})
    )
    if makes_it:
        assert store.check()
        assert store.latest("c001") == []
        return
    with pytest.raises(StoreRefused, match=setting):
        store.check()


def test_an_error_in_the_answer_to_a_query_is_told(server: Server, store: InfluxStore) -> None:
    """InfluxQL errors come with status 200; so may a proxy's page."""
    ping = server.answer
    for document in ({"results": [{"error": "query timed out"}]}, {"error": "query timed out"}, "query timed out"):
        server.answer = lambda asked, d=document: ping(asked) if asked.path == "/ping" else Answer(200, d)  # type: ignore[misc]
        with pytest.raises(StoreUnavailable, match="query timed out"):
            store.latest("c001")


def test_the_generation_is_read_from_the_body_of_ping_or_set() -> None:
    """Some say it in the body only; where none can be read, the setting decides."""

    def answer(asked: Asked) -> Answer:
        return Answer(200, {"version": "3.0.0"}) if asked.path == "/ping" else Answer(204)

    def silent(asked: Asked) -> Answer:
        return NOTHING if asked.path == "/query" else Answer(204)

    with serving(answer) as server:
        for kind, answers, path in (("auto", answer, "/api/v2/write"), ("influx1", silent, "/write")):
            server.answer = answers
            store = InfluxStore(InfluxConfig(server.url, "linli", kind=kind), ManualClock(T0))
            store.write([event(1)], {})
            assert server.asked[-1].path == path
            store.close()
        store = InfluxStore(InfluxConfig(server.url, "linli"), ManualClock(T0))
        with pytest.raises(StoreUnavailable, match="influx_kind"):
            store.write([event(1)], {})
        store.close()


def test_a_server_that_hangs_is_given_up() -> None:
    """After influx_timeout_s."""
    free = threading.Event()

    def hang(_asked: Asked) -> Answer:
        free.wait(10)
        return Answer(204, headers=V2)

    with serving(hang) as server:
        store = InfluxStore(InfluxConfig(server.url, "linli", timeout_s=0.2), ManualClock(T0))
        with pytest.raises(StoreUnavailable):
            store.write([event(1)], {})
        free.set()
        store.close()


def test_basic_sign_in_for_1x() -> None:
    """influx_username and influx_token as its password."""

    def answer(asked: Asked) -> Answer:
        return NOTHING if asked.path == "/query" else Answer(204, headers={"X-Influxdb-Version": "1.8.10"})

    with serving(answer) as server:
        store = InfluxStore(InfluxConfig(server.url, "linli", username="ann", token="p w"), ManualClock(T0))
        store.write([event(1)], {})
        store.close()
        wanted = "Basic " + base64.b64encode(b"ann:p w").decode()
        assert {asked.headers["authorization"] for asked in server.asked} == {wanted}
        assert [asked.path for asked in server.asked] == ["/ping", *["/query"] * 5, "/write"]
        assert [asked.query["q"] for asked in server.on("/query")] == [
            "SHOW DATABASES",
            *[f'CREATE DATABASE "linli{suffix}"' for suffix in ("", "_events", "_1m", "_1h")],
        ]


def test_settings_choose_the_store(tmp_path: Path) -> None:
    """SQLite, unless influx_url is set; building does no I/O."""
    sqlite = build_store(load_settings(data=tmp_path))
    assert isinstance(sqlite, SqliteStore)
    assert not list(tmp_path.iterdir())
    influx = build_store(load_settings(data=tmp_path, influx_url="http://127.0.0.1:1", influx_token="x"))
    assert isinstance(influx, InfluxStore)
    influx.close()


# --- a real 1.x -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with influxd.running(tmp_path_factory.mktemp("influxd"), auth=True) as running:
        make = "CREATE USER admin WITH PASSWORD 'pass' WITH ALL PRIVILEGES"
        with urllib3.PoolManager() as pool:
            assert pool.request("POST", running + "/query", fields={"q": make}).status == 200
            names = [f"shared{suffix}" for suffix in ("", "_events", "_1m", "_1h")]
            for query in (
                "CREATE USER staff WITH PASSWORD 'pass'",
                *[f"CREATE DATABASE {name}" for name in names],
                *[f'GRANT ALL ON "{name}" TO "staff"' for name in names],
            ):
                headers = urllib3.make_headers(basic_auth="admin:pass")
                assert pool.request("POST", running + "/query", fields={"q": query}, headers=headers).status == 200
        yield running


def real(url: str, bucket: str, username: str | None = "admin", token: str | None = "pass") -> InfluxStore:
    return InfluxStore(InfluxConfig(url, bucket, username=username, token=token), ManualClock(T0))


@pytest.mark.integration
def test_a_real_1x_makes_its_database_and_signs_in(url: str) -> None:
    """The version is read, the database made."""
    store = real(url, 'odd "name"')
    assert "1.6.7" in store.inspect()
    store.write([event(1)], {URGENT: 1})
    assert store.positions() == {URGENT: 1}
    store.close()


@pytest.mark.integration
def test_a_user_who_may_not_make_databases_uses_one_that_is_there(url: str) -> None:
    """Only the right to read and write is needed."""
    store = real(url, "shared", "staff")
    store.write([event(1)], {URGENT: 1})
    assert store.positions() == {URGENT: 1}
    store.close()
    other = real(url, "nowhere", "staff")
    with pytest.raises(StoreUnavailable):
        other.write([event(1)], {})
    other.close()


@pytest.mark.integration
@pytest.mark.parametrize(("username", "token"), [("admin", "wrong"), (None, None)])
def test_a_wrong_password_names_the_setting_and_refuses_no_data(
    url: str, username: str | None, token: str | None
) -> None:
    """`check` refuses; a write waits."""
    store = real(url, "linli", username, token)
    with pytest.raises(StoreRefused, match="influx_token"):
        store.check()
    with pytest.raises(StoreUnavailable, match="influx_token"):
        store.write([event(1)], {})
    store.close()


@pytest.mark.integration
def test_a_point_that_a_real_1x_refuses_is_found_and_the_others_are_in(url: str) -> None:
    """Somebody else wrote the unit as a number: a partial write, refused with the server's reason."""
    store = real(url, "conflict")
    store.inspect()
    with InfluxDBClient(url, "admin:pass", auth_basic=True) as client:
        client.api_client.call_api(
            "/write",
            "POST",
            query_params=[("db", "conflict")],
            header_params={"Content-Type": "text/plain"},
            body=f"readings,community=c001,device=t-2,quantity=temperature unit=5 {T0}000".encode(),
        )
    readings = [Reading(f"t-{n}", "temperature", T0, float(n), "K" if n == 5 else "Cel") for n in range(8)]
    message = packet(1, *readings)
    with pytest.raises(StoreRefused, match="field type conflict"):
        store.write([message], {BULK: 1})
    assert store.positions() == {}
    letters = write_apart(store, [Taken(message, arrival(message.message))])
    assert [unstored.letter.reason for unstored in letters] == ["store_refused"]
    assert "field type conflict" in letters[0].letter.detail
    assert letters[0].letter.detail.startswith("1 of 8 readings")
    assert {v.device for v in store.latest("c001")} == {f"t-{n}" for n in range(8)} - {"t-5"}
    store.close()


def test_a_refused_connection_says_that_nothing_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no timeout (urllib3 2 makes it a kind of one): nothing was asked, so no portion was too large."""
    url = f"http://127.0.0.1:{free_port()}"
    store = InfluxStore(InfluxConfig(url, "linli", kind="influx2"), ManualClock(T0))
    slow: list[object] = []
    monkeypatch.setattr("linli.adapters.portions.Portions.too_slow", lambda _self, portion: slow.append(portion))
    for ask in (store.check, lambda: store.write([event(1)], {URGENT: 1})):
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert type(caught.value) is StoreUnavailable
        for said, words in (
            (caught.value.text.en, "nothing listens there (connection refused). Start InfluxDB"),
            (caught.value.text.zh, "那里没有程序在监听（连接被拒绝）。请启动 InfluxDB"),
        ):
            assert words in said and url in said
    assert slow == []
    store.close()


def test_a_host_that_is_not_there_says_so() -> None:
    """In both languages, and is no timeout either."""
    store = InfluxStore(InfluxConfig("http://no-such-host.invalid:8086", "linli"), ManualClock(T0))
    with pytest.raises(StoreUnavailable) as caught:
        store.check()
    assert type(caught.value) is StoreUnavailable
    assert "no host of that name" in caught.value.text.en and "找不到这个主机名" in caught.value.text.zh
    store.close()
