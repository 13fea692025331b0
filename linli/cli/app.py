"""The commands of `linli`. What is heavy is imported inside each, so that help comes at once."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from linli import __version__
from linli.cli import dashboards
from linli.cli.agents import agent_app
from linli.cli.arming import HELP as ARM_HELP
from linli.cli.arming import arm
from linli.cli.audit import audit_app
from linli.cli.backups.command import RESTORE_HELP, backup_app, restore
from linli.cli.bench import HELP as BENCH_HELP
from linli.cli.bench import bench
from linli.cli.calendars import holidays_app
from linli.cli.databases import database_app
from linli.cli.demo.command import demo_app
from linli.cli.device import device_app
from linli.cli.gateways import gateway_app
from linli.cli.letters import command as deadletters
from linli.cli.openapi import HELP as OPENAPI_HELP
from linli.cli.openapi import openapi
from linli.cli.people import user_app
from linli.cli.person import person_app
from linli.cli.preparing import HELP as PREPARE_HELP
from linli.cli.preparing import prepare_command
from linli.cli.registries import registry_app
from linli.cli.remote.alerts import alerts_app
from linli.cli.remote.devices import devices_app
from linli.cli.remote.login import LOGIN_HELP, LOGOUT_HELP, login, logout
from linli.cli.remote.webhooks import webhooks_app
from linli.cli.retention import HELP as RETENTION_HELP
from linli.cli.retention import retention
from linli.cli.rulebook.command import rules_app
from linli.cli.secrets import secrets_app
from linli.cli.simulate import HELP as SIMULATE_HELP
from linli.cli.simulate import simulate
from linli.cli.status.reconciling import HELP as RECONCILE_HELP
from linli.cli.status.reconciling import reconcile_command
from linli.cli.tokens import token_app
from linli.i18n import Text

START = str(Text("从这里开始", "Start here"))
LOOK = str(Text("查看与测试", "Look and try"))
SET_UP = str(Text("设置", "Set up"))

_HELP = str(Text("显示本说明。", "Show this page."))


_COMPLETION = {
    "install_completion": Text("为当前 shell 安装命令补全。", "Install completion of commands for this shell."),
    "show_completion": Text("显示补全脚本，可自行安装。", "Show the completion script, to install it by hand."),
}


class _Group(TyperGroup):
    """The root: says in our words what --help does, here and at every command below."""

    def get_help_option(self, ctx: Any) -> Any:
        """Typer's own option, with our words."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = _HELP
        return option

    def get_params(self, ctx: Any) -> Any:
        """Typer's own options, with our words."""
        params = super().get_params(ctx)
        for param in params:
            if param.name in _COMPLETION:
                vars(param)["help"] = str(_COMPLETION[param.name])
        return params

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        command = super().get_command(ctx, cmd_name)
        _name_help(command, ctx)
        return command


def _name_help(command: Any, ctx: Any) -> None:
    option = None if command is None else command.get_help_option(ctx)
    if option is not None:
        option.help = _HELP
    for below in getattr(command, "commands", {}).values():
        _name_help(below, ctx)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=str(
        Text(
            "邻里 Linli：小区设备一有情况，一秒内出现在值班人面前。",
            "Linli: what a compound's devices report is in front of the person on duty within a second.",
        )
    ),
    epilog=str(
        Text(
            "第一次用：linli up，打开它给出的地址，用它给出的账号登录；另开一个终端运行 linli simulate forced-door，"
            "看告警出现。",
            "New here: linli up, open the address it prints, sign in with an account it prints; then, in another terminal, "
            "linli simulate forced-door, and see the alert arrive.",
        )
    ),
)


