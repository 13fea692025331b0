"""`linli rules list`: the rules that there are. And the installation that other commands about rules look at."""

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from linli.cli.columns import print_columns
from linli.errors import ConfigError, DataFolderError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.registry import RegistrySnapshot
    from linli.settings import Settings
    from rules.language.load import RuleBook
    from rules.language.model import Rule


def _t(zh: str, en: str) -> str:
    return str(Text(zh, en))


HELP = _t(
    "列出规则：级别、组成、来源、适用的设备数。",
    "List the rules: severity, parts, source, how many devices each watches.",
)
Folder = Annotated[
    Path | None,
    typer.Option("--rules", help=_t("规则目录；不写则按设置", "folder of rules; none: as set")),
]
Data = Annotated[Path | None, typer.Option(help=_t("数据目录（设置 data）", "data folder (setting data)"))]
AsJson = Annotated[bool, typer.Option("--json", help=_t("输出 JSON", "write JSON"))]


def list_rules(rules: Folder = None, data: Data = None, as_json: AsJson = False) -> None:
    """One line for each rule; ConfigError for a fault in the files."""
    from api.words import SEVERITIES
    from rules.trial.reach import parts, variants

    _, book, registry = installation(rules, data)
    counts = {
        rule.id: None if registry is None else sum(1 for _ in variants(rule, book.overrides, registry))
        for rule in book.rules
    }
    if as_json:
        told = [summary(rule, parts(rule), counts[rule.id]) for rule in book.rules]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    tell_remarks(book, registry)
    heads = (
        "ID",
        _t("级别", "SEVERITY"),
        _t("设备", "DEVICES"),
        _t("组成", "PARTS"),
        _t("标题", "TITLE"),
        _t("来源", "SOURCE"),
    )
    rows = [
        (
            rule.id,
            str(SEVERITIES[rule.severity]),
            "-" if counts[rule.id] is None else str(counts[rule.id]),
            " ".join(parts(rule)),
            str(rule.title.text),
            str(rule.source_text),
        )
        for rule in book.rules
    ]
    print_columns(heads, rows)


def tell_remarks(book: "RuleBook", registry: "RegistrySnapshot | None", rule: str | None = None) -> None:
    """Name the overrides (of one rule, if it is named) that do nothing here, on standard error."""
    from rules.language.remarks import remarks

    for remark in () if registry is None else remarks(book, registry, rule):
        typer.echo(str(remark), err=True)


def summary(rule: "Rule", parts: tuple[str, ...], devices: int | None) -> dict[str, Any]:
    """What every listing says of a rule, as JSON."""
    return {
        "id": rule.id,
        "title": {"zh": rule.title.zh, "en": rule.title.en},
        "severity": rule.severity.value,
        "parts": list(parts),
        "source": {"zh": rule.source_text.zh, "en": rule.source_text.en},
        "devices": devices,
    }


def installation(rules: Path | None, data: Path | None) -> "tuple[Settings, RuleBook, RegistrySnapshot | None]":
    """The settings, the rules in force, and the registry: None where there is no installation, or its database fails, unless
    `data` names it (then DataFolderError). ConfigError for a fault in the files."""
    from sqlalchemy.exc import SQLAlchemyError

    from linli.settings import load_settings
    from rules.language.load import CATALOGUE, load_book

    settings = load_settings(data=data)
    try:
        book = load_book(rules or settings.rules or CATALOGUE, settings.rules_overrides)
    except ConfigError as error:
        if rules is not None:
            raise
        raise _with_note(error) from None
    if data is None:
        return settings, book, registry_or_none(settings)
    try:
        return settings, book, _registry(settings)
    except SQLAlchemyError as error:
        raise DataFolderError(Text(f"数据库不能使用：{error}", f"the database cannot be used: {error}")) from None


def registry_or_none(settings: "Settings") -> "RegistrySnapshot | None":
    """The registry of the installation; None where there is none, or its database fails."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return _registry(settings)
    except (DataFolderError, SQLAlchemyError):
        return None


def _with_note(error: ConfigError) -> ConfigError:
    """The fault in the rules that are set, with what it does to a Linli that runs."""
    note = Text(
        "\n改正之前，运行中的 Linli 仍按原来的规则告警。",
        "\nUntil that is mended, a Linli that runs goes by the rules as before.",
    )
    return ConfigError(Text(error.reason.zh + note.zh, error.reason.en + note.en), file=error.file, line=error.line)


def _registry(settings: "Settings") -> "RegistrySnapshot":
    from linli.cli.existing import open_existing
    from linli.db.registry import SqlRegistry

    with closing(open_existing(settings)) as database:
        registry = SqlRegistry(database)
        registry.refresh()
        return registry.snapshot
