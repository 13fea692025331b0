"""Devices and facilities with their newest values, as views: reads what `api.facilities.state` decides from."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import select

from api.directory import Names
from api.facilities.state import AlertFacts, DeviceFacts, FacilityState, decide, heard_at, is_stale
from api.http.paging import Page, page_of
from api.sight import Sight
from api.views import DeviceView, FacilityDetail, FacilityView, ValueView
from linli.clock import SECOND, Clock
from linli.db import schema
from linli.db.registryrows import portions
from linli.model import Alert, Condition, Device, Facility
from linli.ports import Latest
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, kind_name, quantity_of

FEW_COMMUNITIES = 10
KEEP_FAR_S = 20.0
"""Of more than FEW_COMMUNITIES at once values are taken that are up to so old: who looks at a whole district looks for what has been
silent for minutes."""


@dataclass(frozen=True, slots=True)
class _Link:
    online: bool
    since: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one community now. `latest` None: the store does not answer."""

    now: int
    latest: dict[str, list[Latest]] | None
    links: dict[str, _Link]

    def values(self, device: str) -> list[Latest]:
        return (self.latest or {}).get(device, [])

    def last_time(self, device: str) -> int | None:
        values = self.values(device)
        return max(map(heard_at, values)) if values else None

    def facts(self, device: Device) -> DeviceFacts:
        link = self.links.get(device.gateway)
        offline = link.since if link is not None and not link.online else None
        return DeviceFacts(device.id, device.name, device.interval_s, self.last_time(device.id), offline)


