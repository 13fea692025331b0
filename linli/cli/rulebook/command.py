"""`linli rules`: check and try rule files before Linli reads them; bring the rules' state to another number of shards."""

from pathlib import Path
from typing import Annotated

import typer

from linli.cli.rulebook import backtesting, checking, listing, replaying, showing, trying
from linli.i18n import Text
from linli.shards import MOST

rules_app = typer.Typer(
    no_args_is_help=True,
    help=str(
        Text("规则：检查、查看、试运行；改变分片数。", "Rules: check them, look at them, try them; change the shards.")
    ),
)

rules_app.command("check", help=checking.HELP)(checking.check)
rules_app.command("list", help=listing.HELP)(listing.list_rules)
rules_app.command("show", help=showing.HELP)(showing.show)
rules_app.command("test", help=trying.HELP)(trying.test)
rules_app.command("backtest", help=backtesting.HELP)(backtesting.backtest)
rules_app.command("replay", help=replaying.HELP)(replaying.replay)


@rules_app.command(
    "schema",
    help=str(
        Text(
            "输出规则文件（或覆盖文件：override）的 JSON Schema，供编辑器使用。",
            "Print the JSON Schema of a rule file (or of overrides: override), for editors.",
        )
    ),
)
def schema(
    kind: Annotated[
        str, typer.Argument(help=str(Text("rule 或 override", "rule or override")), show_default=True)
    ] = "rule",
) -> None:
    """The text of docs/schema; exit status 2 for another kind."""
    from rules.language.schema import as_text, override_schema, rule_schema

    made = {"rule": rule_schema, "override": override_schema}.get(kind)
    if made is None:
        raise typer.BadParameter(str(Text(f"没有 {kind}，可用：rule、override", f"no {kind}; one of rule, override")))
    typer.echo(as_text(made()), nl=False)


@rules_app.command(
    "reshard",
    help=str(
        Text(
            "把规则的状态从一种分片数带到另一种；先停止全部接入和规则进程。中断后再运行一次即可。",
            "Bring the rules' state from one number of shards to another; stop all ingest and rules workers first. Run it again "
            "if it was cut short.",
        )
    ),
)
def reshard(
    old: Annotated[int, typer.Argument(min=1, max=MOST, help=str(Text("现有的分片数", "how many shards there are")))],
    new: Annotated[int, typer.Argument(min=1, max=MOST, help=str(Text("要变成的分片数", "how many there shall be")))],
    data: Annotated[
        Path | None, typer.Option(help=str(Text("数据目录（设置 data）", "data folder (setting data)")))
    ] = None,
) -> None:
    """Say what each new shard has; DataFolderError if a worker runs, or there is another number of shards."""
    from linli.cli.resharding import run_reshard
    from linli.settings import load_settings

    run_reshard(load_settings(data=data), old, new)
