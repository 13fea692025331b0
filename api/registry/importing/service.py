"""Files in and out of the registry, as people ask for them: right first, then within their reach.

An import is its sender's alone: what its file says is nobody else's to read. It is checked by a process of its own as soon as it
is there, and applied when its sender says so: checked once more, for the registry may have changed, and written as a whole.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from api.http.gate import MAX_FILE
from api.http.paging import Page, page_of
from api.registry.importing.kept import (
    MADE,
    SUFFIXES,
    UNDER_WAY,
    Change,
    Fault,
    Import,
    ImportFolder,
    Progress,
    State,
    Wish,
    hold,
)
from api.registry.importing.processes import Processes
from api.registry.importing.task import Task
from api.scope import demand, may
from api.sight import Sights
from linli.audit import Act
from linli.auditwho import who_of
from linli.auditwords import PURPOSES
from linli.clock import Clock, SystemClock
from linli.datafolder import DataFolder
from linli.db.audit import append
from linli.db.people import Person
from linli.db.scoping import GuardedDatabase
from linli.errors import Conflict, NotFound, Refused
from linli.i18n import Text
from linli.registry.changes import Origin
from linli.registry.tables.headings import table_called
from linli.registry.tables.listed import TABLES
from linli.roles import Operation
from linli.settings import Settings

MOST_OF_ONE = 5
"""Imports that one person may have at a time; the oldest makes way for a new one."""
MOST_NAME = 120
TIDY_EVERY_S = 300.0
_PATIENCE_S = 3.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Export:
    """What somebody wants out. `kind`: xlsx or zip; `persons` takes a purpose and a reason."""

    kind: str
    language: str
    community: str | None = None
    persons: bool = False
    purpose: str = ""
    reason: str = ""


class ImportService:
    """Safe to call from several threads. Every method takes who asks; another's import is answered like none."""

    def __init__(self, sights: Sights, database: GuardedDatabase, folder: ImportFolder, url: str, clock: Clock) -> None:
        self._sights = sights
        self._database = database
        self._kept = folder
        self._url = url
        self._clock = clock
        self._processes = Processes()
        self._ended = threading.Event()
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Begin to remove what is over."""
        self._ended.clear()
        self._keeper = threading.Thread(target=self._keep_tidy, name="imports", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """End what is under way: nothing of it is written. Stopping twice is allowed."""
        self._ended.set()
        self._processes.stop()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None

    # --- looking --------------------------------------------------------------------------------------------------

    def all(self, person: Person) -> list[Import]:
        """The person's imports, the last sent first."""
        demand(person, Operation.EDIT_REGISTRY)
        return [one for one in self._own(person) if one.size]  # and not what is still being sent

    def get(self, person: Person, name: str) -> Import:
        """One of them; NotFound."""
        demand(person, Operation.EDIT_REGISTRY)
        one = self._kept.read(name)
        if one is None or one.owner != person.id or _is_over(one, self._clock.now()):
            raise NotFound(Text(f"没有导入 {name:.64}", f"there is no import {name:.64}"))
        return one

    def progress(self, one: Import) -> Progress:
        """How far it is."""
        return self._kept.progress(one.id)

    def faults(self, person: Person, name: str, limit: int, after: int) -> Page[tuple[int, Fault]]:
        """What is wrong with the file, numbered from 1, a page from after the number `after` on: errors first."""
        return self._some(person, name, "faults.jsonl", Fault, limit, after)

    def changes(self, person: Person, name: str, limit: int, after: int) -> Page[tuple[int, Change]]:
        """What would get another value, or be removed, likewise."""
        return self._some(person, name, "changes.jsonl", Change, limit, after)

    def every_fault(self, person: Person, name: str) -> Iterator[Fault]:
        """All of them, for a file."""
        self.get(person, name)
        return (fault for _, fault in self._kept.lines(name, "faults.jsonl", Fault))

    def _some(self, person: Person, name: str, file: str, of: type[_T], limit: int, after: int) -> Page[tuple[int, _T]]:
        self.get(person, name)
        return page_of(self._kept.some(name, file, of, after, limit + 1), limit, lambda line: (line[0],))

    # --- importing ------------------------------------------------------------------------------------------------

    def receive(self, person: Person, wish: Wish) -> tuple[Import, Path]:
        """An import to be, and where its file is to be written; `check` it then, or `drop` it. Refused for another kind of file."""
        demand(person, Operation.SEE)
        demand(person, Operation.EDIT_REGISTRY)
        wish = _sound(wish, self._clock.now())
        for old in self._own(person)[MOST_OF_ONE - 1 :]:
            if old.state in UNDER_WAY:
                raise Conflict(
                    Text(
                        f"最多同时 {MOST_OF_ONE} 个导入；请等前面的完成", f"wait for one of your {MOST_OF_ONE} imports"
                    )
                )
            self._kept.remove(old.id)
        made = self._kept.make(person.id, wish, self._clock.now())
        return made, self._kept.upload(made)

    def check(self, person: Person, one: Import) -> Import:
        """Its file is there: read it. Refused if it is empty or too large; TooMany, and then it is dropped."""
        size = self._kept.upload(one).stat().st_size
        try:
            if not 0 < size <= MAX_FILE:
                raise _bad_size(size)
            return self._begin(person, msgspec.structs.replace(one, size=size), State.CHECKING)
        except BaseException:
            self.drop(one)
            raise

    def drop(self, one: Import) -> None:
        """Away with what has not come whole."""
        self._kept.remove(one.id)

    def apply(self, person: Person, name: str) -> Import:
        """Write it. Conflict while it, or another, is under way, and for what is faulty or applied."""
        demand(person, Operation.SEE)
        one = self.get(person, name)
        if one.state in UNDER_WAY:
            raise _under_way()
        if not one.ready:
            raise _not_ready(one)
        return self._begin(person, one, State.APPLYING)

    def remove(self, person: Person, name: str) -> None:
        """Away with it and its file. What is under way is ended: nothing of it is written."""
        one = self.get(person, name)
        if one.state in UNDER_WAY and not self._processes.end(name):
            raise _under_way()
        self._kept.remove(one.id)

    def _begin(self, person: Person, one: Import, state: State) -> Import:
        with self._held(one, state) as locks:
            begun = msgspec.structs.replace(one, state=state, why=None)
            self._kept.write(begun)
            try:
                self._processes.start(one.id, self._task(person, one, state), locks, lambda: None)
            except BaseException:
                self._kept.write(one)
                raise
        return begun

    @contextmanager
    def _held(self, one: Import, state: State) -> Iterator[list[int]]:
        """Its lock, and to apply it the one of all; the process holds them when the block has ended."""
        locks: list[int] = []
        try:
            locks.append(_patiently(self._kept.lock(one.id)))
            if state is State.APPLYING:
                locks.append(_patiently(self._kept.root / "applying"))
            yield locks
        finally:
            for lock in locks:
                os.close(lock)

    def _task(self, person: Person, one: Import, state: State) -> Task:
        who = who_of(person.id)
        return Task(
            doing="apply" if state is State.APPLYING else "check",
            url=self._url,
            folder=str(self._kept.root),
            one=one.id,
            actor=person.id,
            address=who.address,
            credential=who.credential,
            reach=_reach(person),
            personal=may(person, Operation.EDIT_PERSONS),
            ahead=self._clock.now() - SystemClock().now(),
        )

    # --- out ------------------------------------------------------------------------------------------------------

    def export(self, person: Person, wanted: Export) -> Path:
        """The registry within their reach as a file, in a folder of its own: `dispose` of it once it is sent. Logged."""
        demand(person, Operation.SEE)
        demand(person, Operation.EXPORT)
        reach = _reach(person)
        if wanted.community is not None and wanted.community not in self._sights.of(person).names.registry.communities:
            raise NotFound(Text(f"没有小区 {wanted.community:.64}", f"there is no community {wanted.community:.64}"))
        if wanted.persons:
            _check_purpose(person, wanted)
        scope = reach if wanted.community is None else [wanted.community]
        with self._sights.of(person).database.write() as connection:
            self._log_export(connection, person, wanted, scope)
        task = Task(
            doing="export",
            url=self._url,
            reach=reach,
            communities=scope,
            personal=wanted.persons,
            staff=may(person, Operation.SEE_PERSONS),
            language=wanted.language,
        )
        return self._make(task, f"registry.{wanted.kind}")

    def template(self, person: Person, language: str) -> Path:
        """An empty workbook with headings, notes and words to choose from."""
        demand(person, Operation.EDIT_REGISTRY)
        return self._make(Task(doing="template", language=language), "registry.xlsx")

    def dispose(self, file: Path) -> None:
        """Away with a file that was made."""
        shutil.rmtree(file.parent, ignore_errors=True)

    def _make(self, task: Task, name: str) -> Path:
        self._kept.root.mkdir(mode=0o700, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=MADE, dir=self._kept.root))
        file = folder / name
        try:
            self._processes.run(folder.name, msgspec.structs.replace(task, file=str(file)))
        except BaseException:
            self.dispose(file)
            raise
        return file

    def _log_export(self, connection: Connection, person: Person, wanted: Export, scope: Sequence[str] | None) -> None:
        """What goes out is written down before it does."""
        named = tuple(scope or ())[:1000]
        act = Act(
            "registry.exported",
            who_of(person.id),
            "community" if named else "record",
            named,
            purpose=wanted.purpose if wanted.persons else "",
            reason=wanted.reason,
            facts={"persons": wanted.persons, "compounds": None if scope is None else len(scope)},
        )
        append(connection, act, self._clock.now())

    # --- within ---------------------------------------------------------------------------------------------------

    def _own(self, person: Person) -> list[Import]:
        now = self._clock.now()
        return [one for one in self._kept.all() if one.owner == person.id and not _is_over(one, now)]

    def _keep_tidy(self) -> None:
        while True:
            with suppress(OSError):
                self._kept.tidy(self._clock.now())
            if self._ended.wait(TIDY_EVERY_S):
                return


