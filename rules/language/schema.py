"""The JSON Schema (draft 2020-12) of rule files and of override files: for editors, which complete and check while one writes.

It is made from the types of `rules.language.model`, so that it cannot say anything else, with the words of the vocabulary as
suggestions: a word that is not known may be one that the rule declares. `linli rules check` says more than any schema.
"""

import json
from collections.abc import Collection, Iterator
from copy import deepcopy
from typing import Any

import msgspec

from linli.arming import MODES
from linli.ids import ID_PATTERN
from linli.vocabulary import DEVICE_KINDS, EVENT_TYPES, FACILITY_KINDS, PLACE_KINDS, QUANTITIES
from rules.language.check import SUBJECTS
from rules.language.clauses import PARTS
from rules.language.model import BY, DAYS, UNSET, Override, Rule
from rules.language.overrides import FIXED
from rules.language.readings import LIMITS
from rules.language.schemawords import SAYS

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DURATION = {"pattern": r"^\d{1,9}(ms|s|m|h|d)$", "examples": ["30s", "5m", "24h"]}
_CLOCK_TIME = {"pattern": r"^([01]\d|2[0-3]):[0-5]\d$", "examples": ["23:00"]}
_SCALARS = ["string", "number", "boolean", "null"]


def _suggested(words: Collection[str]) -> Schema:
    """Any text, but these are offered."""
    return {"anyOf": [{"enum": sorted(words)}, {"type": "string"}]}


_WORDS: dict[str, Schema] = {
    "EventType": _suggested(EVENT_TYPES),
    "Quantity": _suggested(QUANTITIES),
    "DeviceKind": _suggested(DEVICE_KINDS),
    "FacilityKind": _suggested(FACILITY_KINDS),
    "PlaceKind": _suggested(PLACE_KINDS),
}
"""The vocabulary: any text, but these are offered."""

_LIMITED: dict[str, Schema] = {
    "id": {"pattern": f"^{ID_PATTERN}$"},
    "subject": {"enum": list(SUBJECTS)},
    "by": {"anyOf": [{"enum": list(BY)}, {"pattern": r"^(data|device)\..+$"}]},
    "Normal.by": {"enum": ["hour", "always"]},
    "armed": {"enum": [*MODES, UNSET]},
    "days": {"enum": list(DAYS)},
    "types": {"$ref": "#/$defs/EventType"},
    "quantity": {"$ref": "#/$defs/Quantity"},
    "device_kinds": {"$ref": "#/$defs/DeviceKind"},
    "facility_kinds": {"$ref": "#/$defs/FacilityKind"},
    "place_kinds": {"$ref": "#/$defs/PlaceKind"},
    **dict.fromkeys(
        ("for", "keep", "within", "fades", "quiet", "learn", "fresh", "settle", "remind", "remind_every"), _DURATION
    ),
    "from": _CLOCK_TIME,
    "to": {"pattern": r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", "examples": ["05:00", "24:00"]},
}
"""What a key's texts may be, beyond their type; by 'Struct.key' where a key means different things, else by key."""

_ONE_OF: dict[str, tuple[tuple[str, ...], ...]] = {
    "Clause": (PARTS,),
    "ReadingClause": (("quantity", "value"), LIMITS),
    "Where": (("community", "place", "device"),),
    "Override": (("change", "off"),),
}
"""Keys of which exactly one is given."""


def rule_schema() -> Schema:
    """Of a rule file."""
    return {
        "$schema": DRAFT,
        "title": "Linli: 规则文件 / a rule file",
        "$ref": "#/$defs/Rule",
        "$defs": _definitions(Rule) | _WORDS,
    }


def override_schema() -> Schema:
    """Of a file in a folder `overrides`: a list, whose changes have a rule's keys, none of them required."""
    rule = _definitions(Rule)
    structs = {name: definition for name, definition in rule.items() if "properties" in definition}
    changes = {f"{name}Change": _change(name, definition, structs) for name, definition in structs.items()}
    for key in FIXED:
        del changes["RuleChange"]["properties"][key]
    named = _definitions(Override)
    named["Override"]["properties"]["change"] |= {"$ref": "#/$defs/RuleChange"}
    return {
        "$schema": DRAFT,
        "title": "Linli: 覆盖文件 / a file of overrides",
        "type": "array",
        "items": {"$ref": "#/$defs/Override"},
        "$defs": rule | named | changes | _WORDS,
    }


def as_text(schema: Schema) -> str:
    """As it is published."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _definitions(kind: type[msgspec.Struct]) -> dict[str, Schema]:
    """The structs of `kind` by name, each key described and limited."""
    definitions: dict[str, Schema] = msgspec.json.schema(kind)["$defs"]
    for name, definition in definitions.items():
        definition.pop("description", None)
        for key, value in definition.get("properties", {}).items():
            value["description"] = _said(name, key)
            _limit(value, _LIMITED.get(f"{name}.{key}", _LIMITED.get(key, {})))
            if key == "where" and name != "Override":
                value["additionalProperties"] = {"type": [*_SCALARS, "array"], "items": {"type": _SCALARS}}
        groups = _ONE_OF.get(name, ())
        if groups:
            definition["allOf"] = [{"oneOf": [{"required": [key]} for key in group]} for group in groups]
    return definitions


def _said(name: str, key: str) -> str:
    name = "Match" if key == "where" and name != "Override" else name
    text = SAYS.get(f"{name}.{key}") or SAYS[key]
    return f"{text.zh}\n{text.en}"


def _limit(value: Schema, limits: Schema) -> None:
    """Put `limits` where the texts are: in the value itself, beside null, or in a list's items."""
    for branch in value.get("anyOf", [value]):
        target = _items(branch) or branch
        if target.get("type") == "string":
            target.update(deepcopy(limits))


def _items(value: Schema) -> Schema:
    """What each item of a list is; nothing of a list whose places differ, or of anything else."""
    items = value.get("items")
    return items if isinstance(items, dict) else {}


def _name(value: Schema) -> str:
    """What it refers to; nothing if it says it itself."""
    return str(value.get("$ref", "")).rpartition("/")[2]


def _change(name: str, definition: Schema, structs: Collection[str]) -> Schema:
    """A struct of which any key may be given, or taken away with null."""
    change = deepcopy(definition)
    change |= {"title": f"{name}Change", "required": []}
    change.pop("allOf", None)
    for key, value in change["properties"].items():
        description = value.pop("description")
        value.pop("default", None)
        change["properties"][key] = {
            "anyOf": [*_replaced(value, structs), {"type": "null"}],
            "description": description,
        }
    return change


def _replaced(value: Schema, structs: Collection[str]) -> Iterator[Schema]:
    """The ways in which a change may say a value: a struct in part, an item of a list by its number, or the whole anew."""
    for branch in value.get("anyOf", [value]):
        if branch.get("type") == "null":
            continue
        if _name(branch) in structs:
            yield {"$ref": f"{branch['$ref']}Change"}
        elif _name(_items(branch)) in structs:
            numbered = {"^[1-9][0-9]*$": {"$ref": f"{_items(branch)['$ref']}Change"}}
            yield {"type": "object", "patternProperties": numbered, "additionalProperties": False}
            yield branch
        else:
            yield branch
