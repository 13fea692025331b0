"""What types alone cannot say of a rule. `check` is what makes a Rule one that the engine may rely on. No I/O."""

import string
from collections.abc import Callable, Iterator
from functools import partial

from linli.i18n import Text
from linli.ids import is_id
from linli.model import Severity
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS
from rules.language.clauses import check_clause
from rules.language.faults import Fault, Path, blame, known, lasts, not_empty, one_of, positive
from rules.language.model import SENTENCE_FIELDS, AllClause, Clause, Many, ReadingClause, Rule, Words, duration

SUBJECTS = ("device", "place", "community")
MAX_SETTLE = "10m"

_OF_READINGS = ("value", "threshold", "quantity")
"""Fields of a sentence that only a reading has."""


def check(rule: Rule) -> None:
    """Fault for the first thing that is wrong with it."""
    for fault in faults_of(rule):
        raise fault


def faults_of(rule: Rule) -> Iterator[Fault]:
    """What is wrong with it: of each of its aspects and clauses the first thing."""
    looks: list[Callable[[], None]] = [partial(look, rule) for look in (_id, _texts, _about, _scope, _handling, _times)]
    looks += [partial(check_clause, rule, clause, ("when", number)) for number, clause in enumerate(rule.when)]
    sound = True
    for look in looks:
        try:
            look()
        except Fault as fault:
            sound = False
            yield fault
    if sound:
        yield from _unmeasured(rule)


def _id(rule: Rule) -> None:
    if not is_id(rule.id):
        blame(f"id“{rule.id}”只能用小写字母、数字、- 和 _", f"id {rule.id!r} may hold a-z, 0-9, - and _ only", ("id",))


def _about(rule: Rule) -> None:
    one_of(rule.subject, SUBJECTS, ("subject",))
    not_empty(rule.route, ("route",))
    if isinstance(rule.source, Words):
        _both(rule.source, ("source",))
    elif not rule.source.strip():
        blame("source 不能为空：写明依据，或 [P] 表示建议", "source is empty: name it, or [P]", ("source",))
    not_empty(rule.when, ("when",))


def _texts(rule: Rule) -> None:
    _both(rule.title, ("title",))
    _both(rule.sentence, ("sentence",))
    _both(rule.advice, ("advice",))
    for number, step in enumerate(rule.steps):
        _both(step, ("steps", number))
    for language in ("zh", "en"):
        _template(getattr(rule.sentence, language), ("sentence", language))


def _unmeasured(rule: Rule) -> Iterator[Fault]:
    """Fields of the sentence, which is sound by itself, that no clause ever fills."""
    if any(_reads(clause) for clause in rule.when):
        return
    for language in ("zh", "en"):
        named = {part[1] for part in string.Formatter().parse(getattr(rule.sentence, language))}
        for field in (field for field in _OF_READINGS if field in named):
            said = Text(
                f"没有条件看读数，{{{field}}} 永远没有内容；说明发生了什么用 {{event}}",
                f"no clause looks at a reading, so there is never a {{{field}}}; {{event}} says what happened",
            )
            yield Fault(said, ("sentence", language))


def _reads(clause: Clause) -> bool:
    part = clause.part
    return isinstance(part, ReadingClause) or (isinstance(part, AllClause) and any(map(_reads, part.of)))


def _both(words: Words, path: Path) -> None:
    for language in ("zh", "en"):
        if not getattr(words, language).strip():
            name = ".".join(map(str, (*path, language)))
            blame(f"{name} 不能为空", f"{name} is empty", (*path, language))


def _template(template: str, path: Path) -> None:
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        blame(f"花括号不成对：{error}", f"the braces do not pair: {error}", path)
    for _, field, form, conversion in parts:
        one_of(field or "{}", sorted(SENTENCE_FIELDS), path)
        if form or conversion:
            blame(f"{{{field}}} 里不能再写格式", f"{{{field}}} takes no format", path)


def _scope(rule: Rule) -> None:
    wanted = rule.applies_to
    not_empty(wanted.device_kinds, ("applies_to", "device_kinds"))
    for number, kind in enumerate(wanted.device_kinds):
        known(kind, DEVICE_KINDS, rule.declares, ("applies_to", "device_kinds", number))
    for number, kind in enumerate(wanted.facility_kinds):
        known(kind, FACILITY_KINDS, rule.declares, ("applies_to", "facility_kinds", number))


def _handling(rule: Rule) -> None:
    if rule.life_safety and not rule.latched:
        blame(
            "生命安全规则必须锁存：加上 latched: true",
            "a life-safety rule latches: add latched: true",
            ("life_safety",),
        )
    if rule.confirm is not None:
        lasts(rule.confirm.within, ("confirm", "within"))
        if rule.subject != "place":
            blame("confirm 需要 subject: place", "confirm needs subject: place (two devices, one alert)", ("confirm",))
    if rule.many is not None:
        _many(rule, rule.many)


def _many(rule: Rule, many: Many) -> None:
    if rule.subject == "device":
        blame(
            "many 需要 subject: place 或 community（一条告警，多台设备）",
            "many needs subject: place or community (one alert, several devices)",
            ("many",),
        )
    if many.devices < 2:
        blame("many 至少两台设备", "many is two devices or more", ("many", "devices"))
    if many.severity.rank > Severity(rule.severity).rank:
        blame(
            f"many 的级别不能比 {rule.severity} 轻",
            f"the severity of many is not to be milder than {rule.severity}",
            ("many", "severity"),
        )


def _times(rule: Rule) -> None:
    if lasts(rule.settle, ("settle",)) > duration(MAX_SETTLE):
        blame(
            f"settle 最长 {MAX_SETTLE}，告警会晚这么久",
            f"settle is {MAX_SETTLE} at most: alerts wait for it",
            ("settle",),
        )
    before = 0
    for number, text in enumerate(rule.remind):
        after = positive(text, ("remind", number))
        if after <= before:
            blame("remind 要从早到晚", "remind goes from early to late", ("remind", number))
        before = after
    if rule.remind_every is not None:
        positive(rule.remind_every, ("remind_every",))
