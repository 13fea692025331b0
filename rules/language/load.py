"""Rule files read and checked: what `linli rules check` says, and what the engine may rely on.

A folder holds one rule in each `*.yaml`, under any name, and in its folder `overrides` what holds only somewhere. Every
fault is a ConfigError with file, line, what is wrong and, where something known is near, what was probably meant.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from linli.errors import ConfigError
from linli.i18n import Text
from linli.yamlfile import Source, load
from rules.language.check import check
from rules.language.faults import Fault
from rules.language.model import Override, Rule, Where
from rules.language.overrides import Origin, Origins, load_overrides

CATALOGUE = Path(__file__).parent.parent / "catalogue"
OVERRIDES = "overrides"


class RuleBook(NamedTuple):
    """All that people have written: the rules in order of id, what overrides them somewhere, and where that is written."""

    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...] = ()
    origins: Mapping[tuple[str, Where], Origin] = MappingProxyType({})


def load_book(folder: Path | None = None, overrides: Path | None = None) -> RuleBook:
    """The rules of a folder with the overrides of its own `overrides/` and of the folder `overrides` (setting rules_overrides).

    None: the catalogue that comes with Linli, no further overrides. ConfigError for the first fault.
    """
    rules = load_rules(folder)
    own = (CATALOGUE if folder is None else folder) / OVERRIDES
    if overrides is not None and not overrides.is_dir():
        raise ConfigError(Text("覆盖目录不存在", "there is no such folder of overrides"), file=overrides)
    folders = [place for place in (own, overrides) if place is not None and place.is_dir()]
    origins: Origins = {}
    return RuleBook(rules, load_overrides(folders, rules, origins), origins)


def load_rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """The rules in a folder (None: the catalogue that comes with Linli), in order of id. ConfigError for the first fault."""
    folder = CATALOGUE if folder is None else folder
    if not folder.is_dir():
        raise ConfigError(Text("规则目录不存在", "there is no such folder of rules"), file=folder)
    files: dict[str, Path] = {}
    rules: list[Rule] = []
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        rule, source = load_rule(file)
        if rule.id in files:
            raise source.fault(
                Text(
                    f"规则 {rule.id} 已在 {files[rule.id].name} 中定义，请换一个 id",
                    f"the rule {rule.id} is already in {files[rule.id].name}; give this one another id",
                ),
                "id",
            )
        files[rule.id] = file
        rules.append(rule)
    if not rules:
        raise ConfigError(Text("目录中没有 *.yaml 规则文件", "the folder has no rule file *.yaml"), file=folder)
    return tuple(sorted(rules, key=lambda rule: rule.id))


def load_rule(file: Path) -> tuple[Rule, Source]:
    """The rule of one file, checked, with its Source for later faults. ConfigError for the first fault."""
    rule, source = load(file, Rule)
    try:
        check(rule)
    except Fault as fault:
        raise source.fault(fault.text, *fault.path) from None
    return rule, source
