"""Scope in one place: whatever statement is written, it sees and changes the rows of the communities it is for, and no others.

Here are statements of every shape that SQLAlchemy makes, none of which says anything of scope.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Select,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy import (
    table as named_table,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import DropTable

from linli.db import schema
from linli.db.database import Database
from linli.db.registry import save
from linli.db.scoping import GuardedDatabase, OutOfScope, ScopeMissing, confine, guarded, permit_shared
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place

devices, places, communities = schema.devices, schema.places, schema.communities


def _items(community: str) -> Iterator[Community | Place | Gateway | Device]:
    name = Text("名", "name")
    yield Community(community, name)
    yield Place(f"{community}-gate", community, "gate", name)
    yield Gateway(f"{community}-gw", community, name)
    for number in range(3):
        yield Device(f"{community}-d{number}", community, f"{community}-gw", "door", name, f"{community}-gate")


@pytest.fixture
def scoped(database: Database) -> GuardedDatabase:
    with database.write() as connection:
        for community in ("c001", "c002", "c003"):
            save(connection, _items(community))
    return guarded(database)


_deepest = select(devices.c.community_id, func.max(devices.c.id).label("last")).group_by(devices.c.community_id)
_named = devices.alias("named")

SHAPES: dict[str, Callable[[], Select[Any]]] = {
    "a list": lambda: select(devices.c.community_id),
    "a condition with or": lambda: select(devices.c.community_id).where(
        (devices.c.kind == "door") | (devices.c.kind == "siren")
    ),
    "an alias": lambda: select(_named.c.community_id),
    "a join": lambda: select(devices.c.community_id).join(places, places.c.id == devices.c.place_id),
    "a join of two that do not belong together": lambda: select(places.c.community_id).select_from(
        places.join(devices, places.c.id != devices.c.id)
    ),
    "an outer join": lambda: select(devices.c.community_id).select_from(places.outerjoin(devices)),
    "a full join": lambda: select(places.c.community_id).select_from(
        places.join(devices, places.c.id == devices.c.place_id, full=True)
    ),
    "a subquery": lambda: select(_deepest.subquery().c.community_id),
    "a common table expression": lambda: select(_deepest.cte("c").c.community_id),
    "in a subquery": lambda: select(communities.c.id).where(communities.c.id.in_(select(devices.c.community_id))),
    "exists": lambda: select(communities.c.id).where(exists().where(devices.c.community_id == communities.c.id)),
    "a lateral value": lambda: select(
        select(func.max(devices.c.community_id)).where(devices.c.kind == "door").scalar_subquery()
    ),
    "two tables side by side": lambda: select(places.c.community_id).where(places.c.kind != devices.c.kind),
    "distinct, ordered, cut": lambda: (
        select(devices.c.community_id).distinct().order_by(devices.c.community_id.desc()).limit(50)
    ),
    "a window": lambda: select(func.first_value(devices.c.community_id).over(order_by=devices.c.id.desc())),
    "a total over groups": lambda: select(func.max(devices.c.community_id)).having(func.count() > 0),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scope", [{"c001"}, {"c001", "c003"}, set(), None], ids=["one", "two", "none", "all"])
def test_every_shape_of_query_sees_its_own_communities(
    scoped: GuardedDatabase, shape: str, scope: set[str] | None
) -> None:
    """And those that look at what there is see all that is theirs."""
    wanted = {"c001", "c002", "c003"} if scope is None else scope
    with scoped.of(scope).read() as connection:
        found = {value for value in connection.execute(SHAPES[shape]()).scalars() if value is not None}
    assert found <= wanted
    single = ("lateral", "window", "total")
    assert found == wanted if not any(word in shape for word in single) else len(found) == min(1, len(wanted))


def test_a_union_is_confined_in_all_its_parts(scoped: GuardedDatabase) -> None:
    """Each of them is a query of its own."""
    both = union_all(select(devices.c.community_id), select(places.c.community_id))
    with scoped.of({"c002"}).read() as connection:
        assert set(connection.execute(both).scalars()) == {"c002"}


def test_a_count_counts_what_is_seen(scoped: GuardedDatabase) -> None:
    """A number tells of what is elsewhere as well as a row does."""
    count = select(func.count()).select_from(devices)
    for scope, number in (({"c001"}, 3), ({"c001", "c002"}, 6), (set(), 0), (None, 9)):
        with scoped.of(scope).read() as connection:
            assert connection.execute(count).scalar() == number


def test_a_table_through_another_goes_by_that(scoped: GuardedDatabase) -> None:
    """The mode of a place belongs to the place's community."""
    with scoped.whole().write() as connection:
        for place in ("c001-gate", "c002-gate"):
            connection.execute(
                insert(schema.arming).values(place_id=place, mode="away", changed_by="x", changed_at=1, reason="")
            )
    with scoped.of({"c002"}).read() as connection:
        assert list(connection.execute(select(schema.arming.c.place_id)).scalars()) == ["c002-gate"]


