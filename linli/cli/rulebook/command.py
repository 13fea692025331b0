"""`linli rules`: check and try rule files before Linli reads them; bring the rules' state to another number of shards."""

from pathlib import Path
from typing import Annotated

import typer

from linli.cli.rulebook import backtesting, listing, replaying, showing, trying
from linli.i18n import Text
from linli.shards import MOST

rules_app = typer.Typer(
    no_args_is_help=True,
    help=str(
        Text("规则：检查、查看、试运行；改变分片数。", "Rules: check them, look at them, try them; change the shards.")
    ),
)


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
    from rules.language.load import CATALOGUE
    from rules.language.remarks import remarks

    settings, book, registry = listing.installation(folder, None)
    found = [] if registry is None else list(remarks(book, registry))
    width = max(len(rule.id) for rule in book.rules)
    for rule in book.rules:
        severity, title = SEVERITIES[rule.severity].of(settings.language), rule.title.text.of(settings.language)
        typer.echo(f"{rule.id:<{width}}  {severity}{' ' * (10 - cell_len(severity))}{title}")
    for remark in found:
        typer.echo(remark.of(settings.language))
    place, overrides = folder or settings.rules or CATALOGUE, len(book.overrides)
    zh = f"，{overrides} 条覆盖" if overrides else ""
    en = f", {overrides} overrides" if overrides else ""
    said = Text(f"{place}：{len(book.rules)} 条规则{zh}，没有错误", f"{place}: {len(book.rules)} rules{en}, no fault")
    typer.echo(said.of(settings.language))


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


rules_app.command("list", help=listing.HELP)(listing.list_rules)
rules_app.command("show", help=showing.HELP)(showing.show)
rules_app.command("test", help=trying.HELP)(trying.test)
rules_app.command("backtest", help=backtesting.HELP)(backtesting.backtest)
rules_app.command("replay", help=replaying.HELP)(replaying.replay)
