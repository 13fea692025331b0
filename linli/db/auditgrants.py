"""PostgreSQL: what takes from Linli's own role the right to change the audit log, for a superuser to run.

Afterwards the log's tables and the database belong to a role that nobody signs in as. Linli's role reads and appends; it deletes
texts, since erasing a person does; and by one function, which belongs to the owner too and whose triggers see to the age, it lets
old entries go. All other tables stay its own, so that a new version of Linli migrates them as ever.
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


def grants(connection: Connection, owner: str = OWNER) -> str:
    """The SQL for this database and the role that is connected."""
    role, database, where = connection.execute(text("SELECT current_user, current_database(), current_schema()")).one()
    names = {"role": _quoted(role), "database": _quoted(database), "schema": _quoted(where), "owner": _quoted(owner)}
    tables = "\n".join(_TABLE.format(table=table, **names) for table in TABLES)
    return _SQL.format(tables=tables, owner_text="'" + owner.replace("'", "''") + "'", **names)


def may_change(connection: Connection) -> bool:
    """Whether the role that is connected could change the log, or do away with what guards it. True for SQLite: who may write
    the file may write all of it."""
    if connection.dialect.name != "postgresql":
        return True
    found = connection.execute(
        text(
            "SELECT bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER') OR pg_has_role(relowner, 'USAGE')) "
            "FROM pg_class WHERE oid = to_regclass('audit_entries')"
        )
    ).scalar()
    return found is not False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
