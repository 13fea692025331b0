"""What `linli up` says before anything runs."""

from pathlib import Path

import pytest

from linli.cli.stack import FirstRun
from linli.cli.up import _say_welcome
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
    assert ("no TLS" in capsys.readouterr().out) is told
