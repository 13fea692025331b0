"""Reports of device inputs that the agent refused: seen on the server among the dead letters, and bounded in rate."""

from collections import OrderedDict

from linli.model import JsonValue

REFUSED_TYPE = "linli.input.refused"
EXCERPT_BYTES = 1024
_BURST = 60.0
_PER_SECOND = 1.0
_SAME_AGAIN_S = 600.0
_REMEMBERED = 1000
_STANDING = frozenset(("unmapped_device",))
"""Reasons that a device gives with every message, until somebody changes the mapping."""


class RefusalReport:
    """Decides which refusals are reported: a burst of 60, then one a second; the same standing one once in 10 minutes."""

    def __init__(self) -> None:
        self._tokens = _BURST
        self._filled_at: float | None = None
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._suppressed = 0

    def data(self, reason: str, detail: str, topic: str, payload: bytes, now: float) -> dict[str, JsonValue] | None:
        """The data of the report's event, or None if this one is only counted. `now` is in monotonic seconds.

        `payload` is an excerpt, what is not UTF-8 replaced; `size` is what it had; `suppressed` counts those that were
        not reported since the report before.
        """
        if not self._may(reason, topic, now):
            self._suppressed += 1
            return None
        suppressed, self._suppressed = self._suppressed, 0
        return {
            "topic": _clean(topic)[:512],
            "reason": reason,
            "detail": _clean(detail)[:512],
            "payload": _clean(payload[:EXCERPT_BYTES].decode("utf-8", "replace")),
            "size": len(payload),
            "suppressed": suppressed,
        }

    def _may(self, reason: str, topic: str, now: float) -> bool:
        if reason in _STANDING:
            told = self._told.get((reason, topic))
            if told is not None and now - told < _SAME_AGAIN_S:
                return False
        if self._filled_at is not None:
            self._tokens = min(_BURST, self._tokens + (now - self._filled_at) * _PER_SECOND)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        if reason in _STANDING:
            self._told[reason, topic] = now
            while len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)
        return True


def _clean(text: str) -> str:
    """Without NUL and lone surrogates, which no message may hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
