"""PostgreSQL: what takes from Linli's own role the right to change the audit log, for a superuser to run.

Afterwards the log's tables and the database belong to a role that nobody signs in as. Linli's role reads and appends; it deletes
texts, since erasing a person does; and by one function, which belongs to the owner too and whose triggers see to the age, it lets
old entries go. All other tables stay its own, so that a new version of Linli migrates them as ever.

What runs as the owner must mean what it says, whoever calls it: a table of the same name in pg_temp, or an operator of the caller's
own in the schema, would be called with the owner's rights. So both functions, and the triggers, are made anew here, with every name written in full
and nothing but PostgreSQL's own schema to look in.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from linli.db import schema

OWNER = "linli_owner"
TABLES = tuple(table.name for table in (schema.audit_entries, schema.audit_subjects, schema.audit_texts))

_BY_ROW = "FOR EACH ROW EXECUTE FUNCTION {at}linli_audit_refuse()"
TRIGGERS: Mapping[str, str] = {
    "audit_entries_change": f"BEFORE UPDATE OR DELETE ON {{at}}audit_entries {_BY_ROW}",
    "audit_subjects_change": f"BEFORE UPDATE OR DELETE ON {{at}}audit_subjects {_BY_ROW}",
    "audit_texts_change": f"BEFORE UPDATE ON {{at}}audit_texts {_BY_ROW}",
    **{
        f"{table}_truncate": f"BEFORE TRUNCATE ON {{at}}{table} FOR EACH STATEMENT EXECUTE FUNCTION {{at}}linli_audit_refuse()"
        for table in TABLES
    },
}
"""What calls `linli_audit_refuse`, as migration 0010 makes it, by name; `at`: where the table is, with a dot, or nothing."""

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
REVOKE {owner} FROM {role};
{tables}
{functions}
{triggers}
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

SAFE_PATH = "pg_catalog, pg_temp"
"""Where the functions look for what is not written in full. pg_temp is named, or it would be looked through first."""

FUNCTION_BODY = """\
DECLARE young bigint = (extract(epoch FROM now()) - 16416000) * 1000000;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'audit_entries' THEN
        IF OLD.at <= young THEN RETURN OLD; END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM {at}audit_entries e WHERE e.seq = OLD.seq AND e.at > young) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END """
"""What the triggers do, as migration 0010 makes it; `at`: where the table is, with a dot, or nothing."""

_FUNCTIONS = """\
CREATE OR REPLACE FUNCTION {schema}.linli_audit_refuse() RETURNS trigger LANGUAGE plpgsql
    SET search_path = {path} AS $body$
{refuse}$body$;
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
    names = {"role": quoted(role), "database": quoted(database), "schema": quoted(where), "owner": quoted(owner)}
    tables = "\n".join(_TABLE.format(table=table, **names) for table in TABLES)
    refuse = FUNCTION_BODY.format(at=names["schema"] + ".")
    functions = _FUNCTIONS.format(path=SAFE_PATH, refuse=refuse, **names)
    triggers = "\n".join(
        f"DROP TRIGGER IF EXISTS {name} ON {names['schema']}.{name.rpartition('_')[0]};\n"
        f"CREATE TRIGGER {name} {made.format(at=names['schema'] + '.')};"
        for name, made in TRIGGERS.items()
    )
    text_of_owner = "'" + owner.replace("'", "''") + "'"
    return _SQL.format(tables=tables, functions=functions, triggers=triggers, owner_text=text_of_owner, **names)


def quoted(name: str) -> str:
    """A name as SQL has it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'
