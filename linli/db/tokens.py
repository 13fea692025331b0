"""API tokens: what scripts and other systems use. Each has an owner, may be limited to some of what its owner may do and to
some communities, and ends.
"""

import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from linli.auditwho import recognised
from linli.clock import DAY, MINUTE, Clock
from linli.db import schema
from linli.db.accounts import check_display_name, check_registered, refused
from linli.db.database import Database
from linli.db.person import Person, with_reach
from linli.db.proofs import digest, new_token
from linli.db.signin_events import LINLI, Happening, SignInEvent, record
from linli.errors import NotFound
from linli.i18n import Text
from linli.roles import ROLES, Operation

DEFAULT_DAYS = 90
MOST_DAYS = 366
PREFIX = "linli_"
"""How every token begins, so that one that got into a repository or a log can be found."""

NAMED_ALONE = frozenset((Operation.MANAGE_ACCOUNTS, Operation.ENROL))
"""What a token may do only if somebody asked for it by name: to see every account, and to let a gateway in."""

_USED_EVERY = 5 * MINUTE
"""That a token is used is written down this often at most."""

_OPERATIONS = frozenset(Operation)
_WITH_OWNER: Select[Any] = select(
    *(column.label(f"token_{column.name}") for column in schema.api_tokens.c), schema.users
).join(schema.users, schema.users.c.id == schema.api_tokens.c.user_id)
"""Tokens with the account of each, in one statement: every request asks."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it can be listed: what is secret about it is not kept. `operations`, `communities`: what it is limited to;
    None where it is not. `expires_at` is None for one made before tokens had to end."""

    id: str
    user_id: str
    user_name: str
    name: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    operations: frozenset[Operation] | None
    communities: frozenset[str] | None

    def works(self, now: int) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens:
    """The tokens in a database. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def make(
        self,
        owner: Person,
        name: str,
        days: int = DEFAULT_DAYS,
        *,
        operations: Collection[Operation] | None = None,
        communities: Collection[str] | None = None,
        by: str = LINLI,
    ) -> tuple[str, str]:
        """A token with the rights of `owner`, or some of them: its id, and the secret, which is shown only now.

        Without `operations` it may do all that its owner may but NAMED_ALONE. Refused for a
        time, operation or community that its owner does not have.
        """
        shown, now = check_display_name(name), self._clock.now()
        if not 1 <= days <= MOST_DAYS:
            zh, en = f"令牌有效期须为 1 到 {MOST_DAYS} 天", f"a token is valid for 1 to {MOST_DAYS} days"
            raise refused("bad_days", Text(zh, en))
        allowed = ROLES[owner.role].operations
        wanted = allowed - NAMED_ALONE if operations is None else frozenset(operations)
        _check_within(wanted, allowed)
        number, secret = "t" + secrets.token_hex(5), PREFIX + new_token()
        within = None if communities is None else sorted(set(communities))
        with self._database.write() as connection:
            if within is not None:
                check_registered(connection, schema.communities, within)
                if not all(owner.sees(one) for one in within):
                    raise refused("bad_communities", Text("令牌的所有者不属于该小区", "its owner does not see these"))
            connection.execute(
                insert(schema.api_tokens).values(
                    id=number,
                    user_id=owner.id,
                    name=shown,
                    token_hash=digest(secret),
                    created_at=now,
                    expires_at=now + days * DAY,
                    operations=sorted(operation.value for operation in wanted),
                    communities=within,
                )
            )
            told = {"token": number, "operations": ",".join(sorted(wanted)), "communities": ",".join(within or ())}
            record(connection, SignInEvent(Happening.TOKEN_MADE, now, by, owner.id, detail=told))
        return number, secret

    def owner(self, secret: str) -> Person | None:
        """Whose token it is, limited as it is; None if it is not one, was revoked, has expired, or the account is disabled."""
        now, table, users = self._clock.now(), schema.api_tokens, schema.users
        query = _WITH_OWNER.where(table.c.token_hash == digest(secret), users.c.enabled.is_(True))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or not (token := _token(row)).works(now):
                return None
            person = with_reach(connection, [row])[0]
        self._mark_used(token, now)
        recognised(person.id, token.id)
        return replace(person.limited(token.operations, token.communities), token=token.id)

    def all(self, user: str | None = None) -> list[ApiToken]:
        """Every token, or those of one person, the oldest first; those revoked or expired too."""
        table = schema.api_tokens
        query = _WITH_OWNER if user is None else _WITH_OWNER.where(table.c.user_id == user)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(table.c.created_at, table.c.id)).all()
        return [_token(row) for row in rows]

    def get(self, token_id: str) -> ApiToken:
        """The token of that id, or NotFound."""
        found = [token for token in self.all() if token.id == token_id]
        if not found:
            raise _no_token(token_id)
        return found[0]

    def revoke(self, token_id: str, *, by: str = LINLI) -> None:
        """Refuse the token from now on; NotFound if there is none of that id. Revoking twice is allowed."""
        table, now = schema.api_tokens, self._clock.now()
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == token_id)).one_or_none()
            if row is None:
                raise _no_token(token_id)
            if row.revoked_at is None:
                connection.execute(update(table).where(table.c.id == token_id).values(revoked_at=now))
                event = SignInEvent(Happening.TOKEN_REVOKED, now, by, row.user_id, detail={"token": token_id})
                record(connection, event)

    def _mark_used(self, token: ApiToken, now: int) -> None:
        if token.last_used_at is not None and now - token.last_used_at < _USED_EVERY:
            return
        table = schema.api_tokens
        try:
            with self._database.write() as connection:
                connection.execute(update(table).where(table.c.id == token.id).values(last_used_at=now))
        except SQLAlchemyError as error:  # as for sessions: reading goes on with a full disk
            _log.warning("cannot write down that a token is used: %s", error)


def revoke_all(connection: Connection, user: str, now: int, by: str) -> None:
    """Refuse every token of the person from now on, in the transaction of what takes them away."""
    table = schema.api_tokens
    working = select(table.c.id).where(table.c.user_id == user, table.c.revoked_at.is_(None)).order_by(table.c.id)
    for token in connection.execute(working).scalars().all():
        connection.execute(update(table).where(table.c.id == token).values(revoked_at=now))
        record(connection, SignInEvent(Happening.TOKEN_REVOKED, now, by, user, detail={"token": token}))


def _token(row: Row[tuple[object, ...]]) -> ApiToken:
    """An operation that this version does not know is one that nobody has."""
    operations, communities = row.token_operations, row.token_communities
    return ApiToken(
        row.token_id,
        row.id,
        row.name,
        row.token_name,
        row.token_created_at,
        row.token_expires_at,
        row.token_revoked_at,
        row.token_last_used_at,
        None if operations is None else frozenset(Operation(one) for one in operations if one in _OPERATIONS),
        None if communities is None else frozenset(communities),
    )


def _check_within(wanted: frozenset[Operation], allowed: frozenset[Operation]) -> None:
    beyond = ", ".join(sorted(wanted - allowed))
    if beyond or not wanted:
        raise refused(
            "bad_operations",
            Text(f"令牌的所有者不能进行：{beyond or '-'}", f"the owner of the token may not do: {beyond or '-'}"),
        )


def _no_token(token_id: str) -> NotFound:
    return NotFound(Text(f"没有编号为 {token_id:.64} 的令牌", f"there is no token {token_id:.64}"))
