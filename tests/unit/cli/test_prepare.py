"""Making a data folder ready, and registering a gateway in it."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from sqlalchemy import select

from edge.config import load_site
from linli.access import Access, BrokerUsers, gateway_user
from linli.cli.gateways import agent_config
from linli.cli.main import run
from linli.cli.stack import FirstRun, Stack, page_address, prepare
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.database import open_database
from linli.errors import BrokerError, ConfigError, DataFolderError
from linli.model import Role
from linli.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data")


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The console script's exit status."""
    monkeypatch.setattr("sys.argv", ["linli", *arguments])
    with pytest.raises(SystemExit) as caught:
        run()
    return int(caught.value.code or 0)


def test_the_first_run_makes_all_and_the_second_nothing(settings: Settings) -> None:
    """Accounts and the demo compound once; broker users for services and its gateway."""
    first = prepare(settings)
    assert {account.role for account in first.accounts} == {Role.ADMINISTRATOR, Role.SECURITY, Role.PROPERTY}
    assert first.compound
    users = BrokerUsers(DataFolder(settings.data).secrets).all()
    assert {"linli.ingest", "linli.rules", "linli.api", "linli.tester", "gateway.gw-c001"} == set(users)
    second = prepare(settings)
    assert (second.accounts, second.compound) == ((), False)
    assert BrokerUsers(DataFolder(settings.data).secrets).all() == users


def test_a_gateway_that_is_registered_no_more_has_no_user(settings: Settings) -> None:
    """Its password is worth nothing from the next look at the registry on."""
    prepare(settings)
    users = BrokerUsers(DataFolder(settings.data).secrets)
    before = users.all()
    users.ensure({gateway_user("removed"): Access()})
    prepare(settings)
    assert users.all() == before


def test_without_the_simulator_nothing_is_registered(settings: Settings) -> None:
    """An administrator is there all the same; compound, guard and manager come with the first run that has the simulator."""
    bare = settings.model_copy(update={"simulator": False})
    assert [account.role for account in prepare(bare).accounts] == [Role.ADMINISTRATOR]
    database = open_database(settings.app_database_url)
    with database.read() as connection:
        assert connection.execute(select(schema.communities)).all() == []
    database.close()
    later = prepare(settings)
    assert later.compound
    assert [(account.role, account.name) for account in later.accounts] == [
        (Role.SECURITY, "guard"),
        (Role.PROPERTY, "manager"),
    ]
    assert prepare(settings) == FirstRun()


def test_a_broker_of_ones_own_needs_no_passwords_of_ours(settings: Settings) -> None:
    """Nothing is made for it, and no broker is among the parts."""
    own = settings.model_copy(update={"broker_host": "mq.example"})
    prepare(own)
    assert not (DataFolder(own.data).secrets / "broker.json").exists()


def test_settings_with_a_broken_users_file_say_what_to_do(settings: Settings) -> None:
    """The file is named."""
    prepare(settings)
    (DataFolder(settings.data).secrets / "broker.json").write_text("{")
    with pytest.raises(BrokerError, match=r"broker\.json"):
        prepare(settings)


