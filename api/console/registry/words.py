"""What is registered in words: names, kinds, fields and the values that fields have."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from api.console import registry_texts
from api.console.registry import texts
from api.directory import Names
from linli.clock import local_time
from linli.i18n import Text
from linli.registry.changes import PERSON
from linli.registry.facts import RECORDED
from linli.registry.kinds import KINDS, Item, kind_of
from linli.registry.model import COMMITTEE_KINDS, COMMUNITY_KINDS
from linli.vocabulary import DEVICE_KINDS, FACILITY_KINDS, PLACE_KINDS, kind_name

_KINDS: Mapping[str, dict[str, Text]] = {
    "committee": COMMITTEE_KINDS,
    "community": COMMUNITY_KINDS,
    "place": PLACE_KINDS,
    "facility": FACILITY_KINDS,
    "device": DEVICE_KINDS,
}
_NUMBER_FORMS = {"latitude": "{:.6f}", "longitude": "{:.6f}"}
_LONGEST = 300


def name_of(item: Item) -> Text:
    """What the item is called; its id, if it has no name in both languages."""
    name = getattr(item, "name", None)
    return name if isinstance(name, Text) else Text(item.id, item.id)


def kind_of_item(item: Item) -> Text:
    """What sort of thing it is: a door, a building; or what all of its kind are called."""
    kind, word = kind_of(item), getattr(item, "kind", None)
    return kind_name(_KINDS[kind], word) if isinstance(word, str) and kind in _KINDS else KINDS[kind].name


def field_name(name: str) -> Text:
    """What a field is called."""
    return registry_texts.FIELDS.get(name) or texts.MORE_FIELDS.get(name) or Text(name, name)


def value_words(kind: str, name: str, value: object, names: Names, zone: ZoneInfo, language: str) -> str:
    """A value of an item's field as people read it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, Mapping) and "zh" in value:
        return str(value.get(language) or value["zh"])
    if name == "kind" and kind in _KINDS:
        return kind_name(_KINDS[kind], str(value)).of(language)
    if name == "in_service_since" and isinstance(value, int):
        return local_time(value, zone).strftime("%Y-%m-%d")
    if isinstance(value, float):
        return _NUMBER_FORMS.get(name, "{:g}").format(value)
    called = _called(name, str(value), names)
    return (str(value) if called is None else called.of(language))[:_LONGEST]


def source_words(source: str | None, language: str) -> str:
    """Who or what said it."""
    known = {PERSON: texts.BY_PERSON, RECORDED: texts.FROM_REGISTRY}
    return known[source].of(language) if source in known else str(source)


def _called(name: str, value: str, names: Names) -> Text | None:
    """The name of what a field leads to, as far as it is known."""
    registry = names.registry
    found = {
        "place": registry.places.get(value),
        "community": registry.communities.get(value),
        "gateway": registry.gateways.get(value),
        "facility": registry.facilities.get(value),
        "parent": registry.devices.get(value) or registry.places.get(value),
    }.get(name)
    return None if found is None else found.name
