"""Sends what webhooks owe: a thread with an event loop of its own, so that nothing a receiver does is felt by the API.

Each POLL_S, and when there may be something new (`nudge`), it asks the database which webhooks owe anything and serves up to
AT_ONCE of them side by side, each in order, one request at a time. What waits for a receiver is a coroutine and no thread; what
asks the database does so on THREADS threads of the sender's own. Several processes may run one: who serves a webhook holds it
(`linli.db.webhooks`), and a hold ends by itself when its process was killed.

Goes by the machine's clock, not by a simulated one: receivers compare the timestamp with theirs.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from api.sight import Sights
from api.webhooks.messages import Message, next_message, test_message, why_ended
from api.webhooks.posting import DEADLINE_S, Poster
from linli.clock import SECOND, Clock
from linli.db.people import People
from linli.db.webhookrows import Delivery, Due, Replay, Sent, Webhook
from linli.db.webhooks import SqlWebhooks
from linli.egress import read_target
from linli.errors import LinliError, NotAnswering, Refused, TooMany
from linli.i18n import Text
from linli.webhooks import Answer, Ended, headers

POLL_S = 1.0
AT_ONCE = 64
TESTS_AT_ONCE = 8
THREADS = 2
NAMES_AT_ONCE = 8
"""Names that are looked up at once: a look-up cannot be broken off, only no longer waited for."""
HOLD = round(2 * DEADLINE_S * SECOND)
A_TURN = 100
"""Messages after which a webhook with more to send lets others have its place."""
SAVE_EVERY = 60 * SECOND
"""How often it is written down that nothing was for a webhook; after a kill that much is looked through again."""
FINISHING_S = 0.5
CLOSING_S = 1.5

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class WebhookSender:
    """`start` begins, `stop` ends. `nudge` and `test` may be called from any thread or loop."""

    def __init__(self, hooks: SqlWebhooks, sights: Sights, people: People, poster: Poster, clock: Clock) -> None:
        self._hooks = hooks
        self._sights = sights
        self._people = people
        self._poster = poster
        self._clock = clock
        self._holder = "s" + secrets.token_hex(8)
        self._thread = threading.Thread(target=self._main, name="webhooks", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._stopping = False
        self._ready = threading.Event()
        self._database = ThreadPoolExecutor(THREADS, "webhooks-database")
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._testing = 0
        self._passed: dict[str, tuple[int, int]] = {}
        """By webhook: up to which change nothing is for it, and when that was last saved."""

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Send nothing more; what is under way is broken off, and sent again by whoever starts next. May be called twice."""
        if self._thread.is_alive() and self._loop is not None:
            self._stopping = True
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._woken.set)
            self._thread.join(timeout=CLOSING_S)

    @property
    def alive(self) -> bool:
        """Whether it sends."""
        return self._thread.is_alive()

    def nudge(self) -> None:
        """There may be something to send: look now."""
        if self._loop is not None and not self._stopping:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    async def test(self, webhook: Webhook) -> Delivery:
        """Send the webhook a test now, whatever it waits for, and say what came of it. TooMany if many are under way."""
        if self._loop is None or not self.alive:
            raise NotAnswering(
                Text("webhook 发送程序没有运行", "nothing sends webhooks at the moment; try again later")
            )
        if self._testing >= TESTS_AT_ONCE:
            raise TooMany(
                Text("测试过多，请稍后再试", "too many tests are under way; try again later"), retry_after_s=5
            )
        self._testing += 1
        try:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._test(webhook), self._loop))
        finally:
            self._testing -= 1

    # --- the sender's own thread ----------------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception:
            _log.exception("the sender of webhooks has ended")
            raise
        finally:
            self._database.shutdown(wait=False)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(NAMES_AT_ONCE, "webhooks-names"))
        self._ready.set()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            self._woken.clear()
            if self._stopping:
                break
            try:
                await self._round()
            except SQLAlchemyError as error:
                _log.warning("cannot read what webhooks owe: %s", error)
            except Exception:  # noqa: BLE001  nobody starts this thread again: whatever it meets, the next round tries anew
                _log.exception("the sender of webhooks failed; it tries again")
        await self._finish([*self._serving.values()])

    async def _finish(self, serving: list["asyncio.Task[None]"]) -> None:
        """What is answered within a moment is noted; what is not is sent again by whoever comes next."""
        if serving:
            await asyncio.wait(serving, timeout=FINISHING_S)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _round(self) -> None:
        """Begin to serve those that owe something, as many as there is room for."""
        now = self._clock.now()
        for due in await self._ask(self._hooks.due, now):
            if len(self._serving) >= AT_ONCE or self._stopping:
                break
            if due.webhook not in self._serving and self._may_owe(due):
                task = asyncio.create_task(self._serve(due))
                self._serving[due.webhook] = task
                task.add_done_callback(partial(self._done, due.webhook))

    def _done(self, webhook: str, _task: "asyncio.Task[None]") -> None:
        self._serving.pop(webhook, None)
        self._woken.set()

    def _may_owe(self, due: Due) -> bool:
        passed = self._passed.get(due.webhook)
        return due.replaying or passed is None or passed[0] < due.newest

    async def _serve(self, due: Due) -> None:
        """Send what the webhook owes. One's fault keeps no other from being sent."""
        try:
            await self._send_all(due)
        except (SQLAlchemyError, LinliError) as error:
            _log.warning("webhook %s: %s", due.webhook, error)
            await asyncio.sleep(POLL_S)
        except Exception:  # noqa: BLE001
            _log.exception("webhook %s could not be served; it is tried again", due.webhook)
            await asyncio.sleep(POLL_S)

    async def _send_all(self, due: Due) -> None:
        """In order, until there is no more, the receiver fails, or its turn is over."""
        webhook = await self._ask(self._hooks.get, due.webhook)
        if await self._ask(self._find, webhook, due.newest) is None:
            return
        now = self._clock.now()
        held = await self._ask(self._hooks.hold, webhook.id, self._holder, now, now + HOLD)
        try:
            for _ in range(A_TURN):
                if held is None or self._stopping or not held.standing.due(self._clock.now()):
                    return
                found = await self._ask(self._find, held, due.newest)  # by now another process may have sent some
                if found is None:
                    return
                held = await self._deliver(held, *found)
        finally:
            await self._ask(self._hooks.let_go, webhook.id, self._holder)

    async def _deliver(self, webhook: Webhook, message: Message, replay: Replay | None) -> Webhook | None:
        origin = "live" if replay is None else "replay"
        sent = await self._send(webhook, message, origin)
        if replay is not None:
            sent = replace(sent, replay=replay.id)
        now = self._clock.now()
        return await self._ask(self._hooks.note, webhook.id, self._holder, sent, now, now + HOLD, random.random())

    async def _send(self, webhook: Webhook, message: Message, origin: str) -> Sent:
        """Send it, and say what came of it."""
        began, at = self._clock.monotonic(), self._clock.now()
        try:
            keys = await self._ask(self._hooks.keys, webhook.id, at)
            signed = headers(keys, message.id, at // SECOND, message.body)
            answer = await self._poster.post(read_target(webhook.url), signed, message.body)
        except Refused:
            answer = Answer(error="bad_url")
        except LinliError as error:  # the secret does not open: another data folder
            answer = Answer(error="no_secret", excerpt=error.text.en)
        took = round((self._clock.monotonic() - began) * SECOND)
        return Sent(message.id, message.change, message.kind, origin, at, took, answer)

    async def _test(self, webhook: Webhook) -> Delivery:
        message = test_message(webhook, self._clock.now(), secrets.token_hex(6))
        sent = await self._send(webhook, message, "test")
        noted = await self._ask(self._hooks.note_test, webhook.id, sent, self._clock.now())
        self._woken.set()
        return noted

    # --- asks the database ----------------------------------------------------------------------------------------

    async def _ask(self, what: Callable[..., _T], *args: object) -> _T:
        assert self._loop is not None
        return await asyncio.shield(self._loop.run_in_executor(self._database, what, *args))

    def _find(self, webhook: Webhook, newest: int) -> tuple[Message, Replay | None] | None:
        """What the webhook owes next: of what is new, else of the oldest replay; None if it owes nothing."""
        owner = self._people.enabled_by_id([webhook.owner]).get(webhook.owner)
        why = why_ended(owner)
        if owner is None or why is not None:
            self._hooks.end(webhook.id, why or Ended.OWNER_DISABLED)
            return None
        position = max(webhook.position, self._passed.get(webhook.id, (0, 0))[0])
        found = next_message(self._sights, owner, webhook, position, max(newest, position))
        if found.message is not None:
            return found.message, None
        self._pass_over(webhook, found.position)
        for replay in self._hooks.replays(webhook.id):
            again = next_message(self._sights, owner, webhook, replay.position, replay.upto)
            if again.message is not None:
                return again.message, replay
            self._hooks.pass_over(webhook.id, again.position, replay.id)
        return None

    def _pass_over(self, webhook: Webhook, position: int) -> None:
        """Remember that nothing up to here is for the webhook, and write it down now and then."""
        now = self._clock.now()
        _, saved = self._passed.get(webhook.id, (0, 0))
        if now - saved >= SAVE_EVERY and position > webhook.position:
            self._hooks.pass_over(webhook.id, position)
            saved = now
        self._passed[webhook.id] = (position, saved)
