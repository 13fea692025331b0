"""What keeps strangers from misusing the console's pages: no frames of other sites, no posts without bound."""

from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_FORM = 16 * 1024
MAX_FIELDS = 16


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form post, the last of each name. HTTPException 411, 413, 415 or 400 for what is not a small form.

    The length is asked for before anything is read: who is not signed in yet posts here too.
    """
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise HTTPException(411)
    if len(length) > 9 or int(length) > MAX_FORM:
        raise HTTPException(413)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415)
    try:
        body = (await request.body()).decode("ascii")
        return dict(parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise HTTPException(400) from None


class Unframed:
    """ASGI middleware: no other site may show these pages in a frame, where a click could be led astray."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-frame-options"] = "DENY"
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
