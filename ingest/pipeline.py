"""From what arrived to what is to be done: decode, judge the sequence, check, sort. No I/O; times come with the arrivals.

    arrival --decode--> message --judge--> ACCEPT --check--> stored | dead letter | both (a packet with a bad reading)
                 |                  `-----> REPEAT, GAP: only an answer
                 `--> dead letter; its sequence, where the envelope shows one, counts as taken

Times that no right clock can have said are replaced when the message is decoded (`linli.eventtime`).

`decide` takes whatever has arrived and gives a Batch. The worker makes the batch durable and then calls `commit`, or it
cannot and calls `roll_back`: then nothing of it has happened, and agents send it again.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ingest.checks import REGISTRY_REASONS, KnownSeries, Limits, check_event, check_gateway, sort_readings
from ingest.letters import Arrival, anonymous_key, device_letter, letter, sequence_key
from ingest.strangers import strangers_in
from linli import codec, topics
from linli.clock import DAY, SECOND
from linli.delivery import Positions, Verdict, key_of
from linli.doubles import Doubles
from linli.errors import Refused
from linli.eventtime import settle
from linli.model import DeadLetter, LaneKey, Message, Received, Tally, TallyKey
from linli.ports import NO_TALLIES, Registry
from linli.registry.strangers import Stranger

INPUT_REFUSED_TYPE = "linli.input.refused"
"""CloudEvents type by which an agent reports what a device sent and it could not take."""

_FROM_STRANGERS = frozenset(("unregistered_device", "foreign_device", "time_out_of_range"))
"""Refusals of what may come from devices that are not registered, by a gateway that is."""

_log = logging.getLogger(__name__)
_NOTHING = Tally(0, 0)


class Taken(NamedTuple):
    """A message to store, the bytes it came in (for a letter, should the store refuse it), and where it is counted, unless
    it was counted before."""

    received: Received
    arrival: Arrival
    tally: TallyKey | None = None


@dataclass(slots=True)
class Counts:
    """What a batch counts. `skipped`: sequences that their agents had dropped and that will never come. `settled`:
    messages with a time that no right clock can have said."""

    messages: int = 0
    events: int = 0
    readings: int = 0
    repeats: int = 0
    gaps: int = 0
    skipped: int = 0
    late: int = 0
    settled: int = 0
    dead_letters: int = 0


@dataclass(slots=True)
class Batch:
    """What is to be done: keep `letters`, store `taken`, then `positions` with `tallies`; then answer on every lane of
    `answers`.

    `answers` is a dict for its order, that of arrival. `tallies` are totals. `registry_doubt`: something was refused that a
    newer registry might accept. `strangers`: devices that reported and are not registered. `doubled`: gateways that two agents
    were heard to speak for.
    """

    taken: list[Taken] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    positions: dict[LaneKey, int] = field(default_factory=dict)
    answers: dict[LaneKey, None] = field(default_factory=dict)
    tallies: dict[TallyKey, Tally] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    registry_doubt: bool = False
    strangers: list[Stranger] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    @property
    def durable(self) -> bool:
        """Whether it asks for anything to be kept."""
        return bool(self.taken or self.letters or self.positions)


def tallies_without(batch: Batch, refused: Iterable[tuple[TallyKey, int]]) -> dict[TallyKey, Tally]:
    """The batch's tallies when so many observations of these keys, which the store refuses, are dead letters."""
    tallies = dict(batch.tallies)
    for key, observations in refused:
        stored, dead = tallies[key]
        tallies[key] = Tally(stored - observations, dead + observations)
    return tallies


