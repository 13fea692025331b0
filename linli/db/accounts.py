"""Accounts: who there is, with which role, belonging where; their passwords as others give them.

Every change ends what it makes untrue: who is disabled, given another role or another password is signed out everywhere.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from linli.clock import DAY, Clock
from linli.db import schema
from linli.db.accountlist import Account, described
from linli.db.database import Database
from linli.db.identities import mark_stopped
from linli.db.ownaccounts import check_person
from linli.db.person import Person, read_persons
from linli.db.proofs import hashed, make_password
from linli.db.sessions import end_sessions
from linli.db.signin_events import LINLI, Happening, SignInEvent, record
from linli.db.turns import take_turn
from linli.errors import Conflict, NotFound, Outdated, Refused
from linli.i18n import Language, Text
from linli.model import Role
from linli.passwords import fault_of
from linli.roles import ROLES, Reach
from linli.signin import is_privileged

ONE_TIME_FOR = 3 * DAY
"""A password that an administrator was given for somebody works this long, unless it is changed before."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to become of an account; None leaves it as it is. `person`: of the registry, who it is; '' for nobody."""

    display_name: str | None = None
    role: Role | None = None
    communities: frozenset[str] | None = None
    committees: frozenset[str] | None = None
    enabled: bool | None = None
    person: str | None = None


