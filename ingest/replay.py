"""Dead letters that somebody wants tried again: checked against the registry of now, and stored under their own keys.

The lane of such a message has long gone on, so no position moves and nothing is acknowledged. What is stored has the key
that it would have had (series and time; outbox, lane and sequence), so trying a letter twice, or being killed between
storing it and taking the letter away, changes nothing. Rules are not told: it is history, and alarms nobody. The counts of
its day (`ports.ReadingStore.tallies`) stay as they are: it was a dead letter when it came.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ingest.checks import Limits, check_event, check_gateway, sort_readings
from ingest.letters import Arrival, device_letter
from ingest.pipeline import INPUT_REFUSED_TYPE, Taken
from ingest.split import write_apart
from linli import codec, topics
from linli.clock import DAY, Clock
from linli.db.deadletters import Choice, KeptLetter, hindrance
from linli.errors import Refused, StoreError, StoreRefused
from linli.eventtime import settle
from linli.model import DeadLetter, Message, Received
from linli.ports import ReadingStore, Registry
from linli.shards import WHOLE, Shard

_log = logging.getLogger(__name__)

_AT_ONCE = 100
"""Letters tried in one step: at 64 KB each, a few megabytes, and live messages wait only as long as one batch takes."""

_TIDY_EVERY_S = 3600.0


class ReplayBox(Protocol):
    """The letters, as `linli.db.deadletters` keeps them."""

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them durably; a key that is kept already is left as it is."""

    def requested(self, limit: int, after: int = 0) -> list[KeptLetter]:
        """Letters to be tried again with a number above `after`, the oldest first, at most `limit`."""

    def replayed(self, accepted: Sequence[int], refused: Mapping[int, str]) -> None:
        """What became of them: those accepted go, the others keep why not."""

    def purge(self, choice: Choice, now: int) -> int:
        """Delete those chosen, at `now`; how many there were."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What a letter comes to when it is tried again: something to store, a letter of the agent to keep, a refusal.

    A packet may have both: readings that are accepted by now, and a refusal of the others.
    """

    taken: Taken | None = None
    told: DeadLetter | None = None
    refused: Refused | None = None


def retry(letter: DeadLetter, registry: Registry, limits: Limits) -> Retried:
    """Decide about one letter as if it had just come, by its own receive time; its sequence is not judged. No I/O."""
    why = hindrance(letter.consumer, letter.topic, cut=letter.size > len(letter.payload))
    if why is not None:
        return Retried(refused=Refused("not_replayable", why.en))
    arrival = Arrival.of(letter.topic, letter.payload, letter.received_at)
    try:
        return _accept(_message(arrival, limits), arrival, registry, limits)
    except Refused as refused:
        return Retried(refused=refused)
    except Exception as error:  # noqa: BLE001  (the boundary of one letter: nothing a sender made ends the worker)
        _log.error("a dead letter of %.200s cannot be tried again", letter.topic, exc_info=error)
        return Retried(refused=Refused("internal_error", f"{type(error).__name__}: {error}"))


def _message(arrival: Arrival, limits: Limits) -> Message:
    topic = topics.parse(arrival.topic)
    if not isinstance(topic, topics.GatewayTopic):
        raise Refused("bad_topic", f"{topic} is not a lane")
    return settle(codec.decode(topic, arrival.payload), arrival.received_at, limits.max_clock_error)


def _accept(message: Message, arrival: Arrival, registry: Registry, limits: Limits) -> Retried:
    check_gateway(registry, message.community, message.gateway)
    if message.type == INPUT_REFUSED_TYPE:
        return Retried(told=device_letter(message, arrival))
    refused: Refused | None = None
    if message.readings:
        good, refused = sort_readings(registry, limits, message, arrival.received_at)
        if not good:
            return Retried(refused=refused)
        message = replace(message, readings=good)
    else:
        check_event(registry, limits, message, arrival.received_at)
    return Retried(taken=Taken(Received(message, arrival.received_at, late=True), arrival), refused=refused)


class Replayer:
    """Tries letters again when somebody asks, and lets go of those that are older than `keep_days`.

    `step` belongs into the worker's loop; it never raises for a store or database that fails: the requests stay, and the
    next step tries again. Of several workers each tries those of its own communities.
    """

    def __init__(
        self,
        box: ReplayBox,
        store: ReadingStore,
        registry: Registry,
        limits: Limits,
        clock: Clock,
        keep_days: float,
        shard: Shard = WHOLE,
    ) -> None:
        self._box = box
        self._store = store
        self._registry = registry
        self._limits = limits
        self._clock = clock
        self._keep_days = keep_days
        self._shard = shard
        self._after = 0
        self._tidied = float("-inf")
        self.replayed = 0
        self.purged = 0

    def step(self) -> bool:
        """Try some of the letters that were asked for; whether there may be more at once."""
        try:
            self._tidy()
            letters = self._box.requested(_AT_ONCE, self._after)
            self._after = letters[-1].id if len(letters) == _AT_ONCE else 0
            mine = [kept for kept in letters if self._is_mine(kept.letter)]
            if mine:
                self._try(mine)
        except (StoreError, SQLAlchemyError) as error:
            _log.warning("dead letters cannot be tried again now: %s", str(error).partition("\n")[0][:300])
            return False
        return len(letters) == _AT_ONCE

    def _is_mine(self, letter: DeadLetter) -> bool:
        """Whether it is this worker's: by the community of its topic, which `hindrance` has found to be a lane's."""
        parts = letter.topic.split("/")
        return self._shard.covers(parts[2] if len(parts) > 2 else "")

    def _try(self, letters: Sequence[KeptLetter]) -> None:
        tried = {kept.id: retry(kept.letter, self._registry, self._limits) for kept in letters}
        refused = {number: outcome.refused for number, outcome in tried.items() if outcome.refused is not None}
        self._box.put([outcome.told for outcome in tried.values() if outcome.told is not None])
        taken = {number: outcome.taken for number, outcome in tried.items() if outcome.taken is not None}
        refused |= self._write(taken)
        accepted = [number for number in tried if number not in refused]
        self._box.replayed(accepted, {number: f"{why.reason}: {why.detail}"[:2000] for number, why in refused.items()})
        self.replayed += len(accepted)
        _log.info("%d dead letters were replayed, %d are refused again", len(accepted), len(refused))

    def _write(self, taken: Mapping[int, Taken]) -> dict[int, Refused]:
        """Store them, without positions; the refusals of those that the store does not take."""
        if not taken:
            return {}
        try:
            self._store.write([each.received for each in taken.values()], {})
        except StoreRefused:
            refusals = {number: write_apart(self._store, [each]) for number, each in taken.items()}
            return {
                number: Refused(got[0].letter.reason, got[0].letter.detail) for number, got in refusals.items() if got
            }
        return {}

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if now - self._tidied < _TIDY_EVERY_S:
            return
        today = self._clock.now()
        gone = self._box.purge(Choice(before=today - round(self._keep_days * DAY)), today)
        self._tidied = now
        self.purged += gone
        if gone:
            _log.info("%d dead letters older than %g days were deleted", gone, self._keep_days)
