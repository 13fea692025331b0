"""What happens to alerts, told at once to everybody who looks, each within their scope.

One thread reads the table `alert_changes` on from where it was: when rules gives notice over MQTT, and each POLL_S anyway,
since a notice may be lost. What it reads it hands to every subscription whose person sees the community. A subscription
holds at most QUEUE changes: one that does not keep up loses them all, and is told once to read the list again (`Resync`).
Each RECHECK_S the people themselves are read again: who was disabled is cut off, whose communities changed sees by the
new ones.

The thread outlives whatever goes wrong in a round, and a change that cannot be shown is left out. `alive` says whether
rounds succeed: without that a quiet console would look like a quiet night.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from api.directory import Directory, Names
from api.views import AlertChange, AlertView
from api.words import change_name
from linli.clock import Clock
from linli.db.alerts import AlertChange as StoredChange
from linli.db.alerts import SqlAlerts
from linli.db.people import People, Person
from linli.db.scoping import GuardedDatabase
from linli.ports import MqttClient
from linli.topics import any_alert

POLL_S = 1.0
RECHECK_S = 15.0
QUEUE = 500
BATCH = 500
MAX_REPLAY = 1000
ALIVE_S = 10.0
"""The hub is taken for dead when no round has succeeded for this long, whatever keeps it: there should be one each POLL_S."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resync:
    """Changes were left out: whoever gets this reads the list of alerts again. `id`: the newest change by then."""

    id: int


