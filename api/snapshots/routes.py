"""Camera pictures over REST: put by agents and integrators, looked at by signed links."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from api.bodies import Moment, ProblemBody, When
from api.registry import person_bodies as forms
from api.registry.persons import Look
from api.routing import Signed, caller, for_everybody, needs
from api.services import Services
from api.snapshots.service import Shown, build_snapshots
from linli.db.snapshots import Snapshot
from linli.ids import ID_PATTERN
from linli.roles import Operation
from linli.snapshots import Kind

Name = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", max_length=64)]

_PICTURES: dict[str, Any] = {kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in Kind}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    409: {"model": ProblemBody, "description": "There is another picture under this name"},
    413: {"model": ProblemBody, "description": "The picture is too large"},
}


class SnapshotBody(BaseModel):
    """A picture of a device. `id` is what the event that it belongs to calls it."""

    model_config = ConfigDict(frozen=True)

    id: str
    device: str
    community: str
    taken_at: Moment
    stored_at: Moment
    media_type: str
    size: int = Field(description="Bytes")
    width: int = Field(description="Pixels")
    height: int = Field(description="Pixels")


class SnapshotLinkBody(SnapshotBody):
    """The same, with a link to look at it: for you alone, and for some minutes. Each look is written down."""

    link: str = Field(description="Path on this host; needs no other credentials")
    until: Moment


def add_routes(router: APIRouter, services: Services) -> None:
    """The routes over these services."""
    snapshots = build_snapshots(services)

    @router.put(
        "/devices/{device_id}/snapshots/{snapshot_id}",
        response_model=SnapshotBody,
        status_code=201,
        responses=_PROBLEMS | {200: {"model": SnapshotBody, "description": "It was there already"}},
        **_takes_pictures(needs(Operation.ADD_SNAPSHOTS)),
    )
    async def put_snapshot(
        device_id: Name,
        snapshot_id: Name,
        request: Request,
        response: Response,
        person: Signed,
        taken_at: Annotated[When | None, Query(description="When it was taken; now, if not said")] = None,
    ) -> Any:
        """Store a picture. You choose its name, so that the event can be sent before or without it; again changes nothing."""
        data = await request.body()
        kept, fresh = await run_in_threadpool(snapshots.put, person, device_id, snapshot_id, data, taken_at)
        response.status_code = 201 if fresh else 200
        return _body(kept)

    @router.get("/devices/{device_id}/snapshots/{snapshot_id}", **needs(Operation.SEE_SNAPSHOTS))
    def snapshot(
        device_id: str, snapshot_id: str, person: Signed, purpose: forms.Purpose, reason: forms.Reason = ""
    ) -> SnapshotLinkBody:
        """One picture, with a link to look at it. What for is in the link, and is written down with each look."""
        return _link_body(snapshots.get(person, device_id, snapshot_id, Look(purpose, reason)))

    @router.get(
        "/pictures/{link}",
        response_class=Response,
        responses={200: {"content": _PICTURES, "description": "The picture"}},
        **for_everybody(),
    )
    def picture(link: str, request: Request) -> Response:
        """The picture that a link is for. Without a link that holds, there is nothing here."""
        found, data = snapshots.open(link, caller(request))
        headers = {
            "cache-control": "private, no-store",
            "content-disposition": f'inline; filename="{found.id}.{found.kind}"',
        }
        return Response(data, media_type=found.kind.media_type, headers=headers)


def _takes_pictures(arguments: dict[str, Any]) -> dict[str, Any]:
    """A route's arguments, with a picture as its body in the document."""
    extra = arguments["openapi_extra"] | {"requestBody": {"required": True, "content": _PICTURES}}
    return arguments | {"openapi_extra": extra}


def _body(kept: Snapshot) -> SnapshotBody:
    return SnapshotBody(**_facts(kept))


def _link_body(shown: Shown) -> SnapshotLinkBody:
    return SnapshotLinkBody.model_validate(_facts(shown.snapshot) | {"link": shown.link, "until": shown.until})


def _facts(kept: Snapshot) -> dict[str, Any]:
    same = ("id", "device", "community", "taken_at", "stored_at", "size", "width", "height")
    return {name: getattr(kept, name) for name in same} | {"media_type": kept.kind.media_type}
