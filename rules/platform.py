"""What the rules watch of Linli itself: ingest that cannot write or says nothing, rules that cannot. No I/O; time is an argument.

Theory of operation. Each ingest worker reports for how long it has been trying to write one batch (`unwritten_s`), and how
many it has written (`writes`). From these come events of the built-in gateway, which are journalled and judged like any
others, by rules that come with Linli whatever folder of rules a site has:

    linli.store.failing      it has been trying for STUCK_S or more
    linli.store.written      it has written one since: a worker that was only started anew has not
    linli.ingest.silent      it has not reported
    linli.ingest.heard       it reports again
    linli.journal.failing    a rules worker has been trying to write its journal for STUCK_S or more (`unjournalled_s`)
    linli.journal.written    it writes again
    linli.input.skipped      it has skipped an input that failed twice (`failed_inputs`)
    linli.gateway.doubled    ingest has heard two agents speak for one gateway (`doubles`)
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
from rules.engine.inputs import MessageIn, RulesIn
from rules.engine.machine import Engine
from rules.language.model import AppliesTo, Clause, EventClause, Happening, Match, Rule, StateClause, Words

STUCK_S = 2.0
"""A batch is written in milliseconds; so long means that it cannot be."""

JUST_STARTED = 30 * SECOND
"""What a rules worker has skipped is told by one that began to look at most so long after it had started."""

BLIND = 10 * SECOND
"""For so long after the reports could not be read they may be old through no fault of their workers."""

FAILING, WRITTEN = "linli.store.failing", "linli.store.written"
SILENT, HEARD = "linli.ingest.silent", "linli.ingest.heard"
UNCHANGED = "linli.platform.unchanged"
JOURNAL_FAILING, JOURNAL_WRITTEN = "linli.journal.failing", "linli.journal.written"
SKIPPED = "linli.input.skipped"
DOUBLED = "linli.gateway.doubled"
STORE_DOWN, INGEST_SILENT = "linli-store-down", "linli-ingest-silent"
JOURNAL_DOWN, INPUT_SKIPPED = "linli-journal-down", "linli-input-skipped"
GATEWAY_DOUBLED = "linli-gateway-doubled"
_BEGINS = {STORE_DOWN: FAILING, INGEST_SILENT: SILENT, JOURNAL_DOWN: JOURNAL_FAILING}

_LANE = LaneKey(PLATFORM, PLATFORM, "platform", Lane.URGENT)


def dressed(rules: RulesIn, after_s: float, *, gateways: bool = True) -> RulesIn:
    """A site's rules with those that come with Linli."""
    return RulesIn(with_platform_rules(rules.rules, after_s, gateways=gateways), rules.overrides)


