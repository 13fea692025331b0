"""What becomes of an item when a file says something of it, beside what other sources say: without writing anything.

It follows `linli.db.registryfacts.record`, which does it; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from linli.registry.changes import PERSON, Origin
from linli.registry.facts import RECORDED, RECORDED_CONFIDENCE, Claim, Claims, Fact, facts, said
from linli.registry.kinds import Item
from linli.registry.model import Holiday
from linli.registry.tables.compose import Made
from linli.registry.tables.directory import Known


@dataclass(frozen=True, slots=True)
class Outcome:
    """`changed`: the fields that get another value, with the old and the new. `against`: of each field that others
    contradict, what counts now, and who says what. `news`: whether anything at all is to be written."""

    added: bool
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    against: Mapping[str, Fact] = field(default_factory=dict)
    news: bool = True


def outcome(made: Made, known: Known | None, origin: Origin) -> Outcome:
    """What becomes of the item of a row. `known`: what is registered, None for nothing."""
    if isinstance(made.item, Holiday):
        old = None if known is None else known.item
        changed = {} if old is None or old == made.item else {"day": (old, made.item)}
        return Outcome(old is None, changed, news=old != made.item)
    now = _values(made.item)
    was = {} if known is None else _values(known.item)
    before = {} if known is None else known.statements
    source = origin.source or RECORDED
    after: dict[str, Claims] = dict(before)
    mine = said(source, before.get(source, {}), {name: now[name] for name in made.said}, origin)
    if mine:
        after[source] = mine
    if source != PERSON and known is not None:
        unsourced = _unsourced(made, was, now, mine, known)
        if unsourced:
            after[RECORDED] = {**after.get(RECORDED, {}), **unsourced}
    found = facts(after)
    changes = {name: (was[name], one.value) for name, one in found.items() if name in was and was[name] != one.value}
    if known is None:
        return Outcome(True)
    against = {name: one for name, one in found.items() if one.against and name in made.said}
    return Outcome(False, changes, against, news=bool(changes) or after != dict(before))


def _unsourced(
    made: Made, was: Mapping[str, Any], now: Mapping[str, Any], mine: Claims, known: Known
) -> dict[str, Claim]:
    """What was registered without a source, and is contradicted now."""
    told = {name for claims in known.statements.values() for name in claims}
    return {
        name: Claim(was[name], known.changed_at, RECORDED_CONFIDENCE, known.changed_at)
        for name in made.said
        if name not in told and was[name] is not None and name in mine and was[name] != now[name]
    }


def _values(item: Item | Holiday) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(item)
    values.pop("id", None)
    values.pop("community", None)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
