"""The console script `linli`: sets the language of what typer itself says, then runs the commands of `linli.cli.app`."""

import contextlib
import gettext
import sys
from collections.abc import Mapping
from typing import Any

from linli.errors import LinliError
from linli.i18n import Language, shell_language

CHINESE: Mapping[str, str] = {
    "Usage:": "用法：",
    "Usage: ": "用法：",
    "Arguments": "参数",
    "Options": "选项",
    "Commands": "命令",
    "Error": "错误",
    "Aborted.": "已中止。",
    "Aborted!": "已中止！",
    "[required]": "[必填]",
    "required": "必填",
    "[default: {}]": "[默认：{}]",
    "default: {default}": "默认：{default}",
    "Missing command.": "缺少命令。",
    "No such command {name!r}.": "没有命令 {name!r}。",
    "Try [blue]'{command_path} {help_option}'[/] for help.": "运行 [blue]'{command_path} {help_option}'[/] 查看说明。",
}
"""The frame of help pages, which is typer's; the rest of every page is ours, in both languages."""


def run() -> None:
    """Run the command line. An error raised on purpose is told on stderr, without a traceback, with exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may know no Chinese
    if shell_language() is Language.ZH:
        _speak_chinese()
    from linli.cli.app import app

    try:
        app()
    except LinliError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _speak_chinese() -> None:
    """Put Chinese into typer's help pages, before and after it is imported: it comes without a catalogue, and cuts off
    lines that have no spaces to be wrapped at."""
    gettext.gettext = lambda message: CHINESE.get(message, message)

    import rich.columns
    import typer.rich_utils
    from rich.table import Table

    class FoldingTable(Table):
        """A table that folds a line wherever it is full."""

        def add_row(self, *cells: Any, **options: Any) -> None:
            """As Table does it."""
            super().add_row(*cells, **options)
            for column in self.columns:
                column.overflow = "fold"

    for module in (typer.rich_utils, rich.columns):
        vars(module)["Table"] = FoldingTable
