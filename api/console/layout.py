"""The frame of every page: navigation, sound, language, sign-out, health; and the few pieces that pages are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from api.console import account_texts, audit_texts, own_texts, registry_texts, texts
from api.console.consoles import Console, health_line
from api.console.persons import texts as person_texts
from api.console.visit import OWN_PATH, Visit, address
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.i18n import Language, Text
from linli.roles import ROLES, Operation

STYLE_PATH = "/console/console.css"
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f5a6b"/>'
    '<path d="M5 15 12 7.5l4.6 4.9 2.8-3L26 17v8h-8v-5h-4v5H5z" fill="#fff"/></svg>'
)
_Entry = tuple[str, Text, str]
"""Path, name and icon."""
_SLOTS = 5
"""So many entries of the navigation a phone has room for."""
_PAGES = (
    ("/", texts.ALERTS, "i-bell"),
    ("/facilities", texts.FACILITIES, "i-building"),
    ("/places", texts.ARMING, "i-shield"),
    ("/rules", texts.RULES, "i-list"),
    ("/registry", registry_texts.REGISTRY, "i-book"),
)
_KEEPING = (("/persons", person_texts.PERSONS, "i-home"),)
"""For who sees residents."""
_MANAGING = (("/accounts", account_texts.ACCOUNTS, "i-people"),)
"""For who manages accounts."""
_AUDITING = (("/audit", audit_texts.AUDIT, "i-log"),)
"""For who reads the audit log."""
_OWN = ((OWN_PATH, own_texts.MY_DATA, "i-book"),)
"""For residents, who see what is theirs and nothing else."""


_AT_FIRST = "^value"
"""The value of a field as an attribute. As a property the browser's page would write it over what was typed whenever anything on
the page changes."""


class Live(Element, component="static/live.js"):
    """The page's ear: `live.js` says what it does."""


