"""Second factors: each person's secret, sealed, and the recovery codes for when the phone is lost."""

import logging
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from linli.clock import MINUTE, Clock
from linli.db import schema
from linli.db.database import Database
from linli.db.person import Person
from linli.db.proofs import hashed, verified
from linli.db.sessions import end_sessions
from linli.db.signin_events import LINLI, Happening, SignInEvent, record
from linli.db.turns import take_turn
from linli.errors import Conflict, LinliError
from linli.i18n import Text
from linli.sealing import NotSealedHere, Seals
from linli.secondfactor import (
    enrolment_uri,
    looks_like_recovery,
    make_recovery_codes,
    matching_step,
    new_secret,
    tidy_recovery,
)
from linli.signin import Stage

OFFERED_FOR = 15 * MINUTE
"""How long somebody may take to scan the code and type what the phone shows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor to set up. `secret` for who types it, `uri` for the QR code; both are shown now and never again."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether somebody has a second factor, since when, and how many recovery codes are left."""

    since: int | None
    recovery_codes: int

    @property
    def on(self) -> bool:
        """Whether there is one."""
        return self.since is not None


class SecondFactors:
    """The second factors in a database. Safe to call from several threads. Trying is throttled by who calls (`People`)."""

    def __init__(self, database: Database, clock: Clock, seals: Seals | None) -> None:
        self._database = database
        self._clock = clock
        self._seals = seals

    def state(self, user: str) -> FactorState:
        """What somebody has."""
        with self._database.read() as connection:
            return self.state_in(connection, user)

    def state_in(self, connection: Connection, user: str) -> FactorState:
        """The same, in a transaction."""
        table, codes = schema.second_factors, schema.recovery_codes
        has = table.c.secret.is_not(None)
        since = connection.execute(select(table.c.enrolled_at).where(table.c.user_id == user, has)).scalar()
        left = select(func.count()).select_from(codes).where(codes.c.user_id == user, codes.c.used_at.is_(None))
        return FactorState(since, connection.execute(left).scalar_one())

    def offer(self, person: Person, session: str) -> Offer:
        """A new secret, for the session of this id alone, which counts once `enrol` has had a code of it there; one they have goes
        on until then."""
        secret, now, table = new_secret(), self._clock.now(), schema.sessions
        values = {"offered": self._sealing().seal(secret, session), "offered_at": now}
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == session).values(values))
        return Offer(secret, enrolment_uri(secret, person.name))

    def offered(self, person: Person, session: str) -> Offer:
        """What was offered last in the session, to show it again; Conflict if that is over, or nothing was."""
        with self._database.read() as connection:
            secret = self._offered(connection, person.id, session)
        return Offer(secret, enrolment_uri(secret, person.name))

    def enrol(self, connection: Connection, person: Person, session: str, code: str, by_hashes: list[str]) -> bool:
        """Let what was offered in the session count if `code` is of it, with these hashes of recovery codes; whether it is. The
        person's other sessions end with it: nobody goes on who was let in without it.

        Conflict if nothing is offered there (any more), or a factor came between.
        """
        now, table = self._clock.now(), schema.second_factors
        take_turn(connection, table)
        secret = self._offered(connection, person.id, session)
        step = matching_step(secret, code, now, None)
        if step is None:
            return False
        values = {"secret": self._sealing().seal(secret, person.id), "last_step": step, "enrolled_at": now}
        if not connection.execute(update(table).where(table.c.user_id == person.id).values(values)).rowcount:
            connection.execute(insert(table).values(user_id=person.id, **values))
        sessions = schema.sessions
        over = update(sessions).where(sessions.c.id == session).values(offered=None, offered_at=None)
        connection.execute(over)
        ended = end_sessions(connection, person.id, session)
        self.replace_codes(connection, person.id, by_hashes)
        for what, detail in (
            (Happening.SECOND_FACTOR_ENROLLED, {}),
            (Happening.SESSION_ENDED, {"sessions": str(ended)}),
        ):
            record(connection, SignInEvent(what, now, person.id, person.id, detail=detail))
        return True

    def taken(self, user: str, code: str) -> bool:
        """Whether `code` is the phone's now, or a recovery code that is left. It is used up by that."""
        return self._recovery(user, code) if looks_like_recovery(code) else self._phone(user, code)

    def replace_codes(self, connection: Connection, user: str, hashes: list[str]) -> None:
        """From now on the recovery codes are those of these hashes (`fresh_codes`)."""
        table, now = schema.recovery_codes, self._clock.now()
        connection.execute(delete(table).where(table.c.user_id == user))
        connection.execute(insert(table), [{"code_hash": one, "user_id": user, "made_at": now} for one in hashes])
        record(connection, SignInEvent(Happening.RECOVERY_CODES_MADE, now, user, user))

    def remove(self, connection: Connection, user: str) -> None:
        """Take secret and recovery codes away."""
        for table in (schema.recovery_codes, schema.second_factors):
            connection.execute(delete(table).where(table.c.user_id == user))

    def reset(self, user: str, *, by: str = LINLI) -> None:
        """For who has lost it: take it away and end their sessions. Who must have one sets up another when signing in."""
        with self._database.write() as connection:
            self.remove(connection, user)
            end_sessions(connection, user)
            record(connection, SignInEvent(Happening.SECOND_FACTOR_RESET, self._clock.now(), by, user))

    def _phone(self, user: str, code: str) -> bool:
        table = schema.second_factors
        with self._database.write() as connection:
            take_turn(connection, table)
            row = connection.execute(select(table).where(table.c.user_id == user)).one_or_none()
            if row is None or row.secret is None:
                return False
            try:
                secret = self._sealing().open(row.secret, user)
            except NotSealedHere as error:
                _log.error("the second factor of %s: %s", user, error)
                return False
            step = matching_step(secret, code, self._clock.now(), row.last_step)
            if step is not None:
                connection.execute(update(table).where(table.c.user_id == user).values(last_step=step))
            return step is not None

    def _recovery(self, user: str, code: str) -> bool:
        """Looked through outside of a transaction: ten hashes take a third of a second, in which nobody else could write."""
        table, given, now = schema.recovery_codes, tidy_recovery(code), self._clock.now()
        left = select(table.c.code_hash).where(table.c.user_id == user, table.c.used_at.is_(None))
        with self._database.read() as connection:
            hashes = connection.execute(left).scalars().all()
        kept = next((one for one in hashes if verified(given, one)), None)
        if kept is None:
            return False
        unused = update(table).where(table.c.code_hash == kept, table.c.used_at.is_(None))
        with self._database.write() as connection:
            used = connection.execute(unused.values(used_at=now)).rowcount == 1
            if used:
                record(connection, SignInEvent(Happening.RECOVERY_CODE_USED, now, user, user))
            return used

    def _offered(self, connection: Connection, user: str, session: str) -> str:
        """What is on offer in the session. One from before the present factor was never confirmed with it: it is over."""
        sessions, factors, now = schema.sessions, schema.second_factors, self._clock.now()
        mine = select(sessions).where(sessions.c.id == session, sessions.c.user_id == user)
        row = connection.execute(mine).one_or_none()
        has = select(factors.c.enrolled_at).where(factors.c.user_id == user, factors.c.secret.is_not(None))
        since = connection.execute(has).scalar()
        if row is None or row.offered is None or now - row.offered_at >= OFFERED_FOR:
            raise _no_offer()
        if since is not None and (row.stage != Stage.COMPLETE.value or row.offered_at < since):
            raise _no_offer()
        return self._sealing().open(row.offered, session)

    def _sealing(self) -> Seals:
        if self._seals is None:
            raise LinliError(Text("这里没有密钥目录", "there is no folder of keys here"))
        return self._seals


def _no_offer() -> Conflict:
    return Conflict(Text("请重新开始设置双重验证", "begin to set up the second factor again"))


def fresh_codes() -> tuple[list[str], list[str]]:
    """Ten recovery codes to show, and their hashes to keep. Takes a third of a second: call it outside a transaction."""
    codes = make_recovery_codes()
    return codes, [hashed(tidy_recovery(code)) for code in codes]
