"""A file of tables taken into the registry: checked as a whole, what it leaves out, and written in one transaction with its entry in
the audit log. `linli registry import` and the imports of the API do the same.

    sheets --plan: read, check, compare, prepare (reads alone)--> Plan --carry_out: one short writing transaction--> done

Nobody waits for a plan: on SQLite, where one writes at a time, others wait while prepared rows are written and no longer. A plan
is of one moment. If anybody has changed the registry since, it is not carried out (`Overtaken`) and has to be made anew, as
`take_in` does. Memory: `docs/benchmarks.md` says how much; what grows with the file lies in temporary files.

Whoever reaches some compounds only imports into those: what they cannot see is looked up nowhere, and each row that would
change what belongs to the whole district, or takes an id that is another compound's, is a fault of its own.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from linli.audit import Act, Fact, Who
from linli.db.audit import append
from linli.db.bulk import Rows
from linli.db.database import Database
from linli.db.registrylog import read_acts, told_of
from linli.db.registrypreparing import Overtaken, Prepared, acts, apply, prepare
from linli.db.registrytables import SqlRegistered, missing, remove_all, still_needed
from linli.errors import Conflict
from linli.i18n import Text
from linli.registry.changes import Key, Origin, name_of
from linli.registry.kinds import KINDS
from linli.registry.tables.faults import Fault as Wrong
from linli.registry.tables.faults import Level
from linli.registry.tables.importing import Checked, Checking, Progress, Sheet, Spool
from linli.registry.tables.listed import TABLES
from linli.registry.tables.planned import SAME, Planned, decode

SHARED = frozenset(("district", "committee", "organisation", "community", "staff", "team"))
"""Kinds that belong to the whole district: who reaches a part of it does not change them."""

TRIES = 3
"""So often a plan is made, when each is overtaken."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Who imports. `seen`: the database as they see it; `whole`: all of it; `confined`: whether there is more than they see;
    `personal`: whether they may change persons."""

    seen: Database
    whole: Database
    who: Who
    confined: bool = False
    personal: bool = True


@dataclass
class Plan:
    """What a file would do. `going`: what is to be removed, as the file leaves it out; `needed`: what of it something refers to
    that stays; `prepared`: all that is to be written, None if something is wrong."""

    checked: Checked
    origin: Origin
    going: list[Key] = field(default_factory=list)
    needed: list[tuple[Key, Key]] = field(default_factory=list)
    prepared: Prepared | None = None

    @property
    def errors(self) -> int:
        """How many faults there are because of which nothing is written."""
        return self.checked.faults.errors + len(self.needed)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.going and (self.prepared is None or self.prepared.items == 0)


Told = Callable[[int], None]
"""Told now and then how many are done: items that are prepared, or rows that are written."""


def silent(_done: int) -> None:
    """Tells nobody."""


def plan(
    doing: Doing,
    sheets: Iterable[Sheet],
    origin: Origin,
    spool: Callable[[], Spool],
    progress: Progress = lambda _kind, _rows: None,
    preparing: Told = silent,
    *,
    remove_missing: bool = False,
) -> Plan:
    """Read all sheets, judge them beside what is registered, and prepare what they change; nothing is written."""
    with doing.seen.read() as connection, doing.whole.read() as whole:
        mark = read_acts(connection)
        registered = _Reached(connection, whole) if doing.confined else SqlRegistered(connection)
        made = Plan(Checking(registered, origin, spool, progress, personal=doing.personal).check(sheets), origin)
        if doing.confined:
            _keep_within(connection, whole, made.checked, spool)
        if not made.checked.faults.errors:
            if remove_missing:
                going = missing(connection, made.checked)
                made.going = [key for key in going if not (doing.confined and _is_shared(key))]
                made.needed = still_needed(connection, made.going)
            made.prepared = prepare(connection, made.checked, origin, mark, spool, preparing)
            for fault in made.prepared.faults:
                made.checked.faults.add(fault)
    return made


def carry_out(doing: Doing, made: Plan, file: str, now: int, progress: Told = silent) -> int:
    """Write a plan without errors, all of it or nothing, with one entry in the audit log that names the file; how many items.

    Overtaken if the registry has changed since the plan was made; Conflict for what cannot be together. ValueError for a plan with
    errors: a mistake of ours.
    """
    prepared = made.prepared
    if made.errors or prepared is None:
        raise ValueError("a plan with errors is not carried out")
    rows = Rows(prepared.chunks)
    try:
        with doing.whole.write_within(rows.laid) as connection:
            apply(connection, prepared, rows, progress)
            remove_all(connection, made.going, made.origin)
            _write_down(connection, doing.who, made, prepared, file, now)
    except (IntegrityError, doing.whole.engine.dialect.loaded_dbapi.IntegrityError):
        raise Conflict(
            Text(
                "没有导入任何内容：文件中有两项不能并存（编号或标识相同）",
                "nothing was imported: two things of the file cannot be together, for they have one number or id",
            )
        ) from None
    return prepared.items


def take_in(make: Callable[[], Plan], carry: Callable[[Plan], int], again: Callable[[], None]) -> tuple[Plan, int]:
    """Make a plan and carry it out, unless it has errors; anew if it is overtaken, of which `again` is told. The plan, and how many
    items were written. Overtaken after TRIES."""
    for left in reversed(range(TRIES)):
        made = make()
        if made.errors or made.empty:
            return made, 0
        try:
            return made, carry(made)
        except Overtaken:
            if not left:
                raise
            again()
    raise AssertionError("TRIES is above 0")


def _write_down(connection: Connection, who: Who, made: Plan, prepared: Prepared, file: str, now: int) -> None:
    facts: dict[str, Fact] = {"items": prepared.items, "removed": len(made.going)}
    known, typed = told_of(made.origin.source)
    told = acts(prepared, made.origin)
    for act in told:
        append(connection, act, made.origin.at)
    if not told:
        facts |= prepared.counts
    append(connection, Act("registry.loaded", who, "record", facts=facts | known, details={"file": file} | typed), now)


def needed_faults(made: Plan) -> list[Wrong]:
    """What cannot be removed, as faults beside those of the file."""
    found: list[Wrong] = []
    for key, other in made.needed:
        name, by = name_of(key), name_of(other)
        said = Text(
            f"文件中没有{name.zh}，但不能移除：{by.zh}引用它",
            f"{name.en} is not in the file, and stays: {by.en} refers to it",
        )
        found.append(Wrong(Level.ERROR, TABLES[key.kind].sheet.zh, 0, "", key.id, "needed", said))
    return found


# --- within reach ----------------------------------------------------------------------------------------------------


class _Reached(SqlRegistered):
    """What somebody sees of what is registered. An id that is given away anywhere is taken all the same."""

    def __init__(self, seen: Connection, whole: Connection) -> None:
        super().__init__(seen)
        self._whole = SqlRegistered(whole)

    def ids(self, kind: str) -> Collection[str]:
        """Every id of the kind that was ever given, to whomever."""
        return self._whole.ids(kind)


def _keep_within(seen: Connection, whole: Connection, checked: Checked, spool: Callable[[], Spool]) -> None:
    """Of what is to be written, leave out what says nothing new of the district's own, and make a fault of each row that would
    change it, or that takes an id out of sight."""
    foreign: dict[str, set[str]] = {}
    kept: list[Spool] = []
    for items in checked.items:
        mine = spool()
        for data in items:
            one = decode(data)
            if _is_shared(Key(one.kind, one.id)):
                if not _is_no_news(one):
                    checked.faults.add(_not_theirs(one))
            elif one.id in _hidden(seen, whole, one.kind, foreign):
                checked.faults.add(_taken(one))
            else:
                mine.append(data)
        kept.append(mine)
    checked.items[:] = kept
    checked.changes[:] = [change for change in checked.changes if not _is_shared(change.key)]


def _is_no_news(one: Planned) -> bool:
    """Whether it is registered as it is said to be."""
    told = (claim[0] == one.values[name] for claims in one.said.values() for name, claim in claims.items())
    return one.fate == SAME and all(told)


def _is_shared(key: Key) -> bool:
    return key.kind in SHARED or (key.kind == "holiday" and key.id.startswith("/"))


def _hidden(seen: Connection, whole: Connection, kind: str, known: dict[str, set[str]]) -> set[str]:
    """Ids of the kind that are others'."""
    if kind == "holiday" or kind not in KINDS:
        return set()
    if kind not in known:
        known[kind] = set(SqlRegistered(whole).ids(kind)) - set(SqlRegistered(seen).ids(kind))
    return known[kind]


def _not_theirs(one: Planned) -> Wrong:
    word = Text("节假日", "holidays") if one.kind == "holiday" else KINDS[one.kind].name
    said = Text(
        f"{word.zh}属于整个片区，只有能看到全部小区的角色可以改；请删去这一行，或改回原样",
        f"{word.en.lower()}: this belongs to the whole district, and takes a role that reaches all of it; "
        "remove the row, or leave it as it is registered",
    )
    return Wrong(Level.ERROR, one.sheet, one.row, "", one.id, "not_allowed", said)


def _taken(one: Planned) -> Wrong:
    said = Text("这个标识已被占用；请换一个，或留空", "is an id that is taken: choose another, or leave it out")
    return Wrong(Level.ERROR, one.sheet, one.row, "", one.id, "id_taken", said)
