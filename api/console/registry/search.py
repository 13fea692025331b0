"""The search of the registry: by address, name, number, id or serial."""

from collections.abc import Sequence

from api.console.layout import Node
from api.console.registry import texts
from api.console.registry.pieces import path_of
from api.console.registry.words import kind_of_item, name_of
from api.console.visit import Visit
from api.directory import Names
from api.registry.browsing import FOUND, Found
from linli.db.registryitems import Kept
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.kinds import kind_of


def search_field(language: str, words: str) -> None:
    """A form that leads to what was found: an address that can be passed on."""
    with Node("form", classes="search-form", method="get", action="/registry/places", role="search"):
        asked = texts.SEARCH_WORDS.of(language)
        Node(
            "input",
            classes="search",
            type="search",
            name="q",
            value=words,
            maxlength=100,
            placeholder=asked,
            aria_label=asked,
            data_test="search",
        )
        Node("button", texts.SEARCH.of(language), "btn", type="submit", data_test="seek")


def results(found: Found, words: str, visit: Visit, names: Names) -> None:
    """What was found, by kind. `names`: of what the person sees."""
    language = visit.language
    with Node("div", classes="stack", data_test="results"):
        Node("h2", texts.FOUND_FOR.format(words=words.replace("{", "").replace("}", "")).of(language))
        if not found:
            with Node("div", classes="panel"):
                Node("p", texts.NOTHING_FOUND.of(language))
                Node("p", texts.SEARCH_HELP.of(language), "muted")
            return
        _items(texts.COMPOUNDS, found.communities, language, names)
        _places(found, language)
        _items(texts.FACILITIES, found.facilities, language, names)
        _items(texts.DEVICES, found.devices, language, names)
        listed = (found.communities, found.places, found.facilities, found.devices)
        if any(len(some) == FOUND for some in listed):
            Node("p", texts.FIRST_FOUND.format(count=FOUND).of(language), "muted")


def _places(found: Found, language: str) -> None:
    if not found.places:
        return
    with Node("section", classes="panel"):
        Node("h2", texts.PLACES.of(language))
        with Node("ul", classes="links"):
            for place in found.places:
                with Node("li", data_item=f"place/{place.id}"):
                    Node("a", place.address.of(language), href=path_of(Key("place", place.id)))
                    Node("small", place.name.of(language), "muted")


def _items(title: Text, items: Sequence[Kept], language: str, names: Names) -> None:
    if not items:
        return
    with Node("section", classes="panel"):
        Node("h2", title.of(language))
        with Node("ul", classes="links"):
            for kept in items:
                item = kept.item
                key = Key(kind_of(item), item.id)
                with Node("li", data_item=f"{key.kind}/{key.id}"):
                    Node("a", name_of(item).of(language), href=path_of(key))
                    community = getattr(item, "community", None)
                    where = [names.community(community).of(language)] if isinstance(community, str) else []
                    about = [*where, kind_of_item(item).of(language), item.id]
                    Node("small", " · ".join(about), "muted")
