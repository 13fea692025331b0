"""When the store refuses a batch: halve it until what it refuses stands alone, and all else is stored.

A store may have stored some of what it refused (InfluxDB's partial write): writing that again is harmless, so the same
halving finds what it dropped. Where it says how many it dropped, a half that was dropped as a whole needs no halving, and
a series that was refused is written apart from the others next time: a store that refuses thousands of points in every
batch, as at its limit of tag values, costs a few writes a batch instead of two for each point.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ingest.letters import letter, sequence_key
from ingest.pipeline import Taken
from linli.delivery import key_of
from linli.errors import Refused, StoreRefused
from linli.model import DeadLetter, LaneKey, Readings, Received, Tally, TallyKey
from linli.ports import ReadingStore

MOST_WRITES = 500
"""Tries for one batch. What is refused after them is not halved any more: its messages are dead letters as they are."""

_MOST_SUSPECTS = 50_000


@dataclass(frozen=True, slots=True)
class _Piece:
    """A message, or some of the readings of a packet; `whole` is the message it is of."""

    whole: Taken
    received: Received

    @property
    def observations(self) -> int:
        return len(self.received.message.readings) or 1

    def of(self, numbers: Sequence[int]) -> "_Piece":
        """Only these readings of it."""
        message = self.received.message
        readings = Readings.of(message.readings).pick(numbers)
        return replace(self, received=replace(self.received, message=replace(message, readings=readings)))


class Unstored(NamedTuple):
    """A message of which the store will never take so many `observations` (an event is one), and the letter that says why."""

    taken: Taken
    observations: int
    letter: DeadLetter


@dataclass(slots=True)
class Suspects:
    """The series (of an event: device and type) that were refused lately and not taken since."""

    names: dict[str, None] = field(default_factory=dict)

    def note(self, pieces: Iterable[_Piece], *, refused: bool) -> None:
        """What became of these."""
        if not self.names and not refused:
            return
        for piece in pieces:
            for name in _names(piece):
                self.names.pop(name, None)
                if refused:
                    self.names[name] = None
        while len(self.names) > _MOST_SUSPECTS:
            del self.names[next(iter(self.names))]


def write_apart(
    store: ReadingStore, batch: Sequence[Taken], suspects: Suspects | None = None, most_writes: int = MOST_WRITES
) -> list[Unstored]:
    """Store all that the store takes, without positions; what it refuses, message by message, with what it said.

    `suspects` is what one call has learned for the next. StoreUnavailable passes through: some is stored then, and doing
    it all again is harmless.
    """
    known = Suspects() if suspects is None else suspects
    splitting = _Splitting(store, known, most_writes)
    for group in _part([_Piece(taken, taken.received) for taken in batch], known.names.keys()):
        if group:
            splitting.write(group)
    messages = {id(taken): taken for taken in batch}
    return [_unstored(messages[number], refusals) for number, refusals in splitting.refusals.items()]


@dataclass(slots=True)
class _Splitting:
    store: ReadingStore
    suspects: Suspects
    writes_left: int
    refusals: dict[int, list[tuple[int, StoreRefused]]] = field(default_factory=dict)

    def write(self, pieces: Sequence[_Piece]) -> None:
        self.writes_left -= 1
        try:
            self.store.write([piece.received for piece in pieces], {})
        except StoreRefused as error:
            first, second = _halves(pieces)
            if not second or _all_dropped(error, pieces):
                self.suspects.note(pieces, refused=True)
                self._refuse(pieces, error)
            elif self.writes_left <= 0:
                self._refuse(pieces, error)
            else:
                self.write(first)
                self.write(second)
        else:
            self.suspects.note(pieces, refused=False)

    def _refuse(self, pieces: Sequence[_Piece], error: StoreRefused) -> None:
        for piece in pieces:
            self.refusals.setdefault(id(piece.whole), []).append((piece.observations, error))


def keep_reached(
    store: ReadingStore, positions: Mapping[LaneKey, int], tallies: Mapping[TallyKey, Tally], most_writes: int = 100
) -> StoreRefused | None:
    """Store what the store keeps of positions and tallies whose rows are stored; the last refusal of one that it does not.

    InfluxDB 1.x at its limit of series drops those of a new outbox or day for ever - and, unsaid, as many others that stand
    first in the request: so what is refused in part is halved until it is taken or dropped whole. A StoreRefused that does
    not say what was dropped is no judgement of single points, and passes through.
    """
    waiting = [(dict(positions), dict(tallies))]
    refused: StoreRefused | None = None
    while waiting:
        lanes, days = waiting.pop()
        count = len(lanes) + len(days)
        most_writes -= 1
        try:
            store.write([], lanes, days)
        except StoreRefused as error:
            if error.dropped is None:
                raise
            refused = error
            if error.dropped < count and most_writes > 0:
                waiting += reversed([half for half in _half_reached(lanes, days) if half != ({}, {})])
    return refused


def _half_reached(
    lanes: dict[LaneKey, int], days: dict[TallyKey, Tally]
) -> list[tuple[dict[LaneKey, int], dict[TallyKey, Tally]]]:
    if lanes and days:
        return [(lanes, {}), ({}, days)]
    places, totals = list(lanes.items()), list(days.items())
    middle = (len(places) + len(totals)) // 2
    return [(dict(places[:middle]), dict(totals[:middle])), (dict(places[middle:]), dict(totals[middle:]))]


def _all_dropped(error: StoreRefused, pieces: Sequence[_Piece]) -> bool:
    return error.dropped is not None and error.dropped >= sum(piece.observations for piece in pieces)


def _names(piece: _Piece) -> list[str]:
    message = piece.received.message
    if message.readings:
        return [f"{message.community}/{name}" for name in Readings.of(message.readings).names]
    return [f"{message.community}/{message.subject}/{message.type}"]


def _part(pieces: Sequence[_Piece], names: Collection[str]) -> tuple[list[_Piece], list[_Piece]]:
    """What is of none of these series, and what is; of a packet some readings may be."""
    without: list[_Piece] = []
    within: list[_Piece] = []
    for piece in pieces:
        chosen = [number for number, name in enumerate(_names(piece)) if name in names]
        if not chosen:
            without.append(piece)
        elif len(chosen) == piece.observations:
            within.append(piece)
        else:
            left = set(range(piece.observations)) - set(chosen)
            without.append(piece.of(sorted(left)))
            within.append(piece.of(chosen))
    return without, within


def _halves(pieces: Sequence[_Piece]) -> tuple[Sequence[_Piece], Sequence[_Piece]]:
    """Two halves: by series while there are several - what is refused is mostly so for its series - then by message, then
    of a packet. The second is empty if the one observation there is cannot be parted."""
    names = sorted({name for piece in pieces for name in _names(piece)})
    if len(names) > 1:
        return _part(pieces, set(names[: len(names) // 2]))
    if len(pieces) > 1:
        middle = len(pieces) // 2
        return pieces[:middle], pieces[middle:]
    (piece,) = pieces
    if piece.observations < 2:
        return pieces, ()
    middle = piece.observations // 2
    return [piece.of(range(middle))], [piece.of(range(middle, piece.observations))]


def _unstored(taken: Taken, refusals: Sequence[tuple[int, StoreRefused]]) -> Unstored:
    message = taken.received.message
    observations = sum(count for count, _ in refusals)
    said = refusals[0][1].text.en
    if message.readings:
        said = f"{observations} of {len(message.readings)} readings: {said}"
    key = sequence_key(key_of(message), message.sequence) + "/store"
    return Unstored(taken, observations, letter(taken.arrival, Refused("store_refused", said), key))
