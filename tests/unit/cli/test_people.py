"""What `linli user` says."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from linli.cli.people import user_app
from linli.cli.stack import prepare
from linli.i18n import Language
from linli.settings import load_settings

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
