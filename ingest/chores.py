"""What ingest does beside its lanes, about once a second: keep what gateways say of themselves, note who is not registered,
and try letters again.

None of it holds up a lane: what cannot be written now waits.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from ingest.pipeline import Taken
from ingest.replay import Replayer
from ingest.strangers import StrangerList, Strangers
from linli.clock import DAY, Clock
from linli.db.heartbeats import Heartbeat
from linli.model import HEARTBEAT_TYPE, Lane
from linli.registry.strangers import Stranger

KEPT_DAYS = 400
"""Days for which the counts of agents and rules are kept: a year can be compared with the one before."""

_log = logging.getLogger(__name__)


class Heartbeats(Protocol):
    """Where the newest heartbeat of each gateway is kept (`linli.db.heartbeats`)."""

    def save(self, heartbeats: Sequence[Heartbeat]) -> None:
        """Keep the newest of each gateway, and what it counted."""

    def forget_before(self, day: int) -> None:
        """Delete what agents and rules counted for days before `day` (days since 1970)."""


class Chores:
    """`heard` what was taken, `step` once a second. The newest heartbeat of each lane is enough: what agents count is
    cumulative."""

    def __init__(
        self, heartbeats: Heartbeats, replayer: Replayer, clock: Clock, strangers: StrangerList | None = None
    ) -> None:
        """`strangers`: where they are kept; None: nobody wants to know."""
        self._heartbeats = heartbeats
        self._list = strangers
        self._strangers = Strangers()
        self._replayer = replayer
        self._clock = clock
        self._forgotten = 0
        self._beats: dict[tuple[str, str, Lane], Heartbeat] = {}

    def heard(self, taken: Iterable[Taken]) -> None:
        """Note the heartbeats among what is stored now."""
        for one in taken:
            message = one.received.message
            if message.type == HEARTBEAT_TYPE:
                beat = Heartbeat.from_message(message, one.received.received_at)
                key = (message.gateway, message.bootid, message.lane)
                self._beats.pop(key, None)
                self._beats[key] = beat  # at the end: in the order of arrival

    def strange(self, strangers: Iterable[Stranger]) -> None:
        """Note who reported and is not registered."""
        if self._list is not None:
            self._strangers.add(strangers)

    def step(self) -> bool:
        """Do what there is to do; whether there is more to be done at once. Never raises for a database that fails."""
        try:
            self._keep()
            self._keep_strangers()
        except SQLAlchemyError as error:
            _log.warning("heartbeats and strangers cannot be kept now: %s", str(error).partition("\n")[0][:300])
        return self._replayer.step()

    def _keep(self) -> None:
        if self._beats:
            self._heartbeats.save(list(self._beats.values()))
            self._beats.clear()
        today = self._clock.now() // DAY
        if self._forgotten != today:
            self._heartbeats.forget_before(today - KEPT_DAYS)
            self._forgotten = today

    def _keep_strangers(self) -> None:
        if self._list is not None and self._strangers:
            self._list.put(self._strangers.heard(), self._strangers.left_out, self._clock.now())
            self._strangers.clear()

    def counters(self) -> dict[str, float]:
        """For health: letters replayed, and deleted for their age."""
        return {"replayed": self._replayer.replayed, "purged": self._replayer.purged}
