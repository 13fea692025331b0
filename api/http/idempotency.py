"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) for every request under /api that changes something.

Whoever sends a request and hears no answer sends it again with the same key: what was done is answered as it was, with
`Idempotency-Replayed: true`, and not done twice. The same key with another request is a 422, while the first is under way a 409.
What failed (anything but 2xx) changed nothing, so its key is free: trying again tries again. The key of what was done is not free
again (but after a stop of Linli while the database is away, or a kill): where the answer cannot be given a second time, a repeat is told so (409), and nothing is done.

A middleware, so that no route needs to think of it. It identifies the person first, since a key is theirs alone; a request of
nobody goes on and is refused there. An answer is kept before it is sent: who has seen it can rely on it. If the database fails just
then, the answer is sent all the same, since it is true, and is kept as soon as the database is back; who repeats meanwhile is asked
to wait.
"""

import asyncio
import base64
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import BAD_KEY, DATABASE, KEY_DONE, KEY_REUSED, KEY_UNDER_WAY, TOO_LARGE, problem
from linli.clock import SECOND, Clock
from linli.db.idempotency import HOLD, Claim, SqlIdempotency, Verdict, claim_of, hash_of
from linli.db.people import Person

MAX_ANSWER = 256 * 1024
"""Of a longer answer it is only kept that there was one."""
OWED_EVERY_S = 1.0
"""How often what could not be kept is tried again."""

_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_KEY = re.compile(r'"?([!#-~]{1,255})"?')
_KEPT_HEADERS = ("content-type", "content-language", "etag", "location", "link")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Answer:
    """An answer as it is made. `passing`: it goes on as it comes; `settled`: the key knows what became of it."""

    start: Message | None = None
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    passing: bool = False
    settled: bool = False

    @property
    def status(self) -> int:
        return int(self.start["status"]) if self.start is not None else 500

    @property
    def headers(self) -> Headers:
        return Headers(raw=self.start["headers"] if self.start is not None else [])

    @property
    def done(self) -> bool:
        """Whether it says that something was done."""
        return 200 <= self.status < 300

    @property
    def keepable(self) -> bool:
        """Whether it may be given again, as far as it has come."""
        return (
            self.done
            and self.size <= MAX_ANSWER
            and "set-cookie" not in self.headers
            and not self.headers.get("content-type", "").startswith("text/event-stream")
        )

    def text(self) -> str:
        """As it is kept."""
        headers = {name: self.headers[name] for name in _KEPT_HEADERS if name in self.headers}
        body = base64.b64encode(b"".join(self.body)).decode()
        return json.dumps({"status": self.status, "headers": headers, "body": body})


@dataclass(frozen=True, slots=True)
class _Owed:
    """What the database has yet to be told: that the claim's request was answered so."""

    claim: Claim
    status: int
    text: str | None


