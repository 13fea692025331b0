"""Who lives where: households, persons, how to reach them, what opens doors for them and what they agreed to.

Personal data stands in these tables alone, each row with the community that it belongs to. What is erased becomes NULL and
the row stays: ids are made of nothing personal. Ingest and rules never read any of it.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from linli.db.schema.base import Serial, id_, metadata, scoped_by
from linli.db.schema.registry import kept

households = Table(
    "households",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("place_id", ForeignKey("places.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    *kept(),
    info=scoped_by("community_id"),
)
"""Who has a room together: owners, tenants, a shop. `place_id`: the room."""

persons = Table(
    "persons",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False),
    Column("name", String(100)),
    Column("sex", String(8)),
    Column("born", String(10)),
    Column("needs", Text),
    Column("erased_at", BigInteger),
    id_("merged_into"),
    *kept(),
    Index("ix_persons_community_name", "community_id", "name"),
    info=scoped_by("community_id"),
)
"""A person as one community knows them. `born`: '1953', '1953-07' or '1953-07-21'. `needs`: what helpers have to know (lives
alone, wheelchair). `erased_at`: nothing of the person is kept any more. `merged_into`: a duplicate, and who survived."""

residents = Table(
    "residents",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("household_id", ForeignKey("households.id"), nullable=False, index=True),
    id_("person_id", ForeignKey("persons.id"), nullable=False, index=True),
    Column("relation", String(16), nullable=False),
    Column("since", String(10)),
    Column("until", String(10)),
    *kept(),
    info=scoped_by("community_id"),
)
"""A person in a household. `since`, `until`: days ('2026-10-01'), NULL: not known, still there."""

contacts = Table(
    "contacts",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("person_id", ForeignKey("persons.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("value", String(200), index=True),
    Column("verified_at", BigInteger),
    Column("position", Integer, nullable=False),
    *kept(),
    info=scoped_by("community_id"),
)
"""How to reach a person, in order of `position`. `verified_at`: when it was last known to work."""

consents = Table(
    "consents",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("person_id", ForeignKey("persons.id"), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("given", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("source", String(64), nullable=False),
    *kept(),
    info=scoped_by("community_id"),
)
"""What a person agreed to, or no longer does: the newest row of a purpose counts. `source`: how it was said (a form, the app)."""

credentials = Table(
    "credentials",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False),
    id_("person_id", ForeignKey("persons.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("value", String(200)),
    Column("since", String(10)),
    Column("until", String(10)),
    *kept(),
    Index("ix_credentials_community_value", "community_id", "value"),
    info=scoped_by("community_id"),
)
"""What opens doors for a person: by `value` the events of readers are known to be theirs. `since`, `until`: days, NULL: not known,
still theirs."""

inhabitant_history = Table(
    "inhabitant_history",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    id_("item_id", nullable=False),
    id_("community_id", nullable=False),
    id_("person_id", index=True),
    Column("content", JSON(none_as_null=True)),
    Column("removed", Boolean, nullable=False),
    Column("actor", String(100)),
    Column("source", String(64)),
    Index("ix_inhabitant_history_item", "kind", "item_id"),
    Index("ix_inhabitant_history_community", "community_id", "seq"),
    info=scoped_by("community_id"),
)
"""What each household, person, resident, contact, consent and credential was from `at` on. `content` NULL: it was `removed`, or what it
said is erased. `person_id`: whose it is (NULL for a household), so that a person's can be found and erased."""

inhabitant_statements = Table(
    "inhabitant_statements",
    metadata,
    Column("kind", String(16), primary_key=True),
    id_("item_id", primary_key=True),
    Column("source", String(64), primary_key=True),
    id_("community_id", nullable=False),
    id_("person_id", index=True),
    Column("said", JSON, nullable=False),
    info=scoped_by("community_id"),
)
"""As `statements`, of what is personal."""
