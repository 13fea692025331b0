"""Whose rows a query may see, decided in one place for every query.

Each table says in its `info` how its rows belong to communities (`linli.db.schema.base`). A database made by `guarded`, which is
what the API has, runs nothing that does not say for whom: `of(communities)` sees and changes the rows of those communities
and no others, `whole()` sees all and is for Linli's own work alone.

What is confined is the statement itself, as it is executed. So whoever writes a list, a count, a search or an export needs
not think of scope, and cannot forget it: a query without it is an error (`ScopeMissing`), and one that reaches for a table
which belongs to nobody's community is one too (`OutOfScope`).

Tables of the whole district (`SHARED`) are open to everybody for reading. They are written by who reaches the district; for
anybody else the service says of a single statement that it may (`permit_shared`), having seen to it itself.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import (
    Column,
    CompoundSelect,
    Connection,
    Delete,
    Insert,
    Join,
    Select,
    Table,
    TableClause,
    TextClause,
    TextualSelect,
    Update,
    event,
    false,
    or_,
    select,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnClause, ColumnElement
from sqlalchemy.sql.selectable import AliasedReturnsRows, FromClause

from linli.db.database import Database
from linli.db.schema.base import metadata
from linli.errors import LinliError
from linli.i18n import Text

_OPTION = "linli_scope"
_PERMITTED = "linli_shared_permitted"
_PLAIN = ("BEGIN", "SET", "SHOW", "PRAGMA", "SAVEPOINT", "RELEASE", "ROLLBACK")
_MISSING = object()


class _Said(Enum):
    """What a connection may say instead of communities."""

    NOTHING = "nothing"
    WHOLE = "whole"


class ScopeMissing(LinliError):
    """A statement that does not say for whom it is: a mistake of ours, met before the database has seen it."""


class OutOfScope(LinliError):
    """A statement for some communities that reaches for what is not theirs: a mistake of ours."""


class GuardedDatabase(Database):
    """A database on which every statement says for whom it is. By itself it runs none."""

    def of(self, communities: Collection[str] | None) -> Database:
        """The database as those see it who reach these communities. None: who reach every one, though nothing that is
        Linli's own."""
        return self._saying(None if communities is None else frozenset(communities))

    def whole(self) -> Database:
        """All of it, for Linli's own work: to sign people in, to keep names, to hand changes on."""
        return self._saying(_Said.WHOLE)

    def _saying(self, scope: object) -> Database:
        return Database(self.engine.execution_options(**{_OPTION: scope}))


def guarded(database: Database) -> GuardedDatabase:
    """The same database for people's requests. `database` itself stays as it is."""
    engine = database.engine.execution_options(**{_OPTION: _Said.NOTHING})
    event.listen(engine, "before_execute", _before_execute, retval=True)
    event.listen(engine, "before_cursor_execute", _before_cursor)
    # An engine does not hear what is listened for on itself, only what was there when it was made.
    return GuardedDatabase(engine.execution_options())


def is_confined(connection: Connection) -> bool:
    """Whether what is executed here sees some communities and not all."""
    return isinstance(connection.get_execution_options().get(_OPTION), frozenset)


def unconfined() -> dict[str, Any]:
    """The execution options of one statement that is Linli's own work in the transaction of a person's: what is written down of
    it in the audit log."""
    return {_OPTION: _Said.WHOLE}


def permit_shared() -> dict[str, Any]:
    """The execution options of one statement that writes to a table of the whole district though the person does not reach all
    of it. Whoever says so has checked that it takes nothing from other communities: see where it is called."""
    return {_PERMITTED: True}


