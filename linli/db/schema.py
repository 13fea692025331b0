"""The tables, as SQLAlchemy Core has them. A change here comes with an Alembic revision (a test compares the two).

Times are BIGINT microseconds since 1970 UTC. Ids are those of `linli.ids`.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Serial = BigInteger().with_variant(Integer, "sqlite")
"""Counts up by itself: SQLite does this for INTEGER keys only."""


def _id(name: str, *args: object, **kwargs: object) -> Column[str]:
    return Column(name, String(64), *args, **kwargs)  # type: ignore[arg-type]


# --- registry -------------------------------------------------------------------------------------------------------

registry_version = Table(
    "registry_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
"""One row, counted up in the transaction of each change of the registry: who has read that version is up to date."""

communities = Table(
    "communities",
    metadata,
    _id("id", primary_key=True),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("timezone", String(64), nullable=False),
)

places = Table(
    "places",
    metadata,
    _id("id", primary_key=True),
    _id("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    _id("parent_id", ForeignKey("places.id")),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
)

gateways = Table(
    "gateways",
    metadata,
    _id("id", primary_key=True),
    _id("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
)

facilities = Table(
    "facilities",
    metadata,
    _id("id", primary_key=True),
    _id("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    _id("place_id", ForeignKey("places.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
)

devices = Table(
    "devices",
    metadata,
    _id("id", primary_key=True),
    _id("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    _id("gateway_id", ForeignKey("gateways.id"), nullable=False),
    _id("place_id", ForeignKey("places.id"), nullable=False),
    _id("facility_id", ForeignKey("facilities.id")),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("interval_s", Float),
)

holidays = Table(
    "holidays",
    metadata,
    _id("community_id", primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("is_holiday", Boolean, nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
)
"""Days that are not what their weekday says, as '2026-10-01'. `community_id`: '' for the whole district."""

registry_history = Table(
    "registry_history",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=True),
    Column("version", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("item_id", String(80), nullable=False),
    Column("content", JSON(none_as_null=True)),
    Column("known_since", Boolean, nullable=False),
    Index("ix_registry_history_kind_item", "kind", "item_id"),
)
"""What each item of the registry was from `at` on, appended in the transaction that changed it; `content` NULL: it was
removed. `known_since`: it was there when the history began, and nobody knows since when."""

# --- arming ---------------------------------------------------------------------------------------------------------

arming = Table(
    "arming",
    metadata,
    _id("place_id", primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("changed_by", String(100), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
"""The mode of each place that has one of its own, and who set it."""

arming_changes = Table(
    "arming_changes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    _id("place_id", nullable=False, index=True),
    Column("mode", String(16)),
    Column("changed_by", String(100), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Every arming and disarming, appended in the transaction that did it; its newest id says whether anything changed.
`mode` NULL: the place has none of its own any more."""

