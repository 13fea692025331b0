"""Accounts that follow an OpenID provider: what becomes of one when it has no role there any more, and when it has one again."""

from sqlalchemy import Connection, select, update

from linli.clock import Clock
from linli.db import schema
from linli.db.accounts import managing
from linli.db.database import Database
from linli.db.identities import mark_stopped
from linli.db.person import Person, read_persons
from linli.db.sessions import end_sessions
from linli.db.signin_events import Happening, SignInEvent, record
from linli.db.tokens import revoke_all
from linli.db.turns import take_turn
from linli.signin import is_privileged


class Following:
    """Stops and resumes accounts by their provider's word. `by`: who says so. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def stop(self, user: str, *, by: str) -> None:
        """The account of that id has no role at its provider any more: its sessions end, its tokens are revoked, and it is disabled
        until `resume`, or until an administrator enables it. Stopping twice is allowed.

        The last account that manages accounts stays enabled: nobody else could let it in again.
        """
        now = self._clock.now()
        with self._database.write() as connection:
            person = self._found(connection, user)
            end_sessions(connection, user)
            if person.enabled and not (is_privileged(person.role) and managing(connection) == 1):
                self._enable(connection, user, False)
                mark_stopped(connection, user, now)
                record(connection, SignInEvent(Happening.ACCOUNT_CHANGED, now, by, user, detail={"enabled": "no"}))
            revoke_all(connection, user, now, by)

    def resume(self, user: str, *, by: str) -> None:
        """Enable the account of that id if `stop` has disabled it; whom an administrator has disabled stays so. Tokens stay
        revoked."""
        now = self._clock.now()
        with self._database.write() as connection:
            self._found(connection, user)
            if mark_stopped(connection, user, None):
                self._enable(connection, user, True)
                record(connection, SignInEvent(Happening.ACCOUNT_CHANGED, now, by, user, detail={"enabled": "yes"}))

    def _found(self, connection: Connection, user: str) -> Person:
        """The account, whose turn it is."""
        take_turn(connection, schema.users, schema.memberships)
        return read_persons(connection, select(schema.users).where(schema.users.c.id == user))[0]

    def _enable(self, connection: Connection, user: str, enabled: bool) -> None:
        connection.execute(update(schema.users).where(schema.users.c.id == user).values(enabled=enabled))
