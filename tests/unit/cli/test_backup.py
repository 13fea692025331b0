"""`linli backup` and `linli restore`: what comes back, what is refused, and what is left when it fails."""

import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.outbox.outbox import Outbox
from linli.backups import MANIFEST, decode_manifest, encode_manifest
from linli.cli.app import app
from linli.cli.lock import FolderLock, Runs
from linli.cli.stack import prepare
from linli.datafolder import DataFolder
from linli.db import migrate
from linli.db.database import open_database
from linli.model import Lane
from linli.settings import load_settings
from rules.durable.journal import Image, Journal, Snapshot
from rules.engine.inputs import RulesIn, Tick
from rules.language.load import load_rules
from tests.unit.edge.test_outbox import draft
from tests.unit.rules.world import registry

IMAGE = b"\xff\xd8 an image"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as Linli leaves it, with something of everything."""
    folder = tmp_path_factory.mktemp("made") / "data"
    prepare(load_settings(data=folder))
    journal = Journal(folder / "rules")
    journal.append([Tick(1), Tick(2), Tick(3)])
    journal.keep(Snapshot(2, 2, Image(b"state", (), registry(), RulesIn(load_rules()[:1]))))
    journal.append([Tick(4)])
    journal.close()
    (folder / "snapshots" / "2026").mkdir(parents=True)
    (folder / "snapshots" / "2026" / "door.jpg").write_bytes(IMAGE)
    (folder / "logs" / "rules.log").write_text("a line")
    return folder


@pytest.fixture
def data(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def outbox(data: Path) -> Iterator[Outbox]:
    """An outbox in it, open as while its agent runs: nobody else can read it by SQLite."""
    opened = Outbox(data / "agents" / "gw-1", "c001", "gw-1")
    opened.open()
    yield opened
    opened.close()


def run(*words: str, status: int = 0, given: bytes | None = None) -> str:
    result = CliRunner().invoke(app, words, input=given)
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def backup(data: Path, *words: str) -> Path:
    """Take one; its file."""
    said = json.loads(run("backup", "--data", str(data), "--json", *words))
    return Path(said["file"])


def changed(archive: Path, change: Callable[[tarfile.TarInfo, bytes], bytes | None]) -> Path:
    """The archive with other content, or without what `change` gives None for, and with whatever that did to the entry."""
    target = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        for entry in old:
            opened = old.extractfile(entry)
            content = change(entry, b"" if opened is None else opened.read())
            if content is not None:
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))
    return target


def with_entry(archive: Path, entry: tarfile.TarInfo, content: bytes = b"") -> Path:
    """The archive with one entry more, at its beginning."""
    target = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        entry.size = len(content)
        new.addfile(entry, io.BytesIO(content))
        for each in old:
            new.addfile(each, old.extractfile(each))
    return target


def rows(file: Path) -> list[str]:
    """All rows but those of the audit log, which has one more on either side: of what was done."""
    with closing(sqlite3.connect(file)) as connection:
        return [line for line in connection.iterdump() if not line.startswith('INSERT INTO "audit_')]


def left_in(folder: Path) -> list[str]:
    """What an unfinished run has left."""
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


def test_all_of_it_comes_back(data: Path, tmp_path: Path) -> None:
    """Databases, journal, secrets, images: what lies in the folder, but for what is made anew."""
    archive = backup(data)
    run("restore", str(archive), "--data", str(tmp_path / "new"))
    new = tmp_path / "new"
    for name in ("linli.db", "readings.db"):
        assert rows(new / name) == rows(data / name)
    for name in ("VERSION", "secrets/broker.json", "snapshots/2026/door.jpg"):
        assert (new / name).read_bytes() == (data / name).read_bytes()
    journal = Journal(new / "rules")
    assert (journal.position, list(journal.after(2))) == (4, [(3, Tick(3)), (4, Tick(4))])
    assert journal.snapshot() is not None
    journal.close()
    assert not (new / "logs").exists()
    assert prepare(load_settings(data=new)).accounts == ()


def test_an_outbox_comes_back_while_its_agent_has_it(data: Path, tmp_path: Path, outbox: Outbox) -> None:
    """What was taken and nobody has acknowledged is in it, also what is only in the log of the database."""
    outbox.take([draft(number) for number in range(3)])
    run("restore", str(backup(data)), "--data", str(tmp_path / "new"))
    again = Outbox(tmp_path / "new" / "agents" / "gw-1", "c001", "gw-1")
    again.open()
    assert again.bootid == outbox.bootid
    assert again.read(Lane.URGENT, 1, 10) == outbox.read(Lane.URGENT, 1, 10)
    assert len(again.read(Lane.URGENT, 1, 10)) == 3
    again.close()


def test_it_is_for_its_owner_alone(data: Path, tmp_path: Path) -> None:
    """The archive, and all that is restored: there are passwords in it; and none is shown."""
    secret = json.loads((data / "secrets" / "broker.json").read_text())["linli.rules"]["password"]
    before = os.umask(0)
    try:
        said = run("backup", "--data", str(data))
        [archive] = tmp_path.glob("*.tar")
        said += run("restore", str(archive), "--data", str(tmp_path / "new"))
    finally:
        os.umask(before)
    assert secret not in said
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_settings_come_along_with_the_files_they_name(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From whichever source they were: restored they are one linli.toml with which it runs as before."""
    (tmp_path / "linli.toml").write_text('port = 9999\nbroker_password = "pass\\"word"\n')
    (tmp_path / "ca.pem").write_text("a certificate")
    (tmp_path / "site rules").mkdir()
    (tmp_path / "site rules" / "mine.yaml").write_text("id: mine")
    monkeypatch.setenv("LINLI_BROKER_CA", "ca.pem")
    monkeypatch.setenv("LINLI_RULES", "site rules")
    archive = backup(data)
    for name in ("LINLI_BROKER_CA", "LINLI_RULES"):
        monkeypatch.delenv(name)
    (tmp_path / "linli.toml").unlink()
    said = json.loads(run("restore", str(archive), "--data", str(tmp_path / "new"), "--json"))
    monkeypatch.setenv("LINLI_CONFIG", said["settings"])
    settings = load_settings()
    assert (settings.data, settings.port) == (tmp_path / "new", 9999)
    assert settings.broker_password is not None
    assert settings.broker_password.get_secret_value() == 'pass"word'
    assert settings.broker_ca is not None and settings.broker_ca.read_text() == "a certificate"
    assert settings.rules is not None and (settings.rules / "mine.yaml").read_text() == "id: mine"

    again = json.loads(run("backup", "--to", str(tmp_path / "again.tar"), "--json"))
    monkeypatch.delenv("LINLI_CONFIG")
    run("restore", again["file"], "--data", str(tmp_path / "newer"))
    monkeypatch.setenv("LINLI_CONFIG", str(tmp_path / "newer" / "restored" / "linli.toml"))
    settings = load_settings()
    assert settings.broker_ca is not None and settings.broker_ca.read_text() == "a certificate"
    assert tmp_path / "newer" in settings.broker_ca.parents
    assert settings.rules is not None and (settings.rules / "mine.yaml").read_text() == "id: mine"


