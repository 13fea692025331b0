"""What is wrong with an installation and what to do about it, most urgent first. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from linli.cli.status.situation import MANY_WAITING, Damage, GatewayFacts, Situation, seconds_since
from linli.cli.words import duration
from linli.db.workers import WorkerReport
from linli.i18n import Text
from linli.model import Consumer, Lane
from linli.vocabulary import part_name

DISK_LOW = 0.05
DISK_LOW_BYTES = 2_000_000_000
"""Less than both free, and writing will soon fail."""

_NAMED = 3


class Urgency(IntEnum):
    """How bad it is, worst first."""

    BLIND = 0
    """Alarms do not reach anybody, or may not."""
    HELD_UP = 1
    """Data waits or may be lost; alarms go out."""
    FAULT = 2
    """One part or place is not as it should be."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong: what, and what to do."""

    urgency: Urgency
    what: Text
    todo: Text


def judge(seen: Situation) -> list[Trouble]:
    """Everything that is wrong, most urgent first; nothing if all is well."""
    troubles = [
        *_nothing_runs(seen),
        *_database(seen),
        *_processes(seen),
        *_broker(seen),
        *_disk(seen),
        *_store(seen),
        *_gateways(seen),
        *_letters(seen),
        *_audit(seen),
    ]
    return sorted(troubles, key=lambda trouble: trouble.urgency)


def _nothing_runs(seen: Situation) -> Iterator[Trouble]:
    if seen.stopped:
        yield Trouble(
            Urgency.BLIND,
            Text("Linli 没有运行：没有告警会发出", "Linli is not running: no alert goes out"),
            Text(
                "启动：linli up（作为服务安装的，启动其服务）。其间的一切都留在网关上",
                "start it: linli up (installed as services: start those). The agents keep everything meanwhile",
            ),
        )


_REPAIRS = {
    Damage.MISSING: Text(
        "从备份恢复它；没有备份时 linli up 会建一个空的，登记、人员和告警要重来",
        "restore it from a backup; without one, linli up makes an empty one, and registry, people and alerts start anew",
    ),
    Damage.NEWER: Text("升级本机的 Linli", "upgrade Linli on this machine"),
    Damage.OLDER: Text("运行 linli up：启动时会升级它", "run linli up: it brings it up to date when it starts"),
    Damage.UNUSABLE: Text(
        "看磁盘是否已满、文件是否损坏、数据库服务是否在运行",
        "see whether the disk is full, the file damaged, or the database server down",
    ),
}


def _database(seen: Situation) -> Iterator[Trouble]:
    if seen.database is not None:
        said = seen.database.said
        yield Trouble(
            Urgency.BLIND,
            Text(
                f"数据库不能使用，各进程和网关的情况因此未知：{said.zh}",
                f"the database cannot be used, so how processes and gateways are is not known: {said.en}",
            ),
            _REPAIRS[seen.database.damage],
        )


# --- processes ------------------------------------------------------------------------------------------------------

_NEEDED_FOR = {
    "ingest": Text("读数和事件不入库，网关开始积压", "nothing is stored, and the agents begin to queue"),
    "rules": Text("没有告警会发出", "no alert goes out"),
    "api": Text("没有人能打开页面看告警", "nobody can open the page and see alerts"),
    "simulator": Text("模拟小区不再发送", "the simulated compound sends nothing"),
}


def _processes(seen: Situation) -> Iterator[Trouble]:
    if seen.database is not None or seen.stopped:
        return
    for service in seen.expected:
        ailing: dict[tuple[Text, str], list[str]] = {}
        for name, report in seen.layout(service).items():
            if report is None or not seen.runs(report):
                yield _dead(seen, service, name, report)
            elif report.state != "ok" and not _told_of_store(seen, report.detail):
                ailing.setdefault((report.detail, report.state), []).append(name)
        for (detail, state), names in ailing.items():
            yield _noted(names, detail) if state == "noted" else _ailing(service, names, detail)


def _told_of_store(seen: Situation, detail: Text) -> bool:
    """Whether the trouble with the store says all of it: one cause is told once."""
    store = seen.store
    if store.trouble is None:
        return False
    return all(
        part in store.trouble.en or (store.address is not None and store.address in part)
        for part in detail.en.split("; ")
    )


