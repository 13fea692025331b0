"""`linli agent`: the edge agent, run beside the devices."""

from pathlib import Path
from typing import Annotated

import typer

from linli.i18n import Text

agent_app = typer.Typer(
    no_args_is_help=True, help=str(Text("边缘代理：在设备旁运行。", "The edge agent: run it beside the devices."))
)


@agent_app.callback()
def _agent() -> None:
    """Make `run` a command of its own: typer runs a lone one without its name."""


@agent_app.command(
    "run",
    help=str(
        Text(
            "按配置文件运行边缘代理，直到 Ctrl-C（同 python -m edge CONFIG）。",
            "Run the agent of a configuration file until Ctrl-C (as python -m edge CONFIG).",
        )
    ),
)
def run(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help=str(Text("边缘代理的 YAML 文件", "the agent's YAML file")))
    ],
) -> None:
    """Run the agent in the foreground; its exit status is the command's."""
    from edge.__main__ import main

    raise typer.Exit(main([str(config)]))
