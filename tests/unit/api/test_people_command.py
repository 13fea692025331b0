"""`linli user` and `linli token` on a data folder."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from sqlalchemy import insert, update
from typer.testing import CliRunner

from linli.cli.people import user_app
from linli.cli.secrets import secrets_app
from linli.cli.tokens import token_app
from linli.clock import SECOND, SystemClock
from linli.db import schema
from linli.db.database import open_database
from linli.db.migrate import upgrade
from linli.db.people import People
from linli.db.registry import save
from linli.i18n import Text
from linli.model import Community, Role
from linli.sealing import Seals
from linli.secondfactor import code_at
from linli.signin import SignInPolicy, Stage

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    database = open_database(f"sqlite:///{tmp_path / 'linli.db'}")
    upgrade(database)
    with database.write() as connection:
        save(connection, [Community(name, Text(name, name)) for name in ("c001", "c002")])
    database.close()
    return tmp_path


@pytest.fixture
def people(folder: Path) -> Iterator[People]:
    database = open_database(f"sqlite:///{folder / 'linli.db'}")
    yield People(database, SystemClock())
    database.close()


def run(app: typer.Typer, folder: Path, *words: str, status: int = 0, typed: str | None = None) -> str:
    result = RUNNER.invoke(app, [*words, "--data", str(folder)], input=typed)
    assert result.exit_code == status, result.output
    return result.output


def test_an_added_account_signs_in_with_what_was_shown(folder: Path, people: People) -> None:
    """In the communities named, or in all that there are."""
    shown = run(user_app, folder, "add", "guard", "--role", "security", "--community", "c001")
    password = re.search(r"password: (\S+)", shown)
    assert password is not None
    signed = people.sign_in("guard", password.group(1))
    assert signed.stage is Stage.PASSWORD
    assert signed.person.communities == frozenset({"c001"})
    run(user_app, folder, "add", "manager", "--role", "property")
    assert people.get("manager").communities == frozenset({"c001", "c002"})
    listed = run(user_app, folder, "list")
    assert re.search(r"guard +security +c001 +one-time password +- ", listed)


def test_a_reset_gives_a_new_password(folder: Path, people: People) -> None:
    """That works, for who lost the first."""
    run(user_app, folder, "add", "guard", "--role", "security")
    for command in ("reset-password", "reset"):
        shown = run(user_app, folder, command, "guard")
        people.sign_in("guard", shown.split("password: ")[1].split()[0])


def test_a_typed_password_is_not_shown(folder: Path, people: People) -> None:
    """Neither while typing nor after."""
    typed = "correct horse battery"
    shown = run(user_app, folder, "add", "guard", "--role", "security", "--ask", typed=f"{typed}\n{typed}\n")
    assert typed not in shown
    people.sign_in("guard", typed)


def test_disabling_and_enabling(folder: Path, people: People) -> None:
    """As the list shows."""
    run(user_app, folder, "add", "guard", "--role", "security")
    run(user_app, folder, "disable", "guard")
    assert "disabled" in run(user_app, folder, "list")
    run(user_app, folder, "enable", "guard")
    assert people.get("guard").enabled


def test_a_token_works_until_it_is_revoked(folder: Path, people: People) -> None:
    """Its secret is shown once and never listed."""
    run(user_app, folder, "add", "guard", "--role", "security")
    shown = run(token_app, folder, "new", "guard", "--name", "nightly", "--days", "3")
    secret = re.search(r"linli_\S+", shown)
    number = re.search(r"token (t\w+)", shown)
    assert secret is not None
    assert number is not None
    assert people.by_token(secret.group()) is not None
    listed = run(token_app, folder, "list")
    assert "nightly" in listed
    assert secret.group() not in listed
    run(token_app, folder, "revoke", number.group(1))
    assert people.by_token(secret.group()) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reset", "nobody"), "there is no account named nobody"),
        (("add", "Bad Name", "--role", "security"), "a sign-in name is"),
        (("add", "x", "--role", "security", "--community", "c009"), "no such community: c009"),
        (("disable", "nobody"), "there is no account named nobody"),
    ],
)
def test_errors_are_a_sentence_and_status_2(folder: Path, words: tuple[str, ...], said: str) -> None:
    """Without a trace."""
    assert said in run(user_app, folder, *words, status=2)


def test_a_folder_without_a_database_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    """And makes none."""
    empty = tmp_path / "empty"
    assert "linli up" in run(user_app, empty, "list", status=2)
    assert not empty.exists()


def test_a_database_that_is_not_one_of_ours(folder: Path) -> None:
    """A sentence, not a trace."""
    (folder / "linli.db").write_bytes(b"")
    assert "cannot be used" in run(user_app, folder, "list", status=2)


def test_output_in_chinese(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the shell speaks it."""
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert "密码：" in run(user_app, folder, "add", "guard", "--role", "security")


