"""What a checked file changes, as rows that are ready to be written: all reading, comparing and reckoning is done here, beside
other writers and of one moment, so that `apply` has them wait for no more than the writing itself.

    Checked.items (settled, in order) --prepare--> statements with their rows --apply--> the tables, in one transaction

It writes what `linli.db.registrywriting.put` and `linli.db.registryfacts.record` write of a single change; a test holds the two
together.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection

from linli.audit import MAX_IDS, Act
from linli.db import schema
from linli.db.bulk import Rows, Statement, execute, much_kept
from linli.db.registrylog import Entry, acts_of, count_up, read_acts, read_version, take_turns
from linli.db.registryplaces import follow
from linli.db.registryplacing import COLUMNS, Placing
from linli.db.registryreferences import check_references
from linli.db.registryrows import AREAS, SHAPES, items_of, rows_by_id
from linli.errors import Conflict
from linli.i18n import Text
from linli.registry.changes import BadItem, Key, Origin
from linli.registry.kinds import FOLLOWED, KINDS, Item
from linli.registry.model import Holiday
from linli.registry.tables.faults import Fault, Level
from linli.registry.tables.importing import Checked, Spool
from linli.registry.tables.planned import ADDED, CHANGED, SAME, Planned, decode

PORTION = 2_000


class Overtaken(Conflict):
    """Somebody has changed the registry since it was read: what was prepared may not be so any more."""

    def __init__(self) -> None:
        super().__init__(
            Text(
                "检查之后有人改动了登记，没有导入任何内容；请重试",
                "the registry was changed since it was checked, and nothing was imported: try again",
            )
        )


Told = Callable[[int], None]
"""Told now and then how many items are done."""


@dataclass
class Prepared:
    """What is to be written. `mark`: of the moment of which it is (`registrylog.read_acts`); `rows`: numbers of `statements`, each
    with the rows that it is for, in order; `moved`: places whose address is another, so that those below them follow."""

    mark: int
    version: int
    rows: Spool
    statements: list[Statement] = field(default_factory=list)
    items: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    entries: list[Entry] = field(default_factory=list)
    giving_way: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def chunks(self) -> Iterator[tuple[Statement, Sequence[Sequence[Any]]]]:
        """Each statement with its rows."""
        for data in self.rows:
            number, rows = msgspec.msgpack.decode(data)
            yield self.statements[number], rows


def prepare(
    connection: Connection,
    checked: Checked,
    origin: Origin,
    mark: int,
    spool: Callable[[], Spool],
    progress: Told = lambda _items: None,
) -> Prepared:
    """The rows of what was checked in this same reading transaction, which began at `mark`; with `faults`, if something of it
    cannot be."""
    found = Prepared(mark, read_version(connection) + 1, spool())
    preparing = _Preparing(connection, found, checked, origin)
    items = (decode(data) for some in checked.items for data in some)
    while portion := list(islice(items, PORTION)):
        preparing.take(portion)
        found.items += len(portion)
        progress(found.items)
    preparing.finish()
    return found


def apply(connection: Connection, prepared: Prepared, rows: Rows, progress: Told = lambda _items: None) -> None:
    """Write it, in this writing transaction; `rows`: its chunks, laid ready around it. Overtaken, and nothing must be written, if the
    registry has changed since; Conflict if it cannot be for the sake of what lies below a place that is moved."""
    take_turns(connection)
    if read_acts(connection) != prepared.mark + 1:
        raise Overtaken
    with much_kept(connection):
        _write(connection, prepared, rows, progress)
    try:
        follow(connection, prepared.moved)
    except BadItem as bad:
        raise Conflict(bad.text) from None
    if any(kind not in KINDS or not KINDS[kind].personal for kind in prepared.counts):
        count_up(connection)


def _write(connection: Connection, prepared: Prepared, rows: Rows, progress: Told) -> None:
    done = 0
    way = Statement("update", schema.places, always="code_key = NULL, address_key = NULL")
    if prepared.giving_way:
        execute(connection, way, [(one,) for one in prepared.giving_way])
    for written in rows.execute(connection):
        done += written
        progress(done)


def acts(prepared: Prepared, origin: Origin) -> list[Act]:
    """What the audit log has of each item; nothing of more than it tells one by one."""
    total = sum(prepared.counts.values())
    return acts_of(prepared.entries, origin) if prepared.entries and total <= MAX_IDS else []


# --- rows -----------------------------------------------------------------------------------------------------------

_NOW = "removed_at = NULL"
_COUNTED = "removed_at = NULL, revision = revision + 1"
_EQUIPMENT = tuple(column for name, column in SHAPES["equipment"].columns.items() if name != "community")

_ORDER = ("delete", "insert", "update")

_HISTORY = (
    "version", "at", "kind", "item_id", "content", "known_since", "community_id", "actor", "source", "watched",
)  # fmt: skip
_PERSONAL_HISTORY = (
    "at", "kind", "item_id", "community_id", "person_id", "content", "removed", "actor", "source",
)  # fmt: skip
_STATEMENT = ("kind", "item_id", "source", "community_id", "said")
_SAID_OF = ("kind", "item_id", "source")


def _columns(kind: str) -> tuple[str, ...]:
    """The columns that an item says, and when."""
    shape = SHAPES[kind]
    names = [f"{name}_{language}" for name in sorted(shape.texts) for language in ("zh", "en")]
    return (*shape.columns.values(), *names, "changed_at")


def _values(kind: str, values: Mapping[str, Any], at: int) -> list[Any]:
    shape = SHAPES[kind]
    row = [values[name] for name in shape.columns]
    for name in sorted(shape.texts):
        row += (values[name]["zh"], values[name]["en"])
    row.append(at)
    return row


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _person(one: Planned) -> str | None:
    return one.id if one.kind == "person" else one.values.get("person")


class _Preparing:
    def __init__(self, connection: Connection, found: Prepared, checked: Checked, origin: Origin) -> None:
        self._connection = connection
        self._found = found
        self._origin = origin
        self._placing = Placing(connection, checked.hung, checked.within)
        self._numbers: dict[Statement, int] = {}
        self._rows: dict[int, list[Sequence[Any]]] = {}
        self._device: tuple[str, list[Any] | None] = ("", None)

    def take(self, portion: Sequence[Planned]) -> None:
        """A portion of the items."""
        placed = self._placing.take([one for one in portion if one.kind == "place" and one.fate != SAME])
        self._check(portion)
        for one in portion:
            if one.kind == "holiday":
                self._holiday(one)
            elif one.fate != SAME:
                self._write(one, placed.get(one.id, ()) if one.kind == "place" else ())
            self._say(one)
            if one.fate != SAME:
                self._remember(one)
        self._flush()

    def finish(self) -> None:
        """What depends on all of it."""
        for one, other in self._placing.taken():
            said = Text(
                f"编号 {one.values['code']} 已属于 {other}", f"{one.values['code']} is the number of {other} already"
            )
            self._fault(one, "code_taken", said)
        fresh, untold = self._placing.fresh()
        self._put(Statement("update", schema.places, ("watched",)), [(True, key) for key in fresh])
        rows = rows_by_id(self._connection, schema.places, untold)
        for item in items_of(self._connection, "place", list(rows.values())):
            self._append_history("place", item.id, item.community, msgspec.to_builtins(item), watched=True)
            self._count("place", item)
        self._flush()
        self._found.giving_way = list(self._placing.changed)
        self._found.moved = self._placing.moved

    def _check(self, portion: Iterable[Planned]) -> None:
        """That what another source said of an item, and what counts of it, leads somewhere."""
        for one in portion:
            if one.elsewhere:
                item = _item(one)
                try:
                    check_references(self._connection, [item], {Key(one.kind, one.id): item})
                except BadItem as bad:
                    self._fault(one, bad.reason, bad.advice)

    def _fault(self, one: Planned, reason: str, text: Text) -> None:
        self._found.faults.append(Fault(Level.ERROR, one.sheet, one.row, "", one.id, reason, text))

    # --- the item itself ---------------------------------------------------------------------------------------------

    def _write(self, one: Planned, placed: Sequence[Any]) -> None:
        kind, table = one.kind, SHAPES[one.kind].table
        if kind == "equipment":
            self._equip(one)
            return
        columns, row = _columns(kind), _values(kind, one.values, self._origin.at)
        if kind == "place":
            columns, row = (*columns, *COLUMNS), [*row, *placed]
        if one.fate == CHANGED:
            self._put(Statement("update", table, columns, always=_COUNTED), [[*row, one.id]])
        else:
            if kind == "place":
                columns, row = (*columns, "watched"), [*row, self._placing.is_watched(one)]
            if kind == "device":
                columns, row = (*columns, *_EQUIPMENT), [*row, *[None] * len(_EQUIPMENT)]
            row = [one.id, *row]
            self._put(Statement("insert", table, ("id", *columns)), [row])
        self._device = (one.id, row if one.fate == ADDED else None) if kind == "device" else ("", None)
        if kind == "team":
            self._team(one)

    def _equip(self, one: Planned) -> None:
        """Equipment that came with its device is part of the same row, and of the same revision."""
        values = [one.values[name] for name in SHAPES["equipment"].columns if name != "community"]
        device, row = self._device
        if device == one.id and row is not None:
            row[-len(_EQUIPMENT) :] = values
            return
        always = _NOW if device == one.id else _COUNTED
        columns = (*_EQUIPMENT, "changed_at")
        self._put(Statement("update", schema.devices, columns, always=always), [[*values, self._origin.at, one.id]])

    def _team(self, one: Planned) -> None:
        members, areas = schema.team_members, schema.team_areas
        if one.fate == CHANGED:
            for table in (members, areas):
                self._put(Statement("delete", table, key=("team_id",)), [(one.id,)])
        self._put(
            Statement("insert", members, ("team_id", "staff_id")), [(one.id, who) for who in one.values["members"]]
        )
        served = [(one.id, kind, area) for name, kind in AREAS.items() for area in one.values[name]]
        self._put(Statement("insert", areas, ("team_id", "kind", "area_id")), served)

    def _holiday(self, one: Planned) -> None:
        table, day = schema.holidays, one.values
        key = (day["community"], day["day"])
        if one.fate == CHANGED:
            self._put(Statement("delete", table, key=("community_id", "day")), [key])
        columns = ("community_id", "day", "is_holiday", "name_zh", "name_en")
        row = (*key, day["is_holiday"], day["name"]["zh"], day["name"]["en"])
        self._put(Statement("insert", table, columns), [row])

    # --- what is said of it, and its history -------------------------------------------------------------------------

    def _say(self, one: Planned) -> None:
        if not one.said:
            return
        personal = KINDS[one.kind].personal
        table = schema.inhabitant_statements if personal else schema.statements
        more, person = (("person_id",), [_person(one)]) if personal else ((), [])
        for source, claims in one.said.items():
            said = _json(claims)
            if source in one.replaced:
                row = [one.community, said, *person, one.kind, one.id, source]
                columns = ("community_id", "said", *more)
                self._put(Statement("update", table, columns, _SAID_OF), [row])
            else:
                row = [one.kind, one.id, source, one.community, said, *person]
                self._put(Statement("insert", table, (*_STATEMENT, *more)), [row])
        if one.doubted:
            self._put(Statement("delete", schema.doubts, key=("kind", "item_id")), [(one.kind, one.id)])
        if one.since is not None:
            columns = ("kind", "item_id", "community_id", "contradicted", "doubtful_from")
            doubt = [one.kind, one.id, one.community, one.contradicted, one.since]
            self._put(Statement("insert", schema.doubts, columns), [doubt])

    def _remember(self, one: Planned) -> None:
        if one.kind in KINDS and KINDS[one.kind].personal:
            row: list[Any] = [self._origin.at, one.kind, one.id, one.community, _person(one), _json(one.values), False]
            row += (self._origin.actor, self._origin.source)
            self._put(Statement("insert", schema.inhabitant_history, _PERSONAL_HISTORY), [row])
        else:
            known = one.kind != "place" or self._placing.is_watched(one)
            self._append_history(one.kind, one.id, one.community, one.values, watched=known)
        self._count(one.kind, one)

    def _append_history(self, kind: str, key: str, community: str | None, values: Any, *, watched: bool) -> None:
        origin = self._origin
        row: list[Any] = [self._found.version, origin.at, kind, key, _json(values), False, community, origin.actor]
        row += (origin.source, watched and kind in FOLLOWED)
        self._put(Statement("insert", schema.registry_history, _HISTORY), [row])

    def _count(self, kind: str, one: Planned | Item) -> None:
        self._found.counts[kind] += 1
        if len(self._found.entries) <= MAX_IDS:
            self._found.entries.append(Entry(_item(one) if isinstance(one, Planned) else one))

    # --- keeping it aside --------------------------------------------------------------------------------------------

    def _put(self, statement: Statement, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        number = self._numbers.get(statement)
        if number is None:
            number = self._numbers[statement] = len(self._found.statements)
            self._found.statements.append(statement)
        self._rows.setdefault(number, []).extend(rows)

    def _flush(self) -> None:
        """What goes makes room for what comes; that, in the order in which it came up, is there for what refers to it."""
        order = sorted(self._rows, key=lambda number: _ORDER.index(self._found.statements[number].verb))
        for number in order:
            self._found.rows.append(msgspec.msgpack.encode((number, self._rows[number])))
        self._rows = {}
        self._device = (self._device[0], None)


def _item(one: Planned) -> Any:
    noun: Any = Holiday if one.kind == "holiday" else KINDS[one.kind].noun
    return msgspec.convert(one.values, noun)
