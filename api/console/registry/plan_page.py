"""A floor plan: its drawing with the devices on it, by colour and shape how each is; for who may, placing them and the drawing."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api import words
from api.console import texts as console_texts
from api.console.consoles import Console
from api.console.layout import Node, grade
from api.console.opening import Answer, Opened, Pages
from api.console.registry import texts
from api.console.registry.pieces import Ask, Names, button, crumbs, field, nothing_missing, number_of, parts, reload
from api.console.registry.plan_dialogs import DrawingFile
from api.console.registry.plan_view import PlanView
from api.console.registry.search import search_field
from api.console.registry.tree_dialogs import TreeDialogs
from api.console.visit import Visit, person_now
from api.floorplans.service import MOST_WAITING, Dot, FloorPlanService, Plan, build_floorplans
from api.registry.browsing import RegistryTree
from api.registry.service import RegistryService
from api.scope import may
from api.services import Services
from api.views import FacilityStatus
from linli.db.people import Person
from linli.db.registryitems import Kept
from linli.errors import LinliError, NotFound
from linli.floorplans import Spot
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.model import Device, FloorPlan
from linli.roles import Operation

Heard = Callable[[str], None]
"""Is told what stands in a field."""

LOOK_EVERY_S = 5.0
_OFF_BY = 0.05
"""A drawing whose proportions are further from those of its metres than this is told of."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What the page shows. `waiting`: devices of the place and below that are on no plan, with their revisions."""

    plan: Plan
    dots: Sequence[Dot]
    waiting: Sequence[tuple[Device, int]]
    trail: Sequence[tuple[Key, Text]]


class _Reader:
    """Reads a plan for whoever looks."""

    def __init__(self, services: Services) -> None:
        self.registry = RegistryService(services.sights, services.database, services.clock)
        self.tree = RegistryTree(services.sights, self.registry)
        self.plans: FloorPlanService = build_floorplans(services)

    def read(self, person: Person, name: str, device: str = "") -> _Read | None:
        """The plan; None if it is not there. `device`: one to offer in any case."""
        try:
            plan = self.plans.get(person, name)
        except NotFound:
            return None
        dots, place = self.plans.dots(person, name), plan.plan.place
        waiting = self._waiting(person, place, device) if may(person, Operation.EDIT_REGISTRY) else []
        on_it = {dot.device.id for dot in dots}
        waiting = [one for one in waiting if one[0].id not in on_it]
        return _Read(plan, dots, waiting, self.tree.trail(person, Key("place", place)))

    def _waiting(self, person: Person, place: str, device: str) -> list[tuple[Device, int]]:
        found = self.plans.waiting(person, self.tree.under(person, place))
        if device and device not in {one.id for one, _ in found}:
            with suppress(NotFound):
                kept = self.registry.get(person, Key("device", device)).kept
                assert isinstance(kept.item, Device)
                found.insert(0, (kept.item, kept.revision))
        return found


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    reader = _Reader(services)

    @pages.page("/registry/plans/{plan_id}", Operation.SEE)
    async def plan(opened: Opened, plan_id: str, device: str = "") -> Answer:
        visit = opened.visit
        read = await asyncio.to_thread(reader.read, visit.person, plan_id, device)
        title = texts.FLOOR_PLAN if read is None else read.plan.plan.name
        with opened.frame(title, "/registry"):
            language = visit.language
            with Node("div", classes="board-head"):
                parts(language, "/registry/places")
                search_field(language, "")
            if read is None:
                crumbs(language, ())
                Node("div", texts.NOT_THERE.of(language), "panel", data_test="not-there")
            else:
                _PlanPage(services, reader, opened.console, read).start(device)
        return None


