"""Idempotency keys, on both databases: the same request twice is done once, whatever happened in between."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from api.http import idempotency
from api.http.gate import MAX_BODY, Gate, RequestCounts
from api.http.idempotency import Idempotent
from linli.audit import system
from linli.clock import HOUR, MINUTE, SECOND
from linli.db import schema
from linli.db.database import Database
from linli.db.idempotency import HOLD, KEPT_FOR, Claim, Known, SqlIdempotency, Verdict, claim_of, hash_of, judge
from linli.db.inhabitants import erase_person
from linli.db.people import Person
from linli.db.registry import save
from linli.db.retaining import DatabaseKeeper
from linli.i18n import Text
from linli.keeping import Kept
from linli.model import Community, Role
from linli.registry.changes import Origin
from linli.registry.inhabitants import Person as Item
from linli.roles import Operation
from linli.sealing import Seals
from tests.integration.webhook_world import MovingClock

pytestmark = pytest.mark.integration


class Keys(SqlIdempotency):
    """Keys whose database can be told to fail in the middle of a request."""

    down = False

    def keep(self, claim: Claim, status: int, answer: str | None) -> None:
        self._ask()
        super().keep(claim, status, answer)

    def let_go(self, claim: Claim) -> None:
        self._ask()
        super().let_go(claim)

    def _ask(self) -> None:
        if self.down:
            raise OperationalError("update", {}, Exception("the database has gone"))


class Desk:
    """An application that counts what it has done, behind the middleware."""

    def __init__(self, database: Database, secrets: Path) -> None:
        self.database = database
        self.secrets = secrets
        self.clock = MovingClock()
        self.done: list[bytes] = []
        self.fail = 0
        self.slow: asyncio.Event | None = None
        self.entered = threading.Event()
        self.breaks = False
        self.people = {
            "a": Person("pa", "a", "A", Role.SECURITY, frozenset({"c1"})),
            "b": Person("pb", "b", "B", Role.SECURITY, frozenset({"c1"})),
        }
        self.app = self.start()

    def start(self) -> ASGIApp:
        """The application as a new process has it."""
        routes = [
            Route("/api/v1/doors", self._open, methods=["POST", "PUT", "GET"]),
            Route("/api/v1/flow", self._flow, methods=["POST"]),
            Route("/api/v1/torn", self._torn, methods=["POST"]),
            Route("/api/v1/sign-out", self._cookie, methods=["POST"]),
        ]
        app = Starlette(routes=routes)
        app.state.language = "en"
        self.keys = Keys(self.database, Seals(self.secrets))
        app.add_middleware(Idempotent, keys=self.keys, who=self._who, clock=self.clock)
        self.app = app
        return app

    def _who(self, request: Request) -> Person | None:
        return self.people.get(request.headers.get("who", ""))

    async def _open(self, request: Request) -> Response:
        body = await request.body()
        self.entered.set()
        if self.slow is not None:
            await self.slow.wait()
        self.done.append(body)
        self.keys.down = self.breaks
        if self.fail:
            return JSONResponse({"failed": len(self.done)}, self.fail)
        number = len(self.done)
        return JSONResponse({"number": number, "secret": "s3cr3t"}, 201, {"etag": f'"{number}"', "x-other": "1"})

    async def _flow(self, _request: Request) -> Response:
        self.done.append(b"")
        return StreamingResponse(iter([b"x" * 100_000] * 4))

    async def _torn(self, _request: Request) -> Response:
        self.done.append(b"")

        def parts() -> Iterator[bytes]:
            yield b"x"
            raise RuntimeError

        return StreamingResponse(parts())

    async def _cookie(self, _request: Request) -> Response:
        self.done.append(b"")
        response = Response()
        response.set_cookie("a", "b")
        return response

    async def send(self, key: str | None = "k1", body: str = "{}", who: str = "a", **more: str) -> httpx.Response:
        """A request."""
        method, path = more.pop("method", "POST"), more.pop("path", "/api/v1/doors")
        headers = {"who": who} | ({} if key is None else {"idempotency-key": key}) | more
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://linli") as client:
            return await client.request(method, path, content=body, headers=headers)

    def ask(self, key: str | None = "k1", body: str = "{}", who: str = "a", **more: str) -> httpx.Response:
        """The same, waited for."""
        return asyncio.run(self.send(key, body, who, **more))


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    return Desk(database, tmp_path / "secrets")


def kind(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


def test_the_same_again_is_answered_the_same_and_done_once(desk: Desk) -> None:
    """With the status, the body and the headers that mean something; and it says that it is a repeat."""
    first, again = desk.ask(), desk.ask()
    assert desk.done == [b"{}"]
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, '"1"')
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert "x-other" not in again.headers


def test_it_survives_a_restart(desk: Desk) -> None:
    """Another process answers, from the database."""
    first = desk.ask()
    desk.start()
    assert desk.ask().content == first.content
    assert len(desk.done) == 1


def test_quotes_around_a_key_change_nothing(desk: Desk) -> None:
    """The draft has a structured-field string; most send it bare."""
    desk.ask('"k1"')
    desk.ask("k1")
    assert len(desk.done) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"body": '{"a":1}'},
        {"method": "PUT"},
        {"path": "/api/v1/doors?x=1"},
        {"if-match": '"1"'},
        {"if-none-match": "*"},
    ],
)
def test_another_request_with_the_same_key_is_refused(desk: Desk, other: dict[str, str]) -> None:
    """422, and nothing is done: a mistake of the caller's, who would else take one answer for another."""
    desk.ask()
    answer = desk.ask("k1", **other)
    assert (answer.status_code, kind(answer)) == (422, "idempotency-key-reused")
    assert len(desk.done) == 1