def test_a_file_within_the_data_folder_is_named_where_it_is_restored(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the backup once; and one that is not there is told, and named as it was."""
    (data / "tls").mkdir()
    (data / "tls" / "key.pem").write_text("a key")
    monkeypatch.setenv("LINLI_BROKER_TLS_KEY", "data/tls/key.pem")
    monkeypatch.setenv("LINLI_BROKER_CA", str(tmp_path / "gone.pem"))
    said = run("backup", "--data", str(data))
    assert f"{tmp_path / 'gone.pem'}, which the setting broker_ca names, is not there" in said.replace("\n", " ")
    [archive] = tmp_path.glob("*.tar")
    with tarfile.open(archive) as tar:
        assert [name for name in tar.getnames() if name.endswith("key.pem")] == ["data/tls/key.pem"]
    run("restore", str(archive), "--data", str(tmp_path / "new"))
    toml = (tmp_path / "new" / "restored" / "linli.toml").read_text()
    assert f'broker_tls_key = "{tmp_path}/new/tls/key.pem"' in toml
    assert f'broker_ca = "{tmp_path}/gone.pem"' in toml


def test_a_pipe_does_as_well(data: Path, tmp_path: Path) -> None:
    """For a tool that encrypts: nothing of it is on the disk in clear."""
    result = CliRunner().invoke(app, ["backup", "--data", str(data), "--to", "-"])
    assert result.exit_code == 0
    assert not list(tmp_path.glob("*.tar"))
    assert "sound" in run("backup", "verify", "-", given=result.stdout_bytes)
    run("restore", "-", "--data", str(tmp_path / "new"), given=result.stdout_bytes)
    assert rows(tmp_path / "new" / "linli.db") == rows(data / "linli.db")


def test_verify_says_what_is_in_it(data: Path) -> None:
    """For people and for scripts."""
    archive = backup(data)
    said = run("backup", "verify", str(archive))
    assert "rules up to 4" in said
    assert said.endswith("is sound\n")
    document = json.loads(run("restore", str(archive), "--check", "--json"))
    assert (document["sound"], document["faults"]) == (True, [])
    assert document["journals"] == [{"folder": "rules", "snapshot": 2, "position": 4}]
    assert run("backup", "verify", str(archive), "--quick").endswith("is sound\n")


def test_taken_and_checked_at_once(data: Path, tmp_path: Path) -> None:
    """One command for cron; a backup that goes through a pipe is checked where it ends."""
    document = json.loads(run("backup", "--data", str(data), "--verify", "--json"))
    assert document["sound"] and Path(document["file"]).parent == tmp_path
    said = run("backup", "--data", str(data), "--verify")
    assert "the backup is " in said and said.endswith("is sound\n")
    assert "not for --verify" in run("backup", "--data", str(data), "--to", "-", "--verify", status=2)
    assert left_in(tmp_path) == []


def test_an_older_database_is_restored_and_brought_up_to_date_at_the_next_start(data: Path, tmp_path: Path) -> None:
    """A backup of the Linli before."""
    (data / "linli.db").unlink()
    with closing(open_database(f"sqlite:///{data / 'linli.db'}")) as database:
        migrate.upgrade(database, "0007")
    archive = backup(data)
    run("restore", str(archive), "--data", str(tmp_path / "new"))
    with closing(open_database(f"sqlite:///{tmp_path / 'new' / 'linli.db'}")) as database:
        assert migrate.current(database) == "0007"
        prepare(load_settings(data=tmp_path / "new"))
        assert migrate.current(database) == migrate.head()


@pytest.mark.parametrize("name", ["data/linli.db", "data/secrets/broker.json", "settings/settings.json"])
def test_a_changed_byte_is_found(data: Path, tmp_path: Path, name: str) -> None:
    """Wherever it is; nothing is restored of it."""
    archive = changed(
        backup(data),
        lambda entry, content: content[:20] + b"x" + content[21:] if entry.name == name else content,
    )
    assert f"{name}: is damaged" in run("backup", "verify", str(archive), status=1)
    assert f"{name}: is damaged" in run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert not (tmp_path / "new").exists()
    assert left_in(tmp_path) == []


def test_what_is_damaged_within_is_found_though_its_hash_is_right(data: Path, tmp_path: Path) -> None:
    """A database is opened, not only compared."""
    archive = backup(data)
    broken = tmp_path / "broken.db"
    with tarfile.open(archive) as tar:
        opened = tar.extractfile("data/linli.db")
        assert opened is not None
        content = bytearray(opened.read())
    content[5000:9000] = bytes(4000)
    broken.write_bytes(content)
    hashes = {}

    def change(entry: tarfile.TarInfo, was: bytes) -> bytes:
        if entry.name == "data/linli.db":
            import hashlib

            hashes["old"], hashes["new"] = hashlib.sha256(was).hexdigest(), hashlib.sha256(content).hexdigest()
            return bytes(content)
        return was.replace(hashes["old"].encode(), hashes["new"].encode()) if entry.name == MANIFEST else was

    said = run("backup", "verify", str(changed(archive, change)), status=1)
    assert "the database data/linli.db is damaged" in said


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_one_that_was_cut_off_is_not_taken_for_whole(data: Path, tmp_path: Path, part: float) -> None:
    """However much of it is there."""
    archive = backup(data)
    cut = tmp_path / "cut.tar"
    whole = archive.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * part)])
    for words in (["backup", "verify", str(cut)], ["restore", str(cut), "--check"]):
        run(*words, status=1)
    said = run("restore", str(cut), "--data", str(tmp_path / "new"), status=2)
    assert "not complete" in said or "no backup" in said
    assert not (tmp_path / "new").exists()


def test_what_is_no_backup_is_called_so(tmp_path: Path, data: Path) -> None:
    """And what may have become of it."""
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b" + bytes(2000))
    assert "compressed or encrypted" in run("backup", "verify", str(tmp_path / "a.tar.gz"), status=1)
    assert "No such file" in run("backup", "verify", str(tmp_path / "none.tar"), status=2)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "data/../../outside", "data/restored/../../x", "evil"])
def test_nothing_is_written_outside_the_folder(data: Path, tmp_path: Path, name: str) -> None:
    """A name that leads elsewhere ends it before a byte is written there."""
    archive = with_entry(backup(data), tarfile.TarInfo(name), b"evil")
    assert "which no backup has" in run("restore", str(archive), "--data", str(tmp_path / "deep" / "new"), status=2)
    assert not list(tmp_path.rglob("outside")) and not (tmp_path / "deep" / "new").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_regular_files_are_taken(data: Path, tmp_path: Path, kind: bytes) -> None:
    """A link could lead what is written after it anywhere."""
    entry = tarfile.TarInfo("data/secrets")
    entry.type, entry.linkname = kind, "/etc"
    archive = with_entry(backup(data), entry)
    assert "no regular file" in run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert "no regular file" in run("backup", "verify", str(archive), status=1)


def test_a_file_that_comes_twice_is_refused(data: Path, tmp_path: Path) -> None:
    """The second would take the place of the first, which was compared."""
    archive = with_entry(backup(data), tarfile.TarInfo("data/VERSION"), b"1\n")
    assert "twice" in run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert "twice" in run("backup", "verify", str(archive), status=1)
    assert not (tmp_path / "new").exists()


def test_only_into_an_empty_folder(data: Path, tmp_path: Path) -> None:
    """What is there stays, and the text says what to do; an empty one is taken."""
    archive = backup(data)
    before = sorted(path.name for path in data.rglob("*"))
    said = run("restore", str(archive), "--data", str(data), status=2)
    assert "not an empty folder" in said and "mv" in said
    assert sorted(path.name for path in data.rglob("*")) == before
    (tmp_path / "new").mkdir()
    run("restore", str(archive), "--data", str(tmp_path / "new"))


@pytest.mark.parametrize("name", ["linli.db", "readings.db", "VERSION", MANIFEST])
def test_of_a_newer_linli_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    """With what to do; layout, either schema, the format of the backup itself."""
    if name == "VERSION":
        archive = backup(data)
        content = b"2\n"
        archive = changed(archive, lambda entry, was: content if entry.name == "data/VERSION" else was)
    elif name == MANIFEST:
        archive = changed(
            backup(data), lambda entry, was: was.replace(b'"format": 1', b'"format": 2') if entry.name == name else was
        )
    else:
        with closing(sqlite3.connect(data / name)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        archive = backup(data)
    said = run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert name == "VERSION" or "upgrade Linli" in said
    assert not (tmp_path / "new").exists()


def test_a_server_in_the_settings_is_not_passed_over(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linli would use it, and see nothing of what was restored."""
    archive = backup(data)
    monkeypatch.setenv("LINLI_DATABASE_URL", "postgresql+psycopg://u:secret@127.0.0.1:1/x")
    said = run("restore", str(archive), "--data", str(tmp_path / "new"), status=2)
    assert "database_url" in said and "secret" not in said


def test_not_within_the_data_folder(data: Path) -> None:
    """The next one would hold it."""
    for place in (data, data / "snapshots", data / "mine.tar"):
        assert "within the data folder" in run("backup", "--data", str(data), "--to", str(place), status=2)


def test_a_file_that_is_there_is_not_written_over(data: Path, tmp_path: Path) -> None:
    """It may be the only other backup."""
    (tmp_path / "mine.tar").write_text("precious")
    assert "is there already" in run("backup", "--data", str(data), "--to", str(tmp_path / "mine.tar"), status=2)
    assert (tmp_path / "mine.tar").read_text() == "precious"
    assert "no folder" in run("backup", "--data", str(data), "--to", str(tmp_path / "none" / "x.tar"), status=2)


def test_nothing_there_to_back_up(tmp_path: Path, data: Path) -> None:
    """A mistyped folder makes no empty backup."""
    assert "nothing in the data folder" in run("backup", "--data", str(tmp_path / "other"), status=2)


def test_a_damaged_database_makes_no_backup(data: Path, tmp_path: Path) -> None:
    """A backup that cannot be used is worse than none: nobody looks for another."""
    with (data / "readings.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    assert "damaged" in run("backup", "--data", str(data), status=2)
    assert not list(tmp_path.glob("*.tar"))
    assert left_in(tmp_path) == []


def test_a_file_that_cannot_be_read_is_named(data: Path, tmp_path: Path) -> None:
    """Nothing is left out in silence. (Its reads fail as those of a bad disk do.)"""
    (data / "snapshots" / "bad.jpg").symlink_to("/proc/self/mem")
    said = run("backup", "--data", str(data), status=2)
    assert "Input/output error" in said
    assert not list(tmp_path.glob("*.tar"))
    assert left_in(tmp_path) == []


def test_folders_that_are_links_are_followed_once(data: Path, tmp_path: Path) -> None:
    """Images may lie on another disk; a link to itself ends."""
    (tmp_path / "big disk").mkdir()
    (tmp_path / "big disk" / "b.jpg").write_bytes(IMAGE)
    (data / "more").symlink_to(tmp_path / "big disk")
    (tmp_path / "big disk" / "loop").symlink_to(tmp_path / "big disk")
    run("restore", str(backup(data)), "--data", str(tmp_path / "new"))
    assert (tmp_path / "new" / "more" / "b.jpg").read_bytes() == IMAGE


def test_without_readings_says_so(data: Path, tmp_path: Path) -> None:
    """In the backup and when it is restored."""
    archive = backup(data, "--without-readings")
    said = run("restore", str(archive), "--data", str(tmp_path / "new"))
    assert "readings and events: not in it" in said
    assert not (tmp_path / "new" / "readings.db").exists()


def test_without_the_database_the_rest_is_saved(data: Path, tmp_path: Path) -> None:
    """On a machine that has the rules alone."""
    archive = backup(data, "--without-database", "--without-readings")
    said = run("restore", str(archive), "--data", str(tmp_path / "new"))
    assert "alerts, registry, people: not in it" in said and "rules up to 4" in said
    assert not (tmp_path / "new" / "linli.db").exists()


def test_other_settings_than_the_linli_that_runs_has_are_found(data: Path) -> None:
    """Else the readings would be left out, and nobody would know."""
    lock = FolderLock(DataFolder(data).run)
    lock.take(runs=Runs("http://influx:8086", 1, False))
    try:
        assert "keeps its readings in http://influx:8086" in run("backup", "--data", str(data), status=2)
    finally:
        lock.release()


def test_what_a_killed_run_left_is_taken_away(data: Path, tmp_path: Path) -> None:
    """By the next one beside it."""
    (tmp_path / ".linli-backup-dead.part").mkdir()
    (tmp_path / ".linli-backup-dead.part" / "archive").write_bytes(b"half")
    (tmp_path / ".new.restoring-dead.part").mkdir()
    archive = backup(data)
    run("restore", str(archive), "--data", str(tmp_path / "new"))
    assert left_in(tmp_path) == []


def test_the_manifest_is_the_last(data: Path, outbox: Outbox) -> None:
    """So an archive that was not written to its end has none."""
    assert outbox.bootid
    with tarfile.open(backup(data)) as tar:
        names = tar.getnames()
        opened = tar.extractfile(MANIFEST)
        assert opened is not None
        manifest = decode_manifest(opened.read())
    assert names[-1] == MANIFEST
    assert names[:-1] == [file.name for file in manifest.files]
    assert decode_manifest(encode_manifest(manifest)) == manifest
    order = [names.index(f"data/{name}") for name in ("agents/gw-1/outbox.db", "secrets/broker.json", "linli.db")]
    assert order == sorted(order)