def test_passwords_are_made_anew_only_by_a_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`gateway add` below a Linli that runs would lock out its processes; it says what to do instead."""
    prepare(settings)
    file = BrokerUsers(DataFolder(settings.data).secrets).file
    before = BrokerUsers(file.parent).all()
    file.unlink()
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    program = (
        "import sys; from pathlib import Path; from linli.cli.lock import FolderLock\n"
        f"lock = FolderLock(Path({str(DataFolder(settings.data).run)!r})); lock.take(); print('has it', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "has it\n"
        assert command(monkeypatch, "gateway", "add", "gw9", "--community", "c001") == 2
        assert f"kill {other.pid}" in capsys.readouterr().err
        assert not file.exists()
        other.communicate()
    prepare(settings)
    after = BrokerUsers(file.parent).all()
    assert set(after) == set(before) | {"gateway.gw9"}
    assert all(after[name].password != user.password for name, user in before.items())


def test_preparing_waits_for_nobody_elses_folder(settings: Settings) -> None:
    """A folder in use is refused before anything in it is touched."""
    prepare(settings)
    from linli.cli.lock import FolderLock

    lock = FolderLock(DataFolder(settings.data).run)
    lock.take()
    try:
        with pytest.raises(DataFolderError):
            prepare(settings)
        with pytest.raises(DataFolderError):
            Stack(settings).check()
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:8480"), ("0.0.0.0", "http://127.0.0.1:8480"), ("::1", "http://[::1]:8480")],
)
def test_the_page_is_opened_on_this_machine(settings: Settings, host: str, address: str) -> None:
    """An address to listen on is not always one to open."""
    assert page_address(settings.model_copy(update={"host": host})) == address


def test_a_gateway_is_registered_and_its_agent_can_be_run(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the command prints is the agent's file, as the agent reads it."""
    prepare(settings)
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    assert command(monkeypatch, "gateway", "add", "gw9", "--community", "c001", "--name-en", "Ninth") == 0
    file = tmp_path / "agent.yaml"
    file.write_text(capsys.readouterr().out)
    site = load_site(file)
    assert (site.agent.gateway, site.agent.community) == ("gw9", "c001")
    user = BrokerUsers(DataFolder(settings.data).secrets).get(gateway_user("gw9"))
    assert (site.broker.host, site.broker.port) == settings.broker_endpoint
    assert (site.broker.username, site.broker.password) == (user.name, user.password)
    assert command(monkeypatch, "gateway", "list") == 0
    assert "Ninth" in capsys.readouterr().out


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])
def test_an_agent_elsewhere_is_told_that_there_is_no_tls(
    settings: Settings, bind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside its configuration, not in it."""
    prepare(settings)
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    monkeypatch.setenv("LINLI_BROKER_BIND", bind)
    assert command(monkeypatch, "gateway", "add", "gw9", "--community", "c001") == 0
    printed = capsys.readouterr()
    assert "TLS" in printed.err
    assert "TLS" not in printed.out


@pytest.mark.parametrize("language", ["zh", "en"])
def test_for_a_broker_of_ones_own_the_rights_are_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Its administrator makes the user; the file is readable all the same."""
    monkeypatch.setenv("LINLI_LANGUAGE", language)
    text = agent_config(settings.model_copy(update={"broker_host": "mq.example"}), "gw9", "c001")
    assert "publish linli/v1/c001/gateway/gw9/urgent" in text
    assert "subscribe linli/v1/c001/gateway/gw9/ack/+" in text
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    assert load_site(file).broker.host == "mq.example"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gw9", "--community", "nowhere"), "registered: c001"),
        (("Gateway 9", "--community", "c001"), "does not match"),
        (("gw-c001", "--community", "c002"), "no compound c002"),
    ],
)
def test_a_gateway_that_cannot_be(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    """Refused with the reason; nothing is registered."""
    prepare(settings)
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    assert command(monkeypatch, "gateway", "add", *arguments) == 2
    assert said in capsys.readouterr().err


def test_a_faulty_rule_is_told_before_anything_starts(tmp_path: Path) -> None:
    """A rules process that cannot start would be started again for ever."""
    (tmp_path / "bad.yaml").write_text("id: x\ntitel: {zh: 甲, en: A}\n", encoding="utf-8")
    own = load_settings(data=tmp_path / "data", rules=tmp_path)
    with pytest.raises(ConfigError) as fault:
        Stack(own).check()
    assert "bad.yaml" in str(fault.value)
    assert not (tmp_path / "data").exists()


def test_registering_again_keeps_the_names(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gateway add` of a gateway that a registry file named gives it credentials, no new name."""
    prepare(settings)
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    assert command(monkeypatch, "gateway", "add", "gw-c001", "--community", "c001", "--name-en", "Gate") == 0
    database = open_database(settings.app_database_url)
    with database.read() as connection:
        row = connection.execute(select(schema.gateways).where(schema.gateways.c.id == "gw-c001")).one()
    database.close()
    assert row.name_en == "Gate"
    assert row.name_zh not in ("", "gw-c001")


def test_a_newer_folder_is_not_looked_into(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a newer Linli wrote might be misread, or written to."""
    prepare(settings)
    (settings.data / "VERSION").write_text("99\n")
    monkeypatch.setenv("LINLI_DATA", str(settings.data))
    for words in (("status",), ("user", "list"), ("user", "reset", "admin"), ("deadletters",)):
        assert command(monkeypatch, *words) == 2
        assert "99" in capsys.readouterr().err
