"""`linli token`: what scripts and other systems use.

Nothing heavy is imported before a command runs.
"""

from typing import Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.people import Data, opened, operator
from linli.i18n import Text
from linli.roles import Operation

_DEFAULT_DAYS, _MOST_DAYS = 90, 366


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


token_app = typer.Typer(
    help=_t("脚本与其他系统用的 API 令牌", "API tokens for scripts and other systems"), no_args_is_help=True
)


@token_app.command("new", help=_t("新建令牌（密文只显示一次）", "Make a token; its secret is shown this once"))
def new(
    user: Annotated[str, typer.Argument(help=_t("令牌以谁的权限行事（登录名）", "Whose rights it has (sign-in name)"))],
    name: Annotated[str, typer.Option("--name", help=_t("用途", "What it is for"))] = "script",
    days: Annotated[
        int, typer.Option("--days", min=1, max=_MOST_DAYS, help=_t("有效天数", "Days it is valid"))
    ] = _DEFAULT_DAYS,
    may: Annotated[
        list[Operation] | None,
        typer.Option(
            "--may",
            help=_t(
                "可以做什么，可重复；不写则与账号相同（管理账号、邀请网关除外）",
                "What it may do; repeat for more. None: all that its owner may, but manage accounts and invite gateways",
            ),
            show_default=False,
        ),
    ] = None,
    community: Annotated[
        list[str] | None,
        typer.Option(
            "--community",
            help=_t("只限这些小区，可重复", "Only in this community; repeat for more"),
            show_default=False,
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Make a token."""
    with opened(data) as people:
        number, secret = people.tokens.make(
            people.get(user), name, days, operations=may, communities=community, by=operator()
        )
    typer.echo(
        _t(
            f"令牌 {number}，以 {user} 的权限行事，{days} 天后到期",
            f"token {number}, with rights of {user}, valid for {days} days",
        )
    )
    typer.echo(f"  {secret}")
    typer.echo(
        _t("请现在记下，之后不再显示。用法：", "Note it now: it is not shown again. Use it as:")
        + " Authorization: Bearer <token>"
    )


@token_app.command("list", help=_t("列出令牌", "List the tokens"))
def list_tokens(data: Data = None) -> None:
    """List the tokens."""
    from linli.clock import format_time

    def day(at: int | None, none: str = "-") -> str:
        return none if at is None else format_time(at)[:10]

    never = _t("永不", "never")
    with opened(data) as people:
        rows = [
            (
                token.id,
                token.user_name,
                day(token.created_at),
                day(token.expires_at, never),
                day(token.revoked_at),
                day(token.last_used_at),
                _t("全部", "all") if token.operations is None else ", ".join(sorted(token.operations)),
                _t("全部", "all") if token.communities is None else ", ".join(sorted(token.communities)),
                token.name,
            )
            for token in people.tokens.all()
        ]
    heads = (
        _t("编号", "ID"),
        _t("账号", "USER"),
        _t("创建", "MADE"),
        _t("到期", "EXPIRES"),
        _t("吊销", "REVOKED"),
        _t("使用", "USED"),
        _t("可以", "MAY"),
        _t("小区", "WHERE"),
        _t("用途", "FOR"),
    )
    print_columns(heads, rows)


@token_app.command("revoke", help=_t("吊销令牌", "Revoke a token"))
def revoke(
    token: Annotated[
        str, typer.Argument(help=_t("令牌编号，见 linli token list", "Id of the token, see linli token list"))
    ],
    data: Data = None,
) -> None:
    """Revoke a token."""
    with opened(data) as people:
        people.tokens.revoke(token, by=operator())
        typer.echo(_t(f"令牌 {token} 已吊销", f"token {token} is revoked"))
