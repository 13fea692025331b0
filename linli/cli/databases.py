"""`linli database`: the database of alerts, registry and people brought over to another one.

Nothing heavy is imported before the command runs.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from linli.cli.existing import existing, operator
from linli.errors import ConfigError
from linli.i18n import Text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from linli.db.copying import CopiedTable
    from linli.db.database import Database
    from linli.settings import Settings

SQLITE = "sqlite"
"""As a target: the data folder's own file."""


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


database_app = typer.Typer(
    no_args_is_help=True,
    help=_t("告警、台账、人员所在的数据库", "The database of alerts, registry and people"),
)


@database_app.callback()
def _database() -> None:
    """A group, though it has one command so far."""


@database_app.command(
    "copy",
    help=_t(
        "把数据库整个复制到另一个空的数据库：从 SQLite 到 PostgreSQL，或反过来。须先停止 Linli；原数据库不变。见 docs/postgresql.zh-CN.md",
        "Bring the whole database over into another, empty one: from SQLite to PostgreSQL, or back. Stop Linli first; the one that is "
        "there stays as it is. See docs/postgresql.md",
    ),
)
def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help=_t(
                "目标：postgresql+psycopg://用户@主机/库名（密码写在 PGPASSWORD 或 ~/.pgpass 中），或 sqlite（数据目录中的文件）",
                "where to: postgresql+psycopg://user@host/database (the password by PGPASSWORD or ~/.pgpass), or sqlite, the "
                "file in the data folder",
            ),
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "print JSON"))] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"), show_default=False),
    ] = None,
) -> None:
    """Copy it, compare the two, and say what to set; exit status 2, with nothing in the target, if it cannot be done."""
    from linli.datafolder import for_owner_alone
    from linli.db.copying import copy_database

    with existing(data) as (settings, source), for_owner_alone():
        with _target(settings, source, to) as target, _alone(settings, source) as still_alone, _Progress() as progress:
            copied = copy_database(
                source, target, operator(), settings.clock().now(), told=progress, at_the_end=still_alone
            )
        where = target.engine.url.render_as_string(hide_password=True)
        if as_json:
            typer.echo(json.dumps(_document(where, copied)))
        else:
            _tell(settings, source, where, to, copied)


@contextmanager
def _target(settings: "Settings", source: "Database", to: str) -> "Iterator[Database]":
    """The database to copy to, open. ConfigError for one that cannot be meant."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    from linli.db.database import open_database

    wanted = f"sqlite:///{(settings.data / 'linli.db').resolve()}" if to == SQLITE else to
    try:
        given = make_url(wanted)
    except (ArgumentError, ValueError):
        given = None
    if given is not None and given.password is not None:
        raise ConfigError(
            Text(
                "命令行对本机所有人可见：--to 中不要写密码，请写在环境变量 PGPASSWORD 或文件 ~/.pgpass 中",
                "everybody on this machine can see a command line: leave the password out of --to, and give it by the variable PGPASSWORD "
                "or the file ~/.pgpass",
            )
        )
    if given is not None and given.set(password=None) == source.engine.url.set(password=None):
        raise ConfigError(
            Text("--to 就是现在使用的数据库，请指定另一个", "--to is the database that is in use now: name another one")
        )
    target = open_database(wanted)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def _alone(settings: "Settings", source: "Database") -> "Iterator[_StillAlone]":
    """Nobody runs Linli on this data meanwhile: what it wrote would not be in the copy."""
    from linli.cli.lock import FolderLock
    from linli.datafolder import DataFolder

    folder = DataFolder(settings.data)
    folder.run.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder.run)
    lock.require_free()
    lock.take()
    try:
        still = _StillAlone(settings, source)
        still.require_nobody()
        yield still
    finally:
        lock.release()


class _StillAlone:
    """Looks for Linli's processes by what they last said of themselves, and for anything that was written meanwhile."""

    def __init__(self, settings: "Settings", source: "Database") -> None:
        self._settings = settings
        self._source = source

    def require_nobody(self) -> None:
        """DataFolderError if one of them lives."""
        from linli.db.workers import reports
        from linli.errors import DataFolderError

        now = self._settings.clock().now()
        alive = [one.name for one in reports(self._source) if one.alive(now) and one.state != "stopped"]
        if alive:
            names = ", ".join(alive)
            raise DataFolderError(
                Text(
                    f"Linli 正在运行（{names}）：请先停止它的全部服务（刚停止的，等 10 秒），再运行一次",
                    f"Linli runs ({names}): stop all of its services (if you just did, wait 10 seconds), then run this again",
                )
            )

    def __call__(self, was: "Connection") -> None:
        """The same again, and DataFolderError if the audit log has gone on since `was`."""
        from linli.db.audit import head_of
        from linli.errors import DataFolderError

        self.require_nobody()
        with self._source.read() as connection:
            moved = head_of(connection) != head_of(was)
        if moved:
            raise DataFolderError(
                Text(
                    "复制期间有人改动了原数据库，已全部撤销：停止 Linli 与其他命令后再运行一次",
                    "somebody changed the database while it was copied, and all is undone: stop Linli and other commands, then run this again",
                )
            )


class _Progress:
    """A line on a terminal's stderr: which table, and how many rows so far."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._show("")

    def __call__(self, table: str, rows: int) -> None:
        self._rows += rows
        done = f"{self._rows:,}"
        self._show(
            _t(f"{done} 行  {table}", f"{done} rows  {table}") if rows else _t(f"核对 {table}", f"comparing {table}")
        )

    def _show(self, line: str) -> None:
        if self._on:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()


def _document(where: str, copied: "list[CopiedTable]") -> dict[str, object]:
    tables = [{"name": one.name, "rows": one.rows, "sha256_sum": one.digest} for one in copied]
    return {"to": where, "rows": sum(one.rows for one in copied), "tables": tables}


def _tell(settings: "Settings", source: "Database", where: str, to: str, copied: "list[CopiedTable]") -> None:
    rows, tables = f"{sum(one.rows for one in copied):,}", len(copied)
    typer.echo(
        _t(
            f"已复制到 {where}：{tables} 个表，{rows} 行，逐表核对无误",
            f"copied to {where}: {tables} tables, {rows} rows, each table compared",
        )
    )
    if to == SQLITE:
        typer.echo(
            _t(
                "接下来：去掉设置 database_url（LINLI_DATABASE_URL），再启动 Linli；linli audit verify 可核对审计日志",
                "Next: take the setting database_url (LINLI_DATABASE_URL) away, then start Linli; linli audit verify checks the audit log",
            )
        )
    else:
        typer.echo(
            _t(
                f"接下来：在 .env（权限 600）中写 LINLI_DATABASE_URL={where}（密码写在其中，或用 ~/.pgpass），再启动 Linli；"
                "linli audit verify 可核对审计日志",
                f"Next: in .env (mode 600) set LINLI_DATABASE_URL={where} (with the password in it, or by ~/.pgpass), then start Linli; linli "
                "audit verify checks the audit log",
            )
        )
    former = source.engine.url.render_as_string(hide_password=True)
    typer.echo(
        _t(
            f"原数据库 {former} 未改动，从此不再更新：确认无误后移走，不要再用它启动",
            f"The former database, {former}, is as it was and does not go on: once all is well move it away, and never start Linli on it "
            "again",
        )
    )
