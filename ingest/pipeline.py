"""From what arrived to what is to be done: decode, judge the sequence, check, sort. No I/O; times come with the arrivals.

    arrival --decode--> message --judge--> ACCEPT --check--> stored | dead letter | both (a packet with a bad reading)
                 |                  `-----> REPEAT, GAP: only an answer
                 `--> dead letter; its sequence, where the envelope shows one, counts as taken

Times that no right clock can have said are replaced when the message is decoded (`linli.eventtime`).

`decide` takes whatever has arrived and gives a Batch. The worker makes the batch durable and then calls `commit`, or it
cannot and calls `roll_back`: then nothing of it has happened, and agents send it again.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ingest.checks import REGISTRY_REASONS, Limits, check_event, check_gateway, sort_readings
from ingest.letters import Arrival, anonymous_key, device_letter, letter, sequence_key
from linli import codec, topics
from linli.clock import SECOND
from linli.delivery import Positions, Verdict, key_of
from linli.errors import Refused
from linli.eventtime import settle
from linli.model import DeadLetter, LaneKey, Message, Received
from linli.ports import Registry

INPUT_REFUSED_TYPE = "linli.input.refused"
"""CloudEvents type by which an agent reports what a device sent and it could not take."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message to store, and the bytes it came in (for a letter, should the store refuse it)."""

    received: Received
    arrival: Arrival


@dataclass(slots=True)
class Tally:
    """What a batch counts. `skipped`: sequences that their agents had dropped and that will never come."""

    messages: int = 0
    events: int = 0
    readings: int = 0
    repeats: int = 0
    gaps: int = 0
    skipped: int = 0
    late: int = 0
    dead_letters: int = 0


@dataclass(slots=True)
class Batch:
    """What is to be done: keep `letters`, store `taken`, then `positions`; then answer on every lane of `answers`.

    `answers` is a dict for its order, that of arrival. `registry_doubt`: something was refused that a newer registry might
    accept.
    """

    taken: list[Taken] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    positions: dict[LaneKey, int] = field(default_factory=dict)
    answers: dict[LaneKey, None] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    registry_doubt: bool = False

    @property
    def durable(self) -> bool:
        """Whether it asks for anything to be kept."""
        return bool(self.taken or self.letters or self.positions)