class Accounts:
    """The accounts in a database. Safe to call from several threads. `by` is who asks: the id of a person, or `cli:root`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # --- who there is ---------------------------------------------------------------------------------------------

    def all(self) -> list[Person]:
        """Everybody, by name; those who are disabled too."""
        return self._persons(select(schema.users).order_by(schema.users.c.name))

    def get(self, name: str) -> Person:
        """The person of that sign-in name, or NotFound."""
        found = self._persons(select(schema.users).where(schema.users.c.name == name))
        if not found:
            raise NotFound(Text(f"没有名为 {name} 的账号", f"there is no account named {name}"))
        return found[0]

    def by_id(self, user: str) -> Person:
        """The person of that id, or NotFound."""
        found = self._persons(select(schema.users).where(schema.users.c.id == user))
        if not found:
            raise NotFound(Text(f"没有账号 {user:.64}", f"there is no account {user:.64}"))
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

    def registered(self, communities: Collection[str]) -> frozenset[str]:
        """Those of them that there are."""
        table = schema.communities
        with self._database.read() as connection:
            return frozenset(
                connection.execute(select(table.c.id).where(table.c.id.in_(sorted(communities)))).scalars()
            )

    def described(
        self,
        ids: Collection[str] | None = None,
        *,
        role: Role | None = None,
        sought: str = "",
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Account]:
        """The accounts as an administrator sees them, by name: of these ids, or all; of this role; those to which each word of
        `sought` applies (a part of a name, a role, or where somebody belongs); after that name; at most so many."""
        with self._database.read() as connection:
            return described(connection, ids, role, sought, after, limit)

    # --- changes --------------------------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        role: Role,
        communities: Iterable[str] = (),
        *,
        committees: Iterable[str] = (),
        display_name: str = "",
        password: str | None = None,
        language: str | None = None,
        one_time: bool = False,
        person: str | None = None,
        by: str = LINLI,
    ) -> tuple[Person, str]:
        """A new person, and their password (made now if none is given; '' for a role that signs in with tokens alone).

        `one_time`: they must change it when they first sign in. Refused for a name, password or display name that is not
        taken, Conflict for a name in use, NotFound for a community or committee that is not registered. A role that reaches
        the whole district belongs to no community: it sees all. `person`: who a resident is in the registry; errors as `change`.
        """
        _check_name(name)
        shown = check_display_name(display_name or name)
        secret = "" if ROLES[role].tokens_only else checked(password, name, shown)
        user, kept, now = "p" + secrets.token_hex(8), hashed(secret or make_password()), self._clock.now()
        fresh = {
            "id": user,
            "name": name,
            "display_name": shown,
            "role": role.value,
            "password_hash": kept,
            "language": language,
            "enabled": True,
            "created_at": now,
            "one_time_until": now + ONE_TIME_FOR if one_time else None,
        }
        with self._database.write() as connection:
            take_turn(connection, schema.users, schema.memberships)
            if connection.execute(select(schema.users.c.id).where(schema.users.c.name == name)).first():
                raise Conflict(Text(f"已有名为 {name} 的账号", f"there is an account named {name} already"))
            connection.execute(insert(schema.users).values(fresh))
            reach = ROLES[role].reach is Reach.COMMUNITIES
            belongs = Changes(
                communities=frozenset(communities if reach else ()), committees=frozenset(committees if reach else ())
            )
            _belong(connection, user, belongs)
            _be(connection, user, role, person)
            told = {"role": role.value, **_told(replace(belongs, person=person))}
            record(connection, SignInEvent(Happening.ACCOUNT_ADDED, now, by, user, detail=told))
            added = read_persons(connection, select(schema.users).where(schema.users.c.id == user))[0]
        return added, secret

    def change(self, name: str, changes: Changes, *, by: str = LINLI, expected: str | None = None) -> Person:
        """The person as changed, all at once or not at all. `expected`: the account's edition as it was read; Outdated if it is
        another one by now.

        Another role, being disabled and being another person of the registry end their sessions. Conflict if nobody would be
        left to manage accounts, for communities of a role that sees all, for a person of one that is no resident's, and for a
        person who has an account; NotFound for an account, community, committee or person that is not there.
        """
        now, table = self._clock.now(), schema.users
        with self._database.write() as connection:
            take_turn(connection, table, schema.memberships)
            before = self._found(connection, name)
            if expected is not None and expected != described(connection, [before.id])[0].edition:
                raise Outdated(Text("读取之后已有改动", "it was changed since you read it"))
            role = changes.role or before.role
            _check_reach(role, changes)
            values = _values(changes)
            if changes.enabled is not None:
                mark_stopped(connection, before.id, None)  # whatever the provider says: this is an administrator's word
            if values:
                connection.execute(update(table).where(table.c.id == before.id).values(values))
            if changes.role is not None and ROLES[role].reach is not Reach.COMMUNITIES:
                _belong(connection, before.id, Changes(communities=frozenset(), committees=frozenset()))
            _belong(connection, before.id, changes)
            leaves = before.registered_as is not None and ROLES[role].reach is not Reach.OWN
            _be(connection, before.id, role, "" if leaves and changes.person is None else changes.person)
            if is_privileged(before.role):
                _check_somebody_is_left(connection)
            other = changes.person is not None and (changes.person or None) != before.registered_as
            if role is not before.role or changes.enabled is False or other:
                end_sessions(connection, before.id)
            record(connection, SignInEvent(Happening.ACCOUNT_CHANGED, now, by, before.id, detail=_told(changes)))
            return self._found(connection, name)

    def set_enabled(self, name: str, enabled: bool, *, by: str = LINLI) -> None:
        """Allow or forbid signing in. Forbidding ends the person's sessions, and their tokens are refused from now on."""
        self.change(name, Changes(enabled=enabled), by=by)

    def set_communities(self, name: str, communities: Iterable[str], *, by: str = LINLI) -> frozenset[str]:
        """Let the person belong directly to exactly these, from now on; their open pages follow within seconds.

        Conflict for a role that sees all; NotFound for a community that is not registered.
        """
        wanted = frozenset(communities)
        self.change(name, Changes(communities=wanted), by=by)
        return wanted

    def set_language(self, person: Person, language: Language) -> None:
        """Remember the language that the person chose."""
        with self._database.write() as connection:
            table = schema.users
            connection.execute(update(table).where(table.c.id == person.id).values(language=language.value))

    def reset_password(self, name: str, password: str | None = None, *, one_time: bool = False, by: str = LINLI) -> str:
        """Give the person a new password (made now if none is given) and end their sessions; the password.

        `one_time`: they must change it when they sign in. Conflict for a role that signs in with tokens alone.
        """
        person = self.get(name)
        if ROLES[person.role].tokens_only:
            zh, en = f"{name} 只能使用令牌，没有密码", f"{name} uses tokens alone, and has no password"
            raise Conflict(Text(zh, en))
        secret, now = checked(password, name, person.display_name), self._clock.now()
        values = {
            "password_hash": hashed(secret),
            "one_time_until": now + ONE_TIME_FOR if one_time else None,
            "password_changed_at": now,
        }
        with self._database.write() as connection:
            table = schema.users
            connection.execute(update(table).where(table.c.id == person.id).values(values))
            end_sessions(connection, person.id)
            record(connection, SignInEvent(Happening.PASSWORD_RESET, now, by, person.id))
        return secret

    def _found(self, connection: Connection, name: str) -> Person:
        found = read_persons(connection, select(schema.users).where(schema.users.c.name == name))
        if not found:
            raise NotFound(Text(f"没有名为 {name} 的账号", f"there is no account named {name}"))
        return found[0]

    def _persons(self, query: Select[tuple[object, ...]]) -> list[Person]:
        with self._database.read() as connection:
            return read_persons(connection, query)


