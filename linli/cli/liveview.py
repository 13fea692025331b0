"""What the terminal shows while Linli runs: a table that stays in place, or plain lines where there is no terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import chop_cells
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Styled

from api.words import SEVERITIES
from linli.cli.overview import Overview
from linli.cli.restart import State
from linli.cli.supervisor import PartStatus
from linli.cli.words import duration, state_word
from linli.i18n import Text
from linli.model import Severity
from linli.vocabulary import part_name

_REASON_CELLS = 220
"""A reason is shown to this width: three lines of a narrow terminal."""

_STATE_STYLES = {
    State.READY: "green",
    State.STARTING: "cyan",
    State.STOPPING: "cyan",
    State.STOPPED: "dim",
    State.SILENT: "bold yellow",
    State.WAITING: "bold red",
}
_SEVERITY_STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}
_NONE = "-"
_COLUMNS = (
    (Text("部分", "part"), 14),
    (Text("状态", "state"), 15),
    (Text("运行时长", "running for"), 16),
    (Text("重启次数", "restarts"), 9),
    (Text("进程号", "pid"), 9),
)
_UNITS = (Text("每秒事件", "events a second"), Text("每秒读数", "readings a second"), Text("未关闭告警", "open alerts"))


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown. `stopping`: Ctrl-C was pressed; `logs`: the folder of log files."""

    address: str
    up_s: float
    parts: Sequence[PartStatus]
    overview: Overview
    logs: str
    stopping: bool = False


def render(view: View, language: str) -> RenderableType:
    """The view as it stays in the terminal; made for 80 columns."""
    lines: list[RenderableType] = [Styled(), _head(view, language), Styled(), _parts(view.parts, language)]
    lines += [_reason(part, language) for part in view.parts if part.reason.of(language)]
    lines += [Styled(), _figures(view.overview, language), Styled(), _foot(view, language)]
    return Group(*lines)


def _head(view: View, language: str) -> RenderableType:
    ready = all(part.state is State.READY for part in view.parts)
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    up = duration(view.up_s)
    said = Text(f"已运行 {up.zh}", f"running for {up.en}") if ready else Text("启动中……", "starting ...")
    if view.stopping:
        said = Text("正在停止……", "stopping ...")
    elif not ready and view.up_s > 30:
        said = Text("有部分未运行", "not all parts run")
    name = Styled("邻里 Linli" if language == "zh" else "Linli", style="bold")
    name.append("  ").append(view.address, style="bold cyan underline")
    grid.add_row(name, Styled(said.of(language), style="green" if ready and not view.stopping else "yellow"))
    return grid


def _parts(parts: Sequence[PartStatus], language: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head, width in _COLUMNS:
        right = head.en in ("pid", "restarts")
        table.add_column(head.of(language), justify="right" if right else "left", no_wrap=True, min_width=width)
    for part in parts:
        table.add_row(
            part_name(part.name).of(language),
            Styled(state_word(part).of(language), style=_state_style(part)),
            _NONE if part.up_s is None else duration(part.up_s).of(language),
            Styled(str(part.restarts), style="yellow" if part.restarts else "dim"),
            Styled(str(part.pid or _NONE), style="dim"),
        )
    return table


def _state_style(part: PartStatus) -> str:
    return "yellow" if part.state is State.READY and part.reason.en else _STATE_STYLES[part.state]


def _reason(part: PartStatus, language: str) -> Styled:
    name, reason = part_name(part.name).of(language), part.reason.of(language)
    return Styled(chop_cells(f"  {name}: {reason}", _REASON_CELLS)[0], style="yellow", overflow="fold")


def _figures(overview: Overview, language: str) -> RenderableType:
    events, readings, alerts = (unit.of(language) for unit in _UNITS)
    line = Styled(no_wrap=True, overflow="ellipsis")
    line.append(f"{events} ", "dim").append(_number(overview.events_per_s), "bold")
    line.append(f"    {readings} ", "dim").append(_number(overview.readings_per_s), "bold")
    below = Styled(no_wrap=True, overflow="ellipsis")
    below.append(f"{alerts} ", "dim")
    if overview.open_alerts is None:
        return Group(line, below.append(_NONE))
    below.append(str(sum(overview.open_alerts.values())), "bold")
    for severity, count in overview.open_alerts.items():
        name = SEVERITIES[severity].of(language)
        below.append("    ")
        below.append(f"{name} {count}", _SEVERITY_STYLES[severity] if count else "dim")
    return Group(line, below)


def _foot(view: View, language: str) -> Styled:
    said = Text(f"Ctrl-C 停止全部　日志：{view.logs}", f"Ctrl-C stops all    logs: {view.logs}")
    if view.stopping:
        said = Text("再按一次 Ctrl-C 强行结束", "Ctrl-C again kills at once")
    return Styled(said.of(language), style="dim", no_wrap=True, overflow="ellipsis")


def _number(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def is_well(part: PartStatus) -> bool:
    """Whether it runs and has nothing to complain of."""
    return part.state is State.READY and not part.reason.en


def change_line(part: PartStatus) -> Text:
    """One part's new state as a plain line: 'rules: restarting (ended by signal SIGKILL)'."""
    name, state = part_name(part.name), state_word(part)
    more = part.reason if part.reason.en else Text(f"进程 {part.pid}", f"pid {part.pid}") if part.pid else None
    tail = Text(f"（{more.zh}）", f" ({more.en})") if more else Text("", "")
    return Text(f"{name.zh}：{state.zh}{tail.zh}", f"{name.en}: {state.en}{tail.en}")


def summary_line(view: View) -> Text:
    """The whole as a plain line."""
    running = sum(map(is_well, view.parts))
    events, readings = _number(view.overview.events_per_s), _number(view.overview.readings_per_s)
    counts = view.overview.open_alerts or {}
    zh = "，".join(f"{SEVERITIES[severity].zh} {count}" for severity, count in counts.items() if count) or "无"
    en = ", ".join(f"{SEVERITIES[severity].en} {count}" for severity, count in counts.items() if count) or "none"
    return Text(
        f"{len(view.parts)} 个部分中 {running} 个正常；每秒事件 {events}，每秒读数 {readings}；未关闭告警：{zh}",
        f"{running} of {len(view.parts)} parts well; {events} events and {readings} readings a second; "
        f"open alerts: {en}",
    )
