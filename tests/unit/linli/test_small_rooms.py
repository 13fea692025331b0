"""ids, i18n, errors, logs, vocabulary: a few lines each, relied on everywhere."""

import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linli import errors, ids, vocabulary
from linli.errors import ConfigError, LinliError, MalformedMessage, PortTaken, Refused, StoreError, StoreUnavailable
from linli.i18n import Language, Text, preferred_language, shell_language
from linli.logs import set_up_logging
from linli.model import Severity
from tests.unit.linli.strategies import event_types
from tests.unit.linli.strategies import ids as any_id

# --- ids ------------------------------------------------------------------------------------------------------------


@given(any_id)
def test_an_id_is_taken_as_it_is(value: str) -> None:
    """Nothing is folded, cut or escaped."""
    assert ids.is_id(value)
    assert ids.check_id(value, "device") == value


@pytest.mark.parametrize(
    "value", ["", "A", "-a", "_a", "a.b", "a b", "a/b", "a+", "门", "a\n", "x" * 65, None, 1, b"a"]
)
def test_what_is_no_id(value: object) -> None:
    """One alphabet, so that no topic, tag or path ever needs escaping."""
    assert not ids.is_id(value)
    with pytest.raises(Refused) as caught:
        ids.check_id(value, "device")
    assert caught.value.reason == "bad_id"
    assert "device" in caught.value.detail


@given(event_types)
def test_an_event_type_is_taken_as_it_is(value: str) -> None:
    """Dotted words."""
    assert ids.check_type(value) == value


@pytest.mark.parametrize("value", ["", "a", "a.", ".a", "a..b", "A.b", "a.b.c.d.e.f.g", "a b.c", None, 1, "a.b\n"])
def test_what_is_no_event_type(value: object) -> None:
    """One word is none, and seven are too many."""
    with pytest.raises(Refused, match="bad_type"):
        ids.check_type(value)


def test_made_names_are_ids_and_never_the_same() -> None:
    """Random enough that two outboxes or two clients never meet."""
    assert len({ids.new_bootid() for _ in range(1000)}) == 1000
    assert len({ids.new_secret() for _ in range(1000)}) == 1000
    assert ids.is_id(ids.new_bootid())


def test_the_same_beginning_names_the_same_alert() -> None:
    """A replay names the alerts as before; what is joined can not be joined otherwise."""
    assert ids.alert_id("r", "s", "e") == ids.alert_id("r", "s", "e")
    assert ids.is_id(ids.alert_id("r", "s", "e"))
    assert len({ids.alert_id("ab", "c", "d"), ids.alert_id("a", "bc", "d"), ids.alert_id("a", "b", "cd")}) == 3


# --- i18n -----------------------------------------------------------------------------------------------------------


def test_a_fact_is_filled_in_its_own_language() -> None:
    """A Text within a Text."""
    text = Text("{what}打开 {n} 次", "{what} opened {n} times").format(what=Text("门", "door"), n=2)
    assert text == Text("门打开 2 次", "door opened 2 times")


def test_chinese_is_what_is_shown_when_nobody_has_chosen() -> None:
    """Staff read Chinese first."""
    text = Text("门", "door")
    assert [text.of(word) for word in ("zh", "en", "", "fr")] == ["门", "door", "门", "门"]


@given(st.text(), st.text())
def test_braces_in_a_fact_are_text(zh: str, fact: str) -> None:
    """A device's name is never a format."""
    assert Text("{f}", "{f}").format(f=fact).zh == fact
    assert Text("{f}", "{f}").format(f=Text(zh, fact)) == Text(zh, fact)


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, Language.EN),
        ({"LANG": "zh_CN.UTF-8"}, Language.ZH),
        ({"LANG": "C.UTF-8"}, Language.EN),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, Language.EN),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, Language.ZH),
        ({"LINLI_LANGUAGE": "en", "LC_ALL": "zh_CN.UTF-8"}, Language.EN),
        ({"LINLI_LANGUAGE": "zh", "LC_ALL": "C"}, Language.ZH),
    ],
)
def test_the_language_of_the_shell(environ: dict[str, str], language: Language) -> None:
    """Our own variable, then the locale's in its order."""
    assert shell_language(environ) is language


# --- errors ---------------------------------------------------------------------------------------------------------


def test_every_error_is_in_the_tree_of_the_docstring() -> None:
    """The docstring is the map: it names each class, under its base."""
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, LinliError):
            assert f" {name} " in f"{errors.__doc__} ", name


