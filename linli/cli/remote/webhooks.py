"""`linli webhooks`: whom Linli tells of changes to alerts by itself, and what came of it."""

from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linli.cli.remote.completing import change_kinds, webhook_ids
from linli.cli.remote.connection import connected
from linli.cli.remote.each import each
from linli.cli.remote.shown import as_json
from linli.cli.remote.webhooksshown import print_deliveries, print_webhook, print_webhooks, tell_delivery, tell_secret
from linli.i18n import Text
from linli.model import Severity
from linli.webhooks import Outcome

if TYPE_CHECKING:
    from linli.client import NewWebhook


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


webhooks_app = typer.Typer(
    no_args_is_help=True,
    help=_t(
        "Webhook：由 Linli 把告警的变化通知您的系统（通过 REST 接口，先 linli login）",
        "Webhooks: Linli tells your systems of changes to alerts (over the REST API: linli login first)",
    ),
)


class Part(StrEnum):
    """What a webhook can be narrowed by."""

    COMMUNITIES = "communities"
    SEVERITIES = "severities"
    RULES = "rules"
    KINDS = "kinds"


Json = Annotated[bool, typer.Option("--json", help=_t("输出 JSON，供脚本使用", "JSON, for scripts"))]
Id = Annotated[
    str, typer.Argument(metavar="ID", help=_t("webhook 编号", "id of the webhook"), autocompletion=webhook_ids)
]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help=_t("webhook 编号，可多个", "ids of webhooks"), autocompletion=webhook_ids),
]
Communities = Annotated[
    list[str] | None,
    typer.Option("--community", help=_t("只发此小区的，可重复", "only of this community; repeat for more")),
]
Severities = Annotated[
    list[Severity] | None,
    typer.Option("--severity", help=_t("只发此级别的，可重复", "only of this severity; repeat for more")),
]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", help=_t("只发此规则的，可重复", "only of this rule; repeat for more")),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        help=_t("只发此种变化（如 opened），可重复", "only this kind of change, such as opened; repeat for more"),
        autocompletion=change_kinds,
    ),
]


@webhooks_app.command("list", help=_t("列出 webhook 与其状况", "List webhooks and how they stand"))
def list_webhooks(json_out: Json = False) -> None:
    """One's own; everybody's for who manages accounts."""
    with connected() as linli:
        found = list(linli.webhooks())
    if json_out:
        as_json(found)
    elif found:
        print_webhooks(found)
    else:
        typer.echo(_t("还没有 webhook：linli webhooks add", "there are no webhooks yet: linli webhooks add"))


@webhooks_app.command(
    "add",
    help=_t(
        "新建 webhook：从现在起把告警的变化发到 URL。密钥只显示这一次",
        "Make a webhook: from now on changes to alerts are sent to URL. Its secret is shown this once",
    ),
)
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help=_t("名称", "what to call it"))],
    url: Annotated[str, typer.Argument(metavar="URL", help=_t("接收方地址，https", "address of the receiver, https"))],
    community: Communities = None,
    severity: Severities = None,
    rule: Rules = None,
    kind: Kinds = None,
    paused: Annotated[
        bool, typer.Option("--paused", help=_t("先不发送，linli webhooks resume 后再发", "send nothing until resumed"))
    ] = False,
    json_out: Json = False,
) -> None:
    """Make it, and show its secret."""
    with connected() as linli:
        made = linli.add_webhook(
            name,
            url,
            communities=community or (),
            severities=severity or (),
            rules=rule or (),
            kinds=kind or (),
            enabled=not paused,
        )
    _show_secret(made, _t("已新建", "made"), json_out=json_out)


@webhooks_app.command("show", help=_t("一个 webhook 的全部", "All of one webhook"))
def show(webhook: Id, json_out: Json = False) -> None:
    """Where it sends what, and how it stands with its receiver."""
    with connected() as linli:
        found = linli.webhook(webhook)
    if json_out:
        as_json(found)
    else:
        print_webhook(found)


@webhooks_app.command(
    "edit",
    help=_t(
        "修改 webhook：写出的改，不写的不变；--any 去掉一项限制",
        "Change a webhook: what is given changes, all else stays; --any takes a limit away",
    ),
)
def edit(
    webhook: Id,
    name: Annotated[str | None, typer.Option("--name", help=_t("名称", "what to call it"))] = None,
    url: Annotated[str | None, typer.Option("--url", help=_t("接收方地址", "address of the receiver"))] = None,
    community: Communities = None,
    severity: Severities = None,
    rule: Rules = None,
    kind: Kinds = None,
    every: Annotated[
        list[Part] | None,
        typer.Option("--any", help=_t("不再按此限制，可重复", "not to be narrowed by this; repeat for more")),
    ] = None,
    json_out: Json = False,
) -> None:
    """Change what is given, if nobody else changes it meanwhile."""
    given = {"communities": community, "severities": severity, "rules": rule, "kinds": kind}
    both = sorted(part for part in every or () if given[part])
    if both:
        raise typer.BadParameter(
            _t(f"{both[0]}：既要限制又要不限制", f"{both[0]}: either narrowed, or --any, not both"), param_hint="--any"
        )
    changes: dict[str, Any] = {"name": name, "url": url} | given | {part.value: [] for part in every or ()}
    changes = {field: value for field, value in changes.items() if value is not None}
    if not changes:
        raise typer.BadParameter(_t("没有写要改什么", "nothing is given that is to change"))
    with connected() as linli:
        changed = linli.change_webhook(webhook, linli.webhook(webhook).etag, **changes)
    if json_out:
        as_json(changed)
    else:
        print_webhook(changed)


