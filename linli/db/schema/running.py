"""How Linli itself runs: dead letters, workers, gateways, tallies."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from linli.db.schema.base import PLATFORM, Serial, id_, metadata, scoped_by

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    info=PLATFORM,
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
    info=PLATFORM,
)
"""Each process says every 2 s that it lives, how it is ('ok', 'noted', 'degraded'), why, and its counters."""

gateway_status = Table(
    "gateway_status",
    metadata,
    id_("gateway_id", primary_key=True),
    id_("community_id", nullable=False),
    Column("online", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("version", String(64), nullable=False),
    Column("bootid", String(64), nullable=False),
    info=scoped_by("community_id"),
)
"""The last status of each gateway, as ingest heard it."""

gateway_heartbeats = Table(
    "gateway_heartbeats",
    metadata,
    id_("gateway_id", primary_key=True),
    id_("community_id", nullable=False),
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
    info=scoped_by("community_id"),
)
"""What each gateway last said of itself. NULL: an agent that does not say it. `time` is the agent's clock."""

gateway_days = Table(
    "gateway_days",
    metadata,
    id_("community_id", primary_key=True),
    id_("gateway_id", primary_key=True),
    id_("bootid", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("taken", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("told_at", BigInteger, nullable=False),
    info=scoped_by("community_id"),
)
"""What each agent says that it took and dropped, in observations, for each UTC day (days since 1970) of its outbox.
`told_at`: its clock when it said so last."""

rules_tallies = Table(
    "rules_tallies",
    metadata,
    id_("community_id", primary_key=True),
    id_("gateway_id", primary_key=True),
    id_("bootid", primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    info=scoped_by("community_id"),
)
"""What rules made of the same observations, written in the transaction of its effects."""
