"""The engine and the evaluator over the same stream, side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from linli.clock import SECOND
from linli.model import Action, ActionKind
from rules.engine.book import Transition
from rules.engine.inputs import ActionIn, Input, MessageIn, RegistryIn, RulesIn, Tick
from rules.engine.machine import Engine, Output
from rules.language.model import Rule
from tests.reference.evaluator import Evaluator
from tests.reference.seen import Line
from tests.reference.streams import T0, Act, Edit, Step, registry

Versions = Sequence[tuple[Rule, ...]]
"""The rules as they are, and as an edit makes them."""


@dataclass
class Run:
    """The inputs as the engine got them, with its outputs, and what the evaluators said beside them."""

    engine: Engine = field(default_factory=Engine)
    entries: list[Input] = field(default_factory=list)
    outputs: list[list[Output]] = field(default_factory=list)
    expected: list[dict[str, list[Line]]] = field(default_factory=list)


def side_by_side(rules: Versions, steps: Iterable[Step]) -> Run:
    """Rules and registry, then the steps, in one engine and in an evaluator for each rule."""
    return _run(rules, steps, {rule.id: Evaluator(rule.id) for some in rules for rule in some})


def alone(rules: Versions, steps: Iterable[Step]) -> Run:
    """The same in the engine alone."""
    return _run(rules, steps, {})


def _run(rules: Versions, steps: Iterable[Step], evaluators: dict[str, Evaluator]) -> Run:
    run = Run()
    opened: list[tuple[str, str, int]] = []
    for step in (RulesIn(rules[0]), RegistryIn(registry()), *steps):
        entry, mine = _given(step, rules, opened)
        if entry is None:
            continue
        outputs = run.engine.apply(entry)
        run.entries.append(entry)
        run.outputs.append(outputs)
        run.expected.append({name: each.apply(mine.get(name, entry)) for name, each in evaluators.items()})
        for output in outputs:
            if isinstance(output, Transition) and output.kind == "opened":
                nth = sum(rule == output.alert.rule for _, rule, _ in opened) + 1
                opened.append((output.alert.id, output.alert.rule, nth))
    return run


def _given(step: Step, rules: Versions, opened: list[tuple[str, str, int]]) -> tuple[Input | None, dict[str, Input]]:
    """The step as the engine gets it, and where an evaluator gets another: its alerts are called by numbers."""
    if isinstance(step, Edit):
        return RulesIn(rules[step.which % len(rules)], step.overrides), {}
    if not isinstance(step, Act):
        return step, {}
    if not opened:
        return None, {}
    alert, rule, nth = opened[step.which % len(opened)]
    until = step.at + 20 * SECOND if step.kind is ActionKind.SHELVE else None
    action = Action(f"act-{step.at}", alert, step.kind, "li", step.comment, step.at, until)
    return ActionIn(action), {rule: ActionIn(replace(action, alert=str(nth)))}


def lines_of(outputs: Iterable[Output]) -> dict[str, list[Line]]:
    """The engine's transitions by rule, as the evaluators write them."""
    lines: dict[str, list[Line]] = {}
    for output in outputs:
        if isinstance(output, Transition):
            alert = output.alert
            lines.setdefault(alert.rule, []).append(Line(output.kind, alert.subject, output.at, alert.severity))
    return lines


def first_difference(run: Run) -> str | None:
    """Where engine and evaluator part, told so that a person can judge; None if nowhere.

    Each alert's log is compared; which of two alerts is told of first is not.
    """
    for number, (outputs, expected) in enumerate(zip(run.outputs, run.expected, strict=True)):
        found = lines_of(outputs)
        for rule, lines in expected.items():
            mine = found.get(rule, [])
            if sorted(mine, key=lambda line: line.subject) != sorted(lines, key=lambda line: line.subject):
                told = [_told(each, rule) for each in run.entries[: number + 1]]
                return "\n".join(["", *told, f"engine    {_short(mine)}", f"evaluator {_short(lines)}"])
    return None


def _short(lines: list[Line]) -> str:
    return ", ".join(f"{line.kind} {line.subject} @{_second(line.at)} {line.severity}" for line in lines) or "nothing"


def _second(time: int) -> str:
    return f"{(time - T0) / SECOND:g}"


def _told(entry: Input, rule: str) -> str:
    """An input in one line, times as seconds of the stream."""
    match entry:
        case MessageIn(message, received_at):
            what = (
                ", ".join(
                    f"{each.device}/{each.quantity} {each.value:g} {each.unit} @{_second(each.time)}"
                    for each in message.readings
                )
                or f"{message.subject} {message.type} {dict(message.data)} @{_second(message.time)}"
            )
            historic = " historic" if message.historic else ""
            times = f"taken {_second(message.agent_time)}, received {_second(received_at)}"
            return f"{message.gateway} {message.lane}: {what}{historic}, {times}"
        case RulesIn(rules, overrides):
            mine = next((str(_plain(each)) for each in rules if each.id == rule), "no such rule")
            return "\n  ".join((mine, *map(str, overrides)))
        case RegistryIn(known):
            return f"registry variant {known.version - 1}"
        case Tick(now):
            return f"tick {_second(now)}"
        case _:
            return str(entry)


def _plain(value: Any) -> Any:
    """A rule's parts without what nobody wrote."""
    if isinstance(value, msgspec.Struct):
        kept = {name: getattr(value, name) for name in value.__struct_fields__ if name not in _DULL}
        return {name: _plain(item) for name, item in kept.items() if item not in (None, (), {}, "", "0s", False)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_DULL = ("id", "title", "sentence", "advice", "route", "source", "declares", "steps")
