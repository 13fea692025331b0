"""floor plans: drawings of a building's floors"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drawings",
        sa.Column("plan_id", sa.String(64), nullable=False),
        sa.Column("community_id", sa.String(64), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("file", sa.String(250), nullable=False),
        sa.Column("stored_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("plan_id", name="pk_drawings"),
    )
    op.create_index("ix_drawings_community_id", "drawings", ["community_id"])


def downgrade() -> None:
    op.drop_index("ix_drawings_community_id", "drawings")
    op.drop_table("drawings")
