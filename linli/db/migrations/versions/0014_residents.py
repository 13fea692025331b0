"""an account of a resident says which person of the registry it is"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.add_column(sa.Column("person_id", sa.String(length=64), nullable=True))
        batch_op.create_unique_constraint(op.f("uq_users_person_id"), ["person_id"])
        batch_op.create_foreign_key(op.f("fk_users_person_id_persons"), "persons", ["person_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("users") as batch_op:
        batch_op.drop_constraint(op.f("fk_users_person_id_persons"), type_="foreignkey")
        batch_op.drop_constraint(op.f("uq_users_person_id"), type_="unique")
        batch_op.drop_column("person_id")