class Pipeline:
    """The decisions of one ingest worker. `late` is in microseconds."""

    def __init__(self, registry: Registry, limits: Limits, late: float, committed: dict[LaneKey, int]) -> None:
        self._registry = registry
        self._limits = limits
        self._late = late
        self._positions = Positions(committed)
        self._front: dict[LaneKey, int] = {}
        self._front_pending: dict[LaneKey, int] = {}

    def decide(self, arrivals: Iterable[Arrival]) -> Batch:
        """What to do with these, in the order given. One bad arrival never spoils the others."""
        batch = Batch()
        for arrival in arrivals:
            batch.tally.messages += 1
            self._one(arrival, batch)
        batch.answers |= dict.fromkeys(batch.positions)
        batch.tally.dead_letters = len(batch.letters)
        return batch

    def commit(self, batch: Batch) -> dict[LaneKey, int]:
        """The batch is durable: what to answer on each lane."""
        self._positions.commit(batch.positions)
        self._front |= self._front_pending
        self._front_pending.clear()
        return {key: self._positions.upto(key) for key in batch.answers}

    def roll_back(self) -> None:
        """The batch is not durable: forget it."""
        self._positions.roll_back()
        self._front_pending.clear()

    def known(self) -> dict[LaneKey, int]:
        """Every lane and the last sequence committed on it."""
        return self._positions.known()

    # --- one arrival ------------------------------------------------------------------------------------------------

    def _one(self, arrival: Arrival, batch: Batch) -> None:
        try:
            message = _decode(arrival, self._limits.max_clock_error)
        except Exception as error:  # noqa: BLE001  (the boundary of one message: nothing a sender makes ends the worker)
            self._refuse(arrival, _refused(error, arrival), batch)
            return
        key = key_of(message)
        if not self._judge(key, message.sequence, message.oldest, batch):
            return
        late = self._is_late(message)
        batch.tally.late += late
        try:
            refused = self._accept(message, arrival, late, batch)
        except Exception as error:  # noqa: BLE001  (as above)
            refused = _refused(error, arrival)
        if refused is not None:
            batch.letters.append(letter(arrival, refused, sequence_key(key, message.sequence)))
            batch.registry_doubt |= refused.reason in REGISTRY_REASONS

    def _judge(self, key: LaneKey, sequence: int, oldest: int, batch: Batch) -> bool:
        """Whether the message is to be taken. All else is answered, so that the agent knows where we are."""
        judgement = self._positions.judge(key, sequence, oldest)
        batch.tally.skipped += judgement.skipped
        if judgement.verdict is Verdict.ACCEPT:
            batch.positions[key] = sequence
            return True
        batch.answers[key] = None
        if judgement.verdict is Verdict.REPEAT:
            batch.tally.repeats += 1
        else:
            batch.tally.gaps += 1
        return False

    def _accept(self, message: Message, arrival: Arrival, late: bool, batch: Batch) -> Refused | None:
        """Sort a message whose turn it is; the refusal of some of its readings. Refused if none of it may be stored."""
        check_gateway(self._registry, message.community, message.gateway)
        if message.type == INPUT_REFUSED_TYPE:
            batch.letters.append(device_letter(message, arrival))
            return None
        refused: Refused | None = None
        if message.readings:
            good, refused = sort_readings(self._registry, self._limits, message, arrival.received_at)
            if refused is not None:
                if not good:
                    return refused
                message = replace(message, readings=good)
            batch.tally.readings += len(good)
        else:
            check_event(self._registry, self._limits, message, arrival.received_at)
            batch.tally.events += 1
        batch.taken.append(Taken(Received(message, arrival.received_at, late), arrival))
        return refused

    def _is_late(self, message: Message) -> bool:
        """Behind the newest time that its own lane has delivered. A device's clock that is ahead does not count: the
        lane is never newer than the agent's own time."""
        key = key_of(message)
        front = self._front_pending.get(key, self._front.get(key, 0))
        self._front_pending[key] = max(front, min(message.time, message.agent_time))
        return message.time < front - self._late

    def _refuse(self, arrival: Arrival, refused: Refused, batch: Batch) -> None:
        """A letter for what cannot be decoded. If its envelope can be read, its lane goes on behind it: an agent of a
        newer version would otherwise send the same message for ever."""
        envelope = _envelope(arrival)
        key = anonymous_key(arrival)
        if envelope is not None:
            if not self._judge(envelope.lane, envelope.sequence, envelope.oldest, batch):
                return
            key = sequence_key(envelope.lane, envelope.sequence)
        batch.letters.append(letter(arrival, refused, key))


def _decode(arrival: Arrival, hopeless: float) -> Message:
    topic = topics.parse(arrival.topic)
    if not isinstance(topic, topics.GatewayTopic):
        raise Refused("bad_topic", f"{topic} is not a lane")
    return settle(codec.decode(topic, arrival.payload), arrival.received_at, hopeless)


def _refused(error: Exception, arrival: Arrival) -> Refused:
    """The error as a refusal; one that nobody raised on purpose is logged with its trace."""
    if isinstance(error, Refused):
        return error
    _log.error("a message on %.200s cannot be handled; it is kept as a dead letter", arrival.topic, exc_info=error)
    return Refused("internal_error", f"{type(error).__name__}: {error}")


def _envelope(arrival: Arrival) -> codec.Envelope | None:
    try:
        topic = topics.parse(arrival.topic)
    except Refused:
        return None
    return codec.envelope(topic, arrival.payload) if isinstance(topic, topics.GatewayTopic) else None


def late_after(seconds: float) -> float:
    """The setting late_s in microseconds."""
    return seconds * SECOND
