"""What is done at the machine is in the audit log, by the account that did it: the system's word counts, not the environment's."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.access import BrokerUsers
from linli.audit import Entry
from linli.cli.app import app
from linli.cli.stack import prepare
from linli.db.audit import Search, SqlAudit
from linli.db.auditcheck import check_log
from linli.db.database import Database, open_database
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Community
from linli.settings import load_settings

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Of an installation in a folder of its own, used by somebody whose environment says that they are another, by SSH."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LINLI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINLI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 51000 10.0.0.1 22")
    prepare(load_settings(), accounts=False)
    opened = open_database(load_settings().app_database_url)
    yield opened
    opened.close()


def run(*words: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)


def entries(database: Database, verb: str) -> list[Entry]:
    """Those of a verb, the oldest first; all by who runs this, and from where they came."""
    shown = list(SqlAudit(database).all(Search(verb=verb)))
    assert {one.entry.actor for one in shown} <= {ME}
    assert {one.texts.get("address") for one in shown} <= {"10.0.0.9"}
    assert not check_log(database, None).fault_count
    return [one.entry for one in shown]


def sources(database: Database, verb: str) -> set[object]:
    """Where it is from: a word of Linli's own in the chain, what somebody typed beside it."""
    shown = SqlAudit(database).all(Search(verb=verb))
    return {one.entry.facts.get("source", one.details().get("source")) for one in shown}


def test_secrets_that_are_rotated(database: Database) -> None:
    """Each by its name."""
    run("secrets", "rotate")
    run("secrets", "rotate", "services")
    found = entries(database, "secret.rotated")
    assert [(entry.kind, entry.ids) for entry in found] == [
        ("secret", ("seals",)),
        ("secret", ("links",)),
        ("secret", ("services",)),
    ]


def test_a_gateways_password_that_is_shown(database: Database) -> None:
    """Who saw which gateway's, each time; never the password."""
    with database.write() as connection:
        save(connection, [Community("c001", Text("甲", "A"))])
    for _ in range(2):
        run("gateway", "add", "gw1", "--community", "c001")
    found = entries(database, "enrolment.shown")
    assert [(entry.kind, entry.ids, entry.community) for entry in found] == [("gateway", ("gw1",), "c001")] * 2
    password = BrokerUsers(load_settings().data / "secrets").get("gateway.gw1").password
    assert password not in str([(one.entry, one.texts) for one in SqlAudit(database).all()])


def test_an_import_of_the_registry(database: Database, tmp_path: Path) -> None:
    """What came from where."""
    (tmp_path / "compounds.csv").write_text("name_zh,name_en\n望湖苑,Lakeview Court\n", "utf-8")
    run("registry", "import", "compounds.csv")
    assert len(entries(database, "registry.loaded")) == 1
    assert sources(database, "registry.loaded") == {"compounds"}
    assert len(entries(database, "registry.community.changed")) == 1


def test_an_export_of_the_registry(database: Database) -> None:
    """What went out."""
    run("registry", "export", "all.zip")
    assert len(entries(database, "registry.exported")) == 1


def test_a_registry_of_yaml(database: Database) -> None:
    """Every item by its id."""
    example = Path(__file__).parents[3] / "edge" / "examples" / "registry.yaml"
    run("registry", "load", str(example))
    assert entries(database, "registry.")


def test_a_day_of_the_calendar(database: Database) -> None:
    """Put in and taken out."""
    run("holidays", "add", "2026-10-01", "--name-en", "National Day", "--name-zh", "国庆节")
    run("holidays", "remove", "2026-10-01")
    found = entries(database, "registry.holiday.")
    assert [entry.verb for entry in found] == ["registry.holiday.changed", "registry.holiday.removed"]


def test_an_account(database: Database) -> None:
    """Made and disabled at the machine."""
    run("user", "add", "li.wei", "--role", "auditor")
    run("user", "disable", "li.wei")
    assert [entry.verb for entry in entries(database, "account.")] == ["account.added", "account.disabled"]


def test_the_demo_district(database: Database) -> None:
    """That all of it is invented stands in each entry, as its source."""
    sizes = ("--committees", "1", "--compounds", "2", "--devices", "100", "--households", "10")
    run("demo", "district", *sizes)
    assert entries(database, "registry.")
    assert sources(database, "registry.") == {"demo"}
