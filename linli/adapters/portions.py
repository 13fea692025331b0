"""How much to write in one request: as much as the server has time for. No I/O."""

from collections.abc import Iterator, Sequence

from linli.model import Received

MOST = 50_000
"""Observations in one request: about 5 MB, a fifth of what InfluxDB 1.x takes by default (max-body-size)."""

LEAST = 500


class Portions:
    """Parts batches into requests. A request that outlived its time-out is halved when it is tried again, since the same
    again might never be answered in time; a batch that is taken in time lets those of the next be an eighth larger, up to
    MOST. (Not a request: a large batch would never be done, each time growing into what is too slow.)"""

    def __init__(self, most: int = MOST, least: int = LEAST) -> None:
        self._most = most
        self._least = least
        self.size = most

    def of(self, batch: Sequence[Received]) -> Iterator[Sequence[Received]]:
        """The batch in order, each portion at most `size` observations or one message."""
        portion: list[Received] = []
        count = 0
        for received in batch:
            observations = len(received.message.readings) or 1
            if portion and count + observations > self.size:
                yield portion
                portion, count = [], 0
            portion.append(received)
            count += observations
        if portion:
            yield portion

    def too_slow(self, portion: Sequence[Received]) -> None:
        """No answer to this in time."""
        count = sum(len(received.message.readings) or 1 for received in portion)
        self.size = max(self._least, min(self.size, count) // 2)

    def taken(self) -> None:
        """A whole batch was answered in time."""
        self.size = min(self._most, self.size + self.size // 8 + 1)
