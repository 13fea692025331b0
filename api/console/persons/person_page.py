"""One resident: masked, and in full for a while to who may and says why. What is not masked is in no address and no title, and is
hidden again after two minutes, at a press, and when the page is left.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from api.console import texts as common
from api.console.consoles import Console
from api.console.layout import Node, back_link
from api.console.opening import Answer, Opened, Pages
from api.console.persons import texts
from api.console.persons.acts import Acts
from api.console.persons.forms import SHOWN_FOR_S, Field, FormDialog, Values, Veil, purpose_fields
from api.console.persons.looking import PurposeForm, link, purpose_of
from api.console.persons.page import HOMES, PATH
from api.console.persons.shown import Drawing
from api.console.visit import person_now
from api.registry.homes import HomeService
from api.registry.persons import File, Look, PersonService
from api.scope import may
from api.services import Services
from linli.auditwords import PURPOSES, purpose_name, verb_name
from linli.db.people import Person
from linli.db.registryhistory import Past
from linli.db.registryitems import Kept
from linli.errors import LinliError, NotFound, NotSignedIn
from linli.i18n import Text
from linli.registry.changes import Key
from linli.roles import Operation


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH + "/{person_id}", Operation.SEE_PERSONS)
    async def one(opened: Opened, person_id: str, purpose: str = "") -> Answer:
        visit = opened.visit
        with opened.frame(texts.PERSONS, PATH):
            back_link(texts.BACK, visit.language, link(PATH, purpose))
            page = _Page(services, opened.console, person_id, purpose_of(purpose))
            await page.begin()
        return None


class _Page:
    """Asks what for, if the address does not say; then all of one person."""

    def __init__(self, services: Services, console: Console, person_id: str, purpose: str) -> None:
        self._services = services
        self._visit = console.visit
        self._id = person_id
        self._persons = PersonService(services.sights, services.database, services.clock, services.settings)
        self._homes = HomeService(services.sights, services.clock)
        self._masked = Look(purpose)
        self._look = self._masked
        self._shown: tuple[File, dict[str, Text]] | None = None
        self._history: list[Past] | None = None
        self._looks: list[dict[str, Any]] | None = None
        self._exported: bytes | None = None
        self._said: Text | None = None
        self._asking = FormDialog(services, self._visit, self._again)
        self._past = FormDialog(services, self._visit, self._as_it_is)
        self._dialog = FormDialog(services, self._visit, self._again)
        self._acts = Acts(self._persons, self._dialog, services.clock)
        self._client = console.client
        self._box = Node("div", data_test="person")

    async def begin(self) -> None:
        """Show it, or ask what for."""
        if self._masked.purpose:
            await self._again()
            return
        with self._box, Node("div", classes="panel narrow fields"):
            Node("h2", self._say(texts.SAY_WHY))
            PurposeForm(self._visit.language, "", self._go)

    async def _go(self, look: Look) -> None:
        self._masked = self._look = look
        await self._again()

    def _say(self, text: Text) -> str:
        return text.of(self._visit.language)

    def _may(self, operation: Operation) -> bool:
        return may(self._visit.person, operation)

    # --- reading --------------------------------------------------------------------------------------------------

    async def _again(self) -> None:
        """Read it as it is looked at now, and draw it: after an act, too."""
        if self._exported is not None:
            data, self._exported = self._exported, None
            with self._client:  # the form that asked is gone by now
                ui.download.content(data, f"person-{self._id}.json", "application/json")
        try:
            file, addresses = await asyncio.to_thread(self._read)
        except NotSignedIn:
            self._client.open("/login?fault=ended")
            return
        except NotFound:
            self._draw_nothing(texts.NO_SUCH)
            return
        except LinliError as error:
            self._draw_nothing(error.text)
            return
        except SQLAlchemyError:
            self._draw_nothing(common.TRY_AGAIN)
            return
        self._shown = file, addresses
        self._draw(file, addresses)

    def _read(self) -> tuple[File, dict[str, Text]]:
        person = person_now(self._services, self._visit, acting=True)
        file = self._persons.file(person, self._look, self._id, removed=True)
        places = [getattr(kept.item, "place", "") for kept in file.households]
        return file, self._homes.addresses(person, places)

    async def _as_it_is(self) -> None:
        """Draw anew what was read already: no further look."""
        if self._shown is None:
            await self._again()
        else:
            self._draw(*self._shown)

    async def _hide(self) -> None:
        """Back to what is masked, and nothing of the rest stays: neither here nor in a dialog."""
        self._look, self._history, self._shown = self._masked, None, None
        self._dialog.close()
        self._box.clear()
        await self._again()

    # --- drawing --------------------------------------------------------------------------------------------------

    def _draw_nothing(self, text: Text) -> None:
        self._box.clear()
        with self._box:
            Node("div", self._say(text), "panel", data_test="nothing")

    def _draw(self, file: File, addresses: dict[str, Text]) -> None:
        drawing = Drawing(self._visit, self._services.clock.now(), addresses)
        self._box.clear()
        with self._box:
            if not file.full:
                self._all(file, drawing)
                return
            with Veil(SHOWN_FOR_S, self._say(texts.LEFT)) as veil:
                self._all(file, drawing)
            veil.on("over", self._hide)

    def _all(self, file: File, drawing: Drawing) -> None:
        self._head(file)
        if self._said is not None:
            Node("div", self._say(self._said), "said-line spaced", role="status", data_test="said")
        edits = file.full and self._may(Operation.EDIT_PERSONS) and file.person.removed_at is None
        with Node("div", classes="cols even spaced"):
            with Node("section", classes="panel", data_test="known"):
                Node("h2", self._say(texts.FACTS))
                drawing.facts(file, file.person, ("name", "sex", "born", "needs"))
            self._homes_of(file, drawing, edits)
            contact_buttons = self._contact_buttons if edits else None
            names = ("kind", "value", "position", "verified_at")
            drawing.section(texts.CONTACTS, file, file.contacts, names, "contacts", contact_buttons)
            drawing.section(
                texts.CREDENTIALS,
                file,
                file.credentials,
                ("kind", "value", "since", "until"),
                "credentials",
                self._credential_buttons if edits else None,
            )
            drawing.section(texts.CONSENTS, file, file.consents, ("purpose", "given", "at", "source"), "consents", None)
        if edits:
            self._adding(file)
        if file.full and self._history is not None:
            drawing.history(self._history, self._name_of)
        self._rights(drawing)

    def _head(self, file: File) -> None:
        person: Any = file.person.item
        with Node("div", classes="board-head"):
            Node("h1", person.name or "-", data_test="name")
            Node("span", self._say(texts.IN_FULL if file.full else texts.MASKED), "tag", data_test="how")
            if file.person.removed_at is not None:
                Node("span", self._say(texts.WAS_REMOVED), "tag", data_test="removed")
            Node("div", classes="push")
            if file.full:
                self._button(texts.HIDE, "hide", self._hide, main=True)
            elif self._may(Operation.UNMASK_PERSONS):
                self._button(texts.UNMASK, "unmask", self._ask_full, main=True)
            if file.person.removed_at is not None and self._may(Operation.EDIT_PERSONS):
                self._button(texts.BRING_BACK, "bring-back", lambda: self._acts.restore(person.id))
            word = purpose_name(self._look.purpose)
            Node("p", f"{self._say(texts.LOOKING.format(purpose=word))} · {person.id}", "muted")

    def _homes_of(self, file: File, drawing: Drawing, edits: bool) -> None:
        by_id: dict[str, Any] = {kept.item.id: kept.item for kept in file.households}

        def heading(kept: Kept) -> None:
            home_of = by_id.get(getattr(kept.item, "household", ""))
            if home_of is not None:
                address = drawing.addresses.get(home_of.place, Text(home_of.place, home_of.place))
                Node("a", self._say(address), "p-name", href=link(f"{HOMES}/{home_of.id}", self._look.purpose))

        buttons = self._resident_buttons if edits else None
        drawing.section(texts.HOMES, file, file.residents, ("relation", "since", "until"), "homes", buttons, heading)

    def _contact_buttons(self, kept: Kept) -> None:
        self._button(texts.EDIT, "edit-contact", lambda: self._acts.edit_contact(kept))
        self._button(texts.REMOVE, "remove-contact", lambda: self._acts.remove(kept))

    def _credential_buttons(self, kept: Kept) -> None:
        self._button(texts.EDIT, "edit-credential", lambda: self._acts.edit_credential(kept))
        self._button(texts.REMOVE, "remove-credential", lambda: self._acts.remove(kept))

    def _resident_buttons(self, kept: Kept) -> None:
        self._button(texts.EDIT, "edit-home", lambda: self._acts.edit_resident(kept))
        self._button(texts.REMOVE, "remove-home", lambda: self._acts.remove(kept))

    def _adding(self, file: File) -> None:
        kept = file.person
        with Node("div", classes="acts spaced"):
            self._button(texts.EDIT, "edit", lambda: self._acts.edit_person(kept))
            self._button(texts.ADD_CONTACT, "add-contact", lambda: self._acts.add_contact(kept))
            self._button(texts.ADD_CREDENTIAL, "add-credential", lambda: self._acts.add_credential(kept))
            self._button(texts.ADD_CONSENT, "add-consent", lambda: self._acts.add_consent(kept))
            self._button(texts.HISTORY, "show-history", self._ask_history)
            self._button(texts.MERGE, "merge", lambda: self._acts.merge(kept.item.id))
            self._button(texts.REMOVE, "remove", lambda: self._acts.remove(kept, texts.REMOVE_HELP, along=True))

    def _rights(self, drawing: Drawing) -> None:
        if not self._may(Operation.RELEASE_PERSONS):
            return
        with Node("section", classes="panel spaced", data_test="rights"):
            Node("h2", self._say(texts.RIGHTS))
            with Node("div", classes="acts"):
                self._button(texts.LOOKS, "show-looks", self._show_looks)
                self._button(texts.EXPORT, "export", lambda: self._acts.export(self._id, self._take))
                self._button(texts.ERASE, "erase", lambda: self._acts.erase(self._id, self._erased))
        if self._looks is not None:
            drawing.looks(self._looks, self._name_of, _word_of)

    def _button(self, words: Text, name: str, call: Callable[[], object], *, main: bool = False) -> None:
        classes = "btn btn-main" if main else "btn"
        Node("button", self._say(words), classes, type="button", data_test=name).on("click", call)

    def _name_of(self, actor: str) -> str:
        return self._services.sights.of(self._visit.person).names.person(actor) or actor

    # --- acts -----------------------------------------------------------------------------------------------------

    def _ask_full(self) -> None:
        def unmask(_by: Person, values: Values) -> None:
            self._look = Look(values["purpose"], values["reason"].strip(), full=True)

        fields = purpose_fields(self._masked.purpose)
        self._asking.ask(texts.UNMASK, "", fields, unmask, words=texts.UNMASK_HELP)

    def _ask_history(self) -> None:
        def read(by: Person, values: Values) -> None:
            look = Look(self._look.purpose, values["reason"].strip(), full=True)
            self._history = self._persons.history(by, look, Key("person", self._id))

        reason = Field("reason", texts.REASON, self._look.reason, required=True)
        self._past.ask(texts.HISTORY, "", [reason], read, words=texts.HISTORY_HELP)

    async def _show_looks(self) -> None:
        person = await asyncio.to_thread(person_now, self._services, self._visit, acting=True)
        self._looks = await asyncio.to_thread(self._persons.looks, person, self._id)
        await self._as_it_is()

    def _take(self, found: dict[str, Any]) -> None:
        self._exported = orjson.dumps(found, option=orjson.OPT_INDENT_2)

    def _erased(self, records: int) -> None:
        self._said = texts.ERASED.format(n=records)
        self._look, self._history = self._masked, None


def _word_of(word: str) -> Text:
    return purpose_name(word) if word in PURPOSES else verb_name(word)
