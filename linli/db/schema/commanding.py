"""What devices were told to do."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
)

from linli.db.schema.base import Serial, id_, metadata, scoped_by

commands = Table(
    "commands",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", nullable=False),
    id_("device_id", nullable=False),
    id_("gateway_id", nullable=False),
    Column("kind", String(32), nullable=False),
    id_("name", nullable=False),
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
    info=scoped_by("community_id"),
)
"""What devices were told to do, by whom and why, and how it ended. `kind` is the device's at that time."""

command_changes = Table(
    "command_changes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("command_id", ForeignKey("commands.id"), nullable=False, index=True),
    id_("community_id", nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("actor", String(100)),
    Column("code", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    info=scoped_by("community_id"),
)
"""Each step of each command, appended in the transaction that took it. `actor`: who asked; NULL for what came after."""
