"""Webhooks and what was sent, as people at a terminal read them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from linli.cli.columns import print_columns, printable
from linli.cli.remote.shown import local, print_facts
from linli.i18n import Text, shell_language
from linli.webhooks import Outcome

if TYPE_CHECKING:
    from linli.client import Delivery, NewWebhook, Webhook

OUTCOMES = {
    Outcome.DELIVERED.value: Text("已送达", "delivered"),
    Outcome.FAILED.value: Text("未送达", "failed"),
    Outcome.SET_ASIDE.value: Text("搁置", "set aside"),
}
ORIGINS = {"live": Text("实时", "live"), "replay": Text("重发", "replay"), "test": Text("测试", "test")}
ERRORS = {
    "timeout": Text("超时", "no answer in time"),
    "no_connection": Text("连接不上", "cannot be reached"),
    "no_such_name": Text("域名不存在", "no such name"),
    "certificate": Text("证书不对", "its certificate is not right"),
    "not_http": Text("应答不是 HTTP", "what answers is not HTTP"),
    "private_address": Text("内网地址，未允许", "an address within, which is not allowed"),
    "not_https": Text("不是 https，未允许", "no https, which is not allowed"),
    "no_secret": Text("密钥打不开", "its secret cannot be opened"),
}
"""What can go wrong without an answer; a newer server may know more."""


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


def print_webhooks(found: "Sequence[Webhook]") -> None:
    """A line each."""
    heads = (
        _t("编号", "ID"),
        _t("状况", "STATE"),
        _t("最近送达", "LAST DELIVERED"),
        _t("所有者", "OWNER"),
        _t("名称", "NAME"),
        _t("地址", "URL"),
    )
    rows = [
        (
            hook.id,
            _state(hook),
            "-" if hook.last_success_at is None else local(hook.last_success_at),
            printable(hook.owner_name),
            printable(hook.name),
            printable(hook.url),
        )
        for hook in found
    ]
    print_columns(heads, rows)


def print_webhook(hook: "Webhook") -> None:
    """All of it but its secret, which nobody is told again."""
    everything = _t("全部", "all")
    facts = [
        (_t("编号", "id"), hook.id),
        (_t("名称", "name"), hook.name),
        (_t("地址", "url"), hook.url),
        (_t("所有者", "owner"), hook.owner_name),
        (_t("状况", "state"), _state(hook)),
        (_t("小区", "communities"), ", ".join(hook.communities) or everything),
        (_t("级别", "severities"), ", ".join(hook.severities) or everything),
        (_t("规则", "rules"), ", ".join(hook.rules) or everything),
        (_t("变化", "kinds"), ", ".join(hook.kinds) or everything),
    ]
    if hook.within is not None:
        facts.append((_t("只限于", "limited to"), ", ".join(hook.within) or "-"))
    if hook.ended is not None:
        facts.append((_t("为何停发", "why it is off"), hook.ended.text.of(shell_language().value)))
    times = (
        (_t("开始失败", "failing since"), hook.failing_since),
        (_t("下次尝试", "next try"), hook.next_try_at),
        (_t("最近送达", "last delivered"), hook.last_success_at),
        (_t("旧密钥用到", "former secret until"), hook.former_secret_until),
        (_t("建立", "made"), hook.created_at),
        (_t("修改", "changed"), hook.updated_at),
    )
    print_facts([*facts, *((name, local(at)) for name, at in times if at is not None)])


def tell_secret(made: "NewWebhook", done: str) -> None:
    """What it is called, and the secret: alone on its line, to be copied."""
    typer.echo(f"{made.id}: {done}")
    typer.echo(made.secret)
    typer.echo(
        _t(
            "以上密钥只显示这一次：请保存到接收程序能读到的地方。试一试：linli webhooks test " + made.id,
            "This secret is shown this once: keep it where your receiver finds it. To try it: linli webhooks test "
            + made.id,
        ),
        err=True,
    )


def print_deliveries(lines: "Sequence[Delivery]") -> None:
    """A line each."""
    heads = (
        _t("编号", "NUMBER"),
        _t("时间", "SENT"),
        _t("变化", "KIND"),
        _t("来由", "WHY"),
        _t("结果", "OUTCOME"),
        _t("毫秒", "MS"),
        _t("再试", "NEXT TRY"),
        _t("应答", "ANSWER"),
    )
    rows = [
        (
            str(line.id),
            local(line.at),
            line.kind,
            _word(ORIGINS, line.origin),
            _word(OUTCOMES, line.outcome),
            f"{line.duration_ms:.0f}",
            "-" if line.next_try_at is None else local(line.next_try_at),
            _answer(line),
        )
        for line in lines
    ]
    print_columns(heads, rows)


def tell_delivery(line: "Delivery") -> None:
    """One, in a sentence."""
    took = f"{line.duration_ms:.0f} ms"
    typer.echo(f"{_word(OUTCOMES, line.outcome)}: {_answer(line)} ({took})")


def _state(hook: "Webhook") -> str:
    if not hook.enabled:
        return _t("已停发", "off")
    if hook.failures:
        return _t(f"连续失败 {hook.failures} 次", f"failing, {hook.failures} in a row")
    return _t("正常", "well") if hook.last_success_at else _t("尚未发送", "nothing sent yet")


def _answer(line: "Delivery") -> str:
    if line.status is None:
        return _word(ERRORS, line.error or "-")
    return f"HTTP {line.status} {printable(line.excerpt)}".rstrip()


def _word(words: dict[str, Text], word: str) -> str:
    return str(words[word]) if word in words else printable(word)
