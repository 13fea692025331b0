"""The pages about the audit log say what the code says: verbs, purposes, classes of retention, and the export that anybody can check."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from linli.audit import EMPTY, Act, Head, Who, follow
from linli.auditwords import PURPOSES, VERBS
from linli.i18n import Language
from linli.keeping import CLASSES
from linli.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"audit.md": Language.EN, "audit.zh-CN.md": Language.ZH}


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, or under its words."""
    text = (DOCS / page).read_text("utf-8").split(heading)[1]
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("|"):
            found.append([cell.strip() for cell in line.strip("|").split("|")])
        elif found:
            break
    return found[2:]


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_and_purpose_is_on_the_page_and_no_other(page: str) -> None:
    """In its words."""
    language = PAGES[page]
    verbs, purposes = ("## Verbs", "## Personal data") if language is Language.EN else ("## 动作", "## 个人信息")
    assert {row[0].strip("`"): row[1] for row in table(page, verbs)} == {k: t.of(language) for k, t in VERBS.items()}
    told = {row[0].strip("`"): row[1] for row in table(page, purposes)}
    assert told == {name: text.of(language) for name, text in PURPOSES.items()}


@pytest.mark.parametrize("page", PAGES)
def test_every_class_of_retention_is_on_the_page_with_its_days(page: str) -> None:
    """As they are without settings."""
    language = PAGES[page]
    rows = table(page, "## How long" if language is Language.EN else "## 保存多久")
    assert [row[0] for row in rows] == [one.name.of(language) for one in CLASSES.values()]
    for row, one in zip(rows, CLASSES.values(), strict=True):
        assert row[1].strip("`") == one.setting
        if one.setting:
            days = Settings.model_fields[one.setting].default
            assert row[2].startswith(f"{days:g}" if days else ("for ever", "永久"))
            assert ("190" in row[2]) == bool(one.least)
        else:
            assert row[2] == (f"{one.fixed}" if one.fixed else "")


def test_the_few_lines_that_check_an_export_do() -> None:
    """As the page has them: a chain passes, an edit does not."""
    page = (DOCS / "audit.md").read_text("utf-8")
    found = re.search(r"python3 -c '\n(.*?)    ' < everything", page, re.DOTALL)
    assert found is not None
    script = "\n".join(line.removeprefix("    ") for line in found[1].splitlines())

    head, lines = EMPTY, []
    for reason in ("甲", "乙", "丙"):
        entry, kept = follow(head, Act("arming.changed", Who("p1"), reason=reason), 1, [b"0123456789abcdef"])
        head = Head(entry.seq, entry.hash)
        beside = {name: one.text for name, one in kept.items()}
        lines.append(json.dumps(entry.document() | {"hash": entry.hash, "beside": beside}, ensure_ascii=False))

    def run(text: str) -> int:
        command = [sys.executable, "-X", "utf8", "-c", script]
        return subprocess.run(command, input=text.encode(), capture_output=True, check=False).returncode

    assert run("\n".join(lines)) == 0
    assert run("\n".join(lines).replace('"p1"', '"p2"', 1)) == 1
    assert run("\n".join((lines[0], lines[2]))) == 1
