"""`linli prepare`: what `linli up` makes or migrates before it starts anything, for whoever runs the processes as services."""

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.errors import LinliError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.settings import Settings

HELP = str(
    Text(
        "为以服务方式运行做准备：建立或升级数据目录、密码与数据库，不启动任何进程。可重复运行。",
        "Make ready for running as services: data folder, passwords and databases are made or brought to this version;"
        " nothing is started. May be run again.",
    )
)


def prepare_command(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help=str(Text("数据目录（设置 data）", "data folder (setting data)")), show_default=False
        ),
    ] = None,
) -> None:
    """Prepare, and say what there was to do; exit status 2, with what to do, if it cannot."""
    from linli.settings import load_settings

    try:
        for line in make_ready(load_settings(data=data)):
            typer.echo(str(line))
    except LinliError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def make_ready(settings: "Settings") -> list[Text]:
    """Do it, and say what was done. Several at once - services that start together - wait for each other.

    No account is made, for what a service prints stays in the system's log. Raises as `stack.prepare`; DataFolderError
    too if the database cannot be reached.
    """
    from linli.datafolder import for_owner_alone

    with for_owner_alone():
        return _make_ready(settings)


def _make_ready(settings: "Settings") -> list[Text]:
    from sqlalchemy.exc import SQLAlchemyError

    from linli.cli.stack import prepare
    from linli.datafolder import DataFolder
    from linli.errors import DataFolderError

    folder = DataFolder(settings.data)
    fresh = not (folder.root / "VERSION").exists()
    folder.prepare()
    with (folder.run / "prepare.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        try:
            before = _State(settings)
            prepare(settings, accounts=False)
            after = _State(settings)
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise DataFolderError(Text(f"数据库不能使用：{said}", f"the database cannot be used: {said}")) from error
    made = Text("已建立", "made") if fresh else Text("已有", "was there")
    root = folder.root.resolve()
    return [Text(f"数据目录 {root}：{made.zh}", f"data folder {root}: {made.en}"), *_told(settings, before, after)]


class _State:
    """How far things are: revisions (None: nothing there), names of the broker's users, whether anybody has an account."""

    def __init__(self, settings: "Settings") -> None:
        from linli.access import BrokerUsers
        from linli.adapters import readings_schema
        from linli.datafolder import DataFolder
        from linli.db import migrate
        from linli.db.database import open_database
        from linli.db.people import People

        database = open_database(settings.app_database_url)
        try:
            self.place = database.engine.url.render_as_string(hide_password=True)
            self.revision = migrate.current(database)
            self.accounts = len(People(database, settings.clock()).all()) if self.revision == migrate.head() else 0
        finally:
            database.close()
        self.readings = readings_schema.current(settings.readings_path) if settings.influx_url is None else None
        self.users = set() if settings.broker_is_external else set(BrokerUsers(DataFolder(settings.data).secrets).all())


def _told(settings: "Settings", before: _State, after: _State) -> list[Text]:
    lines = [_migrated(Text("数据库", "database"), after.place, before.revision, after.revision)]
    if settings.influx_url is None:
        what = Text("读数库", "store of readings")
        lines.append(_migrated(what, str(settings.readings_path.resolve()), before.readings, after.readings))
    else:
        url = settings.influx_url
        lines.append(Text(f"读数库 {url}：由 ingest 启动时检查", f"store of readings {url}: ingest checks it at start"))
    if settings.broker_is_external:
        lines.append(Text("消息服务器：外部的，账号由您管理", "broker: your own; its users are yours to keep"))
    else:
        new, all_of_them = len(after.users - before.users), len(after.users)
        lines.append(
            Text(
                f"消息服务器账号：{all_of_them} 个，其中新建 {new} 个",
                f"users of the broker: {all_of_them}, of which {new} are new",
            )
        )
    if not after.accounts:
        lines.append(
            Text(
                "还没有人能登录：linli user add 登录名 --role administrator",
                "nobody can sign in yet: linli user add NAME --role administrator",
            )
        )
    return lines


def _migrated(what: Text, place: str, before: str | None, after: str | None) -> Text:
    if before is None:
        done = Text(f"已建立（{after}）", f"made ({after})")
    elif before != after:
        done = Text(f"已由 {before} 升级到 {after}", f"migrated from {before} to {after}")
    else:
        done = Text(f"已是 {after}", f"at {after} already")
    return Text(f"{what.zh} {place}：{done.zh}", f"{what.en} {place}: {done.en}")