def _dead(seen: Situation, service: str, name: str, report: WorkerReport | None) -> Trouble:
    part, effect, how = part_name(name), _NEEDED_FOR[service], _how(seen, report)
    urgency = Urgency.BLIND if service in ("rules", "api") else Urgency.HELD_UP
    urgency = Urgency.FAULT if service == "simulator" else urgency
    log = f"{seen.folder}/logs/{name}.log"
    todo = Text(f"linli up 会自动重启它；原因见 {log}", f"linli up starts it again by itself; why is in {log}")
    if seen.holder is None:
        todo = Text(
            f"重新启动它的服务（python -m {service}）；原因见其日志",
            f"start its service again (python -m {service}); its log says why",
        )
    return Trouble(
        urgency,
        Text(f"{part.zh}{how.zh}：{effect.zh}", f"{part.en} {how.en}: {effect.en}"),
        todo,
    )


def _how(seen: Situation, report: WorkerReport | None) -> Text:
    if report is None:
        return Text("从未运行", "has never run")
    if report.state == "stopped":
        return Text("已停止", "was stopped")
    if report.pid in seen.gone:
        return Text(f"的进程 {report.pid} 已不在", f"is gone (its process {report.pid} has ended)")
    quiet = duration(seconds_since(report.seen_at, seen.now))
    return Text(f"已 {quiet.zh}没有报告（进程 {report.pid}）", f"has been silent for {quiet.en} (process {report.pid})")


def _noted(names: Sequence[str], detail: Text) -> Trouble:
    """Shards that do all of their work, and say the same of a file."""
    parts = [part_name(name) for name in names]
    zh, en = "、".join(part.zh for part in parts), ", ".join(part.en for part in parts)
    return Trouble(
        Urgency.FAULT,
        Text(f"{zh}：{detail.zh}", f"{en}: {detail.en}"),
        Text(
            "告警照常发出。改正该文件，保存后自动生效；linli rules check 列出全部错误",
            "alerts go out as ever; mend that file, which counts once it is saved (linli rules check names every fault)",
        ),
    )


def _ailing(service: str, names: Sequence[str], detail: Text) -> Trouble:
    """The shards of a service that say the same."""
    parts = [part_name(name) for name in names]
    are = "is" if len(names) == 1 else "are"
    zh, en = "、".join(part.zh for part in parts), ", ".join(part.en for part in parts)
    urgency = Urgency.BLIND if service in ("rules", "api") else Urgency.HELD_UP
    return Trouble(
        Urgency.FAULT if service == "simulator" else urgency,
        Text(f"{zh}有异常：{detail.zh}", f"{en} {are} degraded: {detail.en}"),
        Text(
            "先消除上述原因；它会自行恢复，其间网关保留数据",
            "mend what it names; it goes on by itself, and the agents keep what they have meanwhile",
        ),
    )


# --- what they need -------------------------------------------------------------------------------------------------


def _broker(seen: Situation) -> Iterator[Trouble]:
    if seen.broker_open or seen.stopped:
        return
    host, port = seen.broker
    todo = Text("启动它；网关和服务会自行重连", "start it; agents and services connect again by themselves")
    if seen.holder is not None:
        todo = Text(
            f"linli up 会自动重启它；若不恢复，看 {seen.folder}/logs 里它的日志",
            f"linli up starts it again by itself; if it does not come back, see its log in {seen.folder}/logs",
        )
    yield Trouble(
        Urgency.BLIND,
        Text(
            f"消息服务器 {host}:{port} 连接不上：什么都到不了，告警不会发出",
            f"the broker at {host}:{port} is not reachable: nothing arrives, and no alert goes out",
        ),
        todo,
    )


_MEND_FILE = Text(
    "从备份恢复该文件，或移开它（入库进程会新建）；积压会自行补入",
    "restore the file from a backup, or move it away (ingest makes a new one); what queued is stored by itself then",
)
_MEND_SERVER = Text(
    "恢复它；积压会自行补入，不丢失", "bring it back; what queued is stored by itself then, and nothing is lost"
)


_ASK_INGEST = Text(
    "数据接入报告一切正常：先看它用的是否就是这里的设置（LINLI_DATA、LINLI_INFLUX_URL）；确是这个文件而它被删或损坏，则"
    "重启数据接入，它会新建",
    "ingest reports that it stores: see first whether it has the settings of this shell (LINLI_DATA, LINLI_INFLUX_URL); if "
    "it does, and the file was deleted or damaged, restart ingest, which makes a new one",
)


