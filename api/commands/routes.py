"""The routes of commands to devices, and what they take and give as JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Moment, ProblemBody, TextBody
from api.commands.service import CommandDetail, CommandView, outcome_of
from api.http.paging import Cursor, Limit, Listed, following, read_cursor
from api.routing import Signed, needs
from api.services import MAX_COMMENT, Services
from linli.commands.life import CommandState
from linli.commands.wire import MAX_ARGUMENTS, MAX_NUMBER
from linli.ids import ID_PATTERN
from linli.roles import Operation

_Device = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", max_length=64)]
_Number = Annotated[int, Field(strict=True, ge=-MAX_NUMBER, le=MAX_NUMBER)]


class CommandAskedBody(BaseModel):
    """A command: one of the device's kind (docs/wire.md); what is left out of the arguments has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str = Field(max_length=64)
    arguments: dict[str, _Number] = Field(default={}, max_length=MAX_ARGUMENTS)
    reason: str = Field("", max_length=2 * MAX_COMMENT)


class CommandBody(BaseModel):
    """A command and how far it is: pending and sent are open, all others ends; `outcome` says it in a sentence.

    `code` and `detail` say why it was refused or failed. `actor`: a person's id, or cli:NAME.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    community: str
    device: str
    device_name: TextBody
    gateway: str
    command: str
    command_name: TextBody
    arguments: dict[str, int]
    reason: str
    actor: str
    actor_name: str
    asked_at: Moment
    expires_at: Moment
    state: CommandState
    outcome: TextBody
    code: str
    detail: str
    settled_at: Moment | None


class CommandChangeBody(BaseModel):
    """One step of a command's life; `actor` null: nobody, it happened."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: Moment
    state: CommandState
    outcome: TextBody
    actor: str | None
    code: str
    detail: str


class CommandDetailBody(CommandBody):
    """A command with its history, oldest first."""

    changes: list[CommandChangeBody]


class CommandsBody(Listed[CommandBody]):
    """A page of commands."""


def add_routes(router: APIRouter, services: Services) -> None:
    """Add them."""
    unsent: dict[int | str, dict[str, Any]] = {
        403: {"model": ProblemBody, "description": "Your role may not tell this device that"},
        409: {"model": ProblemBody, "description": "The gateway is offline: nothing was sent"},
        429: {"model": ProblemBody, "description": "Too many commands in a minute"},
        503: {"model": ProblemBody, "description": "No connection to the broker: nothing was sent"},
    }

    @router.post("/devices/{device}/commands", status_code=202, responses=unsent, **needs(Operation.SEE))
    def send(device: _Device, body: CommandAskedBody, person: Signed) -> CommandBody:
        """Tell a device to do something. It is on its way; ask `GET /commands/{id}` what became of it."""
        return command_body(services.command(person, device, body.command, body.arguments, body.reason))

    @router.get("/devices/{device}/commands", **needs(Operation.SEE))
    def commands(
        device: _Device,
        request: Request,
        response: Response,
        person: Signed,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> CommandsBody:
        """What the device was told, the last first."""
        before = None if cursor is None else _place(cursor)
        page = services.commands.of_device(person, device, limit, before)
        items = [command_body(view) for view in page.items]
        return CommandsBody(items=items, next=following("commands", page, request, response))

    @router.get("/commands/{command_id}", **needs(Operation.SEE))
    def command(command_id: str, person: Signed) -> CommandDetailBody:
        """One command, and every step of it."""
        return command_detail_body(services.commands.get(person, command_id))


def _place(cursor: str) -> tuple[int, str]:
    asked_at, command = read_cursor("commands", cursor, (int, str))
    return int(asked_at), str(command)


def command_body(view: CommandView) -> CommandBody:
    """A command as JSON has it."""
    return CommandBody.model_validate(_fields(view))


def command_detail_body(detail: CommandDetail) -> CommandDetailBody:
    """A command with its history."""
    changes = [
        {
            "id": change.id,
            "at": change.at,
            "state": change.state,
            "outcome": _text(outcome_of(change.state, change.code, change.detail)),
            "actor": change.actor,
            "code": change.code,
            "detail": change.detail,
        }
        for change in detail.changes
    ]
    return CommandDetailBody.model_validate({**_fields(detail.view), "changes": changes})


def _fields(view: CommandView) -> Mapping[str, object]:
    command = view.command
    own = {name: getattr(command, name) for name in CommandBody.model_fields if hasattr(command, name)}
    return own | {
        "command": command.name,
        "device_name": _text(view.device_name),
        "command_name": _text(view.command_name),
        "actor_name": view.actor_name,
        "outcome": _text(view.outcome),
    }


def _text(text: Any) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}
