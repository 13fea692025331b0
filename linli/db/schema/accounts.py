"""Accounts: who may sign in, where they belong, and what proves who they are."""

from sqlalchemy import (
    JSON,
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
    Column("one_time_until", BigInteger),
    Column("password_changed_at", BigInteger),
    id_("person_id", ForeignKey("persons.id"), unique=True),
    info=PLATFORM,
)
"""`one_time_until`: the password was made by somebody else, is to be changed when it is first used, and works until then.
`person_id`: of a resident's account, who they are in the registry; nobody is so by two accounts."""

memberships = Table(
    "memberships",
    metadata,
    id_("user_id", ForeignKey("users.id"), primary_key=True),
    id_("community_id", ForeignKey("communities.id"), primary_key=True),
    info=scoped_by("community_id"),
)

committee_memberships = Table(
    "committee_memberships",
    metadata,
    id_("user_id", ForeignKey("users.id"), primary_key=True),
    id_("committee_id", ForeignKey("committees.id"), primary_key=True),
    info=PLATFORM,
)
"""Who belongs to a committee reaches its communities, those that join it later too."""

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    id_("id", nullable=False, unique=True),
    id_("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("stage", String(16), nullable=False, server_default="complete"),
    Column("way", String(16), nullable=False, server_default="password"),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("address", String(64), nullable=False, server_default=""),
    Column("browser", String(300), nullable=False, server_default=""),
    Column("factor_at", BigInteger),
    Column("offered", String(400)),
    Column("offered_at", BigInteger),
    info=PLATFORM,
)
"""A signed-in browser. Only the SHA-256 of its cookie is kept; `id` is what people are shown. `stage`: what it waits for
(`linli.signin`). `way`: by a password or by an OpenID provider. `browser`: what it says it is. `factor_at`: when the second
factor was last shown in it. `offered`: a second factor, sealed, that was shown in it and waits for its first code."""

second_factors = Table(
    "second_factors",
    metadata,
    id_("user_id", ForeignKey("users.id"), primary_key=True),
    Column("secret", String(400)),
    Column("last_step", BigInteger),
    Column("enrolled_at", BigInteger),
    info=PLATFORM,
)
"""`secret`, sealed (`linli.sealing`); `last_step`: the step whose code was taken last. One on offer is its session's."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("code_hash", String(300), primary_key=True),
    id_("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    info=PLATFORM,
)

identities = Table(
    "identities",
    metadata,
    Column("issuer", String(300), primary_key=True),
    Column("subject", String(255), primary_key=True),
    id_("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("linked_at", BigInteger, nullable=False),
    Column("follows", Boolean, nullable=False),
    Column("stopped_at", BigInteger),
    info=PLATFORM,
)
"""Who signs in at an OpenID provider as whom. `follows`: the account was made for it, and goes by what it says of roles.
`stopped_at`: since when the account is disabled because it has none there; NULL: it is not, or an administrator did it."""

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
    Column("last_used_at", BigInteger),
    Column("operations", JSON(none_as_null=True)),
    Column("communities", JSON(none_as_null=True)),
    info=PLATFORM,
)
"""`operations`, `communities`: lists of what it is limited to; null where it is not."""

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
