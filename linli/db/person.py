"""Somebody who may sign in, as every request knows them; and how they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Row, Select, select, union_all

from linli.db import schema
from linli.model import Role
from linli.roles import ROLES, Operation, Reach

_OVER_ALL = frozenset((Operation.MANAGE_ACCOUNTS, Operation.READ_AUDIT, Operation.SEE_PLATFORM))
"""What is about all communities at once: not for a token that is limited to some."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. `communities`: those they reach, directly or by a committee; None for a role that reaches the
    whole district. `registered_as`: of a resident, the id of the person of the registry who they are; None: nobody has said.

    `token`: the id of the API token that they came with; None for a session. `limited_to` and `within`: what that token may do
    at most, and where; None for a session, or a token without such a limit.
    """

    id: str
    name: str
    display_name: str
    role: Role
    communities: frozenset[str] | None
    language: str | None = None
    enabled: bool = True
    limited_to: frozenset[Operation] | None = None
    within: frozenset[str] | None = None
    token: str | None = None
    registered_as: str | None = None

    @property
    def operations(self) -> frozenset[Operation]:
        """What they may do: their role's operations, less what their token leaves out."""
        allowed = ROLES[self.role].operations
        return allowed if self.limited_to is None else allowed & self.limited_to

    def sees(self, community: str) -> bool:
        """Whether the community is within this person's scope."""
        return self.communities is None or community in self.communities

    def limited(self, operations: frozenset[Operation] | None, communities: frozenset[str] | None) -> "Person":
        """As who comes with a token that is limited to these; None for no limit."""
        if operations is None and communities is None:
            return self
        may = self.operations if operations is None else self.operations & operations
        reached = self.communities
        if communities is not None:
            may -= _OVER_ALL
            reached = communities if reached is None else reached & communities
        return replace(self, communities=reached, limited_to=may, within=communities)


def read_persons(connection: Connection, query: Select[tuple[object, ...]]) -> list[Person]:
    """The people that `query`, over the table of users, finds."""
    rows = connection.execute(query).all()
    return with_reach(connection, rows)


def with_reach(connection: Connection, rows: Sequence[Row[tuple[object, ...]]]) -> list[Person]:
    """The people of these rows of users, with the communities that they reach: their own, and their committees'."""
    reached: dict[str, set[str]] = {row.id: set() for row in rows if ROLES[Role(row.role)].reach is Reach.COMMUNITIES}
    if reached:
        own, by, place = schema.memberships, schema.committee_memberships, schema.communities
        ids = sorted(reached)
        links = union_all(
            select(own.c.user_id, own.c.community_id.label("community")).where(own.c.user_id.in_(ids)),
            select(by.c.user_id, place.c.id.label("community"))
            .join(place, place.c.committee_id == by.c.committee_id)
            .where(by.c.user_id.in_(ids)),
        )
        for link in connection.execute(links):
            reached[link.user_id].add(link.community)
    return [_person(row, reached.get(row.id, set())) for row in rows]


def _person(row: Row[tuple[object, ...]], reached: set[str]) -> Person:
    role = Role(row.role)
    scope = None if ROLES[role].reach is Reach.DISTRICT else frozenset(reached)
    return Person(
        row.id, row.name, row.display_name, role, scope, row.language, row.enabled, registered_as=row.person_id
    )
