"""What Linli tells others by itself, and how others may ask it twice: webhooks, and idempotency keys."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from linli.db.schema.base import PLATFORM, Serial, id_, metadata

webhooks = Table(
    "webhooks",
    metadata,
    id_("id", primary_key=True),
    id_("owner_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("secret", Text, nullable=False),
    Column("former_secret", Text),
    Column("former_until", BigInteger),
    Column("within", JSON(none_as_null=True)),
    Column("communities", JSON, nullable=False),
    Column("severities", JSON, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("ended", String(32)),
    Column("failures", Integer, nullable=False),
    Column("failing_since", BigInteger),
    Column("next_try_at", BigInteger, nullable=False),
    Column("last_success_at", BigInteger),
    id_("held_by"),
    Column("held_until", BigInteger, nullable=False),
    info=PLATFORM,
)
"""Whom to tell of changes to alerts. `secret` and `former_secret` are sealed (`linli.sealing`); the filters are lists, empty: all.
`within`: what a token that was limited to some communities reached, when it made this; NULL: all that the owner reaches.
`position`: the last change that it has dealt with. Whoever sends for it holds it until `held_until`, so that only one does."""

webhook_replays = Table(
    "webhook_replays",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("webhook_id", ForeignKey("webhooks.id"), nullable=False, index=True),
    Column("position", BigInteger, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    info=PLATFORM,
)
"""Changes above `position` up to `upto` that are to be sent once more, the oldest replay first; gone when it is done."""

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("webhook_id", ForeignKey("webhooks.id"), nullable=False),
    Column("message", String(150), nullable=False),
    Column("change_id", BigInteger),
    Column("kind", String(40), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("duration_us", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("status", Integer),
    Column("error", String(40)),
    Column("excerpt", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_try_at", BigInteger),
    Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
    info=PLATFORM,
)
"""The log: one row for each request that was sent. What was in it is not kept: it is made anew of the alert when it is replayed,
as far as the owner sees it by then."""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    id_("person_id", primary_key=True),
    Column("key_hash", String(64), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    id_("held_by"),
    Column("held_until", BigInteger, nullable=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    info=PLATFORM,
)
"""Requests that change something and what they were answered, by the key that came with them: of key and request the SHA-256 alone.
Until there is a `status`, whoever carries the request out holds it; `answer` (headers and body) is sealed."""
