"""Who looked at somebody's data, as that person may know it: by role and organisation, never by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, not_, select

from linli.auditwords import PERSON_READ
from linli.db import schema
from linli.i18n import Text
from linli.model import Role
from linli.roles import ROLES, Reach

_OPERATOR = Text("平台维护人员", "Who runs this installation")
_ITSELF = Text("邻里平台", "Linli itself")
_THEMSELVES = Text("您本人", "You")
_HOUSEMATE = Text("与您同住的人", "Somebody who lives with you")


@dataclass(frozen=True, slots=True)
class Looked:
    """An entry of the audit log that is about a person. `verb` and `purpose` are words of `linli.auditwords`; `role` is that of who
    did it as it is now, None for who is no account; `who`: the same in words; `own`: it was the person themselves."""

    seq: int
    at: int
    verb: str
    purpose: str
    who: Text
    role: Role | None = None
    organisation: Text | None = None
    own: bool = False


def looks_at(
    connection: Connection, persons: Collection[str], account: str, limit: int, before: int | None = None
) -> list[Looked]:
    """What was done with the data of one person, by every id they were known under; below number `before`, the newest first.

    `account` is theirs: that they have looked themselves is left out, for it would soon be all there is.
    """
    table, about = schema.audit_entries, schema.audit_subjects
    theirs = select(about.c.seq).where(about.c.kind == "person", about.c.item_id.in_(sorted(persons)))
    query = select(table.c.seq, table.c.at, table.c.verb, table.c.purpose, table.c.actor).where(
        table.c.seq.in_(theirs), not_(and_(table.c.verb == PERSON_READ, table.c.actor == account))
    )
    if before is not None:
        query = query.where(table.c.seq < before)
    rows = connection.execute(query.order_by(table.c.seq.desc()).limit(limit)).all()
    actors = {row.actor for row in rows}
    roles, organisations = _roles(connection, actors), _organisations(connection, actors)
    return [_looked(row, account, roles.get(row.actor), organisations.get(row.actor)) for row in rows]


def _looked(row: Any, account: str, role: Role | None, organisation: Text | None) -> Looked:
    own = row.actor == account
    who = _THEMSELVES if own else _who(row.actor, role)
    return Looked(row.seq, row.at, row.verb, row.purpose, who, role, organisation, own)


def _who(actor: str, role: Role | None) -> Text:
    if role is not None:
        return _HOUSEMATE if ROLES[role].reach is Reach.OWN else ROLES[role].name
    return _OPERATOR if actor.startswith("cli:") else _ITSELF


def _roles(connection: Connection, actors: Collection[str]) -> Mapping[str, Role]:
    table = schema.users
    found = select(table.c.id, table.c.role).where(table.c.id.in_(sorted(actors)))
    return {row.id: Role(row.role) for row in connection.execute(found)}


def _organisations(connection: Connection, actors: Collection[str]) -> Mapping[str, Text]:
    """For whom each of these accounts works, as far as its person is registered as staff."""
    staff, of = schema.staff, schema.organisations
    query = (
        select(staff.c.account_id, of.c.name_zh, of.c.name_en)
        .join(of, of.c.id == staff.c.organisation_id)
        .where(staff.c.account_id.in_(sorted(actors)), staff.c.removed_at.is_(None))
        .order_by(staff.c.id.desc())
    )
    return {row.account_id: Text(row.name_zh, row.name_en) for row in connection.execute(query)}
