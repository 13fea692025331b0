"""`linli rules`: check rule files before Linli reads them."""

from pathlib import Path
from typing import Annotated

import typer

from linli.i18n import Text

rules_app = typer.Typer(no_args_is_help=True, help=str(Text("规则文件：检查。", "Rule files: check them.")))


@rules_app.callback()
def _rules() -> None:
    """Make `check` a command of its own: typer runs a lone one without its name."""


@rules_app.command(
    "check",
    help=str(
        Text(
            "检查一个目录中的规则；有误则指出文件、行和原因，退出状态为 2。",
            "Check the rules in a folder; a fault is told with file, line and reason, and exit status 2.",
        )
    ),
)
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help=str(
                Text(
                    "规则目录；不写则按设置 rules，未设置时为自带的规则",
                    "folder of rules; none: that of the setting rules, or those that come with Linli",
                )
            ),
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the rules of a folder, all of them sound; ConfigError for the first fault."""
    from rich.cells import cell_len

    from api.words import SEVERITIES
    from linli.settings import load_settings
    from rules.load import CATALOGUE, load_rules

    settings = load_settings()
    place = folder or settings.rules or CATALOGUE
    rules = load_rules(place)
    width = max(len(rule.id) for rule in rules)
    for rule in rules:
        severity, title = SEVERITIES[rule.severity].of(settings.language), rule.title.text.of(settings.language)
        typer.echo(f"{rule.id:<{width}}  {severity}{' ' * (10 - cell_len(severity))}{title}")
    said = Text(f"{place}：{len(rules)} 条规则，没有错误", f"{place}: {len(rules)} rules, no fault")
    typer.echo(said.of(settings.language))
