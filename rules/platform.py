"""What the rules watch of Linli itself: ingest that cannot write, or says nothing. No I/O; time is an argument.

Theory of operation. Each ingest worker reports for how long it has been trying to write one batch (`unwritten_s`), and how
many it has written (`writes`). From these come events of the built-in gateway, which are journalled and judged like any
others, by rules that come with Linli whatever folder of rules a site has:

    linli.store.failing      it has been trying for STUCK_S or more
    linli.store.written      it has written one since: a worker that was only started anew has not
    linli.ingest.silent      it has not reported
    linli.ingest.heard       it reports again
    linli.platform.unchanged what is being timed goes on

Nothing is said of the store while its worker is silent, and nothing at all while the reports cannot be read: what nobody
knows resolves no alert and makes none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from linli.clock import SECOND
from linli.db.workers import SILENT_AFTER, WorkerReport
from linli.model import Condition, Lane, LaneKey, Message, Severity
from linli.platform import PLATFORM, WORKER_KIND, device_of
from linli.shards import service_of
from rules.engine.gateways import GATEWAY_OFFLINE, gateway_rule
from rules.engine.inputs import MessageIn
from rules.engine.machine import Engine
from rules.language.model import AppliesTo, Clause, Happening, Match, Rule, StateClause, Words

STUCK_S = 2.0
"""A batch is written in milliseconds; so long means that it cannot be."""

BLIND = 10 * SECOND
"""For so long after the reports could not be read they may be old through no fault of their workers."""

FAILING, WRITTEN = "linli.store.failing", "linli.store.written"
SILENT, HEARD = "linli.ingest.silent", "linli.ingest.heard"
UNCHANGED = "linli.platform.unchanged"
STORE_DOWN, INGEST_SILENT = "linli-store-down", "linli-ingest-silent"
_BEGINS = {STORE_DOWN: FAILING, INGEST_SILENT: SILENT}

_LANE = LaneKey(PLATFORM, PLATFORM, "platform", Lane.URGENT)


def with_platform_rules(rules: Sequence[Rule], after_s: float, *, gateways: bool = True) -> tuple[Rule, ...]:
    """A site's rules and those that come with Linli, in order of id: those about Linli itself, which count after `after_s`
    seconds, and with `gateways` the one about a gateway that is silent."""
    ours = platform_rules(after_s) + ((gateway_rule(),) if gateways else ())
    names = {rule.id for rule in ours} | {GATEWAY_OFFLINE}
    theirs = [rule for rule in rules if rule.id not in names]
    return tuple(sorted([*ours, *theirs], key=lambda rule: rule.id))


def platform_rules(after_s: float) -> tuple[Rule, ...]:
    """The rules about Linli itself; each counts after `after_s` seconds."""
    return (
        _rule(
            INGEST_SILENT,
            Words(zh="数据接入没有应答", en="Ingest does not answer"),
            Words(
                zh="数据接入已有 {for}没有报告：新数据暂存在各网关，告警不受影响。",
                en="Ingest has not reported for {for}: new data waits at the gateways; alerts are not affected.",
            ),
            Words(
                zh="运行 linli status 查看；看日志 logs/ingest*.log；重新启动数据接入。网关会暂存数据，但空间有限。",
                en="Run linli status; look at logs/ingest*.log; start ingest again. Gateways keep the data, but not without end.",
            ),
            (SILENT, HEARD),
            after_s,
        ),
        _rule(
            STORE_DOWN,
            Words(zh="数据存储写不进去", en="Store down"),
            Words(
                zh="数据接入已有 {for}写不进存储：新数据暂存在各网关，告警不受影响。",
                en="Ingest has not been able to write for {for}: new data waits at the gateways; alerts are not affected.",
            ),
            Words(
                zh="运行 linli status 看原因：磁盘是否已满，InfluxDB 或数据库是否在运行，口令是否有效。恢复写入后本告警自行解除。",
                en="Run linli status for the reason: is the disk full, does InfluxDB or the database run, is its token valid? "
                "The alert resolves once writing works again.",
            ),
            (FAILING, WRITTEN),
            after_s,
        ),
    )


def _rule(name: str, title: Words, sentence: Words, advice: Words, types: tuple[str, str], after_s: float) -> Rule:
    begins, ends = types
    hold = f"{max(1, round(after_s * 1000))}ms"
    state = StateClause(begins=Happening(types=(begins,)), ends=(Match(types=(ends,)),), hold=hold)
    return Rule(
        id=name,
        title=title,
        sentence=sentence,
        advice=advice,
        severity=Severity.HIGH,
        route=("maintainer",),
        source="Linli",
        applies_to=AppliesTo(device_kinds=(WORKER_KIND,)),
        when=(Clause(state=state),),
        subject="place",
    )


@dataclass(frozen=True, slots=True)
class Look:
    """An event of a worker, and when it was."""

    worker: str
    type: str
    time: int


class Eye:
    """Looks at the workers' reports. What it remembers is no state of the engine: it makes recovery later, never earlier.

    `look` says what there is; that something has begun it says until `said` tells that it is kept."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[int, float]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._blind_until = 0

    def blind(self, now: int) -> None:
        """The reports cannot be read."""
        self._blind_until = now + BLIND

    def said(self, looks: Iterable[Look]) -> None:
        """These are in the journal: what begins with them is not said once more."""
        self._begun.update((look.worker, rule) for look in looks for rule, kind in _BEGINS.items() if kind == look.type)

    def look(
        self, reports: Sequence[WorkerReport], now: int, going_on: Mapping[tuple[str, str], Condition]
    ) -> list[Look]:
        """What there is to say. `going_on`: what is being timed, or fires, by worker and rule."""
        if now < self._blind_until:
            return []
        workers = ingest_workers(reports)
        return [look for report in workers for look in self._judge(report, now, going_on)] + _gone(
            workers, now, going_on
        )

    def _judge(self, report: WorkerReport, now: int, going_on: Mapping[tuple[str, str], Condition]) -> list[Look]:
        name = report.name
        if report.state == "stopped" or not report.alive(now):
            return self._begins(name, INGEST_SILENT, now, SILENT_AFTER, going_on)
        self._begun.discard((name, INGEST_SILENT))
        looks = [Look(name, HEARD, now)] if (name, INGEST_SILENT) in going_on else []
        unwritten_s, writes = report.counters.get("unwritten_s", 0.0), report.counters.get("writes", 0.0)
        down = (name, STORE_DOWN)
        if unwritten_s >= STUCK_S:
            self._written[name] = (report.pid, writes)
            ago = min(round(unwritten_s * SECOND), SILENT_AFTER)
            looks += self._begins(name, STORE_DOWN, now, ago, going_on)
        elif down in going_on or down in self._begun:
            pid, before = self._written.setdefault(name, (report.pid, writes))
            if writes > (before if pid == report.pid else 0):
                self._begun.discard(down)
                looks += [Look(name, WRITTEN, now)] if down in going_on else []
        return looks

    def _begins(
        self, worker: str, rule: str, now: int, ago: int, going_on: Mapping[tuple[str, str], Condition]
    ) -> list[Look]:
        """What to say of something that is so and has been for `ago`: once kept, it is not said again, and that time goes on.
        If it goes on no more, a person has closed the alert: it is said again when it has been well in between."""
        state = going_on.get((worker, rule))
        if state is not None:
            return [Look(worker, UNCHANGED, now)] if state is Condition.PENDING else []
        if (worker, rule) in self._begun:
            return []
        return [Look(worker, _BEGINS[rule], now - ago)]


