"""A file of tables taken into the registry: checked as a whole, what it leaves out, and written in one transaction with its entry in
the audit log. `linli registry import` and the imports of the API do the same.

Whoever reaches some compounds only imports into those: what they cannot see is looked up nowhere, and each row that would
change what belongs to the whole district, or takes an id that is another compound's, is a fault of its own.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from linli.audit import Act, Who
from linli.db.audit import append
from linli.db.database import Database
from linli.db.registryitems import get_many
from linli.db.registrytables import SqlRegistered, missing, remove_all, still_needed, write
from linli.i18n import Text
from linli.registry.changes import Key, Origin, name_of
from linli.registry.kinds import KINDS
from linli.registry.model import Holiday
from linli.registry.tables.compose import Made
from linli.registry.tables.faults import Fault, Level
from linli.registry.tables.importing import Checked, Checking, Progress, Sheet, Spool, made_of
from linli.registry.tables.listed import TABLES

SHARED = frozenset(("district", "committee", "organisation", "community", "staff", "team"))
"""Kinds that belong to the whole district: who reaches a part of it does not change them."""

_AT_ONCE = 2_000


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
    that stays."""

    checked: Checked
    going: list[Key] = field(default_factory=list)
    needed: list[tuple[Key, Key]] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many faults there are because of which nothing is written."""
        return self.checked.faults.errors + len(self.needed)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.going and not any(True for spool in self.checked.items for _ in spool)


def plan(
    doing: Doing,
    sheets: Iterable[Sheet],
    origin: Origin,
    spool: Callable[[], Spool],
    progress: Progress = lambda _kind, _rows: None,
    *,
    remove_missing: bool = False,
) -> Plan:
    """Read all sheets and judge them beside what is registered; nothing is written."""
    with doing.seen.read() as connection, doing.whole.read() as whole:
        registered = _Reached(connection, whole) if doing.confined else SqlRegistered(connection)
        made = Plan(Checking(registered, origin, spool, progress, personal=doing.personal).check(sheets))
        if doing.confined:
            _keep_within(connection, whole, made.checked, spool)
        if remove_missing and not made.checked.faults.errors:
            going = missing(connection, made.checked)
            made.going = [key for key in going if not (doing.confined and _is_shared(key))]
            made.needed = still_needed(connection, made.going)
    return made


def carry_out(
    doing: Doing, made: Plan, origin: Origin, file: str, now: int, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write a plan without errors, all of it or nothing; how many items. Conflict for what was changed since it was made."""
    with doing.seen.write() as connection:
        done = write(connection, made.checked.items, origin, progress)
        remove_all(connection, made.going, origin)
        facts = {"items": done, "removed": len(made.going), "source": origin.source}
        append(connection, Act("registry.loaded", doing.who, "record", facts=facts, details={"file": file}), now)
    return done


def needed_faults(made: Plan) -> list[Fault]:
    """What cannot be removed, as faults beside those of the file."""
    found: list[Fault] = []
    for key, other in made.needed:
        name, by = name_of(key), name_of(other)
        said = Text(
            f"文件中没有{name.zh}，但不能移除：{by.zh}引用它",
            f"{name.en} is not in the file, and stays: {by.en} refers to it",
        )
        found.append(Fault(Level.ERROR, TABLES[key.kind].sheet.zh, 0, "", key.id, "needed", said))
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
        for portion in _portions(items):
            same = _same(seen, [made for made, _, _ in map(made_of, portion)])
            for data in portion:
                made, sheet, row = made_of(data)
                if _key(made) in same:
                    continue
                if _is_shared(_key(made)):
                    checked.faults.add(_not_theirs(sheet, row, made))
                    continue
                hidden = _hidden(seen, whole, made.kind, foreign)
                if made.item.id in hidden:
                    checked.faults.add(_taken(sheet, row, made))
                    continue
                mine.append(data)
        kept.append(mine)
    checked.items[:] = kept
    checked.changes[:] = [change for change in checked.changes if not _is_shared(change.key)]


def _portions(items: Iterable[bytes]) -> Iterable[list[bytes]]:
    portion: list[bytes] = []
    for data in items:
        portion.append(data)
        if len(portion) == _AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


def _key(made: Made) -> Key:
    return Key(made.kind, made.item.id)


def _is_shared(key: Key) -> bool:
    return key.kind in SHARED or (key.kind == "holiday" and key.id.startswith("/"))


def _same(seen: Connection, made: Sequence[Made]) -> set[Key]:
    """Those of what belongs to the district that are registered as they are said to be."""
    shared = [one for one in made if one.kind in SHARED]
    found: set[Key] = set()
    for kind in {one.kind for one in shared}:
        there = get_many(seen, kind, [one.item.id for one in shared if one.kind == kind])
        for one in shared:
            kept = there.get(one.item.id) if one.kind == kind else None
            if kept is not None and all(getattr(kept.item, name) == getattr(one.item, name) for name in one.said):
                found.add(_key(one))
    return found


def _hidden(seen: Connection, whole: Connection, kind: str, known: dict[str, set[str]]) -> set[str]:
    """Ids of the kind that are others'."""
    if kind == "holiday" or kind not in KINDS:
        return set()
    if kind not in known:
        known[kind] = set(SqlRegistered(whole).ids(kind)) - set(SqlRegistered(seen).ids(kind))
    return known[kind]


def _not_theirs(sheet: str, row: int, made: Made) -> Fault:
    word = Text("节假日", "holidays") if isinstance(made.item, Holiday) else KINDS[made.kind].name
    said = Text(
        f"{word.zh}属于整个片区，只有能看到全部小区的角色可以改；请删去这一行，或改回原样",
        f"{word.en.lower()}: this belongs to the whole district, and takes a role that reaches all of it; "
        "remove the row, or leave it as it is registered",
    )
    return Fault(Level.ERROR, sheet, row, "", made.item.id, "not_allowed", said)


def _taken(sheet: str, row: int, made: Made) -> Fault:
    said = Text("这个标识已被占用；请换一个，或留空", "is an id that is taken: choose another, or leave it out")
    return Fault(Level.ERROR, sheet, row, "", made.item.id, "id_taken", said)
