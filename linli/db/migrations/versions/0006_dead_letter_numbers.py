"""a dead letter's number is never given again"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """SQLite gave the number of a letter that was deleted last once more; AUTOINCREMENT can only come with a new table."""
    _rebuild(autoincrement=True)


def downgrade() -> None:
    """As it was."""
    _rebuild(autoincrement=False)


def _rebuild(*, autoincrement: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":  # PostgreSQL's sequence never goes back
        return
    with op.batch_alter_table(
        "dead_letters", recreate="always", table_kwargs={"sqlite_autoincrement": autoincrement}
    ) as batch_op:
        batch_op.alter_column("id", existing_type=sa.Integer(), existing_nullable=False, autoincrement=True)
