"""When the store refuses a batch: halve it until what it refuses stands alone, and all else is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ingest.letters import letter, sequence_key
from ingest.pipeline import Taken
from linli.delivery import key_of
from linli.errors import Refused, StoreRefused
from linli.model import DeadLetter, Received
from linli.ports import ReadingStore


@dataclass(frozen=True, slots=True)
class _Piece:
    """A message, or some of the readings of a packet; `whole` is the message it is of."""

    whole: Taken
    received: Received


class Unstored(NamedTuple):
    """A message of which the store will never take so many `observations` (an event is one), and the letter that says why."""

    taken: Taken
    observations: int
    letter: DeadLetter


def write_apart(store: ReadingStore, batch: Sequence[Taken]) -> list[Unstored]:
    """Store all that the store takes, without positions; what it refuses, message by message, with what it said.

    Takes about log2 of the batch's size in writes for each bad point. StoreUnavailable passes through: some is stored
    then, and doing it all again is harmless.
    """
    refusals: dict[int, list[StoreRefused]] = {}
    messages = {id(taken): taken for taken in batch}

    def write(pieces: Sequence[_Piece]) -> None:
        try:
            store.write([piece.received for piece in pieces], {})
        except StoreRefused as error:
            first, second = _halves(pieces)
            if second:
                write(first)
                write(second)
            else:
                refusals.setdefault(id(pieces[0].whole), []).append(error)

    if batch:
        write([_Piece(taken, taken.received) for taken in batch])
    return [
        Unstored(messages[number], len(errors), _letter(messages[number], errors))
        for number, errors in refusals.items()
    ]


def _halves(pieces: Sequence[_Piece]) -> tuple[Sequence[_Piece], Sequence[_Piece]]:
    """Two halves; the second is empty if the one piece there is cannot be parted."""
    if len(pieces) > 1:
        middle = len(pieces) // 2
        return pieces[:middle], pieces[middle:]
    (piece,) = pieces
    readings = piece.received.message.readings
    if len(readings) < 2:
        return pieces, ()
    middle = len(readings) // 2
    first, second = (
        replace(piece, received=replace(piece.received, message=replace(piece.received.message, readings=half)))
        for half in (readings[:middle], readings[middle:])
    )
    return [first], [second]


def _letter(taken: Taken, errors: Sequence[StoreRefused]) -> DeadLetter:
    message = taken.received.message
    said = errors[0].text.en
    if message.readings:
        said = f"{len(errors)} of {len(message.readings)} readings: {said}"
    key = sequence_key(key_of(message), message.sequence) + "/store"
    return letter(taken.arrival, Refused("store_refused", said), key)
