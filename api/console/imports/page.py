"""What can be brought in and out: a file is sent here, and one's own imports are listed."""

import asyncio

from nicegui.element import Element

from api.console.imports import texts
from api.console.layout import Node, back_link, html_lang
from api.console.opening import Answer, Opened, Pages
from api.console.rows import moment
from api.console.texts import words
from api.console.visit import Visit
from api.http.gate import MAX_FILE
from api.registry.importing.kept import Import, State
from api.scope import may
from api.services import Services
from linli.i18n import Text
from linli.registry.tables.listed import TABLES
from linli.roles import Operation

PATH = "/registry/import"
REGISTRY = "/registry"
_MB = MAX_FILE >> 20


class Upload(Element, component="../static/upload.js"):
    """The form that sends a file: `upload.js` says how."""


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services

    @pages.page(PATH, Operation.EDIT_REGISTRY)
    async def importing(opened: Opened) -> Answer:
        visit = opened.visit
        found = await asyncio.to_thread(services.imports.all, visit.person)
        with opened.frame(texts.IMPORT, REGISTRY):
            _draw(services, visit, found)
        return None


def _draw(services: Services, visit: Visit, found: list[Import]) -> None:
    language = visit.language
    back_link(texts.BACK_TO_REGISTRY, language, REGISTRY)
    with Node("div", classes="board-head"):
        Node("h1", texts.IMPORT.of(language))
        Node("p", texts.IMPORT_HELP.of(language), "muted")
    with Node("div", classes="cols even spaced"):
        _upload(language)
        with Node("div", classes="panel fields"):
            _download(texts.TEMPLATE, "/api/v1/registry/template", language, "template")
            if may(visit.person, Operation.EXPORT):
                _download(texts.EXPORT_XLSX, "/api/v1/registry/export?format=xlsx", language, "export-xlsx")
                _download(texts.EXPORT_ZIP, "/api/v1/registry/export?format=zip", language, "export-zip")
                Node("p", texts.EXPORT_HELP.of(language), "muted")
    if found:
        with Node("section", data_test="imports"):
            Node("h2", texts.YOURS.of(language))
            with Node("ul", classes="rows"):
                for one in found:
                    _row(services, visit, one)


def _upload(language: str) -> None:
    upload = Upload()
    upload.props["words"] = words(
        language,
        file=texts.FILE.format(mb=_MB),
        table=texts.TABLE,
        as_named=texts.AS_NAMED,
        source=texts.SOURCE,
        settle=texts.SETTLE,
        remove_missing=texts.REMOVE_MISSING,
        upload=texts.UPLOAD,
        sending=texts.SENDING,
        too_large=texts.TOO_LARGE.format(mb=_MB),
        failed_to_send=texts.FAILED_TO_SEND,
    )
    upload.props["tables"] = {table.file: table.sheet.of(language) for table in TABLES.values()}
    upload.props["most"] = MAX_FILE
    upload.props["lang"] = html_lang(language)


def _download(words_: Text, path: str, language: str, name: str) -> None:
    link = f"{path}{'&' if '?' in path else '?'}lang={language}"
    Node("a", words_.of(language), "btn", href=link, download="", data_test=name)


def _row(services: Services, visit: Visit, one: Import) -> None:
    language, now = visit.language, services.clock.now()
    with Node("li", classes="row-p", data_import=one.id):
        with Node("div"), Node("div", classes="p-name"):
            Node("a", one.wish.file, href=f"{PATH}/{one.id}")
        Node("div", moment(one.sent_at, visit.zone(""), now), "muted")
        Node("span", state_words(one).of(language), "tag")


def state_words(one: Import) -> Text:
    """How it stands, in a word or two."""
    return texts.WITH_FAULTS if one.state is State.CHECKED and one.found.errors else texts.STATES[one.state]
