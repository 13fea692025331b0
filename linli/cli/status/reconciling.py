"""`linli reconcile`: whether all that agents took is in the store and was counted by rules, by gateway and day."""

import json
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing
from linli.clock import DAY, MINUTE, SECOND
from linli.errors import ConfigError
from linli.i18n import Text
from linli.model import LaneKey, TallyKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linli.db.database import Database
    from linli.ports import ReadingStore
    from linli.reconcile import Counts, Line, Reconciliation

_Key = TypeVar("_Key", LaneKey, TallyKey)
_Value = TypeVar("_Value")

HELP = str(
    Text(
        "核对：网关接收的，是否都已入库、都已由规则判断。有缺失时退出码为 1。",
        "Compare: whether all that agents took is stored and was evaluated by rules. Exit status 1 if some is missing.",
    )
)

_DAYS = 3
"""Agents tell what they counted on the last three days."""

_PATIENCE_S = 12.0
"""A little over the 10 s between heartbeats: the counts are read one after another while all goes on, so what seems to be
missing is looked at again until the agent has spoken once more."""


def reconcile_command(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help=str(
                Text(
                    "从哪一天起（UTC，如 2026-11-20；默认最近三天）",
                    "first day (UTC, such as 2026-11-20; default: the last three)",
                )
            ),
            show_default=False,
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(metavar="G", help=str(Text("只核对此网关", "only this gateway")), show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=str(Text("输出 JSON", "print JSON")))] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help=str(Text("数据目录（设置 data）", "data folder (setting data)")), show_default=False
        ),
    ] = None,
) -> None:
    """Compare and print; exit status 0 when every difference is explained, 1 when something is missing, 2 for an error."""
    from linli.adapters.store import build_store
    from linli.reconcile import reconcile

    with existing(data) as (settings, database):
        clock = settings.clock()
        first = _first_day(since, clock.now())
        store = build_store(settings)
        try:
            until = monotonic() + _PATIENCE_S
            while True:
                now = clock.now()
                counts = _read(database, store, first, gateway)
                outcome = reconcile(counts, now)
                if outcome.explained or not _may_change(counts, outcome, now) or monotonic() > until:
                    break
                threading.Event().wait(1.0)
        finally:
            store.close()
        if gateway is not None and not outcome.lines:
            _require_registered(database, gateway)
    if as_json:
        typer.echo(json.dumps(_document(outcome, first, now), ensure_ascii=False))
    else:
        _print(outcome, first, gateway)
    raise typer.Exit(0 if outcome.explained else 1)


def _first_day(since: str | None, now: int) -> int:
    if since is None:
        return now // DAY - _DAYS + 1
    try:
        return (date.fromisoformat(since) - date(1970, 1, 1)).days
    except ValueError:
        raise ConfigError(
            Text(f"--since {since} 不是日期，应如 2026-11-20", f"--since {since} is no day; one is like 2026-11-20")
        ) from None


def _read(database: "Database", store: "ReadingStore", first: int, gateway: str | None) -> "Counts":
    """The agents' word first: what they told of has been sent, and what came since only adds to the others."""
    from linli.db.heartbeats import SqlHeartbeats
    from linli.db.tallies import rules_tallies
    from linli.reconcile import Counts

    beats = SqlHeartbeats(database)
    heard = {beat.gateway: beat for beat in beats.all() if gateway in (None, beat.gateway)}
    told = _of(gateway, beats.counted(first))
    kept = {key: tally for key, tally in _of(gateway, store.tallies()).items() if key.day >= first}
    judged = _of(gateway, rules_tallies(database, first))
    return Counts(told, kept, judged, heard, _of(gateway, store.positions()))


def _of(gateway: str | None, numbers: "Mapping[_Key, _Value]") -> "dict[_Key, _Value]":
    return {key: value for key, value in numbers.items() if gateway in (None, key.gateway)}


def _may_change(counts: "Counts", outcome: "Reconciliation", now: int) -> bool:
    """Whether a gateway of which something is missing has spoken within the last minute."""
    blamed = {finding.key.gateway for finding in outcome.findings if not finding.kind.explained}
    return any(now - beat.received_at < MINUTE for beat in counts.beats.values() if beat.gateway in blamed)


