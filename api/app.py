"""The web application: the REST API under /api/v1, and whatever console is mounted beside it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from api import openapi
from api.http import problems
from api.http.gate import Gate, RequestCounts
from api.http.heads import Heads
from api.http.idempotency import Idempotent
from api.http.ratelimit import Policy, RateLimiter
from api.http.session_cookie import COOKIE
from api.metrics import Metrics
from api.routes import build_router
from api.routing import PREFIX, identify
from api.services import Services
from linli import __version__
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db.idempotency import SqlIdempotency
from linli.sealing import Seals


class _Guarded(FastAPI):
    """FastAPI behind the gate: what its own answer to an unexpected error needs too, which no added middleware sees."""

    def __init__(self, requests: RequestCounts, **given: Any) -> None:
        super().__init__(**given)
        self._requests = requests

    def build_middleware_stack(self) -> ASGIApp:
        """As Starlette builds it, within the gate."""
        return Gate(super().build_middleware_stack(), self._requests)


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app(services: Services, console: Callable[[FastAPI, Services], None] | None) -> FastAPI:
    """The application over `services`; `console` mounts the staff console on it, None leaves it out (tests).

    The live stream starts and stops with the application. `app.state.requests` counts requests.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        try:
            yield
        finally:
            services.stop()

    requests = RequestCounts()
    app = _Guarded(
        requests,
        title="Linli",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        generate_unique_id_function=openapi.operation_id,
        docs_url=None,  # its scripts would come from another site
        redoc_url=None,
        lifespan=lifespan,
    )
    openapi.install(app)
    app.state.requests = requests
    app.state.services = services
    problems.install(app, services.settings.language)
    _add_middleware(app, services, requests)
    router = build_router(services, Metrics(services, requests))
    app.include_router(router)
    for path in ("/api", "/api/{rest:path}"):
        app.add_api_route(path, _elsewhere(router), methods=_METHODS, include_in_schema=False)
    if console is not None:
        console(app, services)
    return app


def _add_middleware(app: FastAPI, services: Services, requests: RequestCounts) -> None:
    """What a request passes between the gate and its route; the one added last comes first. By the machine's clock: what they
    count and keep is about real callers, whatever time is simulated."""
    clock, settings = SystemClock(), services.settings
    keys = SqlIdempotency(services.database.whole(), Seals(DataFolder(settings.data).secrets))
    app.add_middleware(Heads)
    app.add_middleware(Idempotent, keys=keys, who=partial(identify, services), clock=clock)
    if settings.requests_per_minute:
        policy = Policy(settings.requests_per_minute, 60)
        app.add_middleware(RateLimiter, policy=policy, clock=clock, cookie=COOKIE, counts=requests)


def _elsewhere(router: APIRouter) -> Callable[[Request], Response]:
    """For what no route takes under /api, where the console would else answer with a page: 404, or 405 with `Allow`."""

    def answer(request: Request) -> Response:
        allowed: set[str] = set()
        for route in router.routes:
            if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL:
                allowed |= route.methods or set()
        if "GET" in allowed:
            allowed.add("HEAD")  # `api.http.heads`
        if allowed:
            return problems.problem(request, problems.WRONG_METHOD, headers={"allow": ", ".join(sorted(allowed))})
        return problems.problem(request, problems.NOT_FOUND)

    return answer