def test_help_loads_nothing_heavy() -> None:
    """So `linli --help` is quick."""
    code = "import sys, linli.cli.people, linli.cli.tokens; print([m for m in ('sqlalchemy', 'pydantic', 'pwdlib') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_an_account_moves_to_another_community(folder: Path, people: People) -> None:
    """A compound registered later is nobody's until somebody is assigned to it; an administrator needs no such thing."""
    run(user_app, folder, "add", "guard", "--role", "security", "--community", "c001")
    run(user_app, folder, "assign", "guard", "c001", "c002")
    assert people.get("guard").communities == frozenset({"c001", "c002"})
    run(user_app, folder, "assign", "guard", "c002")
    assert people.get("guard").communities == frozenset({"c002"})
    assert "c003" in run(user_app, folder, "assign", "guard", "c003", status=2)
    assert people.get("guard").communities == frozenset({"c002"})
    run(user_app, folder, "add", "boss", "--role", "administrator")
    assert "all" in run(user_app, folder, "assign", "boss", "c001", status=2)


def test_committees_by_command(folder: Path, people: People) -> None:
    """All of their communities, and those alone."""
    names = {"name_zh": "v1", "name_en": "v1"}
    with people._database.write() as connection:
        connection.execute(insert(schema.districts).values(id="d1", **names))
        connection.execute(insert(schema.committees).values(id="v1", district_id="d1", kind="village", **names))
        table = schema.communities
        connection.execute(update(table).where(table.c.id == "c002").values(committee_id="v1"))
    assert "c002" in run(user_app, folder, "add", "cadre", "--role", "committee", "--committee", "v1")
    assert people.get("cadre").communities == frozenset({"c002"})
    run(user_app, folder, "assign", "cadre", "c001", "--committee", "v1")
    assert people.get("cadre").communities == frozenset({"c001", "c002"})


def test_another_role_by_command(folder: Path, people: People) -> None:
    """The last administrator stays one."""
    run(user_app, folder, "add", "boss", "--role", "administrator")
    assert "nobody would be left" in run(user_app, folder, "role", "boss", "auditor", status=2)
    run(user_app, folder, "add", "second", "--role", "administrator")
    assert "auditor" in run(user_app, folder, "role", "boss", "auditor")
    assert people.get("boss").role is Role.AUDITOR


def test_sessions_by_command(folder: Path, people: People) -> None:
    """Listed without a secret, and ended."""
    people.add("guard", Role.SECURITY, ["c001"], password="violet harbour 42 tin")
    token = people.sign_in("guard", "violet harbour 42 tin", "192.0.2.7", "Firefox").token
    listed = run(user_app, folder, "sessions", "guard")
    assert "192.0.2.7" in listed
    assert token not in listed
    assert "1 sessions" in run(user_app, folder, "sign-out", "guard")
    assert people.by_session(token) is None


def test_the_way_back_for_the_last_administrator(folder: Path) -> None:
    """At the machine: phone lost, and the key of another data folder; a rotation in between changes nothing."""
    seals, clock = Seals(folder / "secrets"), SystemClock()
    database = open_database(f"sqlite:///{folder / 'linli.db'}")
    people = People(database, clock, SignInPolicy(second_factor=True), seals)
    people.add("boss", Role.ADMINISTRATOR, password="violet harbour 42 tin")
    token = people.sign_in("boss", "violet harbour 42 tin").token
    offer = people.offer_factor(token)
    people.enrol_factor(token, code_at(offer.secret, clock.now()))
    before = seals.file.read_text()
    assert ": 1" in run(secrets_app, folder, "rotate")
    assert seals.file.read_text() != before
    entered = people.sign_in("boss", "violet harbour 42 tin")
    later = code_at(offer.secret, clock.now() + 30 * SECOND)
    assert people.give_code(entered.token, later).stage is Stage.COMPLETE
    assert "yes" in run(user_app, folder, "list")
    run(user_app, folder, "reset-totp", "boss")
    assert people.sign_in("boss", "violet harbour 42 tin").stage is Stage.ENROLMENT
    database.close()


def test_an_identity_by_command(folder: Path, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linked by its subject, where a provider is set; and unlinked."""
    run(user_app, folder, "add", "guard", "--role", "security")
    assert "oidc_issuer is not set" in run(user_app, folder, "link", "guard", "u-1", status=2)
    monkeypatch.setenv("LINLI_OIDC_ISSUER", "https://id.example")
    run(user_app, folder, "link", "guard", "u-1")
    found = people.identities.find("https://id.example", "u-1")
    assert found is not None
    assert found[0].name == "guard"
    run(user_app, folder, "link", "guard")
    assert people.identities.find("https://id.example", "u-1") is None


def test_a_token_is_limited_by_command(folder: Path, people: People) -> None:
    """To operations and communities; an integrator has no password to show."""
    shown = run(user_app, folder, "add", "hub", "--role", "integrator")
    assert "password" not in shown
    assert "linli token new hub" in shown
    shown = run(token_app, folder, "new", "hub", "--may", "see", "--may", "export", "--community", "c001")
    secret = re.search(r"linli_\S+", shown)
    assert secret is not None
    person = people.by_token(secret.group())
    assert person is not None
    assert (sorted(person.operations), person.communities) == (["export", "see"], frozenset({"c001"}))
    listed = run(token_app, folder, "list")
    assert "export, see" in listed
    assert "may not do" in run(token_app, folder, "new", "hub", "--may", "enrol", status=2)
