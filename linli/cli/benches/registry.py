"""The registry at the size of a district: a file of 100,000 rows imported while others write, and again, on both databases.

The import is a process of its own. Meanwhile this one commits, again and again, what every act of a person commits: an entry of
the audit log. Its longest wait is what people, rules and ingest would have waited.
"""

import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from sqlalchemy import select

from linli.audit import Act, Who
from linli.cli.benches import postgresd
from linli.cli.benches.disk import disk_folder
from linli.cli.benches.helper import Helper
from linli.cli.benches.job import Told
from linli.cli.benches.measured import Measured
from linli.cli.benches.registryrows import write_files
from linli.clock import Clock
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.proofs import hashed, verified
from linli.db.registry import SqlRegistry
from linli.db.registryitems import get
from linli.db.registrywriting import put
from linli.errors import LinliError
from linli.i18n import Text
from linli.model import Device
from linli.registry.changes import Key, Origin
from linli.settings import Settings

_ROWS, _QUICK_ROWS = 100_000, 9_000
_APPENDS, _CHANGES, _SIGN_INS = 200, 20, 10
_PAUSE_S = 0.02
_WHO = Who("cli:bench")


@dataclass(frozen=True, slots=True)
class _Run:
    """One import: what its process told, and the longest wait of another writer in milliseconds."""

    told: Told
    longest_ms: float


def measure(settings: Settings, quick: bool) -> Measured:
    """The metrics of bench 'registry'. LinliError if an import has faults, or the second finds anything to change."""
    programs = postgresd.find()
    clock = settings.clock()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="linli-registry-", dir=disk_folder()) as name:
        folder = Path(name)
        rows, files = write_files(folder, _QUICK_ROWS if quick else _ROWS)
        for store in ("sqlite",) if programs is None else ("sqlite", "postgresql"):
            for file in files:
                with _database(store, folder, programs) as (url, database):
                    found |= _imported(url, database, file, store, clock, folder)
                    if file.suffix == ".zip":
                        found |= _acts(database, clock, store)
    found |= {"rows": float(rows), "sign_in_ms": _sign_in()}
    return Measured(_worst(found) | found, _notes(programs is None))


def _worst(found: dict[str, float]) -> dict[str, float]:
    """The worst over files and databases."""
    names = ("import_s", "import_cpu_s", "again_s", "other_writer_longest_ms", "import_memory_mb")
    return {
        name: max(value for metric, value in found.items() if metric.startswith(f"{name}_"))
        for name in (*names, "audit_append_ms", "change_read_ms")
    }


def _notes(no_postgresql: bool) -> tuple[Text, ...]:
    if not no_postgresql:
        return ()
    return (
        Text(
            "未找到 PostgreSQL（Debian/Ubuntu：apt install postgresql），只测了 SQLite",
            "PostgreSQL is not installed (Debian/Ubuntu: apt install postgresql): only SQLite was measured",
        ),
    )


@contextmanager
def _database(store: str, folder: Path, programs: Path | None) -> Iterator[tuple[str, Database]]:
    """An empty database of this version."""
    if store == "postgresql" and programs is not None:
        with postgresd.running(programs) as url, _opened(url) as database:
            yield url, database
        return
    with tempfile.TemporaryDirectory(dir=folder) as name:
        url = f"sqlite:///{Path(name) / 'linli.db'}"
        with _opened(url) as database:
            yield url, database


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = open_database(url, patience_s=120.0)
    try:
        upgrade(database)
        yield database
    finally:
        database.close()


def _imported(url: str, database: Database, file: Path, store: str, clock: Clock, folder: Path) -> dict[str, float]:
    kind = "csv" if file.suffix == ".zip" else "excel"
    at = clock.now()
    first = _run(url, database, file, at, clock, folder)
    again = _run(url, database, file, at, clock, folder)
    if first.told["faults"] or not first.told["items"] or again.told["items"]:
        raise LinliError(Text("导入有错误，测得的数不算", "the import had faults: what was measured does not count"))
    return {
        f"import_s_{kind}_{store}": first.told["took"],
        f"import_cpu_s_{kind}_{store}": first.told["cpu"],
        f"import_writing_s_{kind}_{store}": first.told["wrote"],
        f"import_memory_mb_{kind}_{store}": first.told["memory"],
        f"other_writer_longest_ms_{kind}_{store}": first.longest_ms,
        f"again_s_{kind}_{store}": again.told["took"],
        f"again_cpu_s_{kind}_{store}": again.told["cpu"],
    }


def _run(url: str, database: Database, file: Path, at: int, clock: Clock, folder: Path) -> _Run:
    helper = Helper("linli.cli.benches.registryimport", {"url": url, "file": str(file), "at": at}, folder / "log")
    over, longest = threading.Event(), [0.0]

    def write() -> None:
        while not over.wait(_PAUSE_S):
            longest[0] = max(longest[0], _append(database, clock))

    writer = threading.Thread(target=write, name="another writer")
    writer.start()
    try:
        told = helper.until("took")
    finally:
        over.set()
        writer.join()
        helper.stop()
    return _Run(told, longest[0])


def _append(database: Database, clock: Clock) -> float:
    """One entry of the audit log, in a transaction of its own: how many milliseconds that took."""
    began = perf_counter()
    with database.write() as connection:
        append(connection, Act("registry.exported", _WHO, "record"), clock.now())
    return (perf_counter() - began) * 1000


def _acts(database: Database, clock: Clock, store: str) -> dict[str, float]:
    """What single acts cost over the whole registry, by the median."""
    appends = [_append(database, clock) for _ in range(_APPENDS)]
    changes = list(_changes(database, clock))
    return {
        f"audit_append_ms_{store}": statistics.median(appends),
        f"change_read_ms_{store}": statistics.median(changes),
    }


def _changes(database: Database, clock: Clock) -> Iterator[float]:
    """A device gets another name: after how many milliseconds who asks, as ingest, rules and the API do, has read it."""
    registry = SqlRegistry(database)
    registry.refresh()
    with database.read() as connection:
        ids = connection.execute(select(schema.devices.c.id).order_by(schema.devices.c.id).limit(_CHANGES)).scalars()
        devices = [kept.item for name in ids if (kept := get(connection, Key("device", name))) is not None]
    for number, device in enumerate(devices):
        assert isinstance(device, Device)
        name = Text(f"换名 {number}", f"Renamed {number}")
        with database.write() as connection:
            put(connection, [replace(device, name=name)], Origin(clock.now(), _WHO.actor))
        began = perf_counter()
        registry.refresh()
        if registry.snapshot.devices[device.id].name != name:
            raise LinliError(Text("改动没有读到", "a change was not read"))
        yield (perf_counter() - began) * 1000


def _sign_in() -> float:
    """Milliseconds to verify a password, by the median."""
    password, took = "correct horse battery staple", []
    kept = hashed(password)
    for _ in range(_SIGN_INS):
        began = perf_counter()
        verified(password, kept)
        took.append((perf_counter() - began) * 1000)
    return statistics.median(took)
