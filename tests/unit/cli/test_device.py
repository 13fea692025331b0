"""What `linli device` says, and what its exit status is. (What it does at a broker: tests/integration/test_commands.py.)"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.access import SERVICES, BrokerUsers, service_user
from linli.cli import device as cli
from linli.cli.device import device_app
from linli.clock import MINUTE, SystemClock
from linli.commands.life import CommandEvent, CommandState
from linli.datafolder import DataFolder
from linli.db.commands import SqlCommands, StoredCommand
from linli.db.database import Database, open_database
from linli.db.migrate import upgrade
from linli.db.registry import save
from simulators.compound import COMMUNITY, GATEWAY, demo_registry
from tests.support import free_port

DOOR = "c001-door-08"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Prepared, with a broker that does not answer."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.setenv("LINLI_BROKER_PORT", str(free_port()))
    monkeypatch.setenv("LINLI_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    DataFolder(tmp_path).prepare()
    BrokerUsers(DataFolder(tmp_path).secrets).ensure({service_user(name): access for name, access in SERVICES.items()})
    made = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(made)
    with made.write() as connection:
        save(connection, demo_registry())
    yield made
    made.close()


def run(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(device_app, words)
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("c001-dor-08", "unlock", "--reason", "x"), "there is no device c001-dor-08; did you mean c001-door-08"),
        (("roof door", "unlock", "--reason", "x"), "did you mean c001-door-08?"),
        (("楼顶", "unlock", "--reason", "x"), "did you mean c001-door-08?"),
        (("zzz", "unlock", "--reason", "x"), "see linli device list"),
        ((DOOR, "unlock"), "'Open door' takes a reason: --reason"),
        ((DOOR, "unlock", "--reason", "  "), "takes a reason"),
        ((DOOR, "explode", "--reason", "x"), "it has unlock, lock"),
        (("c001-b1-lift-1", "up"), "a lift takes no commands"),
        ((DOOR, "unlock", "--seconds", "61", "--reason", "x"), "from 1 to 60"),
        ((DOOR, "lock", "--seconds", "5"), "takes no argument seconds"),
    ],
)
def test_what_cannot_be_asked_is_said_with_what_can(database: Database, words: tuple[str, ...], said: str) -> None:
    """Status 2, and nothing is kept or sent."""
    assert said in run("command", *words, status=2)
    assert SqlCommands(database).open() == []


def test_without_a_broker_nothing_is_sent_and_the_try_is_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 2; the record says who tried and why it was not sent."""
    monkeypatch.setattr(cli, "CONNECT_WITHIN_S", 0.1)
    said = run("command", DOOR, "unlock", "--reason", "ambulance\nfor building 1", status=2)
    assert "no connection to the broker" in said
    assert "will not be sent later" in said
    (kept,) = SqlCommands(database).of_device(DOOR, 9)
    assert (kept.state, kept.code, kept.reason) == (CommandState.REFUSED, "no_broker", "ambulance for building 1")
    assert kept.actor.startswith("cli:")
    told = run("commands", DOOR)
    assert re.search(r"Open door +cli:\S+ +Not carried out: there was no connection to the broker +ambulance", told)


def test_the_list_says_what_each_can_be_told(database: Database) -> None:
    """Id, kind, gateway, commands, name; of one compound if asked."""
    listed = run("list")
    assert re.search(r"c001-door-08 +Door +gw-c001 +unlock lock +Building 1, roof door", listed)
    assert re.search(r"c001-siren-01 +Siren +gw-c001 +on off +East gate siren", listed)
    assert re.search(r"c001-b1-lift-1 +Lift +gw-c001 +- ", listed)
    assert "no devices yet" in run("list", "--community", "c009")


def test_a_device_that_was_never_told_anything(database: Database) -> None:
    """Is said so; and one that was, in the compound's time, newest first."""
    assert "was never told anything" in run("commands", DOOR)
    now = SystemClock().now()
    for number, state in enumerate((CommandEvent.DONE, CommandEvent.EXPIRED)):
        at = now - (2 - number) * MINUTE
        told = StoredCommand(
            f"c{number}",
            COMMUNITY,
            DOOR,
            GATEWAY,
            "door",
            "unlock",
            {"seconds": 5},
            f"why {number}",
            "u404",
            at,
            at + 1,
        )
        SqlCommands(database).add(told, at_most=9, since=0)
        SqlCommands(database).apply(told.id, state, at)
    lines = run("commands", DOOR).splitlines()
    assert [line.split()[-2:] for line in lines[1:]] == [["why", "1"], ["why", "0"]]
    assert "No answer from the gateway" in lines[1]
    assert len(run("commands", DOOR, "--limit", "1").splitlines()) == 2


def test_in_chinese(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, in the shell's language."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert "没有设备 c001-dor-08；是不是 c001-door-08" in run("command", "c001-dor-08", "unlock", status=2)
    assert "“开门”须写明原因：--reason" in run("command", DOOR, "unlock", status=2)
    assert "1号楼楼顶门" in run("list")
