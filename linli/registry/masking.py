"""What of a person is shown to whoever has no purpose that needs more: one table, by kind and field. No I/O.

A mask tells two people of one compound apart for somebody who knows them, and tells a stranger next to nothing. What is not in
the table is no personal data by itself (which room a household has, the relation of a resident to it).

What devices report has a table of its own, by the field of an event's data: a swipe says who went through a door, and when.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from linli.model import JsonValue
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


def mask_credential(value: str) -> str:
    """A card as a guard compares two: its last two characters, 'C0012342' -> '****42'; hidden if it is shorter than six."""
    return f"****{value[-2:]}" if len(value) >= 6 else HIDDEN


def hide(_value: str) -> str:
    """Only that there is something."""
    return HIDDEN


MASKS: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "household": {},
    "person": {"name": mask_name, "sex": hide, "born": mask_day, "needs": hide},
    "resident": {"since": mask_day, "until": mask_day},
    "contact": {"value": mask_value},
    "consent": {"source": hide},
    "credential": {"value": mask_credential, "since": mask_day, "until": mask_day},
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


EVENT_MASKS: Mapping[str, Callable[[str], str]] = {
    "credential": mask_credential,
    "user": mask_credential,
    "plate": mask_credential,
    "sub_label": mask_credential,
    "value": mask_credential,
}
"""How each field of an event's data is shown that says who somebody is: the card at a door, the user of a lock or a keypad, a number
plate, whom a camera has recognised. `value` is personal where a camera says what it made of a face or a plate, and no number
otherwise. docs/personal-data.md has the same table; who brings in a source of devices puts what identifies somebody under these names."""

_RECOGNISED = frozenset(("face", "lpr"))
"""Of which `type` what a camera has made of something is about one person (`edge.sources.frigate`)."""

Data = Mapping[str, JsonValue]
_Change = Callable[[str, str], str]
"""Takes a personal field's name and its value as text."""


def masked_data(data: Data) -> Data:
    """An event's data as they are shown: what is personal as text that is masked, at whatever depth; the rest as it is."""
    return _changed(data, lambda name, text: EVENT_MASKS[name](text)) if _may_be_personal(data) else data


def personal_values(data: Data) -> tuple[str, ...]:
    """What in an event's data says who somebody is, as text, each once."""
    found: dict[str, None] = {}

    def note(_name: str, text: str) -> str:
        found[text] = None
        return text

    if _may_be_personal(data):
        _changed(data, note)
    return tuple(found)


def taken_out(data: Data, values: Collection[str]) -> Data:
    """An event's data without these: where one of them says who somebody is, it is hidden."""
    return _changed(data, lambda _name, text: HIDDEN if text in values else text)


def _may_be_personal(data: Data) -> bool:
    return any(name in EVENT_MASKS or isinstance(value, dict | list) for name, value in data.items())


def _changed(data: Data, change: _Change) -> dict[str, JsonValue]:
    return {name: _within(value, _personal_name(name, data), change) for name, value in data.items()}


def _personal_name(name: str, data: Data) -> str | None:
    """The name, if what it stands for says who somebody is."""
    if name != "value":
        return name if name in EVENT_MASKS else None
    repeated = any(data.get(other) == data[name] for other in EVENT_MASKS if other != name)
    return name if data.get("type") in _RECOGNISED or repeated else None


def _within(value: JsonValue, name: str | None, change: _Change) -> JsonValue:
    """The value with what is personal in it changed: all of it, if it is the value of `name`."""
    if isinstance(value, list):
        return [_within(one, name, change) for one in value]
    if isinstance(value, dict):
        if name is None:
            return _changed(value, change)
        return {key: _within(one, name, change) for key, one in value.items()}
    if name is None or value is None or isinstance(value, bool) or value == "":
        return value
    text = str(value)
    changed = change(name, text)
    return value if changed == text else changed
