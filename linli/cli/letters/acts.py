"""`linli deadletters replay` and `purge`: what can be done about dead letters."""

import sys
import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import printable
from linli.cli.existing import existing
from linli.cli.letters.shown import ConsumerName, Data, GatewayId, Reason, Since, choice_of, opened
from linli.cli.spans import span
from linli.errors import ConfigError, NotFound
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.db.deadletters import Choice, Requested, SqlDeadLetters
    from linli.settings import Settings

_WAIT_S = 60.0
_LOOK_EVERY_S = 0.2
_SHOWN = 10


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


REPLAY_HELP = _t(
    "重放：让入库进程按现在的登记再试一次。接受的按原来的键入库一次，死信随之删除；规则不再判断（已是历史）；仍被拒收的留下。",
    "Have ingest try them again with the registry of now. What is accepted is stored once, under its original key, and "
    "the letter is gone; rules do not evaluate it (it is history). What is refused again stays.",
)
PURGE_HELP = _t(
    "删除死信（不能恢复）。删除前列出数量并要求确认。", "Delete dead letters for good. Counts them and asks first."
)

Number = Annotated[int | None, typer.Argument(metavar="[ID]", help=_t("编号", "its number"), show_default=False)]
All = Annotated[bool, typer.Option("--all", help=_t("全部", "all of them"))]


def replay(
    context: typer.Context,
    number: Number = None,
    reason: Reason = None,
    gateway: GatewayId = None,
    since: Since = None,
    every: All = False,
    wait_s: Annotated[
        float, typer.Option("--wait", help=_t("最多等结果几秒", "seconds to wait for the outcome at most"))
    ] = _WAIT_S,
    data: Data = None,
) -> None:
    """Ask for the replay and tell what became of it; exit status 1 if some could not be, or not yet."""
    with existing(data or context.obj) as (settings, database):
        from linli.db.deadletters import SqlDeadLetters

        box = SqlDeadLetters(database)
        choice = _chosen(settings, box, number, every=every, reason=reason, gateway=gateway, since=since)
        asked = box.request_replay(choice, settings.clock().now())
        if not asked.numbers and not asked.hindered:
            typer.echo(_t("没有这样的死信", "there are no such dead letters"))
            return
        running = _ingest_runs(settings, database)
        done = _outcome(box, asked, running=running, wait_s=wait_s) if asked.numbers else True
        _tell_hindered(asked)
    raise typer.Exit(0 if done and not asked.hindered else 1)


def _chosen(
    settings: "Settings",
    box: "SqlDeadLetters",
    number: int | None,
    *,
    every: bool,
    reason: str | None,
    gateway: str | None,
    since: str | None = None,
) -> "Choice":
    """One letter by its number, or those that the options mean; ConfigError if neither is given: nobody means all by
    saying nothing."""
    from linli.db.deadletters import Choice

    if number is not None:
        if box.get(number) is None:
            raise NotFound(Text(f"没有编号为 {number} 的死信", f"there is no dead letter {number}"))
        return Choice(number=number)
    if not every and not (reason or gateway or since):
        raise ConfigError(
            Text(
                "请说明是哪些：编号、--reason、--gateway、--since 或 --all",
                "say which: a number, --reason, --gateway, --since or --all",
            )
        )
    return choice_of(settings, reason=reason, gateway=gateway, since=since)


def _ingest_runs(settings: "Settings", database: "Database") -> bool:
    from linli.db.workers import reports

    now = settings.clock().now()
    return any(
        report.name.partition("-")[0] == "ingest" and report.alive(now) and report.state != "stopped"
        for report in reports(database)
    )


