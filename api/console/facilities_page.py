"""The facilities by building: how each is, since when, and why."""

import asyncio
from collections.abc import Sequence

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts
from api.console.consoles import Console
from api.console.layout import Node, grade
from api.console.opening import Answer, Opened, Pages
from api.console.rows import moment
from api.console.visit import Visit, person_now
from api.services import Services
from api.views import AlertChange, FacilityStatus, FacilityView
from api.words import FACILITY_STATES
from linli.errors import LinliError
from linli.roles import Operation

LOOK_EVERY_S = 5.0
LOOK_FAR_EVERY_S = 30.0
"""Of who sees more than FEW facilities: a look reads the newest values of all of them."""
FEW = 1_000
MOST_CARDS = 200
"""Of more than these the worst are shown: a page of thousands of cards is one that nobody reads, and no phone draws."""
MAX_REASONS = 3
WORST_FIRST = (FacilityStatus.FAULT, FacilityStatus.DEGRADED, FacilityStatus.UNKNOWN, FacilityStatus.OK)


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page("/facilities", Operation.SEE)
    async def facilities(opened: Opened) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(_read, services, visit)
        with opened.frame(texts.FACILITIES, "/facilities"):
            _FacilityBoard(services, opened.console, found)
        return None


class _FacilityBoard:
    """The cards, drawn again only when something about a facility has changed."""

    def __init__(self, services: Services, console: Console, found: list[FacilityView]) -> None:
        self._services = services
        self._visit = console.visit
        self._shown = found
        self._box = Node("div", data_test="facilities")
        self._draw()
        few = len(found) <= FEW
        ui.timer(LOOK_EVERY_S if few else LOOK_FAR_EVERY_S, self._look, immediate=False)
        if few:
            console.on_change = self._look

    async def _look(self, _changes: Sequence[AlertChange] = ()) -> None:
        try:
            found = await asyncio.to_thread(_read, self._services, self._visit)
        except (LinliError, SQLAlchemyError):
            return  # the cards stay as they were; the footer says what does not run
        if [_face(view) for view in found] != [_face(view) for view in self._shown]:
            self._shown = found
            self._box.clear()
            self._draw()

    def _draw(self) -> None:
        language = self._visit.language
        with self._box:
            _counts(self._shown, language)
            if not self._shown:
                Node("div", texts.NO_FACILITIES.of(language), "panel")
            if len(self._shown) > MOST_CARDS:
                Node(
                    "p",
                    texts.ONLY_SOME_FACILITIES.format(count=MOST_CARDS).of(language),
                    "muted",
                    data_test="only-some",
                )
            for building in _by_building(_worst(self._shown)):
                first = building[0]
                with Node("section", classes="place"):
                    with Node("h2"):
                        Node("span", first.building_name.of(language))
                        if self._visit.several:
                            Node("span", first.community_name.of(language), "muted")
                    with Node("div", classes="cards"):
                        for view in building:
                            _card(view, self._visit, self._services.clock.now())


def _read(services: Services, visit: Visit) -> list[FacilityView]:
    return services.facilities(person_now(services, visit)).items


def state_line(view: FacilityView, visit: Visit, now: int) -> None:
    """The state with its sign, and since when."""
    language = visit.language
    with Node("div", classes="state-line"):
        grade(view.state.value, FACILITY_STATES[view.state].of(language))
        if view.since is not None:
            when = moment(view.since, visit.zone(view.community), now)
            Node("span", texts.SINCE.format(when=when).of(language), "since")


def reason_lines(view: FacilityView, language: str) -> None:
    """Why it is so, the first few."""
    for reason in view.reasons[:MAX_REASONS]:
        Node("div", reason.of(language), "reason")
    if len(view.reasons) > MAX_REASONS:
        more = texts.AND_MORE.format(n=len(view.reasons) - MAX_REASONS)
        Node("div", more.of(language), "reason muted")


def _counts(views: Sequence[FacilityView], language: str) -> None:
    with Node("div", classes="board-head"):
        Node("h1", texts.FACILITIES.of(language))
        with Node("div", classes="chips", data_test="counts"):
            for state in WORST_FIRST:
                count = sum(view.state is state for view in views)
                with Node("span", classes=f"chip still s-{state.value}" + ("" if count else " none")):
                    Node("span", classes="sign", aria_hidden="true")
                    Node("b", str(count))
                    Node("span", FACILITY_STATES[state].of(language))


def _card(view: FacilityView, visit: Visit, now: int) -> None:
    language = visit.language
    with Node("a", classes=f"card s-{view.state.value}", href=f"/facilities/{view.id}", data_facility=view.id):
        Node("div", view.name.of(language), "card-name")
        state_line(view, visit, now)
        if view.state is not FacilityStatus.OK:
            reason_lines(view, language)


def _worst(views: Sequence[FacilityView]) -> list[FacilityView]:
    """All of them, or of many the worst, in the order in which they came."""
    if len(views) <= MOST_CARDS:
        return list(views)
    chosen = sorted(views, key=lambda view: WORST_FIRST.index(view.state))[:MOST_CARDS]
    kept = {view.id for view in chosen}
    return [view for view in views if view.id in kept]


def _by_building(views: Sequence[FacilityView]) -> list[list[FacilityView]]:
    """The facilities of each building, the worst first."""
    found: dict[tuple[str, str], list[FacilityView]] = {}
    for view in views:
        found.setdefault((view.community, view.building), []).append(view)
    return [sorted(views, key=lambda view: WORST_FIRST.index(view.state)) for views in found.values()]


def _face(view: FacilityView) -> tuple[object, ...]:
    """What a card shows: an unknown's `since` is the last value's time, and so does not move by itself."""
    return view.id, view.name, view.state, view.since, view.reasons
