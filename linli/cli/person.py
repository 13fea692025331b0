"""`linli person`: a person's own rights, for whoever runs the machine: all that is known of one handed out, or erased."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from linli.cli.existing import existing, operator
from linli.i18n import Text


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


person_app = typer.Typer(
    no_args_is_help=True,
    help=_t("个人信息：导出或删除某人的全部信息", "Personal data: export or erase all that is known of one person"),
)
_Id = Annotated[str, typer.Argument(metavar="ID", help=_t("个人编号", "the person's id"))]
_Reason = Annotated[str, typer.Option("--reason", help=_t("原因，记入审计日志", "why; written into the audit log"))]
_Data = Annotated[
    Path | None, typer.Option("--data", help=_t("数据目录（默认按设置）", "data folder (default: as set)"))
]


@person_app.command(
    "export",
    help=_t(
        "把某人的全部信息写成 JSON 文件（仅自己可读）",
        "Write all that is known of one person into a JSON file (mode 600)",
    ),
)
def export(
    person: _Id,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_t("写到哪里，须不存在", "where to; it must not exist"))],
    reason: _Reason,
    data: _Data = None,
) -> None:
    """Hand out."""
    from linli.adapters.store import build_store
    from linli.audit import Act
    from linli.db.audit import Search, SqlAudit, append
    from linli.db.inhabitants import ids_of
    from linli.erasing import all_of

    with existing(data) as (settings, database):
        now = settings.clock().now()
        with closing(build_store(settings)) as store, database.read() as connection:
            found = all_of(connection, store, person)
            ids = ids_of(connection, person)
        with database.write() as connection:
            append(connection, Act("person.exported", operator(), "person", (person,), reason=reason), now)
        looks = [*SqlAudit(database).all(Search(kind="person", items=tuple(ids)))][::-1]
        found["looks"] = [
            {"at": one.entry.at, "actor": one.entry.actor, "verb": one.entry.verb, "purpose": one.entry.purpose}
            for one in looks
        ]
        _write(file, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    records, swipes = len(found["records"]), len(found["swipes"])
    typer.echo(
        _t(f"{records} 条记录、{swipes} 次刷卡已写入 {file}", f"{records} records and {swipes} swipes are in {file}")
    )


@person_app.command(
    "erase",
    help=_t(
        "删除某人的全部信息；先说明会删什么，--sure 才真正删除",
        "Erase all that is known of one person; says what would go, and does it with --sure",
    ),
)
def erase(
    person: _Id,
    reason: _Reason,
    sure: Annotated[bool, typer.Option("--sure", help=_t("真正删除，不能撤销", "do it; it cannot be undone"))] = False,
    data: _Data = None,
) -> None:
    """Erase."""
    from linli.adapters.store import build_store
    from linli.datafolder import DataFolder
    from linli.erasing import all_of, erase_all
    from linli.registry.changes import Origin
    from linli.snapshotfiles import SnapshotFiles

    with existing(data) as (settings, database), closing(build_store(settings)) as store:
        with database.read() as connection:
            found = {kind: len(some) for kind, some in all_of(connection, store, person).items()}
        told = _t(
            f"{found['records']} 条记录、{found['history']} 条变更历史、{found['statements']} 份来源说法，"
            f"{found['swipes']} 次刷卡中的凭证、{found['pictures']} 张图片",
            f"{found['records']} records, {found['history']} changes in their history, {found['statements']} words of "
            f"sources, the card in {found['swipes']} swipes, {found['pictures']} pictures",
        )
        if not sure:
            typer.echo(_t(f"将删除：{told}", f"would be erased: {told}"))
            typer.echo(
                _t(
                    "审计日志只留编号；备份与已导出的文件不在此列",
                    "The audit log keeps the id alone; backups and files that were exported are not reached",
                )
            )
            typer.echo(_t("确定则加上 --sure", "Add --sure to do it"))
            raise typer.Exit(1)
        files = SnapshotFiles(DataFolder(settings.data).snapshots)
        origin = Origin(settings.clock().now(), operator().actor)
        erase_all(database, store, files.remove, person, origin, reason)
    typer.echo(_t(f"已删除：{told}", f"erased: {told}"))


def _write(file: Path, text: str) -> None:
    """A new file that its owner alone can read; ConfigError if it is there already or cannot be made."""
    import os

    from linli.errors import ConfigError

    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            Text(f"写不了：{error.strerror}", f"cannot be written: {error.strerror}"), file=file
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
