"""The client itself: each method is one operation of the API."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote

import msgspec

from linli.client.http import Transport
from linli.client.model import Alert, AlertDetail, Bucket, Device, Facility, Person, Registered
from linli.client.stream import Parser, Told
from linli.errors import ApiProblem, ApiUnreachable

PAGE = 200
COME_BACK_S = 2.0

_T = TypeVar("_T")


class _Page(msgspec.Struct, Generic[_T], frozen=True):
    items: list[_T]
    next: str | None = None


class Client:
    """Linli's API at `url`, with an API token (`linli token new`). Every method raises ApiProblem for what the server refuses
    and ApiUnreachable if there is no server. Not to be shared by threads."""

    def __init__(self, url: str, token: str, language: str = "en") -> None:
        self._transport = Transport(url, token, language)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def me(self) -> Person:
        """Who the token is of, and what it may do."""
        return self._transport.get("/me", Person)

    # --- alerts ---------------------------------------------------------------------------------------------------

    def alerts(
        self,
        *,
        open_only: bool = True,
        severity: Sequence[str] = (),
        rule: Sequence[str] = (),
        community: str | None = None,
        subject: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[Alert]:
        """Alerts, the last opened first, page after page as you go on. Times are RFC 3339; `since` <= opened < `until`."""
        query = {
            "open": "true" if open_only else "false",
            "severity": list(severity),
            "rule": list(rule),
            "community": community,
            "subject": subject,
            "since": since,
            "until": until,
        }
        return self._all("/alerts", Alert, query)

    def alert(self, alert: str) -> AlertDetail:
        """One alert with its evidence and history."""
        return self._transport.get(f"/alerts/{quote(alert, safe='')}", AlertDetail)

    def acknowledge(self, alert: str, comment: str = "") -> Alert:
        """Say that you have taken it up; the alert after it. Doing so twice changes nothing."""
        return self._act(alert, "acknowledge", {"comment": comment})

    def close_alert(self, alert: str, reason: str) -> Alert:
        """Close it, with the reason."""
        return self._act(alert, "close", {"reason": reason})

    def shelve(self, alert: str, minutes: int, reason: str) -> Alert:
        """Set it aside for so many minutes, a week at most; then it comes back by itself."""
        return self._act(alert, "shelve", {"minutes": minutes, "reason": reason})

    def unshelve(self, alert: str, comment: str = "") -> Alert:
        """Take it up again before its time."""
        return self._act(alert, "unshelve", {"comment": comment})

    def watch(self, last: int | None = None) -> Iterator[Told]:
        """What happens to alerts, as it happens, for ever: a stream that breaks off is taken up again where it was.

        `last`: the id of the last event seen, to begin after it.
        """
        parser, pause = Parser(last), threading.Event()
        while True:
            headers = {} if parser.last is None else {"last-event-id": str(parser.last)}
            try:
                yield from parser.feed(self._transport.lines("/stream", headers))
            except ApiUnreachable:
                pass
            except ApiProblem as problem:
                if problem.status not in (429, 503):
                    raise
            pause.wait(COME_BACK_S)

    # --- what there is --------------------------------------------------------------------------------------------

    def devices(self, *, community: str | None = None, kind: str | None = None) -> Iterator[Device]:
        """Devices, by id."""
        found = self._all("/devices", Device, {"community": community})
        return (device for device in found if kind in (None, device.kind))

    def facilities(self, *, community: str | None = None) -> Iterator[Facility]:
        """Facilities with their state, by id."""
        return self._all("/facilities", Facility, {"community": community})

    def readings(self, device: str, quantity: str, start: datetime, end: datetime, points: int = 300) -> list[Bucket]:
        """What the device measured in [start, end), in at most so many stretches; empty ones are left out. Times have a zone."""
        span = {"from": start.isoformat(), "to": end.isoformat()}
        query = {"device": device, "quantity": quantity, "points": points} | span
        return self._transport.get("/readings", list[Bucket], query)

    def register(self, kind: str, name: str, record: Mapping[str, Any], etag: str | None = None) -> Registered:
        """Register a record of a kind ('devices', 'places' ...) under an id, or with the `etag` that was read change it."""
        path = f"/registry/{quote(kind, safe='')}/{quote(name, safe='')}"
        return self._transport.put(path, record, {"if-none-match": "*"} if etag is None else {"if-match": etag})

    def export(self, what: str, **query: str) -> Iterator[dict[str, Any]]:
        """A whole list ('alerts', 'devices', 'events'), line by line as it comes; `query` as the API has it."""
        for line in self._transport.lines(f"/exports/{quote(what, safe='')}", {}, query | {"format": "ndjson"}):
            if line:
                yield msgspec.json.decode(line, type=dict[str, Any])

    def _act(self, alert: str, act: str, body: dict[str, Any]) -> Alert:
        return self._transport.post(f"/alerts/{quote(alert, safe='')}/{act}", Alert, body)

    def _all(self, path: str, kind: type[_T], query: dict[str, Any]) -> Iterator[_T]:
        asked = {name: value for name, value in query.items() if value not in (None, [])} | {"limit": PAGE}
        while True:
            page = self._transport.get(path, _Page[kind], asked)  # type: ignore[valid-type]
            yield from page.items
            if page.next is None:
                return
            asked |= {"cursor": page.next}
