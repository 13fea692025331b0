"""Drawings of floor plans over REST, and where on them devices are."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.bodies import Moment, ProblemBody, TextBody
from api.facilities.state import FacilityState
from api.floorplans.service import Dot, build_floorplans
from api.http.preconditions import demand_match, etag_of, not_modified, unchanged
from api.registry import bodies
from api.registry.routes import STALE, body_of
from api.registry.service import RegistryService, Shown
from api.routing import Signed, needs
from api.services import Services
from api.views import FacilityStatus
from linli.db.floorplans import MOST_DEVICES, Drawing
from linli.db.people import Person
from linli.floorplans import Format, Spot
from linli.ids import ID_PATTERN
from linli.registry.changes import Key
from linli.roles import Operation

_Id = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", max_length=64)]
_Edition = Annotated[
    str | None,
    Query(max_length=64, description="Any word: a page that shows the drawing asks anew where it is another one"),
]
_DRAWINGS: dict[str, Any] = {one.media_type: {"schema": {"type": "string", "format": "binary"}} for one in Format}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    413: {"model": ProblemBody, "description": "The drawing is too large"},
}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "You have it already"}}


class DrawingBody(BaseModel):
    """The drawing of a floor plan."""

    model_config = ConfigDict(frozen=True)

    plan: str
    community: str
    stored_at: Moment
    media_type: str
    size: int = Field(description="Bytes")
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")
    sha256: str


class SpotBody(BaseModel):
    """A spot of a plan's drawing: from its left and from its top, each from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: str = Field(pattern=f"^{ID_PATTERN}$", max_length=64)
    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)


class DotBody(BaseModel):
    """A device on a plan: where, and how it is now."""

    model_config = ConfigDict(frozen=True)

    device: str
    kind: str
    name: TextBody
    x: float
    y: float
    state: FacilityStatus
    reasons: list[TextBody]


class DotsBody(BaseModel):
    """The devices on a plan, by id."""

    items: list[DotBody] = Field(max_length=MOST_DEVICES)


def add_routes(router: APIRouter, services: Services) -> None:
    """The routes over these services."""
    _add_drawings(router, services)
    _add_spots(router, services)


def _add_drawings(router: APIRouter, services: Services) -> None:
    plans, path = build_floorplans(services), "/registry/floor-plans/{item_id}/drawing"

    @router.put(
        path,
        response_model=DrawingBody,
        status_code=201,
        responses=_PROBLEMS | {200: {"model": DrawingBody, "description": "It was this one already"}},
        **_takes_drawings(needs(Operation.EDIT_REGISTRY)),
    )
    async def put_drawing(item_id: _Id, request: Request, response: Response, person: Signed) -> Any:
        """Upload the drawing of a floor plan, in place of the one it has. PNG, JPEG or WebP; an SVG can carry scripts and is refused."""
        data = await request.body()
        kept, fresh = await run_in_threadpool(plans.put, person, item_id, data)
        response.status_code = 201 if fresh else 200
        response.headers["etag"] = etag_of(kept.sha256)
        return _body(kept)

    @router.get(
        path,
        response_class=Response,
        responses=_UNCHANGED | {200: {"content": _DRAWINGS, "description": "The drawing"}},
        **needs(Operation.SEE),
    )
    def drawing(item_id: _Id, request: Request, person: Signed, edition: _Edition = None) -> Response:
        """Look at the drawing of a floor plan. A browser may keep it, and asks each time whether it is still the same."""
        found = plans.drawing(person, item_id)
        tag = etag_of(found.sha256)
        if unchanged(request, tag):
            return not_modified(tag)
        headers = {
            "cache-control": "private, no-cache",
            "content-disposition": f'inline; filename="{found.plan}.{found.format}"',
            "etag": tag,
        }
        return Response(plans.content(found), media_type=found.format.media_type, headers=headers)

    @router.delete(path, status_code=204, **needs(Operation.EDIT_REGISTRY))
    def remove_drawing(item_id: _Id, person: Signed) -> None:
        """Remove the drawing of a floor plan. The plan stays, and where on it devices are."""
        plans.remove(person, item_id)


def _add_spots(router: APIRouter, services: Services) -> None:
    plans = build_floorplans(services)
    registry = RegistryService(services.sights, services.database, services.clock)
    path = "/registry/devices/{item_id}/spot"

    @router.get("/registry/floor-plans/{item_id}/devices", response_model=DotsBody, **needs(Operation.SEE))
    def dots(item_id: _Id, person: Signed) -> Any:
        """List the devices on a floor plan: where each is on the drawing, and how it is now."""
        return {"items": [_dot(dot) for dot in plans.dots(person, item_id)]}

    def revision_of(person: Person, device: str, request: Request) -> int:
        shown = registry.get(person, Key("device", device))
        demand_match(request, etag_of(shown.kept.revision))
        return shown.kept.revision

    @router.put(path, response_model=bodies.OUT["device"], responses=STALE, **needs(Operation.EDIT_REGISTRY))
    def place(item_id: _Id, body: SpotBody, request: Request, response: Response, person: Signed) -> Any:
        """Place a device on a floor plan of its compound, with `If-Match`."""
        revision = revision_of(person, item_id, request)
        return _answer(plans.place(person, item_id, body.plan, Spot(body.x, body.y), revision), response)

    @router.delete(path, response_model=bodies.OUT["device"], responses=STALE, **needs(Operation.EDIT_REGISTRY))
    def take_off(item_id: _Id, request: Request, response: Response, person: Signed) -> Any:
        """Take a device off its floor plan, with `If-Match`."""
        return _answer(plans.take_off(person, item_id, revision_of(person, item_id, request)), response)


def _takes_drawings(arguments: dict[str, Any]) -> dict[str, Any]:
    """A route's arguments, with a drawing as its body in the document."""
    extra = arguments["openapi_extra"] | {"requestBody": {"required": True, "content": _DRAWINGS}}
    return arguments | {"openapi_extra": extra}


def _body(kept: Drawing) -> DrawingBody:
    same = ("plan", "community", "stored_at", "size", "width", "height", "sha256")
    return DrawingBody(**{name: getattr(kept, name) for name in same}, media_type=kept.format.media_type)


def _dot(dot: Dot) -> dict[str, Any]:
    state: FacilityState = dot.state
    where = {"x": dot.spot.x, "y": dot.spot.y, "state": state.status, "reasons": list(state.reasons)}
    return {"device": dot.device.id, "kind": dot.device.kind, "name": dot.device.name} | where


def _answer(shown: Shown, response: Response) -> BaseModel:
    response.headers["etag"] = etag_of(shown.kept.revision)
    return body_of("device", shown)
