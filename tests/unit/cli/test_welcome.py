"""What `linli up` says before anything runs."""

from pathlib import Path

import pytest

from linli.cli.stack import FirstRun, prepare
from linli.cli.up import _say_remarks, _say_welcome
from linli.db.database import open_database
from linli.db.people import People
from linli.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data", language="en")


@pytest.mark.parametrize(("bind", "told"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_passwords_in_clear_are_told_of(
    settings: Settings, bind: str, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """At each start at which other machines can reach the embedded broker."""
    _say_welcome(settings.model_copy(update={"broker_bind": bind}), FirstRun(), [])
    assert ("without TLS" in capsys.readouterr().out) is told


def test_accounts_made_later_are_not_called_a_first_run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """With --no-simulator first and the simulator later: who was there is told apart from who came, with a password."""
    prepare(settings.model_copy(update={"simulator": False}))
    later = prepare(settings)
    database = open_database(settings.app_database_url)
    _say_welcome(settings, later, People(database, settings.clock()).all())
    database.close()
    said = capsys.readouterr().out
    assert "First run" not in said
    assert "Accounts before: 1." in said
    assert all(account.password in said for account in later.accounts)


def test_overrides_that_do_nothing_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file and line; of files that are broken the processes tell."""
    overrides = tmp_path / "site"
    overrides.mkdir()
    file = overrides / "site.yaml"
    file.write_text("- {rule: loitering, where: {place: b99}, off: true}\n", "utf-8")
    settings = load_settings(data=tmp_path / "data", language="en", rules_overrides=overrides)
    prepare(settings)
    database = open_database(settings.app_database_url)
    _say_remarks(settings, database)
    told = f"{file}:1: the override of loitering at b99 does nothing: no place b99 is registered"
    assert capsys.readouterr().out == told + "\n"
    file.write_text("- {rule: loitering", "utf-8")
    _say_remarks(settings, database)
    assert capsys.readouterr().out == ""
    database.close()
