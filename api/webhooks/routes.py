"""Webhooks over REST: made, changed, tried, and what was sent."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.bodies import Id, ProblemBody
from api.http.paging import Cursor, Limit, following, read_cursor
from api.http.preconditions import STALE, demand_match, etag_of, not_modified, unchanged
from api.routing import Signed, needs
from api.services import Services
from api.webhooks import bodies
from api.webhooks.service import WebhookService
from linli.db.people import Person
from linli.db.webhookrows import Webhook
from linli.roles import Operation
from linli.webhooks import Outcome

_Number = Annotated[int, Path(ge=1, lt=2**63)]
_Status = dict[int | str, dict[str, Any]]
_TOO_MANY: _Status = {409: {"model": ProblemBody, "description": "You have as many as anybody may have"}}
_SAME: _Status = {304: {"description": "You have it as it is"}}


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    _add_webhooks(router, services.webhooks)
    _add_changes(router, services.webhooks)
    _add_log(router, services.webhooks)


def _add_webhooks(router: APIRouter, webhooks: WebhookService) -> None:
    manages = needs(Operation.MANAGE_WEBHOOKS)

    @router.get("/webhooks", **manages)
    def list_webhooks(
        request: Request, response: Response, person: Signed, limit: Limit = 100, cursor: Cursor = None
    ) -> bodies.WebhooksBody:
        """Your webhooks, by id; everybody's for who manages accounts."""
        after = None if cursor is None else str(read_cursor("webhooks", cursor, (str,))[0])
        page = webhooks.all(person, limit, after)
        items = [_body(webhooks, person, webhook) for webhook in page.items]
        return bodies.WebhooksBody(items=items, next=following("webhooks", page, request, response))

    @router.post("/webhooks", status_code=201, responses=_TOO_MANY, **manages)
    def make_webhook(body: bodies.NewWebhookBody, response: Response, person: Signed) -> bodies.WebhookSecretBody:
        """Be told of changes to alerts from now on. The answer has the secret that they are signed with, which is shown only now."""
        webhook, secret = webhooks.add(person, body.wish())
        response.headers["etag"] = etag_of(webhook.version)
        response.headers["location"] = f"{router.prefix}/webhooks/{webhook.id}"
        return bodies.secret_body(webhook, webhooks.owner_name(person, webhook), secret)

    @router.get("/webhooks/{webhook_id}", response_model=bodies.WebhookBody, responses=_SAME, **manages)
    def webhook(webhook_id: Id, request: Request, response: Response, person: Signed) -> Any:
        """One webhook, and how it stands with its receiver. Its `ETag` is what `If-Match` takes."""
        found = webhooks.get(person, webhook_id)
        tag = etag_of(found.version)
        if unchanged(request, tag):
            return not_modified(tag)
        response.headers["etag"] = tag
        return _body(webhooks, person, found)


def _add_changes(router: APIRouter, webhooks: WebhookService) -> None:
    manages = needs(Operation.MANAGE_WEBHOOKS)

    @router.patch("/webhooks/{webhook_id}", responses=STALE, **manages)
    def change_webhook(
        webhook_id: Id, body: bodies.WebhookChangeBody, request: Request, response: Response, person: Signed
    ) -> bodies.WebhookBody:
        """Change a webhook, or turn it off or on again. `If-Match` says which version you have read."""
        found = webhooks.get(person, webhook_id)
        demand_match(request, etag_of(found.version))
        changed = webhooks.change(person, webhook_id, found.version, body.wish(found))
        response.headers["etag"] = etag_of(changed.version)
        return _body(webhooks, person, changed)

    @router.delete("/webhooks/{webhook_id}", status_code=204, **manages)
    def remove_webhook(webhook_id: Id, person: Signed) -> None:
        """Remove a webhook with its log."""
        webhooks.remove(person, webhook_id)

    @router.post("/webhooks/{webhook_id}/rotate-secret", **manages)
    def rotate_secret(webhook_id: Id, response: Response, person: Signed) -> bodies.WebhookSecretBody:
        """Get a new secret, which is shown only now. For a day the former one signs too, so that there is time to change over."""
        changed, secret = webhooks.rotate(person, webhook_id)
        response.headers["etag"] = etag_of(changed.version)
        return bodies.secret_body(changed, webhooks.owner_name(person, changed), secret)


def _add_log(router: APIRouter, webhooks: WebhookService) -> None:
    manages = needs(Operation.MANAGE_WEBHOOKS)

    @router.post("/webhooks/{webhook_id}/test", **manages)
    async def test(webhook_id: Id, person: Signed) -> bodies.DeliveryBody:
        """Send a `webhook.test` now, and see what the receiver answers. One that gets through ends any waiting."""
        found = await run_in_threadpool(webhooks.get, person, webhook_id)
        return bodies.delivery_body(await webhooks.test(found))

    @router.get("/webhooks/{webhook_id}/deliveries", **manages)
    def deliveries(
        webhook_id: Id,
        request: Request,
        response: Response,
        person: Signed,
        outcome: Annotated[Outcome | None, Query(description="Only these")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> bodies.DeliveriesBody:
        """What was sent in the last 30 days, request by request, the last first."""
        before = None if cursor is None else int(read_cursor("deliveries", cursor, (int,))[0])
        page = webhooks.deliveries(person, webhook_id, limit, before, outcome)
        items = [bodies.delivery_body(line) for line in page.items]
        return bodies.DeliveriesBody(items=items, next=following("deliveries", page, request, response))

    @router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", status_code=202, **manages)
    def replay_delivery(webhook_id: Id, delivery_id: _Number, person: Signed) -> bodies.DeliveryBody:
        """Send one again, with the same `webhook-id`, once nothing newer waits. 422 for a test."""
        return bodies.delivery_body(webhooks.replay_one(person, webhook_id, delivery_id))

    @router.post("/webhooks/{webhook_id}/replay", status_code=202, **manages)
    def replay(webhook_id: Id, body: bodies.ReplayBody, person: Signed) -> bodies.ReplayingBody:
        """Send again what happened in a stretch of time and is for the webhook, once nothing newer waits."""
        return bodies.ReplayingBody(changes=webhooks.replay_range(person, webhook_id, body.start, body.end))


def _body(webhooks: WebhookService, person: Person, webhook: Webhook) -> bodies.WebhookBody:
    return bodies.webhook_body(webhook, webhooks.owner_name(person, webhook))
