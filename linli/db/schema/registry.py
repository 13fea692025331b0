"""The registry: who and what there is, and its history."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from linli.db.schema.base import PLATFORM, SHARED, Serial, id_, metadata, scoped_by

registry_version = Table(
    "registry_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    info=SHARED,
)
"""One row, counted up in the transaction of each change of the registry: who has read that version is up to date."""

communities = Table(
    "communities",
    metadata,
    id_("id", primary_key=True),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("timezone", String(64), nullable=False),
    info=scoped_by("id"),
)

places = Table(
    "places",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("parent_id", ForeignKey("places.id")),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    info=scoped_by("community_id"),
)

gateways = Table(
    "gateways",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    info=scoped_by("community_id"),
)

facilities = Table(
    "facilities",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("place_id", ForeignKey("places.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    info=scoped_by("community_id"),
)

devices = Table(
    "devices",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("gateway_id", ForeignKey("gateways.id"), nullable=False),
    id_("place_id", ForeignKey("places.id"), nullable=False),
    id_("facility_id", ForeignKey("facilities.id")),
    Column("kind", String(32), nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    Column("interval_s", Float),
    info=scoped_by("community_id"),
)

holidays = Table(
    "holidays",
    metadata,
    id_("community_id", primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("is_holiday", Boolean, nullable=False),
    Column("name_zh", String(200), nullable=False),
    Column("name_en", String(200), nullable=False),
    info=SHARED,
)
"""Days that are not what their weekday says, as '2026-10-01'. `community_id`: '' for the whole district."""

registry_history = Table(
    "registry_history",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("version", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("item_id", String(80), nullable=False),
    Column("content", JSON(none_as_null=True)),
    Column("known_since", Boolean, nullable=False),
    Index("ix_registry_history_kind_item", "kind", "item_id"),
    info=PLATFORM,
)
"""What each item of the registry was from `at` on, appended in the transaction that changed it; `content` NULL: it was
removed. `known_since`: it was there when the history began, and nobody knows since when."""
