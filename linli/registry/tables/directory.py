"""What names, numbers and addresses lead to: among what is registered, and what the file has had so far.

What is registered is asked for one community and kind at a time, when a row first needs it.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from linli.i18n import Text
from linli.registry.address import LEVEL_OF, LEVELS
from linli.registry.facts import Claims
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Community, Holiday, Place
from linli.registry.tables.cells import plain
from linli.registry.tables.faults import BadCell

_JOIN = "\x1f"
_ADDRESS = "@"
_MOST_COMPARED = 5_000

Codes = tuple[str, str, str]
"""The numbers of the building, unit and room that a place lies in or is; '' for none."""

NOWHERE: Codes = ("", "", "")

_NARROWED: Mapping[str, tuple[str, ...]] = {
    "district": (),
    "committee": ("district",),
    "organisation": (),
    "community": (),
    "floor_plan": ("place",),
    "gateway": (),
    "facility": ("place",),
    "device": ("place",),
    "staff": ("organisation",),
    "team": ("organisation",),
}
"""Kinds whose items people tell apart by name, and within what."""

_WITHOUT_NAME: Mapping[str, tuple[str, ...]] = {
    "household": ("place",),
    "person": ("name", "born"),
    "resident": ("household", "person"),
    "contact": ("person", "kind", "value"),
    "consent": ("person", "purpose", "at"),
    "credential": ("person", "kind", "value"),
}
"""And those that are told apart by these fields."""


@dataclass(frozen=True, slots=True)
class Known:
    """An item that is registered, or was until it was removed. `changed_at`: microseconds; `statements`: by source."""

    item: Item | Holiday
    changed_at: int = 0
    removed: bool = False
    statements: Mapping[str, Claims] = field(default_factory=dict)


class Registered(Protocol):
    """What is registered."""

    def items(self, kind: str, community: str | None) -> Iterable[tuple[Item, Codes]]:
        """The items of a kind that are there, of a community (None: kinds that belong to none). A Place comes with its codes."""

    def ids(self, kind: str) -> Collection[str]:
        """Every id of the kind that was ever given."""

    def known(self, kind: str, ids: Sequence[str]) -> Mapping[str, Known]:
        """The items of these ids, also removed ones."""


def keys_of(kind: str, value: Callable[[str], Any], codes: Codes = NOWHERE) -> list[str]:
    """What tells an item of that kind from others of its community, the best first. `value`: of a field; a name is a Text."""
    if kind == "place":
        named = [_join(*codes, value("kind"), plain(one)) for one in _names(value("name"))]
        own = LEVEL_OF.get(value("kind") or "")
        is_address = own is not None and codes[LEVELS.index(own)] != "" and value("code") is not None
        return [_join(_ADDRESS, *codes), *named] if is_address else named
    if kind in _NARROWED:
        within = [value(name) or "" for name in _NARROWED[kind]]
        return [_join(*within, plain(one)) for one in _names(value("name"))]
    return [_join(*(plain(str(one)) if (one := value(name)) is not None else "" for name in _WITHOUT_NAME[kind]))]


def address_of(codes: Codes) -> str:
    """The key of the place at an address."""
    return _join(_ADDRESS, *codes)


def _names(name: Text | str | None) -> Iterator[str]:
    if isinstance(name, Text):
        yield name.zh
        if name.en != name.zh:
            yield name.en
    elif name:
        yield name


def _join(*parts: str) -> str:
    return _JOIN.join(parts)


class Shelf:
    """The items of one kind and community: ids by key and by name, and what hangs on what."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.keys: dict[str, str | list[str]] = {}
        self.names: dict[str, str | list[str]] = {}
        self.parents: dict[str, str] = {}
        self.codes: dict[str, Codes] = {}

    def put(self, name: str, keys: Iterable[str], names: Iterable[str], codes: Codes = NOWHERE) -> None:
        """One more item, by id."""
        self.ids.add(name)
        for key in keys:
            _append(self.keys, key, name)
        for one in names:
            _append(self.names, plain(one), name)
        if codes != NOWHERE:
            self.codes[name] = codes

    def by_key(self, key: str) -> list[str]:
        """The ids of the items with that key."""
        return _listed(self.keys.get(key))

    def by_name(self, name: str) -> list[str]:
        """The ids of the items of that name."""
        return _listed(self.names.get(plain(name)))


def _append(found: dict[str, str | list[str]], key: str, name: str) -> None:
    there = found.get(key)
    if there is None:
        found[key] = name
    elif isinstance(there, list):
        if name not in there:
            there.append(name)
    elif there != name:
        found[key] = [there, name]


def _listed(found: str | list[str] | None) -> list[str]:
    return [] if found is None else found if isinstance(found, list) else [found]