def _store(seen: Situation) -> Iterator[Trouble]:
    if seen.store.trouble is not None and seen.store.local and seen.ingest_writes:
        said = seen.store.trouble
        yield Trouble(
            Urgency.HELD_UP,
            Text(f"这里读不了读数库：{said.zh}", f"the store of readings cannot be read from here: {said.en}"),
            _ASK_INGEST,
        )
    elif seen.store.trouble is not None:
        yield Trouble(
            Urgency.HELD_UP,
            Text(
                f"读数库不能使用：{seen.store.trouble.zh}。读数在网关积压，告警照常发出",
                f"the store of readings cannot be used: {seen.store.trouble.en}. Readings queue at the agents; alerts go "
                "out as ever",
            ),
            _MEND_FILE if seen.store.local else _MEND_SERVER,
        )


def _disk(seen: Situation) -> Iterator[Trouble]:
    if seen.disk is None:
        return
    free, whole = seen.disk
    if (free < DISK_LOW_BYTES and free < whole * DISK_LOW) or free < DISK_LOW_BYTES / 10:
        left = bytes_text(free)
        yield Trouble(
            Urgency.BLIND if free < DISK_LOW_BYTES / 10 else Urgency.HELD_UP,
            Text(
                f"{seen.folder} 所在磁盘快满了：只剩 {left}", f"the disk of {seen.folder} is nearly full: {left} left"
            ),
            Text(
                "腾出空间；满了以后什么都写不进去",
                "make room: once it is full nothing can be written",
            ),
        )


