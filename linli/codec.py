"""The wire format: bytes of MQTT payloads to the model and back. The only module that knows it.

On a lane: a CloudEvents 1.0 JSON object in structured mode (github.com/cloudevents/spec, `json-format.md`), with the
sequence extension (`sequence`, decimal, zero-padded to 19) and ours: `bootid`, `oldest` (like `sequence`), `agenttime`
(RFC 3339: when the agent took it), `timesource` (whose clock `time` is from) and `historic` (only when true). A packet of
readings has as data a SenML JSON pack (RFC 8428): `n` is 'device/quantity', `t` seconds. Status, acknowledgement and
alert notice are plain JSON objects.

The same checks run before an agent gives a message its sequence (`encode_body`) and when a consumer reads it (`decode`),
so no agent can hold a message that will be refused for ever.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linli import canonical, topics
from linli.clock import format_time, parse_time
from linli.errors import MalformedMessage, Refused
from linli.ids import check_id, check_type, is_id
from linli.model import (
    READINGS_TYPE,
    Alert,
    JsonValue,
    Lane,
    LaneKey,
    Message,
    Reading,
    Readings,
    TimeSource,
)
from linli.strictjson import MAX_STRING, dumps, parse_object

MAX_MESSAGE_BYTES = 512 * 1024
"""Half of what NATS takes (1 MiB, above which it cuts the client off): room for another broker's lower limit."""

MAX_READINGS = 1000
_SEQUENCE_DIGITS = 19
_MAX_SEQUENCE = 2**63 - 1
_TIME_RANGE = range(2**33 * 1_000_000)
"""1970 to 2242: as far as SenML's `t`, a double of seconds, still tells one microsecond from the next."""

_DECIMAL = re.compile(r"\d{19}", re.ASCII)

_CLOUDEVENTS_KEYS = frozenset(("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"))
_OUR_KEYS = frozenset(("bootid", "sequence", "oldest", "agenttime", "timesource", "historic"))
_EVENT_KEYS = _CLOUDEVENTS_KEYS | _OUR_KEYS
_TIME_SOURCES = frozenset(source.value for source in TimeSource)
_READING_KEYS = frozenset(("n", "u", "t", "v", "vb"))


# --- lanes ----------------------------------------------------------------------------------------------------------


def encode_body(message: Message) -> bytes:
    """The payload without `oldest`, as an outbox keeps it; `with_oldest` makes it whole at each sending.

    Raises Refused (a MalformedMessage, or 'bad_id', 'bad_type') for what no consumer would take.
    """
    check(message)
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{message.bootid}-{message.lane}-{message.sequence}",
        "source": f"{topics.ROOT}/{message.community}/gateway/{message.gateway}",
        "type": message.type,
        "subject": message.subject,
        "time": format_time(message.time),
        "bootid": message.bootid,
        "sequence": _padded(message.sequence),
        "agenttime": format_time(message.agent_time),
        "timesource": message.time_source.value,
    }
    if message.historic:
        document["historic"] = True
    if message.type == READINGS_TYPE:
        document["datacontenttype"] = "application/senml+json"
        document["data"] = [_senml(reading) for reading in message.readings]
    else:
        document["datacontenttype"] = "application/json"
        document["data"] = message.data
    try:
        body = bytes(memoryview(dumps(document)))  # a copy: orjson leaves the buffer at several times its size
    except TypeError as error:  # orjson: not JSON, a lone surrogate, an integer beyond 64 bits
        raise MalformedMessage("not_json", str(error)[:200]) from None
    _check_finite(message.data)
    if len(body) > MAX_MESSAGE_BYTES - 64:
        raise MalformedMessage("too_large", f"{len(body)} bytes, over the limit of {MAX_MESSAGE_BYTES - 64}")
    packed = message.type == READINGS_TYPE
    plain = all(type(reading.value) is float for reading in message.readings) if packed else _is_plain(message.data)
    if not plain:
        parse_object(body, MAX_MESSAGE_BYTES)  # what a consumer would refuse in `data`, the agent refuses first
    return body


def _is_plain(data: Mapping[str, JsonValue]) -> bool:
    """Whether it is flat and has nothing that `parse_object` could refuse: seen here for a tenth of the work."""
    for key, value in data.items():
        kind = type(value)
        if type(key) is not str or "\x00" in key or len(key) > MAX_STRING:
            return False
        if kind is str:
            if "\x00" in value or len(value) > MAX_STRING:  # type: ignore[operator, arg-type]
                return False
        elif kind is int:
            if not -(2**63) <= value < 2**63:  # type: ignore[operator]
                return False
        elif kind is not float and kind is not bool and value is not None:
            return False
    return True


