"""What is about one person alone: the registry's rows as a resident reaches them.

A resident's role reaches no community (`linli.roles`), so `Sights.of` shows them nothing. What they are given is confined twice:
to the community of the person that their account is (`linli.db.scoping`), and within it, statement by statement as it is
executed, to the rows of that person. Only the tables named here are reached at all. So whoever writes a route for residents need
not think of whose the rows are, and cannot forget it.

The one look beyond is at the names of those with whom they live (`housemates`), and that statement says so itself.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Delete, Insert, Join, Row, Table, Update, event, or_, select, true
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import AliasedReturnsRows, FromClause

from linli.clock import local_time
from linli.db import schema
from linli.db.database import Database
from linli.db.scoping import GuardedDatabase, OutOfScope, unconfined
from linli.i18n import Text
from linli.registry.masking import mask_name

_OPTION = "linli_own"
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rows: `persons` is one person, by every id that they were ever known under; `households`: all in which they are or
    were registered; `homes`: those in which they live. `together`: for one statement, who else lives there."""

    persons: frozenset[str]
    households: frozenset[str]
    homes: frozenset[str]
    together: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """Who somebody is in the registry of a community, by whose clock their days are counted (`zone`), and in `database` all that
    is theirs. `ids`: the person's own id first, then those of duplicates that were merged into it; `today`: '2026-10-01'."""

    ids: tuple[str, ...]
    community: str
    community_name: Text
    zone: ZoneInfo
    today: str
    database: Database
    reach: Reach

    @property
    def person(self) -> str:
        """The id under which the person is known now."""
        return self.ids[0]


class Housemate(NamedTuple):
    """Somebody in the same household: who they are to it, and as much of their name as a neighbour may read."""

    person: str
    household: str
    relation: str
    name: str | None


class OwnDatabases:
    """Gives each resident what is theirs. Safe to call from several threads."""

    def __init__(self, database: GuardedDatabase) -> None:
        self._guarded = database
        self._whole = database.whole()
        engine = database.engine.execution_options()
        event.listen(engine, "before_execute", _before_execute, retval=True)
        # An engine does not hear what is listened for on itself, only what was there when it was made.
        self._engine = engine.execution_options()

    def of(self, person: str, now: int) -> Own | None:
        """All that is this person's, as it is at `now`; None if there is nobody of that id, or they were erased."""
        with self._whole.read() as connection:
            found = _found(connection, person)
            if found is None:
                return None
            ids = _ids(connection, found)
            place = _community(connection, found.community_id)
            zone = ZoneInfo(place.timezone)
            today = local_time(now, zone).date().isoformat()
            reach = _reach(connection, ids, today)
        within = self._guarded.of({found.community_id}).engine.get_execution_options()
        database = Database(self._engine.execution_options(**{**within, _OPTION: reach}))
        name = Text(place.name_zh, place.name_en)
        return Own(ids, found.community_id, name, zone, today, database, reach)


def housemates(connection: Connection, own: Own) -> list[Housemate]:
    """Who else lives where the person lives, by household and id; their names masked."""
    residents, persons, others = schema.residents, schema.persons, {_OPTION: replace(own.reach, together=True)}
    members = select(residents).order_by(residents.c.household_id, residents.c.person_id)
    living = [row for row in connection.execute(members, execution_options=others) if lives(row.until, own.today)]
    rows = [row for row in living if row.person_id not in own.ids]
    named = select(persons.c.id, persons.c.name).where(persons.c.id.in_({row.person_id for row in rows}))
    names = {row.id: row.name for row in connection.execute(named, execution_options=others)}
    return [
        Housemate(row.person_id, row.household_id, row.relation, mask_name(names[row.person_id]))
        for row in rows
        if names.get(row.person_id)
    ]


# --- who it is --------------------------------------------------------------------------------------------------------


def _found(connection: Connection, person: str) -> Row[Any] | None:
    """The row under which the person is known now."""
    table = schema.persons
    row = connection.execute(select(table).where(table.c.id == person)).one_or_none()
    if row is not None and row.merged_into is not None:
        row = connection.execute(select(table).where(table.c.id == row.merged_into)).one_or_none()
    return None if row is None or row.erased_at is not None else row


def _ids(connection: Connection, found: Row[Any]) -> tuple[str, ...]:
    table = schema.persons
    merged = select(table.c.id).where(table.c.merged_into == found.id).order_by(table.c.id)
    return (found.id, *connection.execute(merged).scalars())


def _community(connection: Connection, community: str) -> Row[Any]:
    table = schema.communities
    return connection.execute(select(table).where(table.c.id == community)).one()


def _reach(connection: Connection, ids: Collection[str], today: str) -> Reach:
    table = schema.residents
    rows = connection.execute(select(table).where(table.c.person_id.in_(ids))).all()
    living = [row for row in rows if row.removed_at is None and lives(row.until, today)]
    return Reach(frozenset(ids), _households(rows), _households(living))


def _households(rows: Sequence[Row[Any]]) -> frozenset[str]:
    return frozenset(row.household_id for row in rows)


def lives(until: str | None, today: str) -> bool:
    """Whether who is registered `until` that day (None: no end is known) still lives there; days as '2026-10-01'."""
    return until is None or until >= today


