"""`linli agent`: the edge agent, enrolled, checked and run beside the devices."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.i18n import Text

if TYPE_CHECKING:
    from edge.site.enrol import Enrolled
    from edge.site.findings import Finding

agent_app = typer.Typer(
    no_args_is_help=True, help=str(Text("边缘代理：在设备旁运行。", "The edge agent: run it beside the devices."))
)
_STATES = {
    "ok": Text("正常", "ok"),
    "wrong": Text("错误", "WRONG"),
    "mind": Text("注意", "mind"),
    "unknown": Text("未知", "unknown"),
    "skipped": Text("未查", "skipped"),
}
_CONFIG = typer.Argument(metavar="CONFIG", help=str(Text("边缘代理的 YAML 文件", "the agent's YAML file")))


@agent_app.command(
    "enroll",
    help=str(
        Text(
            "用管理员给的一次性注册码（linli gateway invite）换取网关的账号，写成配置文件。",
            "Exchange the one-time code of an administrator (linli gateway invite) for the gateway's credentials, and write "
            "the agent's files.",
        )
    ),
)
def enroll(
    server: Annotated[
        str,
        typer.Argument(
            metavar="SERVER",
            help=str(
                Text(
                    "邻里页面的地址，如 https://linli.example:8480",
                    "address of Linli's page, as https://linli.example:8480",
                )
            ),
        ),
    ],
    code: Annotated[str, typer.Argument(metavar="CODE", help=str(Text("一次性注册码", "the one-time code")))],
    config: Annotated[Path, typer.Option("--config", help=str(Text("要写的文件", "the file to write")))] = Path(
        "agent.yaml"
    ),
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca", help=str(Text("为 SERVER 信任的 CA 证书（PEM）", "certificates to trust for SERVER (PEM)"))
        ),
    ] = None,
    allow_http: Annotated[
        bool,
        typer.Option(
            "--allow-http",
            help=str(Text("允许明文 http://（仅限可信网络）", "allow http://, in clear (on a trusted network only)")),
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help=str(Text("覆盖已有的文件", "overwrite files")))] = False,
) -> None:
    """Enrol this machine's agent; exit status 2 when it was not."""
    from edge.site.enrol import enrol
    from linli.clock import SystemClock
    from linli.errors import LinliError

    try:
        done = enrol(server, code, config, SystemClock(), ca=ca, allow_http=allow_http, force=force)
    except LinliError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    _say_enrolled(done)


def _say_enrolled(done: "Enrolled") -> None:
    from edge.site.machine import CLOCK_LIMIT, clock_words

    given, config = done.given, done.files.config
    typer.echo(
        str(
            Text(
                f"网关 {given.gateway}（小区 {given.community}）已注册，配置写在 {config}。",
                f"Gateway {given.gateway} of compound {given.community} is enrolled; its configuration is {config}.",
            )
        )
    )
    if abs(done.clock_offset) > CLOCK_LIMIT:
        typer.echo(str(clock_words(done.clock_offset)), err=True)
    if given.broker.client_certificate:
        typer.echo(
            str(
                Text(
                    f"消息服务器要求客户端证书：请在 {config} 中写明 certificate 与 key。",
                    f"The broker demands a client certificate: give certificate and key in {config}.",
                )
            )
        )
    if given.broker.username is None:
        typer.echo(
            str(
                Text(
                    f"消息服务器的账号由其管理员建立：所需权限见 {config}，填入用户名与密码文件。",
                    f"The broker's administrator makes its user there: {config} says with which rights; fill in username and "
                    "password file.",
                )
            )
        )
    typer.echo(
        str(
            Text(
                f"接下来：在 {config} 中写明设备消息的来源，执行 linli agent check {config}，然后 linli agent run {config}",
                f"Next: say in {config} where the devices publish, then linli agent check {config}, then "
                f"linli agent run {config}",
            )
        )
    )


@agent_app.command(
    "check",
    help=str(
        Text(
            "逐项检查：文件、发件箱、时钟、到消息服务器的路、权限、端到端确认、设备一侧；说明哪里不对、怎么办。",
            "Look at everything in order - file, outbox, clock, the way to the broker, permissions, acknowledgements, the "
            "devices' side - and say what is wrong and what to do.",
        )
    ),
)
def check(
    config: Annotated[Path, _CONFIG],
    as_json: Annotated[bool, typer.Option("--json", help=str(Text("输出 JSON", "as JSON")))] = False,
) -> None:
    """One line for each finding, as it is found; exit status 1 if anything is wrong."""
    import logging

    from edge.__main__ import connect
    from edge.site.check import check as look
    from edge.site.findings import State
    from linli.clock import SystemClock

    logging.getLogger().addHandler(logging.NullHandler())  # what goes wrong is told as findings
    findings = []
    for finding in look(config, connect, SystemClock()):
        findings.append(finding)
        if not as_json:
            _say_finding(finding)
    wrong = sum(finding.state is State.WRONG for finding in findings)
    if as_json:
        _print_findings(findings, passed=not wrong)
    else:
        said = Text(f"有 {wrong} 处错误", f"{wrong} wrong") if wrong else Text("没有错误", "nothing is wrong")
        typer.echo(str(said))
    raise typer.Exit(1 if wrong else 0)


def _say_finding(finding: "Finding") -> None:
    from rich.cells import set_cell_size

    word = str(_STATES[finding.state])
    typer.echo(f"{set_cell_size(word, 9)}{finding.said}")
    if finding.remedy is not None:
        typer.echo(f"{' ' * 9}-> {finding.remedy}")


def _print_findings(findings: "list[Finding]", *, passed: bool) -> None:
    import json
    from dataclasses import asdict

    document = {"passed": passed, "findings": [asdict(finding) for finding in findings]}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1))


@agent_app.command(
    "run",
    help=str(
        Text(
            "按配置文件运行边缘代理，直到 Ctrl-C（同 python -m edge CONFIG）。",
            "Run the agent of a configuration file until Ctrl-C (as python -m edge CONFIG).",
        )
    ),
)
def run(config: Annotated[Path, _CONFIG]) -> None:
    """Run the agent in the foreground; its exit status is the command's."""
    from edge.__main__ import main

    raise typer.Exit(main([str(config)]))
