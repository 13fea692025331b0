"""The guide for integrators: each of its ten things works as it stands there, with curl and with Python, in both pages alike."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from linli.model import Role
from tests.databases import Databases
from tests.integration.api_world import HOME, World, make_alert, running_world

pytestmark = pytest.mark.integration

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
EXPECTED = {
    "1": ("integrator", "integrator"),
    "2": ('"severity":"high"', "Door forced|door forced"),
    "3": ('"next":null', r"\d+ alerts"),
    "4": ('"acknowledge_comment"', "desk"),
    "5": ("urn:linli:problem:conflict", "409 urn:linli:problem:conflict"),
    "6": ("event: alert", r"\d+ opened"),
    "7": (f"{HOME}-door", ""),
    "8": ('"mean":7.0', "7.0"),
    "9": (f"{HOME}-side-door", '"1"'),
    "10": ("door-forced", f"a{HOME}"),
}
"""What curl's and Python's answers hold."""


def sections(file: str) -> dict[str, dict[str, str]]:
    """By number: the shell's and Python's lines; under '' what all of Python's begin with."""
    text = (DOCS / file).read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE):
        number = part.partition(".")[0] if part[0].isdigit() else ""
        found[number] = dict(BLOCK.findall(part))
    return found


GUIDE = sections("integrating.md")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("guide")
    with databases.new() as url, running_world(folder, url) as running:
        yield running


@pytest.fixture(scope="module")
def environment(world: World) -> dict[str, str]:
    world.services.people.add("desk", Role.INTEGRATOR, [HOME], display_name="desk")
    token = world.services.people.new_token("desk", "guide", 1)[1]
    return dict(os.environ, LINLI_URL=world.url, LINLI_TOKEN=token, LANG="C.UTF-8")


def run(words: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("number", EXPECTED)
def test_it_works_as_it_stands_there(number: str, world: World, environment: dict[str, str], tmp_path: Path) -> None:
    """First the shell's lines, then Python's; each with an alert of its own to act on."""
    for way, kind in enumerate(("sh", "python")):
        world.change(make_alert(HOME, 100 + 10 * way + int(number), world.clock.now() + int(number) * 1000))
        code = GUIDE[number][kind]
        words = ["bash", "-euo", "pipefail", "-c", code]
        if kind == "python":
            words = [sys.executable, "-P", "-c", GUIDE[""]["python"] + code]
        said = run(words, environment | {"PYTHONPATH": str(DOCS.parent)}, tmp_path)
        assert re.search(EXPECTED[number][way], said), said[:2000]


def test_both_pages_have_the_same_ten() -> None:
    """What is translated is the words around them."""
    chinese = sections("integrating.zh-CN.md")
    assert chinese == GUIDE
    assert GUIDE.keys() == {"", *EXPECTED}
