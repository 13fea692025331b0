"""What a rule reaches: the devices that it watches somewhere, and what of them it looks at. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from linli.db.registry import RegistrySnapshot
from linli.model import Device
from rules.engine.scope import Scope
from rules.language import expression
from rules.language.model import (
    AllClause,
    Clause,
    EventClause,
    Happening,
    MissingClause,
    Override,
    ReadingClause,
    Rule,
    StateClause,
)
from rules.language.overrides import Overrides


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be known of a rule's devices: readings of these quantities, events of these types; `anything`: all that
    they report (a clause that waits for any report)."""

    quantities: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    anything: bool = False

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(self.quantities | other.quantities, self.types | other.types, self.anything or other.anything)


def variants(
    rule: Rule, overrides: Iterable[Override], registry: RegistrySnapshot
) -> Iterator[tuple[Device, Rule, tuple[Override, ...]]]:
    """Each device that the rule watches, in order of id, with the rule as it is there and the overrides that made it so."""
    mine = tuple(override for override in overrides if override.rule == rule.id)
    index = Overrides(mine)
    scope = Scope((rule,), registry, mine)
    for device in sorted(registry.devices.values(), key=lambda device: device.id):
        plan = scope.plan(device)
        if plan.clauses:
            yield device, plan.rules[rule.id], index.chain(device, registry)


def needs(rules: Iterable[Rule]) -> Needs:
    """What all of these rules look at together."""
    found = Needs()
    for rule in rules:
        for clause in rule.when:
            found |= _needs(clause)
    return found


def parts(rule: Rule) -> tuple[str, ...]:
    """The names of the parts that the rule is made of, each once, in order."""
    return tuple(dict.fromkeys(name for clause in rule.when for name in _names(clause)))


def _names(clause: Clause) -> Iterator[str]:
    part = clause.part
    for name in ("event", "state", "reading", "missing", "all"):
        if getattr(clause, name) is not None:
            yield name
    if isinstance(part, AllClause):
        for member in part.of:
            yield from _names(member)


def _needs(clause: Clause) -> Needs:
    part = clause.part
    match part:
        case AllClause():
            found = Needs()
            for member in part.of:
                found |= _needs(member)
            return found
        case ReadingClause():
            names = (part.quantity,) if part.value is None else expression.quantities(expression.parse(part.value))
            return Needs(quantities=frozenset(names))
        case MissingClause():
            return Needs(types=frozenset(part.types), anything=not part.types)
        case StateClause():
            return Needs(types=_types(part.begins).union(*(end.types for end in part.ends)))
        case EventClause():
            return Needs(types=_types(part))


def _types(part: Happening) -> frozenset[str]:
    found = {*part.types, *(part.unless.types if part.unless else ())}
    if part.after is not None:
        found |= {*part.after.types, *(part.after.without.types if part.after.without else ())}
    return frozenset(found)