def test_a_key_is_a_persons_own(desk: Desk) -> None:
    """Another's is another key; and nobody's is let through to be refused."""
    desk.ask(who="a")
    assert desk.ask(who="b").json()["number"] == 2
    assert desk.ask(who="nobody").status_code == 201
    assert desk.ask(who="nobody").json()["number"] == 4


def test_who_may_less_by_now_gets_no_answer_of_before(desk: Desk) -> None:
    """Another role, or a token with limits, with the key of a request that was allowed more."""
    desk.ask()
    desk.people["a"] = desk.people["a"].limited(frozenset({Operation.SEE}), None)
    assert kind(desk.ask()) == "idempotency-key-reused"


def test_while_it_is_under_way_the_same_again_waits(desk: Desk) -> None:
    """409 with Retry-After; and then it is answered like the first."""

    async def both() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        desk.slow = asyncio.Event()
        first = asyncio.create_task(desk.send())
        await asyncio.to_thread(desk.entered.wait, 5)
        second = await desk.send()
        desk.slow.set()
        return await first, second, await desk.send()

    first, second, third = asyncio.run(both())
    assert (second.status_code, kind(second), second.headers["retry-after"]) == (409, "idempotency-key-under-way", "1")
    assert third.content == first.content
    assert len(desk.done) == 1


def test_who_goes_away_leaves_the_key_free(desk: Desk) -> None:
    """A request that is broken off has done nothing that anybody was told of."""

    async def leave() -> None:
        desk.slow = asyncio.Event()
        leaving = asyncio.create_task(desk.send())
        await asyncio.to_thread(desk.entered.wait, 5)
        leaving.cancel()
        await asyncio.wait([leaving])

    asyncio.run(leave())
    desk.slow = None
    assert desk.ask().json()["number"] == 1


def test_many_at_once_are_done_once(desk: Desk) -> None:
    """However they fall."""

    async def many() -> list[httpx.Response]:
        return await asyncio.gather(*(desk.send() for _ in range(12)))

    statuses = {answer.status_code for answer in asyncio.run(many())}
    assert statuses <= {201, 409}
    assert 201 in statuses
    assert len(desk.done) == 1


@pytest.mark.parametrize("status", [401, 404, 409, 422, 429, 500, 503])
def test_what_failed_may_be_tried_again(desk: Desk, status: int) -> None:
    """Nothing was done, so its key is free."""
    desk.fail = status
    assert desk.ask().json() == {"failed": 1}
    desk.fail = 0
    assert desk.ask().status_code == 201
    assert desk.ask().json()["number"] == 2


def test_who_was_killed_lets_go(desk: Desk) -> None:
    """A key that is held for longer than anybody can hold it without saying so."""
    keys = SqlIdempotency(desk.database, Seals(desk.secrets))
    claim, now = claim_of("pa", "k", "r1"), desk.clock.now()
    assert keys.begin(claim, "h", now)[0] is Verdict.FRESH
    other = claim_of("pa", "k", "r2")
    assert keys.begin(other, "h", now + HOLD - 1)[0] is Verdict.UNDER_WAY
    keys.hold_on(claim, now + HOLD - 1)
    assert keys.begin(other, "h", now + HOLD)[0] is Verdict.UNDER_WAY
    assert keys.begin(other, "h", now + 2 * HOLD)[0] is Verdict.FRESH
    keys.keep(claim, 200, "late")
    assert keys.begin(claim, "h", now + 2 * HOLD)[0] is Verdict.UNDER_WAY, "the first has no say any more"


