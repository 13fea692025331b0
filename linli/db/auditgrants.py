"""PostgreSQL: what takes from Linli's own role the right to change the audit log, for a superuser to run.

Afterwards the log's tables and the database belong to a role that nobody signs in as. Linli's role reads and appends; it deletes
texts, since erasing a person does; and by one function, which belongs to the owner too and whose triggers see to the age, it lets
old entries go. All other tables stay its own, so that a new version of Linli migrates them as ever.

What runs as the owner must mean what it says, whoever calls it: a table of the same name in pg_temp, or an operator of the caller's
own in the schema, would be called with the owner's rights. So both functions are made anew here, with every name written in full
and nothing but PostgreSQL's own schema to look in.
"""

from sqlalchemy import Connection, text

from linli.db import schema

OWNER = "linli_owner"
TABLES = tuple(table.name for table in (schema.audit_entries, schema.audit_subjects, schema.audit_texts))

_SQL = """\
-- Takes from the role {role} the right to change the audit log of database {database}. Run it as a superuser:
--     linli audit grants | sudo -u postgres psql -v ON_ERROR_STOP=1 -d {database}
BEGIN;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {owner_text}) THEN CREATE ROLE {owner} NOLOGIN; END IF;
END $$;
ALTER DATABASE {database} OWNER TO {owner};
ALTER SCHEMA {schema} OWNER TO {owner};
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};
{tables}
{functions}
ALTER FUNCTION {schema}.linli_audit_refuse() OWNER TO {owner};
ALTER FUNCTION {schema}.linli_audit_forget(bigint) OWNER TO {owner};
REVOKE ALL ON FUNCTION {schema}.linli_audit_forget(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.linli_audit_forget(bigint) TO {role};
GRANT DELETE ON {schema}.audit_texts TO {role};
COMMIT;
"""

_TABLE = """\
ALTER TABLE {schema}.{table} OWNER TO {owner};
REVOKE ALL ON {schema}.{table} FROM PUBLIC, {role};
GRANT SELECT, INSERT ON {schema}.{table} TO {role};"""

_SAFE_PATH = "pg_catalog, pg_temp"
"""Where the functions look for what is not written in full. pg_temp is named, or it would be looked through first."""

_FUNCTIONS = """\
CREATE OR REPLACE FUNCTION {schema}.linli_audit_refuse() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {path} AS $body$
DECLARE young bigint = (extract(epoch FROM now()) - 16416000) * 1000000;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_entries' THEN
        IF OLD.at <= young THEN RETURN OLD; END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM {schema}.audit_entries e WHERE e.seq = OLD.seq AND e.at > young) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $body$;
CREATE OR REPLACE FUNCTION {schema}.linli_audit_forget(upto bigint) RETURNS bigint LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = {path} AS $body$
DECLARE gone bigint;
BEGIN
    DELETE FROM {schema}.audit_texts WHERE seq <= upto;
    DELETE FROM {schema}.audit_subjects WHERE seq <= upto;
    DELETE FROM {schema}.audit_entries WHERE seq <= upto;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $body$;"""
"""As migration 0010 makes them, but for where they look."""


def grants(connection: Connection, owner: str = OWNER) -> str:
    """The SQL for this database and the role that is connected."""
    role, database, where = connection.execute(text("SELECT current_user, current_database(), current_schema()")).one()
    names = {"role": _quoted(role), "database": _quoted(database), "schema": _quoted(where), "owner": _quoted(owner)}
    tables = "\n".join(_TABLE.format(table=table, **names) for table in TABLES)
    functions = _FUNCTIONS.format(path=_SAFE_PATH, **names)
    text_of_owner = "'" + owner.replace("'", "''") + "'"
    return _SQL.format(tables=tables, functions=functions, owner_text=text_of_owner, **names)


def may_change(connection: Connection) -> bool:
    """Whether the role that is connected could change the log, or do away with what guards it; also by a function that runs as the
    owner and looks where the role may put something. True for SQLite: who may write the file may write all of it."""
    if connection.dialect.name != "postgresql":
        return True
    found = connection.execute(
        text(
            "SELECT bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER') OR pg_has_role(relowner, 'USAGE')) "
            "OR EXISTS (SELECT FROM pg_proc WHERE prosecdef AND oid = to_regprocedure('linli_audit_forget(bigint)') "
            "AND NOT coalesce(:path = ANY (proconfig), false)) "
            "FROM pg_class WHERE oid = to_regclass('audit_entries')"
        ),
        {"path": f"search_path={_SAFE_PATH}"},
    ).scalar()
    return found is not False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
