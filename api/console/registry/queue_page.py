"""The registry: devices that report and are not registered, to be adopted; and facts that contradict each other or are stale."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.console import registry_texts as texts
from api.console.consoles import Console
from api.console.foot import Foot
from api.console.layout import Node, choice
from api.console.opening import Answer, Opened, Pages
from api.console.registry.pieces import files_link, parts, path_of
from api.console.rows import moment
from api.console.visit import Visit, person_now
from api.registry.service import RegistryService
from api.scope import may
from api.services import Services
from linli.db.registryfacts import Doubt
from linli.errors import LinliError
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.kinds import KINDS
from linli.registry.model import Device, Place
from linli.registry.strangers import Stranger
from linli.roles import Operation
from linli.vocabulary import DEVICE_KINDS, EVENT_TYPES, quantity_of

PATH = "/registry"
_WITH_PAGES = ("committee", "community", "place", "device", "equipment", "facility", "floor_plan")
LOOK_EVERY_S = 5.0
MOST = 100


@dataclass(frozen=True, slots=True)
class _Found:
    """What is shown. `places`: of the communities whose devices are unknown."""

    strangers: Sequence[Stranger]
    doubts: Sequence[Doubt]
    places: Sequence[Place]


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH, Operation.SEE)
    async def registry(opened: Opened) -> Answer:
        visit = opened.visit
        service = RegistryService(services.sights, services.database, services.clock)
        found = await asyncio.to_thread(_read, services, service, visit)
        with opened.frame(texts.REGISTRY, PATH):
            _Board(services, service, opened.console, found)
        return None


class _Board:
    """Both lists, drawn again only when something has changed."""

    def __init__(self, services: Services, service: RegistryService, console: Console, found: _Found) -> None:
        self._services = services
        self._service = service
        self._visit = console.visit
        self._shown = found
        self._may = may(console.visit.person, Operation.EDIT_REGISTRY)
        self._dialog = _AdoptDialog(services, service, self._visit, self._look)
        self._box = Node("div", classes="sections", data_test="registry")
        self._draw()
        ui.timer(LOOK_EVERY_S, self._look, immediate=False)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(_read, self._services, self._service, self._visit)
        except (LinliError, SQLAlchemyError):
            return  # the lists stay as they were
        if found != self._shown:
            self._shown = found
            self._box.clear()
            self._draw()

    def _draw(self) -> None:
        language = self._visit.language
        with self._box:
            with Node("div", classes="board-head"):
                Node("h1", texts.REGISTRY.of(language))
                parts(language, PATH)
                files_link(self._visit.person, language)
                Node("p", texts.REGISTRY_HELP.of(language), "muted")
            self._list(texts.UNKNOWN, texts.NO_UNKNOWN, self._shown.strangers, self._stranger, "unknown")
            self._list(texts.TO_CHECK, texts.NOTHING_TO_CHECK, self._shown.doubts, self._doubt, "doubts")

    def _list(self, title: Text, nothing: Text, items: Sequence[Any], row: Callable[[Any], None], name: str) -> None:
        language = self._visit.language
        with Node("section", data_test=name):
            Node("h2", title.of(language))
            if not items:
                Node("div", nothing.of(language), "panel")
                return
            with Node("ul", classes="rows"):
                for item in items:
                    row(item)
            if len(items) == MOST:
                Node("p", texts.MORE.format(count=MOST).of(language), "muted")

    def _stranger(self, stranger: Stranger) -> None:
        language = self._visit.language
        when = moment(stranger.last_seen, self._visit.zone(stranger.community), self._services.clock.now())
        names = [quantity_of(one).name for one in stranger.quantities]
        names += [EVENT_TYPES.get(one, Text(one, one)) for one in stranger.types]
        with Node("li", classes="row-p", data_device=stranger.device):
            with Node("div"):
                Node("div", stranger.device, "p-name")
                Node("small", texts.BY_GATEWAY.format(gateway=stranger.gateway).of(language), "muted")
            with Node("div"):
                Node("span", texts.SENT.format(what=", ".join(name.of(language) for name in names) or "-").of(language))
                Node("small", texts.HEARD.format(times=stranger.times, when=when).of(language), "muted")
            if self._may:
                button = Node("button", texts.ADOPT.of(language), "btn", type="button", data_test="adopt")
                places = [place for place in self._shown.places if place.community == stranger.community]
                button.on("click", lambda: self._dialog.ask(stranger, places))

    def _doubt(self, doubt: Doubt) -> None:
        language, key = self._visit.language, doubt.key
        fields = [*doubt.contradicted, *(name for name in doubt.stale if name not in doubt.contradicted)]
        with Node("li", classes="row-p", data_item=f"{key.kind}/{key.id}"):
            with Node("div"):
                called = f"{KINDS[key.kind].name.of(language)} {key.id}"
                with Node("div", classes="p-name"):
                    self._name(called, key)
                words = texts.CONTRADICTED if doubt.contradicted else texts.STALE
                Node("small", words.of(language), "muted")
            with Node("div"):
                for name in fields:
                    self._fact(doubt, name)
            if self._may:
                button = Node("button", texts.CONFIRM.of(language), "btn", type="button", data_test="confirm-fact")
                button.on("click", lambda: self._confirm(doubt, fields))

    def _name(self, called: str, key: Key) -> None:
        """What it is; a link where it has a page."""
        if key.kind in _WITH_PAGES:
            Node("a", called, href=path_of(_whole(key)))
        else:
            Node("span", called)

    def _fact(self, doubt: Doubt, name: str) -> None:
        language, fact = self._visit.language, doubt.facts[name]
        counting = texts.SAYS.format(source=fact.source, value=fact.value).of(language)
        called = texts.FIELDS.get(name, Text(name, name)).of(language)
        Node("span", f"{called}: {counting} ({texts.COUNTS.of(language)})")
        for source, claim in fact.against.items():
            Node("small", texts.SAYS.format(source=source, value=claim.value).of(language), "muted")

    async def _confirm(self, doubt: Doubt, fields: Sequence[str]) -> None:
        try:
            person = await asyncio.to_thread(person_now, self._services, self._visit, acting=True)
            await asyncio.to_thread(self._service.confirm, person, _whole(doubt.key), fields)
        except LinliError as error:
            ui.notify(error.text.of(self._visit.language))
        await self._look()


class _AdoptDialog:
    """Asks what an unknown device is. One for a page; `ask` opens it for one. `done` is called when it is registered."""

    def __init__(
        self, services: Services, service: RegistryService, visit: Visit, done: Callable[[], Awaitable[None]]
    ) -> None:
        self._services = services
        self._service = service
        self._visit = visit
        self._done = done
        self._stranger: Stranger | None = None
        self._kind = self._place = ""
        self._names = {"zh": "", "en": ""}
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog", data_test="adopt-dialog")

    def ask(self, stranger: Stranger, places: Sequence[Place]) -> None:
        """Open for one device; `places` are those where it may be."""
        self._stranger, self._names = stranger, {"zh": "", "en": ""}
        self._kind, self._place = next(iter(DEVICE_KINDS)), ""
        self._box.clear()
        with self._box:
            self._draw(stranger, places)
        self._dialog.open()

    def _draw(self, stranger: Stranger, places: Sequence[Place]) -> None:
        language = self._visit.language
        Node("h2", texts.ADOPT_TITLE.of(language))
        Node("p", texts.ADOPT_HELP.format(device=stranger.device).of(language), "muted")
        kinds = {kind: name.of(language) for kind, name in DEVICE_KINDS.items()}
        choice(texts.KIND.of(language), kinds, self._kind, lambda kind: setattr(self, "_kind", kind), "kind")
        where = {"": "-"} | {place.id: f"{place.name.of(language)} ({place.id})" for place in places}
        choice(texts.PLACE.of(language), where, "", lambda place: setattr(self, "_place", place), "place")
        for which, asked in (("zh", texts.NAME_ZH), ("en", texts.NAME_EN)):
            self._field(which, asked.of(language))
        Foot(self._dialog, language, texts.ADOPT, self._missing, self._do, self._done, data_test="adopt-now")

    def _field(self, which: str, asked: str) -> None:
        def typed(event: GenericEventArguments) -> None:
            self._names[which] = str(event.args)

        with Node("label", classes="field"):
            Node("span", asked)
            field = Node("input", maxlength=200, data_test=f"name-{which}")
            field.on("input", typed, js_handler="(event) => emit(event.target.value)")

    def _missing(self) -> Text | None:
        if not self._place:
            return texts.PLACE_MISSING
        return None if all(name.strip() for name in self._names.values()) else texts.NAMES_MISSING

    def _do(self) -> None:
        person = person_now(self._services, self._visit, acting=True)
        assert self._stranger is not None
        name = Text(self._names["zh"].strip(), self._names["en"].strip())
        device = Device(
            self._stranger.device, self._stranger.community, self._stranger.gateway, self._kind, name, self._place
        )
        self._service.adopt(person, device, replay=True)


def _whole(key: Key) -> Key:
    """The device that equipment is a part of; anything else itself."""
    return Key("device", key.id) if key.kind == "equipment" else key


def _read(services: Services, service: RegistryService, visit: Visit) -> _Found:
    person = person_now(services, visit)
    strangers = service.strangers(person, None)[:MOST]
    doubts = service.doubts(person, MOST, None, contradicted=None).items
    concerned = {stranger.community for stranger in strangers}
    known = services.sights.of(person).names.registry.places.values()
    places = sorted((place for place in known if place.community in concerned), key=lambda place: place.id)
    return _Found(strangers, doubts, places)
