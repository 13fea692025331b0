"""docs/trying-rules.md and its Chinese twin: the examples run, and every key is named."""

import re
from pathlib import Path

import msgspec
import pytest

from rules.trial.plan import Change
from rules.trial.reading import read_trial
from rules.trial.runner import run
from rules.trial.script import KINDS, Expect, Given, Script, Story

DOCS = Path(__file__).parents[4] / "docs"
PAGES = [DOCS / "trying-rules.md", DOCS / "trying-rules.zh-CN.md"]


def files(page: Path) -> dict[str, str]:
    """The files that the page shows, by name."""
    return dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_passes(page: Path, tmp_path: Path) -> None:
    """Written down as it stands there."""
    for name, text in files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    trial = read_trial(tmp_path / "freezer-test.yaml", {})
    assert [run(trial, case).passed for case in trial.cases] == [True, True]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_is_named(page: Path) -> None:
    """Nobody has to read the code for one."""
    text = page.read_text(encoding="utf-8")
    for kind in (Script, Story, Given, Expect):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"[`{{ ,(]{field.encode_name}[`:]", text), field.encode_name
    for word in (*KINDS, *Change):
        assert word in text, word


def test_both_pages_have_the_same_example() -> None:
    """Word for word."""
    assert files(PAGES[0]) == files(PAGES[1])
