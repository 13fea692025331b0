"""JSON from strangers: bounded before parsing, and refused for what Python's json lets through.

orjson refuses NaN, Infinity, 1e999, lone surrogates, raw control characters and a depth over 1024 by itself. What it
takes and we do not: a key given twice (the last wins, in silence), an integer beyond 64 bits (becomes a float), NUL in a
string. Each refusal has a name of its own, for the dead letter.
"""

import re
from typing import Any

import orjson

from linli.errors import MalformedMessage

MAX_DEPTH = 16
MAX_STRING = 16 * 1024

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Takes an unterminated string to the end of the payload: else each quote in it would be tried as a beginning."""

_LONG_INTEGER = re.compile(rb"(?<![\d.eE+-])-?\d{19,}(?![\d.eE])")
_NOT_A_NUMBER = re.compile(rb"\b(?:NaN|Infinity)\b")
_INT64 = range(-(2**63), 2**63)

dumps = orjson.dumps


def parse_object(payload: bytes, max_bytes: int, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The JSON object in `payload`, or MalformedMessage with one of the reasons

    too_large, too_deep, not_json, not_finite, integer_range, duplicate_key, nul, long_string, not_an_object.
    """
    value = parse_value(payload, max_bytes, max_depth)
    if not isinstance(value, dict):
        raise MalformedMessage("not_an_object", f"the payload is a JSON {type(value).__name__}, not an object")
    return value


def parse_value(payload: bytes, max_bytes: int, max_depth: int = MAX_DEPTH) -> Any:
    """Like `parse_object`, for any JSON value."""
    if len(payload) > max_bytes:
        raise MalformedMessage("too_large", f"{len(payload)} bytes, over the limit of {max_bytes}")
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise _named(payload, error) from None
    bare = _STRING.sub(b"", payload)
    _check_integers(bare)
    keys = _walk(value, max_depth)
    if keys != bare.count(b":"):
        raise MalformedMessage("duplicate_key", "an object has the same key twice")
    return value


def _check_integers(bare: bytes) -> None:
    for match in _LONG_INTEGER.finditer(bare):
        digits = match.group()
        if len(digits) > 20 or int(digits) not in _INT64:
            raise MalformedMessage("integer_range", f"an integer of {len(digits)} digits does not fit in 64 bits")


def _named(payload: bytes, error: orjson.JSONDecodeError) -> MalformedMessage:
    said = str(error)
    if "depth limit" in said or "recursion" in said.lower():
        return MalformedMessage("too_deep", f"nested deeper than {MAX_DEPTH} levels")
    bare = _STRING.sub(b"", payload)
    if "infinity" in said:
        _check_integers(bare)  # an integer of hundreds of digits is infinite to orjson
    if "infinity" in said or _NOT_A_NUMBER.search(bare):
        return MalformedMessage("not_finite", "NaN and infinities are no JSON numbers")
    return MalformedMessage("not_json", said[:200])


def _walk(value: Any, max_depth: int) -> int:
    """How many keys the tree holds; refuses depth, NUL and over-long strings on the way."""
    keys = 0
    level = [value]
    depth = 0
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                keys += len(item)
                for key in item:
                    _check_string(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                _check_string(item)
        if below and depth > max_depth:
            raise MalformedMessage("too_deep", f"nested deeper than {max_depth} levels")
        level = below
    return keys


def _check_string(text: str) -> None:
    if "\x00" in text:
        raise MalformedMessage("nul", "a string holds a NUL character")
    if len(text) > MAX_STRING:
        raise MalformedMessage("long_string", f"a string of {len(text)} characters, over the limit of {MAX_STRING}")
