"""The open consoles, and what they are told: alerts that changed, and every few seconds that all is still live.

Each console has a subscription at the hub, which knows what its person may see. A change is made into a row once for each
language and written out once: what a console costs is one small message, so a hundred of them hear within a moment.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson
from nicegui import Client, background_tasks
from sqlalchemy.exc import SQLAlchemyError

from api.alerts.live import Resync, Subscription
from api.console import texts
from api.console.rows import Row, calls, push_code, row
from api.console.visit import Visit
from api.scope import may
from api.services import Services
from api.views import AlertChange, HealthView
from linli.db.people import Person
from linli.errors import LinliError
from linli.i18n import Text
from linli.roles import Operation
from linli.shards import service_of
from linli.vocabulary import part_name

BEAT_S = 4.0
"""How often each console hears that it is still connected; `live.js` says that it is not after 13 s without."""

RECHECK_BEATS = 5
"""Sessions are looked up again every so many beats, so that signing out in one window ends the others."""

PARTING_S = 1.0
"""How long a page that is sent away has to go before its client is deleted, and answers nothing any more."""

_RELOAD = "window.location.reload()"
_KEPT_ROWS = 512
_NOT_THERE = ("silent", "stopped")
_NOTHING = Text("", "")
_FEED = ("rules", "broker", "api")
"""Parts by which an alert comes to a page."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Console:
    """One page open in one browser. `health` is what was known when it opened. `on_change` is called, in the page's context, with what changed, oldest first."""

    client: Client
    visit: Visit
    subscription: Subscription
    health: HealthView | None
    on_change: Callable[[Sequence[AlertChange]], Awaitable[None]] | None = None

    @property
    def outdated(self) -> bool:
        """Whether the person's role or communities have changed since the page was opened."""
        then, now = self.visit.person, self.subscription.person
        return (then.role, then.communities) != (now.role, now.communities)

    async def notice(self, changes: Sequence[AlertChange]) -> None:
        """Let the page show what changed."""
        if self.on_change is not None and not self.client.is_deleted:
            with self.client:
                await self.on_change(changes)


