"""How many requests a token or a session may make, told in the headers of draft-ietf-httpapi-ratelimit-headers-10.

Each token and each session has a bucket of its own: `quota` requests, filled again over `window_s` seconds, so that a script
may come in bursts and no script takes Linli from people. What proves nobody - no token, or one that is not taken - counts
against the network address it comes from, so that guessing at tokens is bounded too; whoever is known by their token is not
held up by what others do behind the same address.

A decision is a look into a table and some arithmetic, on the event loop and without a lock.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.gate import RequestCounts
from api.http.problems import KINDS, problem
from linli.buckets import Bucket, Buckets
from linli.clock import Clock
from linli.db.throttle import source_of
from linli.errors import TooMany
from linli.i18n import Text

MAX_KEPT = 20_000
"""Tokens and sessions, and addresses, that are remembered."""

_NAME = "requests"


@dataclass(frozen=True, slots=True)
class Policy:
    """`quota` requests at once, and as many again over `window_s` seconds."""

    quota: int
    window_s: int

    def __str__(self) -> str:
        return f'"{_NAME}";q={self.quota};w={self.window_s}'


@dataclass(frozen=True, slots=True)
class Decision:
    """`wait_s` 0: granted. `remaining` requests are left; all are in `full_in_s` seconds. `by_address`: it counts against the
    address, since what it shows is nobody's."""

    wait_s: float
    remaining: int
    full_in_s: float
    by_address: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f'"{_NAME}";r={self.remaining};t={math.ceil(max(self.full_in_s, self.wait_s))}'


class Limits:
    """Who has how many requests left. Times are seconds, monotonic. Not safe to call from several threads."""

    def __init__(self, policy: Policy, most: int = MAX_KEPT) -> None:
        refill_s = policy.window_s / policy.quota
        self._known: Buckets[int] = Buckets(policy.quota, refill_s, most)
        self._addresses: Buckets[str] = Buckets(policy.quota, refill_s, most)

    def take(self, credential: int | None, address: str, now: float) -> Decision:
        """One request, by what it shows (None: nothing) from `address`."""
        bucket = None if credential is None else self._known.get(credential)
        return _taken(bucket or self._addresses.of(address, now), now, by_address=bucket is None)

    def learn(self, credential: int | None, proven: bool, refused: bool, now: float) -> None:
        """What came of it: `proven`, it is somebody's; `refused`, it was not taken, and from now on counts like nothing."""
        if credential is None:
            return
        if proven:
            self._known.of(credential, now)
        elif refused:
            self._known.forget(credential)


def _taken(bucket: Bucket, now: float, *, by_address: bool) -> Decision:
    wait = bucket.take(now)
    return Decision(wait, int(bucket.left), bucket.full_in_s, by_address)


class RateLimiter:
    """The middleware, for what is under /api. `cookie`: the name of the session's; `counts`: where it counts what it refuses."""

    def __init__(self, app: ASGIApp, policy: Policy, clock: Clock, cookie: str, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts
        self._policy = str(policy).encode()
        self._limits = Limits(policy)
        self._clock = clock
        self._session = re.compile(rf"(?:^|;)\s*(?:__Host-)?{re.escape(cookie)}=([^;]+)".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        credential, now = self._credential(scope), self._clock.monotonic()
        client = scope.get("client")
        found = self._limits.take(credential, _source(client[0]) if client else "", now)

        if found.wait_s:
            self._counts.limit("address" if found.by_address else "credential")

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._limits.learn(credential, _signed_in(scope), message["status"] == 401, now)
                told = [(b"ratelimit-policy", self._policy), (b"ratelimit", str(found).encode())]
                message["headers"] = [*message["headers"], *told]
            await send(message)

        await (_refusal(scope, found.wait_s) if found.wait_s else self._app)(scope, receive, telling)

    def _credential(self, scope: Scope) -> int | None:
        """A number that stands for the token or session; the thing itself is not kept."""
        shown = None
        for name, value in scope["headers"]:
            if name == b"authorization" and value:
                return hash(value)
            if name == b"cookie" and (match := self._session.search(value)) is not None:
                shown = hash(match[1])
        return shown


@lru_cache(MAX_KEPT)
def _source(address: str) -> str:
    return source_of(address)


def _signed_in(scope: Scope) -> bool:
    """Whether the route has found out who asks, and keeps it in the request's state."""
    return scope.get("state", {}).get("person") is not None


def _refusal(scope: Scope, wait_s: float) -> ASGIApp:
    seconds = max(1, math.ceil(wait_s))
    detail = Text(f"请求过于频繁，请 {seconds} 秒后再试", f"too many requests; try again in {seconds} s")
    return problem(Request(scope), KINDS[TooMany], detail, headers={"retry-after": str(seconds)})
