"""My data: what a resident sees when they sign in. What is known of them, how they are reached, what they agree to, who looked.

Everything here is a plain form, as on the account's page: it works on whatever phone somebody has.
"""

import asyncio
from collections.abc import Mapping

from api.console import own_texts, texts
from api.console.consoles import Console
from api.console.layout import Node
from api.console.opening import Answer, Opened, Pages
from api.console.visit import OWN_PATH, Visit
from api.own.service import LOOKS_SHOWN, OWN, Home, Known, OwnFile, OwnService, Standing
from linli.auditwords import PERSON_READ, purpose_name, verb_name
from linli.clock import local_time
from linli.db.ownlooks import Looked
from linli.db.registryitems import Kept
from linli.errors import NotFound
from linli.i18n import Text
from linli.registry.inhabitants import (
    CONTACT_KINDS,
    CREDENTIAL_KINDS,
    PURPOSES,
    PURPOSES_MEAN,
    RELATIONS,
    SEXES,
    Contact,
    Credential,
)
from linli.roles import Operation

_WORDS: Mapping[tuple[str, str], Mapping[str, Text]] = {
    ("person", "sex"): SEXES,
    ("resident", "relation"): RELATIONS,
    ("contact", "kind"): CONTACT_KINDS,
}
"""Fields that hold a word of a list."""


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    own = OwnService(services.sights, services.database, services.clock)

    def read(visit: Visit) -> OwnFile | None:
        try:
            return own.file(visit.person)
        except NotFound:
            return None

    @pages.page(OWN_PATH, Operation.SEE_OWN)
    async def my_data(opened: Opened, said: str = "", fault: str = "") -> Answer:
        visit = opened.visit
        file = await asyncio.to_thread(read, visit)
        with opened.frame(own_texts.MY_DATA, OWN_PATH):
            _head(visit.language, said, fault, linked=file is not None)
            if file is not None:
                _MyData(opened.console, file).draw()
        return None


def _head(language: str, said: str, fault: str, *, linked: bool) -> None:
    with Node("div", classes="board-head"):
        Node("h1", own_texts.MY_DATA.of(language))
        if linked:
            Node("div", classes="push")
            words = own_texts.EXPORT.of(language)
            Node("a", words, "btn", href=f"{OWN_PATH}/my-data.json", download="my-data.json", data_test="export")
        Node("p", own_texts.MY_DATA_HELP.of(language), "muted")
    if fault in own_texts.FAULTS:
        Node("div", own_texts.FAULTS[fault].of(language), "fault-line spaced", role="alert")
    elif said in own_texts.SAID:
        Node("div", own_texts.SAID[said].of(language), "said-line spaced", role="status")
    if not linked:
        Node("div", own_texts.NOT_LINKED.of(language), "panel", data_test="not-linked")