def test_an_answer_is_kept_for_a_day(desk: Desk) -> None:
    """And is then as if it never was, before retention has deleted it and after."""
    desk.ask()
    desk.clock.ahead_s += KEPT_FOR // SECOND - 60
    desk.ask()
    assert len(desk.done) == 1
    desk.clock.ahead_s += 61
    assert desk.ask().json()["number"] == 2
    now = desk.clock.now()
    assert DatabaseKeeper(desk.database, system("api")).thin(Kept.IDEMPOTENCY, now + 1, now) == 1
    assert desk.ask().json()["number"] == 3


def test_nothing_of_it_can_be_read_in_the_database(desk: Desk) -> None:
    """Not the key, not the answer, which may hold a secret that is shown once."""
    desk.ask("a-key-to-be-seen")
    with desk.database.read() as connection:
        row = connection.execute(select(schema.idempotency_keys)).one()
    shown = str(row) + bytes(row.answer).decode()
    assert "s3cr3t" not in shown
    assert "a-key-to-be-seen" not in shown


def test_an_answer_that_does_not_open_any_more_does_not_make_it_be_done_again(desk: Desk) -> None:
    """When the installation has other keys."""
    desk.ask()
    (desk.secrets / "sealing.keys").unlink()
    again = desk.ask()
    assert (again.status_code, kind(again)) == (409, "idempotency-key-done")
    assert len(desk.done) == 1


def test_no_answer_outlives_a_person_who_is_erased(desk: Desk) -> None:
    """Which of them speaks of the person cannot be told, so all go, and none of what was under way is kept. Nothing is done twice."""
    assert desk.ask("before").status_code == 201
    claim, now = claim_of("pa", "k", "r1"), desk.clock.now()
    assert desk.keys.begin(claim, "h", now)[0] is Verdict.FRESH
    with desk.database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A")), Item("ann", "c001", "Ann")])
        erase_person(connection, "ann", Origin(now))
    assert desk.keys.begin(claim, "h", now)[0] is Verdict.UNDER_WAY
    desk.keys.keep(claim, 200, "Ann")
    with desk.database.read() as connection:
        assert set(connection.execute(select(schema.idempotency_keys.c.answer)).scalars()) == {None}
    again = desk.ask("before")
    assert (again.status_code, again.json()["type"].rpartition(":")[2]) == (409, "idempotency-key-done")
    assert desk.keys.begin(claim, "h", now)[0] is Verdict.GONE
    assert len(desk.done) == 1
    assert desk.ask("after").status_code == desk.ask("after").status_code == 201
    assert len(desk.done) == 2


def test_whoever_asks_while_a_person_is_erased_waits(database: Database, tmp_path: Path) -> None:
    """A request that began meanwhile could still read the person, and its answer be kept."""
    keys, begun = SqlIdempotency(database, Seals(tmp_path)), threading.Event()

    def ask() -> None:
        keys.begin(claim_of("pa", "k", "r1"), "h", 1)
        begun.set()

    asking = threading.Thread(target=ask)
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A")), Item("ann", "c001", "Ann")])
        erase_person(connection, "ann", Origin(1))
        asking.start()
        assert not begun.wait(0.2)
    asking.join(10)
    assert begun.is_set()


@pytest.mark.parametrize("path", ["/api/v1/flow", "/api/v1/sign-out"])
def test_what_was_answered_too_long_or_with_a_cookie_is_not_done_again(desk: Desk, path: str) -> None:
    """The answer passes as it is and is not kept; that it was done is."""
    first, again = desk.ask(path=path), desk.ask(path=path)
    assert first.status_code == 200
    assert "set-cookie" in first.headers or len(first.content) == 400_000 > idempotency.MAX_ANSWER
    assert (again.status_code, kind(again)) == (409, "idempotency-key-done")
    assert len(desk.done) == 1


def test_what_was_done_and_broke_off_while_it_was_answered_is_not_done_again(desk: Desk) -> None:
    """Of its answer nobody has more than a part."""
    with pytest.raises(RuntimeError):
        desk.ask(path="/api/v1/torn")
    assert kind(desk.ask(path="/api/v1/torn")) == "idempotency-key-done"
    assert len(desk.done) == 1


