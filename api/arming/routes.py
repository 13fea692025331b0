"""The routes of places and their modes, and what they take and give as JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.arming.service import PlaceDetail
from api.bodies import Id, Moment, ProblemBody, TextBody
from api.http.paging import Cursor, Limit, Listed, cut, listed, read_cursor
from api.routing import Signed, needs
from api.services import MAX_COMMENT, Services
from linli.arming import MODES
from linli.ids import ID_PATTERN
from linli.roles import Operation

_Place = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", max_length=64)]


class ModeBody(BaseModel):
    """A mode for a place, and why; null: it goes by the place around it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"mode": "night", "reason": "closing time"},
                {"mode": None, "reason": "as the rest of the building again"},
            ]
        },
    )

    mode: str | None = Field(max_length=64, description=f"One of {', '.join(MODES)}, or null")
    reason: str = Field(min_length=1, max_length=2 * MAX_COMMENT)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class PlaceBody(_Out):
    """A place. `mode` holds there: its own, or that of the nearest place around it that has one (`mode_from`); null where
    none has. What was `changed` last, by whom and why, is its own."""

    id: str
    kind: str
    kind_name: TextBody
    name: TextBody
    community: str
    community_name: TextBody
    parent: str | None
    mode: str | None
    mode_name: TextBody | None
    mode_from: str | None
    own_mode: str | None
    changed_by: str | None
    changed_by_name: str | None
    changed_at: Moment | None
    reason: str | None


class PlacesBody(Listed[PlaceBody]):
    """A page of places."""


class ArmingChangeBody(_Out):
    """The place was given a mode; null: it gave its own up."""

    mode: str | None
    mode_name: TextBody | None
    changed_by: str
    changed_by_name: str
    changed_at: Moment
    reason: str


class PlaceDetailBody(PlaceBody):
    """A place with how it was armed and disarmed, the last first."""

    changes: list[ArmingChangeBody]


def add_routes(router: APIRouter, services: Services) -> None:
    """Add them."""
    refused: dict[int | str, dict[str, Any]] = {
        403: {"model": ProblemBody, "description": "Your role may not arm places"}
    }

    @router.get("/places", response_model=PlacesBody, **needs(Operation.SEE))
    def places(
        request: Request,
        response: Response,
        person: Signed,
        community: Id | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """Places with their modes, by id."""
        after = None if cursor is None else read_cursor("places", cursor, (str,))
        page = cut(services.arming.places(person, community), limit, lambda place: (place.id,), after)
        return listed("places", page, request, response)

    @router.get("/places/{place_id}", **needs(Operation.SEE))
    def place(place_id: _Place, person: Signed) -> PlaceDetailBody:
        """One place, and how it was armed and disarmed."""
        return _detail_body(services.arming.place(person, place_id))

    @router.put(
        "/places/{place_id}/mode", response_model=PlaceBody, responses=refused, **needs(Operation.COMMAND_SECURITY)
    )
    def set_mode(place_id: _Place, body: ModeBody, person: Signed) -> Any:
        """Arm or disarm a place. Rules goes by it within a second; who did it and why is kept."""
        return services.arm(person, place_id, body.mode, body.reason)


def _detail_body(detail: PlaceDetail) -> PlaceDetailBody:
    own: dict[str, object] = {name: getattr(detail.view, name) for name in PlaceBody.model_fields}
    return PlaceDetailBody.model_validate(own | {"changes": list(detail.changes)})
