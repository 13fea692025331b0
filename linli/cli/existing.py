"""The database of an installation that is there already, for commands that look into it whether Linli runs or not."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from linli.audit import Who
from linli.auditwho import Came, beginning
from linli.errors import DataFolderError, LinliError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.audit import Head
    from linli.db.database import Database
    from linli.settings import Settings


def operator() -> Who:
    """Who runs this command: 'cli:NAME' of the account on this machine, whatever the environment says; from where, if by SSH."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may have no name for its user
        name = str(number)
    return Who(f"cli:{name}", os.environ.get("SSH_CONNECTION", "").partition(" ")[0])


@contextmanager
def existing(data: Path | None) -> Iterator[tuple["Settings", "Database"]]:
    """Settings and open database of the folder `data` (None: as set). An error of ours, here or in the block, and a
    database that fails, end the command with status 2 and a text that says what to do.

    What is done in the block is done by whoever runs the command; the head of the audit log follows.
    """
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from linli.settings import load_settings

    try:
        settings = load_settings(data=data)
        database = open_existing(settings)
        who = operator()
        newest = _newest(database)
        try:
            with beginning(Came(who.address, who.actor)):
                yield settings, database
        finally:
            if _newest(database) != newest:
                follow(settings, database, who)
            database.close()
    except LinliError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except (OperationalError, ProgrammingError) as error:
        said = Text(f"数据库不能使用：{error.orig}", f"the database cannot be used: {error.orig}")
        typer.echo(str(said), err=True)
        raise typer.Exit(2) from None


def _newest(database: "Database") -> "Head | None":
    """The newest entry of the audit log; None where it cannot be told."""
    from sqlalchemy.exc import SQLAlchemyError

    from linli.db.audit import head_of

    try:
        with database.read() as connection:
            return head_of(connection)
    except SQLAlchemyError:  # a database of before the log, or none: the command itself meets it and says so
        return None


def follow(settings: "Settings", database: "Database", who: Who) -> None:
    """Let the head name the newest entry. What is in the way is told: the act is done and written down all the same."""
    from linli.audithead import HeadError, HeadFile
    from linli.db.auditcheck import advance_head

    try:
        wrong = advance_head(database, HeadFile(settings.audit_head_path), who, settings.clock().now())
    except HeadError as error:
        typer.echo(str(error), err=True)
        return
    if wrong is not None:
        said = Text(
            f"审计日志不完整：{wrong.text.zh}。见 linli audit verify",
            f"the audit log is not whole: {wrong.text.en}. See linli audit verify",
        )
        typer.echo(str(said), err=True)


def open_existing(settings: "Settings") -> "Database":
    """The database of a data folder that was prepared before; DataFolderError if there is none yet, or a newer one."""
    from linli.datafolder import DataFolder
    from linli.db.database import open_database

    DataFolder(settings.data).check_layout()
    if settings.database_url is None and not (settings.data / "linli.db").exists():
        raise DataFolderError(
            Text(
                f"数据目录 {settings.data} 里还没有数据：请先运行 linli up（以服务方式运行时用 linli prepare），或用 --data 指定目录",
                f"there is nothing in the data folder {settings.data} yet: run linli up first"
                " (linli prepare, where services run it), or name it with --data",
            )
        )
    return open_database(settings.app_database_url)
