"""`linli user` and which person of the registry a resident is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.people import user_app
from linli.clock import SystemClock
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.people import People
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Community
from linli.registry.inhabitants import Person


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    database = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(database)
    with database.write() as connection:
        save(connection, [Community("c001", Text("c001", "c001"))])
        save(connection, [Person("i1", "c001", "Ann"), Person("i2", "c001", "Ben")])
    yield People(database, SystemClock())
    database.close()


def run(folder: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(user_app, [*words, "--data", str(folder)])
    assert result.exit_code == status, result.output
    return result.output


def test_a_resident_is_linked_when_added_and_later(people: People, tmp_path: Path) -> None:
    """Shown in the list where others have their communities; unlinked by naming nobody."""
    run(tmp_path, "add", "zhao", "--role", "resident", "--person", "i1")
    assert people.get("zhao").registered_as == "i1"
    assert "i1" in run(tmp_path, "list")
    assert "zhao is the person i2" in run(tmp_path, "person", "zhao", "i2")
    assert people.get("zhao").registered_as == "i2"
    run(tmp_path, "person", "zhao")
    assert people.get("zhao").registered_as is None


def test_nobody_is_linked_to_who_is_not_there_or_has_an_account(people: People, tmp_path: Path) -> None:
    """Nothing is added then."""
    run(tmp_path, "add", "zhao", "--role", "resident", "--person", "i1")
    run(tmp_path, "add", "twice", "--role", "resident", "--person", "i1", status=2)
    run(tmp_path, "add", "ghost", "--role", "resident", "--person", "i9", status=2)
    run(tmp_path, "add", "guard", "--role", "security", "--person", "i2", status=2)
    assert [person.name for person in people.all()] == ["zhao"]