def ingest_workers(reports: Sequence[WorkerReport]) -> list[WorkerReport]:
    """Those of ingest; where the number of shards has changed, those of the number that reported last."""
    ingest = [report for report in reports if service_of(report.name)[0] == "ingest"]
    if not ingest:
        return []
    newest = max(ingest, key=lambda report: report.seen_at)
    count = service_of(newest.name)[1].count
    return [report for report in ingest if service_of(report.name)[1].count == count]


def _gone(workers: Sequence[WorkerReport], now: int, going_on: Mapping[tuple[str, str], Condition]) -> list[Look]:
    """Of workers that there are no more, since the number of shards has changed: what another shows ends theirs."""
    there = {report.name for report in workers}
    alive = [report for report in workers if report.state != "stopped" and report.alive(now)]
    wrote = any(
        report.counters.get("writes", 0.0) > 0 and report.counters.get("unwritten_s", 0.0) < STUCK_S for report in alive
    )
    ends = {STORE_DOWN: WRITTEN if wrote else None, INGEST_SILENT: HEARD if alive else None}
    return [Look(name, end, now) for name, rule in sorted(going_on) if name not in there and (end := ends[rule])]


def going_on(engine: Engine, workers: Iterable[str]) -> dict[tuple[str, str], Condition]:
    """Which of the platform's conditions are being timed, or fire, by worker and rule."""
    return {
        (name, rule): watch.state
        for name in workers
        for (rule, _), watch in engine.watches.get(device_of(name), {}).items()
        if watch.state in (Condition.PENDING, Condition.FIRING)
    }


def inputs_of(looks: Sequence[Look], now: int, last: int) -> list[MessageIn]:
    """The looks as messages of the built-in gateway. `last`: its last sequence."""
    return [
        MessageIn(
            Message(*_LANE, last + number, 1, look.type, device_of(look.worker), look.time, now),
            now,
        )
        for number, look in enumerate(looks, 1)
    ]


def last_sequence(engine: Engine) -> int:
    """Of the built-in gateway."""
    return engine.positions.get(_LANE, 0)
