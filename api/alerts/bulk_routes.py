"""The same done to many alerts at once, over REST: 207, and what happened to each."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from api.alerts.bulk import MOST, Done
from api.alerts.once import Once
from api.bodies import AcknowledgeBody, AlertBody, CloseBody, ProblemBody, ShelveBody, UnshelveBody, alert_body
from api.http.problems import problem_of
from api.routing import Signed, needs
from api.services import Services
from linli.ids import ID_PATTERN
from linli.model import ActionKind
from linli.roles import Operation

_Ids = Annotated[
    list[Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=64)]],
    Field(min_length=1, max_length=MOST, description=f"The alerts, at most {MOST}; what is named twice counts once"),
]
_IDS: list[Any] = ["a3f9c1d27b6e8045", "a51c0e77d94b2f36"]


class AcknowledgeManyBody(AcknowledgeBody):
    """An acknowledgement of each of these; the comment may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": _IDS, "comment": "on my way"}]})

    ids: _Ids


class CloseManyBody(CloseBody):
    """Closing alerts takes a reason, which is that of each."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": _IDS, "reason": "fire drill"}]})

    ids: _Ids


class ShelveManyBody(ShelveBody):
    """Shelving takes a reason and an end: `until`, or for how many `minutes`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": _IDS, "minutes": 120, "reason": "works"}]})

    ids: _Ids


class UnshelveManyBody(UnshelveBody):
    """Taking them up again; the comment may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": _IDS}]})

    ids: _Ids


class ItemBody(BaseModel):
    """What happened to one: `status` as if it had been asked for alone, and the alert as it is then, or the problem."""

    id: str
    status: int
    alert: AlertBody | None
    problem: ProblemBody | None


class ManyBody(BaseModel):
    """What happened to each, in the order in which they were named."""

    done: int
    failed: int
    items: list[ItemBody]


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    handles: dict[str, Any] = {"status_code": 207} | needs(Operation.HANDLE_ALERTS)

    @router.post("/alerts/acknowledge", **handles)
    def acknowledge_many(body: AcknowledgeManyBody, request: Request, person: Signed, once: Once) -> ManyBody:
        """Say of several alerts that you have taken them up. Each is done or not, whatever becomes of the others."""
        found = services.act_on_many(person, body.ids, ActionKind.ACKNOWLEDGE, body.comment, once=once)
        return _many_body(request, found)

    @router.post("/alerts/close", **handles)
    def close_many(body: CloseManyBody, request: Request, person: Signed, once: Once) -> ManyBody:
        """Close several alerts, with one reason. Each is done or not, whatever becomes of the others."""
        return _many_body(request, services.act_on_many(person, body.ids, ActionKind.CLOSE, body.reason, once=once))

    @router.post("/alerts/shelve", **handles)
    def shelve_many(body: ShelveManyBody, request: Request, person: Signed, once: Once) -> ManyBody:
        """Set several alerts aside for a while. Each is done or not, whatever becomes of the others."""
        until = body.ends(services.clock.now())
        return _many_body(request, services.act_on_many(person, body.ids, ActionKind.SHELVE, body.reason, until, once))

    @router.post("/alerts/unshelve", **handles)
    def unshelve_many(body: UnshelveManyBody, request: Request, person: Signed, once: Once) -> ManyBody:
        """Take several alerts up again before their time. Each is done or not, whatever becomes of the others."""
        return _many_body(request, services.act_on_many(person, body.ids, ActionKind.UNSHELVE, body.comment, once=once))


def _many_body(request: Request, found: list[Done]) -> ManyBody:
    items = [_item(request, done) for done in found]
    failed = sum(item.problem is not None for item in items)
    return ManyBody(done=len(items) - failed, failed=failed, items=items)


def _item(request: Request, done: Done) -> ItemBody:
    if done.error is None:
        body = None if done.view is None else alert_body(done.view)
        return ItemBody(id=done.alert, status=200, alert=body, problem=None)
    document = ProblemBody.model_validate(problem_of(request, done.error))
    return ItemBody(id=done.alert, status=document.status, alert=None, problem=document)
