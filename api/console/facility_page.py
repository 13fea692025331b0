"""One facility: the newest value of each device with its age, and a day's curve of the one that is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.chart import chart_options
from api.console.commands_panel import CommandPanel, Controls, read_controls
from api.console.consoles import Console
from api.console.facilities_page import reason_lines, state_line
from api.console.layout import Node, back_link
from api.console.opening import Answer, Opened, Pages
from api.console.rows import ago
from api.console.units import scaled
from api.console.visit import Visit, person_now
from api.facilities.state import NO_STORE
from api.services import Services
from api.views import AlertChange, FacilityDetail, ValueView
from linli.clock import DAY, SECOND
from linli.errors import LinliError, NotFound
from linli.ports import Bucket
from linli.roles import Operation
from linli.units import number_with_unit

LOOK_EVERY_S = 5.0
CHART_EVERY_S = 60.0
POINTS = 288
"""Five minutes each over a day."""


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/facilities/{facility_id}", Operation.SEE)
    async def facility(opened: Opened, facility_id: str) -> Answer:
        visit = opened.visit
        detail = await asyncio.to_thread(_read, services, visit, facility_id)
        devices = [] if detail is None else [device.id for device in detail.devices]
        controls = await asyncio.to_thread(read_controls, services, visit, devices) if devices else Controls((), ())
        title = texts.FACILITIES if detail is None else detail.view.name
        with opened.frame(title, "/facilities"):
            back_link(texts.BACK_TO_FACILITIES, visit.language, "/facilities")
            if detail is None:
                Node("div", texts.NO_SUCH_FACILITY.of(visit.language), "panel")
            else:
                page = _FacilityPage(services, opened.console, detail, CommandPanel(services, visit, devices, controls))
                await page.show_chart()
        return None


class _FacilityPage:
    """Head, values and chart. Values are written in place as they change; the list is drawn again if a series is new."""

    def __init__(self, services: Services, console: Console, detail: FacilityDetail, commands: CommandPanel) -> None:
        self._services = services
        self._visit = console.visit
        self._detail = detail
        self._chosen = _first(detail)
        self._tiles: dict[tuple[str, str], _Tile] = {}
        language = self._visit.language
        with Node("div", classes="stack", data_test="facility"):
            self._head = Node("div", classes="head")
            with Node("section", classes="panel"):
                Node("h2", texts.LATEST_VALUES.of(language))
                self._values = Node("div", classes="values", data_test="values")
            commands.draw()
            self._devices()
            with Node("section", classes="panel"):
                self._chart_title = Node("h2", texts.LAST_24_HOURS.of(language))
                self._chart = ui.echart({}, renderer="svg").classes("chart")
                self._no_readings = Node("p", texts.NO_READINGS.of(language), "muted")
        self._draw_head()
        self._draw_values()
        ui.timer(LOOK_EVERY_S, self._look, immediate=False)
        ui.timer(CHART_EVERY_S, self.show_chart, immediate=False)
        console.on_change = self._look

    @property
    def _blind(self) -> bool:
        return NO_STORE in self._detail.view.reasons

    async def show_chart(self) -> None:
        """Read the chosen series and draw it."""
        value = next((v for v in self._detail.values if (v.device, v.quantity) == self._chosen), None)
        now = self._services.clock.now()
        buckets: list[Bucket] = []
        if value is not None:
            try:
                buckets = await asyncio.to_thread(_read_day, self._services, self._visit, value, now)
            except (LinliError, SQLAlchemyError):
                buckets = []
        nothing = texts.UNREADABLE if self._blind else texts.NO_READINGS
        self._no_readings.set_text(nothing.of(self._visit.language))
        self._no_readings.set_visibility(not buckets)
        self._chart.set_visibility(bool(buckets))
        if value is None or not buckets:
            return
        language = self._visit.language
        name = f"{value.device_name.of(language)} · {value.quantity_name.of(language)}"
        self._chart_title.set_text(f"{name} · {texts.LAST_24_HOURS.of(language)}")
        self._chart.options.clear()
        shown, value = scaled(buckets, value)
        self._chart.options.update(
            chart_options(shown, value, self._visit.zone(self._detail.view.community), language, now)
        )
        self._chart.update()

    async def _look(self, _changes: Sequence[AlertChange] = ()) -> None:
        try:
            detail = await asyncio.to_thread(_read, self._services, self._visit, self._detail.view.id)
        except (LinliError, SQLAlchemyError):
            return  # the values stay, and their ages on the next look say how old they are
        if detail is None:
            return
        before, self._detail = self._detail, detail
        if detail.view != before.view:
            self._draw_head()
        if not self._tiles or {(v.device, v.quantity) for v in detail.values} != self._tiles.keys():
            self._draw_values()
            if self._chosen is None:
                self._chosen = _first(detail)
                await self.show_chart()
        else:
            for value in detail.values:
                self._tiles[value.device, value.quantity].show(value)

    def _devices(self) -> None:
        """What belongs to it, each with its page in the registry."""
        if not self._detail.devices:
            return
        language = self._visit.language
        with Node("section", classes="panel", data_test="facility-devices"):
            Node("h2", texts.DEVICES.of(language))
            with Node("ul", classes="links"):
                for device in self._detail.devices:
                    with Node("li"):
                        Node("a", device.name.of(language), href=f"/registry/devices/{device.id}")
                        Node("small", device.kind_name.of(language), "muted")

    def _draw_head(self) -> None:
        view, language = self._detail.view, self._visit.language
        self._head.clear()
        with self._head, Node("div", classes=f"panel facility-head s-{view.state.value}"):
            Node("h1", view.name.of(language))
            Node("div", f"{view.community_name.of(language)} · {view.place_name.of(language)}", "muted")
            state_line(view, self._visit, self._services.clock.now())
            reason_lines(view, language)
            for alert in view.worst_alerts:
                Node("a", texts.SHOW_ALERT.of(language), "btn", href=f"/alerts/{alert}")
                break

    def _draw_values(self) -> None:
        self._values.clear()
        self._tiles = {}
        with self._values:
            if not self._detail.values:
                Node("p", (texts.UNREADABLE if self._blind else texts.NEVER).of(self._visit.language), "muted")
            for value in self._detail.values:
                key = (value.device, value.quantity)
                tile = _Tile(value, self._visit.language, self._choose)
                tile.choose(key == self._chosen)
                self._tiles[key] = tile

    async def _choose(self, key: tuple[str, str]) -> None:
        self._chosen = key
        for other, tile in self._tiles.items():
            tile.choose(other == key)
        await self.show_chart()


class _Tile:
    """The newest value of one quantity of one device: a button that shows its curve."""

    def __init__(self, value: ValueView, language: str, choose: "Choose") -> None:
        self._language = language
        self._button = Node("button", classes="value", type="button", data_device=value.device)
        self._button.props["data-quantity"] = value.quantity
        with self._button:
            Node("span", value.device_name.of(language))
            self._value = Node("span", classes="v")
            Node("span", value.quantity_name.of(language), "q")
            self._age = Node("span", classes="age")
        self._button.on("click", lambda: choose((value.device, value.quantity)))
        self.show(value)

    def show(self, value: ValueView) -> None:
        """Write the value and its age."""
        said = ago(round(value.age_s * SECOND))
        age = texts.STALE_AGE.format(age=said) if value.stale else said
        _write(self._value, shown_value(value, self._language))
        _write(self._age, age.of(self._language))
        if value.stale != ("stale" in self._button.classes):
            self._button.classes(add="stale" if value.stale else "", remove="" if value.stale else "stale")

    def choose(self, chosen: bool) -> None:
        """Mark it as the one whose curve is shown."""
        self._button.props["aria-pressed"] = str(chosen).lower()
        self._button.update()


Choose = Callable[[tuple[str, str]], Awaitable[None]]


def shown_value(value: ValueView, language: str) -> str:
    """A flag's word, or the number with its unit."""
    if value.words is not None:
        return value.words.of(language)
    return number_with_unit(value.quantity, value.symbol, value.value)


def _write(node: Node, text: str) -> None:
    if node.text != text:
        node.set_text(text)


def _first(detail: FacilityDetail) -> tuple[str, str] | None:
    return next(((value.device, value.quantity) for value in detail.values), None)


def _read(services: Services, visit: Visit, facility_id: str) -> FacilityDetail | None:
    try:
        return services.facility(person_now(services, visit), facility_id)
    except NotFound:
        return None


def _read_day(services: Services, visit: Visit, value: ValueView, now: int) -> list[Bucket]:
    person = person_now(services, visit)
    return services.readings(person, value.device, value.quantity, now - DAY, now, POINTS)
