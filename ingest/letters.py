"""Dead letters as ingest writes them: under a key by which a message sent again is the same letter."""

import hashlib
from typing import NamedTuple

from linli.codec import MAX_MESSAGE_BYTES
from linli.delivery import key_of
from linli.errors import Refused
from linli.model import DEAD_LETTER_BYTES, Consumer, DeadLetter, LaneKey, Message

EDGE = "edge"
"""Consumer of a letter that the agent wrote: what a device sent it, and it could not take."""


class Arrival(NamedTuple):
    """What came over MQTT, and when (server's time, microseconds since 1970 UTC).

    `size` is what it had on the wire: a payload over the limit is cut to just above it, which is enough to refuse it.
    """

    topic: str
    payload: bytes
    received_at: int
    size: int

    @classmethod
    def of(cls, topic: str, payload: bytes, received_at: int) -> "Arrival":
        """As it came."""
        return cls(topic, payload[: MAX_MESSAGE_BYTES + 1], received_at, len(payload))


def sequence_key(key: LaneKey, sequence: int) -> str:
    """Names one sequenced message for good."""
    return f"{key.community}/{key.gateway}/{key.bootid}/{key.lane}/{sequence}"


def letter(arrival: Arrival, refused: Refused, key: str) -> DeadLetter:
    """The letter for an arrival that ingest refuses."""
    return DeadLetter(
        key=key,
        consumer=Consumer.INGEST.value,
        received_at=arrival.received_at,
        topic=printable(arrival.topic, 500),
        reason=refused.reason,
        detail=printable(refused.detail, 2000),
        payload=arrival.payload[:DEAD_LETTER_BYTES],
        size=arrival.size,
    )


def anonymous_key(arrival: Arrival) -> str:
    """Names an arrival that has no sequence to go by: by topic and content."""
    digest = hashlib.blake2b(arrival.payload, digest_size=16, person=b"deadletter")
    digest.update(b"\x00" + arrival.topic.encode(errors="replace"))
    return f"content/{digest.hexdigest()}"


def device_letter(message: Message, arrival: Arrival) -> DeadLetter:
    """The letter that an agent reports with `linli.input.refused`: data {topic, reason, detail, payload, size,
    suppressed} (`suppressed`: how many more it did not report).

    Whatever is missing or has another type is left empty: the report itself must never be refused.
    """
    data = message.data
    payload = _text(data.get("payload")).encode(errors="replace")
    size = data.get("size")
    told = size if isinstance(size, int) and 0 <= size < 2**63 else len(payload)
    detail, suppressed = _text(data.get("detail")), data.get("suppressed")
    if suppressed and isinstance(suppressed, int):
        detail += f" (and {suppressed} more that were not reported)"
    return DeadLetter(
        key=sequence_key(key_of(message), message.sequence),
        consumer=EDGE,
        received_at=arrival.received_at,
        topic=printable(f"{message.gateway}: {_text(data.get('topic'))}", 500),
        reason=printable(_text(data.get("reason")) or "refused", 64),
        detail=printable(detail, 2000),
        payload=payload[:DEAD_LETTER_BYTES],
        size=told,
    )


def printable(text: str, limit: int) -> str:
    """`text` without what a database or a terminal stumbles over (NUL, lone surrogates), at most `limit` characters."""
    clean = text.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
