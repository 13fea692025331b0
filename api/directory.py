"""Names beside ids: the registry and the people, as they were a moment ago, and the views made of them.

Here, and nowhere else, events and evidence become what is shown. So here what in them says who somebody is (the card at a door) is
masked, and a new route, page or file shows no more without asking for it (`full`, which `api.swipes` decides and writes down).
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from api.views import AlertDetail, AlertView, ChangeView, EventView, EvidenceView
from api.words import change_name
from linli.clock import Clock
from linli.db.alerts import AlertChange as StoredChange
from linli.db.database import Database
from linli.db.people import People
from linli.db.registry import RegistrySnapshot, SqlRegistry
from linli.i18n import Text
from linli.model import Alert, Device, Evidence
from linli.platform import platform_name
from linli.ports import StoredEvent
from linli.registry.masking import masked_data, personal_values
from linli.vocabulary import EVENT_TYPES, event_name, quantity_of

REFRESH_S = 1.0
MAX_CONFINED = 256
"""Scopes for which the registry is kept apart: a district has some 200 committees and compounds."""


@dataclass(frozen=True, slots=True)
class Names:
    """The registry and the people at one moment. An id that is not in it is shown as it is."""

    registry: RegistrySnapshot
    people: Mapping[str, str]
    edition: int = 0
    """Another one whenever any name has changed."""

    def community(self, community: str) -> Text:
        """The community's name."""
        found = self.registry.communities.get(community)
        return found.name if found else _other(community)

    def place(self, place: str) -> Text:
        """The place's name."""
        found = self.registry.places.get(place)
        return found.name if found else _other(place)

    def device(self, device: str) -> Text:
        """The name of a device, or of a gateway, which has events of its own."""
        found = self.registry.devices.get(device) or self.registry.gateways.get(device)
        return found.name if found else _other(device)

    def person(self, person: str | None) -> str | None:
        """What to show for a person."""
        return None if person is None else self.people.get(person, person)

    def building(self, place: str) -> str:
        """The outermost place that this one lies in: a building, as a rule."""
        seen = {place}
        while (found := self.registry.places.get(place)) and found.parent and found.parent not in seen:
            place = found.parent
            seen.add(place)
        return place

    def devices_of(self, facility: str) -> list[Device]:
        """The facility's devices, by id."""
        found = [device for device in self.registry.devices.values() if device.facility == facility]
        return sorted(found, key=lambda device: device.id)

    def alert(self, alert: Alert) -> AlertView:
        """The alert with names, without its evidence: what that says of people is for `detail` to mask."""
        named = self._subject(alert)
        return AlertView(
            alert=replace(alert, evidence=()),
            community_name=self.community(alert.community),
            subject_name=named,
            place_name=None if alert.place is None else self._place_of(alert, alert.place),
            acknowledged_by_name=self.person(alert.acknowledged_by),
            closed_by_name=self.person(alert.closed_by),
        )

    def _subject(self, alert: Alert) -> Text:
        """The name of what it is about, if that is of the alert's community still: who sees the alert sees no more."""
        registry = self.registry
        places = registry.places if alert.subject_kind == "place" else {}
        found = places.get(alert.subject) or registry.devices.get(alert.subject) or registry.gateways.get(alert.subject)
        return found.name if found and found.community == alert.community else _other(alert.subject)

    def _place_of(self, alert: Alert, place: str) -> Text:
        found = self.registry.places.get(place)
        return found.name if found and found.community == alert.community else _other(place)

    def detail(self, alert: Alert, changes: list[StoredChange], *, full: bool = False) -> AlertDetail:
        """The alert with its evidence and history. `full`: what the evidence says of people is not masked."""
        evidence = sorted(alert.evidence, key=lambda seen: seen.time)
        return AlertDetail(
            self.alert(alert),
            tuple(self._evidence(seen, full=full) for seen in evidence),
            tuple(map(self._change, changes)),
        )

    def event(self, event: StoredEvent, *, full: bool = False) -> EventView:
        """The event with names. `full`: what it says of people is not masked."""
        return EventView(
            community=event.community,
            device=event.device,
            device_name=self.device(event.device),
            type=event.type,
            type_name=event_name(event.type),
            time=event.time,
            received_at=event.received_at,
            time_source=event.time_source,
            historic=event.historic,
            late=event.late,
            data=event.data if full else masked_data(event.data),
            personal=bool(personal_values(event.data)),
        )

    def _evidence(self, seen: Evidence, *, full: bool) -> EvidenceView:
        quantity = quantity_of(seen.what)
        value = seen.value
        words = None
        if quantity.flag and isinstance(value, int | float):
            words = quantity.words[bool(value)]
        return EvidenceView(
            time=seen.time,
            device=seen.device,
            device_name=self.device(seen.device),
            what=seen.what,
            what_name=EVENT_TYPES.get(seen.what) or quantity.name,
            value=value,
            unit=seen.unit,
            symbol=quantity.symbol or seen.unit or "",
            words=words,
            data=seen.data if full else masked_data(seen.data),
            personal=bool(personal_values(seen.data)),
        )

    def _change(self, change: StoredChange) -> ChangeView:
        return ChangeView(
            id=change.id,
            at=change.at,
            kind=change.kind,
            kind_name=change_name(change.kind),
            actor=change.actor,
            actor_name=self.person(change.actor),
            comment=change.comment,
            severity=change.severity.value,
            handling=change.handling.value,
        )


def _other(name: str) -> Text:
    """What is in no registry: Linli itself, or an id shown as it is."""
    return platform_name(name) or Text(name, name)


class Directory:
    """Names that are at most about a second old, read for all requests together. Safe to call from several threads.

    What is confined to some communities is kept, too, until the registry changes: most requests are of the same few scopes.
    `settled`: as of `SqlRegistry`.
    """

    def __init__(
        self, database: Database, people: People, clock: Clock, settled: Callable[[], None] | None = None
    ) -> None:
        self._registry = SqlRegistry(database, settled)
        self._people = people
        self._clock = clock
        self._lock = threading.Lock()
        self._names: Names | None = None
        self._confined: OrderedDict[frozenset[str], RegistrySnapshot] = OrderedDict()
        self._read_at = 0.0

    def names(self, communities: frozenset[str] | None = None) -> Names:
        """The names as they are now, or were within the last second; with the registry of these communities alone, if given."""
        whole = self._whole()
        if communities is None:
            return whole
        with self._lock:
            known = self._confined.get(communities)
        if known is None or known.version != whole.registry.version:
            known = whole.registry.of(communities.__contains__)
        with self._lock:
            self._confined[communities] = known
            self._confined.move_to_end(communities)
            if len(self._confined) > MAX_CONFINED:
                self._confined.popitem(last=False)
        return Names(known, whole.people, whole.edition)

    def _whole(self) -> Names:
        with self._lock:
            now = self._clock.monotonic()
            if self._names is None or now - self._read_at >= REFRESH_S:
                self._names = self._read()
                self._read_at = now
            return self._names

    def _read(self) -> Names:
        moved, people, known = self._registry.refresh(), self._people.display_names(), self._names
        if known is not None and not moved and people == known.people:
            return known
        return Names(self._registry.snapshot, people, 1 if known is None else known.edition + 1)
