"""Applying what the journal has, so that no input can stop it: one that fails is tried once more, and then passed over.

Theory of operation. An engine in which an input has raised may be half changed. So it is made anew, as the journal has it up
to that input, and the input is tried once more; what fails again is journalled as skipped before anything else is applied.
From then on every replay passes over it too: killed before that, the next start comes to the same end. What is passed over
is kept as a dead letter; until the database has it, no snapshot is taken, so that it is found again in the journal.
"""

import logging
from collections.abc import Callable, Sequence

from linli import failpoints, topics
from linli.db.deadletters import SqlDeadLetters
from linli.delivery import key_of
from linli.model import DEAD_LETTER_BYTES, Consumer, DeadLetter
from rules.durable.journal import Journal, JournalUnavailable
from rules.durable.replay import batches, pass_over, rebuilt
from rules.effects import Waiting
from rules.engine.inputs import Input, MessageIn, SkippedIn, encode_input
from rules.engine.machine import Engine, NotApplied, Output

_log = logging.getLogger(__name__)

FAILED = "rules.failed"
"""The reason of its dead letters."""

_MOST_SAID = 300


class Applier:
    """Has the engine, and applies to it what the journal has; its effects go into `waiting`."""

    def __init__(self, journal: Journal, engine: Engine, waiting: Waiting) -> None:
        self.engine = engine
        self.is_settled = True
        """Whether the engine is what the journal says, input by input: else nothing may be made of its state."""
        self.skipped = 0
        self.letters: list[DeadLetter] = []
        """Of what was passed over, as long as the database has not got them."""
        self._journal = journal
        self._waiting = waiting

    def replay(self, after: int) -> int:
        """Apply all that the journal has after a position; how much that was. JournalUnavailable if what fails cannot be
        journalled as skipped now."""
        count = 0
        skipped = self._journal.skipped(after)
        for first, entries in batches(self._journal, after, set(skipped)):
            count += len(entries)
            if first in skipped:
                self.letters.append(_letter(first, entries[0], skipped[first]))
                self._take(first, [pass_over(self.engine, entries[0])])
            else:
                self.apply(first, entries)
        return count

    def apply(
        self, first: int, entries: Sequence[Input], again: Callable[[JournalUnavailable], bool] | None = None
    ) -> None:
        """Apply the inputs that the journal has from position `first` on. What fails twice is journalled as skipped: if that
        cannot be done, `again` says whether to try once more, and may take its time; else JournalUnavailable."""
        self.is_settled = False
        done = 0
        while done < len(entries):
            try:
                outputs = self.engine.apply_all(entries[done:] if done else entries)
            except NotApplied as error:
                _log.exception("input %d cannot be applied", first + done + error.number, exc_info=error.__cause__)
                self._take(first + done, error.outputs)
                done += error.number
                failpoints.reach("rules.failed")
                self._once_more(first + done, entries[done], again)
                done += 1
            else:
                self._take(first + done, outputs)
                break
        self.is_settled = True

    def back_to_the_journal(self) -> None:
        """Forget what was applied and never journalled."""
        self.engine = rebuilt(self._journal, self._journal.position)

    def write_letters(self, box: SqlDeadLetters) -> None:
        """Have the database keep the dead letters; SQLAlchemyError if it does not."""
        if self.letters:
            box.put(self.letters)
            self.letters = []

    def _take(self, first: int, outputs: Sequence[Sequence[Output]]) -> None:
        for position, changed in enumerate(outputs, first):
            if changed:
                self._waiting.add(position, changed)

    def _once_more(self, position: int, entry: Input, again: Callable[[JournalUnavailable], bool] | None) -> None:
        self.engine = rebuilt(self._journal, position - 1)
        try:
            outputs = self.engine.apply(entry)
        except Exception as error:  # noqa: BLE001  (the boundary of one input: journalled, kept, told, passed over)
            reason = f"{type(error).__name__}: {error}"[:_MOST_SAID]
            _log.error("input %d fails again and is skipped (%s): %s", position, type(entry).__name__, reason)
            self._skip(SkippedIn(position, reason), again)
            self.letters.append(_letter(position, entry, reason))
            self.engine = rebuilt(self._journal, position - 1)
            outputs = pass_over(self.engine, entry)
        self._take(position, [outputs])

    def _skip(self, entry: SkippedIn, again: Callable[[JournalUnavailable], bool] | None) -> None:
        while True:
            try:
                self._journal.append([entry])
            except JournalUnavailable as error:
                if again is None or not again(error):
                    raise
            else:
                self.skipped += 1
                return


def _letter(position: int, entry: Input, reason: str) -> DeadLetter:
    kind = type(entry).__name__
    topic, payload, key, received_at = f"rules/{kind}", encode_input(entry), f"rules/{position}", 0
    if isinstance(entry, MessageIn):
        message, received_at = entry.message, entry.received_at
        lane = key_of(message)
        key = f"{lane.community}/{lane.gateway}/{lane.bootid}/{lane.lane}/{message.sequence}"
        topic = topics.lane_topic(message.community, message.gateway, message.lane)
        payload = payload if entry.wire is None else entry.wire[1]
    return DeadLetter(
        key=key,
        consumer=Consumer.RULES.value,
        received_at=received_at,
        topic=topic,
        reason=FAILED,
        detail=f"input {position} ({kind}) raised twice: {reason}",
        payload=payload[:DEAD_LETTER_BYTES],
        size=len(payload),
    )