@webhooks_app.command("pause", help=_t("停发，直到 resume", "Send nothing, until resumed"))
def pause(webhooks: Ids, json_out: Json = False) -> None:
    """Turn each off."""
    each(
        webhooks,
        lambda linli, one: linli.change_webhook(one, linli.webhook(one).etag, enabled=False),
        _t("已停发", "paused"),
        json_out=json_out,
    )


@webhooks_app.command("resume", help=_t("继续发送，从停下的地方接着", "Send again, going on where it stopped"))
def resume(webhooks: Ids, json_out: Json = False) -> None:
    """Turn each on."""
    each(
        webhooks,
        lambda linli, one: linli.change_webhook(one, linli.webhook(one).etag, enabled=True),
        _t("继续发送", "resumed"),
        json_out=json_out,
    )


@webhooks_app.command(
    "rotate",
    help=_t(
        "更换密钥；新密钥只显示这一次，旧的再用 24 小时",
        "Change the secret; the new one is shown this once, the former signs too for 24 hours",
    ),
)
def rotate(webhook: Id, json_out: Json = False) -> None:
    """A new secret."""
    with connected() as linli:
        changed = linli.rotate_webhook(webhook)
    _show_secret(changed, _t("密钥已更换", "the secret is changed"), json_out=json_out)


@webhooks_app.command(
    "test",
    help=_t(
        "立即发一条测试，显示接收方的应答；未送达时退出码为 1",
        "Send a test now and show what the receiver answers; exit status 1 if it did not get through",
    ),
)
def test(webhook: Id, json_out: Json = False) -> None:
    """Try it."""
    with connected() as linli:
        line = linli.test_webhook(webhook)
    if json_out:
        as_json(line)
    else:
        tell_delivery(line)
    if line.outcome != Outcome.DELIVERED:
        raise typer.Exit(1)


@webhooks_app.command("log", help=_t("30 天内发送的记录，最近的在前", "What was sent within 30 days, the last first"))
def log(
    webhook: Id,
    outcome: Annotated[
        Outcome | None, typer.Option("--outcome", help=_t("只列此结果的", "only those that ended so"))
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_t("最多几条", "at most so many"))] = 50,
    json_out: Json = False,
) -> None:
    """Request by request."""
    with connected() as linli:
        lines = list(islice(linli.deliveries(webhook, outcome=outcome), limit + 1))
    if json_out:
        as_json(lines[:limit])
        return
    if not lines:
        typer.echo(_t("没有记录", "nothing was sent"))
        return
    print_deliveries(lines[:limit])
    if len(lines) > limit:
        typer.echo(_t(f"还有更多：--limit {limit * 2}", f"there are more: --limit {limit * 2}"), err=True)


@webhooks_app.command(
    "replay",
    help=_t(
        "重发：写出记录编号的那几条，或 --since（和 --until）之间的全部，最多 31 天",
        "Send again: those of the log that are named, or all between --since and --until, 31 days at most",
    ),
)
def replay(
    webhook: Id,
    deliveries: Annotated[
        list[int] | None,
        typer.Argument(metavar="[NUMBER...]", help=_t("linli webhooks log 中的编号", "numbers of linli webhooks log")),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help=_t("从何时：2h、3d、2026-11-20", "from when: 2h, 3d, 2026-11-20"))
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help=_t("到何时，写法相同（默认现在）", "until, likewise (default: now)"))
    ] = None,
    json_out: Json = False,
) -> None:
    """Some of the log, or a stretch of time."""
    if bool(deliveries) == bool(since):
        raise typer.BadParameter(
            _t("写出记录编号，或 --since，二者之一", "name numbers of the log or say --since, one of the two")
        )
    if since is None:
        if until is not None:
            raise typer.BadParameter(_t("--until 与 --since 同用", "--until goes with --since"), param_hint="--until")
        each(
            map(str, deliveries or ()),
            lambda linli, number: linli.replay_delivery(webhook, int(number)),
            _t("将重发", "will be sent again"),
            json_out=json_out,
        )
        return
    start, end = _span(since, until)
    with connected() as linli:
        found = linli.replay_webhook(webhook, start, end)
    if json_out:
        as_json(found)
    else:
        count = found.changes
        typer.echo(
            _t(
                f"将重发其间 {count} 次变化中符合条件的",
                f"will go through {count} changes of that time and send those that are for it",
            )
        )


@webhooks_app.command("remove", help=_t("删除 webhook 与其记录", "Remove webhooks with their logs"))
def remove(
    webhooks: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=_t("不再询问", "do not ask"))] = False,
) -> None:
    """Away with each, once somebody has said that it is meant."""
    if not yes:
        with connected() as linli:
            for one in webhooks:
                found = linli.webhook(one)
                question = _t(f"删除 {found.name}（{found.url}）？", f"Remove {found.name} ({found.url})?")
                typer.confirm(question, abort=True, err=True)
    each(webhooks, lambda linli, one: linli.remove_webhook(one), _t("已删除", "removed"), json_out=False)


def _show_secret(made: "NewWebhook", done: str, *, json_out: bool) -> None:
    if json_out:
        as_json(made)
    else:
        tell_secret(made, done)


def _span(since: str, until: str | None) -> tuple[datetime, datetime]:
    """The times that these words mean on this machine."""
    from linli.cli.spans import moment
    from linli.clock import SECOND, SystemClock

    now = SystemClock().now()

    def time(text: str | None) -> datetime:
        at = now if text is None else moment(text, now, None)
        return datetime.fromtimestamp(at / SECOND, UTC)

    return time(since), time(until)