def with_platform_rules(rules: Iterable[Rule], after_s: float, *, gateways: bool = True) -> tuple[Rule, ...]:
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
            _lasts(SILENT, HEARD, after_s),
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
            _lasts(FAILING, WRITTEN, after_s),
        ),
        _rule(
            JOURNAL_DOWN,
            Words(zh="规则日志写不进去", en="Rules journal down"),
            Words(
                zh="规则引擎已有 {for}写不进日志：只有紧急告警还会发出，而且暂时查不到；数据暂存在各网关。",
                en="The rules have not been able to write their journal for {for}: only critical alerts go out, and cannot be "
                "looked up yet; the gateways keep the data.",
            ),
            Words(
                zh="清理数据目录所在的磁盘，看日志 logs/rules*.log。恢复写入后，其余告警会补发。",
                en="Make room on the disk of the data folder, look at logs/rules*.log. Once it can write again the other alerts "
                "follow.",
            ),
            _lasts(JOURNAL_FAILING, JOURNAL_WRITTEN, after_s),
            Severity.CRITICAL,
        ),
        _rule(
            INPUT_SKIPPED,
            Words(zh="规则跳过了一条输入", en="Rules skipped an input"),
            Words(
                zh="规则引擎两次处理失败，已跳过：这条消息没有判断，别的照常。",
                en="The rules failed at it twice and skipped it: that message was not judged, all others are.",
            ),
            Words(
                zh="运行 linli deadletters 查看原因为 rules.failed 的死信，把它连同日志 logs/rules*.log 发给维护者。",
                en="Run linli deadletters, take the letter with the reason rules.failed and logs/rules*.log to the maintainers.",
            ),
            Clause(event=EventClause(types=(SKIPPED,), quiet="10m")),
        ),
        _rule(
            GATEWAY_DOUBLED,
            Words(zh="有两个代理冒用同一网关", en="Two agents under one gateway's name"),
            Words(
                zh="数据接入听到两个代理轮流以同一网关的名义发送：网关的口令可能已泄露，或机器被克隆。",
                en="Ingest hears two agents send in turn as one gateway: its password may be stolen, or its machine was cloned.",
            ),
            Words(
                zh="运行 linli status 看是哪个网关；运行 linli gateway invite，在真正的网关上重新加入，旧口令随即失效；查看另一个代理在哪里。",
                en="Run linli status to see which gateway; run linli gateway invite and enrol the true one "
                "again, which ends the old password; find out where the other one runs.",
            ),
            Clause(event=EventClause(types=(DOUBLED,), quiet="10m")),
        ),
    )


def _lasts(begins: str, ends: str, after_s: float) -> Clause:
    hold = f"{max(1, round(after_s * 1000))}ms"
    return Clause(state=StateClause(begins=Happening(types=(begins,)), ends=(Match(types=(ends,)),), hold=hold))


