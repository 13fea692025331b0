"""open alerts lie by community too, and all of them by what they are about: neither list reads what a district ever had"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_OPEN = sa.text("open_key IS NOT NULL")


def upgrade() -> None:
    wanted = ["community_id", "opened_at", "id"]
    op.create_index("ix_alerts_open_community", "alerts", wanted, sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_alerts_subject_opened", "alerts", ["subject", "opened_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_alerts_subject_opened", "alerts")
    op.drop_index("ix_alerts_open_community", "alerts")
