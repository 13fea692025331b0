"""The REST routes under /api/v1: each is a line or two over `api.services`, which decides right and scope."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api import bodies, enrolment
from api.accounts import routes as account_routes
from api.accounts import session_routes
from api.alerts import bulk_routes
from api.alerts import routes as alert_routes
from api.alerts.stream import events
from api.arming import routes as arming_routes
from api.audit import routes as audit_routes
from api.bodies import Id, When
from api.commands import routes as command_routes
from api.exports import routes as export_routes
from api.floorplans import routes as floorplan_routes
from api.http.paging import Cursor, Limit, bad_cursor, cut, listed, read_cursor
from api.http.strictbodies import StrictRoute
from api.metrics import CONTENT_TYPE, Metrics
from api.own import routes as own_routes
from api.registry import person_bodies as forms
from api.registry import person_routes
from api.registry import routes as registry_routes
from api.registry.importing import routes as import_routes
from api.registry.persons import Look
from api.routing import PREFIX, Signed, caller, for_everybody, identify, needs, undeclared
from api.rulebook import routes as rule_routes
from api.scope import may
from api.services import MAX_POINTS, Services
from api.snapshots import routes as snapshot_routes
from api.webhooks import routes as webhook_routes
from linli.charts import Shape
from linli.errors import TooMany
from linli.i18n import Text
from linli.ids import is_id
from linli.model import Lane
from linli.ports import EventKey
from linli.roles import Operation

ANONYMOUS = frozenset(
    {
        ("POST", f"{PREFIX}/sessions"),
        ("GET", f"{PREFIX}/health"),
        ("POST", f"{PREFIX}/enrolments/redeem"),
        ("GET", f"{PREFIX}/pictures/{{link}}"),
    }
)
"""The only operations that answer somebody who has not signed in. (The OpenAPI document itself is public too.)"""

MAX_STREAMS = 2000
"""Above this many live streams and consoles a further stream is refused: each holds a queue and a connection."""

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": bodies.ProblemBody, "description": words}
    for status, words in ((401, "Not signed in"), (404, "Not there, or not for you"))
}


def build_router(services: Services, metrics: Metrics) -> APIRouter:
    """All routes over these services."""

    router = APIRouter(prefix=PREFIX, responses=_PROBLEMS, route_class=StrictRoute)
    session_routes.add_routes(router, services)
    account_routes.add_routes(router, services)
    alert_routes.add_routes(router, services)
    _add_registry(router, services)
    _add_store(router, services)
    _add_platform(router, services, metrics)
    command_routes.add_routes(router, services)
    arming_routes.add_routes(router, services)
    rule_routes.add_routes(router, services)
    registry_routes.add_routes(router, services)
    import_routes.add_routes(router, services)
    floorplan_routes.add_routes(router, services)
    person_routes.add_routes(router, services)
    own_routes.add_routes(router, services)
    enrolment.add_routes(router, services, caller)
    webhook_routes.add_routes(router, services)
    export_routes.add_routes(router, services)
    bulk_routes.add_routes(router, services)
    snapshot_routes.add_routes(router, services)
    audit_routes.add_routes(router, services)
    forgotten = undeclared(router)
    assert not forgotten, f"routes that do not say whom they are for: {forgotten}"
    return router


def _add_registry(router: APIRouter, services: Services) -> None:
    @router.get("/communities", response_model=bodies.CommunitiesBody, **needs(Operation.SEE))
    def communities(
        request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None
    ) -> Any:
        """The communities that you see, by id."""
        after = None if cursor is None else read_cursor("communities", cursor, (str,))
        page = cut(services.communities(person), limit, lambda community: (community.id,), after)
        return listed("communities", page, request, response)

    @router.get("/devices", response_model=bodies.DevicesBody, **needs(Operation.SEE))
    def devices(
        request: Request,
        response: Response,
        person: Signed,
        community: Id | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """Devices, by id."""
        after = "" if cursor is None else str(read_cursor("devices", cursor, (str,))[0])
        return listed("devices", services.devices(person, community, limit, after), request, response)

    @router.get("/devices/{device_id}", response_model=bodies.DeviceBody, **needs(Operation.SEE))
    def device(device_id: str, person: Signed) -> Any:
        """One device: where it is, and when it last reported. It has no `ETag`, for that changes with each report; as it is registered,
        and with an `ETag`, it is at `GET /registry/devices/{id}`."""
        return services.device(person, device_id)

    @router.get("/facilities", response_model=bodies.FacilitiesBody, **needs(Operation.SEE))
    def facilities(
        request: Request,
        response: Response,
        person: Signed,
        community: Id | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """Facilities with their state, by id."""
        after = "" if cursor is None else str(read_cursor("facilities", cursor, (str,))[0])
        return listed("facilities", services.facilities(person, community, limit, after), request, response)

    @router.get("/facilities/{facility_id}", **needs(Operation.SEE))
    def facility(facility_id: str, person: Signed) -> bodies.FacilityDetailBody:
        """One facility with its devices and their newest values. It has no `ETag`, for those change with each report; as it is registered,
        and with an `ETag`, it is at `GET /registry/facilities/{id}`."""
        return bodies.facility_detail_body(services.facility(person, facility_id))


def _add_store(router: APIRouter, services: Services) -> None:
    @router.get("/readings", response_model=list[bodies.BucketBody], **needs(Operation.SEE))
    def readings(
        response: Response,
        person: Signed,
        device: Id,
        quantity: Id,
        start: Annotated[When, Query(alias="from")],
        end: Annotated[When, Query(alias="to")],
        points: Annotated[int, Query(ge=1, le=MAX_POINTS, description="At most this many buckets")] = 300,
        downsample: Annotated[
            Shape,
            Query(description="Equal buckets; the rows that keep the line's look (LTTB); or the first raw rows"),
        ] = Shape.MINMAXMEAN,
    ) -> Any:
        """A series in [from, to), downsampled. The header `Linli-Resolution` says what it was read from: raw, 1m, 1h."""
        found = services.chart(person, device, quantity, start, end, points, downsample)
        response.headers["Linli-Resolution"] = found.resolution.value
        return found.buckets

    @router.get("/events", response_model=bodies.EventsBody, **needs(Operation.SEE))
    def stored_events(
        request: Request,
        response: Response,
        person: Signed,
        start: Annotated[When, Query(alias="from")],
        end: Annotated[When, Query(alias="to")],
        community: Id | None = None,
        kind: Annotated[list[str], Query(alias="type", max_length=50)] = [],  # noqa: B006
        device: Id | None = None,
        purpose: bodies.WhatFor = None,
        reason: forms.Reason = "",
        full: forms.Full = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """Discrete events in [from, to), newest first. What they say of people (the card at a door) is masked, unless in full is asked
        for, with a purpose and a reason; each page of that is logged."""
        before = None if cursor is None else _event_key(cursor)
        look = Look(purpose or "", reason, full)
        page = services.events(
            person, start, end, community=community, types=kind, device=device, limit=limit, before=before, look=look
        )
        return listed("events", page, request, response)

    @router.get(
        "/stream",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
        **needs(Operation.SEE),
    )
    async def stream(request: Request, person: Signed) -> StreamingResponse:
        """What happens to alerts, as server-sent events: `alert` (a change and the alert), `resync` (read the list
        again: changes were left out) and `ready`. `Last-Event-ID` goes on where it was cut off."""
        if services.live.streams >= MAX_STREAMS:
            text = Text("实时连接过多，请稍后再试", "too many look on already; try again later")
            raise TooMany(text, retry_after_s=30)
        chunks = events(services, request, person, lambda: identify(services, request, acting=False))
        return StreamingResponse(chunks, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _add_platform(router: APIRouter, services: Services, metrics: Metrics) -> None:
    @router.get("/health", response_model_exclude_none=True, **for_everybody())
    def health(request: Request) -> bodies.HealthBody:
        """Whether Linli is well; an administrator is told what is not."""
        person = identify(services, request)
        view = services.health()
        if person is None or not may(person, Operation.SEE_PLATFORM):
            return bodies.HealthBody.model_validate({"state": view.state, "at": view.at})
        return bodies.HealthBody.model_validate(view)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
        **needs(Operation.SEE_PLATFORM),
    )
    def read_metrics(person: Signed) -> Response:
        """Metrics for Prometheus; administrators only, since they count over all communities."""
        return Response(metrics.render(), media_type=CONTENT_TYPE)


def _event_key(cursor: str) -> EventKey:
    """The place of an event; Refused for what is none, since a store may be asked in words."""
    time, sequence, gateway, bootid, lane = read_cursor("events", cursor, (int, int, str, str, str))
    if lane not in set(Lane) or not is_id(gateway) or not is_id(bootid):
        raise bad_cursor()
    return EventKey(int(time), int(sequence), str(gateway), str(bootid), str(lane))
