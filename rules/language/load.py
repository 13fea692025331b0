"""Rule files read and checked: what `linli rules check` says, and what the engine may rely on.

A folder holds one rule in each `*.yaml`, under any name, and in its folder `overrides` what holds only somewhere. Every
fault is a ConfigError with file, line, what is wrong and, where something known is near, what was probably meant.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from linli.errors import ConfigError
from linli.i18n import Text
from linli.misfits import Misfit, convert
from linli.yamlfile import Source, open_source
from rules.language.check import faults_of
from rules.language.faults import Fault, blame
from rules.language.filekinds import Written, require
from rules.language.model import Override, Rule, Where
from rules.language.overrides import check_override

CATALOGUE = Path(__file__).parent.parent / "catalogue"
OVERRIDES = "overrides"


class Origin(NamedTuple):
    """Where an override is written."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Origins = Mapping[tuple[str, Where], Origin]
"""By the rule and where it holds."""


class RuleBook(NamedTuple):
    """All that people have written: the rules in order of id, what overrides them somewhere, and where that is written."""

    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...] = ()
    origins: Origins = MappingProxyType({})


class Survey(NamedTuple):
    """What is in the files: `book` has all that is sound, `faults` what is wrong with the rest, file by file."""

    book: RuleBook
    faults: tuple[ConfigError, ...]


def load_book(folder: Path | None = None, overrides: Path | None = None) -> RuleBook:
    """The rules of a folder with the overrides of its own `overrides/` and of the folder `overrides` (setting rules_overrides).

    None: the catalogue that comes with Linli, no further overrides. ConfigError for the first fault.
    """
    found = survey(folder, overrides)
    if found.faults:
        raise found.faults[0]
    return found.book


def load_rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """The rules in a folder (None: the catalogue that comes with Linli), in order of id. ConfigError for the first fault."""
    rules, wrong = _rules(CATALOGUE if folder is None else folder)
    if wrong:
        raise wrong[0]
    return rules


def survey(folder: Path | None = None, overrides: Path | None = None) -> Survey:
    """As `load_book`, but with all that is wrong. An override of a rule that is not there is passed over where a rule could not be
    read: that may be the one."""
    rules, wrong = _rules(CATALOGUE if folder is None else folder)
    own = (CATALOGUE if folder is None else folder) / OVERRIDES
    if overrides is not None and not overrides.is_dir():
        wrong.append(ConfigError(Text("覆盖目录不存在", "there is no such folder of overrides"), file=overrides))
    folders = [place for place in (own, overrides) if place is not None and place.is_dir()]
    found = read_overrides([file for place in folders for file in yaml_files(place)], rules, incomplete=bool(wrong))
    return Survey(RuleBook(rules, found.book.overrides, found.book.origins), (*wrong, *found.faults))


def yaml_files(folder: Path) -> list[Path]:
    """Those right in the folder, by name."""
    return sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))


# --- rules ----------------------------------------------------------------------------------------------------------


def load_rule(file: Path) -> tuple[Rule, Source]:
    """The rule of one file, checked, with its Source for later faults. ConfigError for the first fault."""
    rule, source = _read(file)
    for fault in faults_of(rule):
        raise source.fault(fault.text, *fault.path)
    return rule, source


def survey_rule(file: Path) -> Survey:
    """As `load_rule`, but with all that is wrong, as far as the file can be read."""
    try:
        rule, source = _read(file)
    except ConfigError as error:
        return Survey(RuleBook(()), (error,))
    wrong = tuple(source.fault(fault.text, *fault.path) for fault in faults_of(rule))
    return Survey(RuleBook(() if wrong else (rule,)), wrong)


def _read(file: Path) -> tuple[Rule, Source]:
    source = open_source(file)
    require(source, Written.RULE)
    return source.convert(Rule), source


def _rules(folder: Path) -> tuple[tuple[Rule, ...], list[ConfigError]]:
    if not folder.is_dir():
        return (), [ConfigError(Text("规则目录不存在", "there is no such folder of rules"), file=folder)]
    files: dict[str, Path] = {}
    rules: list[Rule] = []
    wrong: list[ConfigError] = []
    for file in yaml_files(folder):
        found = survey_rule(file)
        wrong += found.faults
        for rule in found.book.rules:
            if rule.id in files:
                wrong.append(_taken(rule, file, files[rule.id]))
                continue
            files[rule.id] = file
            rules.append(rule)
    if not rules and not wrong:
        wrong.append(ConfigError(Text("目录中没有 *.yaml 规则文件", "the folder has no rule file *.yaml"), file=folder))
    return tuple(sorted(rules, key=lambda rule: rule.id)), wrong


def _taken(rule: Rule, file: Path, other: Path) -> ConfigError:
    said = Text(
        f"规则 {rule.id} 已在 {other.name} 中定义，请换一个 id",
        f"the rule {rule.id} is already in {other.name}; give this one another id",
    )
    return open_source(file).fault(said, "id")


# --- overrides ------------------------------------------------------------------------------------------------------


def read_overrides(files: Sequence[Path], rules: Iterable[Rule], *, incomplete: bool = False) -> Survey:
    """All overrides of the files, each checked by itself. `incomplete`: there are more rules than these."""
    known = {rule.id: rule for rule in rules}
    origins: dict[tuple[str, Where], Origin] = {}
    overrides: list[Override] = []
    wrong: list[ConfigError] = []
    for file in files:
        try:
            source = open_source(file)
            require(source, Written.OVERRIDES)
            items = _listed(source)
        except ConfigError as error:
            wrong.append(error)
            continue
        for number, item in enumerate(items):
            try:
                override = _entry(item, known, origins, incomplete)
            except (Misfit, Fault) as fault:
                wrong.append(source.fault(fault.text, number, *fault.path))
                continue
            if override is not None:
                origins[override.rule, override.where] = Origin(file, source.line(number))
                overrides.append(override)
    ordered = sorted(overrides, key=lambda override: (override.rule, msgspec.json.encode(override.where)))
    return Survey(RuleBook((), tuple(ordered), origins), tuple(wrong))


def _listed(source: Source) -> list[object]:
    if isinstance(source.value, list):
        return source.value
    raise source.fault(
        Text("覆盖文件是一个列表，每条以“- rule:”开头", "a file of overrides is a list; each begins with '- rule:'")
    )


def _entry(item: object, known: Mapping[str, Rule], origins: Origins, incomplete: bool) -> Override | None:
    """One override, sound by itself; None where its rule may be one that could not be read. Misfit or Fault for what is wrong."""
    override = convert(item, Override)
    if incomplete and override.rule not in known:
        return None
    check_override(override, known)
    before = origins.get((override.rule, override.where))
    if before is not None:
        name = before.file.name
        zh = f"{name} 里已有此处对 {override.rule} 的覆盖，请合成一条"
        blame(zh, f"{name} has an override of {override.rule} there already; make them one", ())
    return override
