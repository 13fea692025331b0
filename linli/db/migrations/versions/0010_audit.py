"""the audit log: a chain of entries that are appended and never changed"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_entries_change BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_subjects_change BEFORE UPDATE ON audit_subjects BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_texts_change BEFORE UPDATE ON audit_texts BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries
WHEN OLD.at > (CAST(strftime('%s', 'now') AS INTEGER) - 16416000) * 1000000
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_subjects_delete BEFORE DELETE ON audit_subjects
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = OLD.seq
             AND at > (CAST(strftime('%s', 'now') AS INTEGER) - 16416000) * 1000000)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
"""

_POSTGRESQL = """
CREATE FUNCTION linli_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE young bigint = (extract(epoch FROM now()) - 16416000) * 1000000;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_entries' THEN
        IF OLD.at <= young THEN RETURN OLD; END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.seq = OLD.seq AND e.at > young) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $body$;
CREATE TRIGGER audit_entries_change BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION linli_audit_refuse();
CREATE TRIGGER audit_subjects_change BEFORE UPDATE OR DELETE ON audit_subjects
    FOR EACH ROW EXECUTE FUNCTION linli_audit_refuse();
CREATE TRIGGER audit_texts_change BEFORE UPDATE ON audit_texts
    FOR EACH ROW EXECUTE FUNCTION linli_audit_refuse();
CREATE TRIGGER audit_entries_truncate BEFORE TRUNCATE ON audit_entries EXECUTE FUNCTION linli_audit_refuse();
CREATE TRIGGER audit_subjects_truncate BEFORE TRUNCATE ON audit_subjects EXECUTE FUNCTION linli_audit_refuse();
CREATE TRIGGER audit_texts_truncate BEFORE TRUNCATE ON audit_texts EXECUTE FUNCTION linli_audit_refuse();
CREATE FUNCTION linli_audit_forget(upto bigint) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $body$
DECLARE gone bigint;
BEGIN
    DELETE FROM audit_texts WHERE seq <= upto;
    DELETE FROM audit_subjects WHERE seq <= upto;
    DELETE FROM audit_entries WHERE seq <= upto;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $body$;
"""
"""16,416,000 s are 190 days. `linli_audit_forget` is for a role that may not delete: it deletes as the owner, and the triggers still see to the age."""


def upgrade() -> None:
    """The tables, and what guards them."""
    _make_entries()
    op.create_table(
        "audit_subjects",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("item_id", sa.String(length=100), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("community_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("kind", "item_id", "seq", name=op.f("pk_audit_subjects")),
    )
    op.create_index(op.f("ix_audit_subjects_seq"), "audit_subjects", ["seq"])
    op.create_table(
        "audit_texts",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("seq", "name", name=op.f("pk_audit_texts")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRESQL)
    else:
        for statement in _SQLITE.strip().split("END;\n"):
            op.execute(statement.removesuffix("END;") + "END")


def downgrade() -> None:
    """Without them. On PostgreSQL a role that does not own them is refused."""
    for table in ("audit_texts", "audit_subjects", "audit_entries"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION linli_audit_forget(bigint)")
        op.execute("DROP FUNCTION linli_audit_refuse()")


def _make_entries() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("verb", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("ids", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(length=64), nullable=True),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("credential", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_at", "audit_entries", ["at"])
    op.create_index("ix_audit_entries_actor", "audit_entries", ["actor", "seq"])
    op.create_index("ix_audit_entries_verb", "audit_entries", ["verb", "seq"])
    op.create_index("ix_audit_entries_community", "audit_entries", ["community_id", "seq"])
