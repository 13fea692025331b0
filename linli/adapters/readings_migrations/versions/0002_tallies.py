"""tallies"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What became of the observations of each outbox and UTC day, as totals."""
    op.execute(
        """CREATE TABLE tallies (
            community TEXT NOT NULL,
            gateway TEXT NOT NULL,
            bootid TEXT NOT NULL,
            day INTEGER NOT NULL,
            stored INTEGER NOT NULL,
            dead INTEGER NOT NULL,
            PRIMARY KEY (community, gateway, bootid, day)
        ) WITHOUT ROWID"""
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE tallies")
