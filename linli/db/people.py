"""People in the database: who they are, which communities they belong to, and how a request proves to be from them.

Passwords are kept as argon2id hashes; of session cookies and API tokens only the SHA-256 is kept (they are 256 random
bits, which no dictionary finds).
"""

import functools
import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from linli.clock import DAY, Clock
from linli.db import schema
from linli.db.database import Database
from linli.db.throttle import Throttle
from linli.db.turns import take_turn
from linli.errors import Conflict, NotFound, NotSignedIn, Refused, TooMany
from linli.i18n import Language, Text
from linli.model import Role
from linli.roles import ROLES, Operation, Reach

SESSION_FOR = 7 * DAY
"""A session ends this long after signing in: a console in a guard room should not sign out in the middle of a night."""

MIN_PASSWORD = 10
MAX_PASSWORD = 200

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane. With two at a time a sign-in storm costs 38 MiB.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
_AT_ONCE = threading.BoundedSemaphore(2)
# Without 0, 1, i, l and o, which people confuse when they read a password off a screen.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. `communities`: those they reach; None for a role that reaches the whole district.

    `limited_to`: what the token that they came with may do at most; None for a session, or a token without limits.
    """

    id: str
    name: str
    display_name: str
    role: Role
    communities: frozenset[str] | None
    language: str | None = None
    enabled: bool = True
    limited_to: frozenset[Operation] | None = None

    @property
    def operations(self) -> frozenset[Operation]:
        """What they may do: their role's operations, less what their token leaves out."""
        allowed = ROLES[self.role].operations
        return allowed if self.limited_to is None else allowed & self.limited_to

    def sees(self, community: str) -> bool:
        """Whether the community is within this person's scope."""
        return self.communities is None or community in self.communities


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for scripts, as it can be listed: what is secret about it is not kept."""

    id: str
    user_name: str
    name: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None


class People:
    """Users, sessions and API tokens. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._throttle = Throttle()

    # --- accounts -------------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        role: Role,
        communities: Iterable[str] = (),
        *,
        display_name: str = "",
        password: str | None = None,
        language: str | None = None,
    ) -> tuple[Person, str]:
        """A new person, and their password (made now if none is given).

        Refused for a name, password or display name that is not taken, Conflict for a name in use, NotFound for a
        community that is not registered. A role that reaches the whole district belongs to no community: it sees all.
        """
        _check_name(name)
        secret = make_password() if password is None else _check_password(password)
        shown = _check_display_name(display_name or name)
        wanted = frozenset(communities) if ROLES[role].reach is Reach.COMMUNITIES else frozenset()
        user = "p" + secrets.token_hex(8)
        hashed = _hash(secret)
        with self._database.write() as connection:
            take_turn(connection, schema.users)
            if connection.execute(select(schema.users.c.id).where(schema.users.c.name == name)).first():
                raise Conflict(Text(f"已有名为 {name} 的账号", f"there is an account named {name} already"))
            _check_communities(connection, wanted)
            connection.execute(
                insert(schema.users).values(
                    id=user,
                    name=name,
                    display_name=shown,
                    role=role.value,
                    password_hash=hashed,
                    language=language,
                    enabled=True,
                    created_at=self._clock.now(),
                )
            )
            for community in sorted(wanted):
                connection.execute(insert(schema.memberships).values(user_id=user, community_id=community))
        scope = None if ROLES[role].reach is Reach.DISTRICT else wanted
        return Person(user, name, shown, role, scope, language), secret

    def all(self) -> list[Person]:
        """Everybody, by name; those who are disabled too."""
        return self._persons(select(schema.users).order_by(schema.users.c.name))

    def get(self, name: str) -> Person:
        """The person of that sign-in name, or NotFound."""
        found = self._persons(select(schema.users).where(schema.users.c.name == name))
        if not found:
            raise NotFound(Text(f"没有名为 {name} 的账号", f"there is no account named {name}"))
        return found[0]

    def enabled_by_id(self, ids: Sequence[str]) -> dict[str, Person]:
        """Those of `ids` who may still sign in, as they are now."""
        table = schema.users
        found = self._persons(select(table).where(table.c.id.in_(ids), table.c.enabled.is_(True)))
        return {person.id: person for person in found}

    def display_names(self) -> dict[str, str]:
        """What to show for each person's id."""
        with self._database.read() as connection:
            rows = connection.execute(select(schema.users.c.id, schema.users.c.display_name)).all()
        return {row.id: row.display_name for row in rows}

    def reset_password(self, name: str, password: str | None = None) -> str:
        """Give the person a new password (made now if none is given) and end their sessions; the password."""
        person = self.get(name)
        secret = make_password() if password is None else _check_password(password)
        hashed = _hash(secret)
        with self._database.write() as connection:
            table = schema.users
            connection.execute(update(table).where(table.c.id == person.id).values(password_hash=hashed))
            _end_sessions(connection, person.id)
        self._throttle.forget(name)
        return secret

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Allow or forbid signing in. Forbidding ends the person's sessions, and their tokens are refused from now on."""
        person = self.get(name)
        with self._database.write() as connection:
            table = schema.users
            connection.execute(update(table).where(table.c.id == person.id).values(enabled=enabled))
            if not enabled:
                _end_sessions(connection, person.id)

    def set_communities(self, name: str, communities: Iterable[str]) -> frozenset[str]:
        """Let the person belong to exactly these, from now on; their open pages follow within seconds.

        Conflict for a role that sees all; NotFound for a community that is not registered.
        """
        person = self.get(name)
        if person.communities is None:
            role = ROLES[person.role].name
            zh, en = f"{role.zh}总能看到全部小区", f"the role {role.en} always sees all communities"
            raise Conflict(Text(zh, en))
        wanted, table = frozenset(communities), schema.memberships
        with self._database.write() as connection:
            take_turn(connection, table)
            _check_communities(connection, wanted)
            connection.execute(delete(table).where(table.c.user_id == person.id))
            for community in sorted(wanted):
                connection.execute(insert(table).values(user_id=person.id, community_id=community))
        return wanted

    def set_language(self, person: Person, language: Language) -> None:
        """Remember the language that the person chose."""
        with self._database.write() as connection:
            table = schema.users
            connection.execute(update(table).where(table.c.id == person.id).values(language=language.value))

    # --- sessions -------------------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, address: str = "") -> tuple[Person, str]:
        """The person, and the token of a new session. `address`: the network address that asks, by which tries are counted.

        NotSignedIn for a wrong name, a wrong password or a disabled account: the same answer after the same work, so it
        does not tell which names exist. TooMany when throttled, before anything is looked up.
        """
        name = name[:64].casefold()
        wait = self._throttle.take(name, address, self._clock.monotonic())
        if wait > 0:
            _log.warning("sign-in throttled for %r from %s", name, address)
            seconds = max(1, round(wait))
            text = Text(f"尝试次数过多，请 {seconds} 秒后再试", f"too many tries; try again in {seconds} s")
            raise TooMany(text, retry_after_s=wait)
        table, nobodys = schema.users, _nobodys_hash()
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
        right = _verify(password, nobodys if row is None else row.password_hash)
        if row is None or not right or not row.enabled:
            _log.warning("sign-in refused for %r from %s", name, address)
            raise NotSignedIn(Text("用户名或密码不对", "the name or the password is wrong"))
        self._throttle.forgive(name, address)
        _log.info("%s signed in from %s", name, address)
        token = secrets.token_urlsafe(32)
        now = self._clock.now()
        with self._database.write() as connection:
            connection.execute(delete(schema.sessions).where(schema.sessions.c.expires_at <= now))
            connection.execute(
                insert(schema.sessions).values(
                    token_hash=_digest(token), user_id=row.id, created_at=now, expires_at=now + SESSION_FOR
                )
            )
        return self.get(name), token

    def by_session(self, token: str) -> Person | None:
        """Whose session it is; None if there is none, it has ended, or the account is disabled."""
        table = schema.sessions
        return self._owner(
            select(table.c.user_id).where(table.c.token_hash == _digest(token), table.c.expires_at > self._clock.now())
        )

    def sign_out(self, token: str) -> None:
        """End the session. Ending one that is not there is allowed."""
        with self._database.write() as connection:
            connection.execute(delete(schema.sessions).where(schema.sessions.c.token_hash == _digest(token)))

    # --- API tokens -----------------------------------------------------------------------------------------------

    def new_token(self, user: str, name: str, days: int | None = None) -> tuple[str, str]:
        """A token with the rights of `user` (a sign-in name): its id, and the secret, which is shown only now.

        `days`: how long it is valid; None for as long as nobody revokes it.
        """
        person = self.get(user)
        shown = _check_display_name(name)
        number, secret, now = "t" + secrets.token_hex(5), "linli_" + secrets.token_urlsafe(32), self._clock.now()
        with self._database.write() as connection:
            connection.execute(
                insert(schema.api_tokens).values(
                    id=number,
                    user_id=person.id,
                    name=shown,
                    token_hash=_digest(secret),
                    created_at=now,
                    expires_at=None if days is None else now + days * DAY,
                )
            )
        return number, secret

    def by_token(self, secret: str) -> Person | None:
        """Whose token it is; None if it is not one, was revoked, has expired, or the account is disabled."""
        table = schema.api_tokens
        still = table.c.expires_at.is_(None) | (table.c.expires_at > self._clock.now())
        return self._owner(
            select(table.c.user_id).where(table.c.token_hash == _digest(secret), table.c.revoked_at.is_(None), still)
        )

    def tokens(self) -> list[ApiToken]:
        """Every token, the oldest first; those revoked or expired too."""
        table, users = schema.api_tokens, schema.users
        query = (select(table, users.c.name.label("user_name")).join(users, users.c.id == table.c.user_id)).order_by(
            table.c.created_at, table.c.id
        )
        with self._database.read() as connection:
            return [
                ApiToken(row.id, row.user_name, row.name, row.created_at, row.expires_at, row.revoked_at)
                for row in connection.execute(query)
            ]

    def revoke_token(self, token_id: str) -> None:
        """Refuse the token from now on; NotFound if there is none of that id. Revoking twice is allowed."""
        table = schema.api_tokens
        with self._database.write() as connection:
            if connection.execute(select(table.c.id).where(table.c.id == token_id)).first() is None:
                raise NotFound(Text(f"没有编号为 {token_id} 的令牌", f"there is no token {token_id}"))
            connection.execute(
                update(table)
                .where(table.c.id == token_id, table.c.revoked_at.is_(None))
                .values(revoked_at=self._clock.now())
            )

    def _owner(self, user_id: Select[tuple[str]]) -> Person | None:
        table = schema.users
        found = self._persons(select(table).where(table.c.id == user_id.scalar_subquery(), table.c.enabled.is_(True)))
        return found[0] if found else None

    def _persons(self, query: Select[tuple[object, ...]]) -> list[Person]:
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            member = schema.memberships
            belongs: dict[str, set[str]] = {row.id: set() for row in rows}
            for link in connection.execute(select(member).where(member.c.user_id.in_(list(belongs)))):
                belongs[link.user_id].add(link.community_id)
        return [_person(row, belongs[row.id]) for row in rows]


