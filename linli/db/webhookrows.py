"""Webhooks and what was sent, as rows of the database and as what they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from linli.model import Severity
from linli.webhooks import Answer, Ended, Filter, Outcome, Standing


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook without its secret. `within`: what it is limited to besides its owner's own reach; None: nothing else.

    `version` counts what people change; `position` is the id of the last change that it has dealt with.
    """

    id: str
    owner: str
    name: str
    url: str
    filter: Filter
    within: frozenset[str] | None
    version: int
    created_at: int
    updated_at: int
    position: int
    standing: Standing
    last_success_at: int | None
    former_until: int | None


@dataclass(frozen=True, slots=True)
class Replay:
    """Changes above `position` up to `upto` that are to be sent once more."""

    id: int
    position: int
    upto: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent. `change` None: a test. `origin`: live, replay or test. `duration_us`: until the answer was read."""

    message: str
    change: int | None
    kind: str
    origin: str
    at: int
    duration_us: int
    answer: Answer
    replay: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A line of the log. `failures` in a row by then; `next_try_at` None: not tried again by itself."""

    id: int
    webhook: str
    message: str
    change: int | None
    kind: str
    origin: str
    at: int
    duration_us: int
    outcome: Outcome
    status: int | None
    error: str | None
    excerpt: str
    failures: int
    next_try_at: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook that may have something to send: changes up to `newest` are there, or a replay waits."""

    webhook: str
    newest: int
    replaying: bool


def filter_values(wanted: Filter) -> dict[str, Any]:
    """The columns of a filter."""
    return {
        "communities": sorted(wanted.communities),
        "severities": sorted(severity.value for severity in wanted.severities),
        "rules": sorted(wanted.rules),
        "kinds": sorted(wanted.kinds),
    }


def standing_values(standing: Standing) -> dict[str, Any]:
    """All but `ended`, which a person may have set meanwhile."""
    return {
        "failures": standing.failures,
        "failing_since": standing.failing_since,
        "next_try_at": standing.next_try_at,
    }


def webhook_of(row: Row[Any]) -> Webhook:
    """A row of the table webhooks."""
    ended = None if row.ended is None else Ended(row.ended)
    return Webhook(
        id=row.id,
        owner=row.owner_id,
        name=row.name,
        url=row.url,
        filter=Filter(
            frozenset(row.communities),
            frozenset(map(Severity, row.severities)),
            frozenset(row.rules),
            frozenset(row.kinds),
        ),
        within=None if row.within is None else frozenset(row.within),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        position=row.position,
        standing=Standing(ended, row.failures, row.failing_since, row.next_try_at),
        last_success_at=row.last_success_at,
        former_until=row.former_until,
    )


_SAME_NAME = (
    "id",
    "message",
    "kind",
    "origin",
    "at",
    "duration_us",
    "status",
    "error",
    "excerpt",
    "failures",
    "next_try_at",
)


def delivery_of(row: Row[Any]) -> Delivery:
    """A row of the log."""
    same: Mapping[str, Any] = {name: getattr(row, name) for name in _SAME_NAME}
    return Delivery(webhook=row.webhook_id, change=row.change_id, outcome=Outcome(row.outcome), **same)
