"""The registry as people go through it: level by level from the district to a room, and by what they type."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from api.http.paging import Page, page_of
from api.registry.service import RegistryService, Wanted
from api.scope import demand
from api.sight import Sights
from linli.db.addresses import addresses_of
from linli.db.database import Database
from linli.db.people import Person
from linli.db.registryitems import Kept, get
from linli.db.registryremoving import not_there
from linli.db.registrytree import (
    TOP,
    Branch,
    branches,
    communities_like,
    communities_of,
    devices_called,
    places_at,
    places_like,
    stray_communities,
    trail,
    under,
)
from linli.errors import Refused
from linli.i18n import Text
from linli.registry.address import code_of
from linli.registry.changes import Key
from linli.roles import Operation

PAGE = 100
FOUND = 20
"""So many of each kind are shown of what was searched for."""

_MOST_COMPOUNDS = 500
_MOST_UNDER = 500
_SHORT = re.compile(r"[0-9]+[A-Za-z]?(?:-[0-9]+[A-Za-z]?){1,2}")
_WORDED = (
    ("room", re.compile(r"(?:.*室|.*号房|(?:room|rm\.?|flat)\s*\S+)", re.IGNORECASE)),
    ("unit", re.compile(r"(?:.*单元|unit\s*\S+)", re.IGNORECASE)),
    ("building", re.compile(r"(?:.*[楼幢栋座]|(?:building|bldg\.?|block)\s*\S+)", re.IGNORECASE)),
)
_GLUED = re.compile(r"(?<=[\u3400-\u9fff])(?=[0-9]+[A-Za-z]?(?:号楼|楼|幢|栋|座|单元|号房|室))")
"""Where a number follows a name without a blank."""

_NUMBERED = re.compile(r"(building|bldg\.?|block|unit|room|rm\.?|flat)\s+(?=[\w-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Level:
    """What is shown of one level: the item (None above all), what it lies in, and a page of what lies in it."""

    kept: Kept | None
    trail: Sequence[tuple[Key, Text]]
    address: Text | None
    page: Page[Branch]
    strays: Sequence[Branch] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed, read as an address: names, and the numbers below the compound."""

    names: tuple[str, ...]
    building: str = ""
    unit: str = ""
    room: str = ""