@app.command(
    rich_help_panel=START,
    help=str(
        Text(
            "启动 Linli 的全部进程，显示其状态，直到 Ctrl-C。",
            "Start all of Linli's processes and show how they are, until Ctrl-C.",
        )
    ),
)
def up(
    data: Annotated[
        Path | None,
        typer.Option(
            help=str(Text("数据目录（设置 data，默认 ./data）", "data folder (setting data, default ./data)"))
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help=str(Text("网页端口（设置 port，默认 8480）", "port of the page (setting port, default 8480)"))
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help=str(
                Text(
                    "监听地址（设置 host，默认只限本机 127.0.0.1）",
                    "address to listen on (setting host, default this machine only, 127.0.0.1)",
                )
            )
        ),
    ] = None,
    broker_port: Annotated[
        int | None,
        typer.Option(
            help=str(Text("MQTT 端口（设置 broker_port，默认 8483）", "MQTT port (setting broker_port, default 8483)"))
        ),
    ] = None,
    simulator: Annotated[
        bool | None,
        typer.Option(
            "--simulator/--no-simulator",
            help=str(
                Text("是否运行模拟小区（设置 simulator）", "run the simulated compound or not (setting simulator)")
            ),
        ),
    ] = None,
) -> None:
    """Run Linli in the foreground; exit status 0 when it was stopped, 1 when it could not stop in time."""
    from linli.cli.up import run_up
    from linli.settings import load_settings

    settings = load_settings(data=data, port=port, host=host, broker_port=broker_port, simulator=simulator)
    raise typer.Exit(run_up(settings))


@app.command(
    rich_help_panel=START,
    help=str(
        Text(
            "一屏看清现状：哪里有问题、怎么办，各进程、存储、网关、积压、告警与死信。",
            "How all is on one screen: what is wrong and what to do; processes, storage, gateways, lag, alerts, dead letters.",
        )
    ),
)
def status(
    data: Annotated[
        Path | None, typer.Option(help=str(Text("数据目录（设置 data）", "data folder (setting data)")))
    ] = None,
    gateways: Annotated[bool, typer.Option("--gateways", help=str(Text("列出每个网关", "list every gateway")))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=str(Text("输出 JSON", "print JSON")))] = False,
) -> None:
    """Say how Linli is; exit status 1 if something is wrong."""
    from linli.cli.status.command import say_status
    from linli.settings import load_settings

    raise typer.Exit(say_status(load_settings(data=data), every_gateway=gateways, as_json=as_json))


app.command("reconcile", help=RECONCILE_HELP, rich_help_panel=LOOK)(reconcile_command)
app.command("simulate", help=SIMULATE_HELP, rich_help_panel=LOOK)(simulate)
app.command("bench", help=BENCH_HELP, rich_help_panel=LOOK)(bench)
app.add_typer(deadletters.app, name="deadletters", rich_help_panel=LOOK)
app.add_typer(device_app, name="device", rich_help_panel=LOOK)
app.add_typer(rules_app, name="rules", rich_help_panel=LOOK)
app.add_typer(audit_app, name="audit", rich_help_panel=LOOK)
app.command("retention", help=RETENTION_HELP, rich_help_panel=LOOK)(retention)
app.add_typer(alerts_app, name="alerts", rich_help_panel=LOOK)
app.add_typer(devices_app, name="devices", rich_help_panel=LOOK)
app.add_typer(webhooks_app, name="webhooks", rich_help_panel=LOOK)
app.command("login", help=LOGIN_HELP, rich_help_panel=LOOK)(login)
app.command("logout", help=LOGOUT_HELP, rich_help_panel=LOOK)(logout)
app.command("openapi", help=OPENAPI_HELP, rich_help_panel=LOOK)(openapi)
app.command("arm", help=ARM_HELP, rich_help_panel=LOOK)(arm)
app.command("prepare", help=PREPARE_HELP, rich_help_panel=SET_UP)(prepare_command)
app.add_typer(backup_app, name="backup", rich_help_panel=SET_UP)
app.command("restore", help=RESTORE_HELP, rich_help_panel=SET_UP)(restore)
app.add_typer(database_app, name="database", rich_help_panel=SET_UP)
app.add_typer(user_app, name="user", rich_help_panel=SET_UP)
app.add_typer(token_app, name="token", rich_help_panel=SET_UP)
app.add_typer(secrets_app, name="secrets", rich_help_panel=SET_UP)
app.add_typer(registry_app, name="registry", rich_help_panel=SET_UP)
app.add_typer(demo_app, name="demo", rich_help_panel=SET_UP)
app.add_typer(person_app, name="person", rich_help_panel=SET_UP)
app.add_typer(holidays_app, name="holidays", rich_help_panel=SET_UP)
app.add_typer(gateway_app, name="gateway", rich_help_panel=SET_UP)
app.add_typer(agent_app, name="agent", rich_help_panel=SET_UP)
app.add_typer(dashboards.app, name="dashboards", rich_help_panel=SET_UP)


@app.command(rich_help_panel=SET_UP, help=str(Text("显示版本。", "Show the version.")))
def version() -> None:
    """Print the version."""
    typer.echo(f"Linli {__version__}")
