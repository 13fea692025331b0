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
    database that fails, end the command with status 2 and a text that says what to do."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from linli.settings import load_settings

    try:
        settings = load_settings(data=data)
        database = open_existing(settings)
        who = operator()
        try:
            with beginning(Came(who.address, who.actor)):
                yield settings, database
        finally:
            database.close()
    except LinliError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except (OperationalError, ProgrammingError) as error:
        said = Text(f"数据库不能使用：{error.orig}", f"the database cannot be used: {error.orig}")
        typer.echo(str(said), err=True)
        raise typer.Exit(2) from None


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