def refused(reason: str, text: Text) -> Refused:
    """Refused, in both languages."""
    error = Refused(reason, text.en)
    error.text = text
    return error


def checked(password: str | None, *names: str) -> str:
    """The password if it is taken for an account of these names, one made now for None; else Refused."""
    if password is None:
        return make_password()
    fault = fault_of(password, names)
    if fault is not None:
        raise refused("bad_password", fault)
    return password


def check_display_name(name: str) -> str:
    """The name without blanks around it, if it can be shown; else Refused."""
    shown = name.strip()
    if not 1 <= len(shown) <= 200 or not shown.isprintable():
        text = Text("名称须为 1 到 200 个可显示的字符", "a name to show is 1 to 200 printable characters")
        raise refused("bad_display_name", text)
    return shown


def check_registered(connection: Connection, table: Table, wanted: Collection[str]) -> None:
    """NotFound unless all these communities (or committees) are registered."""
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_(sorted(wanted)))).scalars())
    missing = ", ".join(sorted(set(wanted) - known))
    if missing:
        if table is schema.communities:
            raise NotFound(Text(f"没有登记小区 {missing}", f"no such community: {missing}"))
        raise NotFound(Text(f"没有登记村居委会 {missing}", f"no such committee: {missing}"))


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        zh, en = (
            "用户名须为 1 到 64 个小写字母、数字、.、_ 或 -",
            "a sign-in name is 1 to 64 of a-z, 0-9, '.', '_' and '-'",
        )
        raise refused("bad_name", Text(f"{name!r:.80}：{zh}", f"{name!r:.80}: {en}"))


def _check_reach(role: Role, changes: Changes) -> None:
    duty = ROLES[role]
    if duty.reach is Reach.COMMUNITIES or not (changes.communities or changes.committees):
        return
    if duty.reach is Reach.DISTRICT:
        raise Conflict(Text(f"{duty.name.zh}总能看到全部小区", f"the role {duty.name.en} always sees all communities"))
    raise Conflict(
        Text(f"{duty.name.zh}只看到关于自己的信息", f"the role {duty.name.en} sees what is about the person alone")
    )


def managing(connection: Connection) -> int:
    """How many may manage accounts."""
    table = schema.users
    roles = [role.value for role in Role if is_privileged(role)]
    left = select(func.count()).select_from(table).where(table.c.enabled.is_(True), table.c.role.in_(roles))
    return connection.execute(left).scalar_one()


def _check_somebody_is_left(connection: Connection) -> None:
    if not managing(connection):
        raise Conflict(
            Text(
                "这是最后一个能管理账号的账号，请先添加另一个管理员",
                "nobody would be left to manage accounts: add another administrator first",
            )
        )


def _belong(connection: Connection, user: str, changes: Changes) -> None:
    links = (
        (schema.memberships, "community_id", schema.communities, changes.communities),
        (schema.committee_memberships, "committee_id", schema.committees, changes.committees),
    )
    for table, column, things, wanted in links:
        if wanted is None:
            continue
        check_registered(connection, things, wanted)
        connection.execute(delete(table).where(table.c.user_id == user))
        if wanted:
            connection.execute(insert(table), [{"user_id": user, column: one} for one in sorted(wanted)])


def _be(connection: Connection, user: str, role: Role, person: str | None) -> None:
    """Let the account be this person of the registry: '' for nobody, None for who it was."""
    if person is None:
        return
    duty, table = ROLES[role], schema.users
    if person and duty.reach is not Reach.OWN:
        zh, en = (
            f"{duty.name.zh}不是居民账号，不关联居民",
            f"the role {duty.name.en} is no resident's: it is nobody of the registry",
        )
        raise Conflict(Text(zh, en))
    if person:
        check_person(connection, user, person)
    connection.execute(update(table).where(table.c.id == user).values(person_id=person or None))


def _values(changes: Changes) -> dict[str, object]:
    values: dict[str, object] = {}
    if changes.display_name is not None:
        values["display_name"] = check_display_name(changes.display_name)
    if changes.role is not None:
        values["role"] = changes.role.value
    if changes.enabled is not None:
        values["enabled"] = changes.enabled
    return values


def _told(changes: Changes) -> Mapping[str, str]:
    """What of it the record keeps: no names of people."""
    told: dict[str, str] = {}
    if changes.role is not None:
        told["role"] = changes.role.value
    if changes.enabled is not None:
        told["enabled"] = "yes" if changes.enabled else "no"
    for name, ids in (("communities", changes.communities), ("committees", changes.committees)):
        if ids is not None:
            told[name] = ",".join(sorted(ids))
    if changes.person is not None:
        told["person"] = changes.person
    return told
