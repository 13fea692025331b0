"""`linli person`: what a person may ask for, from the terminal."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.adapters.sqlite_store import SqliteStore
from linli.cli.app import app
from linli.db.audit import SqlAudit
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.registrywriting import put
from linli.i18n import Text
from linli.model import Community
from linli.registry.changes import Origin
from linli.registry.inhabitants import Contact, Credential, Person
from linli.registry.kinds import Item
from tests.contract.test_store import event


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(f"sqlite:///{folder / 'linli.db'}")
    upgrade(database)
    items: list[Item] = [
        Community("c1", Text("甲", "A")),
        Person("i1", "c1", "王小明"),
        Contact("k1", "c1", "i1", "mobile", "13812345678"),
        Credential("n1", "c1", "i1", "card", "CARD-4711"),
    ]
    with database.write() as connection:
        put(connection, items, Origin(1))
    database.close()
    with closing(SqliteStore(folder / "readings.db")) as store:
        store.write(
            [
                event(1, community="c1", data={"credential": "CARD-4711"}),
                event(2, community="c1", data={"credential": "CARD-0815"}),
            ],
            {},
        )
    return folder


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["person", *words])
    return found.exit_code, found.output + str(found.exception or "")


def reasons(data: Path) -> list[str]:
    database = open_database(f"sqlite:///{data / 'linli.db'}")
    found = [one.texts.get("reason", "") for one in SqlAudit(database).newest()]
    database.close()
    return found


def test_exported_into_a_file_of_ones_own(data: Path, tmp_path: Path) -> None:
    """Readable for its owner alone; never over a file that is there."""
    file = tmp_path / "wang.json"
    words = ("export", "i1", str(file), "--reason", "asked for it", "--data", str(data))
    assert run(*words) == (0, f"3 records and 1 swipes are in {file}\n")
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text("utf-8"))
    assert {one["content"].get("name") or one["content"].get("value") for one in found["records"]} == {
        "王小明",
        "13812345678",
        "CARD-4711",
    }
    assert [one["data"] for one in found["swipes"]] == [{"credential": "CARD-4711"}]
    assert found["looks"][0]["verb"] == "person.exported"
    status, said = run(*words)
    assert status != 0 and "cannot be written" in said
    status, said = run("export", "nobody", str(tmp_path / "x"), "--reason", "x", "--data", str(data))
    assert status != 0 and "nobody" in said
    assert not (tmp_path / "x").exists()


def test_erased_only_when_one_is_sure(data: Path, tmp_path: Path) -> None:
    """First what would go; then it is gone, and asking again says so."""
    words = ("erase", "i1", "--reason", "moved away,\nso he says", "--data", str(data))
    status, said = run(*words)
    assert status == 1 and "would be erased: 3 records" in said and "--sure" in said
    assert run(*words, "--sure")[0] == 0
    run("export", "i1", str(tmp_path / "left.json"), "--reason", "to check", "--data", str(data))
    left = (tmp_path / "left.json").read_text("utf-8")
    assert "王小明" not in left and "13812345678" not in left
    assert left.count("so he says") == 0 and "moved away,\nso he says" in reasons(data)
    assert b"13812345678" not in b"".join(file.read_bytes() for file in data.glob("linli.db*"))
    swipes = b"".join(file.read_bytes() for file in data.glob("readings.db*"))
    assert b"CARD-4711" not in swipes and b"CARD-0815" in swipes
    status, said = run(*words, "--sure")
    assert status != 0 and "erased already" in said
