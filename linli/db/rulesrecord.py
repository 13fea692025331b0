"""What rules were in force when: an entry of the audit log each time that their files are others than those of the entry before."""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, select

from linli.audit import MAX_IDS, Act, Fact, Who, canonical
from linli.auditwords import RULES_LOADED
from linli.db import schema
from linli.db.audit import append, read_entry
from linli.db.database import Database
from linli.db.turns import take_turn


def record_rules(database: Database, who: Who, files: Mapping[str, str], now: int) -> bool:
    """Write down that the rules of these files (name to SHA-256, hexadecimal) are in force since `now`; False if that is known.

    The entry is about the files that have changed, and has of each the hash before and after (null: it was not there), the hash
    over all before and after, and those of all, so that the next one can be compared with it.
    """
    with database.write() as connection:
        take_turn(connection, schema.audit_entries)
        before = _last(connection)
        if before == files:
            return False
        known = before or {}
        changed = sorted(name for name in known.keys() | files.keys() if known.get(name) != files.get(name))
        facts: dict[str, Fact] = {
            "before": None if before is None else digest_of(before),
            "after": digest_of(files),
            "changed": {name: [known.get(name), files.get(name)] for name in changed},
            "files": dict(files),
        }
        append(connection, Act(RULES_LOADED, who, "rulefile", tuple(changed[:MAX_IDS]), facts=facts), now)
        return True


def digest_of(files: Mapping[str, str]) -> str:
    """The SHA-256 over the names and hashes of files, in canonical JSON."""
    return hashlib.sha256(canonical(dict(files))).hexdigest()


def _last(connection: Connection) -> Mapping[str, str] | None:
    """The files of the newest such entry; None if there is none."""
    table = schema.audit_entries
    newest = select(table).where(table.c.verb == RULES_LOADED).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else {str(name): str(digest) for name, digest in read_entry(row).facts["files"].items()}