def bytes_text(size: int) -> str:
    """A size for people: '260 kB', '812 MB', '1.4 GB'."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


# --- gateways -------------------------------------------------------------------------------------------------------


def gateway_is_well(gateway: GatewayFacts, now: int) -> bool:
    """Whether nothing is wrong with it: online, heard, not behind, dropped nothing today, its clock right."""
    online = gateway.status is not None and gateway.status.online
    return (
        online
        and not gateway.silent(now)
        and not gateway.behind()
        and not gateway.dropped_today
        and not gateway.clock_off()
    )


def _gateways(seen: Situation) -> Iterator[Trouble]:
    gateways = seen.gateways
    if seen.gateways_known:
        yield from _unreachable(seen)
        yield from _behind(gateways)
        yield from _clocks(gateways)
    dropped = [gateway for gateway in gateways if gateway.dropped_today]
    if dropped:
        total = sum(gateway.dropped_today for gateway in dropped)
        yield Trouble(
            Urgency.HELD_UP,
            Text(
                f"{_listed(dropped).zh}今天因发件箱已满丢弃了 {total} 条",
                f"{_listed(dropped).en} dropped {total} observations today, for want of room in the outbox",
            ),
            Text(
                "看网关为何积压（网络、入库、规则）；或调大代理配置的 outbox_bytes",
                "see why it queued (network, ingest, rules); or raise outbox_bytes of its agent",
            ),
        )


def _clocks(gateways: Sequence[GatewayFacts]) -> Iterator[Trouble]:
    off = [gateway for gateway in gateways if gateway.clock_off()]
    if off:
        worst = max(off, key=lambda gateway: abs(gateway.beat.clock_offset_ms or 0) if gateway.beat else 0)
        offset = (worst.beat.clock_offset_ms or 0) if worst.beat else 0
        by = duration(abs(offset) / 1000)
        ahead = Text("快", "ahead") if offset > 0 else Text("慢", "behind")
        yield Trouble(
            Urgency.FAULT,
            Text(
                f"{_listed(off).zh}的时钟不准：{worst.id} {ahead.zh} {by.zh}",
                f"the clock of {_listed(off).en} is wrong: {worst.id} is {by.en} {ahead.en}",
            ),
            Text("在该机器上开启 NTP（timedatectl set-ntp true）", "turn on NTP there (timedatectl set-ntp true)"),
        )


def _unreachable(seen: Situation) -> Iterator[Trouble]:
    offline = [gateway for gateway in seen.gateways if gateway.status is not None and not gateway.status.online]
    silent = [gateway for gateway in seen.gateways if gateway.silent(seen.now)]
    never = [gateway for gateway in seen.gateways if gateway.status is None and gateway.beat is None]
    if offline or silent:
        gone = offline + silent
        times = [time for gateway in gone if (time := gateway.heard_at()) is not None]
        since = duration(seconds_since(max(times, default=seen.now), seen.now))
        yield Trouble(
            Urgency.BLIND,
            Text(
                f"{_listed(gone).zh}离线，最近一次在 {since.zh}前有消息：那里的设备无人看管",
                f"{_listed(gone).en} {_are(gone)} offline, last heard {since.en} ago: nobody watches the devices there",
            ),
            Text(
                "查该处供电和网络；在网关上运行 linli agent check",
                "see to power and network there; on the gateway, run linli agent check",
            ),
        )
    if never:
        yield Trouble(
            Urgency.FAULT,
            Text(
                f"{_listed(never).zh}已登记，从未连接",
                f"{_listed(never).en} {_are(never)} registered and never connected",
            ),
            Text(
                "让它加入：linli agent enroll；不再需要则从登记中删除",
                "let it join: linli agent enroll; or take it out of the registry",
            ),
        )


def _are(gateways: Sequence[GatewayFacts]) -> str:
    return "is" if len(gateways) == 1 else "are"


def _behind(gateways: Sequence[GatewayFacts]) -> Iterator[Trouble]:
    for consumer in Consumer:
        waits = waiting_for(gateways, consumer)
        late = [gateway for gateway in gateways if _many(gateway, consumer)]
        if not late:
            continue
        part = part_name(consumer.value)
        urgent, bulk = waits[Lane.URGENT], waits[Lane.BULK]
        yield Trouble(
            Urgency.BLIND if consumer is Consumer.RULES and urgent >= MANY_WAITING[Lane.URGENT] else Urgency.HELD_UP,
            Text(
                f"{part.zh}落后：{_listed(late).zh}有积压（紧急 {urgent}、批量 {bulk} 条消息）",
                f"{part.en} is behind: {_listed(late).en} {_are(late)} waiting for it (urgent {urgent}, bulk {bulk} messages)",
            ),
            Text(
                "刚断过网则稍等，会自行补上；一直增长则看该进程是否过载",
                "after an outage, wait: it catches up by itself; if it keeps growing, see whether that process is overloaded",
            ),
        )


def _many(gateway: GatewayFacts, consumer: Consumer) -> bool:
    return any(count >= MANY_WAITING[lane] for lane, count in gateway.waiting(consumer).items())


def waiting_for(gateways: Sequence[GatewayFacts], consumer: Consumer) -> dict[Lane, int]:
    """Messages of each lane that all gateways together held for the consumer."""
    held = [gateway.waiting(consumer) for gateway in gateways]
    return {lane: sum(each[lane] for each in held) for lane in Lane}


def _listed(gateways: Sequence[GatewayFacts]) -> Text:
    """Some of them by name: 'gw-1, gw-2, gw-3 and 4 more'."""
    named = ", ".join(gateway.id for gateway in gateways[:_NAMED])
    more = len(gateways) - _NAMED
    if more <= 0:
        return Text(f"网关 {named} ", named)
    return Text(f"网关 {named} 等 {len(gateways)} 个", f"{named} and {more} more")


# --- dead letters ---------------------------------------------------------------------------------------------------


def _letters(seen: Situation) -> Iterator[Trouble]:
    new = seen.letters.last_hour
    if new:
        total = sum(new.values())
        reason = max(new, key=lambda reason: new[reason])
        yield Trouble(
            Urgency.FAULT,
            Text(
                f"近一小时有 {total} 条输入被拒收，多为 {reason}",
                f"{total} inputs were refused within the last hour, most of them as {reason}",
            ),
            Text(
                f"看：linli deadletters list --reason {reason} --since 1h；改正后 linli deadletters replay",
                f"look: linli deadletters list --reason {reason} --since 1h; once mended, linli deadletters replay",
            ),
        )


# --- the audit log --------------------------------------------------------------------------------------------------


def _audit(seen: Situation) -> Iterator[Trouble]:
    if seen.audit is not None:
        yield Trouble(
            Urgency.FAULT,
            Text(f"审计日志不完整：{seen.audit.zh}", f"the audit log is not whole: {seen.audit.en}"),
            Text(
                "验证全部：linli audit verify；若因恢复备份，linli audit reanchor；否则查明谁能写数据库",
                "verify all of it: linli audit verify; after a restored backup, linli audit reanchor; else find out who may write "
                "the database",
            ),
        )
