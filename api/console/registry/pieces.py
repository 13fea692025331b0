"""What the registry's pages are made of: the parts' links, the trail, fields, a choice by typing, and dialogs that ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments
from sqlalchemy.exc import SQLAlchemyError

from api.console.foot import Foot
from api.console.imports.texts import IMPORT
from api.console.layout import Node
from api.console.registry import texts
from api.console.registry.phonebook_texts import PHONEBOOK
from api.console.visit import Visit, person_now
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.errors import LinliError
from linli.i18n import Text
from linli.registry.changes import Key
from linli.roles import Operation

PARTS: Sequence[tuple[str, Text]] = (
    ("/registry", texts.TO_DO),
    ("/registry/places", texts.PLACES),
    ("/registry/phonebook", PHONEBOOK),
)
"""Address and name of each part of the registry."""

_LEVELS = {"district": "districts", "committee": "committees", "community": "communities", "place": "places"}


def path_of(key: Key) -> str:
    """The page of a district, committee, compound, place, device, facility or floor plan."""
    if key.kind == "facility":
        return f"/facilities/{key.id}"
    if key.kind == "floor_plan":
        return f"/registry/plans/{key.id}"
    return f"/registry/{_LEVELS.get(key.kind, f'{key.kind}s')}/{key.id}"


def parts(language: str, active: str) -> None:
    """The links to each part."""
    with Node("nav", classes="parts", aria_label=texts.REGISTRY_PARTS.of(language)):
        for path, name in PARTS:
            link = Node("a", name.of(language), href=path)
            if path == active:
                link.props["aria-current"] = "page"


def files_link(person: Person, language: str) -> None:
    """The way to import and export, for who may."""
    if may(person, Operation.EDIT_REGISTRY):
        Node("a", IMPORT.of(language), "btn", href="/registry/import", data_test="files")


def crumbs(language: str, trail: Sequence[tuple[Key, Text]], here: str | None = None) -> None:
    """The way down, each step a link but for the last. `here`: a last step that is none of the tree."""
    with Node("nav", classes="crumbs", aria_label=texts.TRAIL.of(language), data_test="crumbs"):
        Node("a", texts.DISTRICT.of(language), href="/registry/places")
        steps = list(trail) if here is not None else list(trail)[:-1]
        for key, name in steps:
            Node("a", name.of(language), href=path_of(key))
        last = here if here is not None else (trail[-1][1].of(language) if trail else None)
        if last is not None:
            Node("span", last, aria_current="page")


def field(asked: Text, language: str, name: str, value: str, heard: Callable[[str], None], kind: str = "text") -> Node:
    """A line to type; `heard` is told what stands in it, without blanks around it."""

    def typed(event: GenericEventArguments) -> None:
        heard(str(event.args).strip())

    with Node("label", classes="field"):
        Node("span", asked.of(language))
        made = Node("input", type=kind, value=value, maxlength=200, autocapitalize="none", data_test=name)
        if kind == "number":
            made.props["step"] = "any"
    made.on("input", typed, js_handler="(event) => emit(event.target.value)")
    return made


class Names:
    """The two fields of a name."""

    def __init__(self, language: str, zh: str = "", en: str = "") -> None:
        self._said = {"zh": zh, "en": en}
        field(texts.NAME_ZH, language, "name-zh", zh, lambda said: self._said.update(zh=said))
        field(texts.NAME_EN, language, "name-en", en, lambda said: self._said.update(en=said))

    @property
    def text(self) -> Text:
        """What was typed."""
        return Text(self._said["zh"], self._said["en"])

    def missing(self) -> Text | None:
        """What is still to be filled in."""
        return None if self.text.zh and self.text.en else texts.NAMES_MISSING


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several: its id, what it is called and where it is."""

    id: str
    name: str
    about: str = ""


