"""What happens to accounts and at the door, told in one place: `record` is where all of it passes.

People are named by their id alone, so that erasing one leaves the record whole; what somebody typed that is no account's name
is not kept, for it may be a password.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

from sqlalchemy import Connection

from linli.audit import Act, Fact, Outcome
from linli.auditwho import who_of
from linli.db.audit import append

LINLI = "linli"
"""Who does what nobody asked for."""

_log = logging.getLogger(__name__)


class Happening(StrEnum):
    """What can happen. The values (the names in small letters) are kept, so they never change."""

    SIGNED_IN = auto()
    SIGN_IN_REFUSED = auto()
    SIGN_IN_LOCKED_OUT = auto()
    SECOND_FACTOR_REFUSED = auto()
    RECOVERY_CODE_USED = auto()
    SIGNED_OUT = auto()
    SESSION_ENDED = auto()
    PASSWORD_CHANGED = auto()
    PASSWORD_REFUSED = auto()
    PASSWORD_RESET = auto()
    SECOND_FACTOR_ENROLLED = auto()
    SECOND_FACTOR_OFF = auto()
    SECOND_FACTOR_RESET = auto()
    RECOVERY_CODES_MADE = auto()
    SECRETS_SEALED_ANEW = auto()
    ACCOUNT_ADDED = auto()
    ACCOUNT_CHANGED = auto()
    IDENTITY_LINKED = auto()
    IDENTITY_UNLINKED = auto()
    IDENTITY_REFUSED = auto()
    TOKEN_MADE = auto()
    TOKEN_REVOKED = auto()


UNWELCOME = frozenset(
    (
        Happening.SIGN_IN_REFUSED,
        Happening.SIGN_IN_LOCKED_OUT,
        Happening.SECOND_FACTOR_REFUSED,
        Happening.PASSWORD_REFUSED,
        Happening.IDENTITY_REFUSED,
    )
)
"""What an administrator may want to look at."""


_VERBS: Mapping[Happening, str] = {
    Happening.SIGNED_IN: "session.started",
    Happening.SIGN_IN_REFUSED: "session.refused",
    Happening.SIGN_IN_LOCKED_OUT: "session.locked_out",
    Happening.SECOND_FACTOR_REFUSED: "session.second_factor.refused",
    Happening.RECOVERY_CODE_USED: "account.recovery.used",
    Happening.SIGNED_OUT: "session.ended",
    Happening.SESSION_ENDED: "session.ended",
    Happening.PASSWORD_CHANGED: "account.password.changed",
    Happening.PASSWORD_REFUSED: "account.password.refused",
    Happening.PASSWORD_RESET: "account.password.reset",
    Happening.SECOND_FACTOR_ENROLLED: "account.second_factor.added",
    Happening.SECOND_FACTOR_OFF: "account.second_factor.removed",
    Happening.SECOND_FACTOR_RESET: "account.second_factor.reset",
    Happening.RECOVERY_CODES_MADE: "account.recovery.renewed",
    Happening.SECRETS_SEALED_ANEW: "secret.rotated",
    Happening.ACCOUNT_ADDED: "account.added",
    Happening.ACCOUNT_CHANGED: "account.changed",
    Happening.IDENTITY_LINKED: "account.identity.linked",
    Happening.IDENTITY_UNLINKED: "account.identity.unlinked",
    Happening.IDENTITY_REFUSED: "session.identity.refused",
    Happening.TOKEN_MADE: "token.added",
    Happening.TOKEN_REVOKED: "token.revoked",
}
"""What the audit log calls each."""


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """One happening. `actor` did it and `subject` it was done to, both ids of people (`cli:root` for who was at the machine;
    None where nobody is known). `detail`: names and words of ours, never a secret."""

    what: Happening
    at: int
    actor: str | None
    subject: str | None
    address: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


def record(connection: Connection, event: SignInEvent) -> None:
    """Keep the event, in the transaction of what happened: an entry of the audit log, and a line of this process's."""
    level = logging.WARNING if event.what in UNWELCOME else logging.INFO
    shown = "".join(f" {name}={value!r}" for name, value in sorted(event.detail.items()))
    _log.log(level, "%s subject=%s actor=%s from=%r%s", event.what, event.subject, event.actor, event.address, shown)
    append(connection, _act(event), event.at)


def _act(event: SignInEvent) -> Act:
    verb, facts = _VERBS[event.what], dict[str, Fact](event.detail)
    if event.what is Happening.SECRETS_SEALED_ANEW:  # of nobody's account
        return Act(verb, who_of(event.actor, event.address), "secret", ("seals",), facts=facts)
    if event.what is Happening.ACCOUNT_CHANGED and facts.keys() == {"enabled"}:
        verb = "account.enabled" if facts.pop("enabled") == "yes" else "account.disabled"
    elif event.what is Happening.ACCOUNT_CHANGED and facts.keys() == {"role"}:
        verb = "account.role.changed"
    elif event.what is Happening.ACCOUNT_CHANGED and facts and facts.keys() <= {"communities", "committees"}:
        verb = "account.communities.changed"
    ids = tuple(one for one in (event.subject, event.detail.get("token")) if one is not None)
    outcome = Outcome.REFUSED if event.what in UNWELCOME else Outcome.DONE
    return Act(verb, who_of(event.actor, event.address), "account", ids, facts=facts, outcome=outcome)
