"""docs/rules.md and its Chinese twin say what is so."""

import re
from pathlib import Path

import msgspec
import pytest

from rules.language.load import CATALOGUE, load_rules
from rules.language.model import SENTENCE_FIELDS, Rule

DOCS = Path(__file__).parents[4] / "docs"
PAGES = [DOCS / "rules.md", DOCS / "rules.zh-CN.md"]


def blocks(page: Path) -> dict[str, str]:
    """The YAML examples of a page, by the file they are from."""
    found = re.findall(r"```yaml\n# rules/catalogue/(\S+)\.yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_rule_of_the_catalogue_is_an_example_as_it_is(page: Path) -> None:
    """Each line of each example stands in the file, in that order."""
    examples = blocks(page)
    assert set(examples) == {rule.id for rule in load_rules()}
    for name, example in examples.items():
        lines = (CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        wanted = example.splitlines()
        assert [line for line in lines if line in wanted] == wanted, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_and_every_field_of_a_sentence_is_named(page: Path) -> None:
    """Nobody has to read the code for one."""
    text = page.read_text(encoding="utf-8")
    keys = [field.encode_name for field in msgspec.structs.fields(Rule)]
    for word in [*keys, "reset_below", "reset_above", "keep", "quiet", "unit", "repeated", "during", "unless", "where"]:
        assert f"`{word}" in text, word
    for field in SENTENCE_FIELDS:
        assert f"`{{{field}}}`" in text, field


def test_both_pages_have_the_same_examples() -> None:
    """In the same order."""
    first, second = (list(blocks(page).items()) for page in PAGES)
    assert first == second
