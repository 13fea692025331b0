"""the registry as everybody shares it: district to room, equipment, organisations, inhabitants, facts with their sources"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from linli.clock import SystemClock

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BULK = 5000

_OLD = {
    "community": "communities",
    "place": "places",
    "gateway": "gateways",
    "facility": "facilities",
    "device": "devices",
}
"""The kinds that there were before, and their tables."""

_NEW_KINDS = ("district", "committee", "floor_plan", "equipment", "organisation", "staff", "team")

_HISTORY = sa.table(
    "registry_history",
    sa.column("seq", sa.BigInteger),
    sa.column("at", sa.BigInteger),
    sa.column("kind", sa.String),
    sa.column("item_id", sa.String),
    sa.column("content", sa.JSON(none_as_null=True)),
    sa.column("community_id", sa.String),
)


def _table(name: str) -> sa.TableClause:
    """What the older tables have now, as far as it is used here."""
    return sa.table(
        name, sa.column("id", sa.String), sa.column("changed_at", sa.BigInteger), sa.column("removed_at", sa.BigInteger)
    )


def _id(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=64), nullable=nullable)


def _word(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(), nullable=True)


def _named() -> list[sa.Column[Any]]:
    return [_word("name_zh", 200), _word("name_en", 200)]


def _kept() -> list[sa.Column[Any]]:
    return [
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("changed_at", sa.BigInteger(), nullable=False, server_default="0"),
        _time("removed_at", nullable=True),
    ]


def _make(
    name: str, *columns: "sa.Column[Any]", keys: tuple[str, ...], refers: Mapping[str, str] | None = None
) -> None:
    """A table with its key, and `refers`: the table to whose id each of these columns leads."""
    op.create_table(
        name,
        *columns,
        *(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{name}_{column}_{other}"))
            for column, other in (refers or {}).items()
        ),
        sa.PrimaryKeyConstraint(*keys, name=op.f(f"pk_{name}")),
    )


def _index(table: str, *columns: str, name: str | None = None, unique: bool = False) -> None:
    op.create_index(op.f(name or f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=unique)


def upgrade() -> None:
    """What there is stays; nobody knows its numbers, equipment and sources yet."""
    for table in _OLD.values():
        for column in _kept():
            op.add_column(table, column)
    _grow_communities_and_places()
    _grow_devices()
    _make_the_district()
    _make_organisations()
    _make_facts()
    _make_strangers()
    _make_inhabitants()
    _make_what_is_said_of_inhabitants()
    _grow_history()


def _grow_communities_and_places() -> None:
    op.add_column("communities", _id("committee_id", nullable=True))
    op.add_column("communities", _word("kind", 16, nullable=True))
    op.add_column("communities", _id("manager_id", nullable=True))
    _index("communities", "committee_id")
    _index("communities", "manager_id")
    op.add_column("places", _word("code", 32, nullable=True))
    op.add_column("places", _word("code_key", 200, nullable=True))
    for part in ("building", "unit", "room"):
        op.add_column("places", sa.Column(part, sa.String(length=32), nullable=False, server_default=""))
    op.add_column("places", _word("address_key", 200, nullable=True))
    op.add_column("places", sa.Column("watched", sa.Boolean(), nullable=False, server_default=sa.true()))
    _index("places", "parent_id")
    _index("places", "code_key", unique=True)
    _index("places", "address_key", unique=True)
    _index("places", "community_id", "building", "unit", "room", name="ix_places_address")
    _index("facilities", "place_id")


def _grow_devices() -> None:
    op.add_column("devices", _id("parent_id", nullable=True))
    op.add_column("devices", _word("serial", 100, nullable=True))
    op.add_column("devices", _word("model", 100, nullable=True))
    op.add_column("devices", _time("in_service_since", nullable=True))
    op.add_column("devices", _number("latitude"))
    op.add_column("devices", _number("longitude"))
    op.add_column("devices", _id("plan_id", nullable=True))
    op.add_column("devices", _number("x_m"))
    op.add_column("devices", _number("y_m"))
    op.add_column("devices", _id("merged_into", nullable=True))
    for column in ("gateway_id", "place_id", "facility_id", "parent_id", "serial", "plan_id"):
        _index("devices", column)
    _make(
        "installations",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        _id("device_id"),
        _id("community_id"),
        _word("serial", 100, nullable=True),
        _word("model", 100, nullable=True),
        _time("since", nullable=True),
        _time("until", nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        _word("actor", 100, nullable=True),
        keys=("id",),
        refers={"device_id": "devices"},
    )
    _index("installations", "device_id")


def _make_the_district() -> None:
    _make("districts", _id("id"), *_named(), *_kept(), keys=("id",))
    _make(
        "committees",
        _id("id"),
        _id("district_id"),
        _word("kind", 16),
        *_named(),
        *_kept(),
        keys=("id",),
        refers={"district_id": "districts"},
    )
    _index("committees", "district_id")
    _make(
        "floor_plans",
        _id("id"),
        _id("community_id"),
        _id("place_id"),
        *_named(),
        _word("file", 255),
        sa.Column("width_m", sa.Float(), nullable=False),
        sa.Column("height_m", sa.Float(), nullable=False),
        *_kept(),
        keys=("id",),
        refers={"community_id": "communities", "place_id": "places"},
    )
    _index("floor_plans", "community_id")
    _index("floor_plans", "place_id")


def _make_organisations() -> None:
    phone = "phone"
    _make(
        "organisations",
        _id("id"),
        _word("kind", 16),
        *_named(),
        _word(phone, 32, nullable=True),
        *_kept(),
        keys=("id",),
    )
    of_one = {"organisation_id": "organisations"}
    _make(
        "staff",
        _id("id"),
        _id("organisation_id"),
        _word("name", 100),
        _word("duty", 100),
        _word(phone, 32, nullable=True),
        _id("account_id", nullable=True),
        *_kept(),
        keys=("id",),
        refers=of_one,
    )
    _index("staff", "organisation_id")
    _index("staff", "account_id")
    _make("teams", _id("id"), _id("organisation_id"), *_named(), *_kept(), keys=("id",), refers=of_one)
    _index("teams", "organisation_id")
    _make(
        "team_members",
        _id("team_id"),
        _id("staff_id"),
        keys=("team_id", "staff_id"),
        refers={"team_id": "teams", "staff_id": "staff"},
    )
    _index("team_members", "staff_id")
    _make(
        "team_areas",
        _id("team_id"),
        _word("kind", 16),
        _id("area_id"),
        keys=("team_id", "kind", "area_id"),
        refers={"team_id": "teams"},
    )
    _index("team_areas", "area_id")


def _make_facts() -> None:
    _make(
        "statements",
        _word("kind", 16),
        _word("item_id", 80),
        _word("source", 64),
        _id("community_id", nullable=True),
        sa.Column("said", sa.JSON(), nullable=False),
        keys=("kind", "item_id", "source"),
    )
    _make(
        "doubts",
        _word("kind", 16),
        _word("item_id", 80),
        _id("community_id", nullable=True),
        sa.Column("contradicted", sa.Boolean(), nullable=False, server_default=sa.false()),
        _time("doubtful_from"),
        keys=("kind", "item_id"),
    )
    _index("doubts", "doubtful_from", "kind", "item_id", name="ix_doubts_from")
    _index("doubts", "community_id", "doubtful_from", name="ix_doubts_community")


def _make_strangers() -> None:
    _make(
        "strangers",
        _id("gateway_id"),
        _id("device_id"),
        _id("community_id"),
        _time("first_seen"),
        _time("last_seen"),
        _time("times"),
        sa.Column("heard", sa.JSON(), nullable=False),
        keys=("gateway_id", "device_id"),
    )
    _index("strangers", "community_id")
    _index("strangers", "last_seen")
    _make(
        "strangers_left_out",
        _id("gateway_id"),
        _id("community_id"),
        _time("times"),
        _time("last_seen"),
        keys=("gateway_id",),
    )


def _make_inhabitants() -> None:
    in_community = {"community_id": "communities"}
    of_person = in_community | {"person_id": "persons"}
    _make(
        "households",
        _id("id"),
        _id("community_id"),
        _id("place_id"),
        _word("kind", 16),
        *_kept(),
        keys=("id",),
        refers=in_community | {"place_id": "places"},
    )
    _make(
        "persons",
        _id("id"),
        _id("community_id"),
        _word("name", 100, nullable=True),
        _word("sex", 8, nullable=True),
        _word("born", 10, nullable=True),
        sa.Column("needs", sa.Text(), nullable=True),
        _time("erased_at", nullable=True),
        _id("merged_into", nullable=True),
        *_kept(),
        keys=("id",),
        refers=in_community,
    )
    _index("persons", "community_id", "name", name="ix_persons_community_name")
    _make(
        "residents",
        _id("id"),
        _id("community_id"),
        _id("household_id"),
        _id("person_id"),
        _word("relation", 16),
        _word("since", 10, nullable=True),
        _word("until", 10, nullable=True),
        *_kept(),
        keys=("id",),
        refers=of_person | {"household_id": "households"},
    )
    _make(
        "contacts",
        _id("id"),
        _id("community_id"),
        _id("person_id"),
        _word("kind", 16),
        _word("value", 200, nullable=True),
        _time("verified_at", nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        *_kept(),
        keys=("id",),
        refers=of_person,
    )
    _make(
        "consents",
        _id("id"),
        _id("community_id"),
        _id("person_id"),
        _word("purpose", 32),
        sa.Column("given", sa.Boolean(), nullable=False),
        _time("at"),
        _word("source", 64),
        *_kept(),
        keys=("id",),
        refers=of_person,
    )
    for table, column in _INHABITANTS_BY:
        _index(table, column)


_INHABITANTS_BY = (
    ("households", "community_id"),
    ("households", "place_id"),
    ("residents", "community_id"),
    ("residents", "household_id"),
    ("residents", "person_id"),
    ("contacts", "community_id"),
    ("contacts", "person_id"),
    ("contacts", "value"),
    ("consents", "community_id"),
    ("consents", "person_id"),
)


def _make_what_is_said_of_inhabitants() -> None:
    _make(
        "inhabitant_history",
        sa.Column("seq", _SERIAL, autoincrement=True, nullable=False),
        _time("at"),
        _word("kind", 16),
        _id("item_id"),
        _id("community_id"),
        _id("person_id", nullable=True),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        _word("actor", 100, nullable=True),
        _word("source", 64, nullable=True),
        keys=("seq",),
    )
    _index("inhabitant_history", "person_id")
    _index("inhabitant_history", "kind", "item_id", name="ix_inhabitant_history_item")
    _index("inhabitant_history", "community_id", "seq", name="ix_inhabitant_history_community")
    _make(
        "inhabitant_statements",
        _word("kind", 16),
        _id("item_id"),
        _word("source", 64),
        _id("community_id"),
        _id("person_id", nullable=True),
        sa.Column("said", sa.JSON(), nullable=False),
        keys=("kind", "item_id", "source"),
    )
    _index("inhabitant_statements", "person_id")


def _grow_history() -> None:
    """The history learns whose each row is: by its content, or for what was removed by the row before."""
    op.add_column("registry_history", _id("community_id", nullable=True))
    op.add_column("registry_history", _word("actor", 100, nullable=True))
    op.add_column("registry_history", _word("source", 64, nullable=True))
    op.add_column("registry_history", sa.Column("watched", sa.Boolean(), nullable=False, server_default=sa.true()))
    _tell_communities(op.get_bind())
    _index("registry_history", "version")
    _index("registry_history", "community_id", "seq", name="ix_registry_history_community")
    now = SystemClock().now()
    for kind, name in _OLD.items():
        table, told = _table(name), _HISTORY.c
        newest = sa.select(sa.func.max(told.at)).where(told.kind == kind, told.item_id == table.c.id).scalar_subquery()
        op.get_bind().execute(table.update().values(changed_at=sa.func.coalesce(newest, now)))


def _tell_communities(connection: sa.Connection) -> None:
    known: dict[tuple[str, str], str] = {}
    change = _HISTORY.update().where(_HISTORY.c.seq == sa.bindparam("its_seq")).values(community_id=sa.bindparam("its"))
    last: int | None = None
    while True:
        query = sa.select(_HISTORY).order_by(_HISTORY.c.seq).limit(_BULK)
        rows = connection.execute(query if last is None else query.where(_HISTORY.c.seq > last)).all()
        if not rows:
            return
        last = rows[-1].seq
        told: list[dict[str, object]] = []
        for row in rows:
            community = _community_of(row.kind, row.item_id, row.content)
            if community is None:
                community = known.get((row.kind, row.item_id))
            if community is not None:
                known[row.kind, row.item_id] = community
                told.append({"its_seq": row.seq, "its": community})
        if told:
            connection.execute(change, told)


def _community_of(kind: str, item: str, content: object) -> str | None:
    if kind == "community":
        return item
    found = content.get("community") if isinstance(content, dict) else None
    return found if isinstance(found, str) else None


def downgrade() -> None:
    """Without them. What is removed is removed for good: an older Linli would show it as being there."""
    connection = op.get_bind()
    connection.execute(_HISTORY.delete().where(_HISTORY.c.kind.in_(_NEW_KINDS)))
    for name in ("ix_registry_history_community", "ix_registry_history_version"):
        op.drop_index(name, "registry_history")
    for column in ("watched", "source", "actor", "community_id"):
        op.drop_column("registry_history", column)
    for table in _MADE:
        op.drop_table(table)
    _forget_removed(connection)
    for column in ("gateway_id", "place_id", "facility_id", "parent_id", "serial", "plan_id"):
        op.drop_index(f"ix_devices_{column}", "devices")
    op.drop_index("ix_facilities_place_id", "facilities")
    for name in ("address", "address_key", "code_key", "parent_id"):
        op.drop_index(f"ix_places_{name}", "places")
    for name in ("manager_id", "committee_id"):
        op.drop_index(f"ix_communities_{name}", "communities")
    for table, columns in _GROWN.items():
        for column in columns:
            op.drop_column(table, column)
    for table in _OLD.values():
        for column in ("removed_at", "changed_at", "revision"):
            op.drop_column(table, column)


_MADE = (
    *("inhabitant_statements", "inhabitant_history", "consents", "contacts", "residents", "persons", "households"),
    *("strangers_left_out", "strangers", "doubts", "statements"),
    *("team_areas", "team_members", "teams", "staff", "organisations"),
    *("floor_plans", "committees", "districts", "installations"),
)
_EQUIPMENT = ("y_m", "x_m", "plan_id", "longitude", "latitude", "in_service_since", "model", "serial")
_GROWN = {
    "devices": ("merged_into", *_EQUIPMENT, "parent_id"),
    "places": ("watched", "address_key", "room", "unit", "building", "code_key", "code"),
    "communities": ("manager_id", "kind", "committee_id"),
}


def _forget_removed(connection: sa.Connection) -> None:
    """What is removed, and what of accounts belongs to it; nothing that is there refers to it."""
    for name, column, table in (
        ("enrolments", "gateway_id", "gateways"),
        ("memberships", "community_id", "communities"),
    ):
        here, there = sa.table(name, sa.column(column)), _table(table)
        gone = sa.select(there.c.id).where(there.c.removed_at.is_not(None))
        connection.execute(here.delete().where(here.c[column].in_(gone)))
    for name in ("devices", "facilities", "gateways", "places", "communities"):
        table_of_items = _table(name)
        connection.execute(table_of_items.delete().where(table_of_items.c.removed_at.is_not(None)))
