"""shards of the rules count from 0"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_positions = sa.table("rules_positions", sa.column("shard", sa.String))


def upgrade() -> None:
    """The only shard there was is 0 of 1."""
    op.execute(_positions.update().where(_positions.c.shard == "1/1").values(shard="0/1"))


def downgrade() -> None:
    """As it was called before."""
    op.execute(_positions.update().where(_positions.c.shard == "0/1").values(shard="1/1"))
