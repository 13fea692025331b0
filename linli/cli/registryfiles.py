"""`linli registry import`, `export` and `template`: the registry as tables, in Excel or CSV."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.cli.existing import existing, operator
from linli.errors import Refused
from linli.i18n import Text

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from linli.adapters.tables.spool import Spools
    from linli.cli.registryshown import Report
    from linli.db.database import Database
    from linli.registry.changes import Origin
    from linli.registry.tables.importing import Sheet
    from linli.settings import Settings


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


IMPORT_HELP = _t(
    "从 Excel（.xlsx）、CSV、CSV 的 .zip 或文件夹导入登记；有一处错误则什么也不改。表与列见 docs/registry-import.zh-CN.md。"
    "退出码：0 已导入（或检查无误），1 文件有错，2 无法执行。",
    "Import the registry from Excel (.xlsx), CSV, a .zip or a folder of CSV; with one fault in it nothing is changed. Tables and columns: "
    "docs/registry-import.md. Exit status: 0 imported (or nothing wrong), 1 faults in the file, 2 it could not be done.",
)
EXPORT_HELP = _t(
    "把登记导出为 .xlsx、.zip（CSV）或文件夹（CSV），可原样再导入。不含居民，除非 --persons。",
    "Export the registry as .xlsx, a .zip of CSV or a folder of CSV, to be imported as it is. Without residents, unless --persons.",
)
TEMPLATE_HELP = _t(
    "写一个空的 Excel 工作簿：列名、说明与可选的词。",
    "Write an empty Excel workbook: headings, what belongs below them, words to choose from.",
)

_DATA = typer.Option("--data", help=_t("数据目录（设置 data）", "data folder (setting data)"), show_default=False)
_File = Annotated[Path, typer.Argument(metavar="FILE", help=_t("文件或文件夹", "file or folder"))]
_Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        help=_t("列名与词的语言：zh 或 en（默认按设置）", "of headings and words: zh or en (default: as set)"),
        show_default=False,
    ),
]
MOST_SOURCE = 64


def import_file(
    file: _File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_t("只检查并说明会改什么", "only check, and say what it would change"))
    ] = False,
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            help=_t("单个 CSV 是哪个表（默认看文件名）", "what a single CSV file is (default: as it is called)"),
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help=_t(
                "这些信息的来源（默认文件名）；person 为人工核定",
                "where it is from (default: the file's name); person: somebody settles it",
            ),
            show_default=False,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DAY",
            help=_t("信息是何时的（默认文件的修改时间）", "of when it is (default: when the file was last changed)"),
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        float,
        typer.Option(
            "--confidence", min=0.0, max=1.0, help=_t("来源有多可靠，0 到 1", "how sure the source is, 0 to 1")
        ),
    ] = 0.8,
    remove_missing: Annotated[
        bool,
        typer.Option(
            "--remove-missing",
            help=_t(
                "文件有其表、但没有其行的，从登记中移除（限文件涉及的小区）",
                "take out what the file has the table of, but not the row (in the compounds that occur there)",
            ),
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "print JSON"))] = False,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Check the whole file, say all that is wrong with it or would change, and write it in one transaction."""
    from linli.adapters.tables.files import sheets_of
    from linli.adapters.tables.spool import Spools
    from linli.cli.collecting import seldom_collected
    from linli.cli.registryshown import Report
    from linli.cli.stack import ensure_broker_users

    with existing(data) as (settings, database), Spools() as spools, sheets_of(file, table) as sheets:
        report = Report(file, settings.language, dry_run=dry_run, as_json=as_json)
        wanted = _Wanted(sheets, _origin(settings, file, source, as_of, confidence), spools, remove_missing)
        with seldom_collected():
            if _take_in(settings, database, wanted, file, report, dry_run=dry_run):
                ensure_broker_users(settings, database)
        report.show()
    if report.errors:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be imported, and how."""

    sheets: "Sequence[Sheet]"
    origin: "Origin"
    spools: "Spools"
    remove_missing: bool


def _take_in(
    settings: "Settings", database: "Database", wanted: _Wanted, file: Path, report: "Report", *, dry_run: bool
) -> bool:
    """Plan it, and unless something is wrong or it is a dry run carry it out; whether anything was written."""
    from linli.db.registryimport import Doing, Plan, carry_out, plan, take_in

    doing = Doing(database, database, operator())

    def make() -> Plan:
        wanted.spools.close()
        made = plan(
            doing,
            wanted.sheets,
            wanted.origin,
            wanted.spools.new,
            report.reading,
            report.preparing,
            remove_missing=wanted.remove_missing,
        )
        report.take(made)
        return made

    def carry(made: Plan) -> int:
        return carry_out(doing, made, file.name, settings.clock().now(), report.writing)

    if dry_run:
        make()
        return False
    _, items = take_in(make, carry, report.again)
    return items > 0


def _origin(settings: "Settings", file: Path, source: str | None, as_of: str | None, confidence: float) -> "Origin":
    from linli.registry.changes import Origin

    now = settings.clock().now()
    name = (source or file.resolve().stem)[:MOST_SOURCE]
    return Origin(_time_of(file, now) if as_of is None else _day_of(as_of, now), actor(), name, confidence)


def actor() -> str:
    """Who runs Linli's machine, as the history and the audit log name them."""
    return operator().actor


