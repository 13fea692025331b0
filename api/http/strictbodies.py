"""JSON bodies read as strictly as the messages of devices (`linli.strictjson`): Python's own reader takes NaN, Infinity and 1e999,
the last of two equal keys, and integers of any length. Each refusal has a name of its own, in the problem's `reason`.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from linli.errors import Refused
from linli.strictjson import parse_value


class _StrictRequest(Request):
    """A request whose JSON is read so."""

    async def json(self) -> Any:
        """The body's value. Refused, by name, for what is no JSON or more than JSON."""
        body = await self.body()
        return parse_value(body, len(body))  # `api.http.gate` has bounded it


class StrictRoute(APIRoute):
    """A route that reads its JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, with the strict request; it would hide why a body was refused."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            try:
                return await handle(_StrictRequest(request.scope, request.receive))
            except HTTPException as error:
                if isinstance(error.__cause__, Refused):
                    raise error.__cause__ from None
                raise

        return strict