class Consoles:
    """Who looks on now. All methods but the hub's wake-up run on the event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[str, Console] = {}
        self._rows: OrderedDict[tuple[int, str, bool], Row] = OrderedDict()
        self._beat: asyncio.Task[None] | None = None
        self.health: HealthView | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._beat = asyncio.get_running_loop().create_task(self._beat_on(), name="console-beat")
        background_tasks.create(asyncio.to_thread(self._prepare), name="console-names")

    def _prepare(self) -> None:
        try:
            self._services.sights.prepare()
        except (LinliError, SQLAlchemyError) as error:
            _log.warning("cannot read the names yet: %s", error)

    async def stop(self) -> None:
        """End the beat and give the subscriptions back."""
        if self._beat is not None:
            self._beat.cancel()
            await asyncio.gather(self._beat, return_exceptions=True)
        for client_id in list(self._open):
            self._forget(client_id)

    def open(self, client: Client, visit: Visit) -> Console:
        """Tell this page from now on what its person may see happen, until its browser is gone.

        Open it before reading what the page shows: then nothing that happens in between is missed.
        """
        loop = asyncio.get_running_loop()
        client_id = client.id

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._drain, client_id)

        console = Console(client, visit, self._services.live.subscribe(visit.person, wake), self.health)
        self._open[client_id] = console
        client.on_delete(lambda: self._forget(client_id))
        return console

    def end(self, token: str) -> None:
        """The session has ended: its consoles go to the sign-in page."""
        for console in list(self._open.values()):
            if console.visit.token == token:
                self._send_away(console)

    def __len__(self) -> int:
        return len(self._open)

    # --- changes --------------------------------------------------------------------------------------------------

    def _drain(self, client_id: str) -> None:
        console = self._open.get(client_id)
        if console is None:
            return
        taken = console.subscription.take()
        changes = [change for change in taken if isinstance(change, AlertChange)]
        if any(isinstance(change, Resync) for change in taken):
            console.client.run_javascript(_RELOAD)
        elif changes:
            console.client.run_javascript(push_code(self._rows_of(changes, console.visit)))
            if console.on_change is not None:
                background_tasks.create(console.notice(changes), name="console-notice")
        if console.subscription.ended:
            background_tasks.create(self._end_if_signed_out(console), name="console-ended")

    def _rows_of(self, changes: Sequence[AlertChange], visit: Visit) -> Iterator[Row]:
        """Each alert once, as it is now, with what of all that changed asks for somebody."""
        by_alert: dict[str, list[AlertChange]] = {}
        for change in changes:
            by_alert.setdefault(change.view.alert.id, []).append(change)
        for own in by_alert.values():
            yield self._row(own[-1], visit) | {"calls": calls(own).of(visit.language)}

    def _row(self, change: AlertChange, visit: Visit) -> Row:
        key = (change.id, visit.language, visit.several)
        made = self._rows.get(key)
        if made is None:
            now = self._services.clock.now()
            zone = visit.zone(change.view.alert.community)
            made = row(change.view, visit.language, zone, now, visit.several)
            self._rows[key] = made
            if len(self._rows) > _KEPT_ROWS:
                self._rows.popitem(last=False)
        return made

    async def _end_if_signed_out(self, console: Console) -> None:
        """The hub ends a subscription when its person may no longer sign in, but also when this process stops: then the
        page stays as it is, and connects again to the next one."""
        if await asyncio.to_thread(self._ended, {console.visit.token}):
            self._send_away(console)

    def _send_away(self, console: Console) -> None:
        console.client.open("/login")
        self._part(console)

    def _part(self, console: Console) -> None:
        """Tell the page nothing more, and soon answer it no more: what it does with what it was told last is up to it."""
        self._forget(console.client.id)
        background_tasks.create(_delete_soon(console.client), name="console-parting")

    def _forget(self, client_id: str) -> None:
        console = self._open.pop(client_id, None)
        if console is not None:
            self._services.live.unsubscribe(console.subscription)

    # --- beat -----------------------------------------------------------------------------------------------------

    async def _beat_on(self) -> None:
        beats = 0
        while True:
            try:
                await self._beat_once(beats)
            except (LinliError, SQLAlchemyError) as error:
                _log.warning("cannot tell the consoles how Linli is: %s", error)
            except Exception:  # noqa: BLE001  nobody starts the beat again; without one every page says that it is cut off
                _log.exception("the consoles' beat failed; it goes on")
            beats += 1
            await asyncio.sleep(BEAT_S)

    async def _beat_once(self, beats: int) -> None:
        self.health = await asyncio.to_thread(self._services.health)
        codes: dict[tuple[str, bool], str] = {}
        for console in list(self._open.values()):
            if console.outdated:
                console.client.run_javascript(_RELOAD)
                self._part(console)
                continue
            person, language = console.subscription.person, console.visit.language
            key = (language, may(person, Operation.SEE_PLATFORM))
            if key not in codes:
                codes[key] = self._beat_code(self.health, language, person)
            console.client.run_javascript(codes[key])
        if beats % RECHECK_BEATS == 0:
            tokens = {console.visit.token for console in self._open.values()}
            for token in await asyncio.to_thread(self._ended, tokens):
                self.end(token)

    def _ended(self, tokens: set[str]) -> list[str]:
        return [token for token in tokens if self._services.people.by_session(token, acting=False) is None]

    def _beat_code(self, health: HealthView, language: str, person: Person) -> str:
        line, dot = health_line(health, person)
        state = {
            "now": self._services.clock.now() / 1000,
            "feed": feed_fault(health).of(language),
            "note": to_mend(health, person).of(language),
            "health": line.of(language),
            "health_class": dot,
        }
        return f"window.linli?.beat({orjson.dumps(state).decode()})"


async def _delete_soon(client: Client) -> None:
    await asyncio.sleep(PARTING_S)
    if not client.is_deleted:
        client.delete()


def health_line(health: HealthView | None, person: Person) -> tuple[Text, str]:
    """The footer's words on Linli itself, and the class of the dot before them.

    Who may see the platform reads every reason; everybody else which parts are not well, and whom to tell.
    """
    if health is None:
        return texts.HEALTH_UNKNOWN, "unsure"
    if health.state == "ok":
        return texts.ALL_RUNNING, ""
    if not may(person, Operation.SEE_PLATFORM):
        if not health.ailing and health.notes:
            return texts.ALL_RUNNING, ""
        return texts.TELL_AN_ADMINISTRATOR.format(parts=_parts(health.ailing)), "bad"
    joined = _joined(health.reasons)
    if not health.ailing and health.notes:
        return joined, "unsure"
    return texts.NOT_RUNNING.format(parts=joined), "bad"


def feed_fault(health: HealthView) -> Text:
    """For the banner: what keeps new alerts from appearing, or may. Empty if nothing does."""
    if not any(service_of(worker.name)[0] == "rules" and worker.state not in _NOT_THERE for worker in health.workers):
        return texts.FEED_STOPPED
    ailing = [part for part in health.ailing if service_of(part)[0] in _FEED]
    return texts.FEED_DOUBTFUL.format(parts=_parts(ailing)) if ailing else _NOTHING


def to_mend(health: HealthView, person: Person) -> Text:
    """For who may see the platform: what people wrote that is to be mended, although alerts appear as they should."""
    return _joined(health.notes) if may(person, Operation.SEE_PLATFORM) else _NOTHING


def _joined(said: Sequence[Text]) -> Text:
    return Text(
        texts.LIST_SEMICOLON.zh.join(text.zh for text in said), texts.LIST_SEMICOLON.en.join(text.en for text in said)
    )


def _parts(names: Sequence[str]) -> Text:
    shown = [part_name(name) for name in names]
    return Text(
        texts.LIST_PAUSE.zh.join(name.zh for name in shown), texts.LIST_PAUSE.en.join(name.en for name in shown)
    )