class Directory:
    """All shelves, of what is registered and what the file has, and in which row of the file what is."""

    def __init__(self, registered: Registered) -> None:
        self._registered = registered
        self._shelves: dict[tuple[str, str | None], Shelf] = {}
        self._taken: dict[str, Collection[str]] = {}
        self._compared = 0
        self.rows: dict[str, dict[str, int]] = {kind: {} for kind in (*KINDS, "holiday")}
        """By kind and id, the row of the file that an item is in."""
        self.zones: dict[str, str] = {}
        """The time zone of each community."""
        self.committees: dict[str, str | None] = {}
        """The committee of each community."""

    def shelf(self, kind: str, community: str | None) -> Shelf:
        """Those of a kind in a community (None: of kinds that belong to none)."""
        shelf = self._shelves.get((kind, community))
        if shelf is None:
            shelf = self._shelves[kind, community] = Shelf()
            for item, codes in self._registered.items(kind, community):
                self._register(shelf, kind, item, codes)
        return shelf

    def _register(self, shelf: Shelf, kind: str, item: Item, codes: Codes) -> None:
        keys = keys_of(kind, lambda name: getattr(item, name), codes)
        names = list(_names(getattr(item, "name", None)))
        if isinstance(item, Place) and item.code is not None:
            names.append(item.code)
        shelf.put(item.id, keys, names, codes)
        parent = getattr(item, "parent", None)
        if parent is not None:
            shelf.parents[item.id] = parent
        if isinstance(item, Community):
            self.zones[item.id], self.committees[item.id] = item.timezone, item.committee

    def taken(self, kind: str, name: str) -> bool:
        """Whether the id is another's already, or was."""
        if kind not in self._taken:
            self._taken[kind] = self._registered.ids(kind)
        return name in self._taken[kind] or name in self.rows[kind]

    def forget(self, kind: str) -> None:
        """Nothing refers to items of that kind any more."""
        for key in [key for key in self._shelves if key[0] == kind]:
            del self._shelves[key]
        self._taken.pop(kind, None)

    def find(self, kind: str, community: str | None, text: str, among: Callable[[str], bool] = lambda _: True) -> str:
        """The id of the item that `text` names: its id, or its name in either language. BadCell if there is none, or several.

        `among`: which items are meant at all.
        """
        shelf = self.shelf(kind, community)
        if text in shelf.ids and among(text):
            return text
        found = [one for one in shelf.by_name(text) if among(one)]
        if len(found) == 1:
            return found[0]
        word = KINDS[kind].name
        if found:
            listed = ", ".join(found[:5])
            raise BadCell(
                "several",
                f"有 {len(found)} 个{word.zh}叫这个名称（{listed}）；请写标识",
                f"is the name of {len(found)} ({listed}): write the id",
            )
        near = self._near(text, shelf, among)
        asked = f"；是否想写 {near}？" if near else "；请先登记，或在文件中加上"
        said = f"; did you mean {near}?" if near else ": register it first, or add it to the file"
        raise BadCell("unknown_reference", f"没有这个{word.zh}{asked}", f"is no {word.en.lower()} here{said}")

    def _near(self, text: str, shelf: Shelf, among: Callable[[str], bool]) -> str | None:
        """A name that was probably meant. What takes long is tried for some faults of a file only."""
        self._compared += 1
        if self._compared > 1_000 or len(shelf.names) > _MOST_COMPARED:
            return None
        found = difflib.get_close_matches(plain(text), [*shelf.names, *shelf.ids], 3)
        return next((one for one in found if any(map(among, shelf.by_name(one) or [one]))), None)

    def only(self, kind: str, community: str | None) -> str | None:
        """The id of the only item of that kind; None if there are several, or none."""
        ids = self.shelf(kind, community).ids
        return next(iter(ids)) if len(ids) == 1 else None

    def place_at(self, community: str, codes: Codes) -> str:
        """The id of the place at an address. BadCell if there is none."""
        shelf = self.shelf("place", community)
        if found := shelf.by_key(address_of(codes)):
            return found[0]
        word = Text("/".join(filter(None, codes)), "/".join(filter(None, codes)))
        near = self._near_address(shelf, codes)
        asked = f"；是否想写 {near}？" if near else "；请先登记，或在文件的地点表中加上"
        said = f"; did you mean {near}?" if near else ": register it first, or add it to the sheet of places"
        raise BadCell("unknown_address", f"没有地点 {word.zh}{asked}", f"there is no place {word.en} here{said}")

    def _near_address(self, shelf: Shelf, codes: Codes) -> str | None:
        """What differs only in zeros that a spreadsheet has taken, or else looks alike."""
        last = max(index for index, code in enumerate(codes) if code)
        for width in range(len(codes[last]) + 1, 7):
            padded = (*codes[:last], codes[last].zfill(width), *codes[last + 1 :])
            if codes[last].isdecimal() and shelf.by_key(_join(_ADDRESS, *padded)):
                return codes[last].zfill(width)
        self._compared += 1
        if self._compared > 1_000:
            return None
        begin = _join(_ADDRESS, *codes[:last]) + _JOIN
        end = _JOIN * (2 - last)
        there = [
            key[len(begin) : len(key) - len(end)]
            for key in shelf.keys
            if key.startswith(begin) and key.endswith(end) and _JOIN not in key[len(begin) : len(key) - len(end)]
        ]
        return next(iter(difflib.get_close_matches(codes[last], there, 1, 0.5)), None)

    def on_ring(self, kind: str, community: str | None, name: str) -> bool:
        """Whether the item hangs on itself."""
        parents = self.shelf(kind, community).parents
        seen, here = {name}, parents.get(name)
        while here is not None and here not in seen:
            seen.add(here)
            here = parents.get(here)
        return here == name

    def depth(self, kind: str, community: str | None, name: str) -> int:
        """How many items it hangs on, one on the other."""
        parents = self.shelf(kind, community).parents
        count, here = 0, parents.get(name)
        while here is not None and count < 100:
            count, here = count + 1, parents.get(here)
        return count
