"""Token buckets: how often something may be done, by whom. Decides only; time is an argument (seconds, monotonic).

A bucket holds `size` tokens and gets one back each `refill_s` seconds. A table of them is bounded: above its bound it forgets
the one not used for longest, whose bucket is as good as full by then unless somebody makes up keys without end.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

_K = TypeVar("_K")


@dataclass(slots=True)
class Bucket:
    """`left` tokens at the time `seen`."""

    size: int
    refill_s: float
    left: float
    seen: float

    def wait(self, now: float) -> float:
        """Seconds until there is a token to take; 0.0 if there is one now. Takes none."""
        self.left = min(float(self.size), self.left + max(0.0, now - self.seen) / self.refill_s)
        self.seen = now
        return 0.0 if self.left >= 1 else (1 - self.left) * self.refill_s

    def take(self, now: float) -> float:
        """Take a token if there is one: 0.0, else the seconds to wait, and then nothing is taken."""
        if (wait := self.wait(now)) == 0:
            self.left -= 1
        return wait

    def give_back(self) -> None:
        """One did not count after all."""
        self.left = min(float(self.size), self.left + 1)

    @property
    def full_in_s(self) -> float:
        """Seconds from `seen` until it is full again."""
        return (self.size - self.left) * self.refill_s


class Buckets(Generic[_K]):
    """Buckets of one size by key, at most `most` of them. Not safe to call from several threads."""

    def __init__(self, size: int, refill_s: float, most: int) -> None:
        self.size = size
        self.refill_s = refill_s
        self._most = most
        self._kept: OrderedDict[_K, Bucket] = OrderedDict()

    def __contains__(self, key: _K) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, key: _K, now: float) -> Bucket:
        """The bucket of `key`, a full one if it is new, as the one used last."""
        bucket = self._kept.get(key)
        if bucket is None:
            bucket = self._kept[key] = Bucket(self.size, self.refill_s, self.size, now)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return bucket

    def get(self, key: _K) -> Bucket | None:
        """The bucket of `key`, if it has one."""
        return self._kept.get(key)

    def forget(self, key: _K) -> None:
        """`key` has a full bucket again. Forgetting one that is not there is allowed."""
        self._kept.pop(key, None)
