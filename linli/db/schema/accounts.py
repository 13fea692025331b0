"""Accounts: who may sign in, where they belong, and what proves who they are."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    String,
    Table,
)

from linli.db.schema.base import PLATFORM, id_, metadata, scoped_by

users = Table(
    "users",
    metadata,
    id_("id", primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("display_name", String(200), nullable=False),
    Column("role", String(32), nullable=False),
    Column("password_hash", String(300), nullable=False),
    Column("language", String(2)),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    info=PLATFORM,
)

memberships = Table(
    "memberships",
    metadata,
    id_("user_id", ForeignKey("users.id"), primary_key=True),
    id_("community_id", ForeignKey("communities.id"), primary_key=True),
    info=scoped_by("community_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    id_("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    info=PLATFORM,
)
"""A signed-in browser. Only the SHA-256 of its cookie is kept."""

api_tokens = Table(
    "api_tokens",
    metadata,
    id_("id", primary_key=True),
    id_("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    info=PLATFORM,
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("code_hash", String(64), primary_key=True),
    id_("gateway_id", ForeignKey("gateways.id"), nullable=False, index=True),
    Column("created_by", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("redeemed_at", BigInteger),
    Column("redeemed_from", String(64)),
    Column("attempt_hash", String(64)),
    info=PLATFORM,
)
"""One-time codes for a gateway's agent: who made each, and where it was redeemed. Only the SHA-256 of a code is kept."""
