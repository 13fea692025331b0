"""What is wrong in a file of tables: where, what, and what to do; in both languages."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from linli.i18n import Text

MOST_KEPT = 20_000
"""So many faults of each level are told one by one; the rest are counted."""


class Level(StrEnum):
    """How much a fault matters."""

    ERROR = "error"
    """The file is not taken."""
    NOTE = "note"
    """The file is taken; somebody should look at it."""
    CONTRADICTION = "contradiction"
    """Another source says something else. Both are kept, and shown."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `row` counts from 1, the heading's, as spreadsheets do; 0: the sheet as a whole. `column`: the heading as it
    is in the file, or where there is none, in both languages; '' for the row as a whole. `reason`: a stable code."""

    level: Level
    sheet: str
    row: int
    column: str
    value: str
    reason: str
    text: Text

    def told(self) -> Text:
        """The fault as a line for people."""
        zh, en = [self.sheet], [self.sheet]
        if self.row:
            zh.append(f"第 {self.row} 行")
            en.append(f"row {self.row}")
        if self.column:
            zh.append(f"“{self.column}”")
            en.append(f"“{self.column}”")
        shown = f" {self.value!r}" if self.value else ""
        return Text(f"{'，'.join(zh)}{shown}：{self.text.zh}", f"{', '.join(en)}{shown}: {self.text.en}")


class Faults:
    """The faults of a file, in the order in which they were found. Bounded: `counts` goes on when no more are kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: dict[Level, list[Fault]] = {level: [] for level in Level}
        self.counts: Counter[Level] = Counter()

    def add(self, fault: Fault) -> None:
        """One more."""
        self.counts[fault.level] += 1
        if self.counts[fault.level] <= self._most:
            self._kept[fault.level].append(fault)

    @property
    def errors(self) -> int:
        """How many there are because of which the file is not taken."""
        return self.counts[Level.ERROR]

    def of(self, level: Level) -> list[Fault]:
        """Those of a level that were kept."""
        return self._kept[level]

    def left_out(self, level: Level) -> int:
        """How many of a level were only counted."""
        return max(0, self.counts[level] - self._most)

    def __iter__(self) -> Iterator[Fault]:
        for kept in self._kept.values():
            yield from kept


class BadCell(ValueError):
    """A cell that cannot be understood: a stable code, and what to do."""

    def __init__(self, reason: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.reason = reason
        self.text = Text(zh, en)


class Unreadable(ValueError):
    """A sheet that cannot be read (on): from which row, 0 for the whole; a stable code, and what to do."""

    def __init__(self, row: int, reason: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.row = row
        self.reason = reason
        self.text = Text(zh, en)
