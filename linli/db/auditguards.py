"""What refuses changes of the audit log in the database, is it still there? The triggers that migration 0010 makes; and, on
PostgreSQL, what `linli audit grants` (`linli.db.auditgrants`) took from Linli's own role.

Whoever may take a trigger away may change the log, and put the trigger back: the chain shows the change. A trigger that is gone
shows before anything was changed.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy import Connection, text

from linli.audit import Act, Broken, Entry, Fault, Who
from linli.auditwords import GUARDED
from linli.db.audit import append
from linli.db.auditgrants import FUNCTION_BODY, SAFE_PATH, TABLES, TRIGGERS, quoted
from linli.db.database import Database
from linli.i18n import Text

_NEVER = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
_YOUNG = "at > (CAST(strftime('%s', 'now') AS INTEGER) - 16416000) * 1000000"
_OF_A_YOUNG_ONE = f"WHEN EXISTS (SELECT 1 FROM audit_entries WHERE seq = OLD.seq AND {_YOUNG})"  # noqa: S608
_SQLITE: Mapping[str, str] = {
    **{f"{table}_change": f"CREATE TRIGGER {table}_change BEFORE UPDATE ON {table} {_NEVER}" for table in TABLES},
    "audit_entries_delete": f"CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries WHEN OLD.{_YOUNG} {_NEVER}",
    "audit_subjects_delete": (
        f"CREATE TRIGGER audit_subjects_delete BEFORE DELETE ON audit_subjects {_OF_A_YOUNG_ONE} {_NEVER}"
    ),
}

_EVENTS = {"UPDATE OR DELETE": 1 + 2 + 8 + 16, "UPDATE": 1 + 2 + 16, "TRUNCATE": 2 + 32}
"""PostgreSQL's `pg_trigger.tgtype`: 1 for each row, 2 before, 8 delete, 16 update, 32 truncate."""


class Rights(StrEnum):
    """What Linli's own role in the database may do to the log."""

    FILE = "file"
    """SQLite has no roles: who may write the file may change all of it."""
    OWN = "own"
    """It owns the log: `linli audit grants` was not applied here."""
    OLD = "old"
    """`linli audit grants` was applied as it was before 24 November 2026: what runs as the owner could be misled."""
    GIVEN_BACK = "given_back"
    """The log is another role's, as `linli audit grants` makes it, and yet Linli's may change it: somebody gave it the right."""
    NONE = "none"
    """It reads and appends."""


def missing_guards(connection: Connection) -> list[Fault]:
    """Each trigger that is gone, switched off or not as it was made, and the function that they call, in words."""
    missing = (
        _missing_postgresql(connection) if connection.dialect.name == "postgresql" else _missing_sqlite(connection)
    )
    return [Fault(Broken.GUARD, 0, _words(name)) for name in sorted(missing)]


def rights(connection: Connection) -> Rights:
    """What the role that is connected may do to the log."""
    if connection.dialect.name != "postgresql":
        return Rights.FILE
    own, may, misled = connection.execute(_RIGHTS, {"path": f"search_path={SAFE_PATH}"}).one()
    if own is not False:
        return Rights.OWN
    if may:
        return Rights.GIVEN_BACK
    return Rights.OLD if misled else Rights.NONE


def rights_fault(found: Rights) -> Fault | None:
    """That a right which was taken away is there again; None otherwise: what was never taken is no fault."""
    if found is not Rights.GIVEN_BACK:
        return None
    said = Text(
        "Linli 的数据库角色又有了改动日志的权限（曾用 linli audit grants 收回）；请由超级用户再执行一次",
        "Linli's database role was given back the right to change the log, which linli audit grants took from it: "
        "have a superuser run it again",
    )
    return Fault(Broken.GUARD, 0, said)