# --- people ---------------------------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _id("id", primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display_name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("password_hash", String(300), nullable=False),
    Column("language", String(2)),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    _id("user_id", ForeignKey("users.id"), primary_key=True),
    _id("community_id", ForeignKey("communities.id"), primary_key=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    _id("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""A signed-in browser. Only the SHA-256 of its cookie is kept."""

api_tokens = Table(
    "api_tokens",
    metadata,
    _id("id", primary_key=True),
    _id("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    _id("gateway_id", ForeignKey("gateways.id"), nullable=False, index=True),
    Column("created_by", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("redeemed_at", BigInteger),
    Column("redeemed_from", String(64)),
    Column("attempt_hash", String(64)),
)
"""One-time codes for a gateway's agent: who made each, and where it was redeemed. Only the SHA-256 of a code is kept."""

# --- alerts ---------------------------------------------------------------------------------------------------------

alerts = Table(
    "alerts",
    metadata,
    _id("id", primary_key=True),
    Column("open_key", String(200), unique=True),
    _id("rule", nullable=False),
    _id("community_id", nullable=False),
    _id("subject", nullable=False),
    Column("subject_kind", String(16), nullable=False),
    _id("place_id"),
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
    _id("acknowledged_by"),
    Column("acknowledge_comment", Text),
    Column("resolved_at", BigInteger),
    Column("closed_at", BigInteger),
    _id("closed_by"),
    Column("close_reason", Text),
    Column("shelved_until", BigInteger),
    Column("steps", JSON, nullable=False, server_default="[]"),
    Column("why", JSON, nullable=False, server_default="{}"),
    Index("ix_alerts_community_opened", "community_id", "opened_at"),
    Index("ix_alerts_handling_community", "handling", "community_id"),
)
"""Written by rules alone. `open_key` is 'rule|subject' while the alert is open and NULL once it is closed: its unique
constraint is what allows one open alert for each rule and subject, on every database."""

alert_changes = Table(
    "alert_changes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    _id("alert_id", ForeignKey("alerts.id"), nullable=False, index=True),
    _id("community_id", nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    _id("actor"),
    Column("comment", Text),
    Column("severity", String(16), nullable=False),
    Column("handling", String(32), nullable=False),
)
"""What happened to each alert, appended in the transaction that changed it; its id orders the live stream."""

actions = Table(
    "actions",
    metadata,
    Column("seq", _Serial, primary_key=True, autoincrement=True),
    _id("id", nullable=False, unique=True),
    _id("alert_id", nullable=False),
    Column("kind", String(16), nullable=False),
    _id("actor", nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("applied_at", BigInteger),
    Column("outcome", String(64)),
    Column("until", BigInteger),
)
"""People's acts: written by the API, applied by rules, which sets `applied_at` and `outcome` ('done', or why not)."""

rules_positions = Table(
    "rules_positions",
    metadata,
    Column("shard", String(16), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The journal position whose effects the alerts table has, written in the transaction of those effects."""

# --- commands -------------------------------------------------------------------------------------------------------

commands = Table(
    "commands",
    metadata,
    _id("id", primary_key=True),
    _id("community_id", nullable=False),
    _id("device_id", nullable=False),
    _id("gateway_id", nullable=False),
    Column("kind", String(32), nullable=False),
    _id("name", nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("settled_at", BigInteger),
    Index("ix_commands_device_asked", "device_id", "asked_at"),
    Index("ix_commands_actor_asked", "actor", "asked_at"),
)
"""What devices were told to do, by whom and why, and how it ended. `kind` is the device's at that time."""

command_changes = Table(
    "command_changes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    _id("command_id", ForeignKey("commands.id"), nullable=False, index=True),
    _id("community_id", nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("actor", String(100)),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)
"""Each step of each command, appended in the transaction that took it. `actor`: who asked; NULL for what came after."""

# --- running --------------------------------------------------------------------------------------------------------

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("key", String(300), nullable=False),
    Column("consumer", String(32), nullable=False),
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("topic", Text, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("replay_requested_at", BigInteger, index=True),
    Column("replay_outcome", Text),
    UniqueConstraint("consumer", "key"),
    sqlite_autoincrement=True,
)
"""No `id` is ever given again: what people wrote down of a letter means no other one. `replay_requested_at`: a person wants
ingest to try it again; `replay_outcome`: why it was refused again when it did. A letter that is accepted is deleted."""

workers = Table(
    "workers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail_zh", Text, nullable=False),
    Column("detail_en", Text, nullable=False),
    Column("counters", JSON, nullable=False),
)
"""Each process says every 2 s that it lives, how it is ('ok', 'noted', 'degraded'), why, and its counters."""

gateway_status = Table(
    "gateway_status",
    metadata,
    _id("gateway_id", primary_key=True),
    _id("community_id", nullable=False),
    Column("online", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("version", String(64), nullable=False),
    Column("bootid", String(64), nullable=False),
)
"""The last status of each gateway, as ingest heard it."""

gateway_heartbeats = Table(
    "gateway_heartbeats",
    metadata,
    _id("gateway_id", primary_key=True),
    _id("community_id", nullable=False),
    Column("bootid", String(64), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("version", String(64), nullable=False),
    Column("clock_offset_ms", Float),
    Column("queue_urgent", BigInteger),
    Column("queue_bulk", BigInteger),
    Column("queue_bytes", BigInteger),
    Column("dropped_urgent", BigInteger),
    Column("dropped_bulk", BigInteger),
    Column("dropped", BigInteger),
    Column("refused", BigInteger),
    Column("positions", JSON(none_as_null=True)),
    Column("next", JSON(none_as_null=True)),
    Column("days", JSON(none_as_null=True)),
)
"""What each gateway last said of itself. NULL: an agent that does not say it. `time` is the agent's clock."""

gateway_days = Table(
    "gateway_days",
    metadata,
    _id("community_id", primary_key=True),
    _id("gateway_id", primary_key=True),
    _id("bootid", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("taken", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
)
"""What each agent says that it took and dropped, in observations, for each UTC day (days since 1970) of its outbox.
`told_at`: its clock when it said so last."""

rules_tallies = Table(
    "rules_tallies",
    metadata,
    _id("community_id", primary_key=True),
    _id("gateway_id", primary_key=True),
    _id("bootid", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)
"""What rules made of the same observations, written in the transaction of its effects."""
