"""The JSON of the REST API, as pydantic models: what /api/v1/openapi.json describes.

Times are RFC 3339 in UTC; a text is an object with both languages. Input models refuse keys they do not know, so a role,
community or owner that somebody slips into a body is an error and never believed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from api.http.paging import Listed
from api.views import AlertChange, AlertDetail, AlertView, FacilityDetail, FacilityStatus
from linli.auditwords import PURPOSES
from linli.clock import MINUTE, SECOND, format_time, parse_time
from linli.db.people import Person
from linli.ids import ID_PATTERN
from linli.model import Condition, Handling, Role, Severity
from linli.roles import Operation


def _formatted(value: Any) -> Any:
    return format_time(value) if isinstance(value, int) else value


def _parsed(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("not an RFC 3339 time with a zone")
    day, blank, zone = value.rpartition(" ")  # '+08:00' arrives as ' 08:00' where '+' was not escaped in the address
    return parse_time(f"{day}+{zone}" if blank and "T" in day else value)


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})
Moment = Annotated[str, BeforeValidator(_formatted), _SCHEMA]
"""A time that goes out: given as microseconds, shown as RFC 3339."""
When = Annotated[int, BeforeValidator(_parsed), _SCHEMA]
"""A time that comes in: RFC 3339 with a zone, kept as microseconds."""
Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$", max_length=64)]
"""An id that comes in, in a path, a query or a body."""
WhatFor = Annotated[
    str | None,
    Query(pattern=f"^({'|'.join(PURPOSES)})$", description="What for; needed in full, and written into the audit log"),
]
"""The purpose of a look that needs one only in full."""


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- in ---------------------------------------------------------------------------------------------------------------


class SignInBody(_In):
    """Name and password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=1000)


class AcknowledgeBody(_In):
    """An acknowledgement; the comment may be empty."""

    comment: str = Field("", max_length=4000)


class CloseBody(_In):
    """Closing an alert takes a reason."""

    reason: str = Field(min_length=1, max_length=4000)


class ShelveBody(_In):
    """Shelving takes a reason and an end: `until`, or for how many `minutes`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"minutes": 120, "reason": "the plumber comes at four"},
                {"until": "2026-11-23T16:00:00Z", "reason": "the plumber comes at four"},
            ]
        },
    )

    until: When | None = None
    minutes: int | None = Field(None, ge=1, le=7 * 24 * 60)
    reason: str = Field(min_length=1, max_length=4000)

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.until is None) == (self.minutes is None):
            raise ValueError("give either until or minutes")
        return self

    def ends(self, now: int) -> int:
        """Until when, in microseconds."""
        return self.until if self.until is not None else now + (self.minutes or 0) * MINUTE


class UnshelveBody(_In):
    """Taking it up again; the comment may be empty."""

    comment: str = Field("", max_length=4000)


# --- out --------------------------------------------------------------------------------------------------------------


class TextBody(_Out):
    """One text in Chinese and English."""

    zh: str
    en: str


class ProblemBody(_Out):
    """RFC 9457. `type` is stable; `title`, `detail` and `action` (what to do) are in the language asked for."""

    type: str
    title: str
    status: int
    detail: str
    action: str


class PersonBody(_Out):
    """Who is signed in. `communities` null: all. `may`: what the role allows."""

    id: str
    name: str
    display_name: str
    role: Role
    communities: list[str] | None
    language: str | None
    may: list[Operation]


class WhyBody(_Out):
    """Which clause of the rule came true, and how: it was true from `began` on for `held_s` seconds, and counted at `fired`.

    `words` are the clause in a sentence; `limit` (of a range both) and `value` are of readings alone; `rule` says which version of
    the rule it was.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True, extra="allow")

    clause: int | None = None
    part: str | None = None
    words: TextBody | None = None
    began: Moment | None = None
    held_s: float | None = None
    fired: Moment | None = None
    limit: float | list[float] | None = None
    value: float | None = None
    rule: str | None = None


class AlertBody(_Out):
    """An alert. `steps`: what to do, one after the other; `why` null: it is from before that was kept."""

    id: str
    rule: str
    community: str
    community_name: TextBody
    subject: str
    subject_kind: str
    subject_name: TextBody
    place: str | None
    place_name: TextBody | None
    severity: Severity
    condition: Condition
    handling: Handling
    latched: bool
    confirmed: bool
    historic: bool
    title: TextBody
    sentence: TextBody
    advice: TextBody
    steps: list[TextBody]
    why: WhyBody | None
    opened_at: Moment
    first_seen: Moment
    last_seen: Moment
    occurrences: int
    updated_at: Moment
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    acknowledged_by_name: str | None
    acknowledge_comment: str | None
    resolved_at: Moment | None
    closed_at: Moment | None
    closed_by: str | None
    closed_by_name: str | None
    close_reason: str | None
    shelved_until: Moment | None


class AlertsBody(Listed[AlertBody]):
    """A page of alerts, the last opened first."""


class EvidenceBody(_Out):
    """One observation behind an alert. What `data` say of people is masked, unless it was asked for in full."""

    time: Moment
    device: str
    device_name: TextBody
    what: str
    what_name: TextBody
    value: Any
    unit: str | None
    words: TextBody | None
    data: dict[str, Any]


