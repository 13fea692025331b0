"""Is the audit log whole? All of it, with what is kept beside it and what it seals (`check_log`); or the newest entries only,
which takes a moment (`glance`). And the head outside the database: moved along the chain, never against it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from linli.audit import EMPTY, Act, Broken, ChainCheck, Entry, Fact, Fault, Head, Kept, Who, fault
from linli.audithead import HeadError, HeadFile
from linli.auditseals import Seals, seal_of
from linli.auditwords import HEAD_STARTED, REANCHORED
from linli.db import schema
from linli.db.audit import append, hash_at, head_of, read_entry, texts_of
from linli.db.auditguards import Rights, missing_guards, rights, rights_fault
from linli.db.auditseals import holds, seal_words, unsealed
from linli.db.database import Database
from linli.db.turns import take_turn
from linli.i18n import Text

GLANCE = 200
"""Entries that a quick look goes over."""

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What `check_log` found. `first`, `last`: numbers of the entries, 0 if there are none; `head`: the one outside, None if there
    is none or it was not to be read (`head_trouble`). `sealed`: rows under a seal that holds, by table; `open`: rows that are not
    sealed yet. `faults`: in the order of the entries, not more than some; `fault_count`: all. `unguarded`: what should refuse
    changes and does not; `rights`: what Linli's own role may do to the log."""

    entries: int
    first: int
    last: Head
    head: Head | None
    head_trouble: Text | None
    erased_texts: int
    faults: Sequence[Fault]
    fault_count: int
    sealed: Mapping[str, int] = field(default_factory=dict)
    open: Mapping[str, int] = field(default_factory=dict)
    unguarded: Sequence[Fault] = ()
    rights: Rights = Rights.FILE

    @property
    def unchanged(self) -> bool:
        """Whether every entry is as it was written, and none is missing."""
        return not self.fault_count and self.head_trouble is None

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong: it is as it was written, and what refuses to change it is in its place."""
        return self.unchanged and not self.unguarded


def check_log(
    database: Database,
    file: HeadFile | None,
    *,
    rows: bool = True,
    told: Callable[[int], None] = lambda _done: None,
) -> Report:
    """Every entry, every text beside it, the index, and (`rows`) every row that is sealed; all of one moment.

    `told` is given how many entries are done, now and then. Memory grows with the seals alone.
    """
    head, trouble = _read_head(file)  # before the entries: it never names one that is not there yet
    check, seals, first = ChainCheck(head), Seals(), 0
    with database.read() as connection:
        for page in _pages(connection):
            first = first or page[0].seq
            _take_page(connection, check, seals, page)
            told(check.entries)
        faults, count = list(check.finish()), check.fault_count
        more = [
            *_strays(connection, first, head_of(connection).seq),
            *(_broken_seals(connection, seals) if rows else ()),
        ]
        sealed = {name: sum(seal.rows for seal in seals.of(name)) for name in seals.tables()}
        waiting = {name: unsealed(connection, name, seals.of(name)[-1].last) for name in seals.tables()}
        last = head_of(connection)
        allowed = rights(connection)
        unguarded = [*missing_guards(connection), *filter(None, [rights_fault(allowed)])]
    faults = sorted([*faults, *more], key=lambda found: found.seq)
    return Report(
        entries=check.entries,
        first=first,
        last=last,
        head=head,
        head_trouble=trouble,
        erased_texts=check.erased_texts,
        faults=faults,
        fault_count=count + len(more),
        sealed=sealed,
        open=waiting,
        unguarded=unguarded,
        rights=allowed,
    )


def glance(database: Database, file: HeadFile | None, entries: int = GLANCE) -> list[Fault]:
    """What is wrong with the newest entries, with the end of the log against its head, and with what guards it. HeadError if the
    head cannot be read."""
    head = None if file is None else file.read()
    table = schema.audit_entries
    with database.read() as connection:
        rows = connection.execute(select(table).order_by(table.c.seq.desc()).limit(entries)).all()[::-1]
        check = ChainCheck(head, whole=False)
        for row in rows:
            _take(check, row, None)
        found = list(check.finish())
        if head is not None and rows and 0 < head.seq < rows[0].seq and _hash(connection, head.seq) != head.hash:
            found.append(fault(Broken.REWRITTEN, head.seq))
        found += [*missing_guards(connection), *filter(None, [rights_fault(rights(connection))])]
    return found


# --- the head outside -----------------------------------------------------------------------------------------------


def advance_head(database: Database, file: HeadFile, who: Who, now: int) -> Fault | None:
    """Let the file name the newest entry; or, where the log no longer has the entry that it names, leave it and say so.

    A file that is not there is made, and that is written down: it is made once in a lifetime. HeadError if it cannot be read or
    written: the log goes on, and the file follows once it can be. Safe to call from any process at any time.
    """
    with file.turn():
        known = file.read()
        if known is None:
            with database.write() as connection:
                begun = {"seq": head_of(connection).seq}
                file_of = append(connection, Act(HEAD_STARTED, who, "audit", facts=begun), now)
            file.write(Head(file_of.seq, file_of.hash))
            return None
        with database.read() as connection:
            newest = head_of(connection)
            wrong = None if newest == known else _against(connection, known, newest)
        if wrong is None and newest != known:
            file.write(newest)
        return wrong


def reanchor(database: Database, file: HeadFile, who: Who, reason: str, now: int) -> Entry:
    """Go on from what there is, where the log does not fit its head any more, as after a restored backup; the entry that says
    so for ever, with the head that was."""
    with file.turn():
        try:
            known = file.read()
        except HeadError:
            known = None
        was = EMPTY if known is None else known
        with database.write() as connection:
            take_turn(connection, schema.audit_entries)
            facts: dict[str, Fact] = {"seq": was.seq, "hash": was.hash, "newest": head_of(connection).seq}
            entry = append(connection, Act(REANCHORED, who, "audit", reason=reason, facts=facts), now)
        file.write(Head(entry.seq, entry.hash))
    return entry


def _against(connection: Connection, known: Head, newest: Head) -> Fault | None:
    if newest.seq < known.seq:
        return fault(Broken.CUT, newest.seq + 1)
    if known.seq and _hash(connection, known.seq) != known.hash:
        return fault(Broken.REWRITTEN, known.seq)
    return None


def _hash(connection: Connection, seq: int) -> str | None:
    """The hash of that entry; of the last that retention took, as the first one left has it."""
    found = hash_at(connection, seq)
    if found is None:
        table = schema.audit_entries
        following = connection.execute(
            select(table.c.seq, table.c.previous).order_by(table.c.seq).limit(1)
        ).one_or_none()
        found = following.previous if following is not None and following.seq == seq + 1 else None
    return found


def _read_head(file: HeadFile | None) -> tuple[Head | None, Text | None]:
    if file is None:
        return None, None
    try:
        head = file.read()
    except HeadError as error:
        return None, error.text
    if head is None:
        said = Text(
            f"没有链头文件 {file.path}：看不出末尾是否被截去",
            f"there is no head at {file.path}: a cut end would not show",
        )
        return None, said
    return head, None


# --- all of it ------------------------------------------------------------------------------------------------------


def _pages(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    table, after = schema.audit_entries, -1
    while page := connection.execute(select(table).where(table.c.seq > after).order_by(table.c.seq).limit(_PAGE)).all():
        yield page
        after = page[-1].seq


def _take_page(connection: Connection, check: ChainCheck, seals: Seals, page: Sequence[Row[Any]]) -> None:
    numbers = [row.seq for row in page]
    beside, about = texts_of(connection, numbers), _about(connection, numbers[0], numbers[-1])
    for row in page:
        entry = _take(check, row, beside.get(row.seq, {}))
        if entry is None:
            continue
        wanted = {(entry.kind, one, entry.community) for one in entry.ids}
        if about.get(row.seq, set()) != wanted:
            check.add(Broken.INDEX, row.seq)
        try:
            seal = seal_of(entry)
        except ValueError:
            check.add(Broken.UNREADABLE, row.seq)
        else:
            if seal is not None:
                seals.take(seal)


def _take(check: ChainCheck, row: Row[Any], beside: Mapping[str, Kept] | None) -> Entry | None:
    try:
        entry = read_entry(row)
    except (TypeError, ValueError):
        check.unreadable(row.seq)
        return None
    check.take(entry, beside)
    return entry


def _about(connection: Connection, first: int, last: int) -> Mapping[int, set[tuple[str, str, str | None]]]:
    table = schema.audit_subjects
    found: dict[int, set[tuple[str, str, str | None]]] = defaultdict(set)
    for row in connection.execute(select(table).where(table.c.seq >= first, table.c.seq <= last)):
        found[row.seq].add((row.kind, row.item_id, row.community_id))
    return found


def _strays(connection: Connection, first: int, last: int) -> Iterator[Fault]:
    """Rows beside the log that belong to no entry of it."""
    for table in (schema.audit_subjects, schema.audit_texts):
        outside = or_(table.c.seq < first, table.c.seq > last)
        stray = connection.execute(select(func.min(table.c.seq)).where(outside)).scalar()
        if stray is not None:
            yield fault(Broken.INDEX, stray)


def _broken_seals(connection: Connection, seals: Seals) -> Iterator[Fault]:
    for name in seals.tables():
        gap = seals.gap(name)
        if gap is not None:
            said = Text(
                f"{name} 中 {gap.first} 之前的记录没有封存", f"rows of {name} before {gap.first} are under no seal"
            )
            yield Fault(Broken.SEAL, gap.seq, said)
        for seal in seals.of(name):
            if not holds(connection, seal):
                yield Fault(Broken.SEAL, seal.seq, seal_words(seal))
