"""What becomes of a rule's alerts once they are there, in words; its clauses are `rules.language.wording`'s. No I/O."""

from collections.abc import Iterator

from api.words import SEVERITIES
from linli.i18n import Text
from linli.vocabulary import route_name
from rules.language.amounts import spoken_text
from rules.language.model import Rule, duration

_MANY = Text("{n} 台设备同时如此，升为“{severity}”", "{n} devices at once make it “{severity}”")
_CONFIRM = Text(
    "{time}内第二台设备或第二个点位也报，即为已证实，须再次确认",
    "a second device or point within {time} confirms it, and it is to be acknowledged again",
)
_REMIND = Text("仍在持续时，产生后 {times}再次提醒", "while it goes on it is told again {times} after it opened")
_REMIND_EVERY = Text("仍在持续时，每 {time}再次提醒", "while it goes on it is told again every {time}")
_SETTLE = Text(
    "先等 {time}，以免数据到达的先后影响结果", "it waits {time} for what comes late, so that the order does not matter"
)
_LATCHED = Text("须人工关闭", "a person must close it")
_NOT_LATCHED = Text("确认且恢复后自动关闭", "it closes by itself once it is acknowledged and over")
_WORDED = {
    "title": Text("名称：{text}", "called: {text}"),
    "advice": Text("处置：{text}", "what to do: {text}"),
    "sentence": Text("说明：{text}", "sentence: {text}"),
}


def also_words(rule: Rule) -> Iterator[Text]:
    """One sentence each, without a full stop, for what the rule says of many devices, confirmation, reminders, stragglers."""
    if rule.many is not None:
        yield _MANY.format(n=rule.many.devices, severity=SEVERITIES[rule.many.severity])
    if rule.confirm is not None:
        yield _CONFIRM.format(time=spoken_text(rule.confirm.within))
    if rule.remind:
        times = [spoken_text(after) for after in rule.remind]
        listed = Text("、".join(time.zh for time in times), _and([time.en for time in times]))
        yield _REMIND.format(times=listed)
    if rule.remind_every is not None:
        yield _REMIND_EVERY.format(time=spoken_text(rule.remind_every))
    if duration(rule.settle):
        yield _SETTLE.format(time=spoken_text(rule.settle))


def different_words(rule: Rule, there: Rule) -> Iterator[Text]:
    """What else than its clauses is not the same in `there`, which is `rule` under overrides; one phrase each."""
    if there.severity is not rule.severity:
        yield Text("级别：{severity}", "severity: {severity}").format(severity=SEVERITIES[there.severity])
    if there.route != rule.route:
        names = [route_name(route) for route in there.route]
        listed = Text("、".join(name.zh for name in names), ", ".join(name.en for name in names))
        yield Text("通知：{names}", "for: {names}").format(names=listed)
    if there.latched is not rule.latched:
        yield _LATCHED if there.latched else _NOT_LATCHED
    before, now = list(also_words(rule)), list(also_words(there))
    yield from (said for said in now if said not in before)
    yield from (Text("不再有：{said}", "no more: {said}").format(said=said) for said in before if said not in now)
    for name, was, text in (
        ("title", rule.title, there.title),
        ("advice", rule.advice, there.advice),
        ("sentence", rule.sentence, there.sentence),
    ):
        if text != was:
            yield _WORDED[name].format(text=text.text)
    if there.steps != rule.steps:
        steps = Text("；".join(step.zh for step in there.steps), "; ".join(step.en for step in there.steps))
        yield Text("步骤：{steps}", "steps: {steps}").format(steps=steps)


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
