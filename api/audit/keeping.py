"""What keeps the audit log beside the requests, in a thread of the API's process: rows that machines wrote are sealed, the head
outside the database follows, the end of the chain is looked at, and what is older than its class allows is deleted.

All of it is in the database, so nothing is lost with the process, and several of them may run side by side.
"""

import logging
import threading
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from linli.audit import Act, system
from linli.audithead import HeadError, HeadFile
from linli.auditwords import RETENTION_RAN
from linli.clock import Clock
from linli.db.audit import append
from linli.db.auditcheck import advance_head, glance
from linli.db.auditseals import Sealer
from linli.db.database import Database
from linli.db.retaining import DatabaseKeeper
from linli.errors import StoreError
from linli.i18n import Text
from linli.keeping import Kept, Terms
from linli.retention import SteadyClock
from linli.runtime import Troubles

_log = logging.getLogger(__name__)

HEAD_EVERY_S = 1.0
SEAL_EVERY_S = 30.0
"""As long a row of an alert's history may be changed without a trace. Sealing more often makes more entries, not a safer log."""

LOOK_EVERY_S = 300.0
THIN_EVERY_S = 600.0
_RETRY_S = 10.0
_RESTS = 4.0
"""Seconds of rest for each second of work, so that others find the database as it was."""

_SHORTEST_REST_S = 0.01
_DATABASE = (
    Kept.SESSIONS,
    Kept.STRANGERS,
    Kept.IDEMPOTENCY,
    Kept.DELIVERIES,
    Kept.COMMANDS,
    Kept.ALERTS,
)

Thinner = Callable[[int], int]
"""Deletes some of what is older than the time that it is given; how many, 0 when nothing is left to delete."""


class AuditKeeper:
    """`run` until told to stop, or `step` by hand. `thinners`: of classes that lie outside the database (snapshots)."""

    def __init__(
        self,
        database: Database,
        head: HeadFile,
        terms: Terms,
        clock: Clock,
        thinners: Mapping[Kept, Thinner] | None = None,
        steady: SteadyClock | None = None,
    ) -> None:
        self._database = database
        self._head = head
        self._terms = terms
        self._clock = clock
        self._who = system("api")
        self._sealer = Sealer(database, self._who)
        self._keeper = DatabaseKeeper(database, self._who)
        self._thinners = thinners or {}
        self._steady = SteadyClock() if steady is None else steady
        self._tasks: Mapping[str, tuple[float, Callable[[], bool]]] = {
            "head": (HEAD_EVERY_S, self._follow),
            "seal": (SEAL_EVERY_S, self._seal),
            "look": (LOOK_EVERY_S, self._look),
            "thin": (THIN_EVERY_S, self._thin),
        }
        now = clock.monotonic()
        self._next = dict.fromkeys(self._tasks, now)
        self._troubles = Troubles()
        self._deleted: dict[Kept, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End it once what it does now is done. Without `start`, nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def run(self) -> None:
        """Until `stop`."""
        wait = 0.0
        while not self._stop.wait(wait):
            wait = self.step()

    def step(self) -> float:
        """Do what is due the longest, if anything is; how many seconds to wait for the next."""
        begun = self._clock.monotonic()
        self._steady.judge(self._clock.now(), begun)
        task = min(self._next, key=lambda task: self._next[task])
        if self._next[task] > begun:
            return min(self._next[task] - begun, HEAD_EVERY_S)
        period, do = self._tasks[task]
        try:
            more = do()
        except (SQLAlchemyError, HeadError, StoreError) as error:
            self._fail(
                task, Text(str(error), _first_line(error) if isinstance(error, SQLAlchemyError) else error.text.en)
            )
            period, more = max(period, _RETRY_S), False
        except Exception as error:  # noqa: BLE001  (a fault here must not end it, nor the process beside it)
            _log.exception("keeping the audit log fails: %s", task)
            self._fail(task, Text(str(error), str(error)))
            period, more = max(period, _RETRY_S), False
        else:
            if task != "look":
                self._troubles.clear(task)
        done = self._clock.monotonic()
        self._next[task] = done if more else done + period
        return max(_SHORTEST_REST_S, (done - begun) * _RESTS)

    @property
    def troubles(self) -> Troubles:
        """What is wrong, by task."""
        return self._troubles

    def _follow(self) -> bool:
        wrong = advance_head(self._database, self._head, self._who, self._clock.now())
        if wrong is not None:
            self._fail("look", wrong.text)
        return False

    def _seal(self) -> bool:
        return self._sealer.step(self._clock.now()).more

    def _look(self) -> bool:
        faults = glance(self._database, self._head)
        if faults:
            self._fail("look", faults[0].text)
        else:
            self._troubles.clear("look")
        return False

    def _thin(self) -> bool:
        now = self._clock.now()
        if not self._steady.judge(now, self._clock.monotonic()):
            return False
        for kept in _DATABASE:
            before = now if kept is Kept.SESSIONS else self._terms.horizon(kept, now)
            if before is not None and self._keeper.thin(kept, before, now):
                return True
        for kept, thinner in self._thinners.items():
            before = self._terms.horizon(kept, now)
            if before is not None and self._thin_outside(kept, thinner, before, now):
                return True
        before = self._terms.horizon(Kept.AUDIT, now)
        return before is not None and self._keeper.shorten(before, self._head.read(), now) > 0

    def _thin_outside(self, kept: Kept, thinner: Thinner, before: int, now: int) -> bool:
        gone = thinner(before)
        self._deleted[kept] = self._deleted.get(kept, 0) + gone
        if not gone and self._deleted[kept]:  # once for all of its slices
            rows = self._deleted.pop(kept)
            with self._database.write() as connection:
                facts = {"rows": rows, "before": before}
                append(connection, Act(RETENTION_RAN, self._who, "class", (kept.value,), facts=facts), now)
        return gone > 0

    def _fail(self, task: str, text: Text) -> None:
        if task not in self._troubles:
            _log.error("the audit log, %s: %s", task, text.en)
        self._troubles.set(task, text)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
