"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go up to this revision."""
    ${upgrades if upgrades else "op.execute('')"}


def downgrade() -> None:
    """Go back to the one before."""
    ${downgrades if downgrades else "op.execute('')"}
