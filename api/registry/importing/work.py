"""What the process of an import does: `Task` is what it is told, and everything that it finds goes into the import's folder.

It ends when whoever started it does (`leash`): a transaction that was under way is undone, and the import counts as interrupted.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from api.registry.importing.kept import Change, Counts, Fault, Found, Import, ImportFolder, Progress, State
from api.registry.importing.task import Task
from linli.audit import Who
from linli.clock import SystemClock
from linli.db.audit import person_read
from linli.db.database import Database
from linli.db.registryimport import Doing, Plan, carry_out, needed_faults, plan, take_in
from linli.db.registrytables import read_names, table_rows
from linli.db.scoping import guarded
from linli.errors import LinliError
from linli.i18n import Text
from linli.registry.changes import Origin
from linli.registry.masking import MASKS
from linli.registry.tables import faults as told
from linli.registry.tables.columns import Table
from linli.registry.tables.faults import Level
from linli.registry.tables.headings import table_called
from linli.registry.tables.importing import Change as Changed
from linli.registry.tables.importing import Sheet, Spool
from linli.registry.tables.listed import TABLES
from linli.registry.tables.show import Shown

_EVERY_S = 0.3
_NOT_SHOWN = {
    "contradicted": Text(
        "另有来源说法不同；请在“人员”中核对", "another source says something else: look at the person in the console"
    ),
    "unknown_reference": Text(
        "登记中没有；请先登记，或在文件中加上", "is not registered: register it first, or add it to the file"
    ),
}
"""What is said of persons instead of the words that would show what others have said of them."""
_DATABASE = Text(
    "数据库没有应答，什么也没有改；请稍后再试", "the database does not answer, and nothing was changed: try again later"
)


class Writer(Protocol):
    """Takes tables one after the other."""

    def begin(self, table: Table, headings: Sequence[str]) -> None:
        """From here on the rows are of this table."""

    def row(self, cells: Sequence[Shown]) -> None:
        """One row."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Files of tables, as an adapter reads and writes them. `spool` makes what is kept aside while a file is read."""

    sheets: Callable[[Path, str | None], AbstractContextManager[Sequence[Sheet]]]
    spool: Callable[[], Spool]
    written: Callable[[Path, str], AbstractContextManager[Writer]]
    template: Callable[[Path, str], None]
    database: Callable[[str], Database]