class Node(TextElement):
    """One HTML element. Its text and attributes are set as such, never parsed as markup. The `value` of a field is what stands in it
    at first: what somebody has typed since is never written over."""

    def __init__(self, tag: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        super().__init__(tag=tag, text=text)
        if classes:
            self.classes(classes)
        for name, value in attributes.items():
            attribute = name.rstrip("_").replace("_", "-")
            self.props[_AT_FIRST if (tag, attribute) == ("input", "value") else attribute] = value


def sign(kind: str) -> Node:
    """The shape that stands for a severity or a state; the word beside it says the same, so it is hidden from readers."""
    return Node("span", classes=f"sign s-{kind}", aria_hidden="true")


def grade(kind: str, word: str) -> Node:
    """Sign and word in the colour of a severity or a state."""
    with Node("span", classes=f"grade s-{kind}") as made:
        Node("span", classes="sign", aria_hidden="true")
        Node("span", word)
    return made


Known = Mapping[str, Mapping[str, str]]
"""Open alerts by id, each with its 'severity' and 'handling'."""


@contextmanager
def frame(
    services: Services,
    console: Console,
    *,
    title: Text,
    known: Known,
    active: str,
    toasting: bool = True,
) -> Iterator[None]:
    """The page around the block. `known`: open alerts, as `Known` has them; `active` is the path in the navigation;
    `toasting`: new alerts show in a corner too.
    """
    visit, client = console.visit, console.client
    language = visit.language
    client.title = f"{texts.BRAND.of(language)} · {title.of(language)}"
    with Node("div", classes="frame"):
        Node("a", texts.SKIP.of(language), "skip", href="#main")
        with Node("header", classes="top"), Node("div", classes="top-in"):
            _brand(language)
            _navigation(visit.person, language, active)
            Node("div", classes="push")
            if may(visit.person, Operation.SEE):
                _live(services, visit, known, toasting)
            _person(visit, active)
            language_switch(language, address(client.request))
            _sign_out(language)
        with Node("div", classes="main", id="main"):
            yield
        if may(visit.person, Operation.SEE):
            _footer(console)
        else:  # else the ear says it (`live.js`)
            client.run_javascript(f"document.documentElement.lang = '{html_lang(language)}'")


def html_lang(language: str) -> str:
    """The language as HTML's `lang` attribute has it."""
    return "zh-CN" if language == Language.ZH else "en"


def language_switch(language: str, back: str) -> None:
    """A button that gives the same page in the other language."""
    with Node("form", classes="inline", method="post", action=f"/language/{texts.other(language).value}"):
        Node("input", type="hidden", name="back", value=back)
        Node("button", texts.OTHER_LANGUAGE.of(language), "btn btn-quiet", type="submit", data_test="language")


def choice(asked: str, words: Mapping[str, str], chosen: str, call: Callable[[str], None], name: str) -> None:
    """A field to choose one of `words` (by value); `call` hears the value that was chosen."""
    with Node("label", classes="field"):
        Node("span", asked)
        field = Node("select", data_test=name)
        with field:
            for value, word in words.items():
                option = Node("option", word, value=value)
                if value == chosen:
                    option.props["selected"] = True

    def heard(event: GenericEventArguments) -> None:
        call(str(event.args))

    field.on("change", heard, js_handler="(event) => emit(event.target.value)")


def back_link(text: Text, language: str, path: str) -> None:
    """The way up."""
    with Node("a", classes="back", href=path):
        Node("span", classes="icon i-back", aria_hidden="true")
        Node("span", text.of(language))


def _brand(language: str) -> None:
    with Node("a", classes="brand", href="/"):
        Node("span", classes="brand-mark", aria_hidden="true")
        Node("span", texts.BRAND.of(language))


def _navigation(person: Person, language: str, active: str) -> None:
    seeing = _PAGES if may(person, Operation.SEE) else ()
    keeping = _KEEPING if may(person, Operation.SEE_PERSONS) else ()
    managing = _MANAGING if may(person, Operation.MANAGE_ACCOUNTS) else ()
    auditing = _AUDITING if may(person, Operation.READ_AUDIT) else ()
    own = _OWN if may(person, Operation.SEE_OWN) else ()
    entries: Sequence[_Entry] = (*seeing, *keeping, *managing, *auditing, *own)
    beside = len(entries) if len(entries) <= _SLOTS else _SLOTS - 1
    with Node("nav", classes="nav", aria_label=texts.MAIN_NAVIGATION.of(language)):
        for number, entry in enumerate(entries):
            _entry(entry, language, active, "" if number < beside else "rest")
        if entries[beside:]:
            _more(entries[beside:], language, active)


def _entry(entry: _Entry, language: str, active: str, classes: str = "") -> None:
    path, text, icon = entry
    with Node("a", classes=classes, href=path) as link:
        if path == active:
            link.props["aria-current"] = "page"
        Node("span", classes=f"icon {icon}", aria_hidden="true")
        Node("span", text.of(language))


def _more(entries: Sequence[_Entry], language: str, active: str) -> None:
    """On a phone: what the bar has no room for, in a sheet above it. The bar shows the one of them that one is at."""
    here = next((entry for entry in entries if entry[0] == active), None)
    text, icon = (texts.MORE_PAGES, "i-more") if here is None else here[1:]
    said = text if here is None else texts.MORE_PAGES_HERE.format(page=text)
    with Node("details", classes="more", data_test="more-pages"):
        with Node("summary", classes="" if here is None else "here", aria_label=said.of(language)):
            Node("span", classes=f"icon {icon}", aria_hidden="true")
            Node("span", text.of(language))
        with Node("div", classes="sheet"):
            for entry in entries:
                _entry(entry, language, active)


def _live(services: Services, visit: Visit, known: Known, toasting: bool) -> None:
    live = Live()
    live.props["words"] = texts.words(
        visit.language,
        sound_on=texts.SOUND_ON,
        sound_off=texts.SOUND_OFF,
        test_sound=texts.TEST_SOUND,
        sound_blocked=texts.SOUND_BLOCKED,
        connection_lost=texts.CONNECTION_LOST,
    )
    live.props["known"] = known
    live.props["now"] = services.clock.now() / 1000
    live.props["lang"] = html_lang(visit.language)
    live.props["toasting"] = toasting
    live.props["person"] = visit.person.id


def _person(visit: Visit, active: str) -> None:
    """Who is signed in, and the way to their own account; on a phone a shape alone."""
    words = account_texts.ACCOUNT.of(visit.language)
    with Node("a", classes="person", href="/account", title=words, data_test="account") as link:
        if active == "/account":
            link.props["aria-current"] = "page"
        Node("span", classes="icon i-person", aria_hidden="true")
        Node("span", words, "visually-hidden")
        Node("b", visit.person.display_name, "only-wide")
        Node("span", ROLES[visit.person.role].name.of(visit.language), "only-wide")


def _sign_out(language: str) -> None:
    word = texts.SIGN_OUT.of(language)
    with (
        Node("form", classes="inline", method="post", action="/logout"),
        Node("button", classes="btn btn-quiet", type="submit", title=word, aria_label=word, data_test="sign-out"),
    ):
        Node("span", classes="icon i-out", aria_hidden="true")


def _footer(console: Console) -> None:
    language = console.visit.language
    line, dot = health_line(console.health, console.visit.person)
    with Node("footer", classes="foot"):
        Node("span", classes=f"health-dot {dot}", aria_hidden="true")
        Node("span", line.of(language), data_health="")