def test_changes_reach_no_further_than_the_scope(scoped: GuardedDatabase) -> None:
    """An update and a delete without any condition are the worst that can be written."""
    with scoped.of({"c001"}).write() as connection:
        assert connection.execute(update(devices).values(kind="siren")).rowcount == 3
        assert connection.execute(delete(devices)).rowcount == 3
    with scoped.whole().read() as connection:
        left = connection.execute(select(devices.c.community_id, devices.c.kind).distinct()).all()
    assert sorted(map(tuple, left)) == [("c002", "door"), ("c003", "door")]


def _place(community: str, number: int = 9) -> dict[str, object]:
    return {
        "id": f"{community}-p{number}",
        "community_id": community,
        "kind": "gate",
        "name_zh": "门",
        "name_en": "gate",
    }


@pytest.mark.parametrize("way", ["values", "rows", "one among many"])
def test_a_row_of_another_community_cannot_be_added(scoped: GuardedDatabase, way: str) -> None:
    """Named in the statement, in its rows, or hidden among others."""
    other, own = _place("c002"), _place("c001")
    with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
        if way == "values":
            connection.execute(insert(places).values(**other))
        else:
            connection.execute(insert(places), [other] if way == "rows" else [own, other])
    with scoped.of({"c001"}).write() as connection:
        connection.execute(insert(places), [own])
        connection.execute(insert(places).values(**_place("c001", 10)))
    with scoped.whole().read() as connection:
        added = select(places.c.id).where(places.c.id.not_like("%gate")).order_by(places.c.id)
        assert list(connection.execute(added).scalars()) == ["c001-p10", "c001-p9"]


def test_many_rows_are_changed_at_once(scoped: GuardedDatabase) -> None:
    """As a building's rooms are: one statement with a row of values for each; no other community's row is touched."""
    change = update(devices).where(devices.c.id == bindparam("its_id")).values(kind=bindparam("its_kind"))
    rows = [
        {"its_id": f"{community}-d{number}", "its_kind": "siren"} for community in ("c001", "c002") for number in (0, 1)
    ]
    with scoped.of({"c001", "c003"}).write() as connection:
        connection.execute(change, rows)
    with scoped.whole().read() as connection:
        changed = connection.execute(select(devices.c.id).where(devices.c.kind == "siren")).scalars()
        assert sorted(changed) == ["c001-d0", "c001-d1"]
    with scoped.of(set()).write() as connection:
        assert connection.execute(update(devices).values(kind="x")).rowcount == 0


def test_a_row_cannot_be_given_away(scoped: GuardedDatabase) -> None:
    """By the statement or by its parameters: what is changed stays within the scope."""
    with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
        connection.execute(update(places).values(community_id="c002"))
    with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
        change = update(places).where(places.c.id == bindparam("its_id")).values(community_id=bindparam("community_id"))
        connection.execute(change, [{"its_id": "c001-gate", "community_id": "c002"}])
    for given in ((places.c.community_id, "c002"), ("community_id", "c002")):
        with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
            connection.execute(update(places).ordered_values(given))


_names = devices.alias().alias()