def _require_registered(database: "Database", gateway: str) -> None:
    """NotFound with those whose id is like it. One that was taken out of the registry and has counts is not asked for."""
    from difflib import get_close_matches

    from linli.db.gateways import SqlGatewayStatuses
    from linli.errors import NotFound

    registered = [each.id for each in SqlGatewayStatuses(database).registered()]
    if gateway in registered:
        return
    near = ", ".join(get_close_matches(gateway, registered, n=3, cutoff=0.6))
    raise NotFound(
        Text(
            f"没有网关 {gateway:.64}" + (f"；是不是 {near}？" if near else "；见 linli gateway list"),
            f"there is no gateway {gateway:.64}" + (f"; did you mean {near}?" if near else "; see linli gateway list"),
        )
    )


def _print(outcome: "Reconciliation", first: int, gateway: str | None) -> None:
    from linli.reconcile import day_text, totals

    if not outcome.lines and gateway is not None:
        typer.echo(
            str(
                Text(
                    f"网关 {gateway} 已登记，{day_text(first)}（UTC）以来没有它的计数：它没有连接过，或什么都没有接收",
                    f"gateway {gateway} is registered, and nothing was counted for it since {day_text(first)} (UTC): it has "
                    "not connected, or has taken nothing",
                )
            )
        )
        return
    if not outcome.lines:
        typer.echo(
            str(
                Text(
                    f"{day_text(first)}（UTC）以来没有任何网关的计数",
                    f"nothing was counted for any gateway since {day_text(first)} (UTC)",
                )
            )
        )
        return
    heads = ("网关", "日期(UTC)", "接收", "丢弃", "入库", "死信", "判断", "拒绝")
    english = ("GATEWAY", "DAY (UTC)", "TAKEN", "DROPPED", "STORED", "DEAD", "EVALUATED", "REFUSED")
    rows = [(line.gateway, day_text(line.day), *_numbers(line)) for line in outcome.lines]
    if len(rows) > 1:
        rows.append((str(Text("合计", "in all")), "", *_numbers(totals(outcome.lines))))
    print_columns(tuple(str(Text(zh, en)) for zh, en in zip(heads, english, strict=True)), rows, right=6)
    typer.echo("")
    for finding in outcome.findings:
        mark = Text("原因明确", "explained") if finding.kind.explained else Text("缺失", "MISSING")
        if finding.kind == "surplus":
            mark = Text("多出", "SURPLUS")
        where = f"{finding.key.gateway} {day_text(finding.key.day)}"
        typer.echo(str(Text(f"{mark.zh}：{where}：{finding.said.zh}", f"{mark.en}: {where}: {finding.said.en}")))
    typer.echo(str(_verdict(outcome)))


def _verdict(outcome: "Reconciliation") -> Text:
    if not outcome.findings:
        return Text(
            "全部相符：接收的都已入库或成为死信，也都由规则判断或拒绝",
            "all adds up: what was taken is stored or a dead letter, and evaluated or refused",
        )
    if outcome.explained:
        return Text("没有缺失：每处差额都有原因", "nothing is missing: every difference is explained")
    wrong = sum(not finding.kind.explained for finding in outcome.findings)
    return Text(
        f"有 {wrong} 处差额没有原因；每处怎么办见 docs/operations.zh-CN.md",
        f"{wrong} differences are not explained; docs/operations.md says what to do about each",
    )


def _numbers(line: "Line") -> tuple[str, ...]:
    numbers = (line.taken, line.dropped, line.stored, line.dead, line.evaluated, line.refused)
    return tuple("?" if number is None else str(number) for number in numbers)


def _document(outcome: "Reconciliation", first: int, now: int) -> dict[str, Any]:
    """What --json prints. Days are UTC; numbers count observations; null: the agent does not say."""
    from linli.reconcile import day_text

    names = ("community", "gateway", "taken", "dropped", "stored", "dead", "evaluated", "refused")
    return {
        "at": datetime.fromtimestamp(now / SECOND, UTC).isoformat(),
        "since": day_text(first),
        "explained": outcome.explained,
        "lines": [
            {"day": day_text(line.day)} | {name: getattr(line, name) for name in names} for line in outcome.lines
        ],
        "findings": [
            {
                "community": finding.key.community,
                "gateway": finding.key.gateway,
                "bootid": finding.key.bootid,
                "day": day_text(finding.key.day),
                "consumer": finding.consumer.value,
                "kind": finding.kind.value,
                "explained": finding.kind.explained,
                "count": finding.count,
                "text": {"zh": finding.said.zh, "en": finding.said.en},
            }
            for finding in outcome.findings
        ],
    }
