"""The quick way through a lane message: what our own agents write, read without an object for each field. No I/O.

`codec.decode` is what a message means, and takes any JSON. Nearly all messages come from an agent of ours, which writes
compact JSON in one form; for that form this module gives the same Message for about a tenth of the work, and None for all
else, which `codec.decode` then judges (a test compares the two on whatever hypothesis thinks of).

What makes it quick: msgspec reads envelope and records into structs and checks types and unknown keys meanwhile; readings
stay columns; ids, names, units and the seconds of a time are remembered once they were seen to be right. What orjson and
msgspec let through and we do not is found without walking the tree:

    a key given twice            in a packet no string but the two times holds a colon, so there are as many others as keys were
                                 read, or one came twice. In an event, the end of a key ('":') is counted likewise, and no
                                 blank may stand before a colon, where it would hide one
    NUL, and what else hides     takes a backslash: then it is none of ours
    an integer beyond 64 bits,   the least and the greatest value tell
    an infinity
"""

import re
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from linli import topics
from linli.clock import parse_time
from linli.ids import is_id, is_type
from linli.model import READINGS_TYPE, JsonValue, Lane, Message, Readings, TimeSource

_MOST_REMEMBERED = 500_000
_END_OF_KEY = b'":'
_TAB, _LF, _CR, _BLANK = b"\t\n\r "  # as numbers, which are looked for several times as fast as bytes
_INT64 = float(2**63)
_LATEST = 2**33
"""The first second that a time of a reading may not have (`codec` says why)."""

_SHORT = 256
"""No agent writes an id or a content type that is longer."""

_WORTH_AN_ARRAY = 32
_TIME_LENGTH = len("2023-11-14T22:13:20.000000Z")
_SEQUENCE_LENGTH = 19
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}")
UNIT = re.compile(r"[A-Za-z0-9%/_.\-]{1,32}")
"""What a unit looks like."""

_SOURCES = {source.value: source for source in TimeSource}
_SCALARS = frozenset((str, int, float, bool, type(None)))


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    n: str
    t: float
    v: float
    u: str | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    bootid: str
    sequence: str
    agenttime: str
    timesource: str
    datacontenttype: str
    oldest: str
    historic: bool | msgspec.UnsetType = msgspec.UNSET


class _Event(_Envelope, forbid_unknown_fields=True, gc=False, kw_only=True):
    data: msgspec.Raw


class _Packet(_Envelope, forbid_unknown_fields=True, gc=False, kw_only=True):
    data: list[_Record]


_KEYS = len(_Event.__struct_fields__) - 1
_read_event = msgspec.json.Decoder(_Event).decode
_read_packet = msgspec.json.Decoder(_Packet).decode
_PACKET_TYPE = f'"type":"{READINGS_TYPE}"'.encode()
_TYPE_WITHIN = 512
"""An agent writes the type early; where it is later, the message is read the slow way."""

_names: set[str] = set()
_units: set[str | None] = {None}


def decode(topic: topics.GatewayTopic, payload: bytes, max_readings: int) -> Message | None:
    """The message in `payload`, if it has the form that agents write and breaks no bound; None if that is not sure.

    The caller has bounded `payload` and knows `topic` to be a lane. Never raises.
    """
    if b"\\" in payload:
        return None
    try:
        packed = payload.find(_PACKET_TYPE, 0, _TYPE_WITHIN) >= 0
        envelope: _Packet | _Event = _read_packet(payload) if packed else _read_event(payload)
        times = _time(envelope.time), _time(envelope.agenttime)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    keys = _KEYS if envelope.historic is msgspec.UNSET else _KEYS + 1
    sequence, oldest = envelope.sequence, envelope.oldest
    if not (
        envelope.specversion == "1.0"
        and envelope.source == f"{topics.ROOT}/{topic.community}/gateway/{topic.gateway}"
        and 0 < len(envelope.id) <= _SHORT
        and ":" not in envelope.id
        and len(envelope.datacontenttype) <= _SHORT
        and ":" not in envelope.datacontenttype
        and len(sequence) == len(oldest) == _SEQUENCE_LENGTH
        and (sequence + oldest).isdecimal()
        and (sequence + oldest).isascii()
        and "0" * _SEQUENCE_LENGTH < oldest <= sequence <= "9223372036854775807"
        and envelope.timesource in _SOURCES
        and is_id(envelope.bootid)
        and is_id(envelope.subject)
        and is_type(envelope.type)
        and packed == (envelope.type == READINGS_TYPE)
    ):
        return None
    data: dict[str, JsonValue] = {}
    readings: Readings | tuple[()] = ()
    if isinstance(envelope, _Packet):
        colons = envelope.time.count(":") + envelope.agenttime.count(":")
        found = _readings(envelope.data, payload.count(b":") - colons - keys, max_readings)
        if found is None:
            return None
        readings = found
    else:
        flat = _flat(envelope.data)
        if flat is None or keys + len(flat) != payload.count(_END_OF_KEY) or _may_hide_a_key(payload):
            return None
        data = flat
    return Message(
        topic.community,
        topic.gateway,
        envelope.bootid,
        _LANES[topic.leaf],
        int(sequence),
        int(oldest),
        envelope.type,
        envelope.subject,
        times[0],
        times[1],
        _SOURCES[envelope.timesource],
        envelope.historic is True,
        data,
        readings,
    )