REFUSED: dict[str, Callable[[], Any]] = {
    "a condition in plain SQL": lambda: select(devices).where(text("1 = 1 OR 1 = 1")),
    "a column in plain SQL": lambda: select(literal_column("(SELECT max(name) FROM users)")),
    "a table by its name alone": lambda: select(column("name")).select_from(named_table("users")),
    "text with columns": lambda: text("SELECT id FROM devices").columns(devices.c.id),
    "a change by way of a second table": lambda: (
        update(devices).where(devices.c.place_id == places.c.id, places.c.kind == "gate").values(kind="x")
    ),
    "a delete by way of a second table": lambda: delete(devices).where(devices.c.place_id == places.c.id),
    "a value out of a second table": lambda: update(places).values(name_en=devices.c.name_en),
    "a value out of what is Linli's own": lambda: update(places).values(name_en=func.max(schema.users.c.password_hash)),
    "values in an order, out of a second table": lambda: update(places).ordered_values(
        (places.c.name_en, devices.c.name_en)
    ),
    "an insert of a value out of a second table": lambda: insert(places).values(
        **_place("c001") | {"name_en": schema.users.c.name}
    ),
    "a change that returns what another table has": lambda: (
        update(places).values(kind="x").returning(schema.users.c.name)
    ),
    "a delete that returns what another table has": lambda: delete(places).returning(schema.users.c.name),
    "a change within a query, with a value out of a second table": lambda: select(
        update(places).values(name_en=devices.c.name_en).returning(places.c.id).cte("changed").c.id
    ),
    "an insert within another statement": lambda: select(
        insert(places).values(**_place("c002")).returning(places.c.id).cte("made").c.id
    ),
    "a change of the tables themselves": lambda: DropTable(schema.holidays),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("scope", [{"c001"}, None])
def test_what_cannot_be_confined_for_certain_is_refused(
    scoped: GuardedDatabase, what: str, scope: set[str] | None
) -> None:
    """Before the database has seen it."""
    with pytest.raises(OutOfScope), scoped.of(scope).write() as connection:
        connection.execute(REFUSED[what]())


def test_a_row_that_is_there_is_not_written_over(scoped: GuardedDatabase, database: Database) -> None:
    """An insert that becomes an update would be one that nothing has confined."""
    dialect = sqlite if database.engine.dialect.name == "sqlite" else postgresql
    put = dialect.insert(places).values(**_place("c001") | {"id": "c002-gate"})
    with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
        connection.execute(put.on_conflict_do_update(index_elements=["id"], set_={"kind": "x"}))


def test_an_alias_of_an_alias_is_still_the_table(scoped: GuardedDatabase) -> None:
    """However often it is renamed."""
    with scoped.of({"c001"}).read() as connection:
        assert set(connection.execute(select(_names.c.community_id)).scalars()) == {"c001"}


def test_a_row_through_another_table_of_another_community_cannot_be_added(scoped: GuardedDatabase) -> None:
    """To arm a place takes a place that one sees."""
    row = {"mode": "away", "changed_by": "x", "changed_at": 1, "reason": ""}
    with scoped.of({"c001"}).write() as connection:
        connection.execute(insert(schema.arming), [row | {"place_id": "c001-gate"}])
        with pytest.raises(OutOfScope):
            connection.execute(insert(schema.arming), [row | {"place_id": "c002-gate"}])


def _holiday(community: str) -> dict[str, object]:
    return {"community_id": community, "day": "2026-10-01", "is_holiday": True, "name_zh": "节", "name_en": "holiday"}


_organisation = {"id": "org", "kind": "property", "name_zh": "物业", "name_en": "property"}

SHARED_WRITES: dict[str, Callable[[], Any]] = {
    "an insert": lambda: insert(schema.organisations).values(**_organisation),
    "an insert of one's own community": lambda: insert(schema.holidays).values(**_holiday("c001")),
    "an update": lambda: update(schema.staff).values(phone="1"),
    "an update of one row": lambda: update(schema.districts).where(schema.districts.c.id == "d").values(name_en="x"),
    "a delete": lambda: delete(schema.team_members),
    "a delete by a condition": lambda: delete(schema.team_areas).where(schema.team_areas.c.area_id == "c001"),
    "an insert of what is selected": lambda: insert(schema.team_members).from_select(
        ["team_id", "staff_id"], select(devices.c.id, devices.c.kind)
    ),
    "an update within a query": lambda: select(
        update(schema.teams).values(name_en="x").returning(schema.teams.c.id).cte("changed").c.id
    ),
    "a delete within a query": lambda: select(
        delete(schema.committees).returning(schema.committees.c.id).cte("gone").c.id
    ),
}


def _is_shared(table: str) -> bool:
    return schema.metadata.tables[table].info["scope"] is None


@pytest.mark.parametrize("what", SHARED_WRITES)
@pytest.mark.parametrize("scope", [{"c001"}, {"c001", "c002", "c003"}, set()], ids=["one", "all there are", "none"])
def test_what_is_the_whole_districts_is_not_written_from_a_community(
    scoped: GuardedDatabase, what: str, scope: set[str]
) -> None:
    """Though it is read: neither what concerns the community, nor by way of a query, nor by who happens to see them all."""
    with pytest.raises(OutOfScope), scoped.of(scope).write() as connection:
        connection.execute(SHARED_WRITES[what]())
    with scoped.of(scope).read() as connection:
        connection.execute(select(schema.staff)).all()


@pytest.mark.parametrize("table", [name for name in schema.metadata.tables if _is_shared(name)])
def test_every_shared_table_is_closed_to_writes_from_a_community(scoped: GuardedDatabase, table: str) -> None:
    """Those that are to come as well."""
    shared = schema.metadata.tables[table]
    for statement in (insert(shared), update(shared).values({shared.columns[0].name: "x"}), delete(shared)):
        with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
            connection.execute(statement)


def test_who_reaches_the_district_writes_what_is_its(scoped: GuardedDatabase) -> None:
    """As does a single statement of which a service says so, and no other in the same transaction."""
    add, change = insert(schema.holidays).values(**_holiday("")), update(schema.holidays).values(is_holiday=False)
    with scoped.of(None).write() as connection:
        connection.execute(add)
    with pytest.raises(OutOfScope), scoped.of({"c001"}).write() as connection:
        assert connection.execute(change, execution_options=permit_shared()).rowcount == 1
        connection.execute(change)
    with scoped.of({"c001"}).write() as connection:
        connection.execute(change, execution_options=permit_shared())
        with pytest.raises(OutOfScope):
            connection.execute(insert(places).values(**_place("c002")), execution_options=permit_shared())
        with pytest.raises(OutOfScope):
            connection.execute(delete(schema.sessions), execution_options=permit_shared())
    with scoped.of({"c002"}).read() as connection:
        assert connection.execute(select(schema.holidays.c.is_holiday)).scalar_one() is False


def test_only_the_registrys_version_is_permitted() -> None:
    """Whoever permits more comes by here, and thinks of it."""
    root = Path(schema.__file__).parents[3]
    callers = {
        str(file.relative_to(root))
        for package in ("api", "linli", "rules", "ingest")
        for file in (root / package).rglob("*.py")
        if "permit_shared()" in file.read_text(encoding="utf-8")
    }
    assert callers == {"linli/db/registrylog.py", "linli/db/scoping.py"}


def test_leaving_the_scope_out_fails(scoped: GuardedDatabase) -> None:
    """Whoever forgets it gets no rows at all, for reading and for writing, from tables that everybody may see too."""
    for statement in (select(devices), select(schema.holidays), update(devices).values(kind="x"), delete(devices)):
        with pytest.raises(ScopeMissing), scoped.read() as connection:
            connection.execute(statement)
        with pytest.raises(ScopeMissing), scoped.write() as connection:
            connection.execute(statement)


def test_plain_sql_has_no_scope(scoped: GuardedDatabase) -> None:
    """Neither as text nor past SQLAlchemy's statements."""
    for database in (scoped, scoped.of(None), scoped.of({"c001"})):
        with pytest.raises((ScopeMissing, OutOfScope)), database.read() as connection:
            connection.execute(text("SELECT id FROM devices"))
        with pytest.raises(ScopeMissing), database.read() as connection:
            connection.exec_driver_sql("SELECT id FROM devices")


@pytest.mark.parametrize("scope", [{"c001"}, None])
def test_what_is_linlis_own_is_closed_to_people(scoped: GuardedDatabase, scope: set[str] | None) -> None:
    """Accounts, sessions and their like: also to who reaches every community, and by way of a subquery."""
    for statement in (
        select(schema.users),
        select(devices).where(devices.c.id.in_(select(schema.users.c.name))),
        delete(schema.sessions),
        insert(schema.workers).values(name="x"),
    ):
        with pytest.raises(OutOfScope), scoped.of(scope).write() as connection:
            connection.execute(statement)
    with scoped.whole().read() as connection:
        assert connection.execute(select(schema.users)).all() == []


def test_a_table_that_does_not_say_whose_its_rows_are_is_closed() -> None:
    """A new table is refused until somebody has thought of it."""
    from sqlalchemy import Column, Integer, MetaData, Table

    forgotten = Table("forgotten", MetaData(), Column("id", Integer))
    with pytest.raises(OutOfScope):
        confine(select(forgotten), frozenset({"c001"}))


def test_every_table_says_whose_its_rows_are() -> None:
    """In words that `confine` knows: a column of its own, a way through another table, everybody's, or Linli's own."""
    for table in schema.metadata.tables.values():
        scope = table.info["scope"]
        if isinstance(scope, tuple):
            column, parent = scope
            assert column in table.c and isinstance(schema.metadata.tables[parent].info["scope"], str)
        elif scope not in (None, "platform"):
            assert scope in table.c


def test_the_database_itself_stays_as_it_is(database: Database, scoped: GuardedDatabase) -> None:
    """Ingest and rules in the same process (tests, `linli up --one-process`) are not people."""
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(devices)).scalar() == 9
        assert connection.execute(text("SELECT count(*) FROM users")).scalar() == 0
    with pytest.raises(SQLAlchemyError), database.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))