class Idempotent:
    """The middleware. `who` finds out whom a request is from, on a thread; None for nobody."""

    def __init__(
        self, app: ASGIApp, keys: SqlIdempotency, who: Callable[[Request], Person | None], clock: Clock
    ) -> None:
        self._app = app
        self._keys = keys
        self._who = who
        self._clock = clock
        self._owed: dict[tuple[str, str], _Owed] = {}
        self._paying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        key = None
        if scope["type"] == "http" and scope["method"] in _METHODS and scope["path"].startswith("/api/"):
            key = Headers(scope=scope).get("idempotency-key")
        if key is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        match = _KEY.fullmatch(key)
        if match is None:
            await problem(request, BAD_KEY)(scope, receive, send)
            return
        person = await run_in_threadpool(self._who, request)
        if person is None:
            await self._app(scope, receive, send)
            return
        request.state.person = person
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # there is nobody to answer
        except HTTPException:  # the gate lets no more of it in
            await problem(request, TOO_LARGE)(scope, receive, send)
            return
        await self._once(request, person, match[1], body, send)

    async def _once(self, request: Request, person: Person, key: str, body: bytes, send: Send) -> None:
        now = self._clock.now()
        claim = claim_of(person.id, key, "r" + secrets.token_hex(8))
        try:
            await self._pay(_key_of(claim))
            verdict, kept = await run_in_threadpool(self._keys.begin, claim, _hash(request, person, body), now)
        except SQLAlchemyError as error:
            _log.error("idempotency keys cannot be read: %s", error)
            await problem(request, DATABASE)(request.scope, request.receive, send)
            return
        if verdict is Verdict.FRESH:
            await self._carry_out(request, claim, body, send)
            return
        answer = {
            Verdict.DONE: lambda: _again(kept),
            Verdict.GONE: lambda: problem(request, KEY_DONE),
            Verdict.OTHER: lambda: problem(request, KEY_REUSED),
            Verdict.UNDER_WAY: lambda: problem(request, KEY_UNDER_WAY, headers={"retry-after": "1"}),
        }[verdict]()
        await answer(request.scope, request.receive, send)

    async def _carry_out(self, request: Request, claim: Claim, body: bytes, send: Send) -> None:
        answer = _Answer()

        async def taking(message: Message) -> None:
            if answer.passing:
                await send(message)
            else:
                await self._take(answer, claim, message, send)

        try:
            async with self._held(claim):
                await self._app(request.scope, _replayed(body, request.receive), taking)
        finally:
            if not answer.settled:  # broken off: of what was done the rest of the answer is not known
                await self._settle(claim, answer, whole=False)

    async def _take(self, answer: _Answer, claim: Claim, message: Message, send: Send) -> None:
        """Take a part of the answer, and send what there is once the key knows what became of it."""
        more = message.get("more_body", False)
        if message["type"] == "http.response.start":
            answer.start = message
            if answer.keepable:
                return
        else:
            answer.body.append(message.get("body", b""))
            answer.size += len(answer.body[-1])
            if more and answer.keepable:
                return
        await self._settle(claim, answer, whole=not more)
        answer.passing = True
        assert answer.start is not None
        await send(answer.start)
        if message is not answer.start:
            await send({"type": "http.response.body", "body": b"".join(answer.body), "more_body": more})

    async def _settle(self, claim: Claim, answer: _Answer, *, whole: bool) -> None:
        """Let the key know: free where nothing was done, else used for good, with the answer if it may be given again."""
        answer.settled = True
        if not answer.done:
            try:
                await run_in_threadpool(self._keys.let_go, claim)
            except SQLAlchemyError as error:
                _log.warning("an idempotency key stays held until its time is over: %s", error)
            return
        owed = _Owed(claim, answer.status, answer.text() if whole and answer.keepable else None)
        try:
            await run_in_threadpool(self._keys.keep, claim, owed.status, owed.text)
        except SQLAlchemyError as error:
            _log.error("what was done cannot be kept with its idempotency key yet: %s", error)
            self._owed[_key_of(claim)] = owed
            if self._paying is None or self._paying.done():
                self._paying = asyncio.create_task(self._pay_all())

    async def _pay(self, key: tuple[str, str]) -> None:
        """Keep what is owed of this key, if anything. SQLAlchemyError if that is not possible yet."""
        owed = self._owed.get(key)
        if owed is not None:
            await run_in_threadpool(self._keys.keep, owed.claim, owed.status, owed.text)
            self._owed.pop(key, None)

    async def _pay_all(self) -> None:
        """Go on until all that is owed is kept."""
        while self._owed:
            await asyncio.sleep(OWED_EVERY_S)
            for key in list(self._owed):
                with suppress(SQLAlchemyError):
                    await self._pay(key)

    @asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncIterator[None]:
        """Hold the key for as long as the block takes."""

        async def hold_on() -> None:
            while True:
                await asyncio.sleep(HOLD / SECOND / 3)
                try:
                    await run_in_threadpool(self._keys.hold_on, claim, self._clock.now())
                except SQLAlchemyError as error:
                    _log.warning("an idempotency key cannot be held on to: %s", error)

        holding = asyncio.create_task(hold_on())
        try:
            yield
        finally:
            holding.cancel()


def _key_of(claim: Claim) -> tuple[str, str]:
    return claim.person, claim.key_hash


def _hash(request: Request, person: Person, body: bytes) -> str:
    """The request, and what whoever sends it may do and see by now: another token of theirs gets no answer that it could not have,
    and no token what a session was answered."""
    reach = "all" if person.communities is None else " ".join(sorted(person.communities))
    parts = {
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "type": request.headers.get("content-type", ""),
        "if-match": request.headers.get("if-match", ""),
        "if-none-match": request.headers.get("if-none-match", ""),
        "operations": " ".join(sorted(person.operations)),
        "communities": reach,
        "person": person.registered_as or "",
        "by": "session" if person.token is None else "token",
    }
    return hash_of(parts, body)


def _again(kept: str) -> Response:
    document = json.loads(kept)
    headers = document["headers"] | {"idempotency-replayed": "true"}
    return Response(base64.b64decode(document["body"]), document["status"], headers)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, and then whatever comes (that the other side has gone)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
