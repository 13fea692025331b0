"""A device: what it is and where, what it hangs on, how it is now, who said what of it, and what was changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from api import words
from api.console.consoles import Console
from api.console.facility_page import shown_value
from api.console.layout import Node, grade
from api.console.opening import Answer, Opened, Pages
from api.console.registry import texts
from api.console.registry.device_dialogs import DeviceDialogs
from api.console.registry.facts_panel import facts_panel, installations_panel
from api.console.registry.history_panel import history
from api.console.registry.pieces import crumbs, parts, path_of
from api.console.registry.plan_view import PlanView
from api.console.registry.search import search_field
from api.console.registry.tree_page import device_links
from api.console.registry.words import kind_of_item
from api.console.rows import ago, full_moment
from api.console.visit import Visit
from api.directory import Names
from api.facilities.service import FacilityReader
from api.facilities.state import FacilityState
from api.floorplans.service import Dot, FloorPlanService, Plan, build_floorplans
from api.http.paging import Page
from api.registry.browsing import PlaceFound, RegistryTree
from api.registry.service import RegistryService, Shown, Wanted
from api.services import Services
from api.views import AlertView, ValueView
from api.words import SEVERITIES
from linli.clock import SECOND, local_time
from linli.db.people import Person
from linli.db.registryhistory import Past
from linli.errors import NotFound
from linli.floorplans import spot_of
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.facts import Fact
from linli.registry.model import Device, Equipment, Installation
from linli.roles import Operation

HANGING_PAGE = 50
_MOST_ALERTS = 20
_MOST_VALUES = 30


@dataclass(frozen=True, slots=True)
class DeviceRead:
    """All that the page shows. `values` None: the store does not answer; `plans`: those that it may be placed on."""

    shown: Shown
    device: Device
    equipment: Equipment
    place: PlaceFound | None
    trail: Sequence[tuple[Key, Text]]
    hanging: Page[Shown]
    facts: dict[str, Fact]
    past: Sequence[Past]
    stood: Sequence[Installation]
    alerts: Sequence[AlertView]
    values: Sequence[ValueView] | None
    state: FacilityState | None
    online: bool | None
    plan: Plan | None
    plans: Sequence[Plan]


class DeviceReader:
    """Reads a device for whoever looks."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.registry = RegistryService(services.sights, services.database, services.clock)
        self.tree = RegistryTree(services.sights, self.registry)
        self.plans: FloorPlanService = build_floorplans(services)
        self._facilities = FacilityReader(services.clock)

    def read(self, person: Person, name: str) -> DeviceRead | None:
        """The device, also one that was removed; None if there never was one."""
        key = Key("device", name)
        try:
            shown = self.registry.get(person, key, removed=True)
        except NotFound:
            return None
        device = shown.kept.item
        assert isinstance(device, Device)
        stands = shown.equipment if isinstance(shown.equipment, Equipment) else Equipment(name, device.community)
        there = shown.kept.removed_at is None
        sight = self.services.sights.of(person)
        plan = self._plan(person, stands)
        steps = self.tree.trail(person, Key("place", device.place))
        values, online = self._facilities.values(sight, device)
        alerts = self.services.alerts(person, subject=name, open_only=True, limit=_MOST_ALERTS)
        return DeviceRead(
            shown,
            device,
            stands,
            self.tree.places(person, [device.place]).get(device.place),
            steps,
            self.registry.page(person, "device", Wanted({"parent": name}), HANGING_PAGE, None),
            self.registry.facts(person, key),
            self.registry.history(person, key),
            self.registry.installations(person, name),
            alerts,
            values,
            self._facilities.states(sight, [device])[name] if there else None,
            online,
            plan,
            []
            if plan is not None
            else self.plans.plans_of(person, [key.id for key, _ in steps if key.kind == "place"]),
        )

    def _plan(self, person: Person, stands: Equipment) -> Plan | None:
        if stands.plan is None:
            return None
        try:
            return self.plans.get(person, stands.plan)
        except NotFound:  # it was removed
            return None


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    reader = DeviceReader(services)

    @pages.page("/registry/devices/{device_id}", Operation.SEE)
    async def device(opened: Opened, device_id: str) -> Answer:
        visit = opened.visit
        read = await asyncio.to_thread(reader.read, visit.person, device_id)
        title = texts.DEVICE if read is None else read.device.name
        with opened.frame(title, "/registry"):
            with Node("div", classes="board-head"):
                parts(visit.language, "/registry/places")
                search_field(visit.language, "")
            if read is None:
                crumbs(visit.language, ())
                Node("div", texts.NOT_THERE.of(visit.language), "panel", data_test="not-there")
            else:
                _DevicePage(reader, opened.console, read)
        return None


