"""A file of tables, read and judged as a whole: what is wrong, what it would change, and the items to write."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import msgspec

from linli.clock import format_time
from linli.i18n import Text
from linli.registry.changes import PERSON, Key, Origin
from linli.registry.facts import Fact
from linli.registry.kinds import KINDS
from linli.registry.model import Device, Facility, Place
from linli.registry.tables.cells import Raw
from linli.registry.tables.columns import Column, Table
from linli.registry.tables.compose import Composer, Made
from linli.registry.tables.directory import Directory, Known, Registered
from linli.registry.tables.faults import Fault, Faults, Level, Unreadable
from linli.registry.tables.headings import columns_of, left_out, table_called, unknown_table
from linli.registry.tables.identify import Blame, Identifier, Row, headings_of
from linli.registry.tables.listed import TABLES
from linli.registry.tables.outcome import Outcome, outcome
from linli.registry.tables.planned import ADDED, CHANGED, SAME, Planned, encode, planned

PORTION = 1_000
_TREES = ("place", "device")
"""Kinds whose items hang on one another."""

MOST_LISTED = 20_000
"""So many changes are told one by one."""


class Sheet(Protocol):
    """One table of a file, as an adapter reads it."""

    @property
    def name(self) -> str:
        """What it is called in the file."""

    def rows(self) -> Iterator[tuple[int, Sequence[Raw]]]:
        """Each row with its number, from 1, the headings. Unreadable where the file is at fault."""


class Spool(Protocol):
    """Bytes kept aside in their order, so that memory does not grow with them."""

    def append(self, data: bytes) -> None:
        """One more."""

    def __iter__(self) -> Iterator[bytes]:
        """All of them."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field that gets another value. `field`: as the item calls it."""

    key: Key
    sheet: str
    row: int
    field: str
    before: str
    after: str


