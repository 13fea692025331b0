"""What becomes of the item of a row: whether it is new, what of it changes, who says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from linli.registry.changes import Origin
from linli.registry.facts import Fact
from linli.registry.model import Holiday
from linli.registry.settling import Settled, settle, values_of
from linli.registry.tables.compose import Made
from linli.registry.tables.directory import Known
from linli.registry.tables.planned import ADDED, CHANGED, SAME


@dataclass(frozen=True, slots=True)
class Outcome:
    """`changed`: the fields that get another value, with the old and the new. `against`: of each field that others
    contradict, what counts now, and who says what. `news`: whether anything at all is to be written; `fate`: as `Planned` has it."""

    fate: str
    settled: Settled | None = None
    changed: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    against: Mapping[str, Fact] = field(default_factory=dict)
    news: bool = True


def outcome(made: Made, known: Known | None, origin: Origin) -> Outcome:
    """What becomes of the item of a row. `known`: what is registered, None for nothing."""
    item = made.item
    old = None if known is None else known.item
    if isinstance(item, Holiday) or isinstance(old, Holiday):
        changed = {} if old is None or old == item else {"day": (old, item)}
        return Outcome(ADDED if old is None else CHANGED if changed else SAME, changed=changed, news=old != item)
    if known is None or old is None:
        return Outcome(ADDED, settle(item, made.said, None, 0, {}, origin))
    settled = settle(item, made.said, old, known.changed_at, known.statements, origin)
    changes: dict[str, tuple[Any, Any]] = {}
    if settled.item != old:
        was, now = values_of(old), values_of(settled.item)
        changes = {name: (was[name], value) for name, value in now.items() if was[name] != value}
    against = {name: one for name, one in settled.facts.items() if one.against and name in made.said}
    news = bool(changes) or settled.sources != known.statements
    return Outcome(CHANGED if changes else SAME, settled, changes, against, news)
