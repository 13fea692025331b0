"""enrolments"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The one-time codes of gateways."""
    op.create_table(
        "enrolments",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("gateway_id", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=True),
        sa.Column("redeemed_from", sa.String(length=64), nullable=True),
        sa.Column("attempt_hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.id"], name=op.f("fk_enrolments_gateway_id_gateways")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_enrolments")),
    )
    op.create_index(op.f("ix_enrolments_gateway_id"), "enrolments", ["gateway_id"], unique=False)


def downgrade() -> None:
    """Without them."""
    op.drop_index(op.f("ix_enrolments_gateway_id"), table_name="enrolments")
    op.drop_table("enrolments")
