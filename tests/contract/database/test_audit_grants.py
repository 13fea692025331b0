"""PostgreSQL: Linli's own role, once the right to change the audit log is taken from it."""

from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from linli.audit import Act, Who
from linli.clock import DAY
from linli.db.audit import append, erase_texts, head_of
from linli.db.auditcheck import check_log
from linli.db.auditgrants import grants
from linli.db.auditguards import Rights, guard_again, missing_guards, rights
from linli.db.database import open_database
from linli.db.retaining import DatabaseKeeper
from tests.postgres import PostgresServer

NOW = 1_790_000_000_000_000
OLD = 1_600_000_000_000_000
GUARD = Who("p1", "10.0.0.9", "s-1")
API = Who("system:api")

DENIED = [
    "UPDATE audit_entries SET actor = 'p2'",
    "DELETE FROM audit_entries",
    "TRUNCATE audit_entries",
    "UPDATE audit_subjects SET item_id = 'x'",
    "DELETE FROM audit_subjects",
    "TRUNCATE audit_subjects",
    "UPDATE audit_texts SET text = 'x'",
    "TRUNCATE audit_texts",
    "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_entries_change ON audit_entries",
    "DROP TABLE audit_entries",
    "ALTER TABLE audit_entries RENAME TO elsewhere",
    "CREATE OR REPLACE FUNCTION linli_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "DROP SCHEMA public CASCADE",
    "SET ROLE linli_owner",
]

IN_ANOTHERS_NAME = [
    # A table that is found before the log's own, with a trigger that would run as the owner.
    [
        "CREATE TEMP TABLE audit_texts (seq bigint)",
        "INSERT INTO pg_temp.audit_texts VALUES (0)",
        (
            "CREATE FUNCTION public.taken() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN ALTER TABLE public.audit_entries DISABLE TRIGGER USER; DELETE FROM public.audit_entries; RETURN OLD; END $$"
        ),
        "CREATE TRIGGER t BEFORE DELETE ON pg_temp.audit_texts FOR EACH ROW EXECUTE FUNCTION public.taken()",
        "GRANT ALL ON pg_temp.audit_texts TO PUBLIC",
    ],
    # An operator that fits better than PostgreSQL's own, within the trigger that looks at the age.
    [
        "CREATE FUNCTION public.taken(numeric, integer) RETURNS numeric LANGUAGE plpgsql AS 'BEGIN RETURN 9e11; END'",
        "CREATE OPERATOR public.- (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = public.taken)",
    ],
]


@pytest.mark.integration
def test_linlis_own_role_has_no_right_to_change_the_log(postgres: PostgresServer) -> None:
    """After `linli audit grants`: permission denied, by the server; and Linli goes on, with retention and the next migration."""
    with postgres.database() as url:
        database = open_database(url)
        with database.read() as connection:
            assert rights(connection) is Rights.OWN
            statements = grants(connection)
        postgres.run_as_superuser(url, statements)
        postgres.run_as_superuser(url, statements)  # again changes nothing
        for at in (OLD, NOW):
            with database.write() as connection:
                append(connection, Act("arming.changed", GUARD, "place", ("p-1",), reason="x"), at)
        for statement in DENIED:
            with (
                pytest.raises(DBAPIError, match=r"permission denied|must be owner|must be member"),
                database.write() as connection,
            ):
                connection.execute(text(statement))
        with database.read() as connection:
            assert rights(connection) is Rights.NONE
            head = head_of(connection)
        assert DatabaseKeeper(database, API).shorten(OLD + DAY, head, NOW) == 1
        with database.write() as connection:
            assert erase_texts(connection, API, [], NOW, accounts=["p1"]) == 2
            connection.execute(text("CREATE TABLE of_a_later_version (x INTEGER)"))
        report = check_log(database, None)
        assert (report.faults, report.unguarded) == ([], [])
        with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
            connection.execute(text("SELECT linli_audit_forget(99)"))
        database.close()


@pytest.mark.integration
@pytest.mark.parametrize("prepared", IN_ANOTHERS_NAME, ids=["table", "operator"])
def test_nothing_of_the_role_runs_as_the_owner(postgres: PostgresServer, prepared: list[str]) -> None:
    """The function by which old entries go takes its names and operators from nobody else; one that might is told."""
    with postgres.database() as url:
        database = open_database(url)
        with database.read() as connection:
            statements = grants(connection)
        postgres.run_as_superuser(url, statements)
        with database.write() as connection:
            entry = append(connection, Act("arming.changed", GUARD, "place", ("p-1",)), NOW)
        with suppress(DBAPIError), database.write() as connection:
            for statement in prepared:
                connection.execute(text(statement))
            connection.execute(text(f"SELECT linli_audit_forget({entry.seq})"))
        assert check_log(database, None).faults == []
        with database.read() as connection:
            assert head_of(connection).seq == entry.seq
            assert rights(connection) is Rights.NONE
        postgres.run_as_superuser(url, "ALTER FUNCTION linli_audit_forget(bigint) SET search_path = public")
        with database.read() as connection:
            assert rights(connection) is Rights.OLD
        assert check_log(database, None).whole
        database.close()


TAKEN_AWAY = {
    "a right that was given back": "GRANT UPDATE ON audit_subjects TO linli",
    "a right to a column": "GRANT UPDATE (at) ON audit_entries TO linli",
    "the owner's rights": "GRANT linli_owner TO linli",
    "a table that was given back": "ALTER TABLE audit_texts OWNER TO linli",
    "a trigger that lies elsewhere": (
        "DROP TRIGGER audit_entries_change ON audit_entries; CREATE TRIGGER audit_entries_change "
        "BEFORE UPDATE OR DELETE ON audit_subjects FOR EACH ROW EXECUTE FUNCTION linli_audit_refuse()"
    ),
    "a function that looks elsewhere": "ALTER FUNCTION linli_audit_refuse() SET search_path = pg_temp",
    "a trigger that is gone": "DROP TRIGGER audit_texts_change ON audit_texts",
    "a trigger that is switched off": "ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_truncate",
    "a trigger that says less": (
        "CREATE OR REPLACE TRIGGER audit_entries_change BEFORE DELETE ON audit_entries "
        "FOR EACH ROW EXECUTE FUNCTION linli_audit_refuse()"
    ),
    "a function that refuses nothing": (
        "CREATE OR REPLACE FUNCTION linli_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
    ),
}


@pytest.mark.integration
@pytest.mark.parametrize("statement", TAKEN_AWAY.values(), ids=TAKEN_AWAY.keys())
def test_a_guard_that_is_gone_shows_before_anything_was_changed(postgres: PostgresServer, statement: str) -> None:
    """And applying the grants again brings it back."""
    with postgres.database() as url:
        database = open_database(url)
        with database.read() as connection:
            statements = grants(connection)
        postgres.run_as_superuser(url, statements)
        assert check_log(database, None).whole
        postgres.run_as_superuser(url, statement)
        report = check_log(database, None)
        assert (report.whole, report.unchanged, len(report.unguarded)) == (False, True, 1)
        if report.rights is Rights.NONE:
            with pytest.raises(DBAPIError):
                guard_again(database, API, "by whom it is not", NOW)
        postgres.run_as_superuser(url, statements)
        with database.read() as connection:
            assert missing_guards(connection) == []
            assert rights(connection) is Rights.NONE
        assert check_log(database, None).whole
        database.close()
