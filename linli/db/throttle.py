"""How often a password may be tried: by name, and over all names. Decides only; time is an argument.

Each name has a bucket of BURST tries, which refills by one each REFILL_S seconds; all names together share a larger one.
A try is taken before the password is checked, so that tries sent at once do not all get through, and given back when it
was right. A name nobody has is throttled like one that somebody has, so the throttle tells nothing either.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass

BURST = 5
REFILL_S = 30.0
OVERALL_BURST = 60
OVERALL_REFILL_S = 1.0
MAX_NAMES = 10_000
"""Names remembered; above it the one not tried for longest is forgotten (the overall bucket still holds)."""


@dataclass(slots=True)
class _Bucket:
    size: int
    refill_s: float
    left: float
    seen: float

    def wait(self, now: float) -> float:
        """Seconds until there is a try to take; 0.0 if there is one now."""
        self.left = min(float(self.size), self.left + max(0.0, now - self.seen) / self.refill_s)
        self.seen = now
        return 0.0 if self.left >= 1 else (1 - self.left) * self.refill_s


class Throttle:
    """Counts tries at passwords. Safe to call from several threads. Forgets all when the process ends."""

    def __init__(self, now: float) -> None:
        self._overall = _Bucket(OVERALL_BURST, OVERALL_REFILL_S, OVERALL_BURST, now)
        self._names: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, now: float) -> float:
        """Take a try for `name` at `now` (seconds, monotonic): 0.0 if granted, else the seconds to wait."""
        with self._lock:
            bucket = self._names.pop(name, None) or _Bucket(BURST, REFILL_S, BURST, now)
            self._names[name] = bucket
            if len(self._names) > MAX_NAMES:
                self._names.popitem(last=False)
            wait = max(bucket.wait(now), self._overall.wait(now))
            if wait == 0:
                bucket.left -= 1
                self._overall.left -= 1
            return wait

    def forgive(self, name: str) -> None:
        """The last try for `name` was right: it and the name's earlier ones no longer count."""
        with self._lock:
            self._names.pop(name, None)
            self._overall.left = min(float(OVERALL_BURST), self._overall.left + 1)
