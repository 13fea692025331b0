"""Who signs in at an OpenID provider as whom. A link is by issuer and subject, which a provider never gives to another
person; an address or a name could be (OpenID Connect Core, 5.7).
"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from linli.clock import Clock
from linli.db import schema
from linli.db.database import Database
from linli.db.person import Person, read_persons
from linli.db.signin_events import LINLI, Happening, SignInEvent, record
from linli.db.turns import take_turn
from linli.errors import Conflict
from linli.i18n import Text


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as a provider knows them. `follows`: the account was made for it, and goes by what it says of roles."""

    issuer: str
    subject: str
    user_id: str
    follows: bool


class Identities:
    """The links in a database. Safe to call from several threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, issuer: str, subject: str) -> tuple[Person, Identity] | None:
        """Whose identity it is; None if it is linked to nobody. The account may be disabled."""
        table, users = schema.identities, schema.users
        with self._database.read() as connection:
            row = connection.execute(
                select(table).where(table.c.issuer == issuer, table.c.subject == subject)
            ).one_or_none()
            if row is None:
                return None
            person = read_persons(connection, select(users).where(users.c.id == row.user_id))[0]
        return person, Identity(row.issuer, row.subject, row.user_id, row.follows)

    def link(self, user: str, issuer: str, subject: str, *, follows: bool = False, by: str = LINLI) -> None:
        """Let whoever the provider says is `subject` sign in as this person, instead of whoever did before.

        Conflict if that identity is somebody else's.
        """
        table, now = schema.identities, self._clock.now()
        with self._database.write() as connection:
            take_turn(connection, table)
            taken = select(table.c.user_id).where(table.c.issuer == issuer, table.c.subject == subject)
            if connection.execute(taken.where(table.c.user_id != user)).first():
                raise Conflict(Text("该身份已关联到另一个账号", "this identity is linked to another account already"))
            connection.execute(delete(table).where(table.c.user_id == user, table.c.issuer == issuer))
            connection.execute(
                insert(table).values(issuer=issuer, subject=subject, user_id=user, linked_at=now, follows=follows)
            )
            record(connection, SignInEvent(Happening.IDENTITY_LINKED, now, by, user, detail={"issuer": issuer}))

    def unlink(self, user: str, *, by: str = LINLI) -> None:
        """Let nobody sign in as this person by way of a provider. Doing so twice is allowed."""
        table = schema.identities
        with self._database.write() as connection:
            gone = connection.execute(delete(table).where(table.c.user_id == user))
            if gone.rowcount:
                record(connection, SignInEvent(Happening.IDENTITY_UNLINKED, self._clock.now(), by, user))


def mark_stopped(connection: Connection, user: str, at: int | None) -> bool:
    """That the account is disabled since `at` because its provider says so, or with None that it is not; whether that is new."""
    table = schema.identities
    other = table.c.stopped_at.is_(None) if at is not None else table.c.stopped_at.is_not(None)
    return connection.execute(update(table).where(table.c.user_id == user, other).values(stopped_at=at)).rowcount > 0
