"""Which communities a worker serves: those whose CRC-32, modulo the number of shards, is its own number. No I/O.

Shards count from 0, as a StatefulSet's ordinals do: 0/3, 1/3, 2/3. One worker alone is 0/1, which is everything. CRC-32 is
zlib's, of the community's id in ASCII: the same on every machine and in every version.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zlib import crc32

from linli.topics import Leaf, any_gateway

MOST = 1000
"""More shards than this are a slip of the finger."""

_WRITTEN = re.compile(r"(\d{1,4})[/-](\d{1,4})", re.ASCII)
_AUTO = re.compile(r"auto[/-](\d{1,4})", re.ASCII)
_ORDINAL = re.compile(r"(\d{1,4})$", re.ASCII)
_WORKER = re.compile(r"([a-z]+)-(\d{1,4})-of-(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """Shard `number` of `count`. ValueError for one that there cannot be."""

    number: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST:
            raise ValueError(f"there can be 1 to {MOST} shards, not {self.count}")
        if not 0 <= self.number < self.count:
            last = self.count - 1
            raise ValueError(f"shards count from 0: of {self.count} they are 0/{self.count} to {last}/{self.count}")

    @classmethod
    def parse(cls, text: str, hostname: str = "") -> "Shard":
        """Of '2/8', or '2-8' where a slash cannot be (a systemd instance); of 'auto/8', whose number ends the name of this
        host ('linli-rules-2', as a StatefulSet names its pods). ValueError, saying what would do, for anything else."""
        auto = _AUTO.fullmatch(text)
        if auto is not None:
            ordinal = _ORDINAL.search(hostname.partition(".")[0])
            if ordinal is None:
                raise ValueError(
                    f"{text} takes the number at the end of the host's name, and {hostname!r} ends in none"
                )
            return cls(int(ordinal[1]), int(auto[1]))
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(f"{text!r:.40} is no shard; one is written 2/8, 2-8 or auto/8")
        return cls(int(written[1]), int(written[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self.count == 1

    def covers(self, community: str) -> bool:
        """Whether the community is this shard's."""
        return self.count == 1 or _number(community, self.count) == self.number

    def worker(self, service: str) -> str:
        """The name of the service's worker for this shard: 'rules', 'rules-2-of-8'."""
        return service if self.whole else f"{service}-{self.number}-of-{self.count}"

    def folder(self, base: Path) -> Path:
        """Where it keeps its own below `base`: `base` itself, or `base`/shard-2-of-8."""
        return base if self.whole else base / f"shard-{self.number}-of-{self.count}"

    def filters(self, leaves: Iterable[Leaf], communities: Iterable[str]) -> list[str]:
        """What to subscribe to for these leaves: all of them at once, or those of the shard's among `communities`, so that
        the broker sends nothing that another shard takes."""
        if self.whole:
            return [any_gateway(leaf) for leaf in leaves]
        listed = list(leaves)
        return [any_gateway(leaf, community) for community in communities if self.covers(community) for leaf in listed]


WHOLE = Shard()
"""The only shard where there is one."""


def shards_of(count: int) -> list[Shard]:
    """All of them, in order."""
    return [Shard(number, count) for number in range(count)]


def service_of(worker: str) -> tuple[str, Shard]:
    """The inverse of `Shard.worker`; a name that says no shard is that of the whole."""
    named = _WORKER.fullmatch(worker)
    if named is None:
        return worker, WHOLE
    return named[1], Shard(int(named[2]), int(named[3]))


@lru_cache(maxsize=65536)
def _number(community: str, count: int) -> int:
    return crc32(community.encode()) % count
