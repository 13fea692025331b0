"""Collect the facts of `linli status`. Whatever does not answer is told as such within 2 s, and hides nothing else."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from psutil import pid_exists
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from linli.adapters.store import build_store
from linli.audithead import HeadError, HeadFile
from linli.cli.lock import FolderLock, Holder, Runs, bare_address
from linli.cli.ports import is_open
from linli.cli.status.situation import Damage, DatabaseFault, GatewayFacts, LetterFacts, Situation, StoreFacts
from linli.clock import DAY, HOUR
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.alerts import SqlAlerts
from linli.db.auditcheck import glance
from linli.db.database import Database, open_database
from linli.db.deadletters import Choice, SqlDeadLetters
from linli.db.gateways import SqlGatewayStatuses
from linli.db.heartbeats import SqlHeartbeats
from linli.db.workers import WorkerReport, reports
from linli.errors import DataFolderError, LinliError, StoreError
from linli.i18n import Text
from linli.model import Severity
from linli.settings import Settings

_PATIENCE_S = 2.0

_REVISIONS = Path(schema.__file__).parents[1] / "migrations" / "versions"

_Known = tuple[list[WorkerReport], list[GatewayFacts], dict[Severity, int], LetterFacts, Text | None]
_NOTHING: _Known = ([], [], {}, LetterFacts(), None)


def look_round(settings: Settings) -> Situation:
    """How the installation of these settings is now. DataFolderError if there never was one in the folder, or
    a newer Linli's, which is not looked into."""
    folder = DataFolder(settings.data)
    _require_some(settings)
    holder = FolderLock(folder.run).holder()
    runs = holder.runs if holder is not None else None
    broker = holder.broker if holder is not None and holder.broker else settings.broker_endpoint
    now = settings.clock().now()
    with ThreadPoolExecutor(max_workers=3) as pool:
        opened = pool.submit(is_open, *broker, timeout_s=_PATIENCE_S)
        store = pool.submit(_store, settings, runs)
        trouble, (told, gateways, alerts, letters, audit) = _database(settings, now)
        return Situation(
            now=now,
            folder=str(settings.data),
            holder=holder,
            expected=_expected(settings, holder),
            broker=broker,
            broker_open=opened.result(),
            store=store.result(),
            disk=_disk(settings.data),
            database=trouble,
            database_size=_size(settings.data / "linli.db") if settings.database_url is None else None,
            reports=told,
            gone=_gone(settings, told),
            gateways=gateways,
            alerts=alerts,
            letters=letters,
            audit=audit,
            differs=[] if runs is None else _differs(settings, runs),
        )


def _require_some(settings: Settings) -> None:
    folder = settings.data
    ours = settings.database_url is None and not any((folder / name).exists() for name in ("linli.db", "readings.db"))
    if not folder.exists() or ours:
        raise DataFolderError(
            Text(
                f"数据目录 {folder} 里还没有数据：请先运行 linli up，或用 --data 指定目录",
                f"there is nothing in the data folder {folder} yet: run linli up first, or name it with --data",
            )
        )
    DataFolder(folder).check_layout()


def _expected(settings: Settings, holder: Holder | None) -> list[str]:
    """The services that should run. The simulator is only ever run by `linli up`."""
    simulated = holder is not None and (settings.simulator if holder.runs is None else holder.runs.simulator)
    return ["ingest", "rules", "api"] + (["simulator"] if simulated else [])


def _differs(settings: Settings, runs: Runs) -> list[Text]:
    """Where this shell would run another Linli than the one that runs."""
    file = Text(f"SQLite，{settings.readings_path}", f"SQLite, {settings.readings_path}")
    told, ours = (file if url is None else Text(url, url) for url in (runs.influx, bare_address(settings.influx_url)))
    found = []
    if told != ours:
        found.append(Text(f"读数库：那里 {told.zh}，这里 {ours.zh}", f"readings: {told.en} there, {ours.en} here"))
    if runs.shards != settings.shards:
        found.append(
            Text(
                f"分片：那里 {runs.shards}，这里 {settings.shards}",
                f"shards: {runs.shards} there, {settings.shards} here",
            )
        )
    return found


def _gone(settings: Settings, told: list[WorkerReport]) -> frozenset[int]:
    """Pids that are not there; with a database server, the processes may be on other machines."""
    if settings.database_url is not None:
        return frozenset()
    return frozenset(report.pid for report in told if not pid_exists(report.pid))


# --- the database ---------------------------------------------------------------------------------------------------


