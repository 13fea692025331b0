"""Arming: the mode of each place, and who set it; for who may, a way to set it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi.responses import RedirectResponse
from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.arming.service import PlaceView
from api.console import texts
from api.console.consoles import Console
from api.console.foot import Foot
from api.console.layout import Node, choice
from api.console.opening import Answer, Opened, Pages
from api.console.rows import moment
from api.console.visit import Visit, person_now
from api.scope import may
from api.services import Services
from linli.arming import MODES
from linli.errors import LinliError, NotFound
from linli.i18n import Text
from linli.roles import Operation

LOOK_EVERY_S = 5.0
LOOK_FAR_EVERY_S = 30.0
"""Of who sees many compounds at once."""
MOST_PLACES = 150
"""Of more than these only buildings are listed, and places with a mode of their own."""

MOST_ROWS = 400
"""Of more than these the compounds are listed, each with a page of its own."""

INHERIT = "inherit"


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/places", Operation.SEE)
    async def places(opened: Opened, community: str | None = None) -> Answer:
        visit = opened.visit
        try:
            found = await asyncio.to_thread(_read, services, visit, community)
        except NotFound:
            return RedirectResponse("/places", 303)
        with opened.frame(texts.ARMING, "/places"):
            _PlaceBoard(services, opened.console, found, community)
        return None


class _PlaceBoard:
    """The list, drawn again only when a mode has changed."""

    def __init__(self, services: Services, console: Console, found: list[PlaceView], community: str | None) -> None:
        self._services = services
        self._community = community
        self._visit = console.visit
        self._shown = found
        self._may = may(console.visit.person, Operation.COMMAND_SECURITY)
        self._dialog = _ModeDialog(services, self._visit, self._look)
        self._box = Node("div", data_test="places")
        self._draw()
        ui.timer(LOOK_FAR_EVERY_S if _is_far(found) else LOOK_EVERY_S, self._look, immediate=False)

    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(_read, self._services, self._visit, self._community)
        except (LinliError, SQLAlchemyError):
            return  # the list stays as it was
        if found != self._shown:
            self._shown = found
            self._box.clear()
            self._draw()

    def _draw(self) -> None:
        language = self._visit.language
        far = _is_far(self._shown)
        listed = [view for view in self._shown if view.own_mode is not None] if far else _listed(self._shown)
        with self._box:
            with Node("div", classes="board-head"):
                Node("h1", texts.ARMING.of(language))
                Node("p", texts.ARMING_HELP.of(language), "muted")
            if self._community is not None and self._visit.several:
                Node("a", texts.ALL_COMPOUNDS.of(language), "link", href="/places")
            if not self._shown:
                Node("div", texts.NO_PLACES.of(language), "panel")
                return
            if len(listed) < len(self._shown):
                said = texts.BY_COMPOUND if far else texts.ONLY_SOME_PLACES
                Node("p", said.of(language), "muted")
            if listed:
                self._rows(listed[:MOST_ROWS])
            if far:
                self._compounds()

    def _rows(self, listed: Sequence[PlaceView]) -> None:
        names = {view.id: view for view in self._shown}
        with Node("ul", classes="rows"):
            for depth, view in _in_order(listed):
                self._row(view, depth, names)

    def _compounds(self) -> None:
        """Each compound with how much of it is set, as a way to its page."""
        language = self._visit.language
        places: Counter[str] = Counter(view.community for view in self._shown)
        own: Counter[str] = Counter(view.community for view in self._shown if view.own_mode is not None)
        named = {view.community: view.community_name.of(language) for view in self._shown}
        with Node("ul", classes="rows spaced", data_test="compounds"):
            for community, name in sorted(named.items(), key=lambda one: (one[1], one[0])):
                with Node("li", classes="row-p", data_community=community):
                    Node("a", name, "p-name", href=f"/places?community={community}")
                    said = texts.PLACES_OF.format(count=f"{places[community]:,}", own=own[community])
                    Node("small", said.of(language), "muted")

    def _row(self, view: PlaceView, depth: int, names: dict[str, PlaceView]) -> None:
        language = self._visit.language
        with Node("li", classes=f"row-p depth-{min(depth, 3)}", data_place=view.id):
            with Node("div"):
                Node("div", view.name.of(language), "p-name")
                about = [view.kind_name] + ([view.community_name] if self._visit.several and depth == 0 else [])
                Node("small", " · ".join(text.of(language) for text in about), "muted")
            with Node("div", classes="p-mode" + ("" if view.own_mode else " inherited"), data_mode=view.mode or ""):
                Node("span", (view.mode_name or texts.NO_MODE).of(language))
                Node("small", self._said(view, names), "muted")
            if self._may:
                button = Node("button", texts.SET_MODE.of(language), "btn", type="button", data_test="set-mode")
                button.on("click", lambda: self._dialog.ask(view, {one.id: one.name for one in names.values()}))

    def _said(self, view: PlaceView, names: dict[str, PlaceView]) -> str:
        """Who set it and when, or from which place it is."""
        language = self._visit.language
        if view.own_mode is not None and view.changed_at is not None:
            when = moment(view.changed_at, self._visit.zone(view.community), self._services.clock.now())
            parts = [view.changed_by_name or "", when, view.reason or ""]
            return " · ".join(part for part in parts if part)
        around = names.get(view.mode_from or "")
        return "" if around is None else texts.AS_AROUND.format(place=around.name).of(language)


class _ModeDialog:
    """Asks for the mode and the reason. One for a page; `ask` opens it for one place. `done` is called when it is set."""

    def __init__(self, services: Services, visit: Visit, done: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._visit = visit
        self._done = done
        self._place = self._mode = self._reason = ""
        self._names: Mapping[str, Text] = {}
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog", data_test="mode-dialog")

    def ask(self, place: PlaceView, names: Mapping[str, Text]) -> None:
        """Open for one place; `names` are those of all places that are shown, by id."""
        self._names = names
        self._place, self._mode, self._reason = place.id, place.own_mode or INHERIT, ""
        self._box.clear()
        with self._box:
            self._draw(place)
        self._dialog.open()

    def _draw(self, place: PlaceView) -> None:
        language = self._visit.language
        Node("h2", texts.ARMING.of(language))
        Node("p", place.name.of(language), "subject")
        Node("p", texts.MODE_HELP.of(language), "muted")
        modes = {mode: name.of(language) for mode, name in (MODES | {INHERIT: self._unset(place)}).items()}
        choice(texts.MODE.of(language), modes, self._mode, self._chosen, "mode")
        self._means = Node("p", classes="muted", data_test="means", aria_live="polite")
        self._explain()
        with Node("label", classes="field"):
            Node("span", texts.MODE_REASON.of(language))
            field = Node("textarea", maxlength=2000, rows=2, data_test="reason")
            field.on("input", self._typed, js_handler="(event) => emit(event.target.value)")
        Foot(self._dialog, language, texts.SET_MODE, self._missing, self._do, self._done, data_test="set")

    def _unset(self, place: PlaceView) -> Text:
        """What it is called to have no mode of its own: it goes by the place around it, if there is one."""
        if place.parent is None:
            return texts.NO_MODE
        around = self._names.get(place.parent)
        return texts.INHERIT if around is None else texts.INHERIT_OF.format(place=around)

    def _explain(self) -> None:
        self._means.set_text(texts.MODE_MEANS.get(self._mode, texts.UNSET_MEANS).of(self._visit.language))

    def _chosen(self, mode: str) -> None:
        self._mode = mode
        self._explain()

    def _typed(self, event: GenericEventArguments) -> None:
        self._reason = str(event.args)

    def _missing(self) -> Text | None:
        return None if self._reason.strip() else texts.MODE_REASON_MISSING

    def _do(self) -> None:
        person = person_now(self._services, self._visit, acting=True)
        mode = None if self._mode == INHERIT else self._mode
        self._services.arm(person, self._place, mode, self._reason)


def _read(services: Services, visit: Visit, community: str | None) -> list[PlaceView]:
    return services.arming.places(person_now(services, visit), community)


def _is_far(views: Sequence[PlaceView]) -> bool:
    """Whether these are too many to be shown together."""
    several = len({view.community for view in views}) > 1
    return several and len(_listed(views)) > MOST_ROWS


def _listed(views: Sequence[PlaceView]) -> list[PlaceView]:
    if len(views) <= MOST_PLACES:
        return list(views)
    return [view for view in views if view.parent is None or view.own_mode is not None]


def _in_order(views: Sequence[PlaceView]) -> list[tuple[int, PlaceView]]:
    """Each place behind the one that it lies in, with how deep it lies; what lies in nothing that is listed comes first."""
    listed = {view.id for view in views}
    inside: dict[str, list[PlaceView]] = {}
    for view in views:
        inside.setdefault(view.parent if view.parent in listed and view.parent is not None else "", []).append(view)
    found: list[tuple[int, PlaceView]] = []
    waiting = [(0, view) for view in reversed(inside.get("", []))]
    while waiting:
        depth, view = waiting.pop()
        found.append((depth, view))
        waiting += [(depth + 1, below) for below in reversed(inside.get(view.id, []))]
    return found
