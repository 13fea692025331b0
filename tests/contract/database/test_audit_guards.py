"""What refuses changes of the audit log: that it is gone, or says less, shows before anything was changed."""

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError

from linli.db import schema
from linli.db.auditcheck import check_log, glance
from linli.db.auditguards import Rights, guard_again
from linli.db.database import Database
from tests.contract.database.test_audit import GUARD, NOW, open_the_door, write


def test_a_guard_that_is_gone_shows_and_is_brought_back(database: Database) -> None:
    """Before anything was changed: by name, in what verifies all of it and in the glance; bringing it back is on record."""
    write(database, 2)
    report = check_log(database, None)
    assert report.whole
    assert report.rights in (Rights.FILE, Rights.OWN)
    open_the_door(database)
    report = check_log(database, None)
    assert report.unchanged
    assert not report.whole
    names = [found.text.en.split()[2].rstrip(",") for found in report.unguarded]
    assert {"audit_entries_change", "audit_subjects_change", "audit_texts_change"} < set(names)
    assert glance(database, None) == report.unguarded
    entry = guard_again(database, GUARD, "found by verify", NOW)
    assert entry is not None
    assert (entry.verb, entry.facts["guards"]) == ("audit.guarded", names)
    assert check_log(database, None).whole
    assert guard_again(database, GUARD, "found by verify", NOW) is None
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(update(schema.audit_entries).values(actor="p2"))
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(delete(schema.audit_subjects))


def test_a_guard_that_says_less_shows(database: Database) -> None:
    """A trigger of the same name that refuses nothing is none."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            body = "LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
            connection.execute(text(f"CREATE OR REPLACE FUNCTION linli_audit_refuse() RETURNS trigger {body}"))
        else:
            connection.execute(text("DROP TRIGGER audit_entries_change"))
            never = "WHEN 0 BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            connection.execute(text(f"CREATE TRIGGER audit_entries_change BEFORE UPDATE ON audit_entries {never}"))
    assert len(check_log(database, None).unguarded) == 1
    assert guard_again(database, GUARD, "found by verify", NOW) is not None
    assert check_log(database, None).whole
