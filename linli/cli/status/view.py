"""How `linli status` looks: one screen of 80 columns, what is wrong at its top. No I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text as Styled

from api.words import SEVERITIES
from linli.cli.status.situation import GatewayFacts, Situation, seconds_since
from linli.cli.status.verdict import Trouble, Urgency, bytes_text, gateway_is_well, waiting_for
from linli.cli.words import duration
from linli.cli.wrapping import wrap
from linli.clock import local_time
from linli.db.workers import WorkerReport
from linli.i18n import Text
from linli.model import Consumer, Lane
from linli.vocabulary import part_name

_SHOWN_GATEWAYS = 8
_SHOWN_REASONS = 3
_LABEL = 14
_STATE = 12
_TROUBLE_STYLES = {Urgency.BLIND: "bold red", Urgency.HELD_UP: "bold yellow", Urgency.FAULT: "yellow"}

Line = tuple[str, str]
"""A line and its style ("" for none)."""


class StatusView:
    """The lines for one situation. `zone`: in which time is told."""

    def __init__(self, seen: Situation, troubles: Sequence[Trouble], language: str, zone: ZoneInfo, width: int) -> None:
        self._seen = seen
        self._troubles = troubles
        self._language = language
        self._zone = zone
        self._width = width

    def lines(self, *, every_gateway: bool = False) -> Iterator[Styled]:
        """All of it, top to bottom."""
        for text, style in self._all(every_gateway):
            yield Styled(text, style=style)

    def _all(self, every_gateway: bool) -> Iterator[Line]:
        yield from self._head()
        yield "", ""
        yield from self._verdict()
        yield from self._differences()
        yield "", ""
        yield from self._processes()
        yield from self._storage()
        if self._seen.database is None:
            yield from self._lag()
            yield from self._alerts()
            yield from self._letters()
            yield from self._gateways(every_gateway)

    def _t(self, zh: str, en: str) -> str:
        return Text(zh, en).of(self._language)

    # --- the top ----------------------------------------------------------------------------------------------------

    def _head(self) -> Iterator[Line]:
        holder = self._seen.holder
        name = self._t("邻里 Linli", "Linli")
        where = f"  {holder.address}" if holder is not None else ""
        at = local_time(self._seen.now, self._zone).isoformat(" ", "seconds")
        at = f"{at[:-6]} {at[-6:]}"
        gap = self._width - cell_len(name + where) - len(at)
        yield name + where + " " * max(2, gap) + at, "bold"

    def _verdict(self) -> Iterator[Line]:
        if not self._troubles:
            yield self._t("一切正常。", "All is well."), "bold green"
            return
        count = len(self._troubles)
        things = "1 thing is wrong:" if count == 1 else f"{count} things are wrong, the most urgent first:"
        yield self._t(f"有 {count} 处问题" + ("：" if count == 1 else "，最急的在前："), things), "bold"
        for number, trouble in enumerate(self._troubles, 1):
            what = f"{number}. {trouble.what.of(self._language)}"
            yield from ((line, _TROUBLE_STYLES[trouble.urgency]) for line in wrap(what, self._width, "   "))
            todo = f"   -> {trouble.todo.of(self._language)}"
            yield from ((line, "") for line in wrap(todo, self._width, "      "))

    def _differences(self) -> Iterator[Line]:
        if not self._seen.differs:
            return
        said = "; ".join(each.en for each in self._seen.differs)
        said_zh = "；".join(each.zh for each in self._seen.differs)
        note = self._t(
            f"本终端的设置与正在运行的 Linli 不同，以下说的是后者（{said_zh}）。",
            f"This shell has other settings than the Linli that runs, which is the one told of here ({said}).",
        )
        yield from ((line, "") for line in wrap(note, self._width, ""))

    # --- what runs --------------------------------------------------------------------------------------------------

    def _row(self, label: str, state: str, more: str, *, well: bool) -> Line:
        cells = f"{set_cell_size(label, _LABEL)}{set_cell_size(state, _STATE)}{more}"
        return self._cut(cells), "" if well else "yellow"

    def _cut(self, line: str) -> str:
        if cell_len(line) <= self._width:
            return line.rstrip()
        return set_cell_size(line, self._width - 1).rstrip() + "…"

    def _processes(self) -> Iterator[Line]:
        seen = self._seen
        host, port = seen.broker
        reached = self._t("可连接", "reachable") if seen.broker_open else self._t("连不上", "NOT REACHED")
        yield self._row(part_name("broker").of(self._language), reached, f"{host}:{port}", well=seen.broker_open)
        if seen.database is not None:
            return
        for service in seen.expected:
            for name, report in seen.layout(service).items():
                yield self._process(name, report)

    def _process(self, name: str, report: WorkerReport | None) -> Line:
        seen, label = self._seen, part_name(name).of(self._language)
        if report is None:
            return self._row(label, self._t("从未运行", "never ran"), "", well=False)
        quiet = duration(seconds_since(report.seen_at, seen.now)).of(self._language)
        if not seen.runs(report):
            gone = report.state == "stopped" or report.pid in seen.gone
            state = self._t("已停止", "STOPPED") if gone else self._t("无响应", "SILENT")
            return self._row(label, state, self._t(f"{quiet}前最后报告", f"last report {quiet} ago"), well=False)
        up = duration(seconds_since(report.started_at, report.seen_at)).of(self._language)
        more = self._t(f"进程 {report.pid}，已运行 {up}", f"pid {report.pid}, running for {up}")
        if report.state == "ok":
            return self._row(label, self._t("正常", "ok"), more, well=True)
        state = self._t("须留意", "NOTED") if report.state == "noted" else self._t("有异常", "DEGRADED")
        return self._row(label, state, report.detail.of(self._language), well=False)

    def _storage(self) -> Iterator[Line]:
        seen = self._seen
        fine, bad = self._t("正常", "ok"), self._t("不可用", "NOT USABLE")
        size = "" if seen.store.size is None else f", {bytes_text(seen.store.size)}"
        well = seen.store.trouble is None
        told = fine if seen.store.asked else self._t("未查询", "not asked")
        yield self._row(self._t("读数库", "readings"), told if well else bad, seen.store.name + size, well=well)
        size = "" if seen.database_size is None else f"linli.db, {bytes_text(seen.database_size)}"
        well = seen.database is None
        yield self._row(self._t("数据库", "database"), fine if well else bad, size, well=well)
        if seen.disk is not None:
            free, whole = seen.disk
            said = self._t(
                f"空闲 {bytes_text(free)}，共 {bytes_text(whole)}", f"{bytes_text(free)} of {bytes_text(whole)}"
            )
            yield self._row(self._t("磁盘", "disk free"), "", said, well=True)

    # --- what waits -------------------------------------------------------------------------------------------------

    def _lag(self) -> Iterator[Line]:
        for consumer in Consumer:
            if not self._seen.gateways_known:
                part = part_name(consumer.value)
                label = self._t(f"{part.zh}积压", f"{part.en} lag")
                yield self._row(label, self._t("未知", "not known"), "", well=True)
                continue
            waits = waiting_for(self._seen.gateways, consumer)
            said = self._t(
                f"条消息在网关：紧急 {waits[Lane.URGENT]}、批量 {waits[Lane.BULK]}",
                f"urgent {waits[Lane.URGENT]}, bulk {waits[Lane.BULK]} at the agents",
            )
            most = max(self._seen.gateways, key=lambda each: sum(each.waiting(consumer).values()), default=None)
            if most is not None and (held := sum(most.waiting(consumer).values())):
                said += self._t(f"，{most.id} 最多 {held}", f"; most at {most.id}, {held}")
            part, total = part_name(consumer.value), sum(waits.values())
            yield self._row(self._t(f"{part.zh}积压", f"{part.en} lag"), str(total), said if total else "", well=True)

    def _alerts(self) -> Iterator[Line]:
        counts = {severity: count for severity, count in self._seen.alerts.items() if count}
        listed = ", ".join(f"{SEVERITIES[severity].of(self._language)} {count}" for severity, count in counts.items())
        yield self._row(self._t("未关闭告警", "open alerts"), str(sum(counts.values())), listed, well=True)

    def _letters(self) -> Iterator[Line]:
        letters = self._seen.letters
        new = sum(letters.last_hour.values())
        listed = self._reasons(letters.last_hour or letters.kept)
        if new:
            listed = self._t(f"近一小时 {new}：{listed}", f"{new} in the last hour: {listed}")
        if letters.waiting:
            listed = self._t(f"待重放 {letters.waiting}；{listed}", f"{letters.waiting} to be replayed; {listed}")
        yield self._row(self._t("死信", "dead letters"), str(sum(letters.kept.values())), listed, well=not new)

    def _reasons(self, counts: Mapping[str, int]) -> str:
        most = sorted(counts.items(), key=lambda item: -item[1])
        parts = [f"{reason} {count}" for reason, count in most[:_SHOWN_REASONS]]
        if len(most) > _SHOWN_REASONS:
            parts.append(self._t(f"另 {len(most) - _SHOWN_REASONS} 种", f"{len(most) - _SHOWN_REASONS} more reasons"))
        return ", ".join(parts)

    # --- gateways ---------------------------------------------------------------------------------------------------

    def _gateways(self, every: bool) -> Iterator[Line]:
        seen = self._seen
        if not seen.gateways_known:
            said = self._t(
                "现状未知：数据接入此刻不能写入，听不到它们", "not known now: ingest cannot write, and so hears none"
            )
            yield self._row(self._t("网关", "gateways"), str(len(seen.gateways)), said, well=False)
            if every and seen.gateways:
                yield "", ""
                yield from self._table(seen.gateways)
            return
        ill = [gateway for gateway in seen.gateways if not gateway_is_well(gateway, seen.now)]
        well = len(seen.gateways) - len(ill)
        said = self._t(f"{well} 个正常，{len(ill)} 个有问题", f"{well} well, {len(ill)} not")
        if not ill:
            said = self._t("全部正常", "all well") if seen.gateways else ""
        yield self._row(self._t("网关", "gateways"), str(len(seen.gateways)), said, well=not ill)
        every = every or len(seen.gateways) <= _SHOWN_GATEWAYS
        shown = list(seen.gateways) if every else ill[:_SHOWN_GATEWAYS]
        if not shown:
            return
        yield "", ""
        yield from self._table(shown)
        if not every and len(ill) > len(shown):
            more = len(ill) - len(shown)
            yield (
                self._t(f"  另有 {more} 个：linli status --gateways", f"  and {more} more: linli status --gateways"),
                "",
            )

    def _table(self, gateways: Sequence[GatewayFacts]) -> Iterator[Line]:
        columns: list[tuple[str, Callable[[GatewayFacts], str]]] = [
            (self._t("网关", "GATEWAY"), lambda gateway: gateway.id),
            (self._t("状态", "STATE"), self._state),
            (self._t("最近消息", "HEARD"), self._heard),
            (self._t("紧急/批量队列", "QUEUE U/B"), self._queue),
            (self._t("今日丢弃", "DROPPED"), lambda gateway: str(gateway.dropped_today)),
            (self._t("时钟差", "CLOCK"), self._clock),
            (self._t("版本", "VERSION"), lambda gateway: gateway.beat.version if gateway.beat else "-"),
        ]
        rows = [[cell(gateway) for _, cell in columns] for gateway in gateways]
        heads = [head for head, _ in columns]
        widths = [max(cell_len(row[number]) for row in (heads, *rows)) for number in range(len(heads))]
        for index, row in enumerate((heads, *rows)):
            line = "  " + "  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
            well = index == 0 or gateway_is_well(gateways[index - 1], self._seen.now)
            yield self._cut(line), ("dim" if index == 0 else "") if well else "yellow"

    def _state(self, gateway: GatewayFacts) -> str:
        if not self._seen.gateways_known:
            return self._t("未知", "not known")
        if gateway.status is None and gateway.beat is None:
            return self._t("从未连接", "never")
        if gateway.status is not None and not gateway.status.online:
            return self._t("离线", "offline")
        return self._t("无消息", "silent") if gateway.silent(self._seen.now) else self._t("在线", "online")

    def _heard(self, gateway: GatewayFacts) -> str:
        at = gateway.heard_at()
        return "-" if at is None else duration(seconds_since(at, self._seen.now)).of(self._language)

    def _queue(self, gateway: GatewayFacts) -> str:
        beat = gateway.beat
        if not self._seen.gateways_known:
            return "?"
        if beat is None or beat.queue_urgent is None or beat.queue_bulk is None:
            return "-"
        return f"{beat.queue_urgent}/{beat.queue_bulk}"

    def _clock(self, gateway: GatewayFacts) -> str:
        offset = gateway.beat.clock_offset_ms if gateway.beat else None
        return "-" if offset is None else f"{offset / 1000:+.1f} s"
