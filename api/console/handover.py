"""What is shown once, on the page after the post that made it: recovery codes. In memory alone, for minutes."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from linli.clock import Clock
from linli.db.proofs import digest

KEPT_S = 600.0
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """Codes to show, and where their owner goes on afterwards."""

    codes: tuple[str, ...]
    then: str
    at: float


class Handover:
    """Codes by the session that may see them. Safe to call from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, Shown] = {}
        self._lock = threading.Lock()

    def put(self, token: str, codes: Sequence[str], then: str) -> None:
        """Keep them for the session of this token."""
        now = self._clock.monotonic()
        with self._lock:
            self._kept = {key: one for key, one in self._kept.items() if now - one.at < KEPT_S}
            if len(self._kept) < _MOST:
                self._kept[digest(token)] = Shown(tuple(codes), then, now)

    def get(self, token: str) -> Shown | None:
        """What was kept for it, until it is forgotten."""
        with self._lock:
            found = self._kept.get(digest(token))
        return found if found is not None and self._clock.monotonic() - found.at < KEPT_S else None

    def forget(self, token: str) -> None:
        """It has been seen."""
        with self._lock:
            self._kept.pop(digest(token), None)
