"""a second factor on offer belongs to the session it was offered to; who was stopped by their provider"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_OFFER = (("offered", sa.String(length=400)), ("offered_at", sa.BigInteger()))


def upgrade() -> None:
    """What is on offer just now is not: nobody knows to which session. Whoever was about to set one up begins again."""
    for name, kind in (*_OFFER, ("factor_at", sa.BigInteger())):
        op.add_column("sessions", sa.Column(name, kind, nullable=True))
    with op.batch_alter_table("second_factors") as batch:
        for name, _ in _OFFER:
            batch.drop_column(name)
    op.add_column("identities", sa.Column("stopped_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """As above: offers end."""
    with op.batch_alter_table("identities") as batch:
        batch.drop_column("stopped_at")
    for name, kind in _OFFER:
        op.add_column("second_factors", sa.Column(name, kind, nullable=True))
    with op.batch_alter_table("sessions") as batch:
        for name in ("factor_at", "offered_at", "offered"):
            batch.drop_column(name)
