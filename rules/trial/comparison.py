"""What was expected beside what happened, in one order: the longest common part, and what is only on one side. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.trial.log import Entry
from rules.trial.plan import Expected


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of the comparison: on both sides, or expected and not happened, or happened and not expected."""

    expected: Expected | None
    happened: Entry | None

    @property
    def same(self) -> bool:
        """Whether it is on both sides."""
        return self.expected is not None and self.happened is not None


def fits(expected: Expected, entry: Entry) -> bool:
    """Whether the entry is what was expected, in all that was said of it."""
    more = expected.more
    return (
        (entry.at, entry.kind, entry.subject) == (expected.at, expected.kind, expected.subject)
        and more.rule in (None, entry.rule)
        and more.severity in (None, entry.severity)
        and more.occurrences in (None, entry.occurrences)
        and more.by in (None, entry.by)
        and (more.says is None or more.says in entry.sentence.zh or more.says in entry.sentence.en)
    )


def compare(expected: Sequence[Expected], log: Sequence[Entry]) -> Iterator[Difference]:
    """Both in order, each line once; of two that stand at the same place what was expected comes first."""
    left, right = 0, 0
    lengths = _common(expected, log)
    while left < len(expected) or right < len(log):
        if left < len(expected) and right < len(log) and fits(expected[left], log[right]):
            yield Difference(expected[left], log[right])
            left, right = left + 1, right + 1
        elif right == len(log) or (left < len(expected) and lengths[left + 1][right] >= lengths[left][right + 1]):
            yield Difference(expected[left], None)
            left += 1
        else:
            yield Difference(None, log[right])
            right += 1


def _common(expected: Sequence[Expected], log: Sequence[Entry]) -> list[list[int]]:
    """How long the longest common part is of what comes from (i, j) on."""
    lengths = [[0] * (len(log) + 1) for _ in range(len(expected) + 1)]
    for i in reversed(range(len(expected))):
        for j in reversed(range(len(log))):
            if fits(expected[i], log[j]):
                lengths[i][j] = lengths[i + 1][j + 1] + 1
            else:
                lengths[i][j] = max(lengths[i + 1][j], lengths[i][j + 1])
    return lengths
