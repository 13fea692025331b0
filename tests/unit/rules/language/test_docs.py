"""docs/rules.md and its Chinese twin say what is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linli.arming import MODES
from linli.yamlfile import open_source
from rules.language import model
from rules.language.check import SUBJECTS, check
from rules.language.load import CATALOGUE, load_rules, read_overrides
from rules.language.model import SENTENCE_FIELDS, Clause
from rules.language.overrides import FIXED

DOCS = Path(__file__).parents[4] / "docs"
PAGES = [DOCS / "rules.md", DOCS / "rules.zh-CN.md"]
both_pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, name: str) -> dict[str, str]:
    """The YAML examples of a page whose first line is a comment like `name`, by what its group matches."""
    found = re.findall(rf"```yaml\n# {name}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


def examples(page: Path) -> dict[str, str]:
    """Those from the catalogue, by rule."""
    return blocks(page, r"rules/catalogue/(\S+)\.yaml")


def structs() -> Iterator[str]:
    """Every key of every part of the language."""
    for part in vars(model).values():
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            yield from (field.encode_name for field in msgspec.structs.fields(part))


@both_pages
def test_every_rule_of_the_catalogue_is_an_example_as_it_is(page: Path) -> None:
    """Each line of each example stands in the file, in that order."""
    assert set(examples(page)) == {rule.id for rule in load_rules()}
    for name, example in examples(page).items():
        lines = iter((CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8").splitlines())
        assert [wanted for wanted in example.splitlines() if wanted not in lines] == [], name


@both_pages
def test_every_key_of_the_language_is_named(page: Path) -> None:
    """Nobody has to read the code for one; so with what a sentence, a subject and a mode may be."""
    text = page.read_text(encoding="utf-8")
    code = " ".join(re.findall(r"`([^`]*)`", text)) + "".join(re.findall(r"```yaml(.*?)```", text, re.DOTALL))
    words = set(re.findall(r"[a-z_]+", code))
    assert set(structs()) - words == set()
    assert {*SUBJECTS, *MODES, *FIXED} - words == set()
    for field in SENTENCE_FIELDS:
        assert f"`{{{field}}}`" in text, field


@both_pages
def test_the_clause_beside_the_catalogue_is_sound(page: Path, tmp_path: Path) -> None:
    """What no rule of the catalogue uses is tried all the same."""
    (tmp_path / "clause.yaml").write_text(blocks(page, r"(a clause)")["a clause"], encoding="utf-8")
    clauses = open_source(tmp_path / "clause.yaml").convert(tuple[Clause, ...])
    check(msgspec.structs.replace(load_rules()[0], when=clauses))


@both_pages
def test_the_overrides_are_sound(page: Path, tmp_path: Path) -> None:
    """Over the catalogue as it is."""
    (tmp_path / "site.yaml").write_text(blocks(page, r"(overrides)/site\.yaml")["overrides"], encoding="utf-8")
    found = read_overrides([tmp_path / "site.yaml"], load_rules())
    assert (len(found.book.overrides), found.faults) == (3, ())


def test_both_pages_have_the_same_examples() -> None:
    """In the same order."""
    first, second = (list(examples(page).items()) for page in PAGES)
    assert first == second
