"""docs/security.md: what it says is tried is tried, in both languages, and every line of a reviewer's list is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("security.md", "security.zh-CN.md")]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def named(page: Path) -> list[tuple[str, str]]:
    return _NAMED.findall(page.read_text())


@pytest.mark.parametrize(("file", "test"), sorted(set(named(PAGES[0]))))
def test_each_test_that_is_named_exists(file: str, test: str) -> None:
    """A test that was renamed is renamed in the table too."""
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file} has no {test}"


def test_both_languages_name_the_same_tests() -> None:
    """In the same order: the tables are the same."""
    assert named(PAGES[0]) == named(PAGES[1])
    assert len(named(PAGES[0])) > 40


def test_every_test_of_security_is_in_the_table() -> None:
    """What is worth a test here is worth a line there."""
    files = sorted(Path(__file__).parent.glob("test_*.py"))
    named_files = {file for file, _ in named(PAGES[0])}
    assert {f"tests/security/{file.name}" for file in files} - named_files <= {"tests/security/test_table.py"}
