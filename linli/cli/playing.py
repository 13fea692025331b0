"""Playing a scenario, in a Linli of its own or in the one that runs."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from zoneinfo import ZoneInfo

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from linli.adapters.connect import gateway_client
from linli.cli.lock import FolderLock
from linli.cli.private import Ear, PrivateLinli, private_linli
from linli.clock import HOUR, SECOND, Clock, SystemClock, local_time
from linli.codec import notice_of
from linli.datafolder import DataFolder
from linli.db.alerts import SqlAlerts
from linli.db.database import Database, open_database
from linli.db.deadletters import SqlDeadLetters
from linli.db.workers import reports
from linli.errors import Conflict, LinliError, NotFound
from linli.i18n import Text
from linli.ids import new_bootid
from linli.settings import Settings
from linli.shards import service_of
from linli.vocabulary import part_name
from simulators import compound
from simulators.day import Day
from simulators.oracle import Heard, Line, judge, passed
from simulators.player import Player
from simulators.requests import Answer, RequestFolder
from simulators.scenario import Scenario, minute_of_day

_TICK_S = 0.02
_GRACE_S = 1.5
"""Real seconds that are given to what is still on its way when the time is up."""

_STEP = 2 * SECOND
_DRAIN_S = 10.0
_UNDER_WAY = 50
"""Messages that always wait to be acknowledged at a high pace, while the devices go on."""

_MOST_SLACK = 30 * SECOND
_ANSWER_S = 120.0
"""Real seconds within which a running simulator must begin: it waits until the scenario's devices are free."""


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
    """How a run came out. `faults`: why it was not carried through, so that what was not raised proves nothing; `notes`:
    what else a tester should know."""

    run: Run
    live: bool
    started_at: int
    lines: list[Line]
    slack_s: float = 0.0
    events: int = 0
    readings: int = 0
    faults: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the run was carried through, and what was raised is what was expected."""
        return not self.faults and passed(self.lines)


def slack_of(speed: float) -> int:
    """Microseconds by which deadlines are longer at `speed`: a second of the machine's own, but no more than _MOST_SLACK."""
    return min(round(max(speed - 1, 0) * SECOND), _MOST_SLACK)


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
    settings, clock = linli.settings, linli.clock
    outbox = DataFolder(settings.data).agents / compound.GATEWAY
    config = AgentConfig(compound.COMMUNITY, compound.GATEWAY, outbox, qos=settings.qos)
    played = _PlayedClock(clock)
    agent = Agent(config, gateway_client(settings, compound.GATEWAY, last_will(config, played)), played)
    agent.start()
    try:
        start = _await_origin(clock)
        day = Day(compound.demo_devices(), settings.seed, ZoneInfo(compound.TIMEZONE), start)
        player = Player(day, agent)
        if run.scenario is not None:
            player.request(run.scenario, start)
        end = start + run.length
        _run(
            player, played, lambda now: now >= end, lambda now: progress((now - start) // SECOND, run.length // SECOND)
        )
        heard = _hear_out(player, played, agent, ear, clock)
        slack, counts = slack_of(run.speed), player.counts
        lines = judge(run.scenario.expect if run.scenario else (), heard, start, slack)
        faults, notes = _faults(linli, agent), _restarts(linli)
        return Result(run, False, start, lines, slack / SECOND, counts.events, counts.readings, faults, notes)
    finally:
        agent.stop()


class _PlayedClock:
    """The clock of an agent whose devices are played: it shows up to where they have been played.

    At many times real time the machine's hiccups are minutes. On this clock the agent cannot run ahead of its devices in
    one, so what it sends is as coherent as at the clock's own pace.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now = clock.now()

    def now(self) -> int:
        """Up to where the devices have been played."""
        return self._now

    def monotonic(self) -> float:
        """The machine's."""
        return self._clock.monotonic()

    def steps(self) -> Iterator[int]:
        """Go on to where the clock is now, in steps of at most _STEP."""
        target = self._clock.now()
        while self._now < target:
            self._now = min(target, self._now + _STEP)
            yield self._now


def _run(
    player: Player,
    played: _PlayedClock,
    over: Callable[[int], bool],
    progress: Callable[[int], None] = lambda _now: None,
) -> None:
    pause = threading.Event()
    while not over(played.now()):
        for now in played.steps():
            player.tick(now)
        progress(played.now())
        pause.wait(_TICK_S)


def _hear_out(player: Player, played: _PlayedClock, agent: Agent, ear: Ear, clock: Clock) -> list[Heard]:
    """All that the run raised, heard once what its devices said is acknowledged, or _DRAIN_S have passed.

    The devices go on meanwhile, for their silence would raise alerts; what is raised after they stop is left out.
    """
    patience = monotonic() + _DRAIN_S
    _run(player, played, lambda _now: _waiting(agent) <= _UNDER_WAY or monotonic() >= patience)
    enough = monotonic() + _GRACE_S
    _run(player, played, lambda _now: monotonic() >= enough)
    stopped = clock.now()
    _drain(agent)
    return [one for one in ear.heard() if one.notice.updated_at <= stopped]


def _drain(agent: Agent) -> None:
    """Wait until nothing is left to be acknowledged, at most _DRAIN_S."""
    pause, deadline = threading.Event(), monotonic() + _DRAIN_S
    while _waiting(agent) and monotonic() < deadline:
        pause.wait(_TICK_S)


def _waiting(agent: Agent) -> int:
    stats = agent.stats()
    return stats.queue_urgent + stats.queue_bulk


def _await_origin(clock: Clock) -> int:
    """Wait until the clock, which stands still while processes start, moves; its time then."""
    pause, still = threading.Event(), clock.now()
    while (now := clock.now()) == still:
        pause.wait(0.005)
    return now


def _faults(linli: PrivateLinli, agent: Agent) -> tuple[Text, ...]:
    """What did not get to its end: messages that were dropped, refused, left unacknowledged or set aside."""
    stats = agent.stats()
    counted = (
        (stats.dropped, "边缘代理丢弃的消息", "messages dropped by the agent"),
        (stats.refused, "边缘代理拒收的消息", "messages refused by the agent"),
        (_waiting(agent), "没有收到应答的消息", "messages not acknowledged"),
    )
    faults = [Text(f"{zh}：{count}", f"{en}: {count}") for count, zh, en in counted if count]
    database = open_database(linli.settings.app_database_url)
    try:
        for reason, count in SqlDeadLetters(database).count_by_reason().items():
            faults.append(Text(f"死信（{reason}）：{count}", f"dead letters ({reason}): {count}"))
    finally:
        database.close()
    return tuple(faults)


def _restarts(linli: PrivateLinli) -> tuple[Text, ...]:
    """Parts that ended and were started again: the run is to survive it."""
    return tuple(
        Text(
            f"{part_name(part.name).zh}重启了 {part.restarts} 次",
            f"{part_name(part.name).en} was restarted {part.restarts} times",
        )
        for part in linli.stack.states()
        if part.restarts
    )


# --- in the Linli that runs ------------------------------------------------------------------------------------------


def simulator_runs(settings: Settings) -> bool:
    """Whether a Linli with a simulator runs on this data folder now."""
    if FolderLock(DataFolder(settings.data).run).holder() is None:
        return False
    database = open_database(settings.app_database_url)
    try:
        now = settings.clock().now()
        return any(worker.name == "simulator" and worker.alive(now) for worker in reports(database))
    finally:
        database.close()


class _Eye:
    """Sees what becomes of alerts in the database: needs neither the ports nor the passwords of who runs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._alerts = SqlAlerts(database)
        self._clock = clock
        self._last = self._alerts.last_change()
        self.seen: list[Heard] = []

    def look(self) -> None:
        """Note what is new."""
        now = self._clock.now()
        for change in self._alerts.changes_after(self._last):
            self._last = change.id
            alert = self._alerts.get(change.alert)
            if alert is not None:
                notice = replace(notice_of(alert, change.kind), severity=change.severity.value, updated_at=change.at)
                self.seen.append(Heard(notice, now))


def play_live(settings: Settings, run: Run, progress: Callable[[int, int], None]) -> Result:
    """Have the running simulator play, and judge what is seen of the devices and places that the scenario concerns.

    Conflict if it cannot be played so; NotFound if no simulator runs, or it does not answer.
    """
    clock = settings.clock()
    scenario = _fit_for_live(run, clock)
    if not simulator_runs(settings):
        raise NotFound(
            Text(
                f"数据目录 {settings.data} 上没有带模拟器的 Linli 在运行：先运行 linli up，或用 --private",
                f"no Linli with a simulator runs on the data folder {settings.data}: "
                "start it with linli up, or use --private",
            )
        )
    requests, name = RequestFolder(DataFolder(settings.data).run / "scenarios"), new_bootid()
    database = open_database(settings.app_database_url)
    try:
        eye = _Eye(database, clock)
        requests.put(name, scenario)
        start = _started(requests.answer, name)
        end, pause = start + scenario.length + round(_GRACE_S * SECOND), threading.Event()
        while (now := clock.now()) < end:
            eye.look()
            progress((now - start) // SECOND, scenario.length // SECOND)
            pause.wait(_TICK_S)
        faults = _silent(database, now)
    finally:
        requests.withdraw(name)
        database.close()
    concerned = scenario.devices | {wanted.subject for wanted in scenario.expect}
    seen = [one for one in eye.seen if one.notice.subject in concerned and one.notice.updated_at >= start]
    return Result(run, True, start, judge(scenario.expect, _as_new(seen), start), faults=faults)


def _silent(database: Database, now: int) -> tuple[Text, ...]:
    """The parts on an alert's way that no longer report: what they were to raise may be missing."""
    alive = {service_of(worker.name)[0] for worker in reports(database) if worker.alive(now)}
    names = [part_name(name) for name in ("simulator", "rules") if name not in alive]
    return tuple(Text(f"{name.zh}没有报告", f"{name.en} does not report") for name in names)


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


def _started(answer: Callable[[str], Answer | None], name: str) -> int:
    pause, deadline = threading.Event(), monotonic() + _ANSWER_S
    while monotonic() < deadline:
        said = answer(name)
        if said is not None:
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
    """An alert that still stands from an earlier run is told of as occurring again: the first time counts as raised."""
    known: set[str] = set()
    renamed = []
    for one in heard:
        again = one.notice.change in ("occurred", "escalated") and one.notice.id not in known
        known.add(one.notice.id)
        renamed.append(Heard(replace(one.notice, change="opened"), one.at) if again else one)
    return renamed
