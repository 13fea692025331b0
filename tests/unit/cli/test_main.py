"""The command line: a good place to start, in both languages, and quick."""

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

LINLI = Path(sys.executable).with_name("linli")


def linli(*arguments: str, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LINLI_", "LC_", "LANG"))}
    return subprocess.run(
        [LINLI, *arguments], env=clean | environment, cwd=cwd, capture_output=True, text=True, check=False
    )


COMMANDS = (
    *("up", "status", "simulate", "bench", "deadletters", "rules", "user"),
    *("token", "gateway", "agent", "dashboards", "device", "version", "alerts", "devices", "webhooks", "database"),
)


@pytest.mark.parametrize(("language", "word"), [("zh", "值班人"), ("en", "person on duty")])
def test_help_names_every_command_and_where_to_start(tmp_path: Path, language: str, word: str) -> None:
    """In the language of the shell; without a word on standard error."""
    done = linli("--help", cwd=tmp_path, LINLI_LANGUAGE=language)
    assert (done.returncode, done.stderr) == (0, "")
    assert word in done.stdout
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    assert "linli up" in done.stdout


def test_the_shells_locale_chooses_the_language(tmp_path: Path) -> None:
    """LINLI_LANGUAGE goes before LANG."""
    assert "选项" in linli("--help", cwd=tmp_path, LANG="zh_CN.UTF-8").stdout
    assert "Options" in linli("--help", cwd=tmp_path, LANG="zh_CN.UTF-8", LINLI_LANGUAGE="en").stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_command_has_help(tmp_path: Path, command: str, language: str) -> None:
    """And none needs a data folder for it."""
    done = linli(command, "--help", cwd=tmp_path, LINLI_LANGUAGE=language)
    assert done.returncode == 0, done.stderr
    assert {"zh": "显示本说明", "en": "Show this page"}[language] in done.stdout
    assert not list(tmp_path.iterdir())


def test_chinese_is_folded_and_not_cut_off(tmp_path: Path) -> None:
    """It has no spaces to wrap at; a line that is full goes on in the next."""
    done = linli("user", "add", "--help", cwd=tmp_path, LINLI_LANGUAGE="zh")
    assert "\N{HORIZONTAL ELLIPSIS}" not in done.stdout


def test_help_comes_at_once(tmp_path: Path) -> None:
    """Under half a second of this process's time: nothing heavy is imported for it."""
    script = (
        "import sys; sys.argv = ['linli', '--help']\n"
        "from linli.cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "heavy = {'nicegui', 'sqlalchemy', 'influxdb_client', 'fastapi', 'numpy', 'pydantic_settings', 'paho'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    began = monotonic()
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert monotonic() - began < 5, "a loaded machine may be slow; ten times as slow is a heavy import"


def test_version(tmp_path: Path) -> None:
    from linli import __version__

    assert linli("version", cwd=tmp_path).stdout.strip() == f"Linli {__version__}"


@pytest.mark.parametrize(("language", "said"), [("zh", "没有名为 LINLI_PROT 的设置"), ("en", "no setting LINLI_PROT")])
def test_an_error_of_ours_is_a_sentence_and_exit_status_2(tmp_path: Path, language: str, said: str) -> None:
    """On standard error, without a traceback."""
    done = linli("up", cwd=tmp_path, LINLI_PROT="1", LINLI_LANGUAGE=language)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_command_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = linli("statsu", cwd=tmp_path, LINLI_LANGUAGE="en")
    assert done.returncode == 2
    assert "status" in done.stderr


def test_rules_check_tells_file_and_line(tmp_path: Path) -> None:
    """The catalogue is sound; a file that is not is told where."""
    assert "door-forced" in linli("rules", "check", cwd=tmp_path).stdout
    (tmp_path / "bad.yaml").write_text("id: x\nid: y\n")
    done = linli("rules", "check", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert "bad.yaml:2" in done.stderr


@pytest.mark.parametrize("command", [("status",), ("gateway", "list"), ("gateway", "add", "g", "--community", "c")])
def test_without_data_it_says_what_to_do_first(tmp_path: Path, command: tuple[str, ...]) -> None:
    """No folder is made by looking."""
    done = linli(*command, cwd=tmp_path, LINLI_LANGUAGE="en")
    assert done.returncode == 2
    assert "linli up" in done.stderr
    assert not list(tmp_path.iterdir())