def with_oldest(body: bytes, oldest: int) -> bytes:
    """`body` of `encode_body` with the lowest sequence that the agent still holds, as it goes out now."""
    return b'%s,"oldest":"%s"}' % (body[:-1], _padded(oldest).encode())


def with_oldest_each(bodies: Sequence[bytes], oldest: int) -> list[bytes]:
    """`with_oldest` of many."""
    end = b',"oldest":"%s"}' % _padded(oldest).encode()
    return [body[:-1] + end for body in bodies]


def encode(message: Message) -> bytes:
    """The whole payload of a lane message."""
    return with_oldest(encode_body(message), message.oldest)


def decode(topic: topics.GatewayTopic, payload: bytes) -> Message:
    """The message in `payload`, which came on the lane `topic`. Any bytes give a Message or a Refused, nothing else.

    The topic is what the broker's permissions vouch for, so a payload that names another source is refused.
    """
    lane = topic.lane
    if lane is None:
        raise MalformedMessage("bad_topic", f"{topic} is not a lane")
    if len(payload) <= MAX_MESSAGE_BYTES:
        message = canonical.decode(topic, payload, MAX_READINGS)
        if message is not None and message.time in _TIME_RANGE and message.agent_time in _TIME_RANGE:
            return message
    return _decode_any(topic, lane, payload)


