"""What the terminal shows: in both languages, within 80 columns, and no state by colour alone."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from linli.cli.liveview import View, change_line, render, summary_line
from linli.cli.overview import Overview, Rate
from linli.cli.restart import State
from linli.cli.screens import PlainLines
from linli.cli.supervisor import PartStatus
from linli.cli.words import STATE_WORDS, duration
from linli.i18n import Language, Text
from linli.model import Severity
from linli.settings import load_settings

NONE = Text("", "")
KILLED = Text("被信号 SIGKILL 终止", "ended by signal SIGKILL")
WELL = [
    PartStatus(name, State.READY, NONE, 100_000 + number, 3_725.0, 0)
    for number, name in enumerate(("broker", "ingest", "rules", "api", "simulator"))
]
OVERVIEW = Overview(0.42, 1_234.0, {severity: 3 - severity.rank for severity in Severity})


def view(parts: Sequence[PartStatus] = WELL, overview: Overview = OVERVIEW, *, stopping: bool = False) -> View:
    return View("http://127.0.0.1:8480", 3_725.0, parts, overview, "/srv/linli/data/logs", stopping)


def drawn(shown: View, language: str, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None, legacy_windows=False).print(
        render(shown, language)
    )
    return out.getvalue().splitlines()


@pytest.mark.parametrize("language", Language)
def test_every_part_is_a_line_with_its_facts(language: Language) -> None:
    """Name, state in words, how long, pid; none wrapped at 80 columns."""
    lines = drawn(view(), language)
    for part in WELL:
        (line,) = [line for line in lines if str(part.pid) in line]
        assert {"zh": "运行中", "en": "running"}[language] in line
        assert {"zh": "1 小时 02 分", "en": "1 h 02 min"}[language] in line
    assert any("http://127.0.0.1:8480" in line for line in lines)
    assert any("0.4" in line and "1,234" in line for line in lines)
    assert len(lines) == 14


@pytest.mark.parametrize("language", Language)
def test_open_alerts_are_counted_by_severity(language: Language) -> None:
    """The sum, and each severity by name."""
    (line,) = [line for line in drawn(view(), language) if "6" in line and "3" in line and "100" not in line]
    words = {"zh": ["紧急 3", "重要 2", "一般 1", "提示 0"], "en": ["Critical 3", "High 2", "Medium 1", "Low 0"]}
    assert all(word in line for word in words[language])


@pytest.mark.parametrize("language", Language)
def test_a_restart_shows_why(language: Language) -> None:
    """The reason stands under the table, over three lines at most: what to do often stands at its end."""
    long = Text("很" * 200, "very " * 60)
    parts = [*WELL[:3], PartStatus("api", State.WAITING, KILLED, None, None, 4), WELL[4]]
    lines = drawn(view(parts), language)
    assert any(KILLED.of(language) in line for line in lines)
    assert any({"zh": "等待重启", "en": "restarting"}[language] in line and "4" in line for line in lines)
    cut = drawn(view([PartStatus("api", State.READY, long, 1, 1.0, 0)]), language)
    assert any({"zh": "有异常", "en": "degraded"}[language] in line for line in cut)
    assert 2 <= sum(long.of(language)[:4] in line for line in cut) <= 3


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("language", Language)
def test_every_state_has_a_word(state: State, language: Language) -> None:
    """Not told by colour alone."""
    line = drawn(view([PartStatus("api", state, NONE, 1, 1.0, 0)]), language)[4]
    assert STATE_WORDS[state].of(language) in line
    assert len({word.of(language) for word in STATE_WORDS.values()}) == len(State)


def test_what_is_not_known_is_not_shown_as_zero() -> None:
    """While the database does not answer, or nothing was measured yet."""
    text = "\n".join(drawn(view(overview=Overview()), "en"))
    assert "events a second -" in text
    assert "open alerts -" in text


def test_stopping_says_how_to_hurry() -> None:
    """Second Ctrl-C."""
    assert any("Ctrl-C again" in line for line in drawn(view(stopping=True), "en"))


def test_plain_lines_say_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A service's journal gets a line for each change and a summary, not a redrawn table."""
    lines = PlainLines(load_settings(language="en"))
    starting = [PartStatus("api", State.STARTING, NONE, 7, 0.1, 0)]
    for parts in (starting, starting, WELL[:1], WELL[:1]):
        lines.show(view(parts))
    said = capsys.readouterr().out.splitlines()
    assert [line[10:] for line in said] == [
        "api: starting (pid 7)",
        "broker: running (pid 100000)",
        "All parts run: open http://127.0.0.1:8480",
        "1 of 1 parts well; 0.4 events and 1,234 readings a second; open alerts: Critical 3, High 2, Medium 1",
    ]


def test_a_reason_that_only_counts_on_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A part that hangs fills no journal."""
    lines = PlainLines(load_settings(language="en"))
    for seconds in (10, 11, 12):
        reason = Text(f"已 {seconds} 秒没有报告", f"has not reported for {seconds} s")
        lines.show(view([PartStatus("rules", State.SILENT, reason, 7, 9.0, 0)]))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_all_is_said_to_run_only_when_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    """A part that runs and complains is not well; once it is, that is said."""
    lines = PlainLines(load_settings(language="en"))
    ill = [PartStatus("ingest", State.READY, Text("库不应答", "the store does not answer"), 7, 9.0, 0)]
    well = [PartStatus("ingest", State.READY, NONE, 7, 9.0, 0)]
    lines.show(view(ill))
    first = capsys.readouterr().out
    assert "All parts run" not in first
    assert "Started, but not all is well: http" in first
    assert "0 of 1 parts well" in first
    lines.show(view(well))
    assert "All parts run" in capsys.readouterr().out


def test_lines_in_chinese() -> None:
    """The same facts."""
    assert change_line(PartStatus("rules", State.WAITING, KILLED, None, None, 1)).zh == (
        "规则引擎：等待重启（被信号 SIGKILL 终止）"
    )
    assert summary_line(view()).zh == (
        "5 个部分中 5 个正常；每秒事件 0.4，每秒读数 1,234；未关闭告警：紧急 3，重要 2，一般 1"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 00 s"),
        (3_600, "1 h 00 min"),
        (90_000, "1 d 1 h"),
        (8_640_000, "100 d 0 h"),
    ],
)
def test_durations_have_two_units(seconds: float, said: str) -> None:
    """Long enough to be exact, short enough for a column."""
    assert duration(seconds).en == said
    assert duration(seconds).zh


def test_a_rate_is_over_the_last_seconds() -> None:
    """Not over the whole run: a burst an hour ago is not now."""
    rate = Rate(window_s=10)
    assert rate.per_second() is None
    for second in range(0, 60, 2):
        rate.add(second, 1, second * 5.0)
    assert rate.per_second() == 5.0
    for second in range(60, 80, 2):
        rate.add(second, 1, 300.0)
    assert rate.per_second() == 0.0


def test_a_restarted_process_starts_the_rate_anew() -> None:
    """Its counters begin at 0 again: no negative rate, and no leap."""
    rate = Rate()
    rate.add(0, 1, 1_000)
    rate.add(2, 1, 1_010)
    rate.add(4, 2, 3)
    assert rate.per_second() is None
    rate.add(6, 2, 13)
    assert rate.per_second() == 5.0