def test_an_error_says_its_text_in_the_shells_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `str` gives is for the person at the terminal."""
    error = LinliError(Text("坏了", "broken"))
    monkeypatch.setenv("LINLI_LANGUAGE", "zh")
    assert str(error) == "坏了"
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    assert str(error) == "broken"


def test_a_config_error_names_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """File and line in the text, and as facts; the reason alone for who shows the place otherwise."""
    monkeypatch.setenv("LINLI_LANGUAGE", "en")
    reason = Text("错", "wrong")
    at = ConfigError(reason, file=Path("rules/a.yaml"), line=3)
    assert (str(at), at.text.zh, at.file, at.line) == (
        "rules/a.yaml:3: wrong",
        "rules/a.yaml:3: 错",
        Path("rules/a.yaml"),
        3,
    )
    assert at.reason == reason
    assert str(ConfigError(reason, file=Path("a"))) == "a: wrong"
    assert str(ConfigError(reason)) == "wrong"


def test_facts_are_attributes() -> None:
    """Nobody has to parse a text."""
    refused = MalformedMessage("not_json", "at 3")
    assert (refused.reason, refused.detail) == ("not_json", "at 3")
    taken = PortTaken(Text("", ""), port=8480, pid=7)
    assert (taken.port, taken.pid) == (8480, 7)
    assert errors.GrafanaError(Text("", ""), status=401).status == 401
    assert issubclass(StoreUnavailable, StoreError)
    assert not issubclass(StoreUnavailable, Refused)


# --- logs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def root_logger() -> object:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level


@pytest.mark.usefixtures("root_logger")
def test_a_logged_value_cannot_forge_a_line(tmp_path: Path) -> None:
    """What a stranger sent stays on the line it was logged on; a traceback of ours may span lines."""
    file = tmp_path / "x.log"
    set_up_logging("info", file)
    log = logging.getLogger("linli.test")
    log.info("topic %s", "a\nINFO forged\r\n")
    log.debug("not shown")
    try:
        raise ValueError("deliberate")
    except ValueError:
        log.exception("failed")
    lines = file.read_text().splitlines()
    assert lines[0].endswith("Z INFO    linli.test: topic a\\nINFO forged\\r\\n")
    assert lines[1].endswith("ERROR   linli.test: failed")
    assert lines[-1] == "    ValueError: deliberate"


@pytest.mark.usefixtures("root_logger")
def test_setting_up_twice_logs_once(tmp_path: Path) -> None:
    """The later set-up replaces the earlier, and closes its file."""
    set_up_logging("warning", tmp_path / "first.log")
    set_up_logging("debug", tmp_path / "second.log")
    logging.getLogger("linli.test").debug("温度")
    assert (tmp_path / "first.log").read_text() == ""
    assert (tmp_path / "second.log").read_text("utf-8").count("温度") == 1


@pytest.mark.usefixtures("root_logger")
def test_without_a_file_it_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """For a process that somebody started by hand."""
    set_up_logging("info")
    logging.getLogger("linli.test").info("hello")
    assert capsys.readouterr().err.endswith("hello\n")
    assert sys.stderr is not None


# --- vocabulary -----------------------------------------------------------------------------------------------------


def test_the_words_are_valid_and_unknown_ones_show_themselves() -> None:
    """Every type and quantity can be sent; one that is not listed is named by itself."""
    for kind in vocabulary.EVENT_TYPES:
        assert ids.check_type(kind) == kind
    for quantity in vocabulary.QUANTITIES:
        assert ids.is_id(quantity)
    assert vocabulary.event_name("x.y") == Text("x.y", "x.y")
    assert vocabulary.event_name("access.denied").en == "Access denied"
    assert vocabulary.quantity_of("x").name == Text("x", "x")
    assert vocabulary.quantity_of("temperature").unit == "Cel"
    assert vocabulary.kind_name(vocabulary.DEVICE_KINDS, "x") == Text("x", "x")
    assert vocabulary.kind_name(vocabulary.DEVICE_KINDS, "door").zh == "门"


def test_severities_sort_worst_first() -> None:
    """The rank is what lists are ordered by."""
    assert sorted(Severity, key=lambda severity: severity.rank)[0] is Severity.CRITICAL
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("fr;q=0.9,en;q=0.1,zh;q=0.2", "zh"),
        ("de,fr", None),
        ("zh;q=0,en;q=0.1", "en"),
        ("zh;q=much", None),
        ("*", None),
    ],
)
def test_the_language_a_browser_prefers(header: str, language: str | None) -> None:
    """The heavier of the two; what cannot be read counts for nothing."""
    assert preferred_language(header) == language