def _decode_any(topic: topics.GatewayTopic, lane: Lane, payload: bytes) -> Message:
    """What a message means, whoever wrote it: `canonical` may be quicker, never different."""
    document = parse_object(payload, MAX_MESSAGE_BYTES)
    unknown = document.keys() - _EVENT_KEYS
    if unknown:
        raise MalformedMessage("unknown_attribute", f"attribute {min(unknown)!r:.80} is not of this wire format")
    if document.get("specversion") != "1.0":
        raise MalformedMessage("not_cloudevents", "specversion is not '1.0'")
    if not isinstance(document.get("id"), str) or not document["id"]:
        raise MalformedMessage("not_cloudevents", "id is missing, empty or not a string")
    source = f"{topics.ROOT}/{topic.community}/gateway/{topic.gateway}"
    if document.get("source") != source:
        raise MalformedMessage("wrong_source", f"source {document.get('source')!r:.120} came on the topic of {source}")
    kind = check_type(document.get("type"))
    historic = document.get("historic", False)
    if not isinstance(historic, bool):
        raise MalformedMessage("wrong_type", "historic is not true or false")
    data = document.get("data", {})
    packed = kind == READINGS_TYPE
    if not packed and not isinstance(data, dict):
        raise MalformedMessage("wrong_type", "data of an event is not an object")
    message = Message(
        community=topic.community,
        gateway=topic.gateway,
        bootid=check_id(document.get("bootid"), "bootid"),
        lane=lane,
        sequence=_unpadded(document, "sequence"),
        oldest=_unpadded(document, "oldest"),
        type=kind,
        subject=check_id(document.get("subject"), "subject"),
        time=_time(document, "time"),
        agent_time=_time(document, "agenttime"),
        time_source=_time_source(document.get("timesource")),
        historic=historic,
        data={} if packed else data,
        readings=Readings.of(_readings(data)) if packed else (),
    )
    check(message)
    return message


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where on its lane a message stands, whatever is in it."""

    lane: LaneKey
    sequence: int
    oldest: int


def envelope(topic: topics.GatewayTopic, payload: bytes) -> Envelope | None:
    """The envelope of what `decode` refuses; None if it cannot be read. Never raises.

    With it a consumer goes on behind the message: an agent of a newer version would otherwise send it for ever.
    """
    try:
        document = parse_object(payload, MAX_MESSAGE_BYTES)
        bootid = check_id(document.get("bootid"), "bootid")
        sequence, oldest = _unpadded(document, "sequence"), _unpadded(document, "oldest")
    except Refused:
        return None
    if topic.lane is None or not 1 <= oldest <= sequence <= _MAX_SEQUENCE:
        return None
    return Envelope(LaneKey(topic.community, topic.gateway, bootid, topic.lane), sequence, oldest)


def check(message: Message) -> None:
    """Refuse what breaks a bound of the wire format, whichever end made it."""
    for value, what in (
        (message.community, "community"),
        (message.gateway, "gateway"),
        (message.bootid, "bootid"),
        (message.subject, "subject"),
    ):
        check_id(value, what)
    check_type(message.type)
    if not 1 <= message.oldest <= message.sequence <= _MAX_SEQUENCE:
        raise MalformedMessage("bad_sequence", f"sequence {message.sequence}, oldest {message.oldest}")
    if message.time not in _TIME_RANGE or message.agent_time not in _TIME_RANGE:
        raise MalformedMessage("bad_time", "a time lies before 1970 or after 2242")
    if (message.type == READINGS_TYPE) != bool(message.readings):
        raise MalformedMessage("no_readings", "a packet needs readings, and only a packet has them")
    if len(message.readings) > MAX_READINGS:
        raise MalformedMessage("too_many_readings", f"{len(message.readings)}, over the limit of {MAX_READINGS}")
    for reading in message.readings:
        _check_reading(reading)


def _check_reading(reading: Reading) -> None:
    if not (is_id(reading.device) and is_id(reading.quantity)):
        raise MalformedMessage("bad_id", f"{reading.device!r:.80}/{reading.quantity!r:.80} is not device/quantity")
    if not math.isfinite(reading.value):
        raise MalformedMessage("not_finite", f"{reading.device}/{reading.quantity} is {reading.value}")
    if reading.unit is not None and canonical.UNIT.fullmatch(reading.unit) is None:
        raise MalformedMessage("bad_unit", f"{reading.unit!r:.80} is not a unit")
    if reading.time not in _TIME_RANGE:
        raise MalformedMessage("bad_time", "a reading lies before 1970 or after 2242")


def _check_finite(data: JsonValue | Mapping[str, JsonValue]) -> None:
    """Refuse NaN and infinities, which orjson would write as null. Only for what orjson has written: it has an end."""
    below: list[Any] = [data]
    while below:
        item = below.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise MalformedMessage("not_finite", f"data holds {item}, which JSON cannot")
        if isinstance(item, Mapping):
            below.extend(item.values())
        elif isinstance(item, list | tuple):
            below.extend(item)


def _senml(reading: Reading) -> dict[str, JsonValue]:
    record: dict[str, JsonValue] = {
        "n": f"{reading.device}/{reading.quantity}",
        "t": reading.time / 1_000_000,
        "v": reading.value,
    }
    if reading.unit is not None:
        record["u"] = reading.unit
    return record


def _readings(records: object) -> Sequence[Reading]:
    if not isinstance(records, list):
        raise MalformedMessage("wrong_type", "data of a packet is not a list of SenML records")
    if len(records) > MAX_READINGS:
        raise MalformedMessage("too_many_readings", f"{len(records)}, over the limit of {MAX_READINGS}")
    return [_reading(record) for record in records]


def _reading(record: object) -> Reading:
    if not isinstance(record, dict) or record.keys() - _READING_KEYS:
        raise MalformedMessage(
            "bad_senml", "a record is not an object of n, u, t and v or vb (names and times resolved)"
        )
    name, seconds, unit = record.get("n"), record.get("t"), record.get("u")
    if not isinstance(name, str) or name.count("/") != 1:
        raise MalformedMessage("bad_senml", f"name {name!r:.120} is not 'device/quantity'")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 2**53 / 1e6:
        raise MalformedMessage("bad_time", f"{name:.120} has the time {seconds!r:.40}")
    if unit is not None and not isinstance(unit, str):
        raise MalformedMessage("bad_unit", f"{name:.120} has a unit that is not a string")
    device, _, quantity = name.partition("/")
    return Reading(device, quantity, round(seconds * 1_000_000), _value(record, name), unit)


def _value(record: Mapping[str, object], name: str) -> float:
    value, flag = record.get("v"), record.get("vb")
    if isinstance(flag, bool) and "v" not in record:
        return float(flag)
    if "vb" in record or isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedMessage("wrong_type", f"{name:.120} needs a number in v, or true or false in vb")
    return float(value)


def _padded(number: int) -> str:
    return str(number).zfill(_SEQUENCE_DIGITS)


def _unpadded(document: Mapping[str, object], key: str) -> int:
    text = document.get(key)
    if not isinstance(text, str) or _DECIMAL.fullmatch(text) is None:
        raise MalformedMessage("bad_sequence", f"{key} {text!r:.40} is not a decimal of {_SEQUENCE_DIGITS} digits")
    return int(text)


def _time(document: Mapping[str, object], key: str) -> int:
    text = document.get(key)
    if not isinstance(text, str):
        raise MalformedMessage("bad_time", f"{key} is missing or not a string")
    try:
        return parse_time(text)
    except ValueError as error:
        raise MalformedMessage("bad_time", f"{key}: {error}") from None


def _time_source(word: object) -> TimeSource:
    if isinstance(word, str) and word in _TIME_SOURCES:
        return TimeSource(word)
    raise MalformedMessage("bad_time", f"timesource {word!r:.40} is not device, agent or server")


# --- acknowledgement, status, notice --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ack:
    """A consumer's cumulative answer: it has all of `lane` of `bootid` up to and including `upto` for good.

    `at`: the server's clock when it was sent, in microseconds since 1970 UTC, by which an agent knows how far off its own
    is; None from a server that does not say.
    """

    bootid: str
    lane: Lane
    upto: int
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """A gateway's retained status; the broker publishes `online=False` as its last will."""

    online: bool
    bootid: str
    version: str
    at: int


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """What rules tells of an alert after it is committed: enough to know whether to look it up."""

    id: str
    rule: str
    community: str
    subject: str
    severity: str
    condition: str
    handling: str
    change: str
    opened_at: int
    updated_at: int


