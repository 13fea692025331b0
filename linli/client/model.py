"""What the API answers, as far as scripts use it. Times are RFC 3339 in UTC, as they come; a text has both languages.

Fields are added as a server gets them; what is not known here is left out.
"""

from typing import Any

import msgspec


class Names(msgspec.Struct, frozen=True):
    """One text in Chinese and English."""

    zh: str
    en: str

    def of(self, language: str) -> str:
        """It in that language ('zh' or 'en')."""
        return self.zh if language == "zh" else self.en


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who the token is of. `communities` None: all; `may`: what it allows."""

    id: str
    name: str
    display_name: str
    role: str
    communities: list[str] | None
    may: list[str]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. `open`-ness is in `handling`: everything but 'closed'."""

    id: str
    rule: str
    community: str
    community_name: Names
    subject: str
    subject_name: Names
    place: str | None
    place_name: Names | None
    severity: str
    condition: str
    handling: str
    title: Names
    sentence: Names
    advice: Names
    steps: list[Names]
    opened_at: str
    last_seen: str
    occurrences: int
    acknowledged_at: str | None = None
    acknowledged_by_name: str | None = None
    resolved_at: str | None = None
    closed_at: str | None = None
    closed_by_name: str | None = None
    close_reason: str | None = None
    shelved_until: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an alert's life; `actor_name` None: the rules."""

    id: int
    at: str
    kind: str
    kind_name: Names
    actor_name: str | None
    comment: str | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One observation behind an alert."""

    time: str
    device: str
    device_name: Names
    what: str
    what_name: Names
    value: Any
    unit: str | None
    data: dict[str, Any]


class AlertDetail(Alert, frozen=True, kw_only=True):
    """An alert with its evidence and history, oldest first."""

    evidence: list[Evidence]
    changes: list[Change]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device; `stale`: it has not reported when it should have."""

    id: str
    kind: str
    kind_name: Names
    name: Names
    community: str
    community_name: Names
    gateway: str
    place: str
    place_name: Names
    gateway_online: bool | None = None
    last_time: str | None = None
    stale: bool = False


class Facility(msgspec.Struct, frozen=True, kw_only=True):
    """A facility and its state: ok, degraded, fault or unknown."""

    id: str
    kind: str
    kind_name: Names
    name: Names
    community: str
    place_name: Names
    state: str


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a curve, in the unit of its quantity."""

    start: str
    count: int
    minimum: float
    mean: float
    maximum: float
    last: float


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the registry. `etag` is what a change of it names; `new`: it was not there before."""

    etag: str
    new: bool
    record: dict[str, Any]


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """What stands where a device is; what nobody knows is None."""

    serial: str | None = None
    model: str | None = None
    in_service_since: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    plan: str | None = None
    x_m: float | None = None
    y_m: float | None = None


class DeviceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device as it is registered. `etag` is what a change of it names."""

    id: str
    community: str
    gateway: str
    kind: str
    name: Names
    place: str
    facility: str | None = None
    parent: str | None = None
    interval_s: float | None = None
    equipment: Equipment | None = None
    revision: int
    changed_at: str
    removed_at: str | None = None
    etag: str = ""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What stood where a device is: `since` None: nobody knows; `until` None: it does now."""

    serial: str | None
    model: str | None
    since: str | None
    until: str | None
    reason: str
    actor: str | None


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Why a webhook sends nothing any more."""

    reason: str
    text: Names


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. An empty filter leaves nothing out. `failures` in a row since `failing_since`; `ended`: why it is off.

    `etag` is what a change of it names; '' in a list, where nothing says it.
    """

    id: str
    owner: str
    owner_name: str
    name: str
    url: str
    communities: list[str]
    severities: list[str]
    rules: list[str]
    kinds: list[str]
    within: list[str] | None
    enabled: bool
    ended: Ended | None
    failures: int
    failing_since: str | None
    next_try_at: str | None
    last_success_at: str | None
    former_secret_until: str | None
    created_at: str
    updated_at: str
    etag: str = ""


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook with its secret, which is told this once."""

    secret: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was sent to a receiver: `outcome` is delivered, failed or set_aside; `origin` live, replay or test; `error`
    where there was no answer. `message` is its `webhook-id`."""

    id: int
    message: str
    change: int | None
    kind: str
    origin: str
    at: str
    duration_ms: float
    outcome: str
    status: int | None
    error: str | None
    excerpt: str
    failures: int
    next_try_at: str | None


class Replaying(msgspec.Struct, frozen=True, kw_only=True):
    """How many changes a replay goes through; those that are for the webhook are sent."""

    changes: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the live stream carries: a change, and the alert after it."""

    id: int
    kind: str
    kind_name: Names
    actor_name: str | None
    comment: str | None
    at: str
    alert: Alert
