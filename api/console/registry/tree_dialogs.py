"""Changing what is in the tree: names, one more below, removed and brought back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nicegui import ui

from api.console.layout import choice
from api.console.registry import texts
from api.console.registry.pieces import Ask, Names, button, field, nothing_missing, path_of, reload, tick
from api.console.registry.words import name_of
from api.console.visit import Visit
from api.registry.resources import RESOURCES
from api.registry.service import RegistryService
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.db.registryitems import Kept
from linli.db.registrytree import BELOW
from linli.errors import NotFound
from linli.i18n import Text
from linli.registry.address import code_of
from linli.registry.changes import Key
from linli.registry.kinds import Item
from linli.registry.model import COMMITTEE_KINDS, COMMUNITY_KINDS, Committee, Community, District, Place
from linli.registry.naming import derived_id, slug
from linli.roles import Operation
from linli.vocabulary import PLACE_KINDS

_IN_COMPOUND = ("building", "gate", "zone", "plant_room")
_IN_PLACE: Mapping[str, Sequence[str]] = {
    "building": ("unit", "floor", "dwelling", "room", "plant_room", "zone"),
    "unit": ("dwelling", "floor", "room", "plant_room"),
    "floor": ("dwelling", "room", "plant_room", "zone"),
    "zone": ("plant_room", "room", "zone"),
}
"""Kinds of place that lie in one of a kind, the most usual first."""

_LETTERS = {"building": "b", "unit": "u", "floor": "f", "dwelling": "r", "room": "r"}
"""What a number has before it in an id."""


def may_change(person: Person, kind: str) -> bool:
    """Whether the person may change items of this kind at all."""
    shared = RESOURCES[kind].shared
    return may(person, Operation.EDIT_REGISTRY) and (not shared or person.communities is None)


class TreeDialogs:
    """The buttons of one item and what they ask. The service has the last word on who may."""

    def __init__(self, services: Services, registry: RegistryService, visit: Visit) -> None:
        self._registry = registry
        self._visit = visit
        self._language = visit.language
        self._ask = Ask(services, visit)
        self._along = False

    def buttons(self, key: Key, kept: Kept) -> None:
        """What can be done to the item, by who looks at it."""
        person, language = self._visit.person, self._language
        mine = may_change(person, key.kind)
        if kept.removed_at is not None:
            if mine:
                button(texts.BRING_BACK, language, "restore", lambda: self.ask_restore(key, kept.item), main=True)
            return
        if may_change(person, BELOW[key.kind][0]):
            button(texts.ADD_BELOW, language, "add-below", lambda: self._add(key, kept.item))
        if mine:
            button(texts.EDIT_NAMES, language, "edit", lambda: self._rename(key, kept))
            button(texts.REMOVE, language, "remove", lambda: self.ask_remove(key, kept))

    def ask_remove(self, key: Key, kept: Kept, then: str | None = None) -> None:
        """Remove it, after asking; and go to `then`."""
        self._along = False

        def do(person: Person) -> None:
            self._registry.remove(person, key, kept.revision, along=self._along)

        def draw() -> None:
            tick(texts.ALONG, self._language, "along", lambda ticked: setattr(self, "_along", ticked))

        def after() -> None:
            ui.navigate.to(then) if then is not None else reload()

        subject = name_of(kept.item).of(self._language)
        self._ask.open(texts.REMOVE, texts.REMOVE_HELP, subject, draw, nothing_missing, do, after)

    def ask_restore(self, key: Key, item: Item) -> None:
        """Bring it back, after asking."""
        subject = name_of(item).of(self._language)

        def do(person: Person) -> None:
            self._registry.restore(person, key)

        self._ask.open(texts.BRING_BACK, texts.BRING_BACK_HELP, subject, lambda: None, nothing_missing, do, reload)

    def _rename(self, key: Key, kept: Kept) -> None:
        item = kept.item
        assert isinstance(item, District | Committee | Community | Place)
        old, made, code = item.name, list[Names](), {"code": getattr(item, "code", None) or ""}

        def draw() -> None:
            made.append(Names(self._language, old.zh, old.en))
            if isinstance(item, Place):
                field(texts.NUMBER, self._language, "code", code["code"], lambda said: code.update(code=said))

        def missing() -> Text | None:
            return made[0].missing()

        def do(person: Person) -> None:
            fresh = replace(item, name=made[0].text)
            if isinstance(fresh, Place):
                fresh = replace(fresh, code=code_of(fresh.kind, code["code"]) if code["code"] else None)
            self._registry.write(person, key, [fresh], kept.revision)

        self._ask.open(
            texts.EDIT_NAMES,
            texts.EDIT_NAMES_HELP,
            old.of(self._language),
            draw,
            missing,
            do,
            reload,
        )

    def _add(self, key: Key, item: Item) -> None:
        adding = _Adding(self._registry, key, item, self._language)
        self._ask.open(
            texts.ADD_BELOW,
            texts.ADD_HELP[key.kind],
            name_of(item).of(self._language),
            adding.draw,
            adding.missing,
            adding.do,
            lambda: ui.navigate.to(path_of(adding.made)),
        )


class _Adding:
    """The fields of something new in `key`, and how it is registered."""

    def __init__(self, registry: RegistryService, key: Key, item: Item, language: str) -> None:
        self._registry = registry
        self._above = key
        self._item = item
        self._language = language
        self._kinds = _kinds_in(key, item)
        self._kind = next(iter(self._kinds))
        self._code = ""
        self._names: Names | None = None
        self.made = key

    def draw(self) -> None:
        """The fields."""
        language = self._language
        words = {kind: name.of(language) for kind, name in self._kinds.items()}
        choice(texts.KIND.of(language), words, self._kind, self._choose, "kind")
        if self._above.kind in ("community", "place"):
            field(texts.NUMBER, language, "code", "", lambda said: setattr(self, "_code", said))
        self._names = Names(language)

    def missing(self) -> Text | None:
        """A name is made of the number, where there is one."""
        assert self._names is not None
        return None if self._code and self._kind in texts.NAMED else self._names.missing()

    def do(self, person: Person) -> None:
        """Register it, under an id made of what it lies in."""
        fresh = self._new(person)
        (kind,) = BELOW[self._above.kind]
        self.made = Key(kind, fresh.id)
        self._registry.write(person, self.made, [fresh], 0)

    def _choose(self, kind: str) -> None:
        self._kind = kind if kind in self._kinds else self._kind

    def _new(self, person: Person) -> Item:
        assert self._names is not None
        name, above = self._names.text, self._above.id
        if self._above.kind == "district":
            return Committee(self._free(person, "committee", slug(name.en)), above, self._kind, name)
        if self._above.kind == "committee":
            return Community(self._free(person, "community", slug(name.en)), name, committee=above, kind=self._kind)
        code = code_of(self._kind, self._code) if self._code else None
        if code is not None and self._kind in texts.NAMED:
            made = texts.NAMED[self._kind].format(code=code)
            name = Text(name.zh or made.zh, name.en or made.en)
        community = above if self._above.kind == "community" else getattr(self._item, "community", "")
        part = f"{_LETTERS[self._kind]}{code}" if code is not None and self._kind in _LETTERS else name.en
        parent = above if self._above.kind == "place" else None
        return Place(self._free(person, "place", above, part), community, self._kind, name, parent, code)

    def _free(self, person: Person, kind: str, *parts: str) -> str:
        def taken(name: str) -> bool:
            try:
                self._registry.get(person, Key(kind, name), removed=True)
            except NotFound:
                return False
            return True

        return derived_id(*parts, taken=taken)


def _kinds_in(key: Key, item: Item) -> Mapping[str, Text]:
    if key.kind == "district":
        return COMMITTEE_KINDS
    if key.kind == "committee":
        return COMMUNITY_KINDS
    usual = _IN_COMPOUND if key.kind == "community" else _IN_PLACE.get(getattr(item, "kind", ""), ())
    return {kind: PLACE_KINDS[kind] for kind in (*usual, *(one for one in PLACE_KINDS if one not in usual))}
