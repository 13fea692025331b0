"""`linli holidays`: the days that are not what their weekday says, for rules that keep to hours and holidays."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.columns import print_columns
from linli.cli.existing import existing, operator
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.model import Holiday
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


holidays_app = typer.Typer(
    no_args_is_help=True,
    help=_t(
        "节假日与调休，供按时段生效的规则使用。", "Holidays and made-up working days, for rules that keep to hours."
    ),
)
_DATA = typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"))
_COMMUNITY = typer.Option(
    "--community", help=_t("只用于该小区；不写则用于整个片区", "for this compound alone; else for the whole district")
)
_Day = Annotated[str, typer.Argument(metavar="DAY", help=_t("日期，如 2026-10-01", "the day, such as 2026-10-01"))]


@holidays_app.command(
    "add", help=_t("登记一天；已有的改为现在写的", "Put a day into the calendar, or change what it says of it")
)
def add(
    day: _Day,
    workday: Annotated[
        bool, typer.Option("--workday", help=_t("这一天上班（调休）", "people work that day (made up)"))
    ] = False,
    name_zh: Annotated[str, typer.Option("--name-zh", help=_t("中文名", "Chinese name"))] = "",
    name_en: Annotated[str, typer.Option("--name-en", help=_t("英文名", "English name"))] = "",
    community: Annotated[str, _COMMUNITY] = "",
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """One day."""
    from linli.db.registry import read_registry
    from linli.holidays import holiday_of

    with existing(data) as (settings, database):
        with database.read() as connection:
            known = read_registry(connection).communities
        _save(settings, database, [holiday_of(day, not workday, name_zh, name_en, community, known)])


@holidays_app.command("remove", help=_t("把一天从日历中去掉", "Take a day out of the calendar"))
def remove(day: _Day, community: Annotated[str, _COMMUNITY] = "", data: Annotated[Path | None, _DATA] = None) -> None:
    """One day."""
    from linli.db.registry import remove_holiday
    from linli.errors import NotFound
    from linli.holidays import check_day
    from linli.registry.changes import Origin

    with existing(data) as (settings, database):
        wanted = check_day(day)
        with database.write() as connection:
            origin = Origin(settings.clock().now(), operator().actor)
            if not remove_holiday(connection, community, wanted, origin):
                raise NotFound(
                    Text(
                        f"日历中没有 {wanted}；见 linli holidays list",
                        f"{wanted} is not in that calendar; see linli holidays list",
                    )
                )
        typer.echo(Text(f"已去掉 {wanted}", f"{wanted} is taken out").of(settings.language))


@holidays_app.command("list", help=_t("列出日历中的日子", "List the days of the calendars"))
def list_holidays(
    year: Annotated[int | None, typer.Option("--year", help=_t("只看这一年", "of this year alone"))] = None,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """One line for each day, the district's first."""
    from linli.db.registry import read_holidays

    with existing(data) as (settings, database), database.read() as connection:
        found = [day for day in read_holidays(connection) if year is None or day.day.startswith(f"{year:04}-")]
    language = settings.language
    if not found:
        typer.echo(Text("日历还是空的：linli holidays import", "no days yet: linli holidays import").of(language))
        return
    off, work = Text("休", "day off").of(language), Text("班", "working day").of(language)
    everywhere = Text("整个片区", "district").of(language)
    heads = Text("日期", "DAY"), Text("休/班", "KIND"), Text("小区", "COMPOUND"), Text("名称", "NAME")
    print_columns(
        tuple(head.of(language) for head in heads),
        [
            (day.day, off if day.is_holiday else work, day.community or everywhere, day.name.of(language))
            for day in found
        ],
    )


@holidays_app.command(
    "import",
    help=_t(
        "从 CSV 文件登记多天，第一行为列名 day,holiday,name_zh,name_en,community；有一行不对则什么也不改",
        "Put in many days from a CSV file that begins with day,holiday,name_zh,name_en,community; with one bad row, nothing is "
        "changed",
    ),
)
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help=_t("UTF-8 文本", "UTF-8 text"))],
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """All days of a file, in one transaction."""
    from linli.db.registry import read_registry
    from linli.holidays import read_table

    with existing(data) as (settings, database):
        with database.read() as connection:
            known = read_registry(connection).communities
        _save(settings, database, read_table(file, known))


def _save(settings: "Settings", database: "Database", holidays: "list[Holiday]") -> None:
    """Those that are not there as they are; say how many."""
    from linli.db.registry import read_holidays, save

    with database.write() as connection:
        have = set(read_holidays(connection))
        changed = [holiday for holiday in holidays if holiday not in have]
        if changed:
            save(connection, changed, settings.clock().now(), operator().actor)
    said = Text(
        f"已登记或更新 {len(changed)} 天，{len(holidays) - len(changed)} 天没有变化",
        f"put in or changed {len(changed)} days, {len(holidays) - len(changed)} unchanged",
    )
    typer.echo(said.of(settings.language))
