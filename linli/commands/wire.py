"""Commands to devices on the wire: what the server asks of a gateway, and what the gateway answers. Plain JSON objects.

    linli/v1/{community}/gateway/{gateway}/command    a Command
    linli/v1/{community}/gateway/{gateway}/reply      a Reply

A command is good for seconds (`issued_at` to `expires_at`) and for once: its id is random, and a gateway that has answered an
id only repeats that answer. So a captured or delayed one opens no door, and the server may ask again what became of one.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from linli.clock import SECOND, format_time, parse_time
from linli.errors import MalformedMessage
from linli.ids import is_id
from linli.strictjson import dumps, parse_object

LIFETIME = 10 * SECOND
"""How long a command may be carried out, unless told otherwise."""

MAX_LIFETIME = 60 * SECOND
"""Longer no command is good for, whoever sends it: a gateway's connection may come back with old messages."""

TOLERANCE = 2 * SECOND
"""How far the gateway's clock, corrected by what it knows of the server's, may be off when it looks at the two times."""

MAX_BYTES = 4096
MAX_ARGUMENTS = 8
MAX_NUMBER = 1_000_000
MAX_DETAIL = 500

_COMMAND_KEYS = frozenset(("id", "device", "command", "arguments", "issued_at", "expires_at"))
_REPLY_KEYS = frozenset(("id", "state", "reason", "detail", "at"))


class ReplyState(StrEnum):
    """How a command ended, by the gateway's word. REFUSED: not begun. FAILED: begun, and what became of it is not known."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Command:
    """Something that `device` is to do, once, not before `issued_at` and not after `expires_at` (the server's clock).

    `command` is one of the device's kind (`linli.commands.kinds`); arguments are whole numbers by name.
    """

    id: str
    device: str
    command: str
    issued_at: int
    expires_at: int
    arguments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of the command `id`, at `at` by the gateway's clock.

    `reason`: a stable code, empty when it is done; `detail` is for people, in the gateway's words.
    """

    id: str
    state: ReplyState
    reason: str
    detail: str
    at: int


def new_command_id() -> str:
    """An id that nobody can guess or meet twice: 120 random bits."""
    return "c" + secrets.token_hex(15)


def encode_command(command: Command) -> bytes:
    """The payload of the command topic; MalformedMessage for a command that could not be read again."""
    payload: bytes = dumps(
        {
            "id": command.id,
            "device": command.device,
            "command": command.command,
            "arguments": dict(command.arguments),
            "issued_at": format_time(command.issued_at),
            "expires_at": format_time(command.expires_at),
        }
    )
    decode_command(payload)
    return payload


def decode_command(payload: bytes) -> Command:
    """The command in `payload`, or MalformedMessage 'bad_command' or one of `linli.strictjson`."""
    document = parse_object(payload, MAX_BYTES)
    if document.keys() != _COMMAND_KEYS:
        raise MalformedMessage("bad_command", f"a command has {', '.join(sorted(_COMMAND_KEYS))} and nothing else")
    for name in ("id", "device", "command"):
        if not is_id(document[name]):
            raise MalformedMessage("bad_command", f"{name} {document[name]!r:.80} is not an id")
    issued_at, expires_at = _time(document, "issued_at"), _time(document, "expires_at")
    if not 0 < expires_at - issued_at <= MAX_LIFETIME:
        raise MalformedMessage("bad_command", f"it is to be good for {(expires_at - issued_at) / SECOND:g} s")
    return Command(
        document["id"],
        document["device"],
        document["command"],
        issued_at,
        expires_at,
        _arguments(document["arguments"]),
    )


def encode_reply(reply: Reply) -> bytes:
    """The payload of the reply topic; a detail that is too long is cut."""
    payload: bytes = dumps(
        {
            "id": reply.id,
            "state": reply.state.value,
            "reason": reply.reason,
            "detail": reply.detail[:MAX_DETAIL],
            "at": format_time(reply.at),
        }
    )
    return payload


def decode_reply(payload: bytes) -> Reply:
    """The reply in `payload`, or MalformedMessage 'bad_reply' or one of `linli.strictjson`."""
    document = parse_object(payload, MAX_BYTES)
    if document.keys() != _REPLY_KEYS:
        raise MalformedMessage("bad_reply", f"a reply has {', '.join(sorted(_REPLY_KEYS))} and nothing else")
    reply, state, reason, detail = (document[name] for name in ("id", "state", "reason", "detail"))
    if not is_id(reply):
        raise MalformedMessage("bad_reply", f"id {reply!r:.80} is not an id")
    if not isinstance(state, str) or state not in set(ReplyState):
        raise MalformedMessage("bad_reply", f"state {state!r:.80} is none of {', '.join(ReplyState)}")
    if not (is_id(reason) or reason == ""):
        raise MalformedMessage("bad_reply", f"reason {reason!r:.80} is no code")
    if not isinstance(detail, str) or len(detail) > MAX_DETAIL:
        raise MalformedMessage("bad_reply", f"detail is no text of at most {MAX_DETAIL} characters")
    return Reply(reply, ReplyState(state), reason, detail, _time(document, "at", "bad_reply"))


def _arguments(value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) > MAX_ARGUMENTS:
        raise MalformedMessage("bad_command", f"arguments is no object of at most {MAX_ARGUMENTS} names")
    for name, number in value.items():
        if not is_id(name) or type(number) is not int or abs(number) > MAX_NUMBER:
            raise MalformedMessage("bad_command", f"argument {name!r:.80} is no whole number up to {MAX_NUMBER}")
    return value


def _time(document: dict[str, Any], key: str, reason: str = "bad_command") -> int:
    value = document[key]
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        raise MalformedMessage(reason, f"{key} {value!r:.60} is not an RFC 3339 time with a zone") from None