class Pipeline:
    """The decisions of one ingest worker. `late` is in microseconds."""

    def __init__(
        self,
        registry: Registry,
        limits: Limits,
        late: float,
        committed: dict[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        self._registry = registry
        self._limits = limits
        self._late = late
        self._positions = Positions(committed)
        self._front: dict[LaneKey, int] = {}
        self._front_pending: dict[LaneKey, int] = {}
        self._tallies = dict(tallies)
        self._known = KnownSeries()
        self._doubles = Doubles()

    def decide(self, arrivals: Sequence[Arrival]) -> Batch:
        """What to do with these, in the order given. One bad arrival never spoils the others."""
        batch = Batch()
        for arrival in arrivals:
            self._one(arrival, batch)
        batch.answers |= dict.fromkeys(batch.positions)
        batch.counts.messages = len(arrivals)
        batch.counts.dead_letters = len(batch.letters)
        return batch

    def registry_changed(self) -> None:
        """Forget what the registry as it was said."""
        self._known.clear()

    def commit(self, batch: Batch) -> dict[LaneKey, int]:
        """The batch is durable: what to answer on each lane."""
        self._positions.commit(batch.positions)
        self._front |= self._front_pending
        self._front_pending.clear()
        self._tallies |= batch.tallies
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
            told = _decode(arrival)
            message = settle(told, arrival.received_at, self._limits.max_clock_error)
        except Exception as error:  # noqa: BLE001  (the boundary of one message: nothing a sender makes ends the worker)
            self._refuse(arrival, _refused(error, arrival), batch)
            return
        key = key_of(message)
        if self._doubles.heard(key.gateway, key.bootid, arrival.received_at):
            batch.doubled.append(key.gateway)
        if not self._judge(key, message.sequence, message.oldest, batch):
            return
        batch.counts.settled += message is not told
        tally = TallyKey(key.community, key.gateway, key.bootid, told.agent_time // DAY)
        late = self._is_late(key, message)
        batch.counts.late += late
        stored = 0
        try:
            stored, refused = self._accept(message, arrival, late, tally, batch)
        except Exception as error:  # noqa: BLE001  (as above)
            refused = _refused(error, arrival)
        self._tell_apart(batch, tally, stored, (len(message.readings) or 1) - stored)
        if refused is not None:
            batch.letters.append(letter(arrival, refused, sequence_key(key, message.sequence)))
            batch.registry_doubt |= refused.reason in REGISTRY_REASONS
            if refused.reason in _FROM_STRANGERS:
                batch.strangers += strangers_in(message, self._registry, arrival.received_at)

    def _tell_apart(self, batch: Batch, key: TallyKey, stored: int, dead: int) -> None:
        before = batch.tallies.get(key) or self._tallies.get(key) or _NOTHING
        batch.tallies[key] = Tally(before.stored + stored, before.dead + dead)

    def _judge(self, key: LaneKey, sequence: int, oldest: int, batch: Batch) -> bool:
        """Whether the message is to be taken. All else is answered, so that the agent knows where we are."""
        judgement = self._positions.judge(key, sequence, oldest)
        batch.counts.skipped += judgement.skipped
        if judgement.verdict is Verdict.ACCEPT:
            batch.positions[key] = sequence
            return True
        batch.answers[key] = None
        if judgement.verdict is Verdict.REPEAT:
            batch.counts.repeats += 1
        else:
            batch.counts.gaps += 1
        return False

    def _accept(
        self, message: Message, arrival: Arrival, late: bool, tally: TallyKey, batch: Batch
    ) -> tuple[int, Refused | None]:
        """Sort a message whose turn it is: how many of its observations are to be stored, and the refusal of the others.
        Refused if none of it may be stored."""
        check_gateway(self._registry, message.community, message.gateway)
        if message.type == INPUT_REFUSED_TYPE:
            batch.letters.append(device_letter(message, arrival))
            return 0, None
        refused: Refused | None = None
        count = 1
        if message.readings:
            good, refused = sort_readings(self._registry, self._limits, message, arrival.received_at, self._known)
            if refused is not None:
                if not good:
                    return 0, refused
                message = replace(message, readings=good)
            count = len(good)
            batch.counts.readings += count
        else:
            check_event(self._registry, self._limits, message, arrival.received_at)
            batch.counts.events += 1
        batch.taken.append(Taken(Received(message, arrival.received_at, late), arrival, tally))
        return count, refused

    def _is_late(self, key: LaneKey, message: Message) -> bool:
        """Behind the newest time that its own lane has delivered. A device's clock that is ahead does not count: the
        lane is never newer than the agent's own time."""
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
            lane = envelope.lane
            key = sequence_key(lane, envelope.sequence)
            day = arrival.received_at // DAY  # nobody can read when the agent took it
            self._tell_apart(batch, TallyKey(lane.community, lane.gateway, lane.bootid, day), 0, 1)
        batch.letters.append(letter(arrival, refused, key))


def _decode(arrival: Arrival) -> Message:
    topic = topics.parse(arrival.topic)
    if not isinstance(topic, topics.GatewayTopic):
        raise Refused("bad_topic", f"{topic} is not a lane")
    return codec.decode(topic, arrival.payload)


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
