"""The mode of each place, and who set it."""

from sqlalchemy import (
    BigInteger,
    Column,
    String,
    Table,
    Text,
)

from linli.db.schema.base import Serial, id_, metadata, scoped_through

arming = Table(
    "arming",
    metadata,
    id_("place_id", primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("changed_by", String(100), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    info=scoped_through("place_id", "places"),
)
"""The mode of each place that has one of its own, and who set it."""

arming_changes = Table(
    "arming_changes",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("place_id", nullable=False, index=True),
    Column("mode", String(16)),
    Column("changed_by", String(100), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    info=scoped_through("place_id", "places"),
)
"""Every arming and disarming, appended in the transaction that did it; its newest id says whether anything changed.
`mode` NULL: the place has none of its own any more."""
