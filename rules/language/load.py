"""Rule files read and checked: what `linli rules check` says, and what the engine may rely on.

A folder holds one rule in each `*.yaml`, under any name. Every fault is a ConfigError with file, line, what is wrong and,
where something known is near, what was probably meant.
"""

import difflib
import string
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

from linli.errors import ConfigError, Refused
from linli.i18n import Text
from linli.ids import check_type, is_id
from linli.vocabulary import DEVICE_KINDS, EVENT_TYPES, FACILITY_KINDS, QUANTITIES
from linli.yamlfile import Source, load
from rules.language.model import (
    SENTENCE_FIELDS,
    Clause,
    EventClause,
    Happening,
    Match,
    MissingClause,
    ReadingClause,
    Rule,
    StateClause,
    Words,
    clock_time,
    duration,
)

CATALOGUE = Path(__file__).parent.parent / "catalogue"
SUBJECTS = ("device", "place")
MAX_REPEATED = 1000

Steps = tuple[str | int, ...]


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
    _Checker(source, rule).check()
    return rule, source


class _Checker:
    """What types alone cannot say of one rule file."""

    def __init__(self, source: Source, rule: Rule) -> None:
        self._source = source
        self._rule = rule

    def check(self) -> None:
        """ConfigError for the first fault."""
        rule = self._rule
        if not is_id(rule.id):
            self._fault(
                Text(f"id“{rule.id}”只能用小写字母、数字、- 和 _", f"id {rule.id!r} may hold a-z, 0-9, - and _ only"),
                "id",
            )
        self._words()
        self._one_of(rule.subject, SUBJECTS, "subject")
        self._not_empty(rule.route, "route")
        if not rule.source.strip():
            self._fault(
                Text("source 不能为空：写明依据，或 [P] 表示建议", "source is empty: name it, or [P]"), "source"
            )
        self._scope()
        if rule.life_safety and not rule.latched:
            self._fault(
                Text("生命安全规则必须锁存：加上 latched: true", "a life-safety rule latches: add latched: true"),
                "life_safety",
            )
        if rule.confirm is not None:
            self._duration(rule.confirm.within, "confirm", "within")
            if rule.subject != "place":
                self._fault(
                    Text("confirm 需要 subject: place", "confirm needs subject: place (two devices, one alert)"),
                    "confirm",
                )
        self._not_empty(rule.when, "when")
        for number, clause in enumerate(rule.when):
            self._clause(clause, ("when", number))

    # --- texts and scope --------------------------------------------------------------------------------------------

    def _words(self) -> None:
        for name in ("title", "sentence", "advice"):
            words: Words = getattr(self._rule, name)
            for language in ("zh", "en"):
                text: str = getattr(words, language)
                if not text.strip():
                    self._fault(Text(f"{name}.{language} 不能为空", f"{name}.{language} is empty"), name, language)
        for language in ("zh", "en"):
            self._template(getattr(self._rule.sentence, language), "sentence", language)

    def _template(self, template: str, *path: str | int) -> None:
        try:
            parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
        except ValueError as error:
            self._fault(Text(f"花括号不成对：{error}", f"the braces do not pair: {error}"), *path)
        for _, field, form, conversion in parts:
            self._one_of(field or "{}", sorted(SENTENCE_FIELDS), *path)
            if form or conversion:
                self._fault(Text(f"{{{field}}} 里不能再写格式", f"{{{field}}} takes no format"), *path)

    def _scope(self) -> None:
        wanted = self._rule.applies_to
        self._not_empty(wanted.device_kinds, "applies_to", "device_kinds")
        for number, kind in enumerate(wanted.device_kinds):
            self._known(kind, DEVICE_KINDS, "applies_to", "device_kinds", number)
        for number, kind in enumerate(wanted.facility_kinds):
            self._known(kind, FACILITY_KINDS, "applies_to", "facility_kinds", number)

    # --- clauses ----------------------------------------------------------------------------------------------------

    def _clause(self, clause: Clause, path: Steps) -> None:
        given = [name for name in ("event", "state", "reading", "missing") if getattr(clause, name) is not None]
        if len(given) != 1:
            said = " + ".join(given) or "-"
            self._fault(
                Text(
                    f"每个条件只能是 event、state、reading、missing 之一（现在是 {said}）",
                    f"a clause is exactly one of event, state, reading, missing (this one: {said})",
                ),
                *path,
            )
        part, path = clause.part, (*path, given[0])
        if isinstance(part, EventClause):
            self._happening(part, path)
            self._positive(part.quiet, *path, "quiet")
        elif isinstance(part, StateClause):
            self._state(part, path)
        elif isinstance(part, ReadingClause):
            self._reading(part, path)
        elif isinstance(part, MissingClause):
            self._missing(part, path)

    def _state(self, part: StateClause, path: Steps) -> None:
        self._happening(part.begins, (*path, "begins"))
        self._not_empty(part.ends, *path, "ends")
        for number, end in enumerate(part.ends):
            self._match(end, (*path, "ends", number))
        self._duration(part.hold, *path, "for")
        self._duration(part.keep, *path, "keep")

    def _happening(self, part: Happening, path: Steps) -> None:
        self._match(part, path)
        if part.unless is not None:
            self._match(part.unless, (*path, "unless"))
            self._positive(part.unless.within, *path, "unless", "within")
        if part.repeated is not None:
            self._positive(part.repeated.within, *path, "repeated", "within")
            if not 2 <= part.repeated.times <= MAX_REPEATED:
                self._fault(
                    Text(f"times 应在 2 到 {MAX_REPEATED} 之间", f"times lies between 2 and {MAX_REPEATED}"),
                    *path,
                    "repeated",
                    "times",
                )
        if part.during is not None:
            for key, text in (("from", part.during.start), ("to", part.during.end)):
                self._parsed(
                    clock_time,
                    text,
                    Text("不是时刻，例如 23:00", "is no time of day such as 23:00"),
                    *path,
                    "during",
                    key,
                )
            if part.during.start == part.during.end:
                self._fault(Text("from 与 to 相同", "from and to are the same"), *path, "during")

    def _match(self, part: Match, path: Steps) -> None:
        self._not_empty(part.types, *path, "types")
        self._types(part.types, (*path, "types"))
        for name, value in part.where.items():
            if isinstance(value, list | dict):
                self._fault(
                    Text(f"where 的“{name}”应是单个值", f"where {name!r} is not a single value"), *path, "where", name
                )

    def _types(self, types: tuple[str, ...], path: Steps) -> None:
        for number, kind in enumerate(types):
            if kind not in self._rule.declares:
                self._known(kind, EVENT_TYPES, *path, number)
                continue
            try:
                check_type(kind)
            except Refused as error:
                self._fault(Text(error.detail, error.detail), *path, number)

    def _missing(self, part: MissingClause, path: Steps) -> None:
        self._types(part.types, (*path, "types"))
        self._positive(part.hold, *path, "for")

    def _reading(self, part: ReadingClause, path: Steps) -> None:
        if part.quantity not in self._rule.declares:
            self._known(part.quantity, QUANTITIES, *path, "quantity")
        limits = [name for name in ("above", "at_least", "below", "at_most") if getattr(part, name) is not None]
        if len(limits) != 1:
            self._fault(
                Text(
                    "reading 需要且只能有 above、at_least、below、at_most 之一",
                    "a reading has exactly one of above, at_least, below, at_most",
                ),
                *path,
            )
        self._duration(part.hold, *path, "for")
        self._duration(part.keep, *path, "keep")
        self._reset(part, limits[0] in ("above", "at_least"), path)
        unit = QUANTITIES[part.quantity].unit if part.quantity in QUANTITIES else part.unit
        if part.unit is not None and part.unit != unit:
            self._fault(
                Text(f"{part.quantity} 的单位是 {unit}", f"{part.quantity} is measured in {unit}"), *path, "unit"
            )

    def _reset(self, part: ReadingClause, upwards: bool, path: Steps) -> None:
        wrong, right = ("reset_above", "reset_below") if upwards else ("reset_below", "reset_above")
        if getattr(part, wrong) is not None:
            self._fault(
                Text(f"此阈值要用 {right}，不是 {wrong}", f"this limit wants {right}, not {wrong}"), *path, wrong
            )
        reset: float | None = getattr(part, right)
        if reset is None:
            return
        if (reset > part.threshold) if upwards else (reset < part.threshold):
            self._fault(
                Text(
                    f"{right} {reset:g} 在阈值 {part.threshold:g} 的另一侧，报警永远不会解除或会立刻解除",
                    f"{right} {reset:g} is on the wrong side of the limit {part.threshold:g}",
                ),
                *path,
                right,
            )

    # --- faults -----------------------------------------------------------------------------------------------------

    def _duration(self, text: str, *path: str | int) -> None:
        self._parsed(
            duration, text, Text("不是时长，例如 30s、5m、24h", "is no duration such as 30s, 5m or 24h"), *path
        )

    def _positive(self, text: str, *path: str | int) -> None:
        self._duration(text, *path)
        if duration(text) == 0:
            self._fault(Text("不能为零", "must be more than zero"), *path)

    def _parsed(self, parse: Callable[[str], int], text: str, said: Text, *path: str | int) -> None:
        try:
            parse(text)
        except ValueError:
            self._fault(Text(f"“{text}”{said.zh}", f"{text!r} {said.en}"), *path)

    def _not_empty(self, items: Collection[object], *path: str | int) -> None:
        if not items:
            self._fault(Text(f"{path[-1]} 不能为空", f"{path[-1]} is empty"), *path)

    def _known(self, word: str, words: Collection[str], *path: str | int) -> None:
        """Like `_one_of`, for words that `declares` may add to."""
        if word not in self._rule.declares:
            self._one_of(word, words, *path, declare=True)

    def _one_of(self, word: str, words: Collection[str], *path: str | int, declare: bool = False) -> None:
        if word in words:
            return
        near = difflib.get_close_matches(word, list(words), 1)
        zh = f"不认识“{word}”"
        en = f"{word!r} is not known"
        if near:
            zh, en = f"{zh}，是否想写“{near[0]}”？", f"{en}; did you mean {near[0]!r}?"
        elif not declare:
            zh, en = f"{zh}，可用：{'、'.join(words)}", f"{en}; one of {', '.join(words)}"
        if declare:
            zh += "（确有此名时写入 declares）"
            en += " (if it is right, list it under declares)"
        self._fault(Text(zh, en), *path)

    def _fault(self, text: Text, *path: str | int) -> NoReturn:
        raise self._source.fault(text, *path)