def _time_of(file: Path, now: int) -> int:
    """When the file was last changed: what it says cannot be newer, and importing it again is not news."""
    if not file.exists():
        return now
    parts = [*file.glob("*.csv")] if file.is_dir() else [file]
    return min(now, max((int(part.stat().st_mtime_ns // 1000) for part in parts), default=now))


def _day_of(text: str, now: int) -> int:
    from linli.registry.tables.cells import localised, value_of
    from linli.registry.tables.faults import BadCell
    from linli.registry.tables.listed import TABLES

    try:
        value = value_of(text, TABLES["consent"].column("at"))
    except BadCell as bad:
        raise _refused("bad_day", bad.text) from None
    found = value if isinstance(value, int) else localised(str(value), "Asia/Shanghai")
    if found > now:
        raise _refused("bad_day", Text(f"{text} 还没有到", f"{text} is yet to come"))
    return found


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_t(".xlsx、.zip 或文件夹", ".xlsx, .zip or a folder"))],
    community: Annotated[
        list[str] | None,
        typer.Option(
            "--community",
            help=_t("只导出该小区（标识），可重复", "this compound only (its id); repeat for more"),
            show_default=False,
        ),
    ] = None,
    committee: Annotated[
        list[str] | None,
        typer.Option(
            "--committee",
            help=_t(
                "只导出该村居（标识）的小区，可重复", "the compounds of this committee only (its id); repeat for more"
            ),
            show_default=False,
        ),
    ] = None,
    persons: Annotated[
        bool,
        typer.Option(
            "--persons",
            help=_t(
                "含住户与居民；须写明 --purpose，记入审计日志",
                "with households and residents; takes --purpose, and is written into the audit log",
            ),
        ),
    ] = False,
    purpose: Annotated[
        str,
        typer.Option(
            "--purpose",
            help=_t("目的，见 docs/registry-import.zh-CN.md", "what for; see docs/registry-import.md"),
            show_default=False,
        ),
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help=_t("说明", "in your words"), show_default=False)] = "",
    language: _Language = None,
    data: Annotated[Path | None, _DATA] = None,
) -> None:
    """Everything, or a scope, of one moment; the file is replaced as a whole."""
    from linli.adapters.tables.writers import written
    from linli.db.registrytables import read_names, table_rows
    from linli.registry.tables.listed import TABLES

    with existing(data) as (settings, database):
        words = _check_language(language or settings.language)
        tables = [one for one in TABLES.values() if persons or not one.personal]
        with database.read() as connection:
            scope = _scope(connection, community, committee)
        _log_export(settings, database, scope, persons=persons, purpose=purpose, reason=reason)
        rows = 0
        with database.read() as connection, written(file, words) as out:
            names = read_names(connection, words)
            for one in tables:
                out.begin(one, [column.heading.of(words) for column in one.columns])
                for row in table_rows(connection, one.kind, names, scope):
                    out.row(row)
                    rows += 1
        said = Text(f"已导出 {rows:,} 行到 {file}", f"exported {rows:,} rows to {file}")
        typer.echo(said.of(settings.language))


def _check_language(language: str) -> str:
    if language not in ("zh", "en"):
        raise _refused("bad_language", Text("语言为 zh 或 en", "the language is zh or en"))
    return language


def _scope(
    connection: "Connection", communities: list[str] | None, committees: list[str] | None
) -> Collection[str] | None:
    """The ids of the compounds to export; None for all."""
    from linli.db.registrytables import read_names

    if not communities and not committees:
        return None
    above = read_names(connection, "en").above
    for wanted, known in (
        (communities or [], set(above)),
        (committees or [], {of[1] for of in above.values()}),
    ):
        for one in wanted:
            if one not in known:
                raise _refused(
                    "not_there", Text(f"没有 {one}，或其中没有小区", f"there is no {one}, or no compound in it")
                )
    return {*(communities or []), *(key for key, of in above.items() if of[1] in (committees or []))}


def _log_export(
    settings: "Settings",
    database: "Database",
    scope: Collection[str] | None,
    *,
    persons: bool,
    purpose: str,
    reason: str,
) -> None:
    """What goes out is written down before it does."""
    from linli.audit import Act
    from linli.auditwords import PURPOSES
    from linli.db.audit import append

    if persons and purpose not in PURPOSES:
        listed = ", ".join(PURPOSES)
        raise _refused(
            "no_purpose",
            Text(
                f"导出居民须写明目的：--purpose {listed}",
                f"say what residents are exported for: --purpose, one of {listed}",
            ),
        )
    if purpose == "other" and not reason.strip():
        raise _refused("no_reason", Text("目的为 other 时须写 --reason", "the purpose other takes a --reason"))
    named = tuple(sorted(scope or ()))[:1000]
    act = Act(
        "registry.exported",
        operator(),
        "community" if named else "record",
        named,
        purpose=purpose if persons else "",
        reason=reason,
        facts={"persons": persons, "compounds": len(scope) if scope is not None else None},
    )
    with database.write() as connection:
        append(connection, act, settings.clock().now())


def write_template(
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help=_t("要写的文件", "the file to write"))],
    language: _Language = None,
) -> None:
    """Nothing is read, and nothing registered."""
    from linli.adapters.tables.writers import template
    from linli.i18n import shell_language

    if file.suffix.lower() != ".xlsx":
        raise _refused("unknown_file", Text("文件名须以 .xlsx 结尾", "the name of the file has to end in .xlsx"))
    template(file, _check_language(language or str(shell_language())))
    typer.echo(_t(f"已写好 {file}", f"{file} is written"))
