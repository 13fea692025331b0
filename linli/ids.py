"""Identifiers: one alphabet, so that no topic, tag, path or file name ever needs escaping."""

import hashlib
import re
import secrets
from functools import lru_cache

from linli.errors import Refused

ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,63}"
_ID = re.compile(ID_PATTERN)
_TYPE = re.compile(r"[a-z0-9_]{1,32}(?:\.[a-z0-9_]{1,32}){1,5}")


_MEMORY = 100_000
"""How many names are remembered to match: the same few come with every message."""


@lru_cache(_MEMORY)
def _matches_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


@lru_cache(1000)
def _matches_type(text: str) -> bool:
    return _TYPE.fullmatch(text) is not None


def is_id(value: object) -> bool:
    """Whether `value` is a str that matches ID_PATTERN as a whole."""
    return isinstance(value, str) and _matches_id(value)


def check_id(value: object, what: str) -> str:
    """`value` itself if it is an id, else Refused 'bad_id' naming `what` it should have been."""
    if not isinstance(value, str) or not _matches_id(value):
        raise Refused("bad_id", f"{what} {value!r:.80} does not match {ID_PATTERN}")
    return value


def is_type(value: object) -> bool:
    """Whether `value` is a dotted event type such as 'access.door.forced'."""
    return isinstance(value, str) and _matches_type(value)


def check_type(value: object) -> str:
    """`value` itself if it is a dotted event type such as 'access.door.forced', else Refused 'bad_type'."""
    if not isinstance(value, str) or not _matches_type(value):
        raise Refused("bad_type", f"{value!r:.80} is not a dotted event type of 2 to 6 lower-case words")
    return value


def new_bootid() -> str:
    """A name for a new outbox: 80 random bits, so that two outboxes never share one."""
    return "b" + secrets.token_hex(10)


def new_secret() -> str:
    """A password or client-id part that cannot be guessed: 144 random bits in URL-safe letters."""
    return secrets.token_urlsafe(18)


def alert_id(rule: str, subject: str, starting_event: str) -> str:
    """The id of the alert that `starting_event` opened: the same three always give the same id.

    So a rules process that replays its journal after a kill names the alerts as before, and a repeat has no effect.
    """
    digest = hashlib.blake2b("\x1f".join((rule, subject, starting_event)).encode(), digest_size=10)
    return "a" + digest.hexdigest()
