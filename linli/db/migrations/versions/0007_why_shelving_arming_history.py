"""alerts say why and what to do, and can be shelved; places are armed; holidays; the registry remembers what it was"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from linli.clock import SystemClock

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BULK = 5000

_HISTORY = sa.table(
    "registry_history",
    sa.column("version", sa.BigInteger),
    sa.column("at", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("item_id", sa.String),
    sa.column("content", sa.JSON(none_as_null=True)),
    sa.column("known_since", sa.Boolean),
)

_TABLES = {
    "community": ("communities", {"timezone": "timezone"}),
    "place": ("places", {"community": "community_id", "kind": "kind", "parent": "parent_id"}),
    "gateway": ("gateways", {"community": "community_id"}),
    "facility": ("facilities", {"community": "community_id", "kind": "kind", "place": "place_id"}),
    "device": (
        "devices",
        {
            "community": "community_id",
            "gateway": "gateway_id",
            "kind": "kind",
            "place": "place_id",
            "facility": "facility_id",
            "interval_s": "interval_s",
        },
    ),
}
"""Of each kind of item: its table, and the column that each field of its content is from (id and name are in all)."""


def upgrade() -> None:
    """What there is in the registry is the beginning of its history."""
    op.add_column("alerts", sa.Column("shelved_until", sa.BigInteger(), nullable=True))
    op.add_column("alerts", sa.Column("steps", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("alerts", sa.Column("why", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("actions", sa.Column("until", sa.BigInteger(), nullable=True))
    _make_arming()
    op.create_table(
        "holidays",
        sa.Column("community_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("is_holiday", sa.Boolean(), nullable=False),
        sa.Column("name_zh", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "day", name=op.f("pk_holidays")),
    )
    op.create_table(
        "registry_history",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item_id", sa.String(length=80), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("known_since", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_registry_history")),
    )
    op.create_index("ix_registry_history_kind_item", "registry_history", ["kind", "item_id"])
    _begin_history(SystemClock().now())


def downgrade() -> None:
    """Without them."""
    for table in ("registry_history", "holidays", "arming_changes", "arming"):
        op.drop_table(table)
    op.drop_column("actions", "until")
    for column in ("why", "steps", "shelved_until"):
        op.drop_column("alerts", column)


def _make_arming() -> None:
    def told() -> list[sa.Column[object]]:
        return [
            sa.Column("changed_by", sa.String(length=100), nullable=False),
            sa.Column("changed_at", sa.BigInteger(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=False),
        ]

    op.create_table(
        "arming",
        sa.Column("place_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        *told(),
        sa.PrimaryKeyConstraint("place_id", name=op.f("pk_arming")),
    )
    op.create_table(
        "arming_changes",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        sa.Column("place_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=True),
        *told(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arming_changes")),
    )
    op.create_index(op.f("ix_arming_changes_place_id"), "arming_changes", ["place_id"])


def _begin_history(now: int) -> None:
    connection = op.get_bind()
    version = connection.execute(sa.text("SELECT version FROM registry_version")).scalar() or 0
    same = {"version": version, "at": now, "known_since": True}
    for kind, (table, fields) in _TABLES.items():
        rows = [same | row for row in _items(connection, kind, table, fields)]
        for start in range(0, len(rows), _BULK):
            connection.execute(_HISTORY.insert(), rows[start : start + _BULK])


def _items(connection: sa.Connection, kind: str, table: str, fields: dict[str, str]) -> Iterator[dict[str, object]]:
    columns = ["id", "name_zh", "name_en", *fields.values()]
    source = sa.table(table, *map(sa.column, columns))
    for row in connection.execute(sa.select(source)).mappings():
        content = {"id": row["id"], "name": {"zh": row["name_zh"], "en": row["name_en"]}}
        content |= {field: row[column] for field, column in fields.items()}
        yield {"kind": kind, "item_id": row["id"], "content": content}
