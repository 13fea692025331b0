"""Exports as they stream: a page is read and written only once the reader has taken the one before, so memory stays flat."""

import asyncio
import logging
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from api.exports.formats import Writer
from api.exports.sources import Look
from api.scope import demand
from api.sight import Sights
from linli.audit import Act, Fact
from linli.auditwho import who_of
from linli.clock import Clock
from linli.db.audit import append
from linli.db.database import Database
from linli.db.people import Person
from linli.errors import NotAllowed, NotSignedIn, TooMany
from linli.i18n import Text
from linli.roles import Operation

AT_ONCE = 8
"""Exports that stream side by side: each keeps a connection, and the database busy."""
EACH = 4
"""So many of them may be one person's: nobody keeps all others from exporting."""
RECHECK_S = 1.0
"""How often it is asked anew whether who reads may still: a long export ends with their session, their right, or a part of their
reach. It breaks off then, for a file that only left something out would be taken for the whole."""
STALL_S = 60.0
"""Who takes not even a PIECE for so long is cut off: else a few who have stopped reading would keep everybody from exporting."""
PIECE = 64 * 1024

_R = TypeVar("_R")
_log = logging.getLogger(__name__)


class Exports:
    """Counts those that stream. Safe to call from several threads."""

    def __init__(self, sights: Sights, database: Database, clock: Clock) -> None:
        self._sights = sights
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: weakref.WeakSet[Export] = weakref.WeakSet()

    def look(self, person: Person, again: Callable[[], Person | None]) -> Look:
        """What the person sees, made anew for each page. `again` identifies the request; NotSignedIn once it is nobody's, NotAllowed
        once they may not export any more, or do not reach all that they did when it began."""
        known, checked = person, self._clock.monotonic()

        def now() -> Person:
            nonlocal known, checked
            if self._clock.monotonic() - checked >= RECHECK_S:
                known, checked = _still(person, again()), self._clock.monotonic()
            return known

        return lambda: self._sights.of(now())

    def begin(
        self, person: Person, asked: Mapping[str, Fact], writer: Writer[_R], pages: Iterator[Sequence[_R]]
    ) -> "Export":
        """An export whose first page is read: what is wrong shows while there can still be an answer that says so. That the person
        takes it, and what they `asked` for, is in the audit log before they have any of it.

        TooMany if AT_ONCE are under way already, or EACH of the person's.
        """
        export = Export(self, person.id, _chunks(writer, pages))
        self._begin(export)
        try:
            export.read()
            with self._database.write() as connection:
                append(connection, Act("data.exported", who_of(person.id), facts=asked), self._clock.now())
        except BaseException:
            self.ended(export)
            raise
        return export

    def _begin(self, export: "Export") -> None:
        with self._lock:
            own = sum(one.person == export.person for one in self._under_way)
            if own >= EACH:
                text = Text(
                    "您正在进行的导出过多，请等一个结束后再试",
                    "too many exports of yours are under way: let one end first",
                )
                raise TooMany(text, retry_after_s=30)
            if len(self._under_way) >= AT_ONCE:
                raise TooMany(
                    Text("正在进行的导出过多，请稍后再试", "too many exports are under way"), retry_after_s=30
                )
            self._under_way.add(export)

    def ended(self, export: "Export") -> None:
        """It is under way no more. (So is one that nobody holds any more: its reader went before it began.)"""
        with self._lock:
            self._under_way.discard(export)


class Export:
    """The chunks of one export, which is a person's."""

    def __init__(self, exports: Exports, person: str, chunks: Generator[bytes]) -> None:
        self.person = person
        self._exports = exports
        self._chunks = chunks
        self._first = b""

    def read(self) -> None:
        """Read the first chunk."""
        self._first = next(self._chunks)

    async def stream(self) -> AsyncIterator[bytes]:
        """All of it. When the reader goes, no page is read any more."""
        try:
            chunk: bytes | None = self._first
            while chunk is not None:
                for start in range(0, len(chunk), PIECE):
                    yield chunk[start : start + PIECE]
                chunk = await run_in_threadpool(next, self._chunks, None)
        finally:
            self._chunks.close()
            self._exports.ended(self)


class _Stalled(Exception):
    """Nobody takes what is sent."""


class ExportResponse(StreamingResponse):
    """Sends an export for as long as somebody takes it."""

    async def stream_response(self, send: Send) -> None:
        """As Starlette does, but that no part waits longer than STALL_S. The connection is cut then, before the file's end."""

        async def taken(message: Message) -> None:
            try:
                async with asyncio.timeout(STALL_S):
                    await send(message)
            except TimeoutError:
                raise _Stalled from None

        try:
            await super().stream_response(taken)
        except _Stalled:
            _log.warning("an export is cut off: its reader has taken nothing for %g s", STALL_S)


def _still(began: Person, found: Person | None) -> Person:
    """Who reads, as they are now, if they may go on."""
    if found is None:
        raise NotSignedIn(Text("登录已结束", "your session has ended"))
    demand(found, Operation.EXPORT)
    reaches = found.communities
    if reaches is not None and (began.communities is None or not began.communities <= reaches):
        raise NotAllowed(Text("您能看到的小区已有变化，请重新导出", "you reach fewer communities by now: export anew"))
    return found


def _chunks(writer: Writer[_R], pages: Iterator[Sequence[_R]]) -> Generator[bytes]:
    yield writer.begin() + writer.rows(next(pages, ()))
    for rows in pages:
        yield writer.rows(rows)