class _DevicePage:
    """The panels of one device. After each change the page is opened anew."""

    def __init__(self, reader: DeviceReader, console: Console, read: DeviceRead) -> None:
        self._reader = reader
        self._visit: Visit = console.visit
        self._language = console.visit.language
        self._read = read
        key, services = Key("device", read.device.id), reader.services
        crumbs(self._language, read.trail, read.device.name.of(self._language))
        self._head()
        with Node("div", classes="cols", data_test="device"):
            with Node("div", classes="stack"):
                self._what()
                self._alerts()
                self._readings()
                self._hanging()
                installations_panel(read.stood, self._visit, services, read.device.community)
                history(read.past, self._visit, services, key, read.device.community)
            with Node("div", classes="stack"):
                self._on_plan()
                facts_panel(read.facts, read.shown, self._visit, services, reader.registry)

    def _head(self) -> None:
        read, language = self._read, self._language
        kept = read.shown.kept
        with Node("div", classes="head"):
            with Node("div"):
                Node("h1", read.device.name.of(language), data_test="name")
                Node("div", f"{kind_of_item(read.device).of(language)} · {read.device.id}", "muted")
                if kept.removed_at is not None:
                    when = full_moment(kept.removed_at, self._visit.zone(read.device.community))
                    Node("span", texts.REMOVED_AT.format(when=when).of(language), "tag")
                if kept.merged_into is not None:
                    with Node("div", classes="muted"):
                        Node("span", texts.MERGED_INTO.of(language))
                        Node("a", kept.merged_into, href=f"/registry/devices/{kept.merged_into}")
            if read.state is not None:
                grade(read.state.status.value, words.FACILITY_STATES[read.state.status].of(language))
            Node("div", classes="push")
            DeviceDialogs(self._reader.services, self._reader.registry, self._reader.tree, self._visit).buttons(
                read.shown, read.device, read.equipment
            )

    def _what(self) -> None:
        read, language = self._read, self._language
        device, stands = read.device, read.equipment
        with Node("section", classes="panel"):
            Node("h2", texts.WHAT_IT_IS.of(language))
            with Node("dl", classes="facts", data_test="what"):
                self._row(texts.ADDRESS)
                with Node("dd"):
                    shown = read.place.address.of(language) if read.place is not None else device.place
                    Node("a", shown, href=path_of(Key("place", device.place)), data_test="address")
                    if read.place is not None and not _numbered(read):
                        Node("div", read.place.name.of(language), "muted")
                self._hangs()
                if device.facility is not None:
                    facility = self._names.registry.facilities.get(device.facility)
                    called = device.facility if facility is None else facility.name.of(language)
                    self._row(texts.FACILITY)
                    with Node("dd"):
                        Node("a", called, href=f"/facilities/{device.facility}")
                if device.interval_s is not None:
                    self._row(texts.INTERVAL, texts.SECONDS.format(count=f"{device.interval_s:g}").of(language))
                unknown = texts.UNKNOWN.of(language)
                self._row(texts.SERIAL, stands.serial or unknown, "serial")
                self._row(texts.MODEL, stands.model or unknown)
                self._row(texts.IN_SERVICE, self._day(stands.in_service_since) or unknown)
                if stands.latitude is not None and stands.longitude is not None:
                    self._row(texts.COORDINATES, f"{stands.latitude:.6f}, {stands.longitude:.6f}")

    @property
    def _names(self) -> Names:
        return self._reader.services.sights.of(self._visit.person).names

    def _hangs(self) -> None:
        """Which agent it speaks through, and what it hangs on."""
        read, language, registry = self._read, self._language, self._names.registry
        gateway = registry.gateways.get(read.device.gateway)
        self._row(texts.GATEWAY)
        with Node("dd"):
            Node("span", read.device.gateway if gateway is None else f"{gateway.name.of(language)} ({gateway.id})")
            if read.online is not None:
                word = texts.GATEWAY_ONLINE if read.online else texts.GATEWAY_OFFLINE
                Node("span", word.of(language), "tag")
        self._row(texts.HANGS_ON)
        with Node("dd", data_test="hangs-on"):
            parent = read.device.parent
            if parent is None:
                Node("span", texts.ONLY_GATEWAY.of(language))
            else:
                found = registry.devices.get(parent)
                Node("a", parent if found is None else found.name.of(language), href=f"/registry/devices/{parent}")

    def _row(self, name: Text, value: str | None = None, test: str | None = None) -> None:
        Node("dt", name.of(self._language))
        if value is not None:
            made = Node("dd", value)
            if test is not None:
                made.props["data-test"] = test

    def _day(self, at: int | None) -> str:
        return "" if at is None else local_time(at, self._visit.zone(self._read.device.community)).strftime("%Y-%m-%d")

    def _alerts(self) -> None:
        language, alerts = self._language, self._read.alerts
        with Node("section", classes="panel", data_test="alerts"):
            Node("h2", texts.ALERTS_NOW.of(language))
            if not alerts:
                Node("p", texts.NO_ALERTS.of(language), "muted")
            with Node("ul", classes="links"):
                for view in alerts:
                    alert = view.alert
                    with Node("li"):
                        Node("a", alert.title.of(language), href=f"/alerts/{alert.id}")
                        grade(alert.severity.value, SEVERITIES[alert.severity].of(language))

    def _readings(self) -> None:
        language, values = self._language, self._read.values
        with Node("section", classes="panel", data_test="readings"):
            Node("h2", texts.READINGS.of(language))
            if not values:
                silent = texts.STORE_SILENT if values is None else texts.NO_READINGS
                Node("p", silent.of(language), "muted")
            with Node("ul", classes="links"):
                for value in (values or ())[:_MOST_VALUES]:
                    with Node("li"):
                        Node("span", value.quantity_name.of(language))
                        with Node("span"):
                            Node("b", shown_value(value, language))
                            Node("small", ago(round(value.age_s * SECOND)).of(language), "muted")
            if self._read.device.facility is not None:
                Node("a", texts.TO_CURVES.of(language), href=f"/facilities/{self._read.device.facility}")

    def _hanging(self) -> None:
        language, page = self._language, self._read.hanging
        with Node("section", classes="panel", data_test="hanging"):
            Node("h2", texts.HANGING.of(language))
            if not page.items:
                Node("p", texts.NOTHING_HANGS.of(language), "muted")
            device_links(page.items, language)
            if page.following is not None:
                Node("p", texts.MORE_OF.format(count=HANGING_PAGE).of(language), "muted")

    def _on_plan(self) -> None:
        read, language = self._read, self._language
        with Node("section", classes="panel", data_test="on-plan"):
            Node("h2", texts.ON_PLAN.of(language))
            spot = None if read.plan is None else spot_of(read.plan.plan, read.equipment)
            if read.plan is None or spot is None:
                Node("p", texts.ON_NO_PLAN.of(language), "muted")
                self._offers()
                return
            path = f"/registry/plans/{read.plan.plan.id}"
            if read.plan.drawing is not None and read.state is not None:
                dot = Dot(read.device, spot, read.state, read.shown.kept.revision)
                PlanView(read.plan, [dot], language, read.device.id)
            Node("a", texts.SEE_PLAN.of(language), href=f"{path}?device={read.device.id}")

    def _offers(self) -> None:
        """For who may: the plans of the places that it is in."""
        person = self._visit.person
        if Operation.EDIT_REGISTRY not in person.operations or self._read.shown.kept.removed_at is not None:
            return
        with Node("div", classes="fields"):
            for plan in self._read.plans:
                name = plan.plan.name.of(self._language).replace("{", "").replace("}", "")
                href = f"/registry/plans/{plan.plan.id}?device={self._read.device.id}"
                Node("a", texts.PLACE_ON.format(name=name).of(self._language), "btn", href=href)


def _numbered(read: DeviceRead) -> bool:
    """Whether the address names the very place that the device is in."""
    return read.place is not None and read.place.address.zh.split(" / ")[-1] == read.place.name.zh
