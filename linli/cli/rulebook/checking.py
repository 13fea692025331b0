"""`linli rules check`: everything that is wrong in rule files, before Linli reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from linli.errors import ConfigError
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.settings import Settings
    from rules.language.load import RuleBook, Survey
    from rules.language.model import Rule


HELP = str(
    Text(
        "检查规则和覆盖：一个目录，或单个文件。有误则指出每处的文件、行和原因，退出状态为 2。",
        "Check rules and overrides: those of a folder, or one file. All faults are told with file, line and reason, and exit status 2.",
    )
)
Checked = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FOLDER|FILE]",
        help=str(
            Text(
                "规则目录或文件；不写则按设置 rules，未设置时为自带的规则",
                "folder of rules, or a file; none: that of the setting rules, or those that come with Linli",
            )
        ),
        show_default=False,
    ),
]


def check(path: Checked = None) -> None:
    """List the rules, all of them sound, and the overrides that do nothing here; ConfigError with all faults."""
    from linli.settings import load_settings
    from rules.language.load import CATALOGUE, survey, survey_rule, yaml_files

    settings = load_settings()
    place = path or settings.rules or CATALOGUE
    files = [place] if place.is_file() else yaml_files(place)
    if not place.exists():
        raise ConfigError(Text("没有这个目录或文件", "there is no such folder or file"), file=place)
    if files and all(_has_overrides(file) for file in files):
        book = _overrides(files, settings)
        said = _counted(0, len(book.overrides))
    else:
        book = _sound(survey_rule(place) if place.is_file() else survey(place, settings.rules_overrides))
        said = _counted(len(book.rules), len(book.overrides))
        _list(book.rules)
    for remark in _remarks(settings, book):
        typer.echo(str(remark))
    typer.echo(str(Text(f"{place}：{said.zh}，没有错误", f"{place}: {said.en}, no fault")))


def _has_overrides(file: Path) -> bool:
    from linli.yamlfile import open_source
    from rules.language.filekinds import Written, kind_of

    try:
        return kind_of(open_source(file)) is Written.OVERRIDES
    except ConfigError:  # told by who reads it for what it should be
        return False


def _overrides(files: "Sequence[Path]", settings: "Settings") -> "RuleBook":
    """The overrides of the files, with the rules that they are laid over: those beside whose folder they lie, or those set."""
    from rules.language.load import CATALOGUE, OVERRIDES, load_rules, read_overrides, yaml_files

    beside = files[0].resolve().parent
    its_own = beside.name == OVERRIDES and bool(yaml_files(beside.parent))
    rules = load_rules(beside.parent if its_own else settings.rules or CATALOGUE)
    return _sound(read_overrides(files, rules))._replace(rules=rules)


def _sound(found: "Survey") -> "RuleBook":
    """The book; ConfigError with all that is wrong."""
    faults = found.faults
    if not faults:
        return found.book
    if len(faults) == 1:
        raise faults[0]
    zh = "\n".join([*(fault.text.zh for fault in faults), f"共 {len(faults)} 处错误"])
    raise ConfigError(Text(zh, "\n".join([*(fault.text.en for fault in faults), f"{len(faults)} faults"])))


def _counted(rules: int, overrides: int) -> Text:
    zh = [f"{count} 条{word}" for count, word in ((rules, "规则"), (overrides, "覆盖")) if count]
    en = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((rules, "rule"), (overrides, "override"))
        if count
    ]
    return Text("，".join(zh), ", ".join(en))


def _list(rules: "Sequence[Rule]") -> None:
    from rich.cells import cell_len

    from api.words import SEVERITIES

    width = max((len(rule.id) for rule in rules), default=0)
    for rule in rules:
        severity = str(SEVERITIES[rule.severity])
        typer.echo(f"{rule.id:<{width}}  {severity}{' ' * (10 - cell_len(severity))}{rule.title.text}")


def _remarks(settings: "Settings", book: "RuleBook") -> list[Text]:
    """What does nothing in the installation, if there is one."""
    from linli.cli.rulebook.listing import registry_or_none
    from rules.language.remarks import remarks

    registry = registry_or_none(settings)
    return [] if registry is None else list(remarks(book, registry))
