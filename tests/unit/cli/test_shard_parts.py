"""`linli up` with several shards: which processes it starts, and what it says of a state in another number of them."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from linli.cli.lock import FolderLock
from linli.cli.resharding import run_reshard
from linli.cli.stack import PARTS, Stack, prepare, workers_of
from linli.clock import SystemClock
from linli.datafolder import DataFolder
from linli.db import shards
from linli.db.database import open_database
from linli.db.migrate import downgrade, upgrade
from linli.db.workers import WorkerReport, report
from linli.errors import DataFolderError
from linli.i18n import Text
from linli.settings import Settings, load_settings
from linli.shards import WHOLE, Shard
from tests.support import free_port


def settings_of(folder: Path, count: int) -> Settings:
    """Of a folder, with ports that are free."""
    return load_settings(data=folder, port=free_port(), broker_port=free_port(), simulator=False, shards=count)


def test_ingest_and_rules_run_once_for_each_shard(tmp_path: Path) -> None:
    """The others once; and with one shard everything is called as ever."""
    assert workers_of(settings_of(tmp_path, 1)) == list(PARTS)
    assert workers_of(settings_of(tmp_path, 2)) == [
        "broker",
        "ingest-0-of-2",
        "ingest-1-of-2",
        "rules-0-of-2",
        "rules-1-of-2",
        "api",
        "simulator",
    ]


def test_a_state_in_another_number_of_shards_is_told_before_anything_starts(tmp_path: Path) -> None:
    """With the command that brings it over; in a folder that is new nothing is made by asking."""
    fresh = Stack(settings_of(tmp_path, 3))
    fresh.check()
    fresh.stop()
    assert not (tmp_path / "linli.db").exists()
    prepare(settings_of(tmp_path, 2))
    database = open_database(settings_of(tmp_path, 2).app_database_url)
    shards.claim(database, Shard(1, 2))
    database.close()
    stack = Stack(settings_of(tmp_path, 3))
    with pytest.raises(DataFolderError, match="linli rules reshard 2 3"):
        stack.check()
    stack.stop()


def test_resharding_is_refused_while_a_worker_reports_from_elsewhere(tmp_path: Path) -> None:
    """Another machine's lock cannot be seen, its reports can."""
    settings = settings_of(tmp_path, 2)
    prepare(settings)
    database = open_database(settings.app_database_url)
    now = SystemClock().now()
    report(database, WorkerReport("ingest-1-of-2", 4711, now, now, "ok", Text("", ""), {}))
    database.close()
    with pytest.raises(DataFolderError, match="ingest 1/2 still runs"):
        run_reshard(settings, 2, 3)


def test_resharding_beside_a_linli_that_runs_names_what_to_stop(tmp_path: Path) -> None:
    """The supervisor: a worker that somebody stops there is started again."""
    settings = settings_of(tmp_path, 2)
    prepare(settings)
    lock = FolderLock(DataFolder(settings.data).run)
    lock.take()
    with pytest.raises(DataFolderError, match=rf"linli up, process {os.getpid()}.*stop it first"):
        run_reshard(settings, 2, 3)
    lock.release()


def test_what_has_never_run_needs_no_resharding(tmp_path: Path) -> None:
    """It says just to start."""
    settings = settings_of(tmp_path, 3)
    prepare(settings)
    with pytest.raises(DataFolderError, match="just start with the new number"):
        run_reshard(settings, 1, 3)


def test_the_only_shard_of_an_older_version_is_the_whole(tmp_path: Path) -> None:
    """It was called 1/1; before the migration it is known as what it is, after it by its name."""
    database = open_database(f"sqlite:///{tmp_path}/linli.db")
    upgrade(database)
    downgrade(database, "0004")
    with database.write() as connection:
        connection.execute(text("INSERT INTO rules_positions VALUES ('1/1', 17)"))
    assert shards.known(database) == {WHOLE: 17}
    upgrade(database)
    assert shards.claim(database, WHOLE) == 17
    with database.read() as connection:
        assert connection.execute(text("SELECT shard, position FROM rules_positions")).all() == [("0/1", 17)]
    database.close()
