"""each alert says how often it was written, and open ones lie in the order in which they are listed"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OPEN = sa.text("open_key IS NOT NULL")


def upgrade() -> None:
    op.add_column("alerts", sa.Column("revision", sa.BigInteger(), nullable=False, server_default="1"))
    op.create_index("ix_alerts_open", "alerts", ["opened_at", "id"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    op.drop_index("ix_alerts_open", "alerts")
    with op.batch_alter_table("alerts") as batch:
        batch.drop_column("revision")
