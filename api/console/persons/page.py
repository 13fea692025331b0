"""Residents: asked for with a purpose, found by room, or by words for who may see them in full; listed masked."""

import asyncio
from dataclasses import dataclass
from typing import Any

from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts as common
from api.console.consoles import Console
from api.console.layout import Node, choice
from api.console.opening import Answer, Opened, Pages
from api.console.persons import texts
from api.console.persons.forms import Field, FormDialog, Values
from api.console.persons.looking import PurposeForm, link, purpose_of
from api.console.visit import person_now
from api.http.paging import Page
from api.registry.homes import HomeService, Room
from api.registry.persons import Look, PersonService, Wanted
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.db.registryitems import Kept
from linli.errors import LinliError, NotSignedIn
from linli.i18n import Text
from linli.registry.inhabitants import HOUSEHOLD_KINDS
from linli.roles import Operation

PATH = "/persons"
HOMES = "/persons/homes"
SHOWN = 50


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of a search: people, page by page; and the room, if one was asked for."""

    people: Page[Kept]
    room: Room | None = None


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH, Operation.SEE_PERSONS)
    async def persons(opened: Opened, purpose: str = "") -> Answer:
        visit = opened.visit
        communities = await asyncio.to_thread(services.communities, visit.person)
        names = {one.id: one.name for one in communities}
        with opened.frame(texts.PERSONS, PATH):
            _Board(services, opened.console, names, purpose_of(purpose))
        return None


class _Board:
    """The form, and below it what was found. Nothing that is typed here goes into an address."""

    def __init__(self, services: Services, console: Console, communities: dict[str, Text], purpose: str) -> None:
        self._services = services
        self._client = console.client
        self._persons = PersonService(services.sights, services.database, services.clock, services.settings)
        self._homes = HomeService(services.sights, services.clock)
        self._visit = console.visit
        self._language = language = console.visit.language
        self._communities = communities
        self._typed: dict[str, str] = {"building": "", "unit": "", "room": "", "q": "", "removed": ""}
        self._community = next(iter(communities)) if len(communities) == 1 else ""
        self._look = Look("")
        self._wanted = Wanted()
        with Node("div", classes="board-head"):
            Node("h1", texts.PERSONS.of(language))
            Node("p", texts.PERSONS_HELP.of(language), "muted")
        self._dialog = FormDialog(services, self._visit, self._again)
        with Node("div", classes="panel audit-form"):
            self._where()
            self._form = PurposeForm(language, purpose, self._show)
        self._box = Node("div", data_test="persons")

    def _where(self) -> None:
        language = self._language
        if len(self._communities) > 1:
            names = {"": texts.EVERY_COMMUNITY.of(language)}
            names |= {one: name.of(language) for one, name in self._communities.items()}
            choice(texts.COMMUNITY.of(language), names, "", self._chosen, "community")
        for name, words in (("building", texts.BUILDING), ("unit", texts.UNIT), ("room", texts.ROOM)):
            self._field(name, words)
        if may(self._visit.person, Operation.UNMASK_PERSONS):
            self._field("q", texts.SEARCH)
        if may(self._visit.person, Operation.EDIT_PERSONS):
            with Node("label", classes="pick"):
                box = Node("input", type="checkbox", data_test="removed")
                Node("span", texts.REMOVED_ONES.of(language))
            box.on("change", self._hear("removed"), js_handler="(event) => emit(event.target.checked ? '1' : '')")

    def _field(self, name: str, words: Text) -> None:
        with Node("label", classes="field"):
            Node("span", words.of(self._language))
            field = Node("input", type="text", maxlength=100, autocomplete="off", data_test=name)
        field.on("input", self._hear(name), js_handler="(event) => emit(event.target.value)")

    def _hear(self, name: str) -> Any:
        def heard(event: GenericEventArguments) -> None:
            self._typed[name] = str(event.args).strip()

        return heard

    def _chosen(self, community: str) -> None:
        self._community = community if community in self._communities else ""

    # --- looking --------------------------------------------------------------------------------------------------

    async def _show(self, look: Look) -> None:
        self._look = look
        if self._typed["q"] and not look.reason:
            self._form.say(texts.REASON_MISSING)
        elif self._by_room and not self._community:
            self._form.say(texts.COMMUNITY_FIRST)
        else:
            await self._again()

    @property
    def _by_room(self) -> bool:
        return any(self._typed[name] for name in ("building", "unit", "room"))

    async def _again(self) -> None:
        try:
            found = await asyncio.to_thread(self._find, None)
        except NotSignedIn:
            self._client.open("/login?fault=ended")
        except LinliError as error:
            self._form.say(error.text)
        except SQLAlchemyError:
            self._form.say(common.TRY_AGAIN)
        else:
            self._form.say(None)
            self._draw(found)

    def _find(self, after: str | None) -> _Found:
        person = person_now(self._services, self._visit, acting=True)
        room = None
        if self._by_room:
            said = self._typed
            room = self._homes.find(person, self._community, said["building"], said["unit"], said["room"])
        self._wanted = Wanted(
            community=self._community or None,
            place=None if room is None else room.place,
            q=self._typed["q"],
            removed=bool(self._typed["removed"]),
        )
        return _Found(self._page(person, after), room)

    def _page(self, person: Person, after: str | None) -> Page[Kept]:
        return self._persons.page(person, self._look, self._wanted, SHOWN, after)

    # --- what was found -------------------------------------------------------------------------------------------

    def _draw(self, found: _Found) -> None:
        self._box.clear()
        with self._box:
            if found.room is not None:
                self._room(found.room)
            if not found.people.items:
                Node("div", texts.NOBODY.of(self._language), "panel")
                return
            with Node("ul", classes="rows") as self._list:
                self._rows(found.people)
            self._more(found.people)

    def _room(self, room: Room) -> None:
        language = self._language
        with Node("div", classes="list-head"):
            Node("h2", room.address.of(language))
            if may(self._visit.person, Operation.EDIT_PERSONS):
                button = Node("button", texts.ADD_HOME.of(language), "btn", type="button", data_test="add-home")
                button.on("click", lambda: self._ask_home(room))
        if not room.homes:
            Node("div", texts.NO_HOME.of(language), "panel")
        with Node("ul", classes="rows spaced"):
            for kept in room.homes:
                item: Any = kept.item
                with Node("li", classes="row-p", data_home=item.id):
                    Node(
                        "a", f"{texts.HOME.of(language)} {item.id}", href=link(f"{HOMES}/{item.id}", self._look.purpose)
                    )
                    Node("span", HOUSEHOLD_KINDS.get(item.kind, Text(item.kind, item.kind)).of(language))

    def _ask_home(self, room: Room) -> None:
        def register(person: Person, values: Values) -> None:
            given = {"community": self._community, "place": room.place, "kind": values["kind"]}
            self._persons.add(person, "household", given)

        kind = Field("kind", texts.HOME_KIND, "owner", choices=HOUSEHOLD_KINDS, required=True)
        self._dialog.ask(texts.ADD_HOME, room.address.of(self._language), [kind], register)

    def _rows(self, page: Page[Kept]) -> None:
        for kept in page.items:
            self._row(kept)

    def _row(self, kept: Kept) -> None:
        item: Any = kept.item
        language = self._language
        with Node("li", classes="row-w", data_person=item.id):
            with Node("div"):
                with Node("div", classes="p-name"):
                    Node("a", item.name or "-", href=link(f"{PATH}/{item.id}", self._look.purpose))
                    if item.needs:
                        Node("span", texts.HAS_NEEDS.of(language), "tag")
                Node("small", item.id, "muted")
            Node("div", texts.BORN_IN.format(born=item.born).of(language) if item.born else "", "muted")
            named = self._communities.get(item.community)
            Node("div", "" if named is None else named.of(language), "w-when muted")

    def _more(self, page: Page[Kept]) -> None:
        if page.following is None:
            return
        after = str(page.following[0])
        button = Node("button", texts.MORE.of(self._language), "btn", type="button", data_test="more")

        async def further() -> None:
            person = await asyncio.to_thread(person_now, self._services, self._visit, acting=True)
            found = await asyncio.to_thread(self._page, person, after)
            button.delete()
            with self._list:
                self._rows(found)
            with self._box:
                self._more(found)

        button.on("click", further)
