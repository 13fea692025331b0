"""Alerts, what happened to them, and what people did about them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from linli.db.schema.base import PLATFORM, Serial, id_, metadata, scoped_by, scoped_through

_OPEN = text("open_key IS NOT NULL")

alerts = Table(
    "alerts",
    metadata,
    id_("id", primary_key=True),
    Column("open_key", String(200), unique=True),
    id_("rule", nullable=False),
    id_("community_id", nullable=False),
    id_("subject", nullable=False),
    Column("subject_kind", String(16), nullable=False),
    id_("place_id"),
    Column("severity", String(16), nullable=False),
    Column("condition", String(16), nullable=False),
    Column("handling", String(32), nullable=False),
    Column("latched", Boolean, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    Column("historic", Boolean, nullable=False),
    Column("title_zh", String(300), nullable=False),
    Column("title_en", String(300), nullable=False),
    Column("sentence_zh", Text, nullable=False),
    Column("sentence_en", Text, nullable=False),
    Column("advice_zh", Text, nullable=False),
    Column("advice_en", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),
    id_("acknowledged_by"),
    Column("acknowledge_comment", Text),
    Column("resolved_at", BigInteger),
    Column("closed_at", BigInteger),
    id_("closed_by"),
    Column("close_reason", Text),
    Column("shelved_until", BigInteger),
    Column("steps", JSON, nullable=False, server_default="[]"),
    Column("why", JSON, nullable=False, server_default="{}"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Index("ix_alerts_community_opened", "community_id", "opened_at"),
    Index("ix_alerts_opened_at_id", "opened_at", "id"),
    Index("ix_alerts_open", "opened_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_alerts_open_community", "community_id", "opened_at", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_alerts_subject_opened", "subject", "opened_at", "id"),
    Index("ix_alerts_handling_community", "handling", "community_id"),
    info=scoped_by("community_id"),
)
"""Written by rules alone. `open_key` is 'rule|subject' while the alert is open and NULL once it is closed: its unique
constraint is what allows one open alert for each rule and subject, on every database. `revision` counts how often the row was
written."""

alert_changes = Table(
    "alert_changes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("alert_id", ForeignKey("alerts.id"), nullable=False, index=True),
    id_("community_id", nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    id_("actor"),
    Column("comment", Text),
    Column("severity", String(16), nullable=False),
    Column("handling", String(32), nullable=False),
    info=scoped_by("community_id"),
)
"""What happened to each alert, appended in the transaction that changed it; its id orders the live stream."""

actions = Table(
    "actions",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    id_("id", nullable=False, unique=True),
    id_("alert_id", nullable=False),
    Column("kind", String(16), nullable=False),
    id_("actor", nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("applied_at", BigInteger),
    Column("outcome", String(64)),
    Column("until", BigInteger),
    info=scoped_through("alert_id", "alerts"),
)
"""People's acts: written by the API, applied by rules, which sets `applied_at` and `outcome` ('done', or why not)."""

rules_positions = Table(
    "rules_positions",
    metadata,
    Column("shard", String(16), primary_key=True),
    Column("position", BigInteger, nullable=False),
    info=PLATFORM,
)
"""The journal position whose effects the alerts table has, written in the transaction of those effects."""
