"""`linli prepare`: makes or migrates what services need, starts nothing, tells no secret, and may be run again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from linli.access import BrokerUsers
from linli.adapters import readings_schema
from linli.cli.lock import FolderLock
from linli.cli.preparing import make_ready
from linli.datafolder import DataFolder
from linli.db import migrate
from linli.db.database import open_database
from linli.errors import DataFolderError
from linli.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data")


def said(settings: Settings) -> str:
    return "\n".join(f"{line.zh}\n{line.en}" for line in make_ready(settings))


def revision(settings: Settings) -> str | None:
    database = open_database(settings.app_database_url)
    try:
        return migrate.current(database)
    finally:
        database.close()


def test_all_that_services_need_is_made_and_nobody_has_an_account(settings: Settings) -> None:
    """Its output ends up in the system's log, so there is no password in it, and it says how to make the first account."""
    told = said(settings)
    assert revision(settings) == migrate.head()
    assert readings_schema.current(settings.readings_path) == readings_schema.HEAD
    users = BrokerUsers(DataFolder(settings.data).secrets).all()
    assert set(users) == {"linli.ingest", "linli.rules", "linli.api", "linli.tester"}
    assert not any(user.password in told for user in users.values())
    assert "linli user add NAME --role administrator" in told
    assert (DataFolder(settings.data).secrets.stat().st_mode & 0o777) == 0o700


def test_the_second_time_there_is_nothing_to_do(settings: Settings) -> None:
    """And it says so."""
    said(settings)
    before = BrokerUsers(DataFolder(settings.data).secrets).all()
    told = said(settings)
    assert told.count("already") == 2
    assert "of which 0 are new" in told
    assert BrokerUsers(DataFolder(settings.data).secrets).all() == before


def test_what_an_older_version_left_is_migrated(settings: Settings) -> None:
    """Both databases, and it says from what to what."""
    DataFolder(settings.data).prepare()
    database = open_database(settings.app_database_url)
    migrate.upgrade(database, "0001")
    database.close()
    readings_schema.migrate(settings.readings_path, "0001")
    told = said(settings)
    assert f"migrated from 0001 to {migrate.head()}" in told
    assert f"migrated from 0001 to {readings_schema.HEAD}" in told


def test_services_that_start_together_wait_for_each_other(settings: Settings) -> None:
    """Each unit runs it before its process."""
    all_at_once = threading.Barrier(4)

    def one_unit() -> str:
        all_at_once.wait(timeout=60)
        return said(settings)

    with ThreadPoolExecutor(max_workers=4) as units:
        told = [unit.result(timeout=60) for unit in [units.submit(one_unit) for _ in range(4)]]
    assert sum("of which 4 are new" in one for one in told) == 1
    assert [file.name for file in settings.data.glob("VERSION*")] == ["VERSION"]


def test_below_a_linli_up_that_runs_it_does_nothing(settings: Settings) -> None:
    """That has prepared the folder itself."""
    DataFolder(settings.data).prepare()
    lock = FolderLock(DataFolder(settings.data).run)
    lock.take("http://127.0.0.1:1")
    try:
        with pytest.raises(DataFolderError, match="in use"):
            make_ready(settings)
    finally:
        lock.release()
    assert revision(settings) is None


def test_a_database_that_cannot_be_read_is_told(settings: Settings) -> None:
    """Not a traceback."""
    DataFolder(settings.data).prepare()
    (settings.data / "linli.db").write_bytes(b"this is no database at all, whatever its name says" * 100)
    with pytest.raises(DataFolderError, match="not a database"):
        make_ready(settings)
