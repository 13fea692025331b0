"""What is known of each snapshot; the pictures themselves lie in the data folder."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from linli.db.schema.base import id_, metadata, scoped_by

snapshots = Table(
    "snapshots",
    metadata,
    id_("device_id", primary_key=True),
    id_("id", primary_key=True),
    id_("community_id", nullable=False, index=True),
    Column("taken_at", BigInteger, nullable=False),
    Column("stored_at", BigInteger, nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(250), nullable=False),
    id_("stored_by", nullable=False),
    info=scoped_by("community_id"),
)
"""`id`: as whoever sent it named it, of its device; the event that it belongs to has it as `snapshot` in its data. `community_id`:
that of the device when it was stored. `file`: where it lies under the folder of snapshots, by a name of ours."""
