"""JSON bodies read as strictly as the messages of devices (`linli.strictjson`): Python's own reader takes NaN, Infinity and 1e999,
the last of two equal keys, and integers of any length; Pydantic takes true for 1. Each refusal has a name of its own, in the
problem's `reason`.
"""

from collections.abc import Callable, Coroutine, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from linli.errors import Refused
from linli.strictjson import parse_value


class _StrictRequest(Request):
    """A request whose JSON is read so. `wanted`: the type of its body."""

    wanted: Any = None

    async def json(self) -> Any:
        """The body's value. Refused, by name, for what is no JSON or more than JSON."""
        body = await self.body()
        value = parse_value(body, len(body))  # `api.http.gate` has bounded it
        where = flag_for_number(self.wanted, value)
        if where is not None:
            raise Refused("flag_for_number", f"{where or 'the body'} is true or false, where a number is wanted")
        return value


class StrictRoute(APIRoute):
    """A route that reads its JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, with the strict request; it would hide why a body was refused."""
        handle = super().get_route_handler()
        wanted = None if self.body_field is None else self.body_field.field_info.annotation

        async def strict(request: Request) -> Response:
            try:
                read = _StrictRequest(request.scope, request.receive)
                read.wanted = wanted
                return await handle(read)
            except HTTPException as error:
                if isinstance(error.__cause__, Refused):
                    raise error.__cause__ from None
                raise

        return strict


def flag_for_number(wanted: Any, value: Any, where: str = "") -> str | None:
    """Where in a JSON value true or false stands in place of a number, as 'spot.x'; None where that is nowhere. `wanted`: the type
    that it is read as, a model as a rule."""
    kinds = list(_kinds(wanted))
    if isinstance(value, bool):
        return where if {int, float} & set(kinds) and not {bool, Any, object} & set(kinds) else None
    parts: list[tuple[Any, Any, str]] = []
    if isinstance(value, list):
        inner = [kind for whole in _wholes(wanted) for kind in get_args(whole)[:1]]
        parts = [(kind, one, f"{where}.{number}") for kind in inner for number, one in enumerate(value)]
    elif isinstance(value, dict):
        models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        fields = {
            field.alias or name: field.annotation for model in models for name, field in model.model_fields.items()
        }
        parts = [(fields[name], one, f"{where}.{name}") for name, one in value.items() if name in fields]
    found = (flag_for_number(kind, one, path.lstrip(".")) for kind, one, path in parts)
    return next((path for path in found if path is not None), None)


def _wholes(wanted: Any) -> Iterator[Any]:
    """The types that a value may be of, out of unions and annotations, with their arguments."""
    origin = get_origin(wanted)
    if origin in (Union, UnionType):
        for one in get_args(wanted):
            yield from _wholes(one)
    elif origin is Annotated:
        yield from _wholes(get_args(wanted)[0])
    else:
        yield wanted


def _kinds(wanted: Any) -> Iterator[Any]:
    """The same, bare."""
    return (get_origin(one) or one for one in _wholes(wanted))