def _before_execute(
    connection: Connection, statement: Any, many: Any, single: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    scope = options[_OPTION]
    if scope is _Said.NOTHING:
        raise ScopeMissing(Text("内部错误：查询没有说明范围", "internal: a statement does not say for whom it is"))
    if scope is _Said.WHOLE:
        return statement, many, single
    confined = confine(statement, scope, may_write_shared=options.get(_PERMITTED, False))
    if isinstance(statement, Insert | Update) and scope is not None:
        _check_values(connection, statement, scope, [*many] or [single])
    return confined, many, single


def _before_cursor(connection: Connection, _cursor: Any, sql: str, _values: Any, context: Any, _many: bool) -> None:
    """Plain SQL says nothing of scope, so only what opens and ends a transaction passes."""
    scope = connection.get_execution_options()[_OPTION]
    if scope is not _Said.WHOLE and context.compiled is None and sql.split(None, 1)[0] not in _PLAIN:
        raise ScopeMissing(Text("内部错误：原始 SQL 没有范围", "internal: plain SQL has no scope"))


def confine(statement: Any, scope: frozenset[str] | None, *, may_write_shared: bool = False) -> Any:
    """The statement, seeing and changing the rows of `scope` alone (None: of every community).

    OutOfScope for a table that is Linli's own or does not say whose its rows are; for a change of one that is the whole
    district's, unless the scope is or `may_write_shared`; for plain SQL, wherever it stands; and for what cannot be confined for
    certain: a change that brings a second table in, an insert within another statement or over a row that is there.
    """
    if not isinstance(statement, Select | CompoundSelect | Insert | Update | Delete):
        raise _out_of_scope(type(statement).__name__)
    for part in visitors.iterate(statement):
        _check_part(statement, part)
        if isinstance(part, Insert | Update | Delete):
            _check_alone(part)
            if scope is not None and not may_write_shared:
                _check_not_shared(part)
    if scope is None:
        return statement

    def narrow_select(found: Any) -> None:
        for source in found.get_final_froms():
            found._where_criteria += tuple(_criteria(source, scope, among))

    def narrow_change(found: Any) -> None:
        found._where_criteria += tuple(_criteria(found.table, scope, among))

    among = _is_one_of if isinstance(statement, Update | Delete) else _is_in

    changes = {"select": narrow_select, "update": narrow_change, "delete": narrow_change}
    return visitors.cloned_traverse(statement, {}, changes)


def _check_part(statement: Any, part: Any) -> None:
    """OutOfScope for a part of a statement of which nobody knows what it reaches."""
    if isinstance(part, Table):
        _belonging(part)
    elif isinstance(part, TextClause | TextualSelect | TableClause) or (
        isinstance(part, Insert) and part is not statement
    ):
        raise _out_of_scope(type(part).__name__)
    elif isinstance(part, ColumnClause) and part.is_literal and part.name not in ("*", "1"):
        raise _out_of_scope("SQL")
    elif getattr(part, "_post_values_clause", None) is not None:
        raise _out_of_scope("ON CONFLICT")


def _check_not_shared(change: Insert | Update | Delete) -> None:
    """OutOfScope for a change of what belongs to the district as a whole, wherever in the statement it stands."""
    if isinstance(change.table, Table) and _belonging(change.table) is None:
        raise _out_of_scope(change.table.name)


def _check_alone(change: Any) -> None:
    """OutOfScope for an insert, update or delete that brings a second table in: by a condition, a value or what it returns. (By a
    query within it may.)"""
    within = {source for part in visitors.iterate(change) if isinstance(part, Select) for source in _tables(part)}
    for part in visitors.iterate(change):
        table = getattr(part, "table", None) if isinstance(part, ColumnClause) else None
        if isinstance(table, FromClause) and table is not change.table and table not in within:
            raise _out_of_scope(str(table))


def _tables(found: Any) -> Iterator[FromClause]:
    """What a select reads from, the parts of its joins too."""
    waiting = list(found.get_final_froms())
    while waiting:
        source = waiting.pop()
        yield source
        if isinstance(source, Join):
            waiting += [source.left, source.right]


def _is_in(column: ColumnElement[str], scope: frozenset[str]) -> ColumnElement[bool]:
    return column.in_(sorted(scope))


def _is_one_of(column: ColumnElement[str], scope: frozenset[str]) -> ColumnElement[bool]:
    """The same for a statement that is executed for many rows at once, which takes no list as a parameter."""
    return or_(false(), *(column == one for one in sorted(scope)))


_Among = Callable[[ColumnElement[str], frozenset[str]], ColumnElement[bool]]


def _criteria(
    source: FromClause, scope: frozenset[str], among: _Among, optional: bool = False
) -> Iterator[ColumnElement[bool]]:
    """What must hold of each table in `source`. `optional`: of an outer join, whose rows may not be there."""
    if isinstance(source, Join):
        yield from _criteria(source.left, scope, among, optional or source.full)
        yield from _criteria(source.right, scope, among, optional or source.isouter or source.full)
        return
    table: Any = source
    while isinstance(table, AliasedReturnsRows):
        table = table.element
    if not isinstance(table, Table) or (belongs := _belonging(table)) is None:
        return
    column, parent = belongs
    if parent is None:
        theirs = among(source.c[column], scope)
    else:
        theirs = source.c[column].in_(select(parent.c.id).where(among(_column(parent), scope)))
    yield or_(theirs, source.c[column].is_(None)) if optional else theirs


def _belonging(table: Table) -> tuple[str, Table | None] | None:
    """The column by which the table's rows belong to a community, and the table that it leads to if it is not named in the
    row itself; None for what everybody may see."""
    scope = table.info.get("scope", "platform")
    if scope is None:
        return None
    if scope == "platform":
        raise _out_of_scope(table.name)
    if isinstance(scope, tuple):
        return scope[0], metadata.tables[scope[1]]
    return scope, None


def _column(table: Table) -> Column[Any]:
    """The column of a table whose rows name their community themselves."""
    return table.c[table.info["scope"]]


def _check_values(
    connection: Connection, statement: Insert | Update, scope: frozenset[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """OutOfScope unless each row is of `scope` as it is inserted, or after it is changed."""
    table = statement.table
    if not isinstance(table, Table) or (belongs := _belonging(table)) is None:
        return
    column, parent = belongs
    given = {getattr(key, "name", key): bound for key, bound in (getattr(statement, "_values", None) or {}).items()}
    for row in rows:
        value = row.get(column, _MISSING)
        if value is _MISSING and column in given:
            value = getattr(given[column], "value", None)
        if value is _MISSING and isinstance(statement, Update):
            continue  # it stays whose it was
        if parent is None:
            fits = value in scope
        else:
            fits = connection.execute(select(parent.c.id).where(parent.c.id == value)).first() is not None
        if not fits:
            raise _out_of_scope(table.name)


def _out_of_scope(what: str) -> OutOfScope:
    return OutOfScope(Text(f"内部错误：{what} 不在范围之内", f"internal: {what} is not within the scope"))