class _PlanPage:
    """Head, drawing and the lists beside it; the dots are drawn again as their devices change."""

    def __init__(self, services: Services, reader: _Reader, console: Console, read: _Read) -> None:
        self._services = services
        self._reader = reader
        self._visit: Visit = console.visit
        self._language = console.visit.language
        self._read = read
        self._may = may(console.visit.person, Operation.EDIT_REGISTRY)
        self._ask = Ask(services, self._visit)
        self._placing: tuple[str, str, int] | None = None
        self._spot: dict[str, str] = {"x": "", "y": ""}
        plan = read.plan
        crumbs(self._language, read.trail, plan.plan.name.of(self._language))
        self._head(plan)
        with Node("div", classes="cols"):
            with Node("section", classes="panel"):
                self._view = self._drawing(plan)
                self._form = Node("div", classes="place-form", data_test="place-form", tabindex=-1)
                self._form.set_visibility(False)
            self._lists = Node("div", classes="stack")
        self._draw_lists()
        ui.timer(LOOK_EVERY_S, self._look, immediate=False)

    def start(self, device: str) -> None:
        """Begin with placing this device, if it is one that may be."""
        listed = {dot.device.id: (dot.device, dot.revision) for dot in self._read.dots}
        waiting = {one.id: (one, revision) for one, revision in self._read.waiting}
        found = (listed | waiting).get(device)
        if found is not None and self._may and self._view is not None:
            self._begin(found[0], found[1])

    def _head(self, plan: Plan) -> None:
        language, noun = self._language, plan.plan
        with Node("div", classes="head"):
            with Node("div"):
                Node("h1", noun.name.of(language))
                size = texts.PLAN_SIZE.format(width=f"{noun.width_m:g}", height=f"{noun.height_m:g}")
                Node("div", size.of(language), "muted")
            Node("div", classes="push")
            if self._may:
                button(texts.EDIT, language, "edit-plan", lambda: self._edit(plan))
                if plan.drawing is not None:
                    button(texts.UPLOAD_OTHER, language, "upload-other", self._upload_other)
                    button(texts.REMOVE_DRAWING, language, "remove-drawing", self._remove_drawing)
                button(texts.REMOVE_PLAN, language, "remove-plan", self._remove_plan)

    def _drawing(self, plan: Plan) -> PlanView | None:
        language = self._language
        if plan.drawing is None:
            Node("p", texts.NO_DRAWING.of(language), "muted")
            if self._may:
                self._sender()
            else:
                Node("p", texts.NO_DRAWING_GUARD.of(language), "muted")
            return None
        off = abs(plan.drawing.width * plan.plan.height_m / (plan.drawing.height * plan.plan.width_m) - 1)
        turned = abs(plan.drawing.height * plan.plan.height_m / (plan.drawing.width * plan.plan.width_m) - 1)
        view = PlanView(plan, self._read.dots, language)
        view.on("press", self._pressed)
        if min(off, turned) > _OFF_BY:
            Node("p", texts.PROPORTIONS.format(percent=round(min(off, turned) * 100)).of(language), "muted")
        self._legend()
        return view

    def _legend(self) -> None:
        with Node("div", classes="legend", aria_label=texts.LEGEND.of(self._language)):
            for state in FacilityStatus:
                grade(state.value, words.FACILITY_STATES[state].of(self._language))

    def _sender(self) -> None:
        file = DrawingFile(self._language)
        plan = self._read.plan.plan.id
        button(texts.UPLOAD, self._language, "upload", lambda: file.send(plan) if file.chosen else None, main=True)

    # --- the lists ------------------------------------------------------------------------------------------------

    def _draw_lists(self) -> None:
        language, read = self._language, self._read
        self._lists.clear()
        with self._lists:
            with Node("section", classes="panel", data_test="on-it"):
                Node("h2", texts.DEVICES_ON_IT.of(language))
                if not read.dots:
                    Node("p", texts.NO_DEVICES_ON_IT.of(language), "muted")
                with Node("ul", classes="links"):
                    for dot in read.dots:
                        self._dot(dot)
            if self._may and read.plan.drawing is not None:
                with Node("section", classes="panel", data_test="waiting"):
                    Node("h2", texts.NOT_ON_IT.of(language))
                    if not read.waiting:
                        Node("p", texts.ALL_ON_IT.of(language), "muted")
                    with Node("ul", classes="links long"):
                        for device, revision in read.waiting:
                            self._waits(device, revision)
                    if len(read.waiting) >= MOST_WAITING:
                        Node("p", texts.MORE_WAITING.format(count=MOST_WAITING).of(language), "muted")

    def _dot(self, dot: Dot) -> None:
        language, device = self._language, dot.device
        with Node("li", data_device=device.id):
            with Node("span"):
                Node("a", device.name.of(language), href=f"/registry/devices/{device.id}")
                state = dot.state.status
                with Node("div"):
                    grade(state.value, words.FACILITY_STATES[state].of(language))
            if self._may and self._view is not None:
                with Node("span", classes="control-acts"):
                    button(texts.MOVE_IT, language, "move-dot", lambda: self._begin(device, dot.revision, dot.spot))
                    button(texts.TAKE_OFF, language, "take-off", lambda: self._take_off(dot))

    def _waits(self, device: Device, revision: int) -> None:
        with Node("li", data_device=device.id):
            Node("a", device.name.of(self._language), href=f"/registry/devices/{device.id}")
            button(texts.PLACE_IT, self._language, "place-dot", lambda: self._begin(device, revision))

    # --- placing --------------------------------------------------------------------------------------------------

    def _begin(self, device: Device, revision: int, spot: Spot | None = None) -> None:
        """Ask where it is to be: by a press on the drawing, or by two numbers."""
        self._placing = (device.id, device.name.of(self._language), revision)
        self._spot = {"x": "", "y": ""} if spot is None else {"x": f"{spot.x:.1%}"[:-1], "y": f"{spot.y:.1%}"[:-1]}
        self._draw_form()
        self._show_spot()

    def _draw_form(self) -> None:
        assert self._placing is not None
        language, name = self._language, self._placing[1].replace("{", "").replace("}", "")
        self._form.clear()
        with self._form:
            Node("h2", texts.PLACING.format(name=name).of(language))
            Node("p", texts.PRESS_HERE.of(language), "muted")
            with Node("div", classes="two"):
                self._x = field(texts.FROM_LEFT, language, "from-left", self._spot["x"], self._typed("x"), "number")
                self._y = field(texts.FROM_TOP, language, "from-top", self._spot["y"], self._typed("y"), "number")
            self._fault = Node("div", classes="fault-line", role="alert")
            self._fault.set_visibility(False)
            with Node("div", classes="actions"):
                button(texts.CANCEL_PLACING, language, "cancel-spot", self._end)
                button(texts.SAVE, language, "save-spot", self._save, main=True)
        self._form.set_visibility(True)
        self._form.run_method("scrollIntoView", {"block": "center"})
        self._form.run_method("focus", {"preventScroll": True})

    def _typed(self, side: str) -> Heard:
        def heard(said: str) -> None:
            self._spot[side] = said
            self._show_spot()

        return heard

    def _pressed(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        if self._placing is None or not all(isinstance(said.get(side), int | float) for side in ("x", "y")):
            return
        self._spot = {side: f"{float(said[side]) * 100:.1f}" for side in ("x", "y")}
        self._draw_form()
        self._show_spot()

    def _where(self) -> Spot | None:
        try:
            x, y = (number_of(self._spot[side], texts.FROM_LEFT) for side in ("x", "y"))
        except LinliError:
            return None
        inside = x is not None and y is not None and 0 <= x <= 100 and 0 <= y <= 100
        return Spot(x / 100, y / 100) if inside and x is not None and y is not None else None

    def _show_spot(self) -> None:
        if self._view is not None and self._placing is not None:
            spot = self._where()
            self._view.place(self._placing[0], None if spot is None else {"x": spot.x, "y": spot.y})

    def _end(self) -> None:
        self._placing = None
        self._form.set_visibility(False)
        if self._view is not None:
            self._view.place("", None)

    async def _save(self) -> None:
        spot = self._where()
        if self._placing is None or spot is None:
            self._say(texts.SPOT_MISSING)
            return
        device, _, revision = self._placing

        def do() -> None:
            person = person_now(self._services, self._visit, acting=True)
            self._reader.plans.place(person, device, self._read.plan.plan.id, spot, revision)

        try:
            await asyncio.to_thread(do)
        except LinliError as error:
            self._say(error.text)
        except SQLAlchemyError:
            self._say(console_texts.TRY_AGAIN)
        else:
            self._placing = None  # so that the lists are drawn anew, before anything else can be chosen from them
            await self._look()
            self._end()

    def _say(self, fault: Text) -> None:
        self._fault.set_text(fault.of(self._language))
        self._fault.set_visibility(True)

    def _take_off(self, dot: Dot) -> None:
        def do(person: Person) -> None:
            self._reader.plans.take_off(person, dot.device.id, dot.revision)

        name = dot.device.name.of(self._language)
        self._ask.open(texts.TAKE_OFF, texts.TAKE_OFF_HELP, name, lambda: None, nothing_missing, do, self._look)

    # --- the plan itself ------------------------------------------------------------------------------------------

    def _edit(self, plan: Plan) -> None:
        noun, made = plan.plan, list[Names]()
        said = {"width": f"{noun.width_m:g}", "height": f"{noun.height_m:g}"}

        def draw() -> None:
            made.append(Names(self._language, noun.name.zh, noun.name.en))
            for name, asked in (("width", texts.PLAN_WIDTH), ("height", texts.PLAN_HEIGHT)):
                field(asked, self._language, name, said[name], _into(said, name), "number")

        def missing() -> Text | None:
            return made[0].missing()

        def do(person: Person) -> None:
            width, height = number_of(said["width"], texts.PLAN_WIDTH), number_of(said["height"], texts.PLAN_HEIGHT)
            fresh = FloorPlan(noun.id, noun.community, noun.place, made[0].text, noun.file, width or 0.0, height or 0.0)
            self._reader.registry.write(person, Key("floor_plan", noun.id), [fresh], plan.revision)

        subject = noun.name.of(self._language)
        self._ask.open(texts.EDIT, texts.EDIT_NAMES_HELP, subject, draw, missing, do, reload)

    def _upload_other(self) -> None:
        self._form.clear()
        with self._form:
            Node("p", texts.ADD_PLAN_HELP.of(self._language), "muted")
            self._sender()
        self._form.set_visibility(True)

    def _remove_drawing(self) -> None:
        noun = self._read.plan.plan

        def do(person: Person) -> None:
            self._reader.plans.remove(person, noun.id)

        name = noun.name.of(self._language)
        words = texts.REMOVE_DRAWING_HELP
        self._ask.open(texts.REMOVE_DRAWING, words, name, lambda: None, nothing_missing, do, reload)

    def _remove_plan(self) -> None:
        plan = self._read.plan
        kept = Kept(plan.plan, plan.revision, 0)
        dialogs = TreeDialogs(self._services, self._reader.registry, self._visit)
        dialogs.ask_remove(Key("floor_plan", plan.plan.id), kept, f"/registry/places/{plan.plan.place}")

    async def _look(self) -> None:
        """Read it again; drawn again is only what has changed, and nothing while somebody fills in where a device is to be."""
        try:
            read = await asyncio.to_thread(self._again)
        except (LinliError, SQLAlchemyError):
            return  # what is shown stays
        if read is None or read == self._read:
            return
        self._read = read
        if self._view is not None:
            self._view.show(read.dots)
        if self._placing is None:
            self._draw_lists()

    def _again(self) -> _Read | None:
        person = person_now(self._services, self._visit)
        return self._reader.read(person, self._read.plan.plan.id)


def _into(said: dict[str, str], name: str) -> Heard:
    def heard(text: str) -> None:
        said[name] = text

    return heard
