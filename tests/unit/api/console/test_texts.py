"""Every text in both languages, and none outside the modules of texts."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import words
from api.console import texts
from api.views import FacilityStatus
from linli.i18n import Text

CONSOLE = Path(texts.__file__).parent
PAGES = sorted(CONSOLE.rglob("*.py"))
TEXTS = [file for file in PAGES if file.name.endswith("texts.py")]
COMPONENTS = sorted((CONSOLE / "static").glob("*.js"))
HAN = re.compile(r"[\u4e00-\u9fff]")
FIELD = re.compile(r"{(\w*)}")


def _texts() -> Iterator[tuple[str, Text]]:
    rooms = [".".join(file.relative_to(CONSOLE).with_suffix("").parts) for file in TEXTS]
    for module in (words, *(importlib.import_module(f"api.console.{room}") for room in rooms)):
        for name, value in vars(module).items():
            if isinstance(value, Text):
                yield name, value
            elif isinstance(value, dict):
                yield from ((f"{name}[{key}]", text) for key, text in value.items() if isinstance(text, Text))


@pytest.mark.parametrize(("name", "text"), list(_texts()))
def test_every_text_is_in_both_languages(name: str, text: Text) -> None:
    """Neither is empty, they have the same fields, and the English holds no Chinese (but for the language's own name)."""
    assert text.zh.strip(), name
    assert text.en.strip(), name
    assert sorted(FIELD.findall(text.zh)) == sorted(FIELD.findall(text.en)), name
    assert name == "OTHER_LANGUAGE" or not HAN.search(text.en), name


def _shown_literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """Literals with a letter in them where an element takes its text; not the key by which one is looked up."""
    keys = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        where = {"Node": 1, "ui.label": 0, "ui.notify": 0, "ui.button": 0, "grade": 1}.get(called)
        if called.endswith(".set_text"):
            where = 0
        shown = node.args[where : where + 1] if where is not None else []
        shown += [word.value for word in node.keywords if word.arg in ("title", "aria_label", "placeholder", "alt")]
        for part in (part for argument in shown for part in ast.walk(argument)):
            if id(part) in keys or not isinstance(part, ast.Constant) or not isinstance(part.value, str):
                continue
            if re.search(r"[^\W\d_]", part.value):
                yield part


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(CONSOLE)))
def test_no_page_holds_a_text_of_its_own(file: Path) -> None:
    """What an element shows comes from `texts`; and no module but these has a Chinese letter in a literal."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if file.name.endswith("texts.py"):
        return
    bare = [f"{file.name}:{literal.lineno}: {literal.value!r}" for literal in _shown_literals(tree)]
    assert bare == []
    chinese = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and HAN.search(node.value)
    ]
    assert chinese == []


@pytest.mark.parametrize("file", COMPONENTS, ids=lambda file: file.name)
def test_no_component_holds_a_text_of_its_own(file: Path) -> None:
    """Between the tags of a template there is no letter but in interpolations; and nothing is ever set as HTML."""
    code = file.read_text(encoding="utf-8")
    template = re.search(r"template: `(.*?)`", code, re.DOTALL)
    assert template is not None
    between = re.sub(r"{{.*?}}", "", template.group(1), flags=re.DOTALL)
    between = re.sub(r"<[a-zA-Z/](?:\"[^\"]*\"|[^>\"])*>", "", between)
    assert not re.search(r"[^\W\d_]", between)
    assert "v-html" not in code
    assert "innerHTML" not in code


def test_no_page_sets_html_from_data() -> None:
    """`ui.html`, `ui.markdown` and add_body_html are not used; add_head_html only for the style sheet."""
    for file in PAGES:
        code = file.read_text(encoding="utf-8")
        assert not re.search(r"ui\.(html|markdown)\(|add_body_html", code), file.name
        assert file.name == "mount.py" or "add_head_html" not in code, file.name


def test_one_thing_has_one_word() -> None:
    """People are 您; what a second sensor bears out is 已证实 in the mark and in the history; and a facility in alarm is not
    called 故障, which at a fire panel is another lamp than 火警."""
    assert [name for name, text in _texts() if "你" in text.zh] == []
    assert words.CHANGES["confirmed"] == texts.CONFIRMED_MARK
    assert words.FACILITY_STATES[FacilityStatus.FAULT] == Text("告警", "Alarm")
