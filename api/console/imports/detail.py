"""One import: how far it is, what is wrong with its file, what it would change; and the button that writes it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from api.console.account_dialogs import AskDialog
from api.console.consoles import Console
from api.console.imports import texts
from api.console.imports.page import PATH, REGISTRY, state_words
from api.console.layout import Node, back_link
from api.console.opening import Answer, Opened, Pages
from api.console.visit import person_now
from api.registry.importing.kept import UNDER_WAY, Change, Fault, Import, Progress, State
from api.registry.importing.service import ImportService
from api.services import Services
from linli.db.people import Person
from linli.errors import LinliError, NotFound
from linli.i18n import Text
from linli.registry.kinds import KINDS
from linli.registry.tables.faults import Level
from linli.registry.tables.listed import TABLES
from linli.roles import Operation

LOOK_EVERY_S = 1.0
SHOWN = 50


@dataclass(frozen=True, slots=True)
class _Found:
    """What is shown: a page of faults, and one of changes, each beginning after a number."""

    one: Import
    progress: Progress
    faults: Sequence[Fault] = ()
    changes: Sequence[Change] = ()


@dataclass(slots=True)
class _Pages:
    """After which number each list begins."""

    faults: int = 0
    changes: int = 0


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH + "/{import_id}", Operation.EDIT_REGISTRY)
    async def one(opened: Opened, import_id: str) -> Answer:
        visit = opened.visit
        try:
            found = await asyncio.to_thread(_read, services.imports, visit.person, import_id, _Pages())
        except NotFound:
            found = None
        with opened.frame(texts.IMPORT, REGISTRY):
            back_link(texts.BACK, visit.language, PATH)
            if found is None:
                Node("div", texts.NO_SUCH_IMPORT.of(visit.language), "panel")
            else:
                _Detail(services, opened.console, found)
        return None


def _read(imports: ImportService, person: Person, name: str, pages: _Pages) -> _Found:
    one = imports.get(person, name)
    if one.state in UNDER_WAY:
        return _Found(one, imports.progress(one))
    faults = imports.faults(person, name, SHOWN, pages.faults).items
    changes = imports.changes(person, name, SHOWN, pages.changes).items
    return _Found(one, Progress(), [fault for _, fault in faults], [change for _, change in changes])


class _Detail:
    """The page, drawn again when something has changed; it looks by itself while a process works on the import."""

    def __init__(self, services: Services, console: Console, found: _Found) -> None:
        self._services = services
        self._client = console.client
        self._imports = services.imports
        self._visit = console.visit
        self._found = found
        self._pages = _Pages()
        self._ask = AskDialog(services, self._visit, self._look)
        self._box = Node("div", data_test="import")
        self._draw()
        ui.timer(LOOK_EVERY_S, self._tick, immediate=False)

    async def _tick(self) -> None:
        if self._found.one.state in UNDER_WAY:
            await self._look()

    async def _look(self) -> None:
        try:
            person = await asyncio.to_thread(person_now, self._services, self._visit)
            found = await asyncio.to_thread(_read, self._imports, person, self._found.one.id, self._pages)
        except NotFound:
            self._client.open(PATH)
            return
        except LinliError:
            return  # the session's end is told elsewhere
        if found != self._found:
            self._found = found
            self._box.clear()
            self._draw()

    def _say(self, text: Text) -> str:
        return text.of(self._visit.language)

    def _draw(self) -> None:
        one = self._found.one
        with self._box:
            self._head(one)
            if one.state in UNDER_WAY:
                self._under_way()
                return
            if one.why is not None:
                Node("div", self._say(one.why), "fault-line spaced", role="alert", data_test="why")
            self._result(one)
            if one.found.tables:
                self._counts(one)
            if one.state in (State.CHECKED, State.APPLIED):
                self._faults(one)
                self._changes(one)

    def _head(self, one: Import) -> None:
        with Node("div", classes="board-head"):
            Node("h1", one.wish.file)
            Node("span", self._say(state_words(one)), "tag", data_test="state", data_state=one.state.value)
            Node("div", classes="push")
            if one.ready and not one.found.empty:
                self._button(texts.APPLY, "apply", self._apply, texts.APPLY_HELP, main=True)
            self._button(texts.REMOVE, "discard", self._discard, texts.REMOVE_HELP)

    def _button(
        self, words: Text, name: str, do: Callable[[Person], object], help_: Text, *, main: bool = False
    ) -> None:
        button = Node("button", self._say(words), "btn btn-main" if main else "btn", type="button", data_test=name)
        file = self._found.one.wish.file
        button.on("click", lambda: self._ask.ask(words, file, help_, lambda person, _text: do(person)))

    def _apply(self, person: Person) -> None:
        self._imports.apply(person, self._found.one.id)

    def _discard(self, person: Person) -> None:
        self._imports.remove(person, self._found.one.id)

    def _under_way(self) -> None:
        progress = self._found.progress
        if progress.table is not None:
            said = texts.READING.format(table=TABLES[progress.table].sheet, n=f"{progress.done:,}")
        elif progress.done:
            said = texts.WRITING.format(n=f"{progress.done:,}")
        else:
            said = texts.BEGINNING
        with Node("div", classes="panel bar", role="status", data_test="progress"):
            Node("progress")
            Node("span", self._say(said))

    def _result(self, one: Import) -> None:
        if one.found.errors:
            Node("div", self._say(texts.MEND), "fault-line spaced", role="alert")
        elif one.state is State.APPLIED:
            Node("div", self._say(texts.DONE.format(n=f"{one.items:,}")), "said-line spaced", data_test="applied")
        elif one.state is State.CHECKED and one.found.empty:
            Node("div", self._say(texts.NOTHING_TO_DO), "said-line spaced")

    def _counts(self, one: Import) -> None:
        with Node("div", classes="panel spaced"), Node("table", classes="tbl", data_test="counts"):
            with Node("thead"), Node("tr"):
                for heading in (texts.SHEET, texts.ROWS, texts.ADDED, texts.CHANGED, texts.SAME):
                    Node("th", self._say(heading))
            with Node("tbody"):
                for kind, some in one.found.tables.items():
                    with Node("tr", data_table=kind):
                        Node("td", self._say(TABLES[kind].sheet))
                        for number in (some.rows, some.added, some.changed, some.same):
                            Node("td", f"{number:,}")

    def _faults(self, one: Import) -> None:
        found = one.found
        count = found.errors + found.contradictions + found.notes
        with Node("section", data_test="faults"):
            with Node("div", classes="list-head"):
                Node("h2", self._say(texts.FAULTS.format(n=f"{count:,}")))
                if count:
                    link = f"/api/v1/registry/imports/{one.id}/faults.csv?lang={self._visit.language}"
                    Node("a", self._say(texts.FAULTS_FILE), "btn", href=link, download="", data_test="faults-file")
            if not count:
                Node("div", self._say(texts.NO_FAULTS), "panel")
                return
            with Node("ul", classes="rows"):
                for fault in self._found.faults:
                    self._fault(fault)
            self._paging("faults", len(self._found.faults), count - found.unlisted)
            if found.unlisted:
                Node("p", self._say(texts.UNLISTED.format(n=f"{found.unlisted:,}")), "muted")

    def _fault(self, fault: Fault) -> None:
        level = Level(fault.level)
        with Node("li", classes=f"row-f f-{level.value}", data_row=str(fault.row)):
            Node("span", self._say(texts.LEVELS[level]), "tag")
            with Node("div"):
                where = texts.AT_ROW.format(sheet=fault.sheet, row=fault.row)
                Node("div", self._say(where) if fault.row else fault.sheet, "p-name")
                if fault.column or fault.value:
                    shown = " · ".join(part for part in (fault.column, fault.value) if part)
                    Node("small", shown, "muted")
            Node("div", self._say(fault.text))

    def _changes(self, one: Import) -> None:
        found = one.found
        count = found.changed + found.removed
        title = texts.WAS_CHANGED if one.state is State.APPLIED else texts.CHANGES
        with Node("section", data_test="changes"):
            with Node("div", classes="list-head"):
                Node("h2", self._say(title.format(n=f"{count:,}")))
            if not count:
                Node("div", self._say(texts.NO_CHANGES), "panel")
                return
            with Node("ul", classes="rows"):
                for change in self._found.changes:
                    self._change(change)
            self._paging("changes", len(self._found.changes), count)

    def _change(self, change: Change) -> None:
        kind: Any = KINDS.get(change.kind)
        name = change.kind if kind is None else self._say(kind.name)
        with Node("li", classes="row-f", data_item=f"{change.kind}/{change.id}"):
            Node("span", name, "tag")
            with Node("div"):
                Node("div", change.id, "p-name")
                if change.row:
                    Node("small", self._say(texts.AT_ROW.format(sheet=change.sheet, row=change.row)), "muted")
            with Node("div"):
                if change.removed:
                    Node("span", self._say(texts.GOES))
                else:
                    Node("span", f"{change.field}: ", "muted")
                    Node("span", change.before or "–")
                    Node("span", " → ", "muted")
                    Node("b", change.after or "–")

    def _paging(self, which: str, shown: int, count: int) -> None:
        after = getattr(self._pages, which)
        if count <= SHOWN:
            return
        with Node("div", classes="list-head"):
            said = texts.OF.format(first=f"{after + 1:,}", last=f"{after + shown:,}", n=f"{count:,}")
            Node("span", self._say(said), "muted")
            for words, to in ((texts.EARLIER, after - SHOWN), (texts.LATER, after + SHOWN)):
                if 0 <= to < count:
                    button = Node("button", self._say(words), "btn", type="button", data_test=f"{which}-{words.en}")
                    button.on("click", lambda to=to: self._turn(which, to))

    async def _turn(self, which: str, to: int) -> None:
        setattr(self._pages, which, to)
        await self._look()
