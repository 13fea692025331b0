"""What a backtest found, drawn for people: bars of alerts a day, the noisiest subjects, what is new and what is gone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text as Styled

from linli.cli.words import duration
from linli.clock import HOUR, SECOND, local_time
from linli.i18n import Text
from rules.trial.burden import CHATTER, FLOOD, MANAGEABLE, Load, chattering, noisiest

if TYPE_CHECKING:
    from linli.cli.rulebook.found import Found
    from rules.trial.backtest import Difference, Episode

_WIDTH = 40
_SHOWN = 10
_DRAWN = 3
"""Compounds whose days are drawn: those with the most alerts for each operator."""

_GAP = HOUR
"""So much of the span without data is told."""

_PARTS = " ▏▎▍▌▋▊▉█"


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


def show(found: "Found") -> None:
    """Print all of it in the shell's language."""
    console = Console(highlight=False, soft_wrap=True)
    _say(console, _head(found))
    _say(console, _read(found), "dim")
    if not found.past.seen.readings and not found.past.seen.events:
        _say(console, _nothing(found), "yellow")
    elif found.past.span.start + _GAP < (since := found.past.seen.since(found.past.needs) or 0):
        _say(console, _short(since, found), "yellow")
    loads = sorted(found.loads, key=lambda load: (-load.each, load.community))
    drawn = [load for load in loads if load.alerts][:_DRAWN]
    for load in drawn:
        _load(console, load, found)
    if len(loads) > len(drawn):
        _others(console, loads[len(drawn) :], drawn=bool(drawn))
    if found.rerun.episodes:
        _noise(console, found)
    if found.difference is not None:
        _difference(console, found.difference, found)
    _say(console, "")
    for limit in found.limits:
        _say(console, f"· {limit}", "dim")


def bar(value: float, most: float, width: int = _WIDTH) -> str:
    """A bar of `value`, of which `most` would fill the width; eighths of a cell."""
    eighths = round(value / most * width * 8) if most else 0
    eighths = max(eighths, 1) if value else 0
    return "█" * (eighths // 8) + _PARTS[eighths % 8].strip()


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Styled(text, style=style))


def _head(found: "Found") -> str:
    span, rule = found.past.span, found.rule
    start, until = _minute(span.start, found), _minute(span.until, found)
    count = len(found.rerun.episodes)
    title = rule.title.text
    return _t(
        f"{rule.id}（{title.zh}），{start} 至 {until}：{len(found.past.watched)} 台设备，{count} 条告警",
        f"{rule.id} ({title.en}), {start} to {until}: {len(found.past.watched)} devices, {count} alerts",
    )


def _read(found: "Found") -> str:
    seen = found.past.seen
    rate = (seen.readings + seen.events) / max(found.took_s, 1e-9)
    return _t(
        f"读了 {seen.readings} 个读数、{seen.events} 个事件，用时 {found.took_s:.1f} 秒（每秒 {rate:.0f}）",
        f"read {seen.readings} readings and {seen.events} events in {found.took_s:.1f} s ({rate:.0f} a second)",
    )


def _nothing(found: "Found") -> str:
    if not found.past.watched:
        return _t("此规则不适用于任何已登记的设备", "the rule applies to no registered device")
    return _t("这段时间里没有存下任何相关数据", "nothing that matters is stored of this time")


def _short(since: int, found: "Found") -> str:
    when, lasted = _minute(since, found), duration((found.past.span.until - since) / SECOND)
    return _t(
        f"{when} 之前没有存下相关数据：以下只是此后 {lasted.zh}的情况",
        f"nothing that matters is stored from before {when}: what follows is of the {lasted.en} since",
    )


def _minute(time: int, found: "Found") -> str:
    return local_time(time, found.zone).strftime("%Y-%m-%d %H:%M")


def _load(console: Console, load: Load, found: "Found") -> None:
    name = found.names.get(load.community, Text(load.community, load.community))
    _say(console, "")
    _say(console, _t(f"{name.zh}：每天的告警", f"{name.en}: alerts a day"), "bold")
    most = max(load.days.values(), default=0)
    for day, count in load.days.items():
        _say(console, f"  {day}  {count:>6}  {bar(count, most)}")
    manageable = (load.a_day or 0) <= MANAGEABLE and not load.floods
    _say(console, "  " + _verdict(load), "" if manageable else "bold red")


