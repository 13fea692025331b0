"""That the rules are others than before is told to whoever keeps the record of it, once the journal has them.

It is done aside and tried again until it is done: a database that is away holds up nothing. What a kill left untold is told at the
next start, since whoever keeps the record knows what it has.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

from sqlalchemy.exc import SQLAlchemyError

from linli.clock import Clock
from rules.aside import Aside, Every

RETRY_S = 1.0
MOST_WAITING = 100
"""Changes of the files that wait for the database; of more the oldest are left out."""

_log = logging.getLogger(__name__)

Keep = Callable[[Mapping[str, str], int], object]
"""Given the files that are in force (name to hash) and since when (microseconds since 1970 UTC). SQLAlchemyError if it cannot be
kept now."""


class RulesRecord:
    """`keep` None: nobody keeps one."""

    def __init__(self, keep: Keep | None, executor: Executor, clock: Clock) -> None:
        self._keep = keep
        self._aside = Aside[None](executor)
        self._every = Every(clock, RETRY_S)
        self._clock = clock
        self._waiting: deque[tuple[Mapping[str, str], int]] = deque(maxlen=MOST_WAITING)

    def loaded(self, files: Mapping[str, str]) -> None:
        """The rules of these files are in force now."""
        if self._keep is not None and files:
            self._waiting.append((dict(files), self._clock.now()))
            self._every.now()

    def step(self) -> None:
        """Go on with what waits."""
        try:
            done = self._aside.fetch()
        except SQLAlchemyError as error:
            _log.warning("what rules are in force is not written down yet: %s", str(error).splitlines()[0])
            self._every.not_before(RETRY_S)
            return
        if done is not None and self._waiting:
            self._waiting.popleft()
            self._every.now()
        if self._waiting and self._aside.idle and self._every.due():
            self._aside.begin(self._next)

    def _next(self) -> None:
        if self._keep is not None:
            self._keep(*self._waiting[0])