def guard_again(database: Database, who: Who, reason: str, now: int) -> Entry | None:
    """Make the triggers that are missing anew, with the entry that says which; None if none is. On PostgreSQL by who owns the
    tables, or the server refuses it."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            missing = _missing_postgresql(connection)
            if FUNCTION in missing:
                connection.execute(text(_FUNCTION))
            for name in sorted(missing - {FUNCTION}):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {name} ON {_table_of(name)}"))
                connection.execute(text(f"CREATE TRIGGER {name} {TRIGGERS[name].format(at='')}"))
        else:
            missing = _missing_sqlite(connection)
            for name in sorted(missing):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
                connection.exec_driver_sql(_SQLITE[name])
        if not missing:
            return None
        return append(connection, Act(GUARDED, who, "audit", reason=reason, facts={"guards": sorted(missing)}), now)


# --- SQLite ---------------------------------------------------------------------------------------------------------


def _missing_sqlite(connection: Connection) -> set[str]:
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    there = {row.name: _plain(row.sql or "") for row in found}
    return {name for name, wanted in _SQLITE.items() if there.get(name) != _plain(wanted)}


# --- PostgreSQL -----------------------------------------------------------------------------------------------------

FUNCTION = "linli_audit_refuse"
_FUNCTION = f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $body$\n{FUNCTION_BODY.format(at='')}$body$"

_IN_FORCE = text(
    "SELECT t.tgname AS name, t.tgtype AS type, c.relname AS at FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND t.tgattr::text = '' "
    "AND t.tgfoid = to_regprocedure('linli_audit_refuse()') "
    "AND t.tgrelid IN (to_regclass('audit_entries'), to_regclass('audit_subjects'), to_regclass('audit_texts'))"
)

_BODY = text(
    "SELECT prosrc AS body, proconfig AS settings, current_schema() AS place FROM pg_proc "
    "WHERE oid = to_regprocedure('linli_audit_refuse()')"
)

_RIGHTS = text(
    "SELECT bool_and(pg_get_userbyid(relowner) = current_user) AS own, "
    "bool_or(pg_has_role(relowner, 'USAGE') OR has_table_privilege(oid, 'UPDATE, TRUNCATE, TRIGGER') "
    "OR has_any_column_privilege(oid, 'UPDATE') "
    "OR relname <> 'audit_texts' AND has_table_privilege(oid, 'DELETE')) AS may, "
    "EXISTS (SELECT FROM pg_proc WHERE prosecdef AND oid = to_regprocedure('linli_audit_forget(bigint)') "
    "AND NOT coalesce(:path = ANY (proconfig), false)) AS misled "
    "FROM pg_class WHERE oid IN (to_regclass('audit_entries'), to_regclass('audit_subjects'), to_regclass('audit_texts'))"
)


def _missing_postgresql(connection: Connection) -> set[str]:
    there = {row.name: row.type for row in connection.execute(_IN_FORCE) if row.at == _table_of(row.name)}
    missing = {name for name, made in TRIGGERS.items() if there.get(name) != _type_of(made)}
    found = connection.execute(_BODY).one_or_none()
    if found is None or not _is_ours(found.body, found.settings, found.place):
        missing.add(FUNCTION)
    return missing


def _is_ours(body: str, settings: Sequence[str] | None, place: str) -> bool:
    """Whether the function is as migration 0010 makes it, or as `linli audit grants` does: with every name written in full."""
    if settings is None:
        return _plain(body) == _plain(FUNCTION_BODY.format(at=""))
    in_full = FUNCTION_BODY.format(at=quoted(place) + ".")
    return list(settings) == [f"search_path={SAFE_PATH}"] and _plain(body) == _plain(in_full)


def _type_of(made: str) -> int:
    return _EVENTS[made.removeprefix("BEFORE ").partition(" ON ")[0]]


def _table_of(trigger: str) -> str:
    return trigger.rpartition("_")[0]


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _words(name: str) -> Text:
    what = Text("函数", "function") if name == FUNCTION else Text("触发器", "trigger")
    return Text(
        f"拒绝改动审计日志的{what.zh} {name} 不在了，或不是原来的；恢复：linli audit guard --reason 原因",
        f"the {what.en} {name}, which refuses changes of the log, is gone or is not as it was made; to bring it back: "
        "linli audit guard --reason WHY",
    )
