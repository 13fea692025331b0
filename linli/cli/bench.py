"""`linli bench`: measure how fast Linli is, one bench or all of them."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.i18n import Text

if TYPE_CHECKING:
    from rich.table import Table

    from linli.cli.benches.measured import Measured
    from linli.settings import Settings

ALL = "all"

BENCHES: Mapping[str, Text] = {
    "latency": Text("从设备事件到值班页面的时间", "from a device's event to the page of the person on duty"),
    "ingest": Text("从边缘代理到存储的吞吐与开销", "from the agent to the store: how much, and at what cost"),
    "api": Text(
        "一个区多年的告警之上的接口：列表、实时流、权限",
        "the API over years of alerts: a list, live streams, what permission costs",
    ),
    "registry": Text(
        "按片区规模导入登记、其间他人的等待、审计与登录",
        "the registry at the size of a district: imports, how long others wait, the audit log, signing in",
    ),
    "rules": Text(
        "规则引擎的吞吐、内存与告警延迟", "the rules: how many events, how much memory, how soon an alert is told"
    ),
}
"""Every bench: the module of its name in `linli.cli.benches` measures it."""


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t("测量性能，打印一张表。", "Measure how fast Linli is, and print a table.")


def bench(
    name: Annotated[
        str,
        typer.Argument(
            help=_t(f"测什么：{'、'.join(BENCHES)}，或 all", f"which: {', '.join(BENCHES)}, or all"), show_default=False
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help=_t("每项 50 秒以内，较不精确", "under 50 s each, less exact"))
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help=_t("另存为 JSON（all：一个数组）", "also write it as JSON (all: a list)"),
        ),
    ] = None,
) -> None:
    """Exit status 0 if all was measured, 1 if something sent never arrived, 2 if something could not be measured."""
    from linli.cli.benches.measured import document
    from linli.settings import load_settings

    if name != ALL and name not in BENCHES:
        known = ", ".join([*BENCHES, ALL])
        raise typer.BadParameter(
            _t(f"没有名为 {name} 的测试，已有：{known}", f"there is no bench {name}; known: {known}")
        )
    settings = load_settings()
    target = json_file.resolve() if json_file is not None else None
    documents, lost = [], 0
    for one in BENCHES if name == ALL else (name,):
        typer.echo(f"{one}: {BENCHES[one]}...", err=True)
        measured = _measure_of(one)(settings, quick)
        _show(one, measured)
        documents.append(document(one, measured))
        lost += measured.lost
    if target is not None:
        written = documents if name == ALL else documents[0]
        target.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if lost:
        raise typer.Exit(1)


def _measure_of(name: str) -> "Callable[[Settings, bool], Measured]":
    found: Callable[[Settings, bool], Measured] = import_module(f"linli.cli.benches.{name}").measure
    return found


def _show(name: str, measured: "Measured") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(_t("指标", "Metric"), title=name, title_justify="left")
    table.add_column(_t("值", "Value"), justify="right")
    for metric, value in measured.metrics.items():
        table.add_row(metric, f"{value:.3f}".rstrip("0").rstrip("."))
    console = Console(highlight=False)
    console.print(table)
    for what, processes in measured.costs.items():
        console.print(_costs(what, processes))
    for note in measured.notes:
        console.print(str(note))


def _costs(what: str, processes: "Mapping[str, Mapping[str, float]]") -> "Table":
    """The table of what each process used."""
    from rich.table import Table

    table = Table(_t("进程", "Process"), title=what, title_justify="left")
    columns = list(dict.fromkeys(column for used in processes.values() for column in used))
    for column in columns:
        table.add_column(column, justify="right")
    for process, used in processes.items():
        table.add_row(process, *(f"{used[column]:.2f}" if column in used else "" for column in columns))
    return table
