"""`linli user`: accounts, and the way back in for who has lost password or phone. (`linli token`: `linli.cli.tokens`.)

It opens the database directly, so it works while Linli runs and while it does not, and is the way back for the last
administrator. Nothing heavy is imported before a command runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing
from linli.cli.existing import operator as existing_operator
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES

if TYPE_CHECKING:
    from linli.db.people import Account, People, Person


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


user_app = typer.Typer(
    help=_t("账号：添加、列出、重设密码", "Accounts: add, list, reset a password"), no_args_is_help=True
)

Data = Annotated[
    Path | None,
    typer.Option("--data", help=_t("数据目录（默认按设置）", "Data folder (default: as set)"), show_default=False),
]
Name = Annotated[str, typer.Argument(help=_t("登录名", "Sign-in name"))]


Ask = Annotated[
    bool, typer.Option("--ask", help=_t("自己输入密码，而不是自动生成", "Type the password instead of having one made"))
]
Committee = Annotated[
    list[str] | None,
    typer.Option(
        "--committee",
        help=_t(
            "所属村居委会编号，可重复；其下的小区都能看到，以后新增的也是",
            "Id of a committee it belongs to; repeat for more. It sees all of their communities, later ones too",
        ),
        show_default=False,
    ),
]


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
                "所属小区编号，可重复；小区和村居委会都不写则属于所有已登记的小区（管理员总能看到全部）",
                "Id of a community it belongs to; repeat for more. Neither these nor committees: all communities that are "
                "registered now (an administrator always sees all)",
            ),
            show_default=False,
        ),
    ] = None,
    committee: Committee = None,
    resident: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="ID",
            help=_t("居民账号：此人在居民登记中的编号", "For a resident: the id of the person of the registry"),
            show_default=False,
        ),
    ] = None,
    display_name: Annotated[str, typer.Option("--display-name", help=_t("显示的姓名", "Name to show"))] = "",
    ask: Ask = False,
    data: Data = None,
) -> None:
    """Add an account."""
    from linli.db.people import People
    from linli.db.registry import read_registry

    with existing(data) as (settings, database):
        people = People(database, settings.clock())
        if community is None and committee is None:
            with database.read() as connection:
                community = sorted(read_registry(connection).communities)
        given = _ask_password() if ask else None
        person, password = people.add(
            name,
            role,
            community or (),
            committees=committee or (),
            display_name=display_name,
            password=given,
            one_time=not ask,
            person=resident,
            by=operator(),
        )
        belongs = (
            _t("全部小区", "all communities") if person.communities is None else ", ".join(_reached(person)) or "-"
        )
        shown = _role_word(person.role)
        typer.echo(_t(f"已添加 {name}（{shown.zh}）：{belongs}", f"added {name} ({shown.en}): {belongs}"))
        if ROLES[role].tokens_only:
            say = f"linli token new {name}"
            typer.echo(_t(f"此角色只用令牌：{say}", f"this role uses tokens alone: {say}"))
        else:
            _show_password(password, made=not ask)


@user_app.command("list", help=_t("列出账号", "List the accounts"))
def list_users(data: Data = None) -> None:
    """List the accounts."""
    with opened(data) as people:
        rows = [_row(account) for account in people.described()]
    heads = (
        _t("登录名", "NAME"),
        _t("角色", "ROLE"),
        _t("小区", "COMMUNITIES"),
        _t("状态", "STATE"),
        _t("双重验证", "2ND FACTOR"),
        _t("姓名", "SHOWN AS"),
    )
    print_columns(heads, rows)


@user_app.command(
    "reset-password",
    help=_t(
        "给忘记密码的人一个一次性密码，并结束其会话",
        "For a lost password: one that is changed when first used; the account's sessions end",
    ),
)
@user_app.command("reset", hidden=True)
def reset(name: Name, ask: Ask = False, data: Data = None) -> None:
    """Reset a password."""
    with opened(data) as people:
        people.get(name)
        password = people.reset_password(name, _ask_password() if ask else None, one_time=not ask, by=operator())
        typer.echo(_t(f"{name} 的密码已重设，原有会话已结束", f"{name} has a new password; their sessions have ended"))
        _show_password(password, made=not ask)


@user_app.command(
    "reset-totp",
    help=_t(
        "删除丢失手机者的双重验证，并结束其会话",
        "For a lost phone: take the second factor away; the account's sessions end",
    ),
)
def reset_totp(name: Name, data: Data = None) -> None:
    """Take a second factor away."""
    with opened(data) as people:
        people.reset_factor(name, by=operator())
        typer.echo(
            _t(
                f"{name} 的双重验证已删除；如其角色必须使用，下次登录时重新设置",
                f"{name} has no second factor any more; where the role must have one, they set it up when they sign in",
            )
        )


@user_app.command("assign", help=_t("指定账号所属的小区", "Say which communities an account belongs to"))
def assign(
    name: Name,
    communities: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMUNITY]...", help=_t("小区编号；未列出的不再属于", "Ids; it leaves what is not named")
        ),
    ] = None,
    committee: Committee = None,
    data: Data = None,
) -> None:
    """Set the communities and committees of an account."""
    from linli.db.people import Changes

    with opened(data) as people:
        wanted = Changes(communities=frozenset(communities or ()), committees=frozenset(committee or ()))
        person = people.change(name, wanted, by=operator())
        belongs = (
            _t("全部小区", "all communities") if person.communities is None else ", ".join(_reached(person)) or "-"
        )
        typer.echo(_t(f"{name} 现在属于：{belongs}", f"{name} now belongs to: {belongs}"))


@user_app.command("role", help=_t("改变账号的角色，并结束其会话", "Give an account another role; its sessions end"))
def role(
    name: Name,
    role: Annotated[Role, typer.Argument(help=_t("角色", "Role"))],
    data: Data = None,
) -> None:
    """Change the role of an account."""
    from linli.db.people import Changes

    with opened(data) as people:
        shown = _role_word(people.change(name, Changes(role=role), by=operator()).role)
        typer.echo(_t(f"{name} 现在是{shown.zh}", f"{name} is now: {shown.en}"))


@user_app.command("sessions", help=_t("列出账号在哪里登录", "List where an account is signed in"))
def sessions(name: Name, data: Data = None) -> None:
    """List the sessions of an account."""
    from linli.clock import format_time

    with opened(data) as people:
        found = people.sessions.of(people.get(name).id)
    heads = (
        _t("编号", "ID"),
        _t("登录于", "SINCE"),
        _t("最近使用", "LAST USED"),
        _t("地址", "ADDRESS"),
        _t("浏览器", "BROWSER"),
    )
    print_columns(
        heads,
        [
            (
                one.id,
                format_time(one.since)[:19],
                format_time(one.last_seen_at)[:19],
                one.address or "-",
                one.browser[:60],
            )
            for one in found
        ],
    )


@user_app.command("sign-out", help=_t("结束账号的全部会话", "End all sessions of an account"))
def sign_out(name: Name, data: Data = None) -> None:
    """End all sessions of an account."""
    with opened(data) as people:
        ended = people.sessions.end_others(people.get(name).id, None, by=operator())
        typer.echo(_t(f"已结束 {name} 的 {ended} 个会话", f"{name}: {ended} sessions have ended"))


@user_app.command(
    "link", help=_t("把账号与统一身份（OIDC）关联", "Link an account to an identity at the OpenID provider")
)
def link(
    name: Name,
    subject: Annotated[
        str | None,
        typer.Argument(
            help=_t("此人在提供方的 sub；不写则解除关联", "Their `sub` at the provider; none: unlink"),
            show_default=False,
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Link an account to an identity elsewhere, or unlink it."""
    from linli.db.people import People
    from linli.errors import NotFound

    with existing(data) as (settings, database):
        people = People(database, settings.clock())
        user = people.get(name).id
        if subject is None:
            people.identities.unlink(user, by=operator())
            typer.echo(_t(f"{name} 已解除关联", f"{name} is linked to nobody"))
            return
        if settings.oidc_issuer is None:
            raise NotFound(Text("没有设置 oidc_issuer", "oidc_issuer is not set"))
        people.identities.link(user, settings.oidc_issuer, subject, by=operator())
        typer.echo(_t(f"{name} 已关联到 {subject}", f"{name} is linked to {subject}"))


