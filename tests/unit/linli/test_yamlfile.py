"""YAML files that people write: what is taken, and that each fault names its line."""

from pathlib import Path
from time import perf_counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli.errors import ConfigError
from linli.i18n import Text
from linli.yamlfile import Source, load, open_source

FILE = Path("rules/x.yaml")


class Step(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    value: float = 0.0


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    severity: str = ""
    count: int = 0
    on: bool = False
    steps: list[Step] = []
    places: dict[str, Step] = {}


def plan(text: str) -> Plan:
    return Source(FILE, text).convert(Plan)


def fault(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        plan(text)
    assert caught.value.file == FILE
    return caught.value


def test_a_good_file(tmp_path: Path) -> None:
    """Read into the structure that was asked for, with its Source."""
    file = tmp_path / "a.yaml"
    file.write_text("name: 夜间\nsteps:\n  - at: 23:00\n    value: 2\nplaces:\n  c001-b1: {at: '1'}\n", "utf-8")
    read, source = load(file, Plan)
    assert read == Plan("夜间", steps=[Step("23:00", 2.0)], places={"c001-b1": Step("1")})
    assert source.line("steps", 0, "value") == 4
    assert source.line("places", "c001-b1", "at") == 6


@pytest.mark.parametrize("text", ["23:00", "06:30", "2024-01-01", "0x10", "010", "1_000", "yes", "on", "NO", "1:30:00"])
def test_what_yaml_1_1_would_turn_into_something_else_stays_text(text: str) -> None:
    """A time of day is not 1380, and NO is not false."""
    assert plan(f"name: {text}").name == text


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1.0), ("-2.5", -2.5), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("+3.0E-2", 0.03)]
)
def test_numbers(text: str, value: float) -> None:
    """As people write them."""
    assert plan(f"name: x\nsteps: [{{at: a, value: {text}}}]").steps[0].value == value


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", "1e", "e3", "--1", "1.2.3"])
def test_what_is_no_number(text: str) -> None:
    """A threshold of NaN would never be crossed."""
    assert fault(f"name: x\nsteps:\n- at: a\n  value: {text}").line == 4


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False)])
def test_booleans(text: str, value: bool) -> None:
    """Only these words; `on` may be a key."""
    assert plan(f"name: x\non: {text}").on is value


@pytest.mark.parametrize(
    ("line", "says", "text"),
    [
        (2, "severity", "name: x\nseverty: high\n"),
        (4, "value", "name: x\nsteps:\n  - at: a\n    vaule: 1\n"),
        (3, "at", "name: x\nplaces:\n  b1: {att: a}\n"),
    ],
)
def test_an_unknown_key_names_the_nearest_and_its_line(line: int, says: str, text: str) -> None:
    """At any depth."""
    error = fault(text)
    assert error.line == line
    assert f"did you mean {says!r}?" in error.reason.en
    assert f"是否想写“{says}”" in error.reason.zh


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (3, "name: x\n\nname: y\n"),
        (5, "name: x\nsteps:\n- at: a\n  value: 1\n  at: b\n"),
        (2, "name: x\ncount: many\n"),
        (2, "name: x\ncount: 1.5\n"),
        (4, "name: x\nsteps:\n- at: a\n- at: 5\n"),
        (3, "name: x\nsteps:\n- value: 1\n"),
        (2, "name: x\nsteps: {}\n"),
        (1, "severity: high\n"),
        (1, ""),
        (1, "- 1\n"),
        (1, "text\n"),
        (1, "1: x\n"),
        (1, "? [a]\n: x\n"),
        (2, "name: x\n  bad: indent\n"),
        (3, "name: 'x\n\n"),
        (2, "name: x\n\tcount: 1\n"),
        (2, "name: x\n---\nname: y\n"),
        (1, "name: !!python/object/apply:os.system [ls]\n"),
        (2, "name: x\nplaces: {<<: {a: 1}}\n"),
        (2, "name: x\ncount: *n\n"),
    ],
)
def test_every_fault_names_its_line(line: int, text: str) -> None:
    """A wrong type, a key twice, a missing key, what is not YAML."""
    assert fault(text).line == line


def test_aliases_are_refused_before_they_unfold() -> None:
    """A billion laughs: a few lines that would be gigabytes."""
    lines = ["steps:", "  - &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  - &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    begun = perf_counter()
    assert fault("\n".join(lines)).line == 3
    assert perf_counter() - begun < 1


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000 + "a", "{a: " * 100_000, "? " * 200_000])
def test_depth_is_bounded(text: str) -> None:
    """PyYAML's composer recurses in C: without a bound such a file ends the process."""
    assert "deep" in fault(text).reason.en


def test_a_file_too_large() -> None:
    """Refused unread."""
    assert "1048576" in fault("#" * 1_048_577).reason.en


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8: a ConfigError naming the file."""
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    for name in ("missing.yaml", ".", "latin.yaml"):
        with pytest.raises(ConfigError) as caught:
            open_source(tmp_path / name)
        assert caught.value.file == tmp_path / name


def test_a_later_fault_blames_the_nearest_line() -> None:
    """What a loader finds wrong by its own rules, where the path ends early too."""
    source = Source(FILE, "name: x\nsteps:\n  - at: a\n")
    error = source.fault(Text("错", "wrong"), "steps", 0, "value", 7)
    assert (error.line, error.reason.en) == (3, "wrong")
    assert source.line() == 1
    assert source.line("nothing") == 1


@given(st.text() | st.text("{}[]:-&*!|>'\"#%@ \n\tab1.", max_size=60))
def test_any_text_is_a_plan_or_a_config_error(text: str) -> None:
    """Nothing else is raised, whatever is written."""
    try:
        plan(text)
    except ConfigError as error:
        assert error.file == FILE
