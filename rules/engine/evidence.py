"""What an alert keeps of an event: enough to see why, bounded in bytes. No I/O."""

from collections.abc import Mapping

from linli.model import JsonValue
from linli.strictjson import dumps

MAX_DATA = 4096
"""Bytes of JSON that one piece of evidence may hold. An alert has up to 20 of them, and a message up to 512 KiB."""

_SHORT_VALUE = 256


def evidence_data(data: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """`data`, or if it is larger than MAX_DATA its short values and, as `shortened_from`, how many bytes it had."""
    size = len(dumps(data)) if data else 0
    if size <= MAX_DATA:
        return data
    kept: dict[str, JsonValue] = {"shortened_from": size}
    room = MAX_DATA - len(dumps(kept))
    for name, value in data.items():
        needs = len(dumps({name: value}))
        if needs <= min(room, _SHORT_VALUE) and name not in kept:
            kept[name] = value
            room -= needs
    return kept
