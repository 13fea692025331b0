"""The client itself: each method is one operation of the API."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote

import msgspec

from linli.client.http import BUSY, TIMEOUT_S, TRIES, Transport
from linli.client.model import (
    Alert,
    AlertDetail,
    Bucket,
    Delivery,
    Device,
    DeviceRecord,
    Facility,
    Installation,
    NewWebhook,
    Person,
    Registered,
    Replaying,
    Webhook,
)
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
    and ApiUnreachable if there is no server, which is given `timeout_s` and asked `tries` times. Not to be shared by threads."""

    def __init__(
        self, url: str, token: str, language: str = "en", *, timeout_s: float = TIMEOUT_S, tries: int = TRIES
    ) -> None:
        self._transport = Transport(url, token, language, timeout_s, tries)

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
        return self._transport.get(_path("alerts", alert), AlertDetail)

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
        """What happens to alerts, as it happens, for ever: a stream that breaks off is taken up again where it was. ApiUnreachable
        if there was none to begin with.

        `last`: the id of the last event seen, to begin after it.
        """
        parser, pause = Parser(last), threading.Event()
        while True:
            headers = {} if parser.last is None else {"last-event-id": str(parser.last)}
            try:
                parser.begin()
                yield from parser.feed(self._transport.lines("/stream", headers))
            except ApiUnreachable:
                if not parser.heard:
                    raise
            except ApiProblem as problem:
                if problem.status not in BUSY:
                    raise
            pause.wait(COME_BACK_S)

    # --- what there is --------------------------------------------------------------------------------------------

    def devices(self, *, community: str | None = None, kind: str | None = None) -> Iterator[Device]:
        """Devices, by id."""
        found = self._all("/devices", Device, {"community": community})
        return (device for device in found if kind in (None, device.kind))

    def device_now(self, device: str) -> Device:
        """One device as it is now; `device` has it as it is registered."""
        return self._transport.get(_path("devices", device), Device)

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
        which = {"if-none-match": "*"} if etag is None else {"if-match": etag}
        sent = self._transport.send("PUT", _path("registry", kind, name), dict[str, Any], record, which)
        return Registered(etag=sent.etag, new=sent.status == 201, record=sent.content)

    def device(self, device: str) -> DeviceRecord:
        """One device as it is registered, with what stands there."""
        found, etag = self._transport.read(_path("registry", "devices", device), DeviceRecord)
        return msgspec.structs.replace(found, etag=etag)

    def installations(self, device: str) -> list[Installation]:
        """What stood where the device is, the newest first."""
        return self._transport.get(_path("registry", "devices", device, "installations"), list[Installation])

    def replace_device(
        self, device: str, etag: str, reason: str, *, serial: str | None = None, model: str | None = None
    ) -> DeviceRecord:
        """Other equipment stands there now; the device with its id, place and history stays. `etag`: as `device` had it."""
        body = {"serial": serial, "model": model, "reason": reason}
        path = _path("registry", "devices", device, "replace")
        sent = self._transport.send("POST", path, DeviceRecord, body, {"if-match": etag})
        return msgspec.structs.replace(sent.content, etag=sent.etag)

    def export(self, what: str, **query: str) -> Iterator[dict[str, Any]]:
        """A whole list ('alerts', 'devices', 'events'), line by line as it comes; `query` as the API has it."""
        for line in self._transport.lines(f"/exports/{quote(what, safe='')}", {}, query | {"format": "ndjson"}):
            if line:
                yield msgspec.json.decode(line, type=dict[str, Any])

    # --- being told: webhooks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Iterator[Webhook]:
        """Your webhooks, by id; everybody's for who manages accounts."""
        return self._all("/webhooks", Webhook, {})

    def webhook(self, webhook: str) -> Webhook:
        """One webhook, and how it stands with its receiver."""
        found, etag = self._transport.read(_path("webhooks", webhook), Webhook)
        return msgspec.structs.replace(found, etag=etag)

    def add_webhook(
        self,
        name: str,
        url: str,
        *,
        communities: Sequence[str] = (),
        severities: Sequence[str] = (),
        rules: Sequence[str] = (),
        kinds: Sequence[str] = (),
        enabled: bool = True,
    ) -> NewWebhook:
        """Be told of changes to alerts from now on, at `url`. A filter that is empty leaves nothing out. The secret that what
        comes is signed with is in the answer, and told this once."""
        wanted = {
            "communities": list(communities),
            "severities": list(severities),
            "rules": list(rules),
            "kinds": list(kinds),
        }
        sent = self._transport.send(
            "POST", "/webhooks", NewWebhook, {"name": name, "url": url, "enabled": enabled} | wanted
        )
        return msgspec.structs.replace(sent.content, etag=sent.etag)

    def change_webhook(self, webhook: str, etag: str, **changes: Any) -> Webhook:
        """Change `name`, `url`, `communities`, `severities`, `rules`, `kinds` or `enabled`; what is left out stays. `etag`: as
        `webhook` had it. Turned on again it goes on where it stopped."""
        sent = self._transport.send("PATCH", _path("webhooks", webhook), Webhook, changes, {"if-match": etag})
        return msgspec.structs.replace(sent.content, etag=sent.etag)

    def remove_webhook(self, webhook: str) -> None:
        """Away with it and its log."""
        self._transport.delete(_path("webhooks", webhook))

    def rotate_webhook(self, webhook: str) -> NewWebhook:
        """A new secret, told this once; the one before signs too for a day."""
        return self._transport.post(_path("webhooks", webhook, "rotate-secret"), NewWebhook)

    def test_webhook(self, webhook: str) -> Delivery:
        """Send a `webhook.test` now, and see what the receiver answers."""
        return self._transport.post(_path("webhooks", webhook, "test"), Delivery)

    def deliveries(self, webhook: str, *, outcome: str | None = None) -> Iterator[Delivery]:
        """What was sent in the last 30 days, the last first. `outcome`: delivered, failed or set_aside alone."""
        return self._all(_path("webhooks", webhook, "deliveries"), Delivery, {"outcome": outcome})

    def replay_delivery(self, webhook: str, delivery: int) -> Delivery:
        """Send one again, with the same `webhook-id`, once nothing newer waits."""
        return self._transport.post(_path("webhooks", webhook, "deliveries", str(delivery), "replay"), Delivery)

    def replay_webhook(self, webhook: str, start: datetime, end: datetime) -> Replaying:
        """Send again what happened in [start, end), 31 days at most, once nothing newer waits. Times have a zone."""
        span = {"from": start.isoformat(), "to": end.isoformat()}
        return self._transport.post(_path("webhooks", webhook, "replay"), Replaying, span)

    def _act(self, alert: str, act: str, body: dict[str, Any]) -> Alert:
        return self._transport.post(_path("alerts", alert, act), Alert, body)

    def _all(self, path: str, kind: type[_T], query: dict[str, Any]) -> Iterator[_T]:
        asked = {name: value for name, value in query.items() if value not in (None, [])} | {"limit": PAGE}
        while True:
            page = self._transport.get(path, _Page[kind], asked)  # type: ignore[valid-type]
            yield from page.items
            if page.next is None:
                return
            asked |= {"cursor": page.next}


def _path(*parts: str) -> str:
    """The address under /api/v1: what is an id stays one part, whatever is in it."""
    return "".join("/" + quote(part, safe="") for part in parts)
