"""Playing a scenario, in a Linli of its own or in the one that runs, and telling how it went."""

import json
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import monotonic
from zoneinfo import ZoneInfo

from linli.adapters.connect import gateway_client
from linli.cli.private import Ear, PrivateLinli, private_linli
from linli.clock import HOUR, MINUTE, SECOND, Clock, SystemClock, format_time, local_time
from linli.datafolder import DataFolder
from linli.db.database import open_database
from linli.db.deadletters import SqlDeadLetters
from linli.errors import Conflict, LinliError, NotFound
from linli.i18n import Text
from linli.ids import new_bootid
from linli.settings import Settings
from simulators import compound
from simulators.oracle import Heard, Line, Verdict, judge, passed
from simulators.scenario import Scenario, minute_of_day

_TICK_S = 0.02
_GRACE_S = 1.5
"""Real seconds that are given to what is still on its way when the time is up."""

_DRAIN_S = 10.0
_ANSWER_S = 120.0
"""Real seconds within which a running simulator must begin: it waits until the scenario's devices are free."""

_WORDS: dict[Verdict, Text] = {
    Verdict.OK: Text("符合", "ok"),
    Verdict.LATE: Text("太晚", "too late"),
    Verdict.EARLY: Text("太早", "too early"),
    Verdict.MISSING: Text("没有发出", "missing"),
    Verdict.SEVERITY: Text("级别不对", "wrong severity"),
    Verdict.UNEXPECTED: Text("不应发出", "unexpected"),
}
_CHANGES = {"opened": Text("发出", "opened"), "confirmed": Text("确认", "confirmed")}
_HEADINGS = (
    Text("规则", "Rule"),
    Text("对象", "Subject"),
    Text("变化", "Change"),
    Text("级别", "Severity"),
    Text("期限", "Within"),
    Text("发出于", "Raised at"),
    Text("延迟", "Delay"),
    Text("结果", "Result"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be played. `scenario` None: the default day for `hours`, which must raise nothing."""

    name: str
    scenario: Scenario | None
    speed: float = 1.0
    hours: float = 24.0
    starts_at: str | None = None

    @property
    def length(self) -> int:
        """Microseconds of the run."""
        return self.scenario.length if self.scenario else round(self.hours * HOUR)

    def origin(self, now: int) -> int:
        """What the clock shows at the start: today's `starts_at` in the compound's own time, or now if it has none."""
        text = self.starts_at or (self.scenario.starts_at if self.scenario else "00:00")
        if text is None:
            return now
        minute = minute_of_day(text)
        local = local_time(now, ZoneInfo(compound.TIMEZONE))
        start = local.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
        return now - (local - start) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Result:
    """How a run came out. `notes` is what else a tester should know."""

    run: Run
    live: bool
    started_at: int
    lines: list[Line]
    slack_s: float = 0.0
    events: int = 0
    readings: int = 0
    notes: tuple[Text, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether what was raised is what was expected."""
        return passed(self.lines)


# --- in a Linli of its own -------------------------------------------------------------------------------------------


def play_private(settings: Settings, run: Run, progress: Callable[[int, int], None]) -> Result:
    """Start broker, ingest and rules in a temporary folder, play, and judge. `progress` takes (done, whole) in seconds."""
    origin = run.origin(SystemClock().now())
    with private_linli(settings, ("broker", "ingest", "rules"), speed=run.speed, origin=origin) as linli:
        ear = Ear(linli.settings, linli.clock)
        ear.start()
        try:
            return _play(linli, ear, run, progress)
        finally:
            ear.stop()


def _play(linli: PrivateLinli, ear: Ear, run: Run, progress: Callable[[int, int], None]) -> Result:
    from edge.agent import Agent, last_will
    from edge.config import AgentConfig
    from simulators.day import Day
    from simulators.player import Player

    settings, clock = linli.settings, linli.clock
    outbox = DataFolder(settings.data).agents / compound.GATEWAY
    config = AgentConfig(compound.COMMUNITY, compound.GATEWAY, outbox, qos=settings.qos)
    agent = Agent(config, gateway_client(settings, compound.GATEWAY, last_will(config, clock)), clock)
    agent.start()
    try:
        start = _await_origin(clock)
        day = Day(compound.demo_devices(), settings.seed, ZoneInfo(compound.TIMEZONE), start)
        player = Player(day, agent)
        if run.scenario is not None:
            player.request(run.scenario, start)
        pause = threading.Event()
        while (now := clock.now()) < start + run.length:
            player.tick(now)
            progress((now - start) // SECOND, run.length // SECOND)
            pause.wait(_TICK_S)
        deadline = monotonic() + _DRAIN_S
        while agent.stats().queue_urgent + agent.stats().queue_bulk and monotonic() < deadline:
            pause.wait(_TICK_S)
        pause.wait(_GRACE_S)
        slack = round((run.speed - 1) * SECOND) if run.speed > 1 else 0
        expected = run.scenario.expect if run.scenario else ()
        lines = judge(expected, ear.heard(), start, slack)
        counts = player.counts
        return Result(run, False, start, lines, slack / SECOND, counts.events, counts.readings, _notes(linli, agent))
    finally:
        agent.stop()


def _await_origin(clock: Clock) -> int:
    """Wait until the clock, which stands still while processes start, moves; its time then."""
    pause, still = threading.Event(), clock.now()
    while (now := clock.now()) == still:
        pause.wait(0.005)
    return now


def _notes(linli: PrivateLinli, agent: object) -> tuple[Text, ...]:
    from edge.agent import Agent

    assert isinstance(agent, Agent)
    notes = []
    stats = agent.stats()
    for count, zh, en in (
        (stats.dropped, "代理丢弃的消息", "messages dropped by the agent"),
        (stats.refused, "代理拒收的消息", "messages refused by the agent"),
        (stats.queue_urgent + stats.queue_bulk, "未被确认的消息", "messages not acknowledged"),
    ):
        if count:
            notes.append(Text(f"{zh}：{count}", f"{en}: {count}"))
    for part in linli.stack.states():
        if part.restarts:
            notes.append(
                Text(f"{part.name} 重启了 {part.restarts} 次", f"{part.name} was restarted {part.restarts} times")
            )
    database = open_database(linli.settings.app_database_url)
    try:
        for reason, count in SqlDeadLetters(database).count_by_reason().items():
            notes.append(Text(f"死信（{reason}）：{count}", f"dead letters ({reason}): {count}"))
    finally:
        database.close()
    return tuple(notes)


# --- in the Linli that runs ------------------------------------------------------------------------------------------


def simulator_runs(settings: Settings) -> bool:
    """Whether a Linli with a simulator runs on this data folder now."""
    from linli.cli.lock import FolderLock
    from linli.db.workers import reports

    if FolderLock(DataFolder(settings.data).run).holder() is None:
        return False
    database = open_database(settings.app_database_url)
    try:
        now = settings.clock().now()
        return any(worker.name == "simulator" and worker.alive(now) for worker in reports(database))
    finally:
        database.close()


def play_live(settings: Settings, run: Run, progress: Callable[[int, int], None]) -> Result:
    """Have the running simulator play, and judge what is heard of the devices and places that the scenario concerns.

    Conflict if it cannot be played so; NotFound if the simulator does not answer.
    """
    from simulators.requests import RequestFolder

    scenario, clock = _fit_for_live(run, settings.clock()), settings.clock()
    requests = RequestFolder(DataFolder(settings.data).run / "scenarios")
    ear, name = Ear(settings, clock), new_bootid()
    ear.start()
    try:
        requests.put(name, scenario)
        start = _started(requests.answer, name)
        pause = threading.Event()
        while (now := clock.now()) < start + scenario.length:
            progress((now - start) // SECOND, scenario.length // SECOND)
            pause.wait(_TICK_S)
        pause.wait(_GRACE_S)
    finally:
        requests.withdraw(name)
        ear.stop()
    concerned = scenario.devices | {wanted.subject for wanted in scenario.expect}
    heard = [one for one in ear.heard() if one.notice.subject in concerned and one.at >= start]
    return Result(run, True, start, judge(scenario.expect, _as_new(heard), start))


def _fit_for_live(run: Run, clock: Clock) -> Scenario:
    scenario = run.scenario
    if scenario is None or run.speed != 1 or run.starts_at is not None:
        raise Conflict(
            Text(
                "正在运行的 Linli 只按实际时间播放单个场景：请去掉 --speed、--at，或改用 --private",
                "a running Linli plays single scenarios at the clock's pace only: "
                "leave out --speed and --at, or use --private",
            )
        )
    if not scenario.fits(clock.now(), ZoneInfo(compound.TIMEZONE)):
        start, end = scenario.only_between or ("", "")
        raise Conflict(
            Text(
                f"此场景只在 {start} 到 {end} 之间有意义：请改用 --private",
                f"this scenario makes sense between {start} and {end} only: use --private",
            )
        )
    return scenario


def _started(answer: Callable[[str], object], name: str) -> int:
    from simulators.requests import Answer

    pause, deadline = threading.Event(), monotonic() + _ANSWER_S
    while monotonic() < deadline:
        said = answer(name)
        if isinstance(said, Answer):
            if said.started_at is not None:
                return said.started_at
            raise LinliError(said.refused.text if said.refused else Text("已拒绝", "refused"))
        pause.wait(_TICK_S)
    raise NotFound(
        Text(
            f"模拟器在 {_ANSWER_S:.0f} 秒内没有开始播放：用 linli status 查看",
            f"the simulator has not begun within {_ANSWER_S:.0f} s: see linli status",
        )
    )


def _as_new(heard: Iterable[Heard]) -> list[Heard]:
    """An alert that still stands from an earlier run is told of as occurring again: that counts as raised."""
    import dataclasses

    def renamed(one: Heard) -> Heard:
        notice = dataclasses.replace(one.notice, change="opened") if one.notice.change == "occurred" else one.notice
        return Heard(notice, one.at)

    return [renamed(one) for one in heard]


# --- telling ----------------------------------------------------------------------------------------------------------


def show(result: Result) -> None:
    """Print the table and the outcome, in the shell's language."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(*(str(heading) for heading in _HEADINGS), title=_title(result), title_justify="left")
    for line in result.lines:
        style = "" if line.verdict.right else "bold red"
        table.add_row(*_cells(line), style=style)
    if result.lines:
        console.print(table)
    else:
        console.print(_title(result))
    for note in result.notes:
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
    named = f"{line.subject}\n{names[line.subject]}" if line.subject in names else line.subject
    change = str(_CHANGES.get(line.change, line.change))
    times = (_seconds(line.within_s), _seconds(line.raised_s), _seconds(line.delay_s))
    return line.rule, named, change, line.severity, *times, str(_WORDS[line.verdict])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _outcome(result: Result) -> Text:
    wrong = sum(not line.verdict.right for line in result.lines)
    slack = Text("", "")
    if result.slack_s:
        slack = Text(
            f"（期限放宽 {result.slack_s:g} 秒：此倍速下机器自身的一秒）",
            f" (deadlines are {result.slack_s:g} s longer: the machine's own second at this pace)",
        )
    if wrong:
        return Text(f"不符：{wrong} 行有误{slack.zh}", f"Differs: {wrong} lines are wrong{slack.en}")
    if not result.lines:
        return Text("符合：没有警报，本来也不应有", "As expected: no alert was raised, and none should be")
    return Text(
        f"符合：该发的都发了，没有多余的{slack.zh}", f"As expected: all were raised, and nothing else{slack.en}"
    )


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
