"""What every request passes before any route: a bound on its size, the check of where it comes from, and a count; and what
every answer takes along (`api.http.headers`).

A plain ASGI middleware, because Starlette's own buffers streams.
"""

import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.headers import harden, is_api, new_nonce
from api.http.problems import CROSS_ORIGIN, TOO_LARGE, problem
from linli.auditwho import Came, beginning
from linli.floorplans import MAX_BYTES as MAX_DRAWING
from linli.snapshots import MAX_BYTES as MAX_PICTURE

MAX_BODY = 64 * 1024
"""No request of the API needs more, but for those in LARGER."""

MAX_FILE = 64 << 20
"""Of a file of tables that is to be imported: 100,000 devices are a fifth of it."""

LARGER = (
    (re.compile(r"PUT /api/v1/devices/[^/]+/snapshots/[^/]+"), MAX_PICTURE),
    (re.compile(r"POST /api/v1/registry/imports"), MAX_FILE),
    (re.compile(r"PUT /api/v1/registry/floor-plans/[^/]+/drawing"), MAX_DRAWING),
)
"""What may be larger, by method and path."""

_SAFE = ("GET", "HEAD", "OPTIONS")
_SOCKET_PATH = "/_nicegui_ws/"
"""The console's live connection, which falls back from WebSocket to plain requests."""


class RequestCounts:
    """How many requests were answered, by method and status."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int]] = Counter()
        self._limited: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, method: str, status: int) -> None:
        """Count one."""
        known = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
        with self._lock:
            self._counts[known, status] += 1

    def limit(self, by: str) -> None:
        """Count one that was too many; `by`: 'credential' or 'address', whichever had used up its share."""
        with self._lock:
            self._limited[by] += 1

    def limited(self) -> Mapping[str, int]:
        """How many were too many, by whose share was used up."""
        with self._lock:
            return {by: self._limited[by] for by in ("credential", "address")}

    def all(self) -> Mapping[tuple[str, int], int]:
        """The counts by (method, status)."""
        with self._lock:
            return dict(self._counts)

    def total(self) -> int:
        """All together."""
        with self._lock:
            return self._counts.total()


def is_foreign(headers: Headers) -> bool:
    """Whether a browser sent this from a page of another site.

    Sec-Fetch-Site tells where it is there; else Origin must name the host that was asked. A request with neither is not
    from a browser's page, so no cookie of a person came along unasked.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


class Gate:
    """The middleware. Refuses cross-origin WebSockets and changes, bounds bodies under /api, counts requests."""

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        with beginning(Came(_address(scope))):
            await self._admit(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if is_foreign(_socket_headers(scope)):
                await send({"type": "websocket.close", "code": 1008})
                return
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        ours, nonce = is_api(path), new_nonce(scope)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counts.add(method, message["status"])
                harden(MutableHeaders(scope=message), scope, nonce)
            await send(message)

        most = next((bound for what, bound in LARGER if what.fullmatch(f"{method} {path}")), MAX_BODY)
        guarded = method not in _SAFE or path.startswith(_SOCKET_PATH)
        refusal = None
        if guarded and is_foreign(headers):
            refusal = problem(Request(scope), CROSS_ORIGIN)
        elif ours and _declared(headers) > most:
            refusal = problem(Request(scope), TOO_LARGE)
        answer: ASGIApp | Response = self._app if refusal is None else refusal
        await answer(scope, _bounded(receive, most) if ours else receive, counting)


def _address(scope: Scope) -> str:
    """Where it comes from; that of the proxy, where one stands before us."""
    client = scope.get("client")
    return "" if client is None else str(client[0])


def _socket_headers(scope: Scope) -> Headers:
    """A WebSocket's headers without Sec-Fetch-Site, which not every browser sends truthfully for one."""
    headers = Headers(scope=scope)
    return Headers(raw=[(name, value) for name, value in headers.raw if name != b"sec-fetch-site"])


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else sys.maxsize


def _bounded(receive: Receive, most: int) -> Receive:
    """`receive` that gives up on a body that grows beyond `most` bytes, whatever length it declared."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413)
        return message

    return bounded
