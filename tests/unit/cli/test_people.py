"""What `linli user` says."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.people import user_app
from linli.cli.stack import prepare
from linli.db.database import open_database
from linli.db.people import People
from linli.i18n import Language
from linli.settings import load_settings
from linli.signin import Stage

ROLES = {
    Language.ZH: ("管理员", "安保", "物业"),
    Language.EN: ("administrator", "security", "property"),
}


@pytest.mark.parametrize(("language", "other"), [("zh", "en"), ("en", "zh")])
def test_roles_are_told_in_the_shells_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: Language, other: Language
) -> None:
    """In the list, and when one is added."""
    monkeypatch.setenv("LINLI_LANGUAGE", language)
    data = str(tmp_path / "data")
    prepare(load_settings(data=tmp_path / "data"))
    listed = CliRunner().invoke(user_app, ["list", "--data", data]).output
    roles = [line.split()[1] for line in listed.splitlines()[1:]]
    assert sorted(roles) == sorted(ROLES[language])
    added = CliRunner().invoke(user_app, ["add", "wang", "--role", "security", "--data", data]).output
    assert ROLES[language][1] in added
    assert ROLES[other][1] not in added


def test_passwords_of_a_first_run_that_others_can_reach_are_for_one_time(tmp_path: Path) -> None:
    """On one machine alone they go on: a trial stays two commands."""
    for host, stage in (("127.0.0.1", Stage.COMPLETE), ("0.0.0.0", Stage.PASSWORD)):
        settings = load_settings(data=tmp_path / host, host=host)
        made = prepare(settings).accounts
        database = open_database(settings.app_database_url)
        people = People(database, settings.clock(), settings.sign_in_policy)
        assert [people.sign_in(one.name, one.password).stage for one in made] == [stage] * 3
        database.close()
