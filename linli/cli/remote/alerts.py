"""`linli alerts`: what stands, and what to do about it, from a terminal or a script."""

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns, printable
from linli.cli.remote.completing import alert_ids
from linli.cli.remote.connection import connected
from linli.cli.remote.each import each
from linli.cli.remote.shown import as_json, as_line, local
from linli.i18n import Text, shell_language
from linli.model import Severity

if TYPE_CHECKING:
    from linli.client import Alert, AlertDetail


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


alerts_app = typer.Typer(
    no_args_is_help=True,
    help=_t(
        "查看并处置告警（通过 REST 接口，先 linli login）",
        "See and handle alerts (over the REST API: linli login first)",
    ),
)
Json = Annotated[bool, typer.Option("--json", help=_t("输出 JSON，供脚本使用", "JSON, for scripts"))]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help=_t("告警编号，可多个", "ids of alerts"), autocompletion=alert_ids),
]
SEVERITIES = {
    "critical": Text("危急", "critical"),
    "high": Text("高", "high"),
    "medium": Text("中", "medium"),
    "low": Text("低", "low"),
}


@alerts_app.command("list", help=_t("列出告警，最近发生的在前", "List alerts, the last opened first"))
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help=_t("也列出已关闭的", "closed ones too"))] = False,
    severity: Annotated[
        list[Severity] | None,
        typer.Option("--severity", help=_t("只限此级别，可重复", "only of this severity; repeat for more")),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help=_t("只限此规则，可重复", "only of this rule; repeat for more"))
    ] = None,
    community: Annotated[
        str | None, typer.Option("--community", help=_t("只限此小区", "only of this community"))
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_t("最多几条", "at most so many"))] = 50,
    json_out: Json = False,
) -> None:
    """List alerts."""
    with connected() as linli:
        found = linli.alerts(open_only=not every, severity=severity or (), rule=rule or (), community=community)
        alerts = list(islice(found, limit + 1))
    if json_out:
        as_json(alerts[:limit])
        return
    if not alerts:
        typer.echo(_t("没有告警", "no alerts"))
        return
    heads = (_t("编号", "ID"), _t("级别", "SEVERITY"), _t("时间", "OPENED"), _t("状态", "STATE"), _t("什么事", "WHAT"))
    print_columns(heads, [_row(alert) for alert in alerts[:limit]])
    if len(alerts) > limit:
        typer.echo(_t(f"还有更多：--limit {limit * 2}", f"there are more: --limit {limit * 2}"), err=True)


@alerts_app.command("show", help=_t("一条告警的证据与经过", "One alert with its evidence and history"))
def show(alert: Annotated[str, typer.Argument(metavar="ID", autocompletion=alert_ids)], json_out: Json = False) -> None:
    """One alert."""
    with connected() as linli:
        found = linli.alert(alert)
    if json_out:
        as_json(found)
    else:
        _show(found)


@alerts_app.command("ack", help=_t("表示已接手", "Say that you have taken them up"))
def acknowledge(
    alerts: Ids,
    comment: Annotated[str, typer.Option("--comment", help=_t("备注", "a comment"))] = "",
    json_out: Json = False,
) -> None:
    """Acknowledge each."""
    each(
        alerts,
        lambda linli, alert: linli.acknowledge(alert, comment),
        _t("已接手", "acknowledged"),
        json_out=json_out,
    )


@alerts_app.command("close", help=_t("关闭，须写明原因", "Close them, with the reason"))
def close(
    alerts: Ids,
    reason: Annotated[str, typer.Option("--reason", help=_t("原因", "the reason"))],
    json_out: Json = False,
) -> None:
    """Close each."""
    each(alerts, lambda linli, alert: linli.close_alert(alert, reason), _t("已关闭", "closed"), json_out=json_out)


@alerts_app.command(
    "watch", help=_t("一直显示正在发生的事，Ctrl-C 结束", "Show what happens as it happens; Ctrl-C ends it")
)
def watch(json_out: Json = False) -> None:
    """Follow the live stream."""
    language = shell_language().value
    with connected() as linli:
        for told in linli.watch():
            if told.change is None:
                continue
            if json_out:
                as_line(told.change)
                continue
            change, alert = told.change, told.change.alert
            typer.echo(
                printable(
                    f"{local(change.at)}  {change.kind_name.of(language)}  {_severity(alert.severity)}  "
                    f"{alert.title.of(language)} · {alert.subject_name.of(language)}  {alert.id}"
                )
            )


def _row(alert: "Alert") -> tuple[str, ...]:
    language = shell_language().value
    what = f"{alert.title.of(language)} · {alert.subject_name.of(language)} ({alert.community_name.of(language)})"
    return (alert.id, _severity(alert.severity), local(alert.opened_at), _state(alert), printable(what))


def _severity(word: str) -> str:
    return str(SEVERITIES.get(word, Text(word, word)))


def _state(alert: "Alert") -> str:
    if alert.closed_at:
        return _t("已关闭", "closed")
    if alert.acknowledged_by_name:
        name = printable(alert.acknowledged_by_name)
        return _t(f"{name} 已接手", f"taken up by {name}")
    return _t("未接手", "nobody's yet") if alert.handling == "unacknowledged" else alert.handling


def _show(alert: "AlertDetail") -> None:
    language = shell_language().value
    typer.echo(printable(f"{_severity(alert.severity)}  {alert.title.of(language)}  {alert.id}"))
    for line in (alert.sentence, alert.advice):
        typer.echo("  " + printable(line.of(language)))
    for number, step in enumerate(alert.steps, 1):
        typer.echo(printable(f"  {number}. {step.of(language)}"))
    typer.echo(_t("证据", "evidence"))
    for seen in alert.evidence:
        value = "" if seen.value is None else f" {seen.value} {seen.unit or ''}"
        typer.echo(
            printable(f"  {local(seen.time)}  {seen.device_name.of(language)}  {seen.what_name.of(language)}{value}")
        )
    typer.echo(_t("经过", "history"))
    for change in alert.changes:
        who = f" {change.actor_name}" if change.actor_name else ""
        said = f": {change.comment}" if change.comment else ""
        typer.echo(printable(f"  {local(change.at)}  {change.kind_name.of(language)}{who}{said}"))
