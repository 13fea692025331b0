"""`linli user` and `linli token`: accounts, for who lost the first password, and tokens for scripts.

They open the database directly, so they work while Linli runs and while it does not. Nothing heavy is imported before a
command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES

if TYPE_CHECKING:
    from linli.db.people import People


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


user_app = typer.Typer(
    help=_t("账号：添加、列出、重设密码", "Accounts: add, list, reset a password"), no_args_is_help=True
)
token_app = typer.Typer(help=_t("脚本用的 API 令牌", "API tokens for scripts"), no_args_is_help=True)


Data = Annotated[
    Path | None,
    typer.Option("--data", help=_t("数据目录（默认按设置）", "Data folder (default: as set)"), show_default=False),
]
Name = Annotated[str, typer.Argument(help=_t("登录名", "Sign-in name"))]


@user_app.command(
    "add", help=_t("添加账号，显示其密码（只显示一次）", "Add an account and show its password, this once")
)
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help=_t("角色", "Role"))],
    community: Annotated[
        list[str] | None,
        typer.Option(
            "--community",
            help=_t(
                "所属小区编号，可重复；不写则属于所有已登记的小区（管理员总能看到全部）",
                "Id of a community it belongs to; repeat for more. None: all that are registered now "
                "(an administrator always sees all)",
            ),
            show_default=False,
        ),
    ] = None,
    display_name: Annotated[str, typer.Option("--display-name", help=_t("显示的姓名", "Name to show"))] = "",
    ask: Annotated[
        bool,
        typer.Option("--ask", help=_t("自己输入密码，而不是自动生成", "Type the password instead of having one made")),
    ] = False,
    data: Data = None,
) -> None:
    """Add an account."""
    from linli.db.people import People
    from linli.db.registry import read_registry

    with existing(data) as (settings, database):
        people = People(database, settings.clock())
        if community is None:
            with database.read() as connection:
                community = sorted(read_registry(connection).communities)
        given = _ask_password() if ask else None
        person, password = people.add(name, role, community, display_name=display_name, password=given)
        belongs = _t("全部小区", "all communities") if person.communities is None else ", ".join(community)
        shown = _role_word(person.role)
        typer.echo(_t(f"已添加 {name}（{shown.zh}）：{belongs}", f"added {name} ({shown.en}): {belongs}"))
        _show_password(password, made=not ask)


@user_app.command("list", help=_t("列出账号", "List the accounts"))
def list_users(data: Data = None) -> None:
    """List the accounts."""
    with _opened(data) as people:
        rows = [
            (
                person.name,
                str(_role_word(person.role)),
                _t("全部", "all") if person.communities is None else ", ".join(sorted(person.communities)) or "-",
                _t("启用", "enabled") if person.enabled else _t("停用", "disabled"),
                person.display_name,
            )
            for person in people.all()
        ]
    heads = (
        _t("登录名", "NAME"),
        _t("角色", "ROLE"),
        _t("小区", "COMMUNITIES"),
        _t("状态", "STATE"),
        _t("姓名", "SHOWN AS"),
    )
    print_columns(heads, rows)


@user_app.command("reset", help=_t("重设密码并结束其会话", "Give a new password and end the account's sessions"))
def reset(
    name: Name,
    ask: Annotated[
        bool,
        typer.Option("--ask", help=_t("自己输入密码，而不是自动生成", "Type the password instead of having one made")),
    ] = False,
    data: Data = None,
) -> None:
    """Reset a password."""
    with _opened(data) as people:
        people.get(name)
        password = people.reset_password(name, _ask_password() if ask else None)
        typer.echo(_t(f"{name} 的密码已重设，原有会话已结束", f"{name} has a new password; their sessions have ended"))
        _show_password(password, made=not ask)


@user_app.command("assign", help=_t("指定账号所属的小区", "Say which communities an account belongs to"))
def assign(
    name: Name,
    communities: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMUNITY...", help=_t("小区编号；未列出的不再属于", "Ids; it leaves what is not named")
        ),
    ],
    data: Data = None,
) -> None:
    """Set the communities of an account."""
    with _opened(data) as people:
        belongs = ", ".join(sorted(people.set_communities(name, communities)))
        typer.echo(_t(f"{name} 现在属于：{belongs}", f"{name} now belongs to: {belongs}"))


@user_app.command("disable", help=_t("停用账号", "Forbid an account to sign in"))
def disable(name: Name, data: Data = None) -> None:
    """Disable an account."""
    with _opened(data) as people:
        people.set_enabled(name, False)
        typer.echo(_t(f"{name} 已停用", f"{name} is disabled"))


@user_app.command("enable", help=_t("启用账号", "Allow an account to sign in again"))
def enable(name: Name, data: Data = None) -> None:
    """Enable an account."""
    with _opened(data) as people:
        people.set_enabled(name, True)
        typer.echo(_t(f"{name} 已启用", f"{name} is enabled"))


@token_app.command("new", help=_t("新建令牌（密文只显示一次）", "Make a token; its secret is shown this once"))
def new(
    user: Annotated[str, typer.Argument(help=_t("令牌以谁的权限行事（登录名）", "Whose rights it has (sign-in name)"))],
    name: Annotated[str, typer.Option("--name", help=_t("用途", "What it is for"))] = "script",
    days: Annotated[
        int | None,
        typer.Option(
            "--days", min=1, max=3650, help=_t("有效天数；不写则一直有效", "Days it is valid; none: until revoked")
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Make a token."""
    with _opened(data) as people:
        number, secret = people.new_token(user, name, days)
    typer.echo(_t(f"令牌 {number}，以 {user} 的权限行事", f"token {number}, with the rights of {user}"))
    typer.echo(f"  {secret}")
    typer.echo(
        _t("请现在记下，之后不再显示。用法：", "Note it now: it is not shown again. Use it as:")
        + " Authorization: Bearer <token>"
    )


@token_app.command("list", help=_t("列出令牌", "List the tokens"))
def list_tokens(data: Data = None) -> None:
    """List the tokens."""
    from linli.clock import format_time

    def day(at: int | None) -> str:
        return "-" if at is None else format_time(at)[:10]

    with _opened(data) as people:
        rows = [
            (token.id, token.user_name, day(token.created_at), day(token.expires_at), day(token.revoked_at), token.name)
            for token in people.tokens()
        ]
    heads = (
        _t("编号", "ID"),
        _t("账号", "USER"),
        _t("创建", "MADE"),
        _t("到期", "EXPIRES"),
        _t("吊销", "REVOKED"),
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
    with _opened(data) as people:
        people.revoke_token(token)
        typer.echo(_t(f"令牌 {token} 已吊销", f"token {token} is revoked"))


@contextmanager
def _opened(data: Path | None) -> Iterator["People"]:
    from linli.db.people import People

    with existing(data) as (settings, database):
        yield People(database, settings.clock())


def _role_word(role: Role) -> Text:
    """As the console calls it, and in English as `--role` takes it."""
    return Text(ROLES[role].name.zh, role.value)


def _ask_password() -> str:
    given: str = typer.prompt(_t("密码", "Password"), hide_input=True, confirmation_prompt=_t("再输一次", "Again"))
    return given


def _show_password(password: str, *, made: bool) -> None:
    if made:
        typer.echo(_t(f"密码：{password}", f"password: {password}"))
        typer.echo(_t("请现在记下，之后不再显示", "note it now: it is not shown again"))
