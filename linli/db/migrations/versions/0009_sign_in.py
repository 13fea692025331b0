"""sessions that can be seen, second factors, identities elsewhere, tokens with limits, belonging by committee"""

import sqlalchemy as sa
from alembic import op

from linli.clock import SystemClock

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MADE = ("identities", "recovery_codes", "second_factors", "committee_memberships")


def upgrade() -> None:
    """Sessions that there are go on; who is signed in stays so."""
    op.add_column("users", sa.Column("one_time_until", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("password_changed_at", sa.BigInteger(), nullable=True))
    op.add_column("api_tokens", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.add_column("api_tokens", sa.Column("operations", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("api_tokens", sa.Column("communities", sa.JSON(none_as_null=True), nullable=True))
    _make_tables()
    _widen_sessions(SystemClock().now())


def downgrade() -> None:
    """Without them. A session that waits for a second factor would be a whole one: it ends."""
    op.execute(sa.text("DELETE FROM sessions WHERE stage IN ('code', 'password', 'enrolment')"))
    with op.batch_alter_table("sessions") as batch_op:
        batch_op.drop_constraint(op.f("uq_sessions_id"), type_="unique")
        for column in ("browser", "address", "last_seen_at", "way", "stage", "id"):
            batch_op.drop_column(column)
    for table in _MADE:
        op.drop_table(table)
    for column in ("communities", "operations", "last_used_at"):
        op.drop_column("api_tokens", column)
    op.drop_column("users", "password_changed_at")
    op.drop_column("users", "one_time_until")


def _widen_sessions(now: int) -> None:
    for column in (
        sa.Column("id", sa.String(length=64), nullable=True),
        sa.Column("stage", sa.String(length=16), nullable=False, server_default="complete"),
        sa.Column("way", sa.String(length=16), nullable=False, server_default="password"),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("browser", sa.String(length=300), nullable=False, server_default=""),
    ):
        op.add_column("sessions", column)
    # A part of the hash of 256 random bits: unique, and no way back to the cookie.
    op.execute(
        sa.text("UPDATE sessions SET id = 's' || substr(token_hash, 1, 20), last_seen_at = :now").bindparams(
            sa.bindparam("now", now, sa.BigInteger())
        )
    )
    with op.batch_alter_table("sessions") as batch_op:
        batch_op.alter_column("id", existing_type=sa.String(length=64), nullable=False)
        batch_op.alter_column("last_seen_at", existing_type=sa.BigInteger(), nullable=False)
        batch_op.create_unique_constraint(op.f("uq_sessions_id"), ["id"])


def _make_tables() -> None:
    def user() -> sa.Column[str]:
        return sa.Column("user_id", sa.String(length=64), nullable=False)

    def of_user(table: str) -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"))

    op.create_table(
        "committee_memberships",
        user(),
        sa.Column("committee_id", sa.String(length=64), nullable=False),
        of_user("committee_memberships"),
        sa.ForeignKeyConstraint(
            ["committee_id"], ["committees.id"], name=op.f("fk_committee_memberships_committee_id_committees")
        ),
        sa.PrimaryKeyConstraint("user_id", "committee_id", name=op.f("pk_committee_memberships")),
    )
    op.create_table(
        "second_factors",
        user(),
        sa.Column("secret", sa.String(length=400), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=True),
        sa.Column("offered", sa.String(length=400), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=True),
        of_user("second_factors"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("code_hash", sa.String(length=300), nullable=False),
        user(),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        of_user("recovery_codes"),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"])
    op.create_table(
        "identities",
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        user(),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("follows", sa.Boolean(), nullable=False),
        of_user("identities"),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"])
