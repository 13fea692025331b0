"""The live stream as server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.alerts.live import Resync
from api.bodies import stream_body
from api.services import Services
from api.views import AlertChange
from linli.db.people import Person

HEARTBEAT_S = 15.0
RETRY_MS = 2000
"""After how long a browser that lost the stream comes back."""


async def events(
    services: Services, request: Request, person: Person, again: Callable[[], Person | None]
) -> AsyncIterator[str]:
    """The stream's text, for `person`. `again` identifies the request anew: every HEARTBEAT_S, and who is signed out or
    disabled by then hears no more."""
    clock, live = services.clock, services.live
    last = _last_id(request)
    async with aclosing(live.batches(person, HEARTBEAT_S)) as batches:
        await anext(batches)  # subscribed from here on, so nothing falls between what was missed and what is live
        reached = live.last
        yield f"retry: {RETRY_MS}\n\n"
        # Read for a newcomer too: what the hub is handing out just now, it hands to those who were there when it began.
        missed = await run_in_threadpool(live.missed, person, reached if last is None else last)
        yield _render(missed)
        reached = max([reached, *(change.id for change in missed)])
        yield f"id: {reached}\nevent: ready\ndata: {{}}\n\n"
        checked = clock.monotonic()
        async for batch in batches:
            if clock.monotonic() - checked >= HEARTBEAT_S:
                if await run_in_threadpool(again) is None:
                    return
                checked = clock.monotonic()
            fresh: list[AlertChange | Resync] = []
            for change in batch:
                if isinstance(
                    change, Resync
                ):  # it may have waited since before `ready`: what was said since is not said again
                    reached = max(reached, change.id)
                    fresh.append(Resync(reached))
                elif change.id > reached:
                    fresh.append(change)
                    reached = change.id
            yield _render(fresh) or ": still here\n\n"


def _last_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _render(changes: Iterable[AlertChange | Resync]) -> str:
    """The events' text; JSON has no raw line feed, so each `data` is one line."""
    return "".join(
        f"id: {change.id}\nevent: resync\ndata: {{}}\n\n"
        if isinstance(change, Resync)
        else f"id: {change.id}\nevent: alert\ndata: {stream_body(change).model_dump_json()}\n\n"
        for change in changes
    )
