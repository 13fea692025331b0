"""`linli retention`: what is kept, by class: for how long, how much there is, what goes next and what went last."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.retaining import Held
    from linli.keeping import Kept, KeptClass
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t("各类数据保存多久、现有多少、下次与上次删除", "What is kept for how long, how much there is, what goes when")

_TABLES = {"raw": "readings", "minute": "rollups_1m", "hour": "rollups_1h", "events": "events"}
_PATIENCE_S = 2.0


def retention(
    as_json: Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "print JSON"))] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"))
    ] = None,
) -> None:
    """A line for each class."""
    from linli.db.retaining import held

    with existing(data) as (settings, database):
        with database.read() as connection:
            found = held(connection)
        found |= _in_store(settings, found)
        if as_json:
            typer.echo(json.dumps(_document(settings, found), ensure_ascii=False, indent=1))
        else:
            _print(settings, found)


def _print(settings: "Settings", found: "Mapping[Kept, Held]") -> None:
    from linli.keeping import CLASSES

    heads = (
        _t("类别", "CLASS"),
        _t("保存", "KEPT"),
        _t("数量", "ROWS"),
        _t("最早", "OLDEST"),
        _t("下次删除", "NEXT DELETION"),
        _t("上次删除", "LAST DELETED"),
        _t("设置", "SETTING"),
    )
    rows = []
    for kept, one in CLASSES.items():
        here = found[kept]
        last = "-" if here.deleted_at is None else f"{_day(settings, here.deleted_at)}: {here.deleted:,}"
        rows.append(
            (
                one.name.of(settings.language),
                _kept(settings, kept),
                "-" if here.rows is None else f"{here.rows:,}",
                _day(settings, here.oldest),
                _next(settings, kept, here),
                last,
                one.setting or "-",
            )
        )
    print_columns(heads, rows)
    if settings.clock_origin is not None:
        typer.echo(_t("模拟时钟下什么都不删除", "on a simulated clock nothing is deleted"))


def _kept(settings: "Settings", kept: "Kept") -> str:
    from linli.keeping import CLASSES

    one = CLASSES[kept]
    if not one.setting and not one.fixed:
        return one.what.of(settings.language)
    days = _days(settings, one)
    return _t(f"{days:g} 天", f"{days:g} days") if days else _t("永久", "for ever")


def _days(settings: "Settings", one: "KeptClass") -> float | None:
    """Of its setting, or fixed; None where there are none."""
    return getattr(settings, one.setting) if one.setting else one.fixed or None


def _next(settings: "Settings", kept: "Kept", here: "Held") -> str:
    due = _due(settings, kept, here)
    if due is None:
        return "-"
    return _t("随时", "any time now") if due <= settings.clock().now() else _day(settings, due)


def _due(settings: "Settings", kept: "Kept", here: "Held") -> int | None:
    from linli.keeping import Kept

    return here.oldest if kept is Kept.SESSIONS else settings.terms.due(kept, here.oldest)


def _day(settings: "Settings", at: int | None) -> str:
    from zoneinfo import ZoneInfo

    from linli.clock import local_time

    return "-" if at is None else local_time(at, ZoneInfo(settings.timezone)).strftime("%Y-%m-%d")


def _document(settings: "Settings", found: "Mapping[Kept, Held]") -> list[dict[str, Any]]:
    from linli.clock import format_time
    from linli.keeping import CLASSES

    def time(at: int | None) -> str | None:
        return None if at is None else format_time(at)

    return [
        {
            "class": kept.value,
            "setting": one.setting or None,
            "days": _days(settings, one),
            "rows": found[kept].rows,
            "oldest": time(found[kept].oldest),
            "next_deletion": time(_due(settings, kept, found[kept])),
            "last_deleted_at": time(found[kept].deleted_at),
            "last_deleted": found[kept].deleted,
        }
        for kept, one in CLASSES.items()
    ]


def _in_store(settings: "Settings", found: "Mapping[Kept, Held]") -> "dict[Kept, Held]":
    """What there is in the SQLite store of readings, as far as it can be told within moments; of an InfluxDB nothing is known."""
    from dataclasses import replace

    from linli.keeping import Kept

    path = settings.readings_path
    if settings.influx_url is not None or not path.exists():
        return {}
    counted: dict[Kept, Held] = {}
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE_S)
    try:
        for name, table in _TABLES.items():
            rows, oldest = _count(connection, table)
            counted[Kept(name)] = replace(found[Kept(name)], rows=rows, oldest=oldest)
    finally:
        connection.close()
    return counted


def _count(connection: sqlite3.Connection, table: str) -> tuple[int | None, int | None]:
    from time import monotonic

    end = monotonic() + _PATIENCE_S
    connection.set_progress_handler(lambda: monotonic() > end, 10_000)
    try:
        rows, oldest = connection.execute(f"SELECT count(*), min(time) FROM {table}").fetchone()  # noqa: S608  (a name of ours)
    except sqlite3.Error:  # it took too long, or the file is not what it should be: linli status says so
        return None, None
    finally:
        connection.set_progress_handler(None, 0)
    return rows, oldest