class _MyData:
    """The page in one language."""

    def __init__(self, console: Console, file: OwnFile) -> None:
        self._file = file
        self._language = console.visit.language

    def draw(self) -> None:
        """All of it."""
        with Node("div", classes="cols even spaced"):
            with Node("div", classes="stack"):
                self._known()
                self._homes()
            with Node("div", classes="stack"):
                self._contacts()
                self._credentials()
        self._consents()
        self._looks()

    # --- what is known --------------------------------------------------------------------------------------------

    def _known(self) -> None:
        shown = [one for one in self._file.known if one.item.kind == "person"]
        with Node("div", classes="panel", data_test="known"):
            Node("h2", self._word(own_texts.KNOWN))
            if not shown:
                Node("p", self._word(own_texts.NOTHING_KNOWN), "muted")
            with Node("dl", classes="facts own-facts"):
                for known in shown:
                    Node("dt", self._word(own_texts.FIELDS[known.item.kind, known.field]))
                    with Node("dd"):
                        Node("div", self._value(known, known.value))
                        self._sources(known)

    def _sources(self, known: Known) -> None:
        """Whose word it is and since when, and who says otherwise."""
        when = self._day(known.at)
        Node("small", self._word(own_texts.SAID_AT.format(source=_source(known.source), when=when)), "muted")
        for source, value in known.against.items():
            told = own_texts.ELSE_SAYS.format(value=self._value(known, value), source=_source(source))
            Node("small", self._word(told), "own-against")

    def _value(self, known: Known, value: object) -> str:
        if value is None or value == "":
            return self._word(own_texts.NO_VALUE)
        word = _WORDS.get((known.item.kind, known.field), {}).get(str(value))
        return str(value) if word is None else self._word(word)

    def _homes(self) -> None:
        with Node("div", classes="panel", data_test="homes"):
            Node("h2", self._word(own_texts.HOMES))
            if not self._file.homes:
                Node("p", self._word(own_texts.NO_HOME), "muted")
            for one in self._file.homes:
                self._home(one)

    def _home(self, one: Home) -> None:
        residence = one.residence
        with Node("div", classes="own-home" + ("" if one.present else " over")):
            Node("b", self._word(one.address))
            if not one.present:
                Node("span", self._word(own_texts.FORMER), "tag")
            with Node("dl", classes="facts own-facts"):
                for known in self._file.known:
                    if known.item.id == residence.id:
                        Node("dt", self._word(own_texts.FIELDS[known.item.kind, known.field]))
                        with Node("dd"):
                            Node("div", self._value(known, known.value))
                            self._sources(known)
                if one.mates:
                    Node("dt", self._word(own_texts.LIVES_THERE_TOO))
                    pause = self._word(texts.LIST_PAUSE)
                    mates = (f"{mate.name or ''} ({self._word(RELATIONS[mate.relation])})" for mate in one.mates)
                    Node("dd", pause.join(mates))

    # --- how to reach them ----------------------------------------------------------------------------------------

    def _contacts(self) -> None:
        with Node("div", classes="panel", data_test="contacts"):
            Node("h2", self._word(own_texts.CONTACTS))
            Node("p", self._word(own_texts.CONTACTS_HELP), "muted")
            if not self._file.contacts:
                Node("p", self._word(own_texts.NO_CONTACTS), "muted")
            for kept in self._file.contacts:
                self._contact(kept)
            with Node("form", classes="own-contact", method="post", action=f"{OWN_PATH}/contacts", data_test="new"):
                Node("b", self._word(own_texts.ADD_CONTACT), "own-wide")
                self._fields("mobile", "")
                with Node("div", classes="control-acts own-wide"):
                    self._button(own_texts.ADD, "add-contact", main=True)

    def _contact(self, kept: Kept) -> None:
        item = kept.item
        assert isinstance(item, Contact)
        path = f"{OWN_PATH}/contacts/{item.id}"
        with Node("form", classes="own-contact", method="post", action=path, data_contact=item.id):
            Node("input", type="hidden", name="revision", value=str(kept.revision))
            self._fields(item.kind, item.value or "")
            with Node("div", classes="own-wide"):
                for known in self._file.known:
                    if known.item.id == item.id and known.field == "value":
                        self._sources(known)
                if item.verified_at is not None:
                    verified = own_texts.VERIFIED.format(when=self._day(item.verified_at))
                    Node("small", self._word(verified), "muted")
            with Node("div", classes="control-acts own-wide"):
                self._button(own_texts.SAVE, "save-contact", main=True)
                self._button(own_texts.REMOVE, "remove-contact", to=f"{path}/remove")

    def _credentials(self) -> None:
        with Node("div", classes="panel", data_test="credentials"):
            Node("h2", self._word(own_texts.CREDENTIALS))
            Node("p", self._word(own_texts.CREDENTIALS_HELP), "muted")
            if not self._file.credentials:
                Node("p", self._word(own_texts.NO_CREDENTIALS), "muted")
            with Node("dl", classes="facts own-facts"):
                for kept in self._file.credentials:
                    item = kept.item
                    assert isinstance(item, Credential)
                    Node("dt", self._word(CREDENTIAL_KINDS[item.kind]))
                    with Node("dd", data_credential=item.id):
                        Node("div", item.value or self._word(own_texts.NO_VALUE))
                        if item.since:
                            Node("small", self._word(own_texts.USED_SINCE.format(since=item.since)), "muted")
                        if item.until:
                            Node("small", self._word(own_texts.USED_UNTIL.format(until=item.until)), "muted")

    def _fields(self, kind: str, value: str) -> None:
        with Node("label", classes="field"):
            Node("span", self._word(own_texts.KIND))
            with Node("select", name="kind"):
                for one, name in CONTACT_KINDS.items():
                    option = Node("option", self._word(name), value=one)
                    if one == kind:
                        option.props["selected"] = True
        with Node("label", classes="field"):
            Node("span", self._word(own_texts.VALUE))
            Node("input", type="text", name="value", value=value, maxlength=200, autocomplete="off", required=True)

    # --- what they agree to ---------------------------------------------------------------------------------------

    def _consents(self) -> None:
        with Node("div", classes="list-head"):
            Node("h2", self._word(own_texts.CONSENTS))
        Node("p", self._word(own_texts.CONSENTS_HELP), "muted")
        with Node("ul", classes="rows spaced", data_test="consents"):
            for standing in self._file.consents:
                self._consent(standing)

    def _consent(self, standing: Standing) -> None:
        purpose, name = standing.purpose, self._word(PURPOSES[standing.purpose])
        with Node("li", classes="own-consent", data_consent=purpose):
            with Node("div"):
                Node("b", name)
                Node("p", self._word(PURPOSES_MEAN[purpose]))
                Node("small", self._word(self._since(standing)), "muted")
            with Node("form", classes="inline", method="post", action=f"{OWN_PATH}/consents/{purpose}"):
                Node("input", type="hidden", name="revision", value=str(standing.revision))
                Node("input", type="hidden", name="given", value="no" if standing.given else "yes")
                with Node(
                    "button",
                    classes="switch",
                    type="submit",
                    role="switch",
                    aria_checked="true" if standing.given else "false",
                    aria_label=name,
                    data_test="switch",
                ):
                    Node("span", classes="switch-knob", aria_hidden="true")
                    Node("span", self._word(own_texts.AGREED if standing.given else own_texts.NOT_AGREED))

    def _since(self, standing: Standing) -> Text:
        newest = standing.newest
        if newest is None:
            return own_texts.NEVER_ASKED
        source = own_texts.SOURCES.get(newest.source) or own_texts.BY_FORM.format(source=newest.source)
        return own_texts.SAID_WHEN.format(when=self._day(newest.at), source=source)

    # --- who looked -----------------------------------------------------------------------------------------------

    def _looks(self) -> None:
        looks = self._file.looks
        with Node("div", classes="list-head"):
            Node("h2", self._word(own_texts.LOOKS))
        Node("p", self._word(own_texts.LOOKS_HELP), "muted")
        if not looks:
            Node("p", self._word(own_texts.NO_LOOKS), "panel")
            return
        with Node("ul", classes="rows", data_test="looks"):
            for look in looks:
                self._look(look)
        if len(looks) >= LOOKS_SHOWN:
            Node("p", self._word(own_texts.ONLY_NEWEST.format(n=LOOKS_SHOWN)), "muted")

    def _look(self, look: Looked) -> None:
        who = look.who
        if look.organisation is not None:
            who = own_texts.OF_ORGANISATION.format(who=look.who, organisation=look.organisation)
        did = purpose_name(look.purpose) if look.verb == PERSON_READ else verb_name(look.verb)
        if look.purpose == OWN and not look.own:
            did = own_texts.ON_THEIR_PAGE
        with Node("li", classes="own-look"):
            Node("span", self._minute(look.at), "muted")
            Node("b", self._word(who))
            Node("span", self._word(did))

    # --- pieces ---------------------------------------------------------------------------------------------------

    def _button(self, words: Text, name: str, *, main: bool = False, to: str | None = None) -> None:
        classes = "btn btn-main" if main else "btn"
        button = Node("button", self._word(words), classes, type="submit", data_test=name)
        if to is not None:
            button.props["formaction"] = to

    def _word(self, text: Text) -> str:
        return text.of(self._language)

    def _day(self, at: int) -> str:
        return local_time(at, self._file.own.zone).strftime("%Y-%m-%d")

    def _minute(self, at: int) -> str:
        return local_time(at, self._file.own.zone).strftime("%Y-%m-%d %H:%M")


def _source(source: str | None) -> Text:
    if source is None:
        return own_texts.NO_SOURCE
    return own_texts.SOURCES.get(source) or own_texts.SOURCE_FILE.format(source=source)