def leash() -> Task:
    """What to do, from stdin; from then on the process ends as soon as whoever holds its other end does."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):  # not through the buffer, whose lock it would still have at our end
            pass
        os._exit(3)

    threading.Thread(target=watch, name="leash", daemon=True).start()
    return task


def carry(task: Task, tables: Tables) -> None:
    """Do it."""
    if task.doing == "template":
        tables.template(Path(task.file), task.language)
        return
    database = tables.database(task.url)
    try:
        if task.doing == "export":
            _export(task, tables, database)
            return
        work = _Work(task, tables, database)
        end = work.run()
    finally:
        database.close()
    work.finish(end)  # last of all: whoever reads that it is over may go on with it at once


def _export(task: Task, tables: Tables, database: Database) -> None:
    seen = guarded(database).of(task.reach)
    left_out = () if task.staff else ("staff",)
    wanted = [one for one in TABLES.values() if (task.personal or not one.personal) and one.kind not in left_out]
    scope = task.reach if task.communities is None else task.communities
    with seen.read() as connection, tables.written(Path(task.file), task.language) as out:
        names = read_names(connection, task.language)
        for one in wanted:
            out.begin(one, [column.heading.of(task.language) for column in one.columns])
            for row in table_rows(connection, one.kind, names, scope):
                out.row(row)


class _Work:
    """Checks one import, and applies it if that is the task."""

    def __init__(self, task: Task, tables: Tables, database: Database) -> None:
        self._task = task
        self._tables = tables
        self._kept = ImportFolder(Path(task.folder))
        one = self._kept.read(task.one)
        assert one is not None
        self._one: Import = one
        guard = guarded(database)
        who = Who(task.actor, task.address, task.credential)
        confined = task.reach is not None
        self._doing = Doing(guard.of(task.reach), guard.whole(), who, confined, task.personal)
        self._told = 0.0

    def run(self) -> Import:
        """Until it has come to an end, and what came of it."""
        applying = self._task.doing == "apply"
        self._progress(Progress(), always=True)
        try:
            return self._run(applying)
        except LinliError as error:
            state = State.FAILED if applying else State.REFUSED
            return msgspec.structs.replace(self._one, state=state, why=error.text)
        except SQLAlchemyError:
            return msgspec.structs.replace(self._one, state=State.FAILED, why=_DATABASE)

    def finish(self, end: Import) -> None:
        """Write it down."""
        self._kept.write(end)
        if end.state in (State.APPLIED, State.REFUSED):
            self._kept.drop_upload(end)

    def _run(self, applying: bool) -> Import:
        wish = self._one.wish
        origin = Origin(wish.as_of, self._task.actor, wish.source, wish.confidence)
        found: list[Found] = []
        with self._tables.sheets(self._kept.upload(self._one), wish.table or _stem(wish.file)) as sheets:

            def make() -> Plan:
                made = plan(
                    self._doing, sheets, origin, self._tables.spool, self._reading, remove_missing=wish.remove_missing
                )
                found[:] = [self._found(made)]
                return made

            made, items = take_in(make, self._carry_out, self._again) if applying else (make(), 0)
        if not applying or made.errors:
            return msgspec.structs.replace(self._one, state=State.CHECKED, found=found[0], why=None)
        return msgspec.structs.replace(
            self._one, state=State.APPLIED, found=found[0], items=items, applied_at=self._now(), why=None
        )

    def _again(self) -> None:
        self._progress(Progress(), always=True)

    def _carry_out(self, made: Plan) -> int:
        return carry_out(self._doing, made, self._one.wish.file, self._now(), self._writing)

    def _found(self, made: Plan) -> Found:
        checked = made.checked
        if any(TABLES[kind].personal for kind in checked.counts):
            with self._doing.seen.write() as connection:
                person_read(connection, self._doing.who, (), "records", self._now(), reason=self._one.wish.file)
        self._kept.put_lines(self._one.id, "faults.jsonl", _faults(made))
        changed = self._kept.put_lines(self._one.id, "changes.jsonl", _changes(made))
        levels = checked.faults.counts
        return Found(
            {kind: Counts(one.rows, one.added, one.changed, one.same) for kind, one in checked.counts.items()},
            levels[Level.ERROR] + len(made.needed),
            levels[Level.CONTRADICTION],
            levels[Level.NOTE],
            sum(checked.faults.left_out(level) for level in Level),
            changed - len(made.going),
            len(made.going),
            made.empty,
        )

    def _now(self) -> int:
        return SystemClock().now() + self._task.ahead

    def _reading(self, kind: str, rows: int) -> None:
        self._progress(Progress(kind, rows))

    def _writing(self, items: int) -> None:
        self._progress(Progress(None, items))

    def _progress(self, progress: Progress, *, always: bool = False) -> None:
        now = monotonic()
        if always or now - self._told >= _EVERY_S:
            self._told = now
            self._kept.tell(self._one.id, progress)


def _stem(file: str) -> str | None:
    """What the table of a single CSV file is called, by the file's own name: the upload lies under another."""
    return Path(file).stem if file.lower().endswith(".csv") else None


def _faults(made: Plan) -> Iterator[Fault]:
    for one in (*made.checked.faults, *needed_faults(made)):
        yield _shown(one)


def _shown(fault: told.Fault) -> Fault:
    """As it may be shown: of persons, what the file itself says and nothing that others have said."""
    table = table_called(fault.sheet)
    text, value = fault.text, fault.value
    if table is not None and table.personal and fault.reason in _NOT_SHOWN:
        text = _NOT_SHOWN[fault.reason]
        value = "" if fault.reason == "contradicted" else value
    return Fault(fault.level.value, fault.sheet, fault.row, fault.column, value, fault.reason, text)


def _changes(made: Plan) -> Iterator[Change]:
    for key in made.going:
        yield Change(key.kind, key.id, removed=True)
    for change in made.checked.changes:
        yield _masked(change)


def _masked(change: Changed) -> Change:
    mask = MASKS.get(change.key.kind, {}).get(change.field)
    before, after = (mask(value) if mask and value else value for value in (change.before, change.after))
    return Change(change.key.kind, change.key.id, change.sheet, change.row, change.field, before, after)
