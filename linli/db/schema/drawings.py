"""What is known of the drawing of each floor plan; the drawings themselves lie in the data folder."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from linli.db.schema.base import id_, metadata, scoped_by

drawings = Table(
    "drawings",
    metadata,
    id_("plan_id", primary_key=True),
    id_("community_id", nullable=False, index=True),
    Column("stored_at", BigInteger, nullable=False),
    Column("format", String(8), nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(250), nullable=False),
    id_("stored_by", nullable=False),
    info=scoped_by("community_id"),
)
"""`file`: where it lies under the folder of drawings, by a name of ours. `width`, `height`: pixels."""
