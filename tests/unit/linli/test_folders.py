"""The data folder, and the broker's users in it."""

import json
import stat
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest

from linli import access
from linli.access import (
    SERVICES,
    Access,
    BrokerUser,
    BrokerUsers,
    gateway_access,
    gateway_user,
    service_user,
    write_secret,
)
from linli.datafolder import LAYOUT, DataFolder
from linli.errors import BrokerError, DataFolderError, NotFound, Refused
from linli.testing import matches

# --- data folder ----------------------------------------------------------------------------------------------------


def test_making_the_object_touches_nothing(tmp_path: Path) -> None:
    """Only `prepare` makes folders."""
    folder = DataFolder(tmp_path / "data")
    assert folder.secrets == tmp_path / "data" / "secrets"
    assert list(tmp_path.iterdir()) == []


def test_prepare_makes_all_and_may_be_repeated(tmp_path: Path) -> None:
    """A second start finds what the first has left; secrets are for the owner alone."""
    folder = DataFolder(tmp_path / "deep" / "data")
    folder.prepare()
    (folder.secrets / "x").write_text("kept")
    folder.prepare()
    made = {path.name for path in folder.root.iterdir()}
    assert made == {"VERSION", "rules", "agents", "broker", "secrets", "logs", "run"}
    assert (folder.root / "VERSION").read_text() == f"{LAYOUT}\n"
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700
    assert (folder.secrets / "x").read_text() == "kept"
    for path in (folder.rules, folder.agents, folder.broker, folder.logs, folder.run):
        assert path.is_dir()


def test_what_is_made_is_for_its_owner_alone_and_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """The databases in it hold password hashes; who opened an existing folder to others meant it."""
    made, old = tmp_path / "deep" / "data", tmp_path / "old"
    old.mkdir()
    old.chmod(0o755)
    for root in (made, old):
        DataFolder(root).prepare()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(old.stat().st_mode) == 0o755


def test_a_folder_that_became_read_only_is_told_as_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its folders are there, and nothing in them can be written."""
    DataFolder(tmp_path).prepare()
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(DataFolderError, match=r"Permission denied.*--data"):
        DataFolder(tmp_path).prepare()


@pytest.mark.parametrize("version", [b"2\n", b"999", b"", b"one", "²".encode(), b"\xff", b"-1"])
def test_a_newer_or_unreadable_version_is_refused(version: bytes, tmp_path: Path) -> None:
    """Rather than guess at a layout."""
    (tmp_path / "VERSION").write_bytes(version)
    with pytest.raises(DataFolderError) as caught:
        DataFolder(tmp_path).prepare()
    assert str(tmp_path) in caught.value.text.en
    assert str(tmp_path) in caught.value.text.zh


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """It says which one, and by which option to choose another."""
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataFolderError, match="--data"):
            DataFolder(root).prepare()


# --- broker users ---------------------------------------------------------------------------------------------------


def test_ensure_is_idempotent(tmp_path: Path) -> None:
    """A second start makes no new passwords, or agents would be locked out."""
    users = BrokerUsers(tmp_path)
    assert users.all() == {}
    wanted = {service_user(name): grant for name, grant in SERVICES.items()}
    assert users.ensure(wanted)
    before = users.all()
    content = users.file.read_bytes()
    assert not users.ensure(wanted)
    assert users.file.read_bytes() == content
    assert before.keys() == wanted.keys()
    assert len({user.password for user in before.values()}) == len(before)


def test_ensure_adds_and_corrects(tmp_path: Path) -> None:
    """A gateway added later; a service whose rights have changed keeps its password; nobody is removed."""
    users = BrokerUsers(tmp_path)
    users.ensure({"linli.api": Access(publish=("a",))})
    old = users.get("linli.api")
    assert users.ensure({"linli.api": Access(publish=("b",)), gateway_user("gw"): gateway_access("c001", "gw")})
    assert users.get("linli.api").password == old.password
    assert users.get("linli.api").access == Access(publish=("b",))
    assert users.get("gateway.gw").access == gateway_access("c001", "gw")
    assert not users.ensure({})
    assert len(users.all()) == 2


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask, also after it has been replaced."""
    users = BrokerUsers(tmp_path)
    for name in ("a", "b"):
        users.ensure({name: Access()})
        assert stat.S_IMODE(users.file.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"broker.json", "broker.lock"}
    assert stat.S_IMODE((tmp_path / "broker.lock").stat().st_mode) == 0o600


