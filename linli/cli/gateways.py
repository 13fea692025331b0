"""`linli gateway`: register edge agents, and give each its own user at the broker."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.existing import existing, operator
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.settings import Settings

gateway_app = typer.Typer(
    no_args_is_help=True,
    help=str(Text("网关（边缘代理）：登记与列出。", "Gateways (edge agents): register and list them.")),
)
_DATA = typer.Option("--data", help=str(Text("数据目录（设置 data）", "data folder (setting data)")))


@gateway_app.command(
    "add",
    help=str(
        Text(
            "登记一个网关，给它在消息服务器上的用户，并显示一次它的配置。",
            "Register a gateway, give it a user at the broker, and show its configuration once.",
        )
    ),
)
def add(
    gateway: Annotated[str, typer.Argument(metavar="ID", help=str(Text("网关编号", "the gateway's id")))],
    community: Annotated[str, typer.Option("--community", help=str(Text("所属小区的编号", "id of its compound")))],
    name_zh: Annotated[str, typer.Option("--name-zh", help=str(Text("中文名", "Chinese name")))] = "",
    name_en: Annotated[str, typer.Option("--name-en", help=str(Text("英文名", "English name")))] = "",
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Register the gateway and print what its agent needs."""
    from linli.cli.stack import ensure_broker_users

    with existing(data) as (settings, database):
        _register(database, gateway, community, Text(name_zh, name_en), settings.clock().now())
        ensure_broker_users(settings, database)
        if not settings.broker_is_external:
            _write_down(database, gateway, community, settings.clock().now())
    typer.echo(agent_config(settings, gateway, community))
    said = _how_it_is_reached(settings)
    if said is not None:
        typer.echo(said.of(settings.language), err=True)


@gateway_app.command(
    "invite",
    help=str(
        Text(
            "给已登记的网关一个一次性注册码，在网关的机器上用 linli agent enroll 换取账号。",
            "Make a one-time code for a registered gateway; its agent exchanges it with linli agent enroll.",
        )
    ),
)
def invite(
    gateway: Annotated[str, typer.Argument(metavar="ID", help=str(Text("网关编号", "the gateway's id")))],
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=168, help=str(Text("有效小时数", "for how many hours it is good")))
    ] = 24,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Print the code, how long it is good, and what to do with it."""
    from linli.clock import HOUR
    from linli.db.enrolments import SqlEnrolments

    with existing(data) as (settings, database):
        made = SqlEnrolments(database, settings.clock()).invite(gateway, "linli gateway invite", hours * HOUR)
    said = Text(
        f"网关 {gateway} 的注册码（{hours} 小时内有效，只能用一次；此前发出的已作废）：",
        f"The code of gateway {gateway} (good for {hours} h, once; any made before is no longer good):",
    )
    typer.echo(said.of(settings.language))
    typer.echo(f"\n    {made.code}\n")
    address = _page(settings)
    said = Text(
        f"在网关的机器上执行：linli agent enroll {address.zh} {made.code} --config agent.yaml",
        f"On the gateway's machine: linli agent enroll {address.en} {made.code} --config agent.yaml",
    )
    typer.echo(said.of(settings.language))
    told = _how_it_is_reached(settings)
    if told is not None:
        typer.echo(told.of(settings.language), err=True)


def _page(settings: "Settings") -> Text:
    """The address to enrol at, as far as this machine can know it."""
    from linli.cli.broker import is_loopback

    if is_loopback(settings.host) or settings.host in ("0.0.0.0", "::", ""):
        return Text("https://邻里页面的地址", "https://ADDRESS-OF-LINLIS-PAGE")
    scheme = "http" if settings.tls_certificate is None else "https"
    address = f"{scheme}://{settings.host}:{settings.port}"
    return Text(address, address)


@gateway_app.command("list", help=str(Text("列出网关及其状态。", "List gateways and how they are.")))
def list_gateways(data: Annotated[Path | None, _DATA] = None) -> None:
    """One line for each gateway: id, compound, name, online or not."""
    from sqlalchemy import select

    from linli.db import registry, schema

    with existing(data) as (settings, database), database.read() as connection:
        snapshot = registry.read_registry(connection)
        online = {row.gateway_id: row.online for row in connection.execute(select(schema.gateway_status))}
    words = {True: Text("在线", "online"), False: Text("离线", "offline"), None: Text("从未连接", "never connected")}
    for gateway in snapshot.gateways.values():
        state = words[online.get(gateway.id)].of(settings.language)
        typer.echo(f"{gateway.id}  {gateway.community}  {gateway.name.of(settings.language)}  {state}")
    if not snapshot.gateways:
        typer.echo(Text("还没有网关：linli gateway add", "no gateway yet: linli gateway add").of(settings.language))


def _how_it_is_reached(settings: "Settings") -> Text | None:
    """What else to know of the embedded broker: that no other machine reaches it, or that it speaks without TLS."""
    from linli.cli.broker import exposure, is_loopback

    if settings.broker_is_external or not is_loopback(settings.broker_bind):
        return exposure(settings)
    return Text(
        "内嵌消息服务器目前只在本机监听；边缘代理在别的机器上时，请设 LINLI_BROKER_BIND，以及 TLS 证书 "
        "LINLI_BROKER_TLS_CERTIFICATE 与 LINLI_BROKER_TLS_KEY，并重新启动（见 docs/agent.zh-CN.md）。",
        "The embedded broker listens on this machine only; for an agent elsewhere set LINLI_BROKER_BIND, and for TLS "
        "LINLI_BROKER_TLS_CERTIFICATE and LINLI_BROKER_TLS_KEY, and start again (see docs/agent.md).",
    )


def _register(database: "Database", gateway: str, community: str, name: Text, now: int) -> None:
    from linli.db import registry
    from linli.errors import Conflict, NotFound
    from linli.model import Gateway

    with database.write() as connection:
        snapshot = registry.read_registry(connection)
        if community not in snapshot.communities:
            known = ", ".join(sorted(snapshot.communities)) or "-"
            raise NotFound(
                Text(
                    f"没有登记小区 {community}（已登记：{known}）：先用 linli registry load 文件 登记它",
                    f"there is no compound {community} (registered: {known}): register it first with linli registry load FILE",
                )
            )
        there = snapshot.gateways.get(gateway)
        if there is not None and there.community != community:
            raise Conflict(
                Text(
                    f"网关 {gateway} 已登记在小区 {there.community}",
                    f"gateway {gateway} is registered in compound {there.community}",
                )
            )
        old = there.name if there is not None else Text(gateway, gateway)
        kept = Text(name.zh or old.zh, name.en or old.en)
        registry.save(connection, [Gateway(gateway, community, kept)], now)


def _write_down(database: "Database", gateway: str, community: str, now: int) -> None:
    """That somebody is shown the gateway's password: before they are."""
    from linli.audit import Act
    from linli.db.audit import append

    with database.write() as connection:
        append(connection, Act("enrolment.shown", operator(), "gateway", (gateway,), community), now)


