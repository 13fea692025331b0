"""Journals and database held at one moment while the rules go on: of whatever moment, they fit."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from linli.adapters import readings_schema
from linli.cli.backups import sources
from linli.cli.backups.databases import Pinned, copy_as_it_lies, copy_database
from linli.cli.backups.sources import Moment
from linli.datafolder import DataFolder
from linli.db.alerts import Effects, SqlAlerts
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.settings import Settings, load_settings
from linli.shards import WHOLE, Shard, shards_of
from rules.durable.journal import Journal, Snapshot
from rules.durable.state import image
from rules.engine.inputs import RulesIn, Tick
from rules.engine.machine import Engine
from rules.start import bring_back
from tests.support import eventually

ROUNDS = 25


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load_settings(data=tmp_path / "data")
    DataFolder(made.data).prepare()
    with closing(open_database(made.app_database_url)) as database:
        upgrade(database)
    readings_schema.ensure(made.readings_path)
    return made


class Rules:
    """Does with journal and database what the rules do, as fast as it can: an input, its effects a little later, now and then a
    snapshot when none waits, every few inputs."""

    def __init__(self, settings: Settings, shard: Shard) -> None:
        self._database = open_database(settings.app_database_url)
        self._alerts = SqlAlerts(self._database, shard)
        self._journal = Journal(shard.folder(settings.data / "rules"))
        self._engine = Engine()
        self.acknowledged = 0

    def step(self) -> None:
        for _ in range(3):
            [position] = self._journal.append([Tick(self._journal.position + 1)])
            self.acknowledged = position
        self._alerts.apply([Effects(position - 1), Effects(position)])
        if position % 4 == 0:
            self._journal.keep(Snapshot(position, position, image(self._engine)))

    def close(self) -> None:
        self._journal.close()
        self._database.close()


@contextmanager
def going_on(settings: Settings, shards: list[Shard]) -> Iterator[list[Rules]]:
    stop = threading.Event()
    all_of_them = [Rules(settings, shard) for shard in shards]

    def work(rules: Rules) -> None:
        while not stop.is_set():
            rules.step()
        rules.close()

    threads = [threading.Thread(target=work, args=(rules,)) for rules in all_of_them]
    for thread in threads:
        thread.start()
    try:
        yield all_of_them
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def copied(moment: Moment, root: Path, target: Path) -> Path:
    """What a backup of it restores to."""
    target.mkdir()
    for folder, journal in moment.journals.items():
        (target / folder.relative_to(root)).mkdir(parents=True, exist_ok=True)
        for held in journal.files():
            content = os.pread(held.descriptor, held.size, 0)
            (target / folder.relative_to(root) / held.name).write_bytes(content)
    assert moment.database is not None
    moment.database.copy(target / "linli.db", lambda _done, _whole: None)
    return target


@pytest.mark.parametrize("shards", [[WHOLE], shards_of(2)])
def test_the_rules_start_from_it_without_mending_anything(
    settings: Settings, tmp_path: Path, shards: list[Shard], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither is the database older than the snapshot, nor the journal older than the database: either is warned of. And all that
    was acknowledged before is there."""
    with going_on(settings, shards) as running:
        eventually(lambda: all(rules.acknowledged for rules in running))
        for round_ in range(ROUNDS):
            before = [rules.acknowledged for rules in running]
            with closing(Moment(settings, with_database=True, with_readings=True)) as moment:
                target = copied(moment, settings.data, tmp_path / f"copy {round_}")
            with closing(open_database(f"sqlite:///{target / 'linli.db'}")) as database:
                reached = [start(target, database, shard) for shard in shards]
            assert all(there >= had for there, had in zip(reached, before, strict=True))
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def test_a_snapshot_in_the_middle_of_it_does_no_harm(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Inputs just before the database is looked at, and a snapshot just after: the copy has the snapshot of before, and the inputs."""
    rules = Rules(settings, WHOLE)
    really = sources.open_database

    def open_meanwhile(settings: Settings) -> sources.Database:
        rules.step()
        opened = really(settings)
        rules.step()
        rules.step()
        return opened

    monkeypatch.setattr(sources, "open_database", open_meanwhile)
    rules.step()
    rules.step()
    with closing(rules):
        with closing(Moment(settings, with_database=True, with_readings=False)) as moment:
            [journal] = moment.journals.values()
            assert (journal.snapshot, journal.position) == (0, 15)
            target = copied(moment, settings.data, tmp_path / "copy")
        assert (settings.data / "rules" / "snapshot-00000000000000000012.state").exists()
    with closing(open_database(f"sqlite:///{target / 'linli.db'}")) as database:
        assert SqlAlerts(database).position() == 9
        assert start(target, database, WHOLE) == 15
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def start(data: Path, database: Database, shard: Shard) -> int:
    """Bring the rules back as their process does; the position they are at."""
    with closing(Journal(shard.folder(data / "rules"))) as journal:
        position = journal.position
        alerts = SqlAlerts(database, shard)
        assert alerts.position() <= position
        bring_back(journal, alerts, RulesIn(()))
        return position


def test_what_is_pinned_stays_as_it_was(tmp_path: Path) -> None:
    """However much is written before it is copied; writers do not wait."""
    file = tmp_path / "some.db"
    with closing(open_database(f"sqlite:///{file}")) as database:
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER)")
            connection.exec_driver_sql("INSERT INTO numbers VALUES (1)")
        with closing(Pinned(file)) as pinned:
            for number in range(2, 200):
                with database.write() as connection:
                    connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({number})")
            pinned.copy(tmp_path / "copy.db", lambda _done, _whole: None)
    copy_database(tmp_path / "copy.db", tmp_path / "again.db", lambda _done, _whole: None)
    with closing(Pinned(tmp_path / "again.db")) as again:
        assert again.ask("SELECT n FROM numbers") == [(1,)]


_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=" + sys.argv[2], "wal_autocheckpoint=50"):
    connection.execute(f"PRAGMA {pragma}").fetchall()
connection.execute("CREATE TABLE one (n INTEGER, filler BLOB)")
connection.execute("CREATE TABLE two (n INTEGER)")
number = 0
while True:
    number += 1
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO one VALUES (?, randomblob(3000))", (number,))
    connection.execute("DELETE FROM one WHERE n < ?", (number - 40,))
    connection.execute("INSERT INTO two VALUES (?)", (number,))
    connection.execute("COMMIT")
    print(number, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_what_another_process_has_for_itself_is_copied_as_it_lies(tmp_path: Path, mode: str) -> None:
    """Each copy is whole, of one moment, and has what was committed before it began; between checkpoints and across them."""
    file = tmp_path / "outbox.db"
    command = [sys.executable, "-c", _WRITER, str(file), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        try:
            for number in range(1, 120):
                assert int(writer.stdout.readline()) == number
                if number % 10 == 0:
                    writer.stdin.write("\n")  # it goes on while it is copied
                    writer.stdin.flush()
                copy = tmp_path / f"copy {number}.db"
                copy_as_it_lies(file, copy)
                with closing(Pinned(copy)) as pinned:
                    [(last,)] = pinned.ask("SELECT max(n) FROM one")
                    assert pinned.ask("SELECT count(*), max(n) FROM two") == [(last, last)]
                    assert isinstance(last, int) and last in (number, number + 1)
                if number % 10 != 0:
                    writer.stdin.write("\n")
                    writer.stdin.flush()
        finally:
            writer.kill()