class FacilityReader:
    """Reads registry, newest values, gateways and open alerts together, as far as somebody sees them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._far: dict[str, tuple[float, dict[str, list[Latest]] | None]] = {}

    def devices(
        self, sight: Sight, communities: Iterable[str], limit: int | None = None, after: str = ""
    ) -> Page[DeviceView]:
        """The devices of these communities, by id; at most `limit`, after the id `after`. Only what they need is read."""
        names = sight.names
        devices = _next(names.registry.devices.values(), frozenset(communities), limit, after)
        known = self._known_of(sight, {device.community for device in devices})
        views = [_device(names, device, known[device.community]) for device in devices]
        return page_of(views, len(views) if limit is None else limit, lambda view: (view.id,))

    def device(self, sight: Sight, device: Device) -> DeviceView:
        """One device as it is now."""
        return _device(sight.names, device, self._known(sight, device.community))

    def facilities(
        self, sight: Sight, communities: Iterable[str], limit: int | None = None, after: str = ""
    ) -> Page[FacilityView]:
        """The facilities of these communities with their state, by id; at most `limit`, after the id `after`."""
        names = sight.names
        facilities = _next(names.registry.facilities.values(), frozenset(communities), limit, after)
        within = {facility.community for facility in facilities}
        known = self._known_of(sight, within)
        alerts = _by_device(sight.alerts.open_alerts(frozenset(within)) if within else [])
        belongs = _devices_of(names, {facility.id for facility in facilities})
        views = [
            _facility(names, facility, belongs.get(facility.id, []), known[facility.community], alerts)
            for facility in facilities
        ]
        return page_of(views, len(views) if limit is None else limit, lambda view: (view.id,))

    def detail(self, sight: Sight, facility: Facility) -> FacilityDetail:
        """One facility with its devices and their newest values."""
        known, names = self._known(sight, facility.community), sight.names
        alerts = _by_device(sight.alerts.open_alerts(frozenset((facility.community,))))
        devices = names.devices_of(facility.id)
        return FacilityDetail(
            view=_facility(names, facility, devices, known, alerts),
            devices=tuple(_device(names, device, known) for device in devices),
            values=tuple(
                _value(device, value, known.now)
                for device in devices
                for value in sorted(known.values(device.id), key=lambda value: value.quantity)
            ),
        )

    def states(self, sight: Sight, devices: Sequence[Device]) -> dict[str, FacilityState]:
        """How each of these devices is by itself, by id: as a facility would be that has this device alone."""
        known = self._known_of(sight, {device.community for device in devices})
        about = _by_device(sight.alerts.open_alerts(frozenset(known)) if known else [])
        return {
            device.id: decide(
                [known[device.community].facts(device)],
                [_alert_facts(alert) for alert in about.get(device.id, ())],
                known[device.community].now,
                store_answers=known[device.community].latest is not None,
            )
            for device in devices
        }

    def values(self, sight: Sight, device: Device) -> tuple[list[ValueView] | None, bool | None]:
        """The newest values of one device, by quantity (None: the store does not answer); and whether its gateway is online (None:
        it was never heard of)."""
        known = self._known(sight, device.community)
        link = known.links.get(device.gateway)
        online = None if link is None else link.online
        if known.latest is None:
            return None, online
        newest = sorted(known.values(device.id), key=lambda value: value.quantity)
        return [_value(device, value, known.now) for value in newest], online

    def _known(self, sight: Sight, community: str) -> _Known:
        return self._known_of(sight, {community})[community]

    def _known_of(self, sight: Sight, communities: Collection[str]) -> dict[str, _Known]:
        """What is known of each of these now."""
        table = schema.gateway_status
        links: dict[str, dict[str, _Link]] = {community: {} for community in communities}
        with sight.database.read() as connection:
            for asked in portions(communities):
                for row in connection.execute(select(table).where(table.c.community_id.in_(asked))):
                    links[row.community_id][row.gateway_id] = _Link(row.online, row.since)
        latest = sight.store.latest if len(communities) <= FEW_COMMUNITIES else partial(self._latest, sight)
        now = self._clock.now()
        return {community: _Known(now, latest(community), mine) for community, mine in links.items()}

    def _latest(self, sight: Sight, community: str) -> dict[str, list[Latest]] | None:
        """The newest values, or those of some seconds ago."""
        now = self._clock.monotonic()
        read_at, values = self._far.get(community, (0.0, None))
        if values is None or now - read_at >= KEEP_FAR_S:
            values = sight.store.latest(community)
            self._far[community] = (now, values)
        return values


def _by_device(alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    """The alerts that each device is the subject of, or that a place is and the device saw it."""
    found: dict[str, list[Alert]] = {}
    for alert in alerts:
        concerned = {seen.device for seen in alert.evidence} if alert.subject_kind == "place" else set()
        for device in concerned | {alert.subject}:
            found.setdefault(device, []).append(alert)
    return found


def _alert_facts(alert: Alert) -> AlertFacts:
    standing = alert.latched or alert.condition is not Condition.RESOLVED
    return AlertFacts(alert.id, alert.severity, alert.title, alert.opened_at, standing=standing)


def _facility(
    names: Names, facility: Facility, devices: Sequence[Device], known: _Known, alerts: Mapping[str, Sequence[Alert]]
) -> FacilityView:
    about = {alert.id: alert for device in devices for alert in alerts.get(device.id, ())}
    facts = [_alert_facts(alert) for alert in about.values()]
    state = decide(
        [known.facts(device) for device in devices], facts, known.now, store_answers=known.latest is not None
    )
    building = names.building(facility.place)
    return FacilityView(
        id=facility.id,
        kind=facility.kind,
        kind_name=kind_name(FACILITY_KINDS, facility.kind),
        name=facility.name,
        community=facility.community,
        community_name=names.community(facility.community),
        place=facility.place,
        place_name=names.place(facility.place),
        building=building,
        building_name=names.place(building),
        state=state.status,
        since=state.since,
        reasons=state.reasons,
        worst_alerts=state.worst_alerts,
    )


_Placed = TypeVar("_Placed", Device, Facility)


def _next(items: Iterable[_Placed], communities: frozenset[str], limit: int | None, after: str) -> list[_Placed]:
    """Those of these communities after the id `after`, by id; one more than `limit`, so that it shows whether there are more."""
    found = [item for item in items if item.id > after and item.community in communities]
    if limit is None:
        return sorted(found, key=lambda item: item.id)
    return heapq.nsmallest(limit + 1, found, key=lambda item: item.id)


def _devices_of(names: Names, facilities: set[str]) -> dict[str, list[Device]]:
    """The devices of each of these facilities that has any, by id."""
    belongs: dict[str, list[Device]] = {}
    for device in names.registry.devices.values():
        if device.facility in facilities and device.facility is not None:
            belongs.setdefault(device.facility, []).append(device)
    return {facility: sorted(devices, key=lambda device: device.id) for facility, devices in belongs.items()}


def _device(names: Names, device: Device, known: _Known) -> DeviceView:
    link = known.links.get(device.gateway)
    last = known.last_time(device.id)
    facility = names.registry.facilities.get(device.facility or "")
    return DeviceView(
        id=device.id,
        kind=device.kind,
        kind_name=kind_name(DEVICE_KINDS, device.kind),
        name=device.name,
        community=device.community,
        community_name=names.community(device.community),
        gateway=device.gateway,
        gateway_online=None if link is None else link.online,
        place=device.place,
        place_name=names.place(device.place),
        facility=device.facility,
        facility_name=None if facility is None else facility.name,
        interval_s=device.interval_s,
        last_time=last,
        stale=is_stale(last, device.interval_s, known.now),
    )


def _value(device: Device, value: Latest, now: int) -> ValueView:
    quantity = quantity_of(value.quantity)
    return ValueView(
        device=device.id,
        device_name=device.name,
        quantity=value.quantity,
        quantity_name=quantity.name,
        value=value.value,
        unit=value.unit,
        symbol=quantity.symbol or value.unit or "",
        words=quantity.words[value.value != 0] if quantity.flag else None,
        time=value.time,
        age_s=max(0, now - heard_at(value)) / SECOND,
        stale=is_stale(heard_at(value), device.interval_s, now),
    )