def _others(console: Console, loads: Sequence[Load], *, drawn: bool) -> None:
    alerts, floods = sum(load.alerts for load in loads), sum(load.floods for load in loads)
    _say(console, "")
    which = Text("其他小区", "other compounds") if drawn else Text("小区", "compounds")
    most = loads[0]
    each = Text(f"每人至多 {most.each:.1f} 条", f"at most {most.each:.1f} for each operator")
    if most.a_day is not None:
        each = Text(f"每人每天至多 {most.a_day:.1f} 条", f"at most {most.a_day:.1f} a day for each operator")
    said = Text(
        f"{which.zh}（{len(loads)}）：共 {alerts} 条告警，{each.zh}，{floods} 次洪峰",
        f"{which.en} ({len(loads)}): {alerts} alerts in all, {each.en}, {floods} floods",
    )
    _say(console, str(said))


def _verdict(load: Load) -> str:
    people = (
        Text(f"{load.operators} 名安保", f"{load.operators} security staff")
        if load.operators
        else Text("没有安保人员，按一人计", "no security staff, taken as one")
    )
    floods = (
        Text("没有洪峰", "no flood")
        if not load.floods
        else Text(
            f"{load.floods} 次洪峰（10 分钟内每人超过 {FLOOD} 条）",
            f"{load.floods} floods (over {FLOOD} in 10 min for each)",
        )
    )
    if load.a_day is None:
        lasted = duration(load.lasted / SECOND)
        return _t(
            f"{lasted.zh}里每人 {load.each:.1f} 条（{people.zh}；不足一天，不算每天多少），{floods.zh}",
            f"{load.each:.1f} in {lasted.en} for each operator ({people.en}; less than a day gives no rate a day), {floods.en}",
        )
    return _t(
        f"每人每天 {load.a_day:.1f} 条（{people.zh}；IEC 62682：约 {MANAGEABLE} 条尚可应付），{floods.zh}",
        f"{load.a_day:.1f} a day for each operator ({people.en}; IEC 62682: about {MANAGEABLE} are manageable), {floods.en}",
    )


def _noise(console: Console, found: "Found") -> None:
    episodes = found.rerun.episodes
    loudest = noisiest(episodes, _SHOWN)
    chatter = chattering(episodes)
    _say(console, "")
    _say(console, _t("最吵的", "The noisiest"), "bold")
    for subject, count in loudest:
        note = _t("  抖动", "  chatters") if subject in chatter else ""
        _say(console, f"  {count:>6}  {bar(count, loudest[0][1], 20):<20}  {_named(subject, found)}{note}")
    if chatter:
        said = Text(
            f"抖动（一分钟内 {CHATTER} 次以上）：{len(chatter)} 个，共 {sum(chatter.values())} 次",
            f"chattering ({CHATTER} or more in a minute): {len(chatter)} of them, {sum(chatter.values())} times",
        )
        _say(console, f"  {said}", "yellow")


def _difference(console: Console, difference: "Difference", found: "Found") -> None:
    new, gone, same = difference.new, difference.gone, difference.same
    changed = [pair for pair in same if pair[0].severity is not pair[1].severity]
    _say(console, "")
    said = Text(
        f"与现行版本相比：新增 {len(new)}，消失 {len(gone)}，相同 {len(same)}（其中级别不同 {len(changed)}）",
        f"Against the current version: {len(new)} new, {len(gone)} gone, {len(same)} the same ({len(changed)} with another severity)",
    )
    _say(console, str(said), "bold")
    _some(console, "+", new, found, "green")
    _some(console, "-", gone, found, "red")


def _some(console: Console, sign: str, episodes: "Sequence[Episode]", found: "Found", style: str) -> None:
    for episode in episodes[:_SHOWN]:
        when = local_time(episode.opened, found.zone).strftime("%m-%d %H:%M:%S")
        _say(console, f"  {sign} {when}  {_named(episode.subject, found)}  {episode.sentence}", style)
    if len(episodes) > _SHOWN:
        more = len(episodes) - _SHOWN
        _say(console, _t(f"  {sign} 还有 {more} 条", f"  {sign} and {more} more"), style)


def _named(subject: str, found: "Found") -> str:
    name = found.names.get(subject)
    return subject if name is None else f"{name} ({subject})"