class Subscription:
    """One looker-on: a bounded queue that the hub fills. `wake` is called on the hub's thread and returns at once."""

    def __init__(self, person: Person, wake: Callable[[], None]) -> None:
        self.person = person
        self._wake = wake
        self._queue: deque[AlertChange | Resync] = deque()
        self._lock = threading.Lock()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: the hub stopped, or the person may no longer sign in."""
        return self._ended

    def offer(self, change: AlertChange) -> None:
        """Queue the change if the person sees it; when full, put a Resync in place of all that was queued."""
        if not self.person.sees(change.view.alert.community):
            return
        with self._lock:
            if len(self._queue) >= QUEUE:
                self._queue.clear()
                self._queue.append(Resync(change.id))
            else:
                self._queue.append(change)
        self._tell()

    def take(self) -> list[AlertChange | Resync]:
        """All that is queued, oldest first."""
        with self._lock:
            taken = list(self._queue)
            self._queue.clear()
        return taken

    def end(self) -> None:
        """Nothing more comes after what is queued."""
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        try:
            self._wake()
        except Exception:  # noqa: BLE001  one looker-on's fault must not take the stream from all others
            _log.exception("a subscription could not be woken; it is ended")
            self._ended = True


class AlertHub:
    """Reads changes once and fans them out. `start` begins, `stop` ends every subscription."""

    def __init__(
        self,
        database: GuardedDatabase,
        directory: Directory,
        people: People,
        clock: Clock,
        client: MqttClient | None = None,
    ) -> None:
        self._database = database
        self._alerts = SqlAlerts(database.whole())
        self._directory = directory
        self._people = people
        self._clock = clock
        self._client = client
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._nudged = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alert-hub", daemon=True)
        self._last = 0
        self._succeeded_at: float | None = None
        self._rechecked = clock.monotonic()
        self._also: Callable[[], None] = lambda: None

    def also(self, told: Callable[[], None]) -> None:
        """Call `told`, which returns at once, whenever changes were read."""
        self._also = told

    def start(self) -> None:
        """Tell of every change from now on."""
        self._last = self._alerts.last_change()
        self._succeeded_at = self._clock.monotonic()
        if self._client is not None:
            self._client.subscribe([any_alert()], 0)
            self._client.start(lambda *_message: self.nudge(), self.nudge, lambda _reason: None)
        self._thread.start()

    def stop(self) -> None:
        """End every subscription and the thread. Stopping twice is allowed."""
        self._stopped.set()
        self._nudged.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        if self._client is not None:
            self._client.stop()
        for subscription in self._current():
            subscription.end()

    def nudge(self) -> None:
        """There may be something new: look now."""
        self._nudged.set()

    @property
    def connected(self) -> bool:
        """Whether notices can come: without them a change is told up to POLL_S later."""
        return self._client is not None and self._client.connected

    @property
    def alive(self) -> bool:
        """Whether changes are being told: the thread runs, and a round has succeeded within ALIVE_S."""
        at = self._succeeded_at
        return at is not None and self._thread.is_alive() and self._clock.monotonic() - at < ALIVE_S

    @property
    def last(self) -> int:
        """The id of the newest change that everybody has been told of."""
        return self._last

    @property
    def streams(self) -> int:
        """How many look on now."""
        with self._lock:
            return len(self._subscriptions)

    def subscribe(self, person: Person, wake: Callable[[], None]) -> Subscription:
        """A subscription to what happens from now on within the person's scope. Give it back with `unsubscribe`."""
        subscription = Subscription(person, wake)
        with self._lock:
            self._subscriptions.add(subscription)
        if self._stopped.is_set():
            subscription.end()
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """No longer fill it. Giving it back twice is allowed."""
        with self._lock:
            self._subscriptions.discard(subscription)

    async def changes(self, person: Person) -> AsyncGenerator[AlertChange | Resync, None]:
        """What happens from now on, as it happens; ends with the hub, or when the person may no longer sign in.

        Subscribed from the first `anext` on until the iterator is closed (`aclosing`).
        """
        async for batch in self.batches(person):
            for change in batch or ():
                yield change

    async def batches(
        self, person: Person, idle_s: float | None = None
    ) -> AsyncGenerator[list[AlertChange | Resync], None]:
        """Like `changes`, all that came at once together; an empty list after each `idle_s` seconds without any."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed under us
                loop.call_soon_threadsafe(woken.set)

        subscription = self.subscribe(person, wake)
        try:
            yield []
            while True:
                try:
                    await asyncio.wait_for(woken.wait(), idle_s)
                except TimeoutError:
                    yield []
                    continue
                woken.clear()
                if batch := subscription.take():
                    yield batch
                if subscription.ended:
                    return
        finally:
            self.unsubscribe(subscription)

    def missed(self, person: Person, last: int) -> list[AlertChange | Resync]:
        """What a reader that has seen up to `last` did not get, oldest first; a Resync if that is too much."""
        stored = SqlAlerts(self._database.of(person.communities)).changes_after(last, MAX_REPLAY + 1)
        if len(stored) > MAX_REPLAY:
            return [Resync(self._last)]
        return list(self._views(stored))

    # --- the hub's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._nudged.wait(POLL_S)
            self._nudged.clear()
            if not self._round():
                self._stopped.wait(POLL_S)

    def _round(self) -> bool:
        """Read and hand out what is new, look the people up again; whether that went well."""
        try:
            self.pump()
            self._recheck()
        except SQLAlchemyError as error:
            _log.warning("cannot read what changed: %s", error)
            return False
        except Exception:  # noqa: BLE001  nobody starts this thread again: whatever it meets, the next round tries anew
            _log.exception("the alert hub failed; it tries again")
            return False
        self._succeeded_at = self._clock.monotonic()
        return True

    def pump(self) -> None:
        """Read what is new and hand it out. SQLAlchemyError when the database fails; nothing is lost or doubled then."""
        while stored := self._read():
            self._also()
            subscriptions = self._current()
            views = self._views(stored if subscriptions else ())
            for change in views:
                for subscription in subscriptions:
                    subscription.offer(change)
                self._last = change.id
            self._last = stored[-1].id

    def _read(self) -> list[StoredChange]:
        """The next changes. One that is not to be read (a word that this version does not know) is left out."""
        try:
            return self._alerts.changes_after(self._last, BATCH)
        except ValueError:
            newest = self._alerts.last_change()
        while self._last < newest:
            try:
                return self._alerts.changes_after(self._last, 1)
            except ValueError:
                _log.exception("the change after %d cannot be read; it is left out", self._last)
                self._last += 1
        return []

    def _recheck(self) -> None:
        now = self._clock.monotonic()
        if now - self._rechecked < RECHECK_S:
            return
        self._rechecked = now
        subscriptions = self._current()
        people = self._people.enabled_by_id(sorted({s.person.id for s in subscriptions}))
        for subscription in subscriptions:
            person = people.get(subscription.person.id)
            if person is None:
                subscription.end()
            else:
                then = subscription.person  # a token's limits stay: a stream must not widen while it is open
                subscription.person = person.limited(then.limited_to, then.within)

    def _current(self) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions)

    def _views(self, stored: Iterable[StoredChange]) -> Iterable[AlertChange]:
        """The changes with names; one that cannot be shown is left out."""
        names = self._directory.names()
        views: dict[str, AlertView | None] = {}
        for change in stored:
            try:
                view = self._view(change, names, views)
            except SQLAlchemyError:
                raise
            except Exception:  # noqa: BLE001  one bad change must not keep the others from everybody
                _log.exception("change %d of alert %s cannot be shown; it is left out", change.id, change.alert)
                continue
            if view is not None:
                yield view

    def _view(self, change: StoredChange, names: Names, views: dict[str, AlertView | None]) -> AlertChange | None:
        """The change with names, None if its alert is gone. `views`: the alerts seen so far, by id."""
        if change.alert not in views:
            alert = self._alerts.get(change.alert)
            views[change.alert] = None if alert is None else names.alert(alert)
        view = views[change.alert]
        if view is None:
            return None
        actor, kind = names.person(change.actor), change_name(change.kind)
        return AlertChange(change.id, view, change.kind, kind, change.actor, actor, change.comment, change.at)
