"""What a request may look like, whatever it asks: no query parameter that its route does not know, and a body that says it is JSON.

A misspelt filter that were ignored would give the whole list to who asked for a part of it. Every route has this check without
thinking of it (`api.routing`), after it is known who asks and that they may: a stranger is told that they are one.
"""

from collections.abc import Iterable, Iterator
from email.message import Message

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from linli.errors import NotJson, UnknownParameter
from linli.i18n import Text

JSON = "application/json"
_MOST_SHOWN = 10


async def well_mannered(request: Request) -> None:
    """UnknownParameter, NotJson. Async, so that it takes no thread."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    if request.scope.get("query_string"):
        known = query_names(route)
        strange = sorted(set(request.query_params.keys()) - known)
        if strange:
            raise _unknown(strange, known)
    if route.body_field is not None and not is_json(request.headers.get("content-type", "")) and await request.body():
        raise NotJson(
            Text(
                f"正文须为 JSON，并注明 Content-Type: {JSON}",
                f"the body has to be JSON and to say so: Content-Type: {JSON}",
            )
        )


def query_names(route: APIRoute) -> frozenset[str]:
    """The query parameters that the route takes, as they are written in an address; those of what it depends on too."""
    names: frozenset[str] | None = getattr(route, "known_query", None)
    if names is None:
        names = frozenset(_names(route.dependant))
        route.known_query = names  # type: ignore[attr-defined]
    return names


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for part in dependant.dependencies:
        yield from _names(part)


def is_json(content_type: str) -> bool:
    """Whether a Content-Type is JSON's, or of a format made of it (RFC 6839)."""
    message = Message()
    message["content-type"] = content_type or "-"
    kind, subtype = message.get_content_maintype(), message.get_content_subtype()
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


def _unknown(strange: list[str], known: Iterable[str]) -> UnknownParameter:
    named = ", ".join(f"{name:.64}" for name in strange[:_MOST_SHOWN])
    there = ", ".join(sorted(known))
    zh = f"此地址的参数有 {there}" if there else "此地址没有查询参数"
    en = f"this address takes {there}" if there else "this address takes none"
    text = Text(f"不认识查询参数 {named}：{zh}", f"unknown query parameter {named}: {en}")
    return UnknownParameter(text, unknown=tuple(strange[:_MOST_SHOWN]), known=tuple(sorted(known)))
