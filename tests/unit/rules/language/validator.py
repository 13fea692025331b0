"""As much of JSON Schema (draft 2020-12) as the schemas of rules use; a keyword that is not known here is an error."""

import re
from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]

_TYPES: dict[str, Any] = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}
_SILENT = {"$schema", "$defs", "title", "description", "default", "examples"}


def faults(schema: Schema, value: Any) -> list[str]:
    """Where `value` is not as `schema` has it; nothing if it is."""
    return list(_faults(schema, value, schema, "$"))


def _faults(schema: Schema | bool, value: Any, root: Schema, path: str) -> Iterator[str]:
    if isinstance(schema, bool):
        if not schema:
            yield f"{path}: nothing may be here"
        return
    for keyword, wanted in schema.items():
        if keyword not in _SILENT:
            yield from _KEYWORDS[keyword](wanted, value, root, path, schema)


def _ref(wanted: str, value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    yield from _faults(root["$defs"][wanted.removeprefix("#/$defs/")], value, root, path)


def _type(wanted: str | list[str], value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    names = [wanted] if isinstance(wanted, str) else wanted
    if not any(_is(name, value) for name in names):
        yield f"{path}: {value!r} is no {' or '.join(names)}"


def _is(name: str, value: Any) -> bool:
    if name in ("number", "integer"):
        return isinstance(value, (int, float) if name == "number" else int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])


def _enum(wanted: list[Any], value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    if value not in wanted:
        yield f"{path}: {value!r} is none of {wanted}"


def _pattern(wanted: str, value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    if isinstance(value, str) and re.search(wanted, value) is None:
        yield f"{path}: {value!r} is not like {wanted}"


def _any_of(wanted: list[Schema], value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    found = [list(_faults(branch, value, root, path)) for branch in wanted]
    if all(found):
        yield max(found, key=lambda branch: branch[0].partition(": ")[0].count("."))[0]


def _one_of(wanted: list[Schema], value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    if sum(not list(_faults(branch, value, root, path)) for branch in wanted) != 1:
        yield f"{path}: not exactly one"


def _all_of(wanted: list[Schema], value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    for branch in wanted:
        yield from _faults(branch, value, root, path)


def _required(wanted: list[str], value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    yield from (f"{path}: {key} is not there" for key in wanted if isinstance(value, dict) and key not in value)


def _properties(wanted: Schema, value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    for key, schema in wanted.items():
        if isinstance(value, dict) and key in value:
            yield from _faults(schema, value[key], root, f"{path}.{key}")


def _patterns(wanted: Schema, value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    for pattern, schema in wanted.items():
        for key in value if isinstance(value, dict) else ():
            if re.search(pattern, key):
                yield from _faults(schema, value[key], root, f"{path}.{key}")


def _additional(wanted: Schema | bool, value: Any, root: Schema, path: str, schema: Schema) -> Iterator[str]:
    patterns = schema.get("patternProperties", {})
    for key in value if isinstance(value, dict) else ():
        if key not in schema.get("properties", {}) and not any(re.search(pattern, key) for pattern in patterns):
            yield from _faults(wanted, value[key], root, f"{path}.{key}")


def _items(wanted: Schema | bool, value: Any, root: Schema, path: str, schema: Schema) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value[len(schema.get("prefixItems", [])) :]):
            yield from _faults(wanted, item, root, f"{path}[{number}]")


def _prefix_items(wanted: list[Schema], value: Any, root: Schema, path: str, _: Schema) -> Iterator[str]:
    if isinstance(value, list):
        for number, (schema, item) in enumerate(zip(wanted, value, strict=False)):
            yield from _faults(schema, item, root, f"{path}[{number}]")


def _min_items(wanted: int, value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    if isinstance(value, list) and len(value) < wanted:
        yield f"{path}: fewer than {wanted}"


def _max_items(wanted: int, value: Any, _root: Schema, path: str, _: Schema) -> Iterator[str]:
    if isinstance(value, list) and len(value) > wanted:
        yield f"{path}: more than {wanted}"


_KEYWORDS: dict[str, Callable[[Any, Any, Schema, str, Schema], Iterator[str]]] = {
    "$ref": _ref,
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "required": _required,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "items": _items,
    "prefixItems": _prefix_items,
    "minItems": _min_items,
    "maxItems": _max_items,
}
