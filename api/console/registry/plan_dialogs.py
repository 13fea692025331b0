"""A new floor plan of a place, with its drawing: and the file of a drawing, sent over REST by the browser itself."""

import asyncio
from pathlib import PurePosixPath

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from api.console import texts as console_texts
from api.console.layout import Node
from api.console.registry import texts
from api.console.registry.pieces import Names, button, field, number_of
from api.console.visit import Visit, person_now
from api.floorplans.service import FloorPlanService
from api.registry.service import RegistryService
from api.scope import may
from api.services import Services
from linli.errors import LinliError, NotFound
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.kinds import Item
from linli.registry.model import FloorPlan, Place
from linli.registry.naming import derived_id
from linli.roles import Operation

_NAMELESS = "drawing"


class DrawingFile(Element, component="../static/drawing_file.js"):
    """A field for the file of a drawing; `drawing_file.js` says what it does."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.name, self.width, self.height = "", 0, 0
        self.props["words"] = console_texts.words(
            language, file=texts.DRAWING_FILE, uploading=texts.UPLOADING, failed=texts.UPLOAD_FAILED
        )
        self.props["lang"] = language
        self.on("chosen", self._chosen)

    @property
    def chosen(self) -> bool:
        """Whether there is a file to send."""
        return bool(self.name)

    def send(self, plan: str) -> None:
        """Have the browser send the file as the plan's drawing; it goes to the plan's page then, or says what was wrong."""
        self.run_method("send", f"/api/v1/registry/floor-plans/{plan}/drawing", f"/registry/plans/{plan}")

    def _chosen(self, event: GenericEventArguments) -> None:
        said = event.args if isinstance(event.args, dict) else {}
        self.name = str(said.get("name", ""))[:255]
        self.width, self.height = (_pixels(said.get(side)) for side in ("width", "height"))


class PlanDialog:
    """A button that asks for a new floor plan of a place."""

    def __init__(self, services: Services, registry: RegistryService, plans: FloorPlanService, visit: Visit) -> None:
        self._services = services
        self._registry = registry
        self._plans = plans
        self._visit = visit
        self._place: Place | None = None
        self._metres = ""
        self._made: str | None = None
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="plan-dialog")

    def button(self, item: Item) -> None:
        """The button, for who may."""
        if may(self._visit.person, Operation.EDIT_REGISTRY) and isinstance(item, Place):
            button(texts.ADD_PLAN, self._visit.language, "add-plan", lambda: self._open(item))

    def _open(self, place: Place) -> None:
        language = self._visit.language
        self._place, self._metres, self._made = place, "", None
        self._box.clear()
        with self._box:
            Node("h2", texts.ADD_PLAN.of(language))
            Node("p", place.name.of(language), "subject")
            Node("p", texts.ADD_PLAN_HELP.of(language), "muted")
            self._names = Names(language, place.name.zh, place.name.en)
            field(texts.PLAN_WIDTH, language, "width", "", lambda said: setattr(self, "_metres", said), "number")
            self._file = DrawingFile(language)
            self._fault = Node("div", classes="fault-line", role="alert")
            self._fault.set_visibility(False)
            with Node("div", classes="actions"):
                button(console_texts.CANCEL, language, "cancel", self._dialog.close)
                button(texts.UPLOAD, language, "upload", self._upload, main=True)
        self._dialog.open()

    async def _upload(self) -> None:
        """Register the plan, once, and have the browser send its drawing."""
        missing = self._names.missing() or (None if self._file.chosen else texts.NO_FILE)
        try:
            if missing is None and self._made is None:
                self._made = await asyncio.to_thread(self._register)
        except LinliError as error:
            missing = error.text
        self._say(missing)
        if missing is None and self._made is not None:
            self._file.send(self._made)

    def _register(self) -> str:
        assert self._place is not None
        person, place = person_now(self._services, self._visit, acting=True), self._place
        width = number_of(self._metres, texts.PLAN_WIDTH)
        if width is None or not width > 0:
            raise LinliError(texts.WIDTH_MISSING)
        height = width * self._file.height / self._file.width if self._file.width else width

        def taken(name: str) -> bool:
            try:
                self._registry.get(person, Key("floor_plan", name), removed=True)
            except NotFound:
                return False
            return True

        plan = derived_id(place.id, "plan", taken=taken)
        file = PurePosixPath(self._file.name.replace("\\", "/")).name or _NAMELESS
        made = FloorPlan(plan, place.community, place.id, self._names.text, file, width, round(height, 3))
        self._registry.write(person, Key("floor_plan", plan), [made], 0)
        return plan

    def _say(self, fault: Text | None) -> None:
        self._fault.set_text("" if fault is None else fault.of(self._visit.language))
        self._fault.set_visibility(fault is not None)


def _pixels(said: object) -> int:
    return said if isinstance(said, int) and 0 < said < 100_000 else 0
