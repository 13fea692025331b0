"""The README's commands are run as they stand there: what a newcomer types must work."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import eventually, free_port

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def blocks(file: str) -> list[list[str]]:
    """The commands of each ```sh block, without their comments."""
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [[line.split("   #")[0].split("  #")[0].strip() for line in block.splitlines()] for block in found]


READMES = ("README.md", "README.zh-CN.md")
TWO, ALONE, RUNNING, CURL = blocks("README.md")


def command(line: str) -> list[str]:
    """The command with this interpreter's `linli` for that of the project's virtual environment."""
    words = shlex.split(line)
    if words[0] == ".venv/bin/linli":
        words[0] = str(Path(sys.executable).with_name("linli"))
    return words


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    own = {
        "LINLI_DATA": str(tmp_path_factory.mktemp("data")),
        "LINLI_PORT": str(free_port()),
        "LINLI_BROKER_PORT": str(free_port()),
        "LINLI_LANGUAGE": "en",
    }
    return os.environ | own


@pytest.fixture(scope="module")
def running(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`make up` of the README, running; gives the file with what it prints."""
    said = tmp_path_factory.mktemp("up") / "said.txt"
    with said.open("w") as out:
        up = subprocess.Popen(
            ["make", *shlex.split(TWO[0])[1:]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: "All parts run" in said.read_text() or up.poll() is not None, 120, "make up runs all parts")
        assert up.poll() is None, said.read_text()
        assert "admin" in said.read_text()
        yield said
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(timeout=30)


def test_both_readmes_have_the_same_commands() -> None:
    """A command changed in one language is changed in the other."""
    assert [[c.replace("姓名", "NAME") for c in block] for block in blocks("README.zh-CN.md")] == [
        TWO,
        ALONE,
        RUNNING,
        CURL,
    ]


def test_the_two_commands_are_targets_of_make() -> None:
    """`make test` calls pytest after `make check`; it cannot run itself here."""
    assert TWO == ["make up", "make test"]
    plan = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pytest" in plan
    assert "mypy" in plan
    assert "lint-imports" in plan


@pytest.mark.parametrize("line", ALONE)
def test_commands_that_stand_alone(line: str, environment: dict[str, str], tmp_path: Path) -> None:
    """They work before anything else was started, on an empty data folder."""
    own = environment | {"LINLI_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        command(line), check=False, env=own, cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("line", RUNNING)
def test_commands_with_linli_running(line: str, environment: dict[str, str], running: Path) -> None:
    """They look into the Linli that `make up` started."""
    done = subprocess.run(
        command(line), check=False, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr + running.read_text()
    assert done.stdout.strip()


@pytest.fixture(scope="module")
def token(environment: dict[str, str], running: Path) -> str:
    """A token of `linli token new`."""
    assert running.exists()
    line = ".venv/bin/linli token new admin"
    made = subprocess.run(command(line), env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    secret: str = re.findall(r"[A-Za-z0-9_-]{24,}", made.stdout)[-1]
    return secret


def test_a_token_opens_the_api(environment: dict[str, str], token: str) -> None:
    """The curl line's request, with the address of this run."""
    url = shlex.split(CURL[0])[-1].replace("8480", environment["LINLI_PORT"])
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    assert httpx.get(url).status_code == 401


def served_paths(file: str) -> set[str]:
    """Every path of the server that a README names, in backticks or in an address."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return set(re.findall(r"(?:`|http://127\.0\.0\.1:8480)(/[^\s`)]*)", text))


@pytest.mark.parametrize("file", READMES)
def test_every_path_named_is_served(file: str, environment: dict[str, str], token: str) -> None:
    """Nobody is sent to a page that is not there."""
    named = served_paths(file)
    assert named >= {"/api/v1/openapi.json", "/api/v1/alerts"}
    for path in named:
        url = f"http://127.0.0.1:{environment['LINLI_PORT']}{path}"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, path


@pytest.mark.parametrize("file", READMES)
def test_every_relative_link_leads_somewhere(file: str) -> None:
    """Files and folders of this repository that a README links to are there."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / file).read_text(encoding="utf-8"))
    relative = [link.partition("#")[0] for link in links if "://" not in link]
    assert len(relative) > 10
    assert [link for link in relative if not (ROOT / link).exists()] == []
