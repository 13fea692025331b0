"""Seals: how the history that machines write joins the audit log without being chained row by row. No I/O.

Rules appends thousands of changes a second; a chain would make it wait for everybody. So those tables are only ever appended
to, and now and then an entry goes into the chain (`SEALED`) that holds the SHA-256 over all rows since the last. A row that is
edited, removed or put in between later does not fit its seal.

When retention takes rows, or the entry of a seal itself grows old, what is left of its range is sealed again (`RESEALED`), in the
transaction that deletes, and only if the old seal still held: what was forged before is not made good by growing old.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linli.audit import Entry, Fact, canonical
from linli.auditwords import RESEALED, SEALED


@dataclass(frozen=True, slots=True)
class Seal:
    """The rows of `table` with first <= id <= last, all that there were: how many, and their digest over these columns.
    `seq`: the entry that says so."""

    table: str
    first: int
    last: int
    rows: int
    digest: str
    columns: tuple[str, ...]
    seq: int = 0

    def facts(self) -> Mapping[str, Fact]:
        """As an entry has it."""
        return {
            "first": self.first,
            "last": self.last,
            "rows": self.rows,
            "sha256": self.digest,
            "columns": list(self.columns),
        }


def seal_of(entry: Entry) -> Seal | None:
    """The seal that an entry is; None if it is another. ValueError if it is none, though it says so."""
    if entry.verb not in (SEALED, RESEALED):
        return None
    facts = entry.facts
    try:
        columns = tuple(str(name) for name in facts["columns"])
        first, last, rows = int(facts["first"]), int(facts["last"]), int(facts["rows"])
        return Seal(entry.ids[0], first, last, rows, str(facts["sha256"]), columns, entry.seq)
    except (LookupError, TypeError) as error:
        raise ValueError("not a seal") from error


class Digest:
    """The SHA-256 over rows in the order of their ids: of each the canonical JSON of its values, and a line feed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, values: Sequence[Any]) -> None:
        """The next row."""
        self._hash.update(canonical(list(values)) + b"\n")
        self.rows += 1

    def seal(self, table: str, first: int, last: int, columns: Sequence[str]) -> Seal:
        """The seal of what was added."""
        return Seal(table, first, last, self.rows, self._hash.hexdigest(), tuple(columns))


class Seals:
    """The seals that hold, as the entries of a chain say it: a later one replaces those within its range."""

    def __init__(self, seals: Iterable[Seal] = ()) -> None:
        self._of: dict[str, list[Seal]] = {}
        for seal in seals:
            self.take(seal)

    def take(self, seal: Seal) -> None:
        """The next one."""
        here = self._of.setdefault(seal.table, [])
        start = end = bisect_left(here, seal.first, key=lambda one: one.first)
        while end < len(here) and here[end].last <= seal.last:
            end += 1
        here[start:end] = [seal]

    def tables(self) -> list[str]:
        """The tables that have any."""
        return sorted(self._of)

    def of(self, table: str) -> Sequence[Seal]:
        """Those of a table, by their rows."""
        return self._of.get(table, [])

    def gap(self, table: str) -> Seal | None:
        """The first seal that does not go on where the one before ended; None if they leave nothing out."""
        following = 1
        for seal in self.of(table):
            if seal.first != following:
                return seal
            following = seal.last + 1
        return None


def grouped(seals: Sequence[Seal], most: int) -> list[list[Seal]]:
    """Seals of one table in groups of neighbours with not more than `most` rows each, where one alone has not more."""
    groups: list[list[Seal]] = []
    rows = 0
    for seal in seals:
        if groups and groups[-1][-1].last + 1 == seal.first and rows + seal.rows <= most:
            groups[-1].append(seal)
            rows += seal.rows
        else:
            groups.append([seal])
            rows = seal.rows
    return groups
