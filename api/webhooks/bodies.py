"""The JSON of webhooks: what people ask for, and what the log shows."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.bodies import Id, Moment, TextBody, When
from api.webhooks.service import MAX_NAME, Wish
from api.words import CHANGES
from linli.db.webhookrows import Delivery, Webhook
from linli.egress import MAX_URL
from linli.model import Severity
from linli.webhooks import ENDED, Ended, Filter, Outcome

_Kind = Annotated[str, Field(max_length=32, description=f"One of {', '.join(CHANGES)}")]
_MOST = 500


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class NewWebhookBody(_In):
    """Where to send what. A filter that is empty leaves nothing out."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "Property desk",
                    "url": "https://desk.example.org/linli",
                    "severities": ["critical", "high"],
                    "kinds": ["opened", "escalated", "acknowledged", "closed"],
                }
            ]
        },
    )

    name: str = Field(min_length=1, max_length=MAX_NAME)
    url: str = Field(min_length=1, max_length=MAX_URL)
    communities: list[Id] = Field([], max_length=_MOST)
    severities: list[Severity] = Field([], max_length=len(Severity))
    rules: list[Id] = Field([], max_length=_MOST)
    kinds: list[_Kind] = Field([], max_length=len(CHANGES))
    enabled: bool = True

    def wish(self) -> Wish:
        """What is wanted."""
        wanted = Filter(
            frozenset(self.communities), frozenset(self.severities), frozenset(self.rules), frozenset(self.kinds)
        )
        return Wish(self.name, self.url, wanted, self.enabled)


class WebhookChangeBody(_In):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"enabled": False}]})

    name: str | None = Field(None, min_length=1, max_length=MAX_NAME)
    url: str | None = Field(None, min_length=1, max_length=MAX_URL)
    communities: list[Id] | None = Field(None, max_length=_MOST)
    severities: list[Severity] | None = Field(None, max_length=len(Severity))
    rules: list[Id] | None = Field(None, max_length=_MOST)
    kinds: list[_Kind] | None = Field(None, max_length=len(CHANGES))
    enabled: bool | None = None

    def wish(self, webhook: Webhook) -> Wish:
        """What is wanted of this webhook."""
        had = webhook.filter
        wanted = Filter(
            had.communities if self.communities is None else frozenset(self.communities),
            had.severities if self.severities is None else frozenset(self.severities),
            had.rules if self.rules is None else frozenset(self.rules),
            had.kinds if self.kinds is None else frozenset(self.kinds),
        )
        return Wish(
            webhook.name if self.name is None else self.name,
            webhook.url if self.url is None else self.url,
            wanted,
            webhook.standing.enabled if self.enabled is None else self.enabled,
        )


class ReplayBody(_In):
    """A stretch of time: what happened at `from` or later, and before `to`. At most 31 days."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"from": "2026-11-23T06:00:00Z", "to": "2026-11-23T09:00:00Z"}]},
    )

    start: When = Field(alias="from")
    end: When = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("`to` is after `from`")
        return self


class EndedBody(_Out):
    """Why a webhook sends nothing any more."""

    reason: Ended
    text: TextBody


class WebhookBody(_Out):
    """A webhook. `within`: communities that it is limited to because the token that made it was; null: all that its owner sees.

    `failures` in a row since `failing_since`; nothing is sent before `next_try_at`. `former_secret_until`: for how long the secret
    before the last change signs too.
    """

    id: str
    owner: str
    owner_name: str
    name: str
    url: str
    communities: list[str]
    severities: list[Severity]
    rules: list[str]
    kinds: list[str]
    within: list[str] | None
    enabled: bool
    ended: EndedBody | None
    failures: int
    failing_since: Moment | None
    next_try_at: Moment | None
    last_success_at: Moment | None
    former_secret_until: Moment | None
    created_at: Moment
    updated_at: Moment


class WebhookSecretBody(WebhookBody):
    """With its secret, which is shown only now."""

    secret: str


class WebhooksBody(_Out):
    """A page of webhooks, by id. `next`: the `cursor` of the next page; null at the end."""

    items: list[WebhookBody]
    next: str | None


class DeliveryBody(_Out):
    """A request that was sent. `message` is its `webhook-id`; `origin` is live, replay or test; `error` where there was no answer.

    `next_try_at` null: it is not tried again by itself.
    """

    id: int
    message: str
    change: int | None
    kind: str
    origin: str
    at: Moment
    duration_ms: float
    outcome: Outcome
    status: int | None
    error: str | None
    excerpt: str
    failures: int
    next_try_at: Moment | None


class DeliveriesBody(_Out):
    """A page of the log, the last first. `next`: the `cursor` of the next page; null at the end."""

    items: list[DeliveryBody]
    next: str | None


class ReplayingBody(_Out):
    """How many changes to alerts were made in that time; those that are for the webhook are sent."""

    changes: int


def webhook_body(webhook: Webhook, owner_name: str) -> WebhookBody:
    """A webhook as JSON has it."""
    return WebhookBody.model_validate(_fields(webhook, owner_name))


def secret_body(webhook: Webhook, owner_name: str, secret: str) -> WebhookSecretBody:
    """With its secret."""
    return WebhookSecretBody.model_validate(_fields(webhook, owner_name) | {"secret": secret})


def delivery_body(line: Delivery) -> DeliveryBody:
    """A line of the log."""
    own = {name: getattr(line, name) for name in DeliveryBody.model_fields if name != "duration_ms"}
    return DeliveryBody.model_validate(own | {"duration_ms": line.duration_us / 1000})


def _fields(webhook: Webhook, owner_name: str) -> dict[str, object]:
    standing, wanted = webhook.standing, webhook.filter
    ended = standing.ended
    return {
        "id": webhook.id,
        "owner": webhook.owner,
        "owner_name": owner_name,
        "name": webhook.name,
        "url": webhook.url,
        "communities": sorted(wanted.communities),
        "severities": sorted(wanted.severities, key=lambda severity: severity.rank),
        "rules": sorted(wanted.rules),
        "kinds": sorted(wanted.kinds),
        "within": None if webhook.within is None else sorted(webhook.within),
        "enabled": standing.enabled,
        "ended": None if ended is None else {"reason": ended, "text": {"zh": ENDED[ended].zh, "en": ENDED[ended].en}},
        "failures": standing.failures,
        "failing_since": standing.failing_since,
        "next_try_at": standing.next_try_at if standing.failures and standing.enabled else None,
        "last_success_at": webhook.last_success_at,
        "former_secret_until": webhook.former_until,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }
