"""The ledger: what was handed to an agent (attempted), and what it confirmed (taken), in a file that outlives a kill.

Lines: `A kind first last` before numbers are handed over; `T first last`, fsynced, after `take` has returned; `U number ...`
when the agent said that it has not kept them. A number attempted and neither confirmed nor refused may exist or not.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.plan import Kind


class LedgerWriter:
    """Appends to one gateway's ledger. Each line is one write: a kill leaves whole lines, or a torn last one."""

    def __init__(self, file: Path) -> None:
        self._handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if os.fstat(self._handle).st_size:
            os.write(self._handle, b"\n")  # ends a line that a kill has torn

    def attempt(self, kind: Kind, first: int, last: int) -> None:
        """These are about to be handed over."""
        os.write(self._handle, f"A {kind} {first} {last}\n".encode())

    def taken(self, first: int, last: int) -> None:
        """The agent has confirmed all of them."""
        os.write(self._handle, f"T {first} {last}\n".encode())
        os.fsync(self._handle)

    def unkept(self, numbers: Iterable[int]) -> None:
        """The agent said that it has not kept these."""
        os.write(self._handle, f"U {' '.join(map(str, numbers))}\n".encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


@dataclass(slots=True)
class Ledger:
    """One gateway's ledger as read: `kinds` of all that was attempted, `taken` of those what was confirmed."""

    kinds: dict[int, Kind] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    unkept: set[int] = field(default_factory=set)

    @property
    def last(self) -> int:
        """The highest number attempted."""
        return max(self.kinds, default=0)

    @property
    def doubtful(self) -> set[int]:
        """What was attempted, and neither confirmed nor refused."""
        return self.kinds.keys() - self.taken - self.unkept


def read_ledger(file: Path) -> Ledger:
    """The ledger in `file`; empty if there is none. A torn line is left out: what it says was not done yet."""
    ledger = Ledger()
    if not file.exists():
        return ledger
    for line in file.read_text().splitlines():
        words = line.split()
        try:
            match words:
                case ["A", kind, first, last]:
                    numbers = range(int(first), int(last) + 1)
                    ledger.kinds.update(dict.fromkeys(numbers, Kind(kind)))
                    ledger.unkept.difference_update(numbers)  # tried again
                case ["T", first, last]:
                    ledger.taken.update(range(int(first), int(last) + 1))
                case ["U", *refused]:
                    ledger.unkept.update(map(int, refused))
        except ValueError:
            continue
    return ledger