@dataclass(slots=True)
class Counts:
    """Of one table: rows that say something, and what becomes of their items."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0


@dataclass
class Checked:
    """What a file would do. `items`: what is to be written (`linli.registry.tables.planned`), in an order in which each comes after
    what it refers to. `named`: by kind, the items that the file has, and `communities`, where it has any of the kind. `hung`:
    the places in which something of it hangs, and `within`: what each place of it lies in."""

    faults: Faults
    counts: dict[str, Counts] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    items: list[Spool] = field(default_factory=list)
    named: dict[str, Collection[str]] = field(default_factory=dict)
    communities: dict[str, set[str | None]] = field(default_factory=dict)
    hung: set[str] = field(default_factory=set)
    within: dict[str, str | None] = field(default_factory=dict)

    @property
    def news(self) -> int:
        """How many items are new or other than before."""
        return sum(one.added + one.changed for one in self.counts.values())


Progress = Callable[[str, int], None]
"""Told now and then: the kind of the table, and how many of its rows have been read."""


class Checking:
    """Reads a file once, for one origin."""

    def __init__(
        self,
        registered: Registered,
        origin: Origin,
        spool: Callable[[], Spool],
        progress: Progress = lambda _kind, _rows: None,
        *,
        personal: bool = True,
    ) -> None:
        self._registered = registered
        self._origin = origin
        self._spool = spool
        self._progress = progress
        self._personal = personal
        self._directory = Directory(registered)
        self._checked = Checked(Faults())

    def check(self, sheets: Iterable[Sheet]) -> Checked:
        """All sheets, each table after those that it refers to."""
        by_kind: dict[str, list[Sheet]] = {}
        for sheet in sheets:
            table = table_called(sheet.name)
            if table is not None:
                by_kind.setdefault(table.kind, []).append(sheet)
            elif not left_out(sheet.name):
                self._checked.faults.add(unknown_table(sheet.name))
        if not by_kind and not self._checked.faults.errors:
            said = Text("文件中没有任何表", "has no table in it")
            self._checked.faults.add(Fault(Level.ERROR, "", 0, "", "", "nothing", said))
        for kind, table in TABLES.items():
            if kind in by_kind and (self._personal or not table.personal):
                self._table(table, by_kind[kind])
            elif kind in by_kind:
                said = Text("含个人信息，您无权导入", "is personal data, which you may not import")
                self._checked.faults.add(Fault(Level.ERROR, by_kind[kind][0].name, 0, "", "", "not_allowed", said))
            if not _is_referred_to_after(kind):
                self._directory.forget(kind)
        return self._checked

    def _table(self, table: Table, sheets: Sequence[Sheet]) -> None:
        counts = self._checked.counts[table.kind] = Counts()
        rows = self._spool()
        blames: list[Blame] = []
        for number, sheet in enumerate(sheets):
            blame = Blame(sheet.name, self._checked.faults, {})
            blames.append(blame)
            try:
                for row in self._rows(table, number, sheet, blames):
                    counts.rows += 1
                    rows.append(msgspec.msgpack.encode(row))
                    if counts.rows % PORTION == 0:
                        self._progress(table.kind, counts.rows)
            except Unreadable as bad:
                fault = Fault(Level.ERROR, sheet.name, bad.row, "", "", bad.reason, bad.text)
                self._checked.faults.add(fault)
        self._make(table, self._referred(table, rows, blames), blames)
        self._progress(table.kind, counts.rows)

    def _rows(self, table: Table, number: int, sheet: Sheet, blames: list[Blame]) -> Iterator[Row]:
        rows = sheet.rows()
        _, heading = next(rows, (1, ()))
        columns = columns_of(table, sheet.name, heading, self._checked.faults)
        blames[number] = blame = Blame(sheet.name, self._checked.faults, headings_of(columns, heading))
        if not any(columns):
            return
        may_clear = self._origin.source == PERSON
        reader = Identifier(table, columns, self._directory, blame, may_clear=may_clear, sheet=number)
        for at, cells in rows:
            row = reader.take(at, cells)
            if row is not None:
                yield row
        reader.finish()

    def _referred(self, table: Table, rows: Spool, blames: Sequence[Blame]) -> Iterator[Row]:
        """The rows, with what they refer to; where items hang on one another, after all of them are looked up."""
        composers = [Composer(table, self._directory, blame) for blame in blames]
        found = (row for data in rows if composers[(row := _ROW.decode(data)).sheet].refer(row))
        if table.kind not in _TREES:
            yield from found
            return
        again = self._spool()
        for row in found:
            again.append(msgspec.msgpack.encode(row))
        yield from (_ROW.decode(data) for data in again)

    def _make(self, table: Table, rows: Iterator[Row], blames: Sequence[Blame]) -> None:
        composers = [Composer(table, self._directory, blame) for blame in blames]
        self._checked.named[table.kind] = self._directory.rows[table.kind].keys()
        communities = self._checked.communities.setdefault(table.kind, set())
        by_depth: dict[int, Spool] = {}
        while portion := list(islice(rows, PORTION)):
            ids = [row.id for row in portion]
            kinds = ("device", "equipment") if table.kind == "device" else (table.kind,)
            known = {kind: self._registered.known(kind, ids) for kind in kinds}
            for row in portion:
                mine = {kind: found[row.id] for kind, found in known.items() if row.id in found}
                communities.add(row.community)
                made = composers[row.sheet].make(row, mine)
                news = self._judge(table, row, made, mine, blames[row.sheet])
                depth = self._directory.depth(table.kind, row.community, row.id) if table.kind in _TREES else 0
                if news and depth not in by_depth:
                    by_depth[depth] = self._spool()
                for one in news:
                    by_depth[depth].append(encode(one))
        self._checked.items += (by_depth[depth] for depth in sorted(by_depth))

    def _judge(
        self, table: Table, row: Row, made: Sequence[Made], known: Mapping[str, Known], blame: Blame
    ) -> list[Planned]:
        """Counts what becomes of a row's items; what is to be written of them."""
        if not made:
            return []
        counts = self._checked.counts[table.kind]
        results = [(one, outcome(one, known.get(one.kind), self._origin)) for one in made]
        fates = [result.fate for _, result in results]
        if fates[0] == ADDED:
            counts.added += 1
        elif CHANGED in fates:
            counts.changed += 1
        else:
            counts.same += 1
        for one, result in results:
            self._tell(table, row, one, result, blame)
        return [
            self._planned(one, result, known.get(one.kind), blame.sheet, row.number)
            for one, result in results
            if result.news
        ]

    def _planned(self, made: Made, result: Outcome, known: Known | None, sheet: str, row: int) -> Planned:
        item = made.item if result.settled is None else result.settled.item
        if result.fate != SAME and isinstance(item, Device | Facility):
            self._checked.hung.add(item.place)
        if result.fate != SAME and isinstance(item, Place):
            self._checked.within[item.id] = item.parent
        return planned(made.item, result.settled, result.fate, {} if known is None else known.statements, sheet, row)

    def _tell(self, table: Table, row: Row, made: Made, result: Outcome, blame: Blame) -> None:
        for name, (before, after) in result.changed.items():
            if len(self._checked.changes) < MOST_LISTED:
                key = Key(made.kind, row.id)
                self._checked.changes.append(Change(key, blame.sheet, row.number, name, _shown(before), _shown(after)))
        for name, found in result.against.items():
            blame.contradiction(row.number, _column(table, name), _shown(found.value), _against(found))


_ROW = msgspec.msgpack.Decoder(Row)


def _is_referred_to_after(kind: str) -> bool:
    """Whether items of another kind refer to those of `kind`."""
    return any(kind in (other.refers.values()) for name, other in KINDS.items() if name != kind)


def _column(table: Table, name: str) -> Column | None:
    wanted = {"name": "name_zh" if table.has("name_zh") else "name"}.get(name, name)
    return table.column(wanted) if table.has(wanted) else None


def _shown(value: Any) -> str:
    if isinstance(value, dict) and {"zh", "en"} == value.keys():
        return str(value["zh"]) if value["zh"] == value["en"] else f"{value['zh']} / {value['en']}"
    if isinstance(value, list):
        return ";".join(map(str, value))
    return "" if value is None else str(value)


def _against(fact: Fact) -> Text:
    others = [
        f"{_shown(claim.value)!r} ({source}, {format_time(claim.at)[:10]}, {claim.confidence:.0%})"
        for source, claim in sorted(fact.against.items())
    ]
    mine = f"{fact.source}, {format_time(fact.at)[:10]}, {fact.confidence:.0%}"
    return Text(
        f"以此为准（{mine}），但另有说法：{'、'.join(others)}。请核实后以 --source person 导入正确的值",
        f"is what counts ({mine}), and is contradicted: {', '.join(others)}. "
        "Find out which is right, and import that with --source person",
    )
