"""Sessions: who is signed in, since when, from where, and until when.

The cookie is a secret; what people are shown of a session is its id. A session is renewed (another cookie, the same session)
whenever somebody has proved more, so that a cookie from before is worth nothing.
"""

import logging
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from linli.clock import MINUTE, Clock
from linli.db import schema
from linli.db.database import Database
from linli.db.person import Person, with_reach
from linli.db.proofs import digest, new_token
from linli.db.signin_events import Happening, SignInEvent, record
from linli.db.throttle import source_of
from linli.errors import NotFound
from linli.i18n import Text
from linli.model import Role
from linli.signin import PENDING_FOR, Lifetime, SignInPolicy, Stage, is_privileged

MOST_SESSIONS = 50
"""Of one person, complete; above it the one not used for longest ends. A script that signs in for every request must not fill
the disk."""
MOST_WAITING = 10
"""Of one person, waiting for something: by themselves, for who has the password alone can begin them and must end no other. Above
it the oldest goes of the address that has most, so that a stranger at another desk ends none of the owner's."""

_SEEN_EVERY = 5 * MINUTE
"""That a session is used is written down this often at most, or ten times within its idle time."""

_WITH_OWNER: Select[Any] = select(
    *(column.label(f"session_{column.name}") for column in schema.sessions.c), schema.users
).join(schema.users, schema.users.c.id == schema.sessions.c.user_id)
"""Sessions with the account of each, in one statement: every request asks."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """One session as it can be shown. Times are microseconds; `ends_at` is when it ends whatever happens."""

    id: str
    user_id: str
    way: str
    since: int
    last_seen_at: int
    ends_at: int
    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Entered:
    """What a cookie stands for: a session of somebody, and what it waits for. `factor_at`: when the second factor was last shown
    in it; None: never."""

    person: Person
    session: Session
    stage: Stage
    factor_at: int | None


class Sessions:
    """The sessions in a database. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock, policy: SignInPolicy) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    def enter(self, token: str, *, acting: bool = True) -> Entered | None:
        """What the cookie stands for; None if for nothing, if it has ended, or if the account is disabled.

        `acting`: somebody does something. A page that is only open keeps a session of staff, not an administrator's.
        """
        now, users = self._clock.now(), schema.users
        query = _WITH_OWNER.where(schema.sessions.c.token_hash == digest(token), users.c.enabled.is_(True))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or self._is_over(row, now):
                return None
            person = with_reach(connection, [row])[0]
        if acting or not is_privileged(person.role):
            self._mark_seen(row, self._policy.lifetime(person.role), now)
        return Entered(person, self._session(row), Stage(row.session_stage), row.session_factor_at)

    def of(self, user: str) -> list[Session]:
        """The person's sessions that go on, the one used last first."""
        now, table = self._clock.now(), schema.sessions
        query = _WITH_OWNER.where(table.c.user_id == user).order_by(table.c.last_seen_at.desc(), table.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        complete = (row for row in rows if row.session_stage == Stage.COMPLETE.value)
        return [self._session(row) for row in complete if not self._is_over(row, now)]

    def begin(self, connection: Connection, user: str, stage: Stage, way: str, address: str, browser: str) -> str:
        """A new session, in the transaction of what proved who it is; its token. Those that are over are cleared away."""
        now, table, token = self._clock.now(), schema.sessions, new_token()
        connection.execute(delete(table).where(table.c.expires_at <= now))
        self._make_room(connection, user, stage)
        role = connection.execute(select(schema.users.c.role).where(schema.users.c.id == user)).scalar_one()
        connection.execute(
            insert(table).values(
                token_hash=digest(token),
                id="s" + secrets.token_hex(8),
                user_id=user,
                stage=stage.value,
                way=way,
                created_at=now,
                expires_at=now + self._lasting(Role(role), stage),
                last_seen_at=now,
                address=address[:64],
                browser=_printable(browser)[:300],
            )
        )
        return token

    def renew(
        self, connection: Connection, session: str, role: Role, stage: Stage, factor_at: int | None = None
    ) -> str:
        """Give the session of this id another token, which is returned; from now on it waits for `stage`. `factor_at`: the second
        factor was shown then."""
        now, table, token = self._clock.now(), schema.sessions, new_token()
        values: dict[str, object] = {"token_hash": digest(token), "stage": stage.value, "last_seen_at": now}
        if factor_at is not None:
            values["factor_at"] = factor_at
        was = connection.execute(select(table).where(table.c.id == session)).one_or_none()
        if was is None:
            raise _no_session(session)
        if was.stage != Stage.COMPLETE.value:
            values |= {"created_at": now, "expires_at": now + self._lasting(role, stage)}
            if stage is Stage.COMPLETE:
                self._make_room(connection, was.user_id, stage)
        connection.execute(update(table).where(table.c.id == session).values(values))
        return token

    def factor_shown(self, session: str) -> None:
        """The second factor was shown in the session of this id, just now."""
        table = schema.sessions
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == session).values(factor_at=self._clock.now()))

    def sign_out(self, token: str) -> None:
        """End the session. Ending one that is not there is allowed."""
        table = schema.sessions
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.token_hash == digest(token))).one_or_none()
            if row is not None:
                connection.execute(delete(table).where(table.c.id == row.id))
                now, user = self._clock.now(), row.user_id
                record(connection, SignInEvent(Happening.SIGNED_OUT, now, user, user, detail={"session": row.id}))

    def end(self, user: str, ids: Collection[str], *, by: str) -> None:
        """End these sessions of the person; NotFound, and none has ended, if one is not there or is somebody else's."""
        table = schema.sessions
        with self._database.write() as connection:
            for one in sorted(ids):
                gone = connection.execute(delete(table).where(table.c.id == one, table.c.user_id == user))
                if not gone.rowcount:
                    raise _no_session(one)
                now = self._clock.now()
                record(connection, SignInEvent(Happening.SESSION_ENDED, now, by, user, detail={"session": one}))

    def end_others(self, user: str, kept: str | None, *, by: str) -> int:
        """End all of the person's sessions but the one of id `kept`; how many."""
        with self._database.write() as connection:
            return self.end_others_in(connection, user, kept, by=by)

    def end_others_in(self, connection: Connection, user: str, kept: str | None, *, by: str) -> int:
        """The same, in the transaction of what makes them untrue: nobody slips in between."""
        ended, now = end_sessions(connection, user, kept), self._clock.now()
        record(connection, SignInEvent(Happening.SESSION_ENDED, now, by, user, detail={"sessions": str(ended)}))
        return ended

    def _is_over(self, row: Row[tuple[object, ...]], now: int) -> bool:
        """By the role as it is now: who becomes an administrator is signed in for as long as one."""
        if row.session_stage != Stage.COMPLETE.value:
            return bool(now >= row.session_expires_at)
        lifetime = self._policy.lifetime(Role(row.role))
        return now >= row.session_expires_at or lifetime.ended(row.session_created_at, row.session_last_seen_at, now)

    def _lasting(self, role: Role, stage: Stage) -> int:
        return self._policy.lifetime(role).whole if stage is Stage.COMPLETE else PENDING_FOR

    def _session(self, row: Row[tuple[object, ...]]) -> Session:
        return Session(
            row.session_id,
            row.id,
            row.session_way,
            row.session_created_at,
            row.session_last_seen_at,
            row.session_expires_at,
            row.session_address,
            row.session_browser,
        )

    def _mark_seen(self, row: Row[tuple[object, ...]], lifetime: Lifetime, now: int) -> None:
        if now - row.session_last_seen_at < min(_SEEN_EVERY, lifetime.idle // 10):
            return
        table = schema.sessions
        try:
            with self._database.write() as connection:
                connection.execute(update(table).where(table.c.id == row.session_id).values(last_seen_at=now))
        except SQLAlchemyError as error:  # a full disk must not keep anybody from looking at alerts
            _log.warning("cannot write down that a session is used: %s", error)

    def _make_room(self, connection: Connection, user: str, stage: Stage) -> None:
        """For one more session that is complete, or waits: among its like alone."""
        table, complete = schema.sessions, stage is Stage.COMPLETE
        alike = table.c.stage == Stage.COMPLETE.value if complete else table.c.stage != Stage.COMPLETE.value
        mine = select(table.c.id, table.c.address).where(table.c.user_id == user, alike)
        rows = connection.execute(mine.order_by(table.c.last_seen_at, table.c.id)).all()
        most = MOST_SESSIONS if complete else MOST_WAITING
        gone = [row.id for row in rows[: max(0, len(rows) - most + 1)]] if complete else _too_many_waiting(rows)
        if gone:
            connection.execute(delete(table).where(table.c.id.in_(gone)))


def _too_many_waiting(rows: Sequence[Row[Any, Any]]) -> list[str]:
    """The ids of those that make room for one more, of (id, address) with the oldest first."""
    left, gone = list(rows), []
    while len(left) >= MOST_WAITING:
        crowd = Counter(source_of(row.address) for row in left).most_common(1)[0][0]
        oldest = next(row for row in left if source_of(row.address) == crowd)
        left.remove(oldest)
        gone.append(oldest.id)
    return gone


def end_sessions(connection: Connection, user: str, kept: str | None = None) -> int:
    """End all sessions of the person but the one of id `kept`; how many."""
    table = schema.sessions
    found = delete(table).where(table.c.user_id == user)
    return int(connection.execute(found if kept is None else found.where(table.c.id != kept)).rowcount)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _no_session(session: str) -> NotFound:
    return NotFound(Text(f"没有会话 {session:.64}", f"there is no session {session:.64}"))
