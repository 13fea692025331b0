"""What of a person is shown to whoever has no purpose that needs more: one table, by kind and field. No I/O.

A mask tells two people of one compound apart for somebody who knows them, and tells a stranger next to nothing. What is not in
the table is no personal data by itself (which room a household has, the relation of a resident to it).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from linli.registry.kinds import Personal, kind_of

HIDDEN = "***"
_T = TypeVar("_T", bound=Personal)


def mask_name(name: str) -> str:
    """The first letter: '王小明' -> '王**', 'Ann Lee' -> 'A***'. Of a Chinese name the length shows, as people write it."""
    first = name.strip()[:1]
    if not first:
        return HIDDEN
    return first + HIDDEN if first.isascii() else first + "*" * max(1, len(name.strip()) - 1)


def mask_day(day: str) -> str:
    """The decade: '1953-07-21' -> '195*'."""
    return day[:3] + "*"


def mask_value(value: str) -> str:
    """A way to reach somebody: '13812345678' -> '138****5678', 'ann@example.org' -> 'a***@example.org', else hidden."""
    before, at, host = value.partition("@")
    if at and before:
        return f"{before[0]}{HIDDEN}@{host}"
    digits = sum(letter.isdigit() for letter in value)
    return f"{value[:3]}****{value[-4:]}" if digits >= 10 and digits >= len(value) - 3 else HIDDEN


def hide(_value: str) -> str:
    """Only that there is something."""
    return HIDDEN


MASKS: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "household": {},
    "person": {"name": mask_name, "sex": hide, "born": mask_day, "needs": hide},
    "resident": {"since": mask_day, "until": mask_day},
    "contact": {"value": mask_value},
    "consent": {"source": hide},
}
"""How each field is shown that is personal; docs/personal-data.md has the same table."""


def masked(item: _T) -> _T:
    """The item as it is shown without a purpose that needs more; what is not known stays not known."""
    values: dict[str, Any] = {
        field: mask(value)
        for field, mask in MASKS[kind_of(item)].items()
        if isinstance(value := getattr(item, field), str) and value
    }
    return replace(item, **values) if values else item