class Picker:
    """One of many, found by typing. `seek` is called on a thread with who asks and what was typed. `none`: that it is nothing can
    be chosen too."""

    def __init__(
        self,
        services: Services,
        visit: Visit,
        asked: Text,
        name: str,
        seek: Callable[[Person, str], Sequence[Choice]],
        chosen: Choice | None = None,
        *,
        none: bool = False,
    ) -> None:
        self._services = services
        self._visit = visit
        self._seek = seek
        self._none = none
        self._name = name
        self._asked = 0
        self.chosen = chosen
        language = visit.language
        with Node("fieldset", classes="picked", data_test=name):
            Node("legend", asked.of(language))
            words = texts.SEEK.of(language)
            search = Node("input", classes="search", type="search", placeholder=words, aria_label=words, maxlength=100)
            self._box = Node("div", classes="picks")
        heard = "(event) => emit(event.target.value)"
        search.on("input", self._typed, throttle=0.25, leading_events=False, js_handler=heard)
        self._draw([chosen] if chosen is not None else [])
        ui.timer(0, lambda: self._look(""), once=True)

    @property
    def id(self) -> str | None:
        """The id of what is chosen."""
        return None if self.chosen is None else self.chosen.id

    async def _typed(self, event: GenericEventArguments) -> None:
        await self._look(str(event.args))

    async def _look(self, words: str) -> None:
        self._asked += 1
        mine = self._asked
        try:
            found = await asyncio.to_thread(self._find, words)
        except (LinliError, SQLAlchemyError):
            return  # what is listed stays
        if mine == self._asked and not self._box.is_deleted:
            self._draw(found)

    def _find(self, words: str) -> Sequence[Choice]:
        return self._seek(person_now(self._services, self._visit), words)

    def _draw(self, found: Sequence[Choice]) -> None:
        language = self._visit.language
        listed = [*([self.chosen] if self.chosen is not None else []), *found]
        self._box.clear()
        with self._box:
            if self._none:
                self._option(None, texts.CHOOSE_NONE.of(language), "")
            for one in {one.id: one for one in listed}.values():
                self._option(one, one.name, one.about)
            if not listed:
                Node("p", texts.NOTHING_LIKE.of(language), "muted")

    def _option(self, one: Choice | None, name: str, about: str) -> None:
        with Node("label", classes="pick"):
            value = "" if one is None else one.id
            button = Node("input", type="radio", name=f"{self._name}-{self._box.id}", value=value)
            if self.id == (None if one is None else one.id):
                button.props["checked"] = True
            with Node("span"):
                Node("span", name)
                if about:
                    Node("small", about, "muted")

        def choose() -> None:
            self.chosen = one

        button.on("change", choose)


class Ask:
    """A dialog of one's own making. One for a page; `open` draws it anew."""

    def __init__(self, services: Services, visit: Visit) -> None:
        self._services = services
        self._visit = visit
        self._done = False
        with ui.dialog() as self._dialog:
            self._box = Node("div", classes="dialog tall", data_test="ask")

    def open(
        self,
        title: Text,
        words: Text,
        subject: str,
        draw: Callable[[], None],
        missing: Callable[[], Text | None],
        do: Callable[[Person], object],
        then: Callable[[], Awaitable[None] | None],
    ) -> None:
        """Ask. `draw` makes the fields; `do` is called on a thread with who asks, and `then` once that has been done."""
        language = self._visit.language

        def act() -> None:
            do(person_now(self._services, self._visit, acting=True))
            self._done = True

        async def after() -> None:
            if self._done:
                waiting = then()
                if waiting is not None:
                    await waiting

        self._done = False
        self._box.clear()
        with self._box:
            Node("h2", title.of(language))
            Node("p", subject, "subject")
            Node("p", words.of(language), "muted")
            draw()
            Foot(self._dialog, language, title, missing, act, after)
        self._dialog.open()


def button(word: Text, language: str, name: str, call: Callable[..., Any], *, main: bool = False) -> Node:
    """A button that calls."""
    made = Node("button", word.of(language), "btn btn-main" if main else "btn", type="button", data_test=name)
    made.on("click", call)
    return made


def tick(word: Text, language: str, name: str, heard: Callable[[bool], None]) -> None:
    """A box to tick."""
    with Node("label", classes="pick"):
        box = Node("input", type="checkbox", data_test=name)
        Node("span", word.of(language))
    box.on("change", lambda event: heard(bool(event.args)), js_handler="(event) => emit(event.target.checked)")


def number_of(said: str, asked: Text) -> float | None:
    """The number that was typed, None for nothing. Refused in words for what is none."""
    if not said:
        return None
    try:
        return float(said)
    except ValueError:
        raise refused(texts.NO_NUMBER.format(field=asked, value=said[:40])) from None


def refused(text: Text) -> LinliError:
    """That something was filled in wrongly, in words."""
    return LinliError(text)


def nothing_missing() -> Text | None:
    """For a dialog in which nothing has to be filled in."""
    return None


def reload() -> None:
    """The page again, as it is now."""
    ui.navigate.reload()
