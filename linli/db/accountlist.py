"""Accounts as an administrator sees them: found by words, with all that belongs to each."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, or_, select

from linli.db import schema
from linli.db.person import Person, with_reach
from linli.model import Role
from linli.roles import ROLES

MOST_WORDS = 8
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Account:
    """What an administrator sees of an account. `communities` and `committees`: those it belongs to directly.

    `one_time_until`: its password was made by somebody else and was not changed yet. `issuer`: of its OpenID provider.
    """

    person: Person
    communities: frozenset[str]
    committees: frozenset[str]
    created_at: int
    second_factor: bool
    recovery_codes: int
    one_time_until: int | None
    issuer: str | None
    subject: str | None
    last_seen_at: int | None

    @property
    def edition(self) -> str:
        """Another one whenever something was changed that an administrator changes: not by signing in."""
        one = self.person
        what = (one.display_name, one.role.value, one.enabled, sorted(self.communities), sorted(self.committees))
        return hashlib.sha256(repr((what, one.registered_as)).encode()).hexdigest()[:16]


def described(
    connection: Connection,
    ids: Collection[str] | None = None,
    role: Role | None = None,
    sought: str = "",
    after: str | None = None,
    limit: int | None = None,
) -> list[Account]:
    """As `Accounts.described`."""
    table = schema.users
    query = select(table).order_by(table.c.name).limit(limit)
    if ids is not None:
        query = query.where(table.c.id.in_(sorted(ids)))
    if role is not None:
        query = query.where(table.c.role == role.value)
    if after is not None:
        query = query.where(table.c.name > after)
    query = query.where(*(_applies(word) for word in sought.casefold().split()[:MOST_WORDS]))
    return _described(connection, connection.execute(query).all())


def _applies(word: str) -> ColumnElement[bool]:
    """Whether the word (in small letters) says something of an account."""
    table, own, by = schema.users, schema.memberships, schema.committee_memberships

    def named(things: Table) -> ColumnElement[bool]:
        return or_(*(func.lower(things.c[name]).contains(word, autoescape=True) for name in ("name_zh", "name_en")))

    places = select(schema.communities.c.id).where(named(schema.communities))
    committees = select(schema.committees.c.id).where(named(schema.committees))
    roles = [role.value for role in Role if any(word in name.casefold() for name in _names_of(role))]
    return or_(
        table.c.name.contains(word, autoescape=True),
        func.lower(table.c.display_name).contains(word, autoescape=True),
        table.c.role.in_(roles),
        table.c.id.in_(select(own.c.user_id).where(own.c.community_id.in_(places))),
        table.c.id.in_(select(by.c.user_id).where(by.c.committee_id.in_(committees))),
    )


def _names_of(role: Role) -> tuple[str, str, str]:
    name = ROLES[role].name
    return role.value, name.zh, name.en


def _described(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Account]:
    return [
        account
        for start in range(0, len(rows), _AT_ONCE)
        for account in _part(connection, rows[start : start + _AT_ONCE])
    ]


def _part(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Account]:
    ids = [row.id for row in rows]
    factors, codes, idents, sessions = schema.second_factors, schema.recovery_codes, schema.identities, schema.sessions
    having = select(factors.c.user_id).where(factors.c.secret.is_not(None), factors.c.user_id.in_(ids))
    with_factor = set(connection.execute(having).scalars())
    left = _numbers(connection, select(codes.c.user_id, func.count()).where(codes.c.used_at.is_(None)), codes, ids)
    seen = _numbers(connection, select(sessions.c.user_id, func.max(sessions.c.last_seen_at)), sessions, ids)
    linked = {row.user_id: row for row in connection.execute(select(idents).where(idents.c.user_id.in_(ids)))}
    own = _grouped(connection, schema.memberships, ids)
    by = _grouped(connection, schema.committee_memberships, ids)
    return [
        Account(
            person=person,
            communities=frozenset(own.get(person.id, ())),
            committees=frozenset(by.get(person.id, ())),
            created_at=row.created_at,
            second_factor=person.id in with_factor,
            recovery_codes=left.get(person.id, 0),
            one_time_until=row.one_time_until,
            issuer=linked[person.id].issuer if person.id in linked else None,
            subject=linked[person.id].subject if person.id in linked else None,
            last_seen_at=seen.get(person.id),
        )
        for row, person in zip(rows, with_reach(connection, rows), strict=True)
    ]


def _numbers(connection: Connection, query: Select[Any], table: Table, ids: Sequence[str]) -> dict[str, int]:
    """What `query` finds for each of these people."""
    wanted = query.where(table.c.user_id.in_(ids)).group_by(table.c.user_id)
    return {row[0]: row[1] for row in connection.execute(wanted)}


def _grouped(connection: Connection, table: Table, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(table).where(table.c.user_id.in_(ids))):
        found.setdefault(row[0], []).append(row[1])
    return found