def test_two_writers_at_once_lose_nobody(tmp_path: Path) -> None:
    """Two commands, or a command and a start: each reads the table, adds its own, and replaces the whole."""
    program = (
        "import sys; from pathlib import Path; from linli.access import Access, BrokerUsers\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(25): BrokerUsers(Path(sys.argv[1])).ensure({f'{sys.argv[2]}{number}': Access()})"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path, name], stdin=PIPE, stdout=PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    assert len(BrokerUsers(tmp_path).all()) == 75


def test_follow_takes_away_gateways_alone(tmp_path: Path) -> None:
    """Whose gateway was removed has no key any more; services, and users somebody made, stay with their passwords."""
    users = BrokerUsers(tmp_path)
    users.ensure({"linli.api": Access(), "own": Access(), "gateway.gw1": Access(), "gateway.gw2": Access()})
    before = users.all()
    wanted = {"linli.api": Access(), "gateway.gw2": Access(publish=("a",)), "gateway.gw3": Access()}
    assert users.follow(lambda: wanted)
    after = users.all()
    assert set(after) == {"linli.api", "own", "gateway.gw2", "gateway.gw3"}
    assert after["gateway.gw2"] == BrokerUser("gateway.gw2", before["gateway.gw2"].password, Access(publish=("a",)))
    assert not users.follow(lambda: wanted)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'{"a": 1}',
        b'{"a": []}',
        b'{"a": {}}',
        b'{"a": {"password": 1, "access": {}}}',
        b'{"a": {"password": "p", "access": {"publish": []}}}',
        b'{"a": {"password": "p", "access": {"publish": 1, "subscribe": []}}}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    """With what to do about it."""
    users = BrokerUsers(tmp_path)
    users.file.write_bytes(content)
    with pytest.raises(BrokerError) as caught:
        users.all()
    assert str(users.file) in caught.value.text.en


def test_a_user_that_is_not_there(tmp_path: Path) -> None:
    """Named."""
    with pytest.raises(NotFound, match=r"gateway\.gw"):
        BrokerUsers(tmp_path).get("gateway.gw")


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    """It is replaced as a whole, while others read it."""
    users = BrokerUsers(tmp_path)
    users.ensure({"first": Access()})
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            users.ensure({f"u{number}": Access(publish=("x" * 500,))})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert "first" in users.all()
    writer.join()
    assert len(users.all()) == 31


def test_a_secret_replaces_what_was_there(tmp_path: Path) -> None:
    """Longer or shorter."""
    file = tmp_path / "s"
    for text in ("a longer one", "short"):
        write_secret(file, text)
        assert file.read_text() == text


def test_a_secret_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither half of it nor another file with it."""
    (tmp_path / "s").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_secret(tmp_path / "s", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_gateway_names_never_meet_service_names() -> None:
    """A gateway called 'ingest' is not the service; a name that is no id is refused."""
    assert gateway_user("ingest") != service_user("ingest")
    with pytest.raises(Refused):
        gateway_user("a.b")


def test_the_table_of_access() -> None:
    """Each may do what its work takes and nothing more; '#' is granted to nobody."""
    gateway = gateway_access("c001", "gw")
    own = "linli/v1/c001/gateway/gw"
    assert set(gateway.publish) == {f"{own}/urgent", f"{own}/bulk", f"{own}/status", f"{own}/reply"}
    assert set(gateway.subscribe) == {f"{own}/ack/+", f"{own}/command"}
    assert SERVICES["tester"].publish == ()
    assert SERVICES["ingest"].publish == ("linli/v1/+/gateway/+/ack/ingest",)
    assert not any(matches(topic, f"{own}/ack/rules") for topic in SERVICES["ingest"].publish)
    everything = [gateway, *SERVICES.values()]
    assert not any("#" in topic for grant in everything for topic in (*grant.publish, *grant.subscribe))
    assert json.loads(json.dumps(gateway.publish)) == list(gateway.publish)
    assert access.SERVICES.keys() == {"ingest", "rules", "api", "tester"}