def make_demo_accounts(
    people: People, communities: Iterable[str], *, complete: bool = False
) -> list[tuple[Role, str, str]]:
    """The accounts of a first run, as (role, name, password): 'admin', 'guard' and 'manager', with passwords made now.

    The last two belong to `communities`. Nothing if anybody has an account already: passwords are shown once. `complete`:
    then those whose role nobody has, and whose name is free.
    """
    there = people.all()
    if there and not complete:
        return []
    roles, names = {person.role for person in there}, {person.name for person in there}
    belong = list(communities)
    wanted = (
        (Role.ADMINISTRATOR, "admin", "管理员 Administrator"),
        (Role.SECURITY, "guard", "值班保安 Guard"),
        (Role.PROPERTY, "manager", "物业经理 Manager"),
    )
    return [
        (role, name, people.add(name, role, belong, display_name=display_name)[1])
        for role, name, display_name in wanted
        if role not in roles and name not in names
    ]


def make_password() -> str:
    """Three groups of five readable letters and digits, 'k7mqp-3xw9d-hh2rt': 74 random bits."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(3))


def _person(row: Row[tuple[object, ...]], belongs: set[str]) -> Person:
    role = Role(row.role)
    scope = None if ROLES[role].reach is Reach.DISTRICT else frozenset(belongs)
    return Person(row.id, row.name, row.display_name, role, scope, row.language, row.enabled)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _hash(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(password)


def _verify(password: str, hashed: str) -> bool:
    """Whether it is the password. Takes as long for one that is too long to be anybody's."""
    taken = password if len(password) <= MAX_PASSWORD else ""
    with _AT_ONCE:
        right = _HASHER.verify(taken.encode("utf-8", "surrogatepass"), hashed)
    return right and taken == password