class ChangeBody(_Out):
    """One step of an alert's life; `actor` null: the rules."""

    id: int
    at: Moment
    kind: str
    kind_name: TextBody
    actor: str | None
    actor_name: str | None
    comment: str | None
    severity: Severity
    handling: Handling


class AlertDetailBody(AlertBody):
    """An alert with its evidence and history, oldest first."""

    evidence: list[EvidenceBody]
    changes: list[ChangeBody]


class StreamBody(_Out):
    """What the live stream carries: a change, and the alert as it is after it."""

    id: int
    kind: str
    kind_name: TextBody
    actor: str | None
    actor_name: str | None
    comment: str | None
    at: Moment
    alert: AlertBody


class CommunityBody(_Out):
    """A community."""

    id: str
    name: TextBody
    timezone: str


class CommunitiesBody(Listed[CommunityBody]):
    """A page of communities."""


class DeviceBody(_Out):
    """A device; `last_time` of its newest value."""

    id: str
    kind: str
    kind_name: TextBody
    name: TextBody
    community: str
    community_name: TextBody
    gateway: str
    gateway_online: bool | None
    place: str
    place_name: TextBody
    facility: str | None
    facility_name: TextBody | None
    interval_s: float | None
    last_time: Moment | None
    stale: bool


class DevicesBody(Listed[DeviceBody]):
    """A page of devices."""


class FacilityBody(_Out):
    """A facility and its state: ok, degraded, fault, or unknown since the last value."""

    id: str
    kind: str
    kind_name: TextBody
    name: TextBody
    community: str
    community_name: TextBody
    place: str
    place_name: TextBody
    building: str
    building_name: TextBody
    state: FacilityStatus
    since: Moment | None
    reasons: list[TextBody]
    worst_alerts: list[str]


class FacilitiesBody(Listed[FacilityBody]):
    """A page of facilities."""


class ValueBody(_Out):
    """The newest value of one quantity of one device; `age_s` seconds old."""

    device: str
    device_name: TextBody
    quantity: str
    quantity_name: TextBody
    value: float
    unit: str | None
    words: TextBody | None
    time: Moment
    age_s: float
    stale: bool


class FacilityDetailBody(FacilityBody):
    """A facility with its devices and their newest values."""

    devices: list[DeviceBody]
    values: list[ValueBody]


class BucketBody(_Out):
    """A stretch of a downsampled series."""

    start: Moment
    count: int
    minimum: float
    mean: float
    maximum: float
    last: float


class EventBody(_Out):
    """A discrete event. What `data` say of people is masked, unless it was asked for in full."""

    community: str
    device: str
    device_name: TextBody
    type: str
    type_name: TextBody
    time: Moment
    received_at: Moment
    time_source: str
    historic: bool
    late: bool
    data: dict[str, Any]


class EventsBody(Listed[EventBody]):
    """A page of events."""


class WorkerBody(_Out):
    """A process of Linli."""

    name: str
    state: str
    detail: TextBody
    pid: int
    started_at: Moment
    seen_at: Moment
    counters: dict[str, float]


class HealthBody(_Out):
    """Whether Linli is well. What is wrong, and each process, are told to administrators only."""

    state: str
    at: Moment
    version: str | None = None
    reasons: list[TextBody] | None = None
    workers: list[WorkerBody] | None = None


# --- from views -------------------------------------------------------------------------------------------------------


def person_body(person: Person) -> PersonBody:
    """Who somebody is, and what their role allows."""
    return PersonBody(
        id=person.id,
        name=person.name,
        display_name=person.display_name,
        role=person.role,
        communities=None if person.communities is None else sorted(person.communities),
        language=person.language,
        may=sorted(person.operations),
    )


def alert_body(view: AlertView) -> AlertBody:
    """An alert as JSON has it."""
    return AlertBody.model_validate(_alert_fields(view))


def alert_detail_body(detail: AlertDetail) -> AlertDetailBody:
    """An alert with evidence and history."""
    more: dict[str, object] = {"evidence": list(detail.evidence), "changes": list(detail.changes)}
    return AlertDetailBody.model_validate(_alert_fields(detail.view) | more)


def stream_body(change: AlertChange) -> StreamBody:
    """A change as the live stream carries it."""
    own = {name: getattr(change, name) for name in StreamBody.model_fields if name != "alert"}
    return StreamBody.model_validate(own | {"alert": alert_body(change.view)})


def facility_detail_body(detail: FacilityDetail) -> FacilityDetailBody:
    """A facility with devices and values."""
    own: dict[str, object] = {name: getattr(detail.view, name) for name in FacilityBody.model_fields}
    return FacilityDetailBody.model_validate(own | {"devices": list(detail.devices), "values": list(detail.values)})


def _alert_fields(view: AlertView) -> dict[str, object]:
    own = {
        name: getattr(view, name) if name.endswith("_name") else getattr(view.alert, name)
        for name in AlertBody.model_fields
    }
    return own | {"why": _why(view.alert.why)}


def _why(why: Mapping[str, Any]) -> WhyBody | None:
    """The alert's `why`, with `held` in seconds."""
    if not why:
        return None
    held = why.get("held")
    told = {name: value for name, value in why.items() if name != "held"}
    return WhyBody.model_validate(told | {"held_s": held / SECOND if isinstance(held, int) else None})
