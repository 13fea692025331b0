"""The registry: who and what there is, and its history. Persons are in `linli.db.schema.inhabitants`.

Every item has a `revision`, counted up with each change (what an ETag is made of), and `removed_at`: a removed item keeps its
row, so that its id is never another's, and is out of every list. References to a table that came before the referring column
are checked by the code (`linli.db.registry`), not by the database.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    true,
)

from linli.db.schema.base import SHARED, Serial, id_, metadata, scoped_by


def kept() -> tuple[Column[int], Column[int], Column[int]]:
    """What every item has: `revision` from 1, when it was last changed, and since when it is removed (NULL: it is not)."""
    return (
        Column("revision", Integer, nullable=False, server_default="1"),
        Column("changed_at", BigInteger, nullable=False, server_default="0"),
        Column("removed_at", BigInteger),
    )


def named() -> tuple[Column[str], Column[str]]:
    """A name in both languages."""
    return Column("name_zh", String(200), nullable=False), Column("name_en", String(200), nullable=False)


registry_version = Table(
    "registry_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    info=SHARED,
)
"""Row 1 is counted up in the transaction of each change of what is not personal: who has read that version is up to date. Row 2
in each that takes the turn to change anything at all (`linli.db.registrylog`)."""

districts = Table(
    "districts",
    metadata,
    id_("id", primary_key=True),
    *named(),
    *kept(),
    info=SHARED,
)

committees = Table(
    "committees",
    metadata,
    id_("id", primary_key=True),
    id_("district_id", ForeignKey("districts.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    *named(),
    *kept(),
    info=SHARED,
)
"""Village and neighbourhood committees: each looks after some communities."""

communities = Table(
    "communities",
    metadata,
    id_("id", primary_key=True),
    *named(),
    Column("timezone", String(64), nullable=False),
    id_("committee_id", index=True),
    Column("kind", String(16)),
    id_("manager_id", index=True),
    *kept(),
    info=scoped_by("id"),
)
"""`manager_id`: the property company, an organisation."""

places = Table(
    "places",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("parent_id", ForeignKey("places.id"), index=True),
    Column("kind", String(32), nullable=False),
    *named(),
    Column("code", String(32)),
    Column("code_key", String(200)),
    Column("building", String(32), nullable=False, server_default=""),
    Column("unit", String(32), nullable=False, server_default=""),
    Column("room", String(32), nullable=False, server_default=""),
    Column("address_key", String(200)),
    Column("watched", Boolean, nullable=False, server_default=true()),
    *kept(),
    Index("ix_places_code_key", "code_key", unique=True),
    Index("ix_places_address_key", "address_key", unique=True),
    Index("ix_places_address", "community_id", "building", "unit", "room"),
    info=scoped_by("community_id"),
)
"""`code`: the number people use. `code_key` is 'parent/kind/code' while the place is there and has a code, else NULL: unique,
so that no two siblings of a kind have one number. `building`, `unit`, `room`: the codes of those that it lies in or is,
made of the tree. `address_key` is 'community/building/unit/room' of what is a building, unit or room with a code while it
is there: unique, which is what makes an address a key. `watched`: ingest, rules and the names of alerts know it; a room is
not, until something hangs in it, for there are as many as households."""

floor_plans = Table(
    "floor_plans",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("place_id", ForeignKey("places.id"), nullable=False, index=True),
    *named(),
    Column("file", String(255), nullable=False),
    Column("width_m", Float, nullable=False),
    Column("height_m", Float, nullable=False),
    *kept(),
    info=scoped_by("community_id"),
)

gateways = Table(
    "gateways",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    *named(),
    *kept(),
    info=scoped_by("community_id"),
)

facilities = Table(
    "facilities",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("place_id", ForeignKey("places.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    *named(),
    *kept(),
    info=scoped_by("community_id"),
)

devices = Table(
    "devices",
    metadata,
    id_("id", primary_key=True),
    id_("community_id", ForeignKey("communities.id"), nullable=False, index=True),
    id_("gateway_id", ForeignKey("gateways.id"), nullable=False, index=True),
    id_("place_id", ForeignKey("places.id"), nullable=False, index=True),
    id_("facility_id", ForeignKey("facilities.id"), index=True),
    Column("kind", String(32), nullable=False),
    *named(),
    Column("interval_s", Float),
    id_("parent_id", index=True),
    Column("serial", String(100), index=True),
    Column("model", String(100)),
    Column("in_service_since", BigInteger),
    Column("latitude", Float),
    Column("longitude", Float),
    id_("plan_id", index=True),
    Column("x_m", Float),
    Column("y_m", Float),
    id_("merged_into"),
    *kept(),
    info=scoped_by("community_id"),
)
"""`parent_id`: the device (a switch, a supply, a controller) that it hangs on; NULL: its gateway alone. From `serial` to `y_m`
it is the equipment that stands there now, with its place on earth (WGS 84, degrees) and on a floor plan (metres from its
left and from its top). `merged_into`: a duplicate, and who survived."""

installations = Table(
    "installations",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    id_("device_id", ForeignKey("devices.id"), nullable=False, index=True),
    id_("community_id", nullable=False),
    Column("serial", String(100)),
    Column("model", String(100)),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("reason", Text, nullable=False),
    Column("actor", String(100)),
    info=scoped_by("community_id"),
)
"""What stood where a device is, one piece of equipment after the other; `until` NULL: the one that stands there now. `since`
NULL: nobody knows. `reason`, `actor`: why it came and who said so."""

organisations = Table(
    "organisations",
    metadata,
    id_("id", primary_key=True),
    Column("kind", String(16), nullable=False),
    *named(),
    Column("phone", String(32)),
    *kept(),
    info=SHARED,
)

staff = Table(
    "staff",
    metadata,
    id_("id", primary_key=True),
    id_("organisation_id", ForeignKey("organisations.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("duty", String(100), nullable=False),
    Column("phone", String(32)),
    id_("account_id", index=True),
    *kept(),
    info=SHARED,
)
"""Persons of an organisation, as they work. `account_id`: the user of Linli that one is, if any."""

teams = Table(
    "teams",
    metadata,
    id_("id", primary_key=True),
    id_("organisation_id", ForeignKey("organisations.id"), nullable=False, index=True),
    *named(),
    *kept(),
    info=SHARED,
)

team_members = Table(
    "team_members",
    metadata,
    id_("team_id", ForeignKey("teams.id"), primary_key=True),
    id_("staff_id", ForeignKey("staff.id"), primary_key=True, index=True),
    info=SHARED,
)

team_areas = Table(
    "team_areas",
    metadata,
    id_("team_id", ForeignKey("teams.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    id_("area_id", primary_key=True, index=True),
    info=SHARED,
)
"""Whom a team serves: a 'community', or a 'committee' with all of its communities."""

holidays = Table(
    "holidays",
    metadata,
    id_("community_id", primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("is_holiday", Boolean, nullable=False),
    *named(),
    info=SHARED,
)
"""Days that are not what their weekday says, as '2026-10-01'. `community_id`: '' for the whole district."""

registry_history = Table(
    "registry_history",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("version", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("item_id", String(80), nullable=False),
    Column("content", JSON(none_as_null=True)),
    Column("known_since", Boolean, nullable=False),
    id_("community_id"),
    Column("actor", String(100)),
    Column("source", String(64)),
    Column("watched", Boolean, nullable=False, server_default=true()),
    Index("ix_registry_history_kind_item", "kind", "item_id"),
    Index("ix_registry_history_version", "version"),
    Index("ix_registry_history_community", "community_id", "seq"),
    info=scoped_by("community_id"),
)
"""What each item of the registry was from `at` on, appended in the transaction that changed it; `content` NULL: it was
removed. `known_since`: it was there when the history began, and nobody knows since when. `watched`: ingest, rules and
replays are told of it."""

statements = Table(
    "statements",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("item_id", String(80), primary_key=True),
    Column("source", String(64), primary_key=True),
    id_("community_id"),
    Column("said", JSON, nullable=False),
    info=scoped_by("community_id"),
)
"""What each source says of an item: by field {"value", "at", "confidence"} (`linli.registry.facts`)."""

doubts = Table(
    "doubts",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("item_id", String(80), primary_key=True),
    id_("community_id"),
    Column("contradicted", Boolean, nullable=False, server_default=false()),
    Column("doubtful_from", BigInteger, nullable=False),
    Index("ix_doubts_from", "doubtful_from", "kind", "item_id"),
    Index("ix_doubts_community", "community_id", "doubtful_from"),
    info=scoped_by("community_id"),
)
"""From when somebody should look at an item whose facts have statements: since two sources contradict each other
(`contradicted`), or once the first of its facts is stale. Made of the statements with each change of them."""

strangers = Table(
    "strangers",
    metadata,
    id_("gateway_id", primary_key=True),
    id_("device_id", primary_key=True),
    id_("community_id", nullable=False, index=True),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False, index=True),
    Column("times", BigInteger, nullable=False),
    Column("heard", JSON, nullable=False),
    info=scoped_by("community_id"),
)
"""Devices that reported and are not registered, by the gateway that told of them, until they are adopted. `heard`: the
quantities and types of event they sent, and the last few samples. Written by ingest, within bounds."""

strangers_left_out = Table(
    "strangers_left_out",
    metadata,
    id_("gateway_id", primary_key=True),
    id_("community_id", nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    info=scoped_by("community_id"),
)
"""How often a stranger of a gateway found no room in the list."""
