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
from ipaddress import IPv6Address, ip_address

from linli.buckets import Buckets

BURST = 5
REFILL_S = 30.0
ADDRESS_BURST = 60
ADDRESS_REFILL_S = 1.0
MAX_KEPT = 10_000
"""Buckets remembered of each kind; above it the one not tried for longest is forgotten."""
MAX_KNOWN = 8
"""Addresses remembered for a name, the last signed in from: a few desks and phones."""


class Throttle:
    """Counts tries at passwords, or at codes. Safe to call from several threads. Forgets all when the process ends."""

    def __init__(self, burst: int = BURST, refill_s: float = REFILL_S) -> None:
        self._names: Buckets[tuple[str, str]] = Buckets(burst, refill_s, MAX_KEPT)
        self._addresses: Buckets[str] = Buckets(ADDRESS_BURST, ADDRESS_REFILL_S, MAX_KEPT)
        self._known: OrderedDict[str, list[str]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, address: str, now: float) -> float:
        """Take a try for `name` from `address` at `now` (seconds, monotonic): 0.0 if granted, else the seconds to wait."""
        source = source_of(address)
        with self._lock:
            shared = self._addresses.of(source, now)
            if (wait := shared.wait(now)) > 0:
                return wait  # before the name's is touched: tries that are not granted must not push out other names
            if (wait := self._names.of(self._key(name, source), now).take(now)) == 0:
                shared.take(now)
            return wait

    def wait(self, name: str, address: str, now: float) -> float:
        """How long the next try for `name` from `address` would have to wait; takes none."""
        source = source_of(address)
        with self._lock:
            found = (self._names.get(self._key(name, source)), self._addresses.get(source))
            return max((bucket.wait(now) for bucket in found if bucket is not None), default=0.0)

    def forgive(self, name: str, address: str) -> None:
        """The last try for `name` was right: it and the earlier ones from there no longer count, and `address` is known."""
        source = source_of(address)
        with self._lock:
            self._names.forget(self._key(name, source))
            if (shared := self._addresses.get(source)) is not None:
                shared.give_back()
            others = [known for known in self._known.pop(name, []) if known != source]
            self._known[name] = [*others, source][-MAX_KNOWN:]
            if len(self._known) > MAX_KEPT:
                self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """The name has a new password: no earlier try counts, and no address is known for it."""
        with self._lock:
            for source in ("", *self._known.pop(name, [])):
                self._names.forget((name, source))

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