@dataclass(frozen=True, slots=True)
class PlaceFound:
    """A place that was searched for, and its address."""

    id: str
    name: Text
    address: Text


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, FOUND of each at most."""

    communities: Sequence[Kept] = ()
    places: Sequence[PlaceFound] = ()
    facilities: Sequence[Kept] = ()
    devices: Sequence[Kept] = ()

    def __bool__(self) -> bool:
        return any((self.communities, self.places, self.facilities, self.devices))


class RegistryTree:
    """Goes through the registry as somebody sees it. Safe to call from several threads."""

    def __init__(self, sights: Sights, registry: RegistryService) -> None:
        self._sights = sights
        self._registry = registry

    def level(self, person: Person, key: Key, after: str | None = None, *, removed: bool = False) -> Level:
        """One level, a page of PAGE from after the item `after` on. NotFound for what is not there; what was removed is shown."""
        with self._seen(person).read() as connection:
            if key == TOP:
                return self._top(connection, person, after)
            kept = get(connection, key)
            if kept is None:
                raise not_there(key)
            found = branches(connection, key, PAGE + 1, after, removed=removed)
            page = page_of(found, PAGE, lambda branch: (branch.key.id,))
            address = addresses_of(connection, [key.id])[key.id] if key.kind == "place" else None
            return Level(kept, trail(connection, key), address, page)

    def level_named(self, person: Person, name: str) -> Key | None:
        """The place, compound, committee or district of this id, looked for in this order; None if there is none."""
        with self._seen(person).read() as connection:
            keys = (Key(kind, name) for kind in ("place", "community", "committee", "district"))
            return next((key for key in keys if get(connection, key) is not None), None)

    def trail(self, person: Person, key: Key) -> list[tuple[Key, Text]]:
        """What the item lies in, from the district down, and the item itself."""
        with self._seen(person).read() as connection:
            return trail(connection, key)

    def places(self, person: Person, places: Sequence[str]) -> dict[str, PlaceFound]:
        """These places with their addresses, by id."""
        with self._seen(person).read() as connection:
            return {one.id: one for one in _places(connection, places)}

    def under(self, person: Person, place: str) -> list[str]:
        """The place and those in it, as far as a drawing may concern them."""
        with self._seen(person).read() as connection:
            return under(connection, place, _MOST_UNDER)

    def search(self, person: Person, words: str) -> Found:
        """What has these words: an address ('湖滨苑 12号楼 1203室', '12-1-1203'), a name, a number, a serial or an id."""
        text = words.strip()
        if not text:
            return Found()
        asked = read_words(text)
        with self._seen(person).read() as connection:
            exactly = devices_called(connection, text, FOUND)
            places = _at(connection, asked) if asked.building else []
        if exactly or places:
            return Found(places=places, devices=exactly)
        return Found(self._of_kind(person, "community", text), *self._by_name(person, text))

    def find_places(self, person: Person, community: str, words: str) -> list[PlaceFound]:
        """Places of one compound, by address, name or number; its outermost places for no words."""
        text = words.strip()
        asked = read_words(text)
        with self._seen(person).read() as connection:
            if asked.building:
                numbers = (asked.building, asked.unit, asked.room)
                found = places_at(connection, [community], *numbers, FOUND)
                if found:
                    return _places(connection, found)
            return _places(connection, places_like(connection, community, text, FOUND))

    def _top(self, connection: Connection, person: Person, after: str | None) -> Level:
        if person.communities is not None:
            found = communities_of(connection, person.communities, PAGE + 1, after)
            return Level(None, (), None, page_of(found, PAGE, lambda branch: (branch.key.id,)))
        found = branches(connection, TOP, PAGE + 1, after)
        strays = stray_communities(connection, PAGE)
        return Level(None, (), None, page_of(found, PAGE, lambda branch: (branch.key.id,)), strays)

    def _by_name(self, person: Person, text: str) -> tuple[Sequence[PlaceFound], Sequence[Kept], Sequence[Kept]]:
        ids = [kept.item.id for kept in self._of_kind(person, "place", text)]
        with self._seen(person).read() as connection:
            places = _places(connection, ids)
        return places, self._of_kind(person, "facility", text), self._of_kind(person, "device", text)

    def _of_kind(self, person: Person, kind: str, text: str) -> list[Kept]:
        page = self._registry.page(person, kind, Wanted({}, text), FOUND, None)
        return [shown.kept for shown in page.items]

    def _seen(self, person: Person) -> Database:
        demand(person, Operation.SEE)
        return self._sights.of(person).database


def read_words(text: str) -> Asked:
    """What was typed, as an address: parts are told apart by slashes, else by blanks, and known by their words; '12-1-1203' is
    building, unit and room, '12-1203' building and room. What is no number is of names, the last of which is the compound's."""
    found = {"building": "", "unit": "", "room": ""}
    names: list[str] = []
    apart = _GLUED.sub(" ", _NUMBERED.sub(r"\1", text))
    for part in re.split(r"\s*/\s*" if "/" in text else r"[\s,，、]+", apart):
        level = next((level for level, form in _WORDED if form.fullmatch(part)), None)
        if level is None and _SHORT.fullmatch(part) and not any(found.values()):
            numbers = part.upper().split("-")
            found |= {"building": numbers[0], "unit": numbers[1] if len(numbers) == 3 else "", "room": numbers[-1]}
        elif level is None or found[level] or not (code := _code(level, part)):
            names.append(part)
        else:
            found[level] = code
    return Asked(tuple(name for name in names if name), **found)


def _code(level: str, part: str) -> str:
    """The number in a part of an address; '' if there is none."""
    try:
        return code_of(level, part)
    except Refused:
        return ""


def _compounds(connection: Connection, names: Sequence[str]) -> list[str]:
    """Those that the names may mean: all of them together, else the last."""
    for words in dict.fromkeys((" ".join(names), names[-1] if names else "")):
        found = communities_like(connection, words, _MOST_COMPOUNDS)
        if found:
            return found
    return []


def _at(connection: Connection, asked: Asked) -> list[PlaceFound]:
    communities, numbers = _compounds(connection, asked.names), (asked.building, asked.unit, asked.room)
    return _places(connection, places_at(connection, communities, *numbers, FOUND))


def _places(connection: Connection, ids: Sequence[str]) -> list[PlaceFound]:
    addresses = addresses_of(connection, ids)
    found: list[PlaceFound] = []
    for one in ids:
        kept = get(connection, Key("place", one))
        if kept is not None:
            found.append(PlaceFound(one, kept.item.name, addresses[one]))  # type: ignore[union-attr, arg-type]
    return found
