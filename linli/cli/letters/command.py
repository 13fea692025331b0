"""`linli deadletters`: what was refused, and why. Reads the database directly, whether Linli runs or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns, printable
from linli.cli.letters import acts as letteracts
from linli.cli.letters.shown import ConsumerName, Data, GatewayId, Reason, Since, choice_of, opened
from linli.errors import NotFound
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.deadletters import KeptLetter
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


app = typer.Typer(
    help=_t(
        "死信：没有被接受的输入及其原因；改正原因后可以重放。不带子命令时列出最新的。",
        "Dead letters: inputs that were refused, and why; replay them once the cause is mended. Without a subcommand, "
        "lists the newest.",
    ),
    invoke_without_command=True,
)

REASONS: dict[str, Text] = {
    "unknown_gateway": Text("网关未登记：linli gateway add", "the gateway is not registered: linli gateway add"),
    "wrong_community": Text("网关属于另一个小区", "the gateway belongs to another community"),
    "unregistered_device": Text("设备未登记", "the device is not registered"),
    "foreign_device": Text("设备登记在另一个网关下", "the device is registered under another gateway"),
    "unmapped_device": Text("网关的映射文件中没有此设备", "the gateway's mapping does not name the device"),
    "time_out_of_range": Text(
        "时间与现在相差太远：检查设备时钟", "the time is too far from now: check the device's clock"
    ),
    "store_refused": Text("读数库拒绝写入", "the store of readings refused it"),
    "internal_error": Text("Linli 自身出错，详见日志", "an error within Linli; the log says more"),
    "not_json": Text("不是 JSON", "it is not JSON"),
    "not_finite": Text("含有 NaN 或无穷大", "it holds NaN or an infinity"),
    "too_large": Text("报文过大", "it is too large"),
    "too_deep": Text("嵌套过深", "it is nested too deeply"),
    "wrong_type": Text("某个值的类型不对", "a value has the wrong type"),
    "bad_time": Text("时间写法不对", "a time is not written as it should be"),
    "wrong_source": Text("报文自称来自别处", "it claims to come from elsewhere"),
    "unknown_attribute": Text(
        "含有不认识的属性：网关可能比服务器新", "an attribute is unknown: the gateway may be newer than the server"
    ),
}
"""What a reason means, where the code alone does not say what to do."""

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help=_t("最多几封", "at most this many"))]


@app.callback()
def newest(context: typer.Context, reason: Reason = None, limit: Limit = 50, data: Data = None) -> None:
    """List the newest letters, the newest last, next to the prompt."""
    context.obj = data
    if context.invoked_subcommand is None:
        _list(data, limit, reason=reason)


@app.command("list", help=_t("列出最新的死信", "List the newest dead letters"))
def list_letters(
    context: typer.Context,
    reason: Reason = None,
    consumer: ConsumerName = None,
    gateway: GatewayId = None,
    since: Since = None,
    limit: Limit = 50,
    data: Data = None,
) -> None:
    """List those to which all of the options apply, the newest last."""
    _list(data or context.obj, limit, reason=reason, consumer=consumer, gateway=gateway, since=since)


def _list(
    data: Path | None,
    limit: int,
    *,
    reason: str | None = None,
    consumer: str | None = None,
    gateway: str | None = None,
    since: str | None = None,
) -> None:
    with opened(data) as (settings, box):
        choice = choice_of(settings, reason=reason, consumer=consumer, gateway=gateway, since=since)
        letters = box.newest(limit, choice)
        whole = sum(box.count_by_reason(choice).values())
        rows = [_row(kept, settings) for kept in reversed(letters)]
    if not rows:
        typer.echo(_t("没有死信", "no dead letters"))
        return
    heads = (_t("编号", "ID"), _t("时间", "TIME"), _t("原因", "REASON"), _t("来自", "FROM"), _t("细节", "DETAIL"))
    print_columns(heads, rows)
    if whole > len(rows):
        typer.echo(_t(f"共 {whole} 封，以上是最新的 {len(rows)} 封", f"the newest {len(rows)} of {whole}"))
    typer.echo(_t("看其中一封：linli deadletters show 编号", "to see one: linli deadletters show ID"))


@app.command("show", help=_t("显示一封死信的全部", "Show all of one dead letter"))
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="ID", help=_t("编号", "Its number"))],
    data: Data = None,
) -> None:
    """Show one letter. The payload is a stranger's: what could steer the terminal is shown as an escape."""
    from rich.cells import cell_len, set_cell_size

    with opened(data or context.obj) as (settings, box):
        kept = box.get(number)
        if kept is None:
            raise NotFound(Text(f"没有编号为 {number} 的死信", f"there is no dead letter {number}"))
    letter = kept.letter
    meaning = REASONS.get(letter.reason)
    facts = (
        (_t("编号", "id"), str(kept.id)),
        (_t("时间", "time"), _time(letter.received_at, settings)),
        (_t("原因", "reason"), letter.reason + (f": {meaning}" if meaning else "")),
        (_t("细节", "detail"), letter.detail),
        (_t("主题", "topic"), letter.topic),
        (_t("拒收者", "refused by"), letter.consumer),
        (_t("大小", "size"), _t(f"{letter.size} 字节", f"{letter.size} bytes")),
        (_t("重放", "replay"), str(_replay(kept))),
    )
    width = max(cell_len(name) for name, _ in facts)
    for name, value in facts:
        typer.echo(f"{set_cell_size(name, width)}  {printable(value)}")
    cut = letter.size > len(letter.payload)
    kept_part = _t(f"（保留了前 {len(letter.payload)} 字节）", f" (the first {len(letter.payload)} bytes were kept)")
    typer.echo("\n" + _t("内容", "payload") + (kept_part if cut else ""))
    typer.echo(printable(letter.payload.decode("utf-8", "backslashreplace"), newlines=True))


