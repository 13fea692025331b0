"""Telling how a simulation went: a table and a sentence for people, or JSON."""

import json
import sys
from dataclasses import asdict
from time import monotonic
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.table import Table

from api.words import SEVERITIES
from linli.cli.playing import Result
from linli.clock import MINUTE, SECOND, format_time, local_time
from linli.i18n import Text
from linli.model import Severity
from simulators import compound
from simulators.oracle import Line, Verdict

_WORDS: dict[Verdict, Text] = {
    Verdict.OK: Text("符合", "ok"),
    Verdict.LATE: Text("太晚", "too late"),
    Verdict.EARLY: Text("太早", "too early"),
    Verdict.MISSING: Text("没有发出", "missing"),
    Verdict.SEVERITY: Text("级别不对", "wrong severity"),
    Verdict.UNEXPECTED: Text("不应发出", "unexpected"),
}
_CHANGES = {"confirmed": Text("已证实", "confirmed"), "escalated": Text("升级", "escalated")}
_HEADINGS = (
    Text("规则", "Rule"),
    Text("对象", "Subject"),
    Text("期限", "Within"),
    Text("发出于", "Raised at"),
    Text("延迟", "Delay"),
    Text("结果", "Result"),
)


def show(result: Result) -> None:
    """Print the table and the outcome, in the shell's language."""
    console = Console(highlight=False)
    console.print(_title(result))
    table = Table(*(str(heading) for heading in _HEADINGS), box=box.SIMPLE_HEAD)
    for line in result.lines:
        style = "" if line.verdict.right else "bold red"
        table.add_row(*_cells(line), style=style)
    if result.lines:
        console.print(table)
    for note in (*result.faults, *result.notes, *_looseness(result)):
        console.print(str(note), style="yellow")
    console.print(str(_outcome(result)), style="bold green" if result.passed else "bold red")


def as_json(result: Result) -> str:
    """The result as a JSON object."""
    run = result.run
    document = {
        "scenario": run.name,
        "live": result.live,
        "speed": run.speed,
        "started_at": format_time(result.started_at),
        "slack_s": result.slack_s,
        "events": result.events,
        "readings": result.readings,
        "lines": [asdict(line) for line in result.lines],
        "faults": [fault.en for fault in result.faults],
        "notes": [note.en for note in result.notes],
        "passed": result.passed,
    }
    return json.dumps(document, ensure_ascii=False, indent=1)


def _title(result: Result) -> str:
    run = result.run
    name = run.scenario.title.text if run.scenario else Text("平常的一天", "the default day")
    start = local_time(result.started_at, ZoneInfo(compound.TIMEZONE)).strftime("%Y-%m-%d %H:%M:%S")
    pace = (
        Text("", "") if run.speed == 1 else Text(f"，{run.speed:g} 倍速", f", at {run.speed:g} times the clock's pace")
    )
    sent = Text("", "")
    if not result.live:
        sent = Text(f"，{result.events} 个事件", f", {result.events} events")
        sent = Text(f"{sent.zh}、{result.readings} 个读数", f"{sent.en}, {result.readings} readings")
    return str(Text(f"{name.zh}（{start} 起{pace.zh}{sent.zh}）", f"{name.en} (from {start}{pace.en}{sent.en})"))


def _cells(line: Line) -> tuple[str, ...]:
    names = {item.id: item.name for item in compound.demo_registry()}
    subject = f"{names[line.subject]}\n{line.subject}" if line.subject in names else line.subject
    change = "" if line.change == "opened" else f", {_CHANGES.get(line.change, line.change)}"
    rule = f"{line.rule}{change}\n{SEVERITIES[Severity(line.severity)]}"
    return (
        rule,
        subject,
        _seconds(line.within_s),
        _seconds(line.raised_s),
        _seconds(line.delay_s),
        str(_WORDS[line.verdict]),
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _outcome(result: Result) -> Text:
    wrong = sum(not line.verdict.right for line in result.lines)
    if result.faults:
        return Text(
            f"没有完成：以上故障使这次结果不能作数（{wrong} 行有误）",
            f"Not carried through: with the faults above this run proves nothing ({wrong} lines are wrong)",
        )
    if wrong:
        return Text(f"不符：{wrong} 行有误", f"Differs: {wrong} lines are wrong")
    if not result.lines:
        return Text("符合：没有告警，本来也不应有", "As expected: no alert was raised, and none should be")
    return Text("符合：该发的都发了，没有多余的", "As expected: all were raised, and nothing else")


def _looseness(result: Result) -> list[Text]:
    """A warning where deadlines are judged with slack."""
    if not result.slack_s or not result.lines:
        return []
    return [
        Text(
            f"{result.run.speed:g} 倍速下计时不严：每个期限放宽 {result.slack_s:g} 秒；要准确计时，请用 --speed 1",
            f"timing is loose at {result.run.speed:g} times the clock's pace: deadlines are {result.slack_s:g} s longer; "
            "for exact timing use --speed 1",
        )
    ]


class ProgressLine:
    """A line on stderr that says how far the run is, once a second; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = -1.0
        self._on = sys.stderr.isatty()

    def __call__(self, done: int, whole: int) -> None:
        """Show it, if it is time."""
        now = monotonic()
        if self._on and now - self._shown >= 1:
            self._shown = now
            print(f"\r{_clock_text(done)} / {_clock_text(whole)} ", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self._on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _clock_text(seconds: int) -> str:
    minutes = seconds * SECOND // MINUTE
    return f"{minutes // 60}:{minutes % 60:02}:{seconds % 60:02}"
