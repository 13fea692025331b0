"""Which alerts a list, an export or a count is about: the same filters with the same meaning wherever alerts are asked for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from api.bodies import Id, When
from linli.model import Severity


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Of all the conditions that are given; `since` <= opened_at < `until`, in microseconds since 1970 UTC."""

    open_only: bool = True
    severities: tuple[Severity, ...] = ()
    rules: tuple[str, ...] = ()
    community: str | None = None
    subject: str | None = None
    since: int | None = None
    until: int | None = None


def _of_query(
    open_only: Annotated[bool, Query(alias="open", description="Only those that are open")] = True,
    severity: Annotated[list[Severity], Query()] = [],  # noqa: B006  FastAPI copies defaults
    rule: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006
    community: Id | None = None,
    subject: Id | None = None,
    since: Annotated[When | None, Query(description="Opened at this time or later")] = None,
    until: Annotated[When | None, Query(description="Opened before this time")] = None,
) -> AlertFilter:
    return AlertFilter(open_only, tuple(severity), tuple(rule), community, subject, since, until)


AlertFilters = Annotated[AlertFilter, Depends(_of_query)]
"""The filters as a route takes them from its query."""