# --- within what is theirs --------------------------------------------------------------------------------------------

_Condition = Callable[[Any, Reach], ColumnElement[bool]]


def _by(column: str) -> _Condition:
    return lambda columns, reach: columns[column].in_(sorted(reach.persons))


def _doubted(columns: Any, reach: Reach) -> ColumnElement[bool]:
    theirs = [select(table.c.id).where(table.c.person_id.in_(sorted(reach.persons))) for table in _ITEMS]
    return or_(columns.item_id.in_(sorted(reach.persons)), *(columns.item_id.in_(ids) for ids in theirs))


_ITEMS = (schema.residents, schema.contacts, schema.consents, schema.credentials)
_THEIRS: Mapping[Table, _Condition] = {
    schema.persons: _by("id"),
    schema.households: lambda columns, reach: columns.id.in_(sorted(reach.households)),
    schema.residents: _by("person_id"),
    schema.contacts: _by("person_id"),
    schema.consents: _by("person_id"),
    schema.credentials: _by("person_id"),
    schema.inhabitant_history: _by("person_id"),
    schema.inhabitant_statements: _by("person_id"),
    schema.doubts: _doubted,
    schema.registry_version: lambda _columns, _reach: true(),
}
"""Which rows of each table are a person's. What is not here is not for residents, but for what follows."""

_TOGETHER: Mapping[Table, _Condition] = {
    schema.residents: lambda columns, reach: (
        columns.household_id.in_(sorted(reach.homes)) & columns.removed_at.is_(None)
    ),
    schema.persons: lambda columns, reach: (
        columns.removed_at.is_(None)
        & columns.id.in_(
            select(schema.residents.c.person_id).where(
                schema.residents.c.household_id.in_(sorted(reach.homes)), schema.residents.c.removed_at.is_(None)
            )
        )
    ),
}
"""The same of who lives there with them."""

_NOBODYS = frozenset((schema.communities, schema.places, schema.committees, schema.districts))
"""What there is to say of where they live: nothing personal, and read alone."""

_CHANGED: Mapping[Table, str | None] = {
    schema.contacts: "person_id",
    schema.consents: "person_id",
    schema.inhabitant_history: "person_id",
    schema.inhabitant_statements: "person_id",
    schema.doubts: None,
    schema.registry_version: None,
}
"""What residents change, and the column that says whose a row is (None: of nobody in particular, as the count of changes)."""


def _before_execute(
    _connection: Connection, statement: Any, many: Any, single: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    reach = options.get(_OPTION)
    if reach is None:
        raise _out_of_scope("statement")
    if unconfined().items() <= options.items():  # what Linli itself writes down of it
        return statement, many, single
    if isinstance(statement, Insert | Update):
        _check_values(statement, reach, [*many] or [single])
    return narrow(statement, reach), many, single


def narrow(statement: Any, reach: Reach) -> Any:
    """The statement, seeing and changing the rows of one person alone. OutOfScope for one that reaches for another table, that
    joins theirs with anything, or that changes what is not a resident's to change."""
    if isinstance(statement, Insert | Update | Delete) and (reach.together or statement.table not in _CHANGED):
        raise _out_of_scope(str(statement.table))
    rules = _TOGETHER if reach.together else _THEIRS

    def narrow_select(found: Any) -> None:
        for source in found.get_final_froms():
            found._where_criteria += tuple(_conditions(source, rules, reach))

    def narrow_change(found: Any) -> None:
        found._where_criteria += (_THEIRS[found.table](found.table.c, reach),)

    changes = {"select": narrow_select, "update": narrow_change, "delete": narrow_change}
    return visitors.cloned_traverse(statement, {}, changes)


def _conditions(source: FromClause, rules: Mapping[Table, _Condition], reach: Reach) -> Iterator[ColumnElement[bool]]:
    table: Any = source
    while isinstance(table, AliasedReturnsRows):
        table = table.element
    if isinstance(table, Join):
        if not set(_sides(table)) <= _NOBODYS:
            raise _out_of_scope(str(table))
    elif isinstance(table, Table) and table not in _NOBODYS:
        if table not in rules:
            raise _out_of_scope(table.name)
        yield rules[table](source.c, reach)


def _sides(join: Join) -> Iterator[FromClause]:
    for side in (join.left, join.right):
        if isinstance(side, Join):
            yield from _sides(side)
        else:
            yield side


def _check_values(statement: Insert | Update, reach: Reach, rows: Sequence[Mapping[str, Any]]) -> None:
    """OutOfScope unless each row is the person's as it is inserted, or after it is changed."""
    column = _CHANGED.get(statement.table)  # type: ignore[call-overload]
    if column is None:
        return
    given = {getattr(key, "name", key): bound for key, bound in (getattr(statement, "_values", None) or {}).items()}
    for row in rows:
        value = row.get(column, _MISSING)
        if value is _MISSING and column in given:
            value = getattr(given[column], "value", None)
        if value is _MISSING and isinstance(statement, Update):
            continue  # it stays whose it was
        if value not in reach.persons:
            raise _out_of_scope(str(statement.table))


def _out_of_scope(what: str) -> OutOfScope:
    return OutOfScope(Text(f"内部错误：{what} 不属于本人", f"internal: {what} is not the person's own"))