def agent_config(settings: "Settings", gateway: str, community: str) -> str:
    """The agent's file (`edge.config`), with its password where the broker is ours, and what to do with it."""
    if settings.broker_is_external:
        host, port = settings.broker_endpoint
        sign_in = _rights(gateway, community)
    else:
        host, port = _reached_at(settings)
        user, password = _credentials(settings, gateway)
        sign_in = f'  username: {user}\n  password: "{password}"\n'
    return (
        _comment(
            "存为 agent.yaml（仅本人可读），在网关旁运行 linli agent run agent.yaml",
            "Save as agent.yaml, readable to yourself alone, and run beside the devices: linli agent run agent.yaml",
        )
        + _comment(
            f"或者不经手密码：linli gateway invite {gateway}",
            f"Or, without handing a password on: linli gateway invite {gateway}",
        )
        + f"community: {community}\ngateway: {gateway}\noutbox: outbox\n"
        + f"broker:\n  host: {host}\n  port: {port}\n{sign_in}"
        + _tls_lines(settings)
        + (f"qos: {settings.qos}\n" if settings.qos else "")
        + _comment("设备消息来自哪里，见 edge/examples", "Where the devices publish: see edge/examples")
        + "# device_broker:\n#   host: 127.0.0.1\n# mappings: [devices.yaml]"
    )


def _comment(zh: str, en: str) -> str:
    return f"# {Text(zh, en)}\n"


def _tls_lines(settings: "Settings") -> str:
    if not settings.broker_speaks_tls:
        return ""
    lines = "  tls: true\n"
    if settings.broker_ca is not None:
        name = settings.broker_ca.name
        lines += _comment(
            f"  把 {settings.broker_ca} 复制到旁边", f"  copy {settings.broker_ca} to the side of this file"
        )
        lines += f'  ca: "{name}"\n'
    if settings.broker_tls_client_ca is not None:
        lines += '  certificate: "agent.pem"\n  key: "agent.key"\n'
    return lines


def _credentials(settings: "Settings", gateway: str) -> tuple[str, str]:
    from linli.access import BrokerUsers, gateway_user
    from linli.datafolder import DataFolder

    user = BrokerUsers(DataFolder(settings.data).secrets).get(gateway_user(gateway))
    return user.name, user.password


def _reached_at(settings: "Settings") -> tuple[str, int]:
    """Where an agent reaches the embedded broker: on this machine, unless it listens on other addresses too."""
    import socket

    port = settings.broker_endpoint[1]
    if settings.broker_public_host is not None:
        return settings.broker_public_host, port
    if settings.broker_bind in ("0.0.0.0", "::"):
        return socket.gethostname(), port
    return settings.broker_bind, port


def _rights(gateway: str, community: str) -> str:
    """For a broker of one's own: what its administrator has to grant, as comments."""
    from linli.access import gateway_access

    access = gateway_access(community, gateway)
    lines = _comment(
        "请在您的消息服务器上为它建一个用户，权限如下：", "At your broker, make a user for it with these rights:"
    )
    lines += "".join(f"#   publish {topic}\n" for topic in access.publish)
    lines += "".join(f"#   subscribe {topic}\n" for topic in access.subscribe)
    return lines + "# username:\n# password:\n"
