"""The audit log: a chain of entries, what each is about, and the texts beside it that may be about a person.

The columns that hold lists and objects are canonical JSON as text: what an entry's hash is taken over is what stands there.
Nothing is ever updated. Triggers refuse it, and refuse to delete what is younger than 190 days (docs/audit.md).
"""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from linli.db.schema.base import id_, metadata, scoped_by

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("verb", String(64), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("ids", Text, nullable=False),
    id_("community_id"),
    Column("purpose", String(32), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("credential", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_entries_at", "at"),
    Index("ix_audit_entries_actor", "actor", "seq"),
    Index("ix_audit_entries_verb", "verb", "seq"),
    Index("ix_audit_entries_community", "community_id", "seq"),
    info=scoped_by("community_id"),
)
"""`linli.audit.Entry`, a row each, in the order of `seq`, which has no gaps. `community_id` NULL: it is of the district, or of
Linli itself."""

audit_subjects = Table(
    "audit_subjects",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("item_id", String(100), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False, index=True),
    id_("community_id"),
    info=scoped_by("community_id"),
)
"""Which entries are about what: the `ids` of each, to search by. `linli audit verify` compares the two."""

audit_texts = Table(
    "audit_texts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(16), primary_key=True),
    Column("key", String(32), nullable=False),
    Column("text", Text, nullable=False),
    id_("community_id"),
    info=scoped_by("community_id"),
)
"""The texts beside the entries, each with the key of its HMAC in the chain. Erasing a person deletes those about them."""