@user_app.command(
    "person",
    help=_t(
        "指定居民账号是居民登记中的哪一位，并结束其会话",
        "Say which person of the registry a resident's account is; its sessions end",
    ),
)
def person(
    name: Name,
    registered: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help=_t("居民编号；不写则解除关联", "The person's id; none: unlink"), show_default=False
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Link an account to a person of the registry, or unlink it."""
    from linli.db.people import Changes

    with opened(data) as people:
        people.change(name, Changes(person=registered or ""), by=operator())
        if registered is None:
            typer.echo(_t(f"{name} 已解除与居民登记的关联", f"{name} is nobody of the registry"))
        else:
            typer.echo(_t(f"{name} 已关联居民 {registered}", f"{name} is the person {registered}"))


@user_app.command("disable", help=_t("停用账号", "Forbid an account to sign in"))
def disable(name: Name, data: Data = None) -> None:
    """Disable an account."""
    with opened(data) as people:
        people.set_enabled(name, False, by=operator())
        typer.echo(_t(f"{name} 已停用", f"{name} is disabled"))


@user_app.command("enable", help=_t("启用账号", "Allow an account to sign in again"))
def enable(name: Name, data: Data = None) -> None:
    """Enable an account."""
    with opened(data) as people:
        people.set_enabled(name, True, by=operator())
        typer.echo(_t(f"{name} 已启用", f"{name} is enabled"))


@contextmanager
def opened(data: Path | None) -> Iterator["People"]:
    """The people of a data folder (None: as set)."""
    from linli.db.people import People

    with existing(data) as (settings, database):
        yield People(database, settings.clock())


def operator() -> str:
    """Who is at the machine, as the record has them."""
    return existing_operator().actor


def _row(account: "Account") -> tuple[str, ...]:
    person = account.person
    if person.enabled and account.one_time_until is not None:
        state = _t("一次性密码", "one-time password")
    else:
        state = _t("启用", "enabled") if person.enabled else _t("停用", "disabled")
    return (
        person.name,
        str(_role_word(person.role)),
        _t("全部", "all") if person.communities is None else ", ".join(_reached(person)) or "-",
        state,
        _t("有", "yes") if account.second_factor else "-",
        person.display_name,
    )


def _reached(person: "Person") -> list[str]:
    """Where somebody belongs; of a resident, who they are."""
    return sorted(person.communities or ()) if person.registered_as is None else [person.registered_as]


def _role_word(role: Role) -> Text:
    """As the console calls it, and in English as `--role` takes it."""
    return Text(ROLES[role].name.zh, role.value)


def _ask_password() -> str:
    given: str = typer.prompt(_t("密码", "Password"), hide_input=True, confirmation_prompt=_t("再输一次", "Again"))
    return given


def _show_password(password: str, *, made: bool) -> None:
    if made:
        typer.echo(_t(f"密码：{password}", f"password: {password}"))
        typer.echo(
            _t(
                "请现在记下，之后不再显示；72 小时内有效，本人第一次登录时须修改",
                "note it now: it is not shown again. It works for 72 hours, and is changed when first used",
            )
        )
