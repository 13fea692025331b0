"""What becomes of an item when a source says something of it, beside what other sources say. No I/O.

    what it was, what each source says  --settle-->  the item with the values that count, what each source says now

Whoever takes a word goes by it: a change of one item (`linli.db.registryfacts`) and a file of 100,000 (`linli.registry.tables`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from linli.model import JsonValue
from linli.registry.changes import PERSON, Origin
from linli.registry.facts import RECORDED, RECORDED_CONFIDENCE, Claim, Claims, Fact, facts, said
from linli.registry.kinds import Item
from linli.registry.model import Team

_APART = frozenset(("id", "community"))
"""Of these nobody says anything: they are what the item is."""

SEVERAL: Mapping[type, tuple[str, ...]] = {Team: ("members", "communities", "committees")}
"""Fields that are several."""


@dataclass(frozen=True, slots=True)
class Settled:
    """`item`: with the values that count. `sources`: all that is said of it, and `facts`: what of that counts, by field."""

    item: Item
    sources: Mapping[str, Claims]
    facts: Mapping[str, Fact]


def settle(
    item: Item, spoken: Collection[str], old: Item | None, at: int, before: Mapping[str, Claims], origin: Origin
) -> Settled:
    """Take what `origin.source` says of these fields of the item. `old`: the item as it is, since `at`; `before`: what was said.

    A value that was in the registry without a source, and is contradicted, becomes the word of RECORDED.
    """
    now, was = values_of(item), {} if old is None else values_of(old)
    source = origin.source or RECORDED
    after = dict(before)
    mine = said(source, before.get(source, {}), {name: now[name] for name in spoken}, origin)
    if mine:
        after[source] = mine
    if source != PERSON and old is not None:
        unsourced = _unsourced(spoken, was, now, mine, at, before)
        if unsourced:
            after[RECORDED] = {**after.get(RECORDED, {}), **unsourced}
    found = facts(after)
    return Settled(_with(item, now, was, found), after, found)


def counting(item: Item, found: Mapping[str, Fact]) -> Item:
    """The item with the values that count; what nobody has said anything of is as it was."""
    values = values_of(item)
    return _with(item, values, values, found)


def values_of(item: Item) -> dict[str, JsonValue]:
    """The item's fields as JSON has them, but for its id and community."""
    values: dict[str, Any] = msgspec.to_builtins(item)
    for name in _APART & values.keys():
        del values[name]
    for name in SEVERAL.get(type(item), ()):
        values[name] = list(values[name])
    return values


def _unsourced(
    spoken: Collection[str],
    was: Mapping[str, JsonValue],
    now: Mapping[str, JsonValue],
    mine: Claims,
    at: int,
    before: Mapping[str, Claims],
) -> dict[str, Claim]:
    """What was registered without a source, and is contradicted now."""
    differs = [name for name in spoken if was[name] is not None and name in mine and was[name] != now[name]]
    if not differs:
        return {}
    told = {name for claims in before.values() for name in claims}
    return {name: Claim(was[name], at, RECORDED_CONFIDENCE, at) for name in differs if name not in told}


def _with(item: Item, now: Mapping[str, JsonValue], was: Mapping[str, JsonValue], found: Mapping[str, Fact]) -> Item:
    """The item with the values that count; what nobody has said anything of is as it was, or as it comes."""
    other: dict[str, JsonValue] = {}
    for name, value in now.items():
        counts = found[name].value if name in found else was.get(name, value)
        if counts != value:
            other[name] = counts
    if not other:
        return item
    values: dict[str, Any] = msgspec.to_builtins(item)
    made: Item = msgspec.convert(values | other, type(item))
    return made
