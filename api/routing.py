"""How a route says whom it is for. Each says it where it is declared, in the OpenAPI document (`x-linli-operation`) and to the
server alike: `**needs(Operation.SEE)`, `**for_signed_in()`, `**for_session()` or `**for_everybody()`; one that says nothing is refused at the start.
What decides who gets in says `by_session` besides: it is for a person who is signed in, never for a token, whatever that may do.

Which communities it shows is not its business: see `api.sight`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute

from api.bodies import ProblemBody
from api.http.manners import well_mannered
from api.http.session_cookie import session_token
from api.scope import demand
from api.services import Services
from linli.db.people import Person
from linli.errors import NotAllowed, NotSignedIn
from linli.i18n import Text
from linli.roles import Operation

PREFIX = "/api/v1"
DECLARED = "x-linli-operation"
EVERYBODY = "everybody"
SIGNED_IN = "signed_in"
SESSION = "session"
BY_SESSION = "x-linli-session"
"""Marks in the document what no token does."""

_PROBLEM = {"model": ProblemBody}


def identify(services: Services, request: Request, *, acting: bool = True) -> Person | None:
    """Who a request is from: by its bearer token if it has one (and then by nothing else), else by its cookie.

    `acting`: somebody does something; a stream that is only open is looked up again without.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return services.people.by_token(token.strip()) if scheme.lower() == "bearer" else None
    cookie = session_token(request)
    return services.people.by_session(cookie, acting=acting) if cookie else None


def caller(request: Request) -> str:
    """The network address that asks; that of the proxy, where one stands before us."""
    return request.client.host if request.client is not None else ""


def signed_in(request: Request) -> Person:
    """Who asks; NotSignedIn for nobody. Found once for each request."""
    known: Person | None = getattr(request.state, "person", None)
    if known is not None:
        return known
    person = identify(request.app.state.services, request)
    if person is None:
        raise NotSignedIn(Text("请先登录，或使用有效的令牌", "sign in first, or use a valid token"))
    request.state.person = person
    return person


Signed = Annotated[Person, Depends(signed_in)]
"""The parameter of a route that is to know who asks."""


def needs(operation: Operation, *, by_session: bool = False) -> dict[str, Any]:
    """Arguments of a route for those who may do this."""

    def allowed(person: Signed) -> None:
        demand(person, operation)

    return _arguments(operation.value, [Depends(allowed)], 401, 403, by_session=by_session)


def for_signed_in(*, by_session: bool = False) -> dict[str, Any]:
    """Arguments of a route for whoever is signed in: about themselves."""
    return _arguments(SIGNED_IN, [Depends(signed_in)], 401, *((403,) if by_session else ()), by_session=by_session)


def own_session(request: Request) -> str:
    """The token of the session that asks, whether it is complete or waits for something (`linli.signin`).

    NotAllowed for an API token: it decides nothing about an account.
    """
    services: Services = request.app.state.services
    if request.headers.get("authorization"):
        if identify(services, request) is not None:
            raise NotAllowed(Text("此操作须登录后进行，不能使用令牌", "sign in for this: a token may not"))
        raise NotSignedIn(Text("请先登录，或使用有效的令牌", "sign in first, or use a valid token"))
    token = session_token(request)
    if not token or services.people.sessions.enter(token) is None:
        raise NotSignedIn(Text("请先登录", "sign in first"))
    return token


Own = Annotated[str, Depends(own_session)]
"""The parameter of a route that is for a session alone."""


def for_session() -> dict[str, Any]:
    """Arguments of a route for a session alone, never for a token; also for one that waits for more."""
    return _arguments(SESSION, [], 401, 403, by_session=True)


def for_everybody() -> dict[str, Any]:
    """Arguments of a route that answers strangers."""
    return _arguments(EVERYBODY, [])


_SAID = {401: "Not signed in", 403: "Your role, or your token, does not allow this"}


def _arguments(declared: str, dependencies: list[Any], *problems: int, by_session: bool = False) -> dict[str, Any]:
    extra: dict[str, Any] = {DECLARED: declared}
    if declared == EVERYBODY:
        extra["security"] = []
    if by_session:
        extra |= {BY_SESSION: True, "security": [{"session": []}]}
    said = _SAID | ({403: "Not for a token, or not for your role: sign in"} if by_session else {})
    return {
        "dependencies": [*dependencies, *([Depends(own_session)] if by_session else []), Depends(well_mannered)],
        "openapi_extra": extra | {"responses": {str(status): _described(said[status]) for status in problems}},
    }


def _described(words: str) -> Mapping[str, Any]:
    """A problem document in the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}


def undeclared(router: APIRouter) -> list[str]:
    """The routes that do not say whom they are for."""
    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    return [route.path for route in routes if DECLARED not in (route.openapi_extra or {})]