@functools.cache
def _nobodys_hash() -> str:
    """A hash of the same cost that no password fits: what is checked for a name that nobody has."""
    return _hash(secrets.token_urlsafe(32))


def _end_sessions(connection: Connection, user: str) -> None:
    connection.execute(delete(schema.sessions).where(schema.sessions.c.user_id == user))


def _refused(reason: str, text: Text) -> Refused:
    error = Refused(reason, text.en)
    error.text = text
    return error


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        zh, en = (
            "用户名须为 1 到 64 个小写字母、数字、.、_ 或 -",
            "a sign-in name is 1 to 64 of a-z, 0-9, '.', '_' and '-'",
        )
        raise _refused("bad_name", Text(f"{name!r:.80}：{zh}", f"{name!r:.80}: {en}"))


def _check_password(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        bounds = f"{MIN_PASSWORD}-{MAX_PASSWORD}"
        raise _refused("bad_password", Text(f"密码须为 {bounds} 个字符", f"a password has {bounds} characters"))
    return password


def _check_display_name(name: str) -> str:
    shown = name.strip()
    if not 1 <= len(shown) <= 200 or not shown.isprintable():
        text = Text("名称须为 1 到 200 个可显示的字符", "a name to show is 1 to 200 printable characters")
        raise _refused("bad_display_name", text)
    return shown


def _check_communities(connection: Connection, wanted: frozenset[str]) -> None:
    table = schema.communities
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_(sorted(wanted)))).scalars())
    missing = sorted(wanted - known)
    if missing:
        names = ", ".join(missing)
        raise NotFound(Text(f"没有登记小区 {names}", f"no such community: {names}"))