def encode_ack(ack: Ack) -> bytes:
    """`{"bootid": ..., "lane": ..., "upto": 17, "at": 1763872790123456}`."""
    document: dict[str, JsonValue] = {"bootid": ack.bootid, "lane": ack.lane.value, "upto": ack.upto}
    if ack.at is not None:
        document["at"] = ack.at
    return dumps(document)


def decode_ack(payload: bytes) -> Ack:
    """The acknowledgement in `payload`, or MalformedMessage."""
    document = parse_object(payload, 4096)
    bootid, lane, upto = document.get("bootid"), document.get("lane"), document.get("upto")
    if not is_id(bootid) or lane not in (Lane.URGENT.value, Lane.BULK.value):
        raise MalformedMessage("bad_ack", "bootid or lane is wrong")
    if isinstance(upto, bool) or not isinstance(upto, int) or not 0 <= upto <= _MAX_SEQUENCE:
        raise MalformedMessage("bad_ack", f"upto {upto!r:.40} is not a sequence")
    at = document.get("at")
    if at is not None and (isinstance(at, bool) or not isinstance(at, int) or at not in _TIME_RANGE):
        raise MalformedMessage("bad_ack", f"at {at!r:.40} is not a time")
    return Ack(str(bootid), Lane(lane), upto, at)


def encode_status(status: Status) -> bytes:
    """`{"state": "online", "bootid": ..., "version": ..., "at": RFC 3339}`."""
    state = "online" if status.online else "offline"
    at = format_time(status.at)
    return dumps({"state": state, "bootid": status.bootid, "version": status.version, "at": at})


def decode_status(payload: bytes) -> Status:
    """The status in `payload`, or MalformedMessage."""
    document = parse_object(payload, 4096)
    state, bootid, version = document.get("state"), document.get("bootid"), document.get("version")
    if state not in ("online", "offline") or not is_id(bootid) or not isinstance(version, str):
        raise MalformedMessage("bad_status", "state, bootid or version is wrong")
    return Status(state == "online", str(bootid), version[:64], _time(document, "at"))


def notice_of(alert: Alert, change: str) -> AlertNotice:
    """The notice of `change` ('opened', 'acknowledged', ...) of `alert`."""
    return AlertNotice(
        id=alert.id,
        rule=alert.rule,
        community=alert.community,
        subject=alert.subject,
        severity=alert.severity.value,
        condition=alert.condition.value,
        handling=alert.handling.value,
        change=change,
        opened_at=alert.opened_at,
        updated_at=alert.updated_at,
    )


def encode_notice(notice: AlertNotice) -> bytes:
    """A flat JSON object with the notice's fields; times as RFC 3339."""
    document: dict[str, object] = {name: getattr(notice, name) for name in AlertNotice.__slots__}
    document |= {"opened_at": format_time(notice.opened_at), "updated_at": format_time(notice.updated_at)}
    return dumps(document)


def decode_notice(payload: bytes) -> AlertNotice:
    """The notice in `payload`, or Refused."""
    document = parse_object(payload, 16 * 1024)
    words = ("rule", "community", "subject", "severity", "condition", "handling", "change", "id")
    if not all(isinstance(document.get(word), str) for word in words):
        raise MalformedMessage("bad_notice", f"a notice needs {', '.join(words)} as strings")
    texts = {word: str(document[word]) for word in words}
    return AlertNotice(**texts, opened_at=_time(document, "opened_at"), updated_at=_time(document, "updated_at"))
