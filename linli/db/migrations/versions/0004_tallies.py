"""tallies and heartbeats of gateways, and dead letters that are to be replayed"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tables of what agents and rules count, and the columns of a replay."""
    op.create_table(
        "gateway_heartbeats",
        sa.Column("gateway_id", sa.String(length=64), nullable=False),
        sa.Column("community_id", sa.String(length=64), nullable=False),
        sa.Column("bootid", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("clock_offset_ms", sa.Float(), nullable=True),
        sa.Column("queue_urgent", sa.BigInteger(), nullable=True),
        sa.Column("queue_bulk", sa.BigInteger(), nullable=True),
        sa.Column("queue_bytes", sa.BigInteger(), nullable=True),
        sa.Column("dropped_urgent", sa.BigInteger(), nullable=True),
        sa.Column("dropped_bulk", sa.BigInteger(), nullable=True),
        sa.Column("dropped", sa.BigInteger(), nullable=True),
        sa.Column("refused", sa.BigInteger(), nullable=True),
        sa.Column("positions", sa.JSON(), nullable=True),
        sa.Column("next", sa.JSON(), nullable=True),
        sa.Column("days", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_gateway_heartbeats")),
    )
    for table, first, second in (("gateway_days", "taken", "dropped"), ("rules_tallies", "evaluated", "refused")):
        told_at = [sa.Column("told_at", sa.BigInteger(), nullable=False)] if table == "gateway_days" else []
        op.create_table(
            table,
            sa.Column("community_id", sa.String(length=64), nullable=False),
            sa.Column("gateway_id", sa.String(length=64), nullable=False),
            sa.Column("bootid", sa.String(length=64), nullable=False),
            sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column(first, sa.BigInteger(), nullable=False),
            sa.Column(second, sa.BigInteger(), nullable=False),
            *told_at,
            sa.PrimaryKeyConstraint("community_id", "gateway_id", "bootid", "day", name=op.f(f"pk_{table}")),
        )
    with op.batch_alter_table("dead_letters") as batch_op:
        batch_op.add_column(sa.Column("replay_requested_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("replay_outcome", sa.Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_dead_letters_replay_requested_at"), ["replay_requested_at"], unique=False)


def downgrade() -> None:
    """Take them away again."""
    with op.batch_alter_table("dead_letters") as batch_op:
        batch_op.drop_index(batch_op.f("ix_dead_letters_replay_requested_at"))
        batch_op.drop_column("replay_outcome")
        batch_op.drop_column("replay_requested_at")
    for table in ("rules_tallies", "gateway_days", "gateway_heartbeats"):
        op.drop_table(table)
