"""The numbers that reading clauses look at: expressions over newest readings, windows and places. No I/O, no clock.

`value` takes one reading in and says what the clause's number is then; what it needs for that it remembers here, for each
clause's memory and device apart, and nothing that no expression names. What was usual is in `rules.engine.usual`.

NaN is no data. The result depends on the readings taken in, one by one, and on nothing else: batches do not matter.
"""

from rules.language.model import ReadingClause

Memory = tuple[str | int, ...]
"""Names one clause's memory to the caller: a rule's id, then whatever tells its clauses and memories apart."""


class Numbers:
    """The readings that expressions need. `dump` and `restore` carry it through a snapshot."""

    def value(
        self, part: ReadingClause, memory: Memory, device: str, quantity: str, time: int, reading: float
    ) -> float:
        """The clause's number once `device` has reported `quantity` as `reading` at event time `time`; NaN: no data.

        Call it for each reading of a quantity that the expression names (`rules.language.expression.quantities`), of every
        device in the memory, in the order in which they count; not for a reading in another unit. A clause without `value`
        costs nothing here: its number is the reading.

        A reading that is older than the device's newest goes where it belongs, and the number is that as of the newest.
        """
        raise NotImplementedError

    def forget(self, memory: Memory, device: str | None = None) -> None:
        """Begin anew for that memory, or for one device in it: the clause has changed, or is gone."""
        raise NotImplementedError
