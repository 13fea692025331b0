"""What the API and the console show: the model's nouns with their names beside the ids. Frozen, plain data.

Times are microseconds since 1970 UTC, as everywhere; texts are in both languages. REST turns these into JSON in
`api.bodies`; the console reads them as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from linli.i18n import Text
from linli.model import Alert, JsonValue


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert with the names of what it is about and of who handled it. `alert` is without its evidence: an AlertDetail has that."""

    alert: Alert
    community_name: Text
    subject_name: Text
    place_name: Text | None
    acknowledged_by_name: str | None = None
    closed_by_name: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One observation behind an alert. `words`: what a flag's value means, e.g. 'wet'; `symbol`: the unit as shown; `personal`: `data` say
    who somebody is (`linli.registry.masking`), and are masked unless they were asked for in full."""

    time: int
    device: str
    device_name: Text
    what: str
    what_name: Text
    value: JsonValue
    unit: str | None
    symbol: str
    words: Text | None
    data: Mapping[str, JsonValue]
    personal: bool = False


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One step of an alert's life. `kind` is one of `api.words.CHANGES`; `actor` is None where the rules did it."""

    id: int
    at: int
    kind: str
    kind_name: Text
    actor: str | None
    actor_name: str | None
    comment: str | None
    severity: str
    handling: str


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """An alert with its evidence and its history, both oldest first."""

    view: AlertView
    evidence: tuple[EvidenceView, ...]
    changes: tuple[ChangeView, ...]


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What the live stream carries. `view` is the alert as it was when the change was read; `id` orders the stream."""

    id: int
    view: AlertView
    kind: str
    kind_name: Text
    actor: str | None
    actor_name: str | None
    comment: str | None
    at: int


class FacilityStatus(StrEnum):
    """How a facility is. UNKNOWN: nobody can tell, and so it is never shown as ok."""

    OK = "ok"
    DEGRADED = "degraded"
    FAULT = "fault"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility and how it is. `since`: when this state began (unknown: the last value); None where that is not known.

    `building` is the outermost place that it lies in; `worst_alerts` are ids of the open alerts behind the state, worst
    first.
    """

    id: str
    kind: str
    kind_name: Text
    name: Text
    community: str
    community_name: Text
    place: str
    place_name: Text
    building: str
    building_name: Text
    state: FacilityStatus
    since: int | None
    reasons: tuple[Text, ...]
    worst_alerts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ValueView:
    """The newest value of one quantity of one device. `words`: what a flag's value means, None for a number.

    `age_s`: seconds since it was observed, never below 0. `stale`: older than three of the device's intervals.
    """

    device: str
    device_name: Text
    quantity: str
    quantity_name: Text
    value: float
    unit: str | None
    symbol: str
    words: Text | None
    time: int
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device. `last_time`: of its newest value, None if it never sent one. `gateway_online`: None if never heard of."""

    id: str
    kind: str
    kind_name: Text
    name: Text
    community: str
    community_name: Text
    gateway: str
    gateway_online: bool | None
    place: str
    place_name: Text
    facility: str | None
    facility_name: Text | None
    interval_s: float | None
    last_time: int | None
    stale: bool


@dataclass(frozen=True, slots=True)
class FacilityDetail:
    """A facility with its devices and their newest values, both in order of id."""

    view: FacilityView
    devices: tuple[DeviceView, ...]
    values: tuple[ValueView, ...]


@dataclass(frozen=True, slots=True)
class EventView:
    """A discrete event from the store, with names; `personal` as of `EvidenceView`."""

    community: str
    device: str
    device_name: Text
    type: str
    type_name: Text
    time: int
    received_at: int
    time_source: str
    historic: bool
    late: bool
    data: Mapping[str, JsonValue]
    personal: bool = False


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A process of Linli, by its own last word. `state` is 'silent' if that is too long ago."""

    name: str
    state: str
    detail: Text
    pid: int
    started_at: int
    seen_at: int
    counters: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class HealthView:
    """How Linli is: 'ok', or 'degraded' with the reasons. `ailing`: the parts that are not well, as `part_name` takes them; `notes`:
    those of the reasons that keep no part from its work."""

    state: str
    at: int
    version: str
    reasons: tuple[Text, ...]
    workers: tuple[WorkerView, ...]
    open_alerts: Mapping[str, int]
    """By severity."""
    ailing: tuple[str, ...] = ()
    notes: tuple[Text, ...] = ()
