"""HEAD (RFC 9110, 9.3.2) for whatever is under /api: what GET would answer, without the body.

A middleware, so that no route needs to think of it. What GET would go on sending, a file or a stream that never ends, is broken off
at its first part.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.headers import is_api


class Heads:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not is_api(scope["path"]):
            await self._app(scope, receive, send)
            return
        answered = False

        async def heading(message: Message) -> None:
            nonlocal answered
            if answered:
                await asyncio.sleep(0)  # so that it is heard that nobody listens any more
                return
            answered = message["type"] != "http.response.start"
            await send({"type": "http.response.body", "body": b"", "more_body": False} if answered else message)

        # By this version of ASGI a stream looks for itself whether the other side has gone, as it has once it is answered.
        asgi = {**scope.get("asgi", {}), "spec_version": "2.3"}
        await self._app({**scope, "method": "GET", "asgi": asgi}, receive, heading)
