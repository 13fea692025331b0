"""What a webhook is sent: the next change that is for it, as far as its owner sees it, as the body of a request."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from api.bodies import stream_body
from api.sight import Sight, Sights
from api.views import AlertChange
from api.words import change_name
from linli.clock import format_time
from linli.db.alerts import AlertChange as StoredChange
from linli.db.people import Person
from linli.db.webhookrows import Webhook
from linli.roles import Operation
from linli.webhooks import Ended, message_id

BATCH = 50
TEST_KIND = "test"


@dataclass(frozen=True, slots=True)
class Message:
    """A request's body, its `webhook-id`, and what it is about. `change` None: a test."""

    id: str
    kind: str
    body: bytes
    change: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """The next message of a stretch of changes, None if there is none; nothing up to `position` but it is for the webhook."""

    message: Message | None
    position: int


def why_ended(owner: Person | None) -> Ended | None:
    """Why a webhook of this owner (None: who may not sign in) may send nothing; None if it may."""
    if owner is None:
        return Ended.OWNER_DISABLED
    if not {Operation.SEE, Operation.MANAGE_WEBHOOKS} <= owner.operations:
        return Ended.OWNER_MAY_NOT
    return None


def reach(owner: Person, webhook: Webhook) -> Person:
    """The owner as far as the webhook goes: what they reach now, less what the webhook is limited to. Never more than either."""
    communities = owner.communities
    for limit in (webhook.within, webhook.filter.communities or None):
        if limit is not None:
            communities = limit if communities is None else communities & limit
    return replace(owner, communities=communities)


def next_message(sights: Sights, owner: Person, webhook: Webhook, position: int, upto: int) -> Found:
    """The first change above `position` and up to `upto` that is for the webhook."""
    sight = sights.of(reach(owner, webhook))
    for change in _changes(sight, position, upto):
        message = _message(sight, webhook, change)
        if message is not None:
            return Found(message, change.id)
    return Found(None, upto)


def test_message(webhook: Webhook, now: int, number: str) -> Message:
    """What is sent to see whether anything arrives."""
    data = {"webhook": webhook.id, "name": webhook.name}
    return Message(f"msg_{webhook.id}_test_{number}", TEST_KIND, _body(f"webhook.{TEST_KIND}", now, data), None)


def _changes(sight: Sight, position: int, upto: int) -> Iterator[StoredChange]:
    while position < upto:
        found = sight.alerts.changes_after(position, BATCH)
        yield from (change for change in found if change.id <= upto)
        if len(found) < BATCH:
            return
        position = found[-1].id


def _message(sight: Sight, webhook: Webhook, change: StoredChange) -> Message | None:
    """None if the change is not for the webhook, or its alert is gone."""
    wanted = webhook.filter
    if wanted.kinds and change.kind not in wanted.kinds:
        return None
    if wanted.severities and change.severity not in wanted.severities:
        return None
    alert = sight.alerts.get(change.alert)
    if alert is None or not wanted.takes(
        community=change.community, severity=change.severity, rule=alert.rule, kind=change.kind
    ):
        return None
    names = sight.names
    shown = AlertChange(
        change.id,
        names.alert(alert),
        change.kind,
        change_name(change.kind),
        change.actor,
        names.person(change.actor),
        change.comment,
        change.at,
    )
    body = _body(f"alert.{change.kind}", change.at, stream_body(shown).model_dump(mode="json"))
    return Message(message_id(webhook.id, change.id), change.kind, body, change.id)


def _body(kind: str, at: int, data: object) -> bytes:
    document = {"type": kind, "timestamp": format_time(at), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
