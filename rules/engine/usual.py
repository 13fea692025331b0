"""What was usual: the mean and variance of a reading clause's number, learned as it goes. No I/O, no clock."""

from zoneinfo import ZoneInfo

from rules.engine.numbers import Memory
from rules.language.model import ReadingClause


class Usuals:
    """What was learned for clauses with `normal`, for each memory and device apart."""

    def usual(
        self, part: ReadingClause, memory: Memory, device: str, time: int, value: float, zone: ZoneInfo
    ) -> tuple[float, float] | None:
        """The usual range (lowest, highest) of the clause's number before this `value`, None while too little is known; then
        learns `value`, unless it lies outside. Call it once for each number; NaN is not learned."""
        raise NotImplementedError

    def forget(self, memory: Memory, device: str | None = None) -> None:
        """Begin anew for that memory, or for one device in it."""
        raise NotImplementedError
