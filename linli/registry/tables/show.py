"""Items as the rows of their tables: what an export writes, and an import reads as the same again.

Addresses go by name, as people write them, where that is clear; everything else that an item refers to goes by id, which never
changes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from linli.i18n import Text
from linli.registry.address import LEVEL_OF, LEVELS
from linli.registry.kinds import Item
from linli.registry.model import Committee, Community, District, Equipment, Holiday, Place
from linli.registry.tables.cells import localised, plain
from linli.registry.tables.columns import Column, Table, Type
from linli.registry.tables.directory import NOWHERE, Codes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Shown = str | int | float | None


@dataclass
class Names:
    """What districts, committees and compounds are called: by name if that is nothing else's name or id, else by id."""

    language: str
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    above: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """Of a community, the district and the committee."""

    @classmethod
    def of(
        cls,
        language: str,
        districts: Iterable[District],
        committees: Iterable[Committee],
        communities: Iterable[Community],
    ) -> "Names":
        """The names of all there are."""
        found = cls(language)
        lists: Mapping[str, Sequence[District | Committee | Community]] = {
            "district": list(districts),
            "committee": list(committees),
            "community": list(communities),
        }
        for kind, items in lists.items():
            found.words[kind] = _words(items, language)
        district_of = {one.id: one.district for one in lists["committee"] if isinstance(one, Committee)}
        for one in lists["community"]:
            if isinstance(one, Community):
                found.zones[one.id] = one.timezone
                found.above[one.id] = (district_of.get(one.committee or ""), one.committee)
        return found

    def word(self, kind: str, name: str | None) -> str | None:
        """What an item is called in a file."""
        return None if name is None else self.words[kind].get(name, name)


def _words(items: Sequence[District | Committee | Community], language: str) -> dict[str, str]:
    used = Counter(form for one in items for form in {plain(one.name.zh), plain(one.name.en), one.id})
    found: dict[str, str] = {}
    for one in items:
        word = one.name.of(language)
        clear = used[plain(word)] == 1 and word == word.strip() and word != "-"
        found[one.id] = word if clear else one.id
    return found


@dataclass(frozen=True, slots=True)
class Where:
    """Where a place is. `own`: it is a building, unit or room that is known by its address alone."""

    codes: Codes = NOWHERE
    own: bool = False
    above: str | None = None
    """The place that its address without its own number leads to."""


def cells_of(
    table: Table,
    item: Item | Holiday,
    names: Names,
    where: Where | None = None,
    equipment: Equipment | None = None,
) -> list[Shown]:
    """The row of an item, in the table's columns. `where`: of the place that it is, or is at."""
    return [
        _shown(column, _value(table, column, item, names, where, equipment), names.language) for column in table.columns
    ]


def _value(
    table: Table, column: Column, item: Item | Holiday, names: Names, where: Where | None, equipment: Equipment | None
) -> Any:
    name = column.name
    if column.part:
        return _timed(column, getattr(equipment, name, None), item, names)
    if name in ("district", "committee", "community") and column.type is Type.ONE:
        return _above(table, name, item, names)
    if name in LEVELS:
        return (where.codes if where else NOWHERE)[LEVELS.index(name)] or None
    if name in ("name_zh", "name_en"):
        called: Any = getattr(item, "name", None)
        return getattr(called, name[-2:], None)
    if isinstance(item, Place):
        return _of_place(item, name, where or Where())
    if name == "place" and where is not None and where.own:
        return None
    if name == "holiday" and isinstance(item, Holiday):
        return item.is_holiday
    if table.kind == "resident" and name == "place":
        return None
    return _timed(column, getattr(item, name, None), item, names)


def _of_place(place: Place, name: str, where: Where) -> Any:
    if name == "code":
        return None if where.own and LEVEL_OF.get(place.kind) else place.code
    if name == "parent":
        return None if place.parent == where.above else place.parent
    return getattr(place, name, None)


def _above(table: Table, name: str, item: Item | Holiday, names: Names) -> str | None:
    if isinstance(item, Committee):
        return names.word("district", item.district)
    if isinstance(item, Community):
        district = names.above.get(item.id, (None, None))[0]
        return names.word(name, district if name == "district" else item.committee)
    community: str = getattr(item, "community", "") or ""
    if not community:
        return None
    if name == "community":
        return names.word(name, community)
    return names.word(name, names.above.get(community, (None, None))[name == "committee"])


def _timed(column: Column, value: Any, item: Item | Holiday, names: Names) -> Any:
    if column.type is not Type.TIME or value is None:
        return value
    zone = names.zones.get(getattr(item, "community", ""), "Asia/Shanghai")
    moment = (_EPOCH + timedelta(microseconds=value)).astimezone(ZoneInfo(zone))
    day = moment.date().isoformat()
    if localised(f"{day}T00:00:00.000000", zone) == value:
        return day
    return moment.isoformat(sep=" ", timespec="microseconds" if moment.microsecond else "seconds")


def _shown(column: Column, value: Any, language: str) -> Shown:
    if value is None or value == "":
        return None
    if column.type is Type.WORD:
        word = (column.words or {}).get(value)
        return str(value) if word is None else word.of(language)
    if column.type is Type.YES:
        return (Text("是", "yes") if value else Text("否", "no")).of(language)
    if column.type is Type.MANY:
        return ";".join(value) or None
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return int(value)
    return value if isinstance(value, int | float) else str(value)