def _database(settings: Settings, now: int) -> tuple[DatabaseFault | None, _Known]:
    """Why it cannot be used, or what it says."""
    if settings.database_url is None and not (settings.data / "linli.db").exists():
        file = settings.data / "linli.db"
        return DatabaseFault(Damage.MISSING, Text(f"{file} 不存在", f"{file} is not there")), _NOTHING
    try:
        database = open_database(settings.app_database_url, _PATIENCE_S)
    except LinliError as error:
        return DatabaseFault(Damage.UNUSABLE, error.text), _NOTHING
    try:
        wrong = _wrong_version(database)
        return (wrong, _NOTHING) if wrong is not None else (None, _read(database, settings, now))
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
        return DatabaseFault(Damage.UNUSABLE, Text(said, said)), _NOTHING
    finally:
        database.close()


def _wrong_version(database: Database) -> DatabaseFault | None:
    """Of a newer or older Linli. Alembic itself would take as long to import as all else takes."""
    known = {file.name.partition("_")[0] for file in _REVISIONS.glob("[0-9]*.py")}
    with database.read() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision not in known:
        said = Text(f"由更新版本的 Linli 写成（{revision}）", f"it was written by a newer Linli ({revision})")
        return DatabaseFault(Damage.NEWER, said)
    if revision != max(known):
        said = Text(f"由旧版本的 Linli 写成（{revision}）", f"it was written by an older Linli ({revision})")
        return DatabaseFault(Damage.OLDER, said)
    return None


def _read(database: Database, settings: Settings, now: int) -> _Known:
    letters = SqlDeadLetters(database)
    facts = LetterFacts(
        letters.count_by_reason(),
        letters.count_by_reason(Choice(since=now - HOUR)),
        letters.count_requested(),
    )
    counts = SqlAlerts(database).count_open()
    return reports(database), _gateways(database, now), counts, facts, _audit(database, settings)


def _audit(database: Database, settings: Settings) -> Text | None:
    """What is wrong with the end of the audit log. A look at its newest entries: all of it is for `linli audit verify`."""
    try:
        faults = glance(database, HeadFile(settings.audit_head_path))
    except HeadError as error:
        return error.text
    return faults[0].text if faults else None


def _gateways(database: Database, now: int) -> list[GatewayFacts]:
    statuses, beats = SqlGatewayStatuses(database), SqlHeartbeats(database)
    said = {status.gateway: status for status in statuses.all()}
    heard = {beat.gateway: beat for beat in beats.all()}
    dropped: dict[str, int] = {}
    for key, counted in beats.counted(now // DAY).items():
        if key.day == now // DAY:
            dropped[key.gateway] = dropped.get(key.gateway, 0) + counted.dropped
    return [
        GatewayFacts(
            id=gateway.id,
            community=gateway.community,
            name=gateway.name,
            status=said.get(gateway.id),
            beat=heard.get(gateway.id),
            dropped_today=dropped.get(gateway.id, 0),
        )
        for gateway in statuses.registered()
    ]


# --- the store and the disk -----------------------------------------------------------------------------------------


def _store(settings: Settings, runs: Runs | None) -> StoreFacts:
    """The store of the Linli that runs, if it says which; else that of the settings."""
    address = bare_address(settings.influx_url) if runs is None else runs.influx
    if address is None:
        return _sqlite_store(settings.readings_path)
    if address != bare_address(settings.influx_url):
        return StoreFacts(f"InfluxDB, {address}", local=False, address=address, asked=False)
    quick = settings.model_copy(update={"influx_timeout_s": min(settings.influx_timeout_s, _PATIENCE_S)})
    store = build_store(quick)
    try:
        return StoreFacts(store.check(), local=False, address=address)
    except StoreError as error:
        return StoreFacts("InfluxDB", error.text, local=False, address=address)
    finally:
        store.close()


def _sqlite_store(path: Path) -> StoreFacts:
    """Read only, and without the adapter: that would migrate the file, which is for ingest to do."""
    name, size = f"SQLite, {path}", _size(path)
    if size is None:
        return StoreFacts(name, Text(f"{path} 不存在", f"{path} is not there"))
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)
        try:
            connection.execute("SELECT 1 FROM lanes LIMIT 1").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return StoreFacts(name, Text(f"{path}：{error}", f"{path}: {error}"), size)
    return StoreFacts(name, None, size)


def _size(path: Path) -> int | None:
    """Bytes of an SQLite file with its write-ahead log; None if it is not there."""
    try:
        log = path.with_name(path.name + "-wal")
        return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    except OSError:
        return None


def _disk(folder: Path) -> tuple[int, int] | None:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free, usage.total
