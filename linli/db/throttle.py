"""How often a password may be tried: by name, and by the address that tries. Decides only; time is an argument.

Each name has a bucket of BURST tries, which refills by one each REFILL_S seconds; each address has a larger one over all the
names it tries, so a stranger who tries many names uses up their own and nobody else's. (What tries from many addresses cost
in processor time is bounded where passwords are checked.)

An address from which a name has signed in before has a bucket of its own for that name: who guesses at a guard's password
from elsewhere cannot lock the guard out at their desk.

A try is taken before the password is checked, so that tries sent at once do not all get through, and given back when it
was right. A name nobody has is throttled like one that somebody has, so the throttle tells nothing either.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

BURST = 5
REFILL_S = 30.0
ADDRESS_BURST = 60
ADDRESS_REFILL_S = 1.0
MAX_KEPT = 10_000
"""Buckets remembered of each kind; above it the one not tried for longest is forgotten."""
MAX_KNOWN = 8
"""Addresses remembered for a name, the last signed in from: a few desks and phones."""

_K = TypeVar("_K")


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

    def give_back(self) -> None:
        """One try did not count after all."""
        self.left = min(float(self.size), self.left + 1)


class Throttle:
    """Counts tries at passwords. Safe to call from several threads. Forgets all when the process ends."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._known: OrderedDict[str, list[str]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, address: str, now: float) -> float:
        """Take a try for `name` from `address` at `now` (seconds, monotonic): 0.0 if granted, else the seconds to wait."""
        source = source_of(address)
        with self._lock:
            shared = _bucket(self._addresses, source, ADDRESS_BURST, ADDRESS_REFILL_S, now)
            if (wait := shared.wait(now)) > 0:
                return wait  # before the name's is touched: tries that are not granted must not push out other names
            named = _bucket(self._names, self._key(name, source), BURST, REFILL_S, now)
            if (wait := named.wait(now)) == 0:
                named.left -= 1
                shared.left -= 1
            return wait

    def forgive(self, name: str, address: str) -> None:
        """The last try for `name` was right: it and the earlier ones from there no longer count, and `address` is known."""
        source = source_of(address)
        with self._lock:
            self._names.pop(self._key(name, source), None)
            if source in self._addresses:
                self._addresses[source].give_back()
            others = [known for known in self._known.pop(name, []) if known != source]
            self._known[name] = [*others, source][-MAX_KNOWN:]
            if len(self._known) > MAX_KEPT:
                self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """The name has a new password: no earlier try counts, and no address is known for it."""
        with self._lock:
            for source in ("", *self._known.pop(name, [])):
                self._names.pop((name, source), None)

    def _key(self, name: str, source: str) -> tuple[str, str]:
        return name, source if source in self._known.get(name, ()) else ""


def source_of(address: str) -> str:
    """What counts as one address: an IPv4 address; of IPv6 the /64, since one machine has that many. As is if it is neither."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> 64 << 64))
    return str(found)


def _bucket(kept: OrderedDict[_K, _Bucket], key: _K, size: int, refill_s: float, now: float) -> _Bucket:
    """The bucket of `key`, a full one if it is new, as the one used last."""
    bucket = kept.pop(key, None) or _Bucket(size, refill_s, size, now)
    kept[key] = bucket
    if len(kept) > MAX_KEPT:
        kept.popitem(last=False)
    return bucket
