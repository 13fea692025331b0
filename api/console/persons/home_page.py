"""One household: where it is, and who lives there, masked."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from api.console import texts as common
from api.console.consoles import Console
from api.console.layout import Node, back_link
from api.console.opening import Answer, Opened, Pages
from api.console.persons import texts
from api.console.persons.acts import person_fields, person_values
from api.console.persons.forms import Field, FormDialog, Values
from api.console.persons.looking import PurposeForm, link, purpose_of
from api.console.persons.page import HOMES, PATH
from api.console.visit import person_now
from api.registry.homes import Home, HomeService
from api.registry.persons import Look, PersonService, Wanted
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.db.registryitems import Kept
from linli.errors import LinliError, NotFound, NotSignedIn
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.inhabitants import HOUSEHOLD_KINDS, RELATIONS
from linli.roles import Operation

MOST = 100


@dataclass(frozen=True, slots=True)
class _Found:
    """What is shown. `relations`: what each is to the household."""

    home: Home
    members: list[Kept]
    relations: dict[str, str]


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(HOMES + "/{household_id}", Operation.SEE_PERSONS)
    async def one(opened: Opened, household_id: str, purpose: str = "") -> Answer:
        visit = opened.visit
        with opened.frame(texts.HOME, PATH):
            back_link(texts.BACK, visit.language, link(PATH, purpose))
            page = _Page(services, opened.console, household_id, purpose_of(purpose))
            await page.begin()
        return None


class _Page:
    """Asks what for, if the address does not say; then the household."""

    def __init__(self, services: Services, console: Console, household: str, purpose: str) -> None:
        self._services = services
        self._visit = console.visit
        self._id = household
        self._look = Look(purpose)
        self._persons = PersonService(services.sights, services.database, services.clock, services.settings)
        self._homes = HomeService(services.sights, services.clock)
        self._client = console.client
        self._dialog = FormDialog(services, self._visit, self._again)
        self._box = Node("div", data_test="household")

    async def begin(self) -> None:
        """Show it, or ask what for."""
        if self._look.purpose:
            await self._again()
            return
        with self._box, Node("div", classes="panel narrow fields"):
            Node("h2", self._say(texts.SAY_WHY))
            PurposeForm(self._visit.language, "", self._go)

    async def _go(self, look: Look) -> None:
        self._look = look
        await self._again()

    def _say(self, text: Text) -> str:
        return text.of(self._visit.language)

    async def _again(self) -> None:
        fault: Text | None = None
        try:
            found = await asyncio.to_thread(self._read)
        except NotSignedIn:
            self._client.open("/login?fault=ended")
            return
        except NotFound:
            fault = texts.NO_SUCH
        except LinliError as error:
            fault = error.text
        except SQLAlchemyError:
            fault = common.TRY_AGAIN
        self._box.clear()
        with self._box:
            if fault is not None:
                Node("div", self._say(fault), "panel", data_test="nothing")
            else:
                self._draw(found)

    def _read(self) -> _Found:
        person = person_now(self._services, self._visit, acting=True)
        found = self._homes.get(person, self._id)
        page = self._persons.page(person, self._look, Wanted(household=self._id), MOST, None)
        return _Found(found, page.items, self._homes.relations(person, self._id))

    def _draw(self, found: _Found) -> None:
        item: Any = found.home.kept.item
        with Node("div", classes="board-head"):
            Node("h1", self._say(found.home.address))
            Node("span", self._say(HOUSEHOLD_KINDS.get(item.kind, Text(item.kind, item.kind))), "tag")
            Node("div", classes="push")
            if may(self._visit.person, Operation.EDIT_PERSONS):
                self._buttons(found)
            Node("p", item.id, "muted")
        with Node("div", classes="list-head"):
            Node("h2", self._say(texts.MEMBERS))
        if not found.members:
            Node("div", self._say(texts.NO_MEMBERS), "panel")
            return
        with Node("ul", classes="rows"):
            for kept in found.members:
                self._member(kept, found.relations.get(kept.item.id, ""))

    def _member(self, kept: Kept, relation: str) -> None:
        item: Any = kept.item
        with Node("li", classes="row-w", data_person=item.id):
            with Node("div"):
                with Node("div", classes="p-name"):
                    Node("a", item.name or "-", href=link(f"{PATH}/{item.id}", self._look.purpose))
                    if item.needs:
                        Node("span", self._say(texts.HAS_NEEDS), "tag")
                Node("small", item.id, "muted")
            Node("div", self._say(RELATIONS.get(relation, Text(relation, relation))))
            Node("div", self._say(texts.BORN_IN.format(born=item.born)) if item.born else "", "w-when muted")

    def _buttons(self, found: _Found) -> None:
        for words, name, call in (
            (texts.ADD_MEMBER, "add-member", self._add_member),
            (texts.EDIT, "edit", self._edit),
            (texts.REMOVE, "remove", self._remove),
        ):
            button = Node("button", self._say(words), "btn", type="button", data_test=name)
            button.on("click", lambda call=call: call(found.home))

    def _add_member(self, found: Home) -> None:
        fields = [
            *person_fields(),
            Field("relation", texts.RELATION, "head", choices=RELATIONS, required=True),
            Field("since", texts.SINCE, "", "date"),
        ]

        def register(by: Person, values: Values) -> None:
            self._homes.add_member(by, self._id, person_values(values), values["relation"], values["since"] or None)

        self._dialog.ask(texts.ADD_MEMBER, self._say(found.address), fields, register, button=texts.SAVE)

    def _edit(self, found: Home) -> None:
        item: Any = found.kept.item
        kind = Field("kind", texts.HOME_KIND, item.kind, choices=HOUSEHOLD_KINDS, required=True)

        def save(by: Person, values: Values) -> None:
            self._persons.write(by, replace(item, kind=values["kind"]), found.kept.revision)

        self._dialog.ask(texts.EDIT, self._say(found.address), [kind], save, button=texts.SAVE)

    def _remove(self, found: Home) -> None:
        key = Key("household", self._id)
        self._dialog.ask(
            texts.REMOVE,
            self._say(found.address),
            [],
            lambda by, _values: self._persons.remove(by, key, found.kept.revision, along=False),
            words=texts.REMOVE_HOME_HELP,
        )