def _replay(kept: "KeptLetter") -> Text:
    from linli.db.deadletters import hindrance

    letter = kept.letter
    why = hindrance(letter.consumer, letter.topic, cut=letter.size > len(letter.payload))
    if why is not None:
        return Text(f"不能：{why.zh}", f"cannot be: {why.en}")
    if kept.replay_requested_at is not None:
        return Text("已请求，等待入库进程", "asked for; waits for ingest")
    if kept.replay_outcome:
        return Text(f"已试过，仍被拒收：{kept.replay_outcome}", f"tried, and refused again: {kept.replay_outcome}")
    number = kept.id
    return Text(f"linli deadletters replay {number}", f"linli deadletters replay {number}")


@app.command("count", help=_t("各原因的数量", "How many there are of each reason"))
def count(context: typer.Context, data: Data = None) -> None:
    """Count by reason, the most frequent first."""
    with opened(data or context.obj) as (_settings, box):
        counts = box.count_by_reason()
    for reason, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        meaning = REASONS.get(reason)
        typer.echo(f"{number:>8}  {printable(reason)}" + (f"  ({meaning})" if meaning else ""))
    typer.echo(f"{sum(counts.values()):>8}  " + _t("合计", "in all"))


def _row(kept: "KeptLetter", settings: "Settings") -> tuple[str, ...]:
    letter = kept.letter
    where = letter.topic.removeprefix("linli/v1/").replace("/gateway/", "/")
    cells = (str(kept.id), _time(letter.received_at, settings), letter.reason, where, letter.detail)
    return tuple(printable(cell) for cell in cells)


def _time(us: int, settings: "Settings") -> str:
    from zoneinfo import ZoneInfo

    from linli.clock import local_time

    return local_time(us, ZoneInfo(settings.timezone)).strftime("%Y-%m-%d %H:%M:%S")


app.command("replay", help=letteracts.REPLAY_HELP)(letteracts.replay)
app.command("purge", help=letteracts.PURGE_HELP)(letteracts.purge)