def _rule(
    name: str, title: Words, sentence: Words, advice: Words, clause: Clause, severity: Severity = Severity.HIGH
) -> Rule:
    return Rule(
        id=name,
        title=title,
        sentence=sentence,
        advice=advice,
        severity=severity,
        route=("maintainer",),
        source="Linli",
        applies_to=AppliesTo(device_kinds=(WORKER_KIND,)),
        when=(clause,),
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

    `look` says what there is; that something has begun it says until `said` tells that it is kept. `since`: when it began to
    look."""

    def __init__(self, since: int = 0) -> None:
        self._since = since
        self._written: dict[str, tuple[int, float]] = {}
        self._begun: set[tuple[str, str]] = set()
        self._failing: dict[str, int] = {}
        self._skipped: dict[str, tuple[int, float]] = {}
        self._skips: dict[str, tuple[int, float]] = {}
        self._doubled: dict[str, tuple[int, float]] = {}
        self._doubles: dict[str, tuple[int, float]] = {}
        self._blind_until = 0

    def blind(self, now: int) -> None:
        """The reports cannot be read."""
        self._blind_until = now + BLIND

    def said(self, looks: Iterable[Look]) -> None:
        """These are in the journal: what begins with them is not said once more."""
        for look in looks:
            self._begun.update((look.worker, rule) for rule, kind in _BEGINS.items() if kind == look.type)
            if look.type == JOURNAL_WRITTEN:
                self._failing.pop(look.worker, None)
            if look.type == SKIPPED:
                self._skipped[look.worker] = self._skips[look.worker]
            if look.type == DOUBLED:
                self._doubled[look.worker] = self._doubles[look.worker]

    def look(
        self, reports: Sequence[WorkerReport], now: int, going_on: Mapping[tuple[str, str], Condition]
    ) -> list[Look]:
        """What there is to say. `going_on`: what is being timed, or fires, by worker and rule."""
        if now < self._blind_until:
            return []
        ingest, rules = ingest_workers(reports), rules_workers(reports)
        looks = [look for report in ingest for look in self._judge(report, now, going_on)]
        looks += [look for report in ingest if report.alive(now) for look in self._doubles_of(report, now)]
        looks += [look for report in rules if report.alive(now) for look in self._judge_rules(report, now, going_on)]
        return looks + _gone(ingest, rules, now, going_on)

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

    def _judge_rules(self, report: WorkerReport, now: int, going_on: Mapping[tuple[str, str], Condition]) -> list[Look]:
        name, journal = report.name, (report.name, JOURNAL_DOWN)
        stuck_s = report.counters.get("unjournalled_s", 0.0)
        looks: list[Look] = []
        if stuck_s >= STUCK_S:
            ago = round(stuck_s * SECOND)
            self._failing.setdefault(name, now - ago)
            looks += self._begins(name, JOURNAL_DOWN, now, ago, going_on)
        elif journal in going_on or name in self._failing:
            self._begun.discard(journal)
            since = self._failing.get(name)  # our own journal could not take it while it was so
            looks += [Look(name, JOURNAL_FAILING, since)] if since is not None and journal not in going_on else []
            looks += [Look(name, JOURNAL_WRITTEN, now)]
        return looks + self._skips_of(report, now)

    def _skips_of(self, report: WorkerReport, now: int) -> list[Look]:
        """Those of a process that ran before we looked are told already."""
        return _counted_up(report, "failed_inputs", SKIPPED, self._skipped, self._skips, self._since, now)

    def _doubles_of(self, report: WorkerReport, now: int) -> list[Look]:
        """As for what was skipped."""
        return _counted_up(report, "doubles", DOUBLED, self._doubled, self._doubles, self._since, now)

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


def _counted_up(
    report: WorkerReport,
    counter: str,
    kind: str,
    told: dict[str, tuple[int, float]],
    seen: dict[str, tuple[int, float]],
    since: int,
    now: int,
) -> list[Look]:
    """One look of `kind` if the counter of the worker's process is above what was `told`; `seen` becomes what it is now."""
    count = report.counters.get(counter, 0.0)
    known = count if report.started_at < since - JUST_STARTED else 0.0
    pid, before = told.setdefault(report.name, (report.pid, known))
    seen[report.name] = (report.pid, count)
    return [Look(report.name, kind, now)] if count > (before if pid == report.pid else 0) else []


def ingest_workers(reports: Sequence[WorkerReport]) -> list[WorkerReport]:
    """Those of ingest; where the number of shards has changed, those of the number that reported last."""
    return _workers_of("ingest", reports)


def rules_workers(reports: Sequence[WorkerReport]) -> list[WorkerReport]:
    """Those of the rules, likewise."""
    return _workers_of("rules", reports)


def watched_workers(reports: Sequence[WorkerReport]) -> list[WorkerReport]:
    """All that are looked at."""
    return ingest_workers(reports) + rules_workers(reports)


def _workers_of(service: str, reports: Sequence[WorkerReport]) -> list[WorkerReport]:
    theirs = [report for report in reports if service_of(report.name)[0] == service]
    if not theirs:
        return []
    newest = max(theirs, key=lambda report: report.seen_at)
    count = service_of(newest.name)[1].count
    return [report for report in theirs if service_of(report.name)[1].count == count]


def _gone(
    ingest: Sequence[WorkerReport],
    rules: Sequence[WorkerReport],
    now: int,
    going_on: Mapping[tuple[str, str], Condition],
) -> list[Look]:
    """Of workers that there are no more, since the number of shards has changed: what another shows ends theirs."""
    there = {report.name for report in (*ingest, *rules)}
    alive = [report for report in ingest if report.state != "stopped" and report.alive(now)]
    wrote = any(
        report.counters.get("writes", 0.0) > 0 and report.counters.get("unwritten_s", 0.0) < STUCK_S for report in alive
    )
    journals = any(report.alive(now) and report.counters.get("unjournalled_s", 0.0) < STUCK_S for report in rules)
    ends = {
        STORE_DOWN: WRITTEN if wrote else None,
        INGEST_SILENT: HEARD if alive else None,
        JOURNAL_DOWN: JOURNAL_WRITTEN if journals else None,
    }
    return [Look(name, end, now) for name, rule in sorted(going_on) if name not in there and (end := ends.get(rule))]


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
