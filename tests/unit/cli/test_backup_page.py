"""The page about backups says of the commands what they say themselves."""

import re
from pathlib import Path

import pytest

from tests.unit.cli.test_backup import run

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "docs").glob("backup*.md"))
HELP = (("backup",), ("backup", "verify"), ("restore",), ("up",), ("reconcile",))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_names_options_that_there_are(page: Path) -> None:
    """Of the commands that it shows."""
    given = set(re.findall(r"--[a-z][a-z-]+", page.read_text("utf-8")))
    ours = set(re.findall(r"--[a-z][a-z-]+", " ".join(run(*words, "--help") for words in HELP)))
    assert given - ours <= {"--encrypt", "--simulator"}, given - ours


def test_what_the_page_says_that_it_may_say_it_may() -> None:
    """Word for word, in both languages."""
    source = "".join(file.read_text("utf-8") for file in (ROOT / "linli").rglob("backups*/*.py"))
    source += (ROOT / "linli" / "backups.py").read_text("utf-8")
    said = re.sub(r'"\s+f?"', "", source)
    for page in PAGES:
        _, _, table = page.read_text("utf-8").rpartition("|---|---|")
        phrases = [words for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for words in row.split("`")[1::2]]
        assert len(phrases) >= 9
        for phrase in phrases:
            parts = [part.strip() for part in phrase.split("…") if part.strip()]
            assert all(part in said for part in parts), phrase