def build_imports(settings: Settings, database: GuardedDatabase, sights: Sights, clock: Clock) -> ImportService:
    """Wired, not started."""
    url = database.engine.url.render_as_string(hide_password=False)
    return ImportService(sights, database, ImportFolder(DataFolder(settings.data).imports), url, clock)


def _reach(person: Person) -> list[str] | None:
    return None if person.communities is None else sorted(person.communities)


def _is_over(one: Import, now: int) -> bool:
    return one.until <= now and one.state not in UNDER_WAY


def _sound(wish: Wish, now: int) -> Wish:
    """The wish with what it leaves out. Refused for a name that is no file of tables, a source or a day that cannot be."""
    name = Path(wish.file.replace("\\", "/")).name.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable() or Path(name).suffix.lower() not in SUFFIXES:
        raise _refused(
            "unknown_file",
            Text(
                "只认 Excel（.xlsx）、CSV（.csv）和装有 CSV 的 .zip",
                "a file of tables is Excel (.xlsx), CSV (.csv) or a .zip of CSV files",
            ),
        )
    if wish.table is not None and table_called(wish.table) is None:
        listed = ", ".join(table.file for table in TABLES.values())
        raise _refused(
            "unknown_table", Text(f"没有这个表；表有 {listed}", f"there is no such table; there are {listed}")
        )
    source = (wish.source or Path(name).stem).strip()[:64]
    if wish.as_of > now:
        raise _refused("bad_day", Text("信息的时间还没有到", "the time of what it says is yet to come"))
    Origin(wish.as_of, None, source, wish.confidence)
    return msgspec.structs.replace(wish, file=name, source=source)