_LANES = {topics.Leaf.URGENT: Lane.URGENT, topics.Leaf.BULK: Lane.BULK}


def _may_hide_a_key(payload: bytes) -> bool:
    """Whether there is a blank before a colon, in a string or not. Tab and line ends stand in no string, so nowhere."""
    return _TAB in payload or _LF in payload or _CR in payload or (_BLANK in payload and b" :" in payload)


def _readings(records: list[_Record], keys: int, most: int) -> Readings | None:
    if not 0 < len(records) <= most:
        return None
    names = [record.n for record in records]
    seconds = [record.t for record in records]
    values = [record.v for record in records]
    units = [record.u for record in records]
    first, last = min(seconds), max(seconds)
    if (
        keys != 4 * len(records) - units.count(None)
        or not (_names.issuperset(names) or _learn(names, _names, _NAME))
        or not (_units.issuperset(units) or _learn(units, _units, UNIT))
        or not min(values) > -_INT64
        or not max(values) < _INT64
        or not first >= 0
        or not last < _LATEST
    ):
        return None
    return Readings(names, _microseconds(seconds), values, units, (round(first * 1e6), round(last * 1e6)))


def _microseconds(seconds: list[float]) -> list[int]:
    """To the nearest, and to the even one of two, as `round` has it."""
    if len(seconds) < _WORTH_AN_ARRAY:
        return [round(second * 1e6) for second in seconds]
    import numpy as np  # not with the module: an agent, which decodes no packets, has no room for it

    micros: list[int] = np.rint(np.array(seconds) * 1e6).astype(np.int64).tolist()
    return micros


def _learn(found: list[Any], known: set[Any], pattern: re.Pattern[str]) -> bool:
    """Whether all that are not known yet match; then they are."""
    fresh = set(found) - known
    if not all(pattern.fullmatch(text) for text in fresh):
        return False
    if len(known) + len(fresh) > _MOST_REMEMBERED:
        known.clear()
        known.update({None} if known is _units else ())
    known.update(fresh)
    return known.issuperset(found)


def _flat(raw: msgspec.Raw) -> dict[str, JsonValue] | None:
    """An object that holds no other, and nothing that has to be looked at twice."""
    try:
        data = orjson.loads(memoryview(raw))
    except orjson.JSONDecodeError:
        return None
    if type(data) is not dict or len(raw) > _LONG:
        return None
    for value in data.values():
        kind = type(value)
        if kind not in _SCALARS or (kind in (int, float) and not -_INT64 < value < _INT64):
            return None
    return data


_LONG = 16 * 1024
"""What is shorter holds no string that is too long (`strictjson.MAX_STRING`)."""


def _time(text: str) -> int:
    """`parse_time`, quicker for the form that agents write; ValueError likewise."""
    if len(text) == _TIME_LENGTH and text[19] == "." and text[26] == "Z" and text.isascii() and text[20:26].isdecimal():
        return _second(text[:19]) + int(text[20:26])
    return parse_time(text)


@lru_cache(10_000)
def _second(text: str) -> int:
    return parse_time(text + "Z")
