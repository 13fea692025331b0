"""`linli rules replay`: a kept journal through today's rules, and what would differ. Only reads, beside whatever runs."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from linli.clock import format_time, local_time
from linli.errors import DataFolderError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.settings import Settings
    from rules.durable.journal import Journal
    from rules.engine.inputs import RulesIn
    from rules.trial.log import Entry
    from rules.trial.replay import Run, Told

    Written = tuple[list[Entry], list[Entry]]


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "让保存的日志再过一遍今天的（或给定的）规则，列出与当时不同的变化；只读，Linli 运行时也可用。有不同则退出状态为 1。",
    "Run the kept journal through today's rules, or given ones, and list what would differ from what happened. Only reads, also "
    "while Linli runs; exit status 1 if anything differs.",
)
_SHOWN = 50
_SIDES = ("written_and_not_told_again", "told_again_and_not_written")
_TRIES = 3
"""Linli may put a new snapshot in the place of what is being read; then it is read anew."""

Folder = Annotated[
    Path | None, typer.Option("--rules", help=_t("规则目录；不写则按设置", "folder of rules; none: as set"))
]
Data = Annotated[Path | None, typer.Option(help=_t("数据目录（设置 data）", "data folder (setting data)"))]
Every = Annotated[
    bool, typer.Option("--all", help=_t(f"列出全部，不止 {_SHOWN} 条", f"all of it, not only {_SHOWN} lines"))
]
AsJson = Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "write JSON"))]


def replay(rules: Folder = None, data: Data = None, every: Every = False, as_json: AsJson = False) -> None:
    """DataFolderError where there is no journal, or a damaged one; ConfigError for a fault in the rules."""
    from linli.cli.rulebook.standing import journals
    from linli.settings import load_settings

    settings = load_settings(data=data)
    given = _given(settings, rules)
    folders = journals(settings)
    if not folders:
        raise DataFolderError(
            Text(
                f"{settings.data} 里没有规则日志：规则进程还没有在这里运行过，或用 --data 指定目录",
                f"there is no rules journal in {settings.data}: the rules process has not run here yet, or name the folder with --data",
            )
        )
    told = {folder: _told(folder, given) for folder in folders}
    written = {folder: _unlike(settings, each) for folder, each in told.items()}
    if as_json:
        documents = [_document(folder, each, written[folder]) for folder, each in told.items()]
        typer.echo(json.dumps(documents, ensure_ascii=False, indent=2))
    else:
        for folder, each in told.items():
            _show(settings, folder, each, every=every)
            _show_written(settings, written[folder])
    if any(each.gone or each.new or any(written[folder] or ()) for folder, each in told.items()):
        raise typer.Exit(1)


def _unlike(settings: "Settings", told: "Told") -> "Written | None":
    """What the database has otherwise than this Linli tells it again; None if the database cannot be asked."""
    from sqlalchemy.exc import SQLAlchemyError

    from linli.cli.existing import open_existing
    from linli.cli.rulebook.written import unlike

    try:
        with closing(open_existing(settings)) as database:
            return unlike(database, told)
    except (DataFolderError, SQLAlchemyError):
        return None


def _given(settings: "Settings", rules: Path | None) -> "RulesIn":
    """The rules as the rules process would read them now."""
    from rules.engine.inputs import RulesIn
    from rules.language.load import load_book
    from rules.platform import dressed

    book = load_book(rules or settings.rules, settings.rules_overrides)
    real = settings.clock_origin is None
    return dressed(RulesIn(book.rules, book.overrides), settings.store_down_s, gateways=real)


def _told(folder: Path, given: "RulesIn") -> "Told":
    from rules.durable.journal import Journal
    from rules.durable.replay import restored
    from rules.trial.replay import replay as run_through

    for attempt in range(_TRIES):
        journal = Journal(folder, read_only=True)
        try:
            then, position, _ = restored(journal)
            now, again, _ = restored(journal)
            if position == again:
                return run_through(then, now, given, _runs(journal, position))
        except DataFolderError:
            if attempt == _TRIES - 1:
                raise
        finally:
            journal.close()
    raise DataFolderError(
        Text(f"{folder} 一直在变，请再运行一次", f"{folder} keeps changing while it is read; run this again")
    )


def _runs(journal: "Journal", position: int) -> "Iterator[Run]":
    from rules.durable.replay import batches
    from rules.trial.replay import Run

    failed = set(journal.skipped(position))
    for first, entries in batches(journal, position, failed):
        yield Run(entries, failed=first in failed)


# --- for people -----------------------------------------------------------------------------------------------------


def _show(settings: "Settings", folder: Path, told: "Told", *, every: bool) -> None:
    zone = ZoneInfo(settings.timezone)
    first, last = (_when(time, zone) for time in (told.first, told.last))
    typer.echo(
        _t(
            f"{folder}：{told.inputs} 条输入，{first} 至 {last}，当时有 {len(told.then)} 次变化",
            f"{folder}: {told.inputs} inputs, {first} to {last}, {len(told.then)} changes then",
        )
    )
    gone, new = told.gone, told.new
    if not told.inputs:
        typer.echo(
            _t(
                "快照之后没有收到过任何输入（正常停止时会留下快照）",
                "nothing has come in since the snapshot (one is taken when the rules process is stopped)",
            )
        )
    elif not gone and not new:
        typer.echo(_t("没有不同", "nothing differs"))
    if not gone and not new:
        return
    lines = sorted([(entry.at, "-", entry) for entry in gone] + [(entry.at, "+", entry) for entry in new], key=_order)
    for _, sign, entry in lines if every else lines[:_SHOWN]:
        typer.echo(f"{sign} {_line(entry, zone)}")
    if not every and len(lines) > _SHOWN:
        typer.echo(_t(f"还有 {len(lines) - _SHOWN} 条：--all", f"{len(lines) - _SHOWN} more: --all"))
    typer.echo(
        _t(
            f"{len(gone)} 次不会再有（-），{len(new)} 次会新出现（+），{len(told.then) - len(gone)} 次相同",
            f"{len(gone)} would not have been (-), {len(new)} would have been (+), {len(told.then) - len(gone)} are the same",
        )
    )


def _show_written(settings: "Settings", written: "Written | None") -> None:
    zone = ZoneInfo(settings.timezone)
    if written is None:
        typer.echo(
            _t(
                "数据库读不了，没有与其中的记录核对",
                "the database cannot be read: not compared with what is written there",
            )
        )
        return
    for sign, entries in zip(("w", "a"), written, strict=True):
        for entry in entries[:_SHOWN]:
            typer.echo(f"{sign} {_line(entry, zone)}")
    missing, more = map(len, written)
    if missing or more:
        typer.echo(
            _t(
                f"用当时的规则，数据库里有 {missing} 次变化这一版不再得出（w），这一版另得出 {more} 次（a）：程序变了",
                f"with the rules as they were, {missing} changes are in the database that this version does not tell again (w), and "
                f"it tells {more} that are not there (a): the program has changed",
            )
        )


def _order(line: "tuple[int, str, Entry]") -> tuple[int, bool]:
    return line[0], line[1] == "+"


def _line(entry: "Entry", zone: ZoneInfo) -> str:
    severity = entry.severity.value if entry.severity else ""
    by = f"  by {entry.by}" if entry.by else ""
    return f"{_when(entry.at, zone)}  {entry.kind} {entry.rule}: {entry.subject}  {severity}{by}  {entry.sentence}"


def _when(time: int | None, zone: ZoneInfo) -> str:
    return "-" if time is None else local_time(time, zone).strftime("%m-%d %H:%M:%S")


# --- for programs ---------------------------------------------------------------------------------------------------


def _document(folder: Path, told: "Told", written: "Written | None") -> dict[str, Any]:
    unlike = (
        None
        if written is None
        else {key: [_entry(each) for each in side] for key, side in zip(_SIDES, written, strict=True)}
    )
    return {
        "journal": str(folder),
        "inputs": told.inputs,
        "first": None if told.first is None else format_time(told.first),
        "last": None if told.last is None else format_time(told.last),
        "changes_then": len(told.then),
        "changes_now": len(told.now),
        "gone": [_entry(entry) for entry in told.gone],
        "new": [_entry(entry) for entry in told.new],
        "database": unlike,
    }


def _entry(entry: "Entry") -> dict[str, Any]:
    return {
        "at": format_time(entry.at),
        "kind": entry.kind,
        "rule": entry.rule,
        "subject": entry.subject,
        "severity": entry.severity.value if entry.severity else None,
        "by": entry.by,
        "sentence": {"zh": entry.sentence.zh, "en": entry.sentence.en},
    }
