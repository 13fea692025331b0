"""The first reading of a table: each row by itself, and which item it is about.

A row names its item by id, or else by what people tell such things apart by: the address of a room, the name of a device and
its place, the day of birth of namesakes. What nothing registered is called gets an id.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from linli.errors import Refused
from linli.i18n import Text
from linli.registry.address import LEVEL_OF, LEVELS, code_of
from linli.registry.naming import derived_id, random_id
from linli.registry.tables.cells import CLEARED, Raw, Value, localised, shown, value_of
from linli.registry.tables.columns import Column, Table, Type
from linli.registry.tables.directory import NOWHERE, Codes, Directory, keys_of
from linli.registry.tables.faults import BadCell, Fault, Faults, Level

_RANDOM = {
    "staff": "s",
    "household": "h",
    "person": "p",
    "resident": "r",
    "contact": "c",
    "consent": "a",
    "credential": "k",
}
"""The letter of an id that says nothing."""

_ABOVE = ("district", "committee", "community")
_KEPT_FOR_LATER = 2_000
_DEFAULT_ZONE = "Asia/Shanghai"


class Row(msgspec.Struct, array_like=True):
    """A row that knows its item. `sheet`: which of the table's sheets it is in. `place`, `household`, `person`, `organisation` ...: in `fields`, by id, what it was known by;
    `given`: what its other cells say, by column; `cleared`: the columns that are to be empty."""

    sheet: int
    number: int
    id: str
    community: str | None
    codes: Codes
    fields: dict[str, str | None]
    given: dict[str, str | int | float | bool | list[str]]
    cleared: list[str]


class Blame:
    """Makes faults of a sheet, with the headings as they are in the file."""

    def __init__(self, sheet: str, faults: Faults, headings: dict[str, str]) -> None:
        self.sheet = sheet
        self._faults = faults
        self._headings = headings

    def error(self, row: int, column: Column | None, value: Raw, reason: str, text: Text) -> None:
        """Because of which the file is not taken."""
        self._add(Level.ERROR, row, column, value, reason, text)

    def note(self, row: int, column: Column | None, value: Raw, reason: str, text: Text) -> None:
        """Which somebody should look at."""
        self._add(Level.NOTE, row, column, value, reason, text)

    def contradiction(self, row: int, column: Column | None, value: Raw, text: Text) -> None:
        """Of what another source says."""
        self._add(Level.CONTRADICTION, row, column, value, "contradicted", text)

    def _add(self, level: Level, row: int, column: Column | None, value: Raw, reason: str, text: Text) -> None:
        heading = "" if column is None else self._headings.get(column.name, column.heading.zh)
        self._faults.add(Fault(level, self.sheet, row, heading, shown(value), reason, text))


class Identifier:
    """Reads the rows of one sheet. `columns`: of each cell, None for one that is left out."""

    def __init__(
        self,
        table: Table,
        columns: Sequence[Column | None],
        directory: Directory,
        blame: Blame,
        *,
        may_clear: bool,
        sheet: int = 0,
    ) -> None:
        self._table = table
        self._columns = columns
        self._directory = directory
        self._blame = blame
        self._may_clear = may_clear
        self._sheet = sheet
        self._known = directory.rows[table.kind]
        self._coded = [column.name for column in columns if column is not None and column.type is Type.CODE]
        self._padded: dict[tuple[str, Value], set[int]] = {}
        self._numbers: dict[tuple[str, Value], list[tuple[int, str]]] = {}

    def take(self, number: int, cells: Sequence[Raw]) -> Row | None:
        """What the row says, and of which item; None if it is empty, or if that cannot be told, which is a fault."""
        values = self._values(number, cells)
        if values is None:
            return None
        cleared = [name for name, value in values.items() if value is CLEARED]
        given = {name: value for name, value in values.items() if value is not CLEARED}
        row = Row(self._sheet, number, "", None, NOWHERE, {}, given, cleared)  # type: ignore[arg-type]
        if cleared and not self._may_clear:
            for name in cleared:
                said = Text(
                    "只有人（--source person）可以清空；空白单元格保持原样",
                    "only a person's word (--source person) can empty a field; an empty cell leaves it as it is",
                )
                self._blame.error(number, self._table.column(name), "-", "not_cleared", said)
            return None
        found = self._locate(row)
        return row if found and self._identify(row) else None

    def finish(self) -> None:
        """After the last row: numbers that have lost their zeros, as the other cells of the column show; each compound has its own
        way to number rooms."""
        for (name, community), numbers in self._numbers.items():
            widths = self._padded.get((name, community), set())
            for number, text in numbers:
                width = min((width for width in widths if width > len(text)), default=None)
                if width is not None:
                    said = Text(
                        f"像是丢了开头的 0（本列另有 0 开头的编号）：请写成 {text.zfill(width)}，并把该列设为文本格式",
                        f"seems to have lost its leading 0, as others in this column have one: write {text.zfill(width)}, "
                        "and format the column as text",
                    )
                    self._blame.error(number, self._table.column(name), text, "zeros_lost", said)

    # --- cells -------------------------------------------------------------------------------------------------------

    def _values(self, number: int, cells: Sequence[Raw]) -> dict[str, Value] | None:
        values: dict[str, Value] = {}
        sound = True
        for column, raw in zip(self._columns, cells, strict=False):
            if raw is None or column is None:
                continue
            try:
                value = value_of(raw, column)
            except BadCell as bad:
                self._blame.error(number, column, raw, bad.reason, bad.text)
                sound = False
                continue
            if value is not None:
                values[column.name] = value
        if any(raw not in (None, "") for raw in cells[len(self._columns) :]):
            said = Text("这一行的单元格多于列名", "has more cells than there are headings")
            self._blame.error(number, None, "", "too_long", said)
        for name in self._coded:
            if name in values:
                self._watch_zeros(number, name, values)
        return values if sound and values else None

    def _watch_zeros(self, number: int, name: str, values: Mapping[str, Value]) -> None:
        text = values[name]
        if not isinstance(text, str) or not text.isdecimal():
            return
        key = (name, values.get("community"))
        if text[0] == "0" and len(text) > 1:
            self._padded.setdefault(key, set()).add(len(text))
        elif name in ("room", "serial", "code"):
            kept = self._numbers.setdefault(key, [])
            if len(kept) < _KEPT_FOR_LATER:
                kept.append((number, text))

    def _ask(self, row: Row, column: str, find: Callable[[str], str]) -> tuple[bool, str | None]:
        """What a cell leads to, out of `given`; whether it leads anywhere, or says nothing."""
        text = row.given.pop(column, None)
        if text is None:
            return True, None
        try:
            return True, find(str(text))
        except BadCell as bad:
            self._blame.error(row.number, self._table.column(column), str(text), bad.reason, bad.text)
            return False, None

    # --- where it is -------------------------------------------------------------------------------------------------

    def _locate(self, row: Row) -> bool:
        """Puts into the row what its address leads to; whether it leads anywhere."""
        sound = True
        for column in self._table.columns:
            if column.name in _ABOVE:
                sound = self._above(row, column.name) and sound
        if not sound:
            return False
        if self._table.has("community"):
            row.community = row.fields.pop("community")
            row.fields.pop("district", None)
            row.fields.pop("committee", None)
            if self._table.kind == "holiday":
                row.community = row.community or ""
        sound = self._numbers_of(row) and sound
        if sound and self._table.has("place"):
            sound = self._place(row)
        for name, kind in (("organisation", "organisation"), ("household", "household"), ("person", "person")):
            if sound and self._table.has(name):
                sound = self._narrow(row, name, kind)
        return sound

    def _above(self, row: Row, kind: str) -> bool:
        """A district, committee or compound by name; the only one, if nothing is said."""

        def among(name: str) -> bool:
            if kind != "community":
                return True
            wanted = row.fields.get("committee")
            return wanted is None or self._directory.committees.get(name) in (wanted, None)

        said, (sound, found) = (
            kind in row.given,
            self._ask(row, kind, lambda text: self._directory.find(kind, None, text, among)),
        )
        needed = kind == "community" or (kind, self._table.kind) == ("district", "committee")
        if sound and not said and needed and self._table.kind != "holiday":
            found = self._directory.only(kind, None)
            if found is None and not (kind == "district" and row.given.get("id")):
                column = self._table.column(kind)
                said_text = Text(f"请写明{column.heading.zh}", f"say which {column.heading.en.lower()}")
                self._blame.error(row.number, column, None, "missing", said_text)
                return False
        row.fields[kind] = found
        return sound

    def _numbers_of(self, row: Row) -> bool:
        """The numbers of its address, as they are kept."""
        codes: list[str] = []
        sound = True
        for level in LEVELS:
            text = row.given.pop(level, None)
            try:
                codes.append("" if text is None else code_of(level, str(text)))
            except Refused as refusal:
                self._blame.error(row.number, self._table.column(level), str(text), "bad_code", refusal.text)
                sound = False
        if sound:
            row.codes = (codes[0], codes[1], codes[2])
        return sound

    def _place(self, row: Row) -> bool:
        assert row.community is not None
        community, codes = row.community, row.codes
        shelf = self._directory.shelf("place", community)

        def among(name: str) -> bool:
            its = shelf.codes.get(name, NOWHERE)
            return all(not mine or mine == other for mine, other in zip(codes, its, strict=True))

        if "place" in row.given:
            sound, found = self._ask(row, "place", lambda text: self._directory.find("place", community, text, among))
        elif codes == NOWHERE:
            sound, found = True, None
        else:
            sound, found = True, None
            try:
                found = self._directory.place_at(community, codes)
            except BadCell as bad:
                last = max(index for index, code in enumerate(codes) if code)
                self._blame.error(row.number, self._table.column(LEVELS[last]), codes[last], bad.reason, bad.text)
                sound = False
        row.fields["place"] = found
        return sound

    def _narrow(self, row: Row, name: str, kind: str) -> bool:
        """Of what people tell a row's item apart by, what is another item."""
        community = None if kind == "organisation" else row.community
        if name == "household" and name not in row.given:
            return self._household(row)
        born = row.given.pop("person_born", None)
        shelf = self._directory.shelf(kind, community)

        def among(one: str) -> bool:
            return born is None or any(one in shelf.by_key(key) for key in self._born_keys(row, str(born)))

        text = row.given.get(name)
        self._text = text
        sound, row.fields[name] = self._ask(
            row, name, lambda asked: self._directory.find(kind, community, asked, among)
        )
        return sound

    def _born_keys(self, row: Row, born: str) -> list[str]:
        values = {"name": self._text, "born": born}
        return keys_of("person", values.get)

    def _household(self, row: Row) -> bool:
        """The household of a room, if it has one only."""
        place = row.fields.pop("place", None)
        if place is None:
            return True
        shelf = self._directory.shelf("household", row.community)
        found = shelf.by_key(keys_of("household", {"place": place}.get)[0])
        if len(found) == 1:
            row.fields["household"] = found[0]
            return True
        column = self._table.column("household")
        if found:
            listed = ", ".join(found[:5])
            said = Text(
                f"这一室有 {len(found)} 户（{listed}）；请写标识", f"the room has {len(found)} ({listed}): write the id"
            )
            self._blame.error(row.number, column, None, "several", said)
        else:
            said = Text(
                "这一室还没有住户；请先登记，或在文件的住户表中加上",
                "the room has none yet: add it to the sheet of households",
            )
            self._blame.error(row.number, column, None, "unknown_reference", said)
        return False

    # --- which item it is --------------------------------------------------------------------------------------------

    def _identify(self, row: Row) -> bool:
        kind = self._table.kind
        if kind == "holiday":
            row.id = f"{row.community}/{row.given.get('day', '')}"
            return self._remember(row, [], [])
        if kind == "resident":
            row.fields.pop("place", None)
        if kind == "community" and not self._zone_is_one(row):
            return False
        if kind == "place" and not self._number_own_place(row):
            return False
        for column in ("at", "verified_at", "in_service_since"):
            value = row.given.get(column)
            if isinstance(value, str):
                row.given[column] = localised(value, self._directory.zones.get(row.community or "", _DEFAULT_ZONE))
        name = self._name(row)
        keys = keys_of(kind, lambda field: self._value(row, field, name), row.codes)
        names = [name.zh, name.en] if isinstance(name, Text) else [name] if name else []
        if kind == "place" and isinstance(code := self._value(row, "code", name), str):
            names.append(code)
        explicit = row.given.pop("id", None)
        if explicit is not None:
            row.id = str(explicit)
        elif not self._by_keys(row, keys, name):
            return False
        return self._remember(row, keys, names)

    def _number_own_place(self, row: Row) -> bool:
        """Whether the number of a building, unit or room stands where it belongs."""
        if "kind" not in row.given:
            said = Text("须写明种类", "needs its kind")
            self._blame.error(row.number, self._table.column("kind"), None, "missing", said)
            return False
        level = LEVEL_OF.get(str(row.given["kind"]))
        if "code" in row.given:
            try:
                row.given["code"] = code_of(str(row.given["kind"]), str(row.given["code"]))
            except Refused as refusal:
                code = str(row.given["code"])
                self._blame.error(row.number, self._table.column("code"), code, "bad_code", refusal.text)
                return False
        if level is None:
            return True
        index = LEVELS.index(level)
        if "code" in row.given and not any(row.codes[index:]):
            codes = [*row.codes]
            codes[index] = str(row.given.pop("code"))
            row.codes = (codes[0], codes[1], codes[2])
        if "code" not in row.given and any(row.codes[index + 1 :]):
            wrong = next(one for one in LEVELS[index + 1 :] if row.codes[LEVELS.index(one)])
            said = Text("须为空：这一行是它所在的楼栋或单元", "has to be empty: the row is about what it would lie in")
            self._blame.error(row.number, self._table.column(wrong), "/".join(row.codes), "too_deep", said)
            return False
        return True

    def _zone_is_one(self, row: Row) -> bool:
        name = row.given.get("timezone", _DEFAULT_ZONE)
        try:
            ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError):
            said = Text("没有这个时区；例如 Asia/Shanghai", "is no time zone; such as Asia/Shanghai")
            self._blame.error(row.number, self._table.column("timezone"), str(name), "no_zone", said)
            return False
        return True

    def _by_keys(self, row: Row, keys: list[str], name: Text | str | None) -> bool:
        """The id of what is known by those keys, or a new one; whether it can be told."""
        kind = self._table.kind
        if not keys:
            said = Text("看不出是哪一项：请写名称或标识", "does not say which it is: write its name or id")
            self._blame.error(row.number, None, None, "missing", said)
            return False
        shelf = self._directory.shelf(kind, row.community)
        found = shelf.by_key(keys[0])
        if kind == "community":
            wanted = row.fields.get("committee")
            found = [one for one in found if wanted in (None, self._directory.committees.get(one))]
        elif kind == "person" and not found and row.given.get("born"):
            found = shelf.by_key(keys_of(kind, {"name": name}.get)[0])
        elif kind == "person" and not row.given.get("born"):
            found = shelf.by_name(name) if isinstance(name, str) else []
        if len(found) > 1:
            listed = ", ".join(found[:5])
            said = Text(
                f"有 {len(found)} 项都是（{listed}）；请写标识",
                f"could be any of {len(found)} ({listed}): write the id",
            )
            self._blame.error(row.number, None, None, "several", said)
            return False
        row.id = found[0] if found else self._new_id(row, name)
        return True

    def _new_id(self, row: Row, name: Text | str | None) -> str:
        kind = self._table.kind
        if kind in _RANDOM:
            return random_id(_RANDOM[kind])
        called = name.en if isinstance(name, Text) else str(name or kind)
        around: list[str] = [row.community] if row.community else []
        if kind == "place":
            around += [letter + code for letter, code in zip("bur", row.codes, strict=True) if code]
            called = "" if own_code(row) else called
        elif kind == "gateway":
            around = ["gw", *around]
        elif kind in ("device", "facility", "floor_plan"):
            around = [row.fields.get("place") or "", str(row.given.get("kind", kind)).replace("_", "-")]
        elif kind == "team":
            around = [row.fields.get("organisation") or ""]
        return derived_id(*around, called, taken=lambda one: self._directory.taken(kind, one))

    def _remember(self, row: Row, keys: list[str], names: list[str]) -> bool:
        """From here on the file has it; whether no other row is about the same."""
        kind = self._table.kind
        other = self._known.get(row.id)
        if other is not None:
            said = Text(f"与第 {other} 行是同一项；请删去其一", f"is about the same as row {other}: remove one of them")
            self._blame.error(row.number, None, row.id, "twice", said)
            return False
        self._known[row.id] = row.number
        if kind == "holiday":
            return True
        shelf = self._directory.shelf(kind, row.community)
        if kind == "place" and keys and keys[0].startswith("@"):
            others = [one for one in shelf.by_key(keys[0]) if one != row.id]
            if others and others[0] in self._known:
                said = Text(
                    f"与第 {self._known[others[0]]} 行的地址相同", f"has the address of row {self._known[others[0]]}"
                )
                self._blame.error(row.number, None, row.id, "address_twice", said)
                return False
        shelf.put(row.id, keys, names, row.codes)
        if kind == "community":
            self._directory.zones.setdefault(row.id, str(row.given.get("timezone", _DEFAULT_ZONE)))
            self._directory.committees[row.id] = row.fields.get("committee") or self._directory.committees.get(row.id)
        return True

    def _name(self, row: Row) -> Text | str | None:
        if "name" in row.given:
            return str(row.given["name"])
        zh, en = row.given.get("name_zh"), row.given.get("name_en")
        return Text(str(zh or en), str(en or zh)) if zh or en else None

    def _value(self, row: Row, name: str, called: Text | str | None) -> Any:
        """A field of the item, as far as the row says it."""
        if name == "name":
            return called
        if name == "code" and self._table.kind == "place":
            return own_code(row) or row.given.get("code")
        return row.fields[name] if name in row.fields else row.given.get(name)


def own_level(row: Row) -> int | None:
    """Which part of its address the number of a place is; None for one whose number is no part of it."""
    level = LEVEL_OF.get(str(row.given.get("kind")))
    return None if level is None or "code" in row.given else LEVELS.index(level)


def own_code(row: Row) -> str | None:
    """The number of a building, unit or room; None if it has none."""
    level = own_level(row)
    return None if level is None else row.codes[level] or None


def headings_of(columns: Sequence[Column | None], cells: Sequence[Raw]) -> dict[str, str]:
    """What each column is called in the file, by its name."""
    return {column.name: shown(cell) for column, cell in zip(columns, cells, strict=False) if column is not None}