def test_what_is_done_while_the_database_goes_away_is_told_and_not_done_again(desk: Desk) -> None:
    """The answer is true, so it is given. Who asks again is asked to wait, however long that is, and gets it once it can be kept."""
    desk.breaks = True
    first = desk.ask()
    assert first.json()["number"] == 1
    desk.clock.ahead_s += 2 * HOLD // SECOND
    assert (desk.ask().status_code, len(desk.done)) == (503, 1)
    desk.keys.down = False
    again = desk.ask()
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert len(desk.done) == 1


def test_what_could_not_be_kept_is_kept_as_soon_as_the_database_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to ask for it: a process that is started anew knows it too."""
    monkeypatch.setattr(idempotency, "OWED_EVERY_S", 0.01)
    desk.breaks = True

    async def go_and_come() -> None:
        await desk.send()
        await asyncio.sleep(0.05)
        desk.keys.down = False
        async with asyncio.timeout(5):
            while _answer_of(desk.database) is None:
                await asyncio.sleep(0.01)

    asyncio.run(go_and_come())
    desk.start()
    assert desk.ask().headers["idempotency-replayed"] == "true"
    assert len(desk.done) == 1


def test_what_fails_while_the_database_goes_away_is_told_as_it_is(desk: Desk) -> None:
    """Its key cannot be given back then: it is free when its time is over."""
    desk.breaks, desk.fail = True, 503
    assert desk.ask().json() == {"failed": 1}
    desk.breaks = desk.keys.down = False
    desk.fail = 0
    assert kind(desk.ask()) == "idempotency-key-under-way"
    desk.clock.ahead_s += 2 * HOLD // SECOND
    assert desk.ask().json()["number"] == 2


def _answer_of(database: Database) -> bytes | None:
    with database.read() as connection:
        found: bytes | None = connection.execute(select(schema.idempotency_keys.c.answer)).scalar_one()
        return found


@pytest.mark.parametrize("key", ["", '""', "a b", "a" * 256])
def test_a_key_that_is_none(desk: Desk, key: str) -> None:
    """400, and nothing is done."""
    answer = desk.ask(key)
    assert (answer.status_code, kind(answer)) == (400, "bad-idempotency-key")
    assert desk.done == []


def test_a_body_that_is_too_large_is_told_so(desk: Desk) -> None:
    """Though it says nothing of its length, and is met before any route."""
    gate = Gate(desk.app, RequestCounts())

    async def large() -> httpx.Response:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(MAX_BODY // 1000 + 2):
                yield b"x" * 1000

        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://linli") as client:
            headers = {"who": "a", "idempotency-key": "k1"}
            return await client.post("/api/v1/doors", content=parts(), headers=headers)

    answer = asyncio.run(large())
    assert (answer.status_code, kind(answer)) == (413, "too-large")
    assert desk.done == []


def test_reading_takes_no_key(desk: Desk) -> None:
    """It changes nothing, whatever header comes with it; and without a key all is as ever."""
    for _ in range(2):
        desk.ask("k1", method="GET")
        desk.ask(None)
    assert len(desk.done) == 4
    with desk.database.read() as connection:
        assert connection.execute(select(schema.idempotency_keys)).all() == []


NOW = 10 * HOUR


@given(
    st.sampled_from(["same", "other"]),
    st.integers(-2 * KEPT_FOR, 0),
    st.integers(-MINUTE, MINUTE),
    st.sampled_from([None, 0]) | st.integers(200, 299),
)
def test_every_state_of_a_key(request_hash: str, age: int, held: int, status: int | None) -> None:
    """Old: fresh. Another request's: refused. Answered: given again. Held: wait. Else its holder is gone."""
    verdict = judge(Known(request_hash, NOW + age, NOW + held, status), "same", NOW)
    if age <= -KEPT_FOR:
        assert verdict is Verdict.FRESH
    elif request_hash == "other":
        assert verdict is Verdict.OTHER
    elif status:
        assert verdict is Verdict.DONE
    else:
        assert verdict is (Verdict.UNDER_WAY if held > 0 else Verdict.FRESH)
    assert judge(None, "same", NOW) is Verdict.FRESH


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3), st.binary(max_size=4))
def test_two_requests_that_differ_have_two_hashes(parts: dict[str, str], body: bytes) -> None:
    """Wherever they differ, and however their parts might run into each other."""
    assert hash_of(parts, body) != hash_of(parts | {"z9z9": "x"}, body)
    assert hash_of(parts, body) != hash_of(parts, body + b"x")
    assert hash_of({"a": "bc"}, body) != hash_of({"ab": "c"}, body)
