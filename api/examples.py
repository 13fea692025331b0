"""Examples for the OpenAPI document: each is made from its schema, with words that a reader of Linli knows.

A field has the same example wherever it stands, so a new body has one by itself; a field of a new name that is a plain text
gets an entry here, or shows its own name. A test holds every example against its schema.
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_TIME = "2026-11-23T08:15:00.000000Z"
_ALERT = "a3f9c1d27b6e8045"

_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("门被强行打开", "Door forced open"),
    "sentence": ("3 号楼大门未刷卡被打开", "The door of building 3 was opened without a card"),
    "advice": ("查看最近的摄像机，派人到场", "Look at the nearest camera, send somebody"),
    "words": ("未刷卡而开门", "opened without a card"),
    "community_name": ("滨江花园", "Riverside Garden"),
    "subject_name": ("3 号楼大门", "Building 3, main door"),
    "device_name": ("3 号楼大门", "Building 3, main door"),
    "place_name": ("3 号楼", "Building 3"),
    "building_name": ("3 号楼", "Building 3"),
    "facility_name": ("1 号电梯", "Lift 1"),
    "name": ("滨江花园", "Riverside Garden"),
}
_WORDS: Mapping[str, Any] = {
    "id": _ALERT,
    "alert": _ALERT,
    "rule": "door-forced",
    "community": "c001",
    "communities": ["c001"],
    "subject": "c001-door-03",
    "device": "c001-door-03",
    "devices": [],
    "gateway": "gw-c001",
    "place": "c001-b3",
    "parent": "c001-b3",
    "building": "c001-b3",
    "facility": "c001-lift-1",
    "timezone": "Asia/Shanghai",
    "next": None,
    "cursor": None,
    "actor": "p4c7d2a91",
    "actor_name": "王师傅",
    "acknowledged_by": "p4c7d2a91",
    "acknowledged_by_name": "王师傅",
    "display_name": "王师傅",
    "acknowledge_comment": "on my way",
    "comment": "on my way",
    "close_reason": None,
    "closed_by": None,
    "closed_by_name": None,
    "closed_at": None,
    "resolved_at": None,
    "shelved_until": None,
    "reason": "the courier held the door open",
    "name": "guard",
    "password": "k7mqp-3xw9d-hh2rt",
    "language": "zh",
    "minutes": 120,
    "until": None,
    "hours": 24,
    "attempt": "a-secret-of-the-agents",
    "code": "7Q4M-K2XW-9D3R",
    "mode": "night",
    "command": "unlock",
    "kind": "door",
    "quantity": "temperature",
    "unit": "Cel",
    "value": 21.5,
    "type": "urn:linli:problem:not-found",
    "url": "https://desk.example.org/linli",
    "owner": "p4c7d2a91",
    "owner_name": "property-desk",
    "message": "msg_w3f0c9d17b6e8045_4711",
    "excerpt": "ok",
    "error": None,
    "kinds": ["opened", "escalated", "acknowledged", "closed"],
    "rules": [],
    "within": None,
    "ended": None,
    "failing_since": None,
    "next_try_at": None,
    "former_secret_until": None,
    "problem": None,
    "evidence": [],
    "changes": [],
}


def example_of(schema: Json, name: str, schemas: Mapping[str, Json]) -> Any:
    """A value that fits `schema`, of a field (or an operation) called `name`."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _named(schema["$ref"].rsplit("/", 1)[1], name, schemas)
    if "anyOf" in schema:
        return _any_of(schema["anyOf"], name, schemas)
    if "allOf" in schema:
        return example_of(schema["allOf"][0], name, schemas)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    return _plain(schema, name, schemas)


def _named(kind: str, name: str, schemas: Mapping[str, Json]) -> Any:
    if kind in ("TextBody", "NameIn"):
        zh, en = _TEXTS.get(name, (name.replace("_", " "), name.replace("_", " ")))
        return {"zh": zh, "en": en}
    return example_of(schemas[kind], name, schemas)


def _any_of(ways: list[Json], name: str, schemas: Mapping[str, Json]) -> Any:
    if name in _WORDS and _WORDS[name] is None and {"type": "null"} in ways:
        return None
    return example_of(next(way for way in ways if way != {"type": "null"}), name, schemas)


def _plain(schema: Json, name: str, schemas: Mapping[str, Json]) -> Any:
    match schema.get("type"):
        case "object":
            return {field: example_of(each, field, schemas) for field, each in schema.get("properties", {}).items()}
        case "array":
            known = _WORDS.get(name)
            return known if isinstance(known, list) else [example_of(schema["items"], name.removesuffix("s"), schemas)]
        case "boolean":
            return bool(schema.get("default", False))
        case "integer" | "number":
            return _number(schema, name)
        case "string":
            return _text(schema, name)
    return _WORDS.get(name)


def _number(schema: Json, name: str) -> float:
    known = _WORDS.get(name)
    if isinstance(known, int | float) and (schema["type"] == "number" or isinstance(known, int)):
        return known
    least: float = schema.get("minimum", 1)
    return max(1, least)


def _text(schema: Json, name: str) -> str:
    if schema.get("format") == "date-time":
        return _TIME
    known = _WORDS.get(name)
    return known if isinstance(known, str) else str(schema.get("default") or name.replace("_", "-"))