def _bad_size(size: int) -> Refused:
    if not size:
        return _refused("empty", Text("文件是空的", "the file is empty"))
    most = MAX_FILE >> 20
    return _refused(
        "too_big", Text(f"文件最大 {most} MB；请分成几个", f"a file has at most {most} MB: send it in parts")
    )


def _check_purpose(person: Person, wanted: Export) -> None:
    demand(person, Operation.UNMASK_PERSONS)
    if wanted.purpose not in PURPOSES:
        listed = ", ".join(PURPOSES)
        raise _refused("no_purpose", Text(f"导出居民须写明目的：{listed}", f"say what for, one of: {listed}"))
    if not wanted.reason.strip():
        raise _refused("no_reason", Text("导出居民须写明原因", "to export persons takes a reason"))


def _patiently(path: Path) -> int:
    """The lock: who only looks whether it is held has it for a moment. Conflict."""
    ends = monotonic() + _PATIENCE_S
    while (lock := hold(path)) is None:
        if monotonic() > ends:
            raise _under_way()
        sleep(0.02)
    return lock


def _under_way() -> Conflict:
    return Conflict(Text("已有导入正在进行，请等它完成", "an import is under way already: wait until it is done"))


def _not_ready(one: Import) -> Conflict:
    if one.state is State.APPLIED:
        return Conflict(Text("已经导入", "it is applied already"))
    return Conflict(Text("文件有错；请改好后重新上传", "the file has faults: mend it, and send it again"))


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error
