"""From bytes on a lane to the engine's input, and the same again when they are read from the journal. No I/O."""

import logging
from functools import lru_cache

from linli import topics
from linli.codec import Envelope, decode, envelope
from linli.delivery import key_of
from linli.errors import Refused
from linli.eventtime import settle
from rules.engine.inputs import MessageIn, PassedIn

_log = logging.getLogger(__name__)


def read(topic: str, payload: bytes, received_at: int) -> tuple[Envelope, MessageIn | PassedIn] | None:
    """What came and where on its lane it stands; None for what has no place on a lane. Never raises.

    A message that cannot be read is passed over: ingest keeps the dead letter.
    """
    lane = _lane(topic)
    if lane is None:
        return None
    try:
        told = decode(lane, payload)
        message = settle(told, received_at)
        place = Envelope(key_of(message), message.sequence, message.oldest)
        taken_at = told.agent_time if message is not told else None
        return place, MessageIn(message, received_at, (topic, payload), taken_at)
    except Exception as error:  # noqa: BLE001  (the boundary of one message: nothing a sender makes ends the worker)
        _log.debug("refused on %s: %s", topic, error)
    place_of_refused = envelope(lane, payload)
    if place_of_refused is None:
        return None
    return place_of_refused, PassedIn(place_of_refused.lane, place_of_refused.sequence, received_at)


@lru_cache(maxsize=65536)
def _lane(topic: str) -> topics.GatewayTopic | None:
    try:
        parsed = topics.parse(topic)
    except Refused:
        return None
    return parsed if isinstance(parsed, topics.GatewayTopic) and parsed.lane is not None else None
