"""Signing in, as decisions: what is still wanted of somebody, for how long they stay signed in. No I/O.

A person proves who they are with a password, or with the word of an OpenID provider; some with a second factor too. Until
all that is wanted has been given, a session is good for giving it and for nothing else.

    password or provider -> CODE        if they have a second factor, and the provider did not say that it saw one
                         -> PASSWORD    if the password was made by somebody else: they choose their own
                         -> ENROLMENT   if their role demands a second factor, and they have none
                         -> COMPLETE
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from linli.clock import DAY, HOUR, MINUTE
from linli.model import Role
from linli.roles import ROLES, Operation

PENDING_FOR = 10 * MINUTE
"""A session that is not complete ends this long after it began."""

FACTOR_FRESH_FOR = 10 * MINUTE
"""Who has shown their second factor in a session may decide about it this long without showing it again."""


class Stage(StrEnum):
    """What a session waits for. The values are in the database and in the API."""

    CODE = auto()
    PASSWORD = auto()
    ENROLMENT = auto()
    COMPLETE = auto()


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts, in microseconds: `whole` from signing in, `idle` from when it was last used."""

    whole: int
    idle: int

    def ended(self, created_at: int, last_seen_at: int, now: int) -> bool:
        """Whether it is over."""
        return now >= created_at + self.whole or now >= last_seen_at + self.idle


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """What an installation has settled. The defaults are those of a trial on one machine."""

    second_factor: bool = False
    """Whether whoever manages accounts must have a second factor."""
    staff: Lifetime = Lifetime(7 * DAY, 24 * HOUR)
    """Everybody's sessions but administrators'. An open page counts as use: a guard room must not sign out by night."""
    administrators: Lifetime = Lifetime(12 * HOUR, HOUR)
    """Sessions of those who manage accounts. An open page does not count as use."""

    def lifetime(self, role: Role) -> Lifetime:
        """How long a session of this role lasts."""
        return self.administrators if is_privileged(role) else self.staff

    def demands_factor(self, role: Role) -> bool:
        """Whether this role must have a second factor."""
        return self.second_factor and is_privileged(role)


def is_privileged(role: Role) -> bool:
    """Whether this role decides who gets in: the accounts most worth stealing."""
    return Operation.MANAGE_ACCOUNTS in ROLES[role].operations


def next_stage(*, has_factor: bool, factor_shown: bool, one_time_password: bool, factor_demanded: bool) -> Stage:
    """What is wanted next of who has shown so much."""
    if has_factor and not factor_shown:
        return Stage.CODE
    if one_time_password:
        return Stage.PASSWORD
    if factor_demanded and not has_factor and not factor_shown:
        return Stage.ENROLMENT
    return Stage.COMPLETE


def roles_by_value(text: str) -> tuple[tuple[str, Role], ...]:
    """'linli-admins=administrator, guards=security' as pairs, in its order; ValueError for what is not."""
    pairs = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        value, equals, role = part.rpartition("=")
        if not equals or not value.strip() or role.strip() not in set(Role):
            known = ", ".join(Role)
            raise ValueError(f"{part!r:.80} is not VALUE=ROLE, with a role of: {known}")
        pairs.append((value.strip(), Role(role.strip())))
    return tuple(pairs)
