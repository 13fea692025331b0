"""The second reading of a table: what a row refers to, and the item that it makes of what is registered.

An empty cell says nothing: what is registered stays. So a table of three columns changes three fields.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any

from linli.i18n import Text
from linli.registry.address import LEVELS
from linli.registry.changes import BadItem
from linli.registry.checks import check_item
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Equipment, Holiday, Place
from linli.registry.tables.columns import Column, Table, Type
from linli.registry.tables.directory import NOWHERE, Codes, Directory, Known, address_of
from linli.registry.tables.faults import BadCell
from linli.registry.tables.identify import Blame, Row, own_code, own_level

_WITHOUT_DEFAULT: Mapping[tuple[str, str], Any] = {("staff", "duty"): "", ("contact", "position"): 0}
_NOTHING_SAID: frozenset[str] = frozenset()


@cache
def _blank(kind: str) -> Mapping[str, Any]:
    """The fields of a new item of which nothing is said."""
    return {
        one.name: _WITHOUT_DEFAULT.get((kind, one.name), None if one.default is MISSING else one.default)
        for one in fields(KINDS[kind].noun)
    }


@dataclass(frozen=True, slots=True)
class Made:
    """An item as a row has it, and which of its fields the row speaks of."""

    kind: str
    item: Item | Holiday
    said: frozenset[str]


class Composer:
    """Makes the items of one sheet's rows."""

    def __init__(self, table: Table, directory: Directory, blame: Blame) -> None:
        self._table = table
        self._directory = directory
        self._blame = blame
        self._allowed: dict[str, set[str]] = {}
        self._references = [column for column in table.columns if column.type in (Type.ONE, Type.MANY)]
        self._with_zeros = [column for column in table.columns if column.type in (Type.CODE, Type.PHONE)]

    def refer(self, row: Row) -> bool:
        """Looks up what the row refers to, into its `fields`; whether all of it is there."""
        sound = True
        for column in self._references:
            if column.name not in row.given:
                continue
            wanted = row.given.pop(column.name)
            names = wanted if isinstance(wanted, list) else [str(wanted)]
            found: list[str] = []
            for name in names:
                try:
                    found.append(self._find(row, column, name))
                except BadCell as bad:
                    self._blame.error(row.number, column, name, bad.reason, bad.text)
                    sound = False
            if len(found) == len(names):
                several = column.type is Type.MANY
                row.fields[column.name] = sorted(set(found)) if several else found[0]  # type: ignore[assignment]
        if sound and self._table.kind == "place":
            sound = self._around(row)
        if sound and row.fields.get("parent") and self._table.kind in ("place", "device"):
            self._directory.shelf(self._table.kind, row.community).parents[row.id] = str(row.fields["parent"])
        return sound

    def _find(self, row: Row, column: Column, name: str) -> str:
        shared = column.refers in ("organisation", "community", "committee", "staff")
        community = None if shared else row.community
        shelf = self._directory.shelf(column.refers, community)
        above = _without_own(row) if self._table.kind == "place" else NOWHERE

        def among(one: str) -> bool:
            if self._table.kind != "place":
                return one != row.id or column.refers != self._table.kind
            return one != row.id and shelf.codes.get(one, NOWHERE) == above

        return self._directory.find(column.refers, community, name, among)

    def _around(self, row: Row) -> bool:
        """What a place lies in, by its address, if the row does not say."""
        assert row.community is not None
        shelf = self._directory.shelf("place", row.community)
        above = _without_own(row)
        if "parent" in row.fields or "parent" in row.cleared:
            return True
        there = shelf.parents.get(row.id)
        if there is not None and shelf.codes.get(there, NOWHERE) == above:
            row.fields["parent"] = there
            return True
        if above == NOWHERE:
            return True
        try:
            row.fields["parent"] = self._directory.place_at(row.community, above)
        except BadCell as bad:
            last = max(index for index, code in enumerate(above) if code)
            self._blame.error(row.number, self._table.column(LEVELS[last]), above[last], bad.reason, bad.text)
            return False
        return True

    def make(self, row: Row, known: Mapping[str, Known]) -> list[Made]:
        """The items, of what is `known` by kind; none of a row that is at fault."""
        kind = self._table.kind
        there = known.get(kind)
        if there is not None and not self._still_there(row, there):
            return []
        if there is None and not self._complete(row):
            return []
        if self._has_lost_zeros(row, known):
            return []
        made = [self._item(row, kind, None if there is None else there.item)]
        if kind == "device":
            made += self._equipment(row, known.get("equipment"))
        return made if all(self._sound(row, one) for one in made) else []

    def _still_there(self, row: Row, known: Known) -> bool:
        if known.removed:
            said = Text("已移除；请先恢复，或换一个标识", "was removed: restore it first, or choose another id")
            self._blame.error(row.number, None, row.id, "removed", said)
            return False
        theirs = getattr(known.item, "community", row.community)
        if theirs != row.community and self._table.has("community"):
            said = Text(f"属于小区 {theirs}，不能改到别处", f"belongs to compound {theirs} and cannot go to another")
            self._blame.error(row.number, None, row.id, "other_community", said)
            return False
        return True

    def _complete(self, row: Row) -> bool:
        """Whether a new item has all that it needs; a gateway need not be named where there is one only."""
        kind = self._table.kind
        if kind == "device" and not row.fields.get("gateway"):
            row.fields["gateway"] = self._directory.only("gateway", row.community)
        needed = {column.name: column for column in self._table.columns if column.required}
        if kind in ("facility", "device", "floor_plan", "household"):
            needed["place"] = self._table.column("place")
        if kind == "device":
            needed["gateway"] = self._table.column("gateway")
        if "name_en" in row.given:
            needed.pop("name_zh", None)
        missing = [
            column for name, column in needed.items() if row.given.get(name) is None and not row.fields.get(name)
        ]
        for column in missing:
            said = Text("是新的一项，须填写", "has to be filled in, for this is a new one")
            self._blame.error(row.number, column, None, "missing", said)
        return not missing

    def _has_lost_zeros(self, row: Row, known: Mapping[str, Known]) -> bool:
        for column in self._with_zeros if known else ():
            there = known.get(column.part or self._table.kind)
            new, old = row.given.get(column.name), getattr(there.item, column.name, None) if there else None
            if isinstance(new, str) and isinstance(old, str) and old != new and old.lstrip("0") == new:
                said = Text(
                    f"已登记的是 {old}，像是丢了开头的 0；请把该列设为文本格式后重新输入",
                    f"is registered as {old} and seems to have lost its leading 0: format the column as text, then type it again",
                )
                self._blame.error(row.number, column, str(new), "zeros_lost", said)
                return True
        return False

    def _item(self, row: Row, kind: str, there: Item | Holiday | None) -> Made:
        if kind == "holiday":
            return self._holiday(row, there)
        noun, blank = KINDS[kind].noun, _blank(kind)
        values: dict[str, Any] = {**blank} if there is None else {name: getattr(there, name) for name in blank}
        said = self._said(row, kind)
        for name in said:
            values[name] = None if name in row.cleared else self._new_value(row, kind, name, values.get(name))
        values["id"] = row.id
        if "community" in blank:
            values["community"] = row.community
        return Made(kind, noun(**values), frozenset(said))

    def _said(self, row: Row, kind: str) -> set[str]:
        """The fields that the row speaks of."""
        allowed = self._allowed.get(kind)
        if allowed is None:
            part = {column.name for column in self._table.columns if column.part == kind}
            mine = {column.name for column in self._table.columns if not column.part} | {"place"}
            allowed = self._allowed[kind] = _blank(kind).keys() & (
                part or mine | {"name", "household", "person", "code"}
            )
        said = {name for name in (*row.given, *row.fields, *row.cleared) if name in allowed}
        said -= {name for name, value in row.fields.items() if value is None}
        if kind == "place" and own_code(row):
            said.add("code")
        if {"name_zh", "name_en"} & row.given.keys() and "name" in _blank(kind):
            said.add("name")
        return said

    def _new_value(self, row: Row, kind: str, name: str, old: Any) -> Any:
        if name == "name" and "name" not in row.given:
            zh, en = row.given.get("name_zh"), row.given.get("name_en")
            was = old if isinstance(old, Text) else Text(str(zh or en), str(en or zh))
            return Text(str(zh or was.zh), str(en or was.en))
        if name == "code" and kind == "place":
            return own_code(row) or row.given.get("code")
        value: Any = row.fields.get(name, row.given.get(name))
        return tuple(value) if isinstance(value, list) else value

    def _equipment(self, row: Row, known: Known | None) -> list[Made]:
        there = None if known is None else known.item
        made = self._item(row, "equipment", there)
        return [made] if made.said and made.item != Equipment(row.id, row.community or "") else []

    def _holiday(self, row: Row, there: Item | Holiday | None) -> Made:
        free = bool(row.given["holiday"]) if "holiday" in row.given else bool(getattr(there, "is_holiday", True))
        zh, en = row.given.get("name_zh"), row.given.get("name_en")
        old = there.name if isinstance(there, Holiday) else Text(str(zh or en), str(en or zh))
        name = Text(str(zh or old.zh), str(en or old.en))
        return Made("holiday", Holiday(row.community or "", str(row.given["day"]), free, name), _NOTHING_SAID)

    def _sound(self, row: Row, made: Made) -> bool:
        if isinstance(made.item, Holiday):
            return True
        if isinstance(made.item, Place) and not self._free(row, made.item):
            return False
        try:
            check_item(made.item)
        except BadItem as bad:
            name = {"name": "name_zh"}.get(bad.field, bad.field)
            column = self._table.column(name) if self._table.has(name) else None
            value = row.given.get(name)
            self._blame.error(row.number, column, None if value is None else str(value), bad.reason, bad.advice)
            return False
        kind = self._table.kind
        if made.kind in ("place", "device") and self._directory.on_ring(kind, row.community, row.id):
            column = self._table.column("parent")
            said = Text("绕了一圈又回到自己", "hangs on itself in the end")
            self._blame.error(row.number, column, str(row.fields.get("parent")), "ring", said)
            return False
        return True

    def _free(self, row: Row, place: Place) -> bool:
        """Whether the address is no other place's."""
        if own_code(row) is None:
            return True
        shelf = self._directory.shelf("place", row.community)
        others = [one for one in shelf.by_key(address_of(row.codes)) if one != place.id]
        in_file = self._directory.rows["place"]
        if any(one not in in_file for one in others):
            said = Text(f"这一地址已属于 {others[0]}", f"has the address of {others[0]}, which is registered")
            self._blame.error(row.number, self._table.column("room"), "/".join(row.codes), "address_taken", said)
            return False
        return True


def _without_own(row: Row) -> Codes:
    """The address of what a place lies in."""
    index = own_level(row)
    if index is None:
        return row.codes
    codes = tuple(code if at < index else "" for at, code in enumerate(row.codes))
    return codes[0], codes[1], codes[2]
