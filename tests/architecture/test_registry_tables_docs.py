"""The pages on importing the registry have the tables, columns and words of the code, and no others."""

import re
from pathlib import Path

import pytest

from linli.auditwords import PURPOSES
from linli.registry.tables.columns import TYPES
from linli.registry.tables.listed import TABLES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [("registry-import.md", "en"), ("registry-import.zh-CN.md", "zh")]


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_column_is_on_the_page_as_the_code_has_it(name: str, language: str) -> None:
    """Its name, both headings, whether a new item needs it, what stands there."""
    text = (DOCS / name).read_text("utf-8")
    parts = re.split(r"^### (.+) \(`(\w+)`\)$", text.split("## The words")[0].split("## 词表")[0], flags=re.MULTILINE)[
        1:
    ]
    found = {
        file: (sheet, [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| `")])
        for sheet, file, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    }
    wanted = {
        table.file: (
            table.sheet.of(language),
            [
                [
                    f"`{one.name}`",
                    f"{one.heading.zh} / {one.heading.en}{' *' if one.required else ''}",
                    TYPES[one.type].of(language),
                    one.note.of(language),
                ]
                for one in table.columns
            ],
        )
        for table in TABLES.values()
    }
    assert found == wanted


@pytest.mark.parametrize(("name", "language"), PAGES)
def test_every_word_is_on_the_page(name: str, language: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    for table in TABLES.values():
        for column in table.columns:
            if column.words is not None:
                words = ", ".join(f"{word.zh} / {word.en} (`{key}`)" for key, word in column.words.items())
                assert f"| `{table.file}` | `{column.name}` | {words} |" in text
    assert all(f"`{purpose}`" in text for purpose in PURPOSES)