def _outcome(box: "SqlDeadLetters", asked: "Requested", *, running: bool, wait_s: float) -> bool:
    """Wait for ingest and say what it did; whether it accepted all."""
    waiting, refused = _wait(box, asked.numbers, wait_s if running else 0.0)
    again = sum(refused.values())
    accepted = len(asked.numbers) - waiting - again
    if accepted:
        typer.echo(_t(f"已重放 {accepted} 封", f"replayed {accepted}"))
    if again:
        typer.echo(_t(f"仍被拒收 {again} 封：", f"still refused {again}:"))
        for why, count in _grouped(refused)[:_SHOWN]:
            typer.echo(f"{count:>8}  {printable(why)}")
    if waiting and running:
        typer.echo(_t(f"还有 {waiting} 封在等入库进程", f"{waiting} still wait for ingest"))
    elif waiting:
        typer.echo(
            _t(
                f"已请求 {waiting} 封；入库进程没有运行，它启动后就会处理",
                f"asked for {waiting}; ingest is not running, and does it when it starts",
            )
        )
    return not waiting and not again


def _wait(box: "SqlDeadLetters", numbers: tuple[int, ...], wait_s: float) -> tuple[int, dict[str, int]]:
    until = monotonic() + wait_s
    shown = sys.stderr.isatty()
    while True:
        waiting, refused = box.outcomes(numbers)
        if not waiting or monotonic() >= until:
            break
        if shown:
            typer.echo(f"\r{len(numbers) - waiting} / {len(numbers)} ", nl=False, err=True)
        threading.Event().wait(_LOOK_EVERY_S)
    if shown:
        typer.echo("\r\x1b[K", nl=False, err=True)
    return waiting, refused


def _grouped(refused: dict[str, int]) -> list[tuple[str, int]]:
    """By reason, with the detail of the first, the most frequent first."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for outcome, count in refused.items():
        reason = outcome.partition(":")[0]
        counts[reason] += count
        first.setdefault(reason, outcome)
    return [(first[reason], count) for reason, count in counts.most_common()]


def _tell_hindered(asked: "Requested") -> None:
    for why, count in asked.hindered:
        typer.echo(_t(f"不能重放 {count} 封：{why.zh}", f"{count} cannot be replayed: {why.en}"))


def purge(
    context: typer.Context,
    number: Number = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", help=_t("只限早于此的：30d、12h", "only those older than: 30d, 12h"), show_default=False
        ),
    ] = None,
    reason: Reason = None,
    consumer: ConsumerName = None,
    gateway: GatewayId = None,
    every: All = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=_t("不再询问", "do not ask"))] = False,
    data: Data = None,
) -> None:
    """Count, ask, delete."""
    with opened(data or context.obj) as (settings, box):
        choice = _to_purge(
            settings, box, number, older_than, every=every, reason=reason, consumer=consumer, gateway=gateway
        )
        counts = box.count_by_reason(choice)
        if not counts:
            typer.echo(_t("没有这样的死信", "there are no such dead letters"))
            return
        if not yes:
            _ask(counts)
        gone = box.purge(choice, settings.clock().now())
    typer.echo(_t(f"已删除 {gone} 封", f"deleted {gone}"))


def _to_purge(
    settings: "Settings",
    box: "SqlDeadLetters",
    number: int | None,
    older_than: str | None,
    *,
    every: bool,
    reason: str | None,
    consumer: str | None,
    gateway: str | None,
) -> "Choice":
    from dataclasses import replace

    every = every or older_than is not None or consumer is not None
    choice = _chosen(settings, box, number, every=every, reason=reason, gateway=gateway)
    before = None if older_than is None else settings.clock().now() - span(older_than)
    return replace(choice, consumer=consumer, before=before)


def _ask(counts: dict[str, int]) -> None:
    """Say how many of each reason there are and go on only at a yes; without a terminal, ConfigError."""
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        typer.echo(f"{count:>8}  {printable(reason)}")
    total = sum(counts.values())
    if not sys.stdin.isatty():
        raise ConfigError(
            Text(f"将删除 {total} 封；确认请加 --yes", f"this would delete {total}; to confirm, add --yes")
        )
    typer.confirm(_t(f"删除这 {total} 封？", f"delete these {total}?"), abort=True)
