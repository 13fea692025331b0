"""One-time codes in the database: an administrator invites a gateway, its agent redeems the code, once.

Both happen under one lock of the database's, so of two agents with one code exactly one gets in.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select, update

from linli.audit import NOBODY, Act, Outcome
from linli.auditwho import who_of
from linli.clock import DAY, Clock
from linli.db import registry, schema
from linli.db.audit import append
from linli.db.database import Database
from linli.db.throttle import Throttle, source_of
from linli.db.turns import take_turn
from linli.enrolment import (
    MAX_VALID_FOR,
    REASONS,
    VALID_FOR,
    Enrolment,
    Standing,
    digest,
    judge,
    new_code,
    read_code,
)
from linli.errors import NotFound, Refused, TooMany
from linli.i18n import Text
from linli.model import Gateway

KEPT_FOR = 30 * DAY
"""So long after it ended a code is still told apart from one that nobody made."""

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code that was made just now. It is nowhere else in clear."""

    code: str
    gateway: Gateway
    expires_at: int


class SqlEnrolments:
    """The table `enrolments`. Safe to call from several threads; tries are counted for as long as the object lives."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._throttle = Throttle()

    def invite(self, gateway: str, by: str, valid_for: int = VALID_FOR) -> Invitation:
        """A code for the gateway, good for `valid_for` microseconds; one that waited for it until now no longer is.

        `by`: who asks, kept with it. NotFound for a gateway that is not registered, Refused 'bad_duration' for more than
        seven days or nothing.
        """
        if not 0 < valid_for <= MAX_VALID_FOR:
            raise refusal(
                "bad_duration",
                Text("注册码的有效期为 1 小时到 7 天", "a code is good for between an hour and seven days"),
            )
        now, code = self._clock.now(), new_code()
        letters = read_code(code)
        assert letters is not None
        table = schema.enrolments
        with self._database.write() as connection:
            take_turn(connection, table)
            found = _gateway(connection, gateway)
            connection.execute(delete(table).where(table.c.expires_at < now - KEPT_FOR))
            connection.execute(
                update(table)
                .where(table.c.gateway_id == gateway, table.c.redeemed_at.is_(None), table.c.expires_at > now)
                .values(expires_at=now)
            )
            connection.execute(
                insert(table).values(
                    code_hash=digest(letters),
                    gateway_id=gateway,
                    created_by=by[:64],
                    created_at=now,
                    expires_at=now + valid_for,
                )
            )
            facts = {"expires_at": now + valid_for}
            act = Act("enrolment.invited", who_of(by), "gateway", (gateway,), found.community, facts=facts)
            append(connection, act, now)
        _log.info("%s invited gateway %s", by, gateway)
        return Invitation(code, found, now + valid_for)

    def redeem(self, code: str, attempt: str, address: str, give: Callable[[Gateway, bool], _T]) -> _T:
        """What `give` gives the gateway of the code, which is used up with it; nothing is used up if `give` raises.

        `attempt`: a secret of the agent's. Who comes again with the same one, within minutes, is answered again: `give`
        is told so by its second argument. Refused with a reason of `linli.enrolment.REASONS`; TooMany after a few
        wrong tries from `address`, before anything is looked up.
        """
        self._take_try(address)
        letters = read_code(code)
        try:
            if letters is None:
                raise _not_taken("enrolment_unknown", address)
            with self._database.write() as connection:
                take_turn(connection, schema.enrolments)
                given = self._redeem(connection, digest(letters), digest(attempt), address, give)
        except Refused as refused:
            with self._database.write() as connection:
                facts = {"reason": refused.reason}
                act = Act("enrolment.refused", who_of(NOBODY, address), outcome=Outcome.REFUSED, facts=facts)
                append(connection, act, self._clock.now())
            raise
        self._throttle.forgive(_throttled(address), address)
        return given

    def _redeem(
        self, connection: Connection, code: str, attempt: str, address: str, give: Callable[[Gateway, bool], _T]
    ) -> _T:
        table, now = schema.enrolments, self._clock.now()
        row = connection.execute(select(table).where(table.c.code_hash == code)).one_or_none()
        if row is None:
            raise _not_taken("enrolment_unknown", address)
        standing = judge(Enrolment(row.gateway_id, row.expires_at, row.redeemed_at, row.attempt_hash), attempt, now)
        if standing in (Standing.USED, Standing.EXPIRED):
            raise _not_taken(f"enrolment_{standing}", address, row.gateway_id)
        if standing is Standing.OPEN:
            connection.execute(
                update(table)
                .where(table.c.code_hash == code)
                .values(redeemed_at=now, redeemed_from=address[:64], attempt_hash=attempt)
            )
        gateway = _gateway(connection, row.gateway_id)
        given = give(gateway, standing is Standing.AGAIN)
        who = who_of(NOBODY, address)
        append(connection, Act("enrolment.redeemed", who, "gateway", (gateway.id,), gateway.community), now)
        _log.info("gateway %s was enrolled from %s", row.gateway_id, address)
        return given

    def _take_try(self, address: str) -> None:
        wait = self._throttle.take(_throttled(address), address, self._clock.monotonic())
        if wait > 0:
            _log.warning("enrolment throttled from %s", address)
            seconds = max(1, round(wait))
            text = Text(f"尝试次数过多，请 {seconds} 秒后再试", f"too many tries; try again in {seconds} s")
            raise TooMany(text, retry_after_s=wait)


def refusal(reason: str, text: Text) -> Refused:
    """A Refused with words for people in both languages."""
    error = Refused(reason, text.en)
    error.text = text
    return error


def _throttled(address: str) -> str:
    """Tries are counted for each address alone: a code cannot be guessed, and nobody's guessing may lock out another."""
    return f"enrol {source_of(address)}"


def _not_taken(reason: str, address: str, gateway: str = "") -> Refused:
    _log.warning("enrolment refused (%s) from %s %s", reason, address, gateway)
    return refusal(reason, REASONS[reason])


def _gateway(connection: Connection, gateway: str) -> Gateway:
    found = registry.read_registry(connection).gateways.get(gateway)
    if found is None:
        raise NotFound(
            Text(
                f"没有登记网关 {gateway:.64}：请先执行 linli gateway add",
                f"there is no gateway {gateway:.64}: register it first, with linli gateway add",
            )
        )
    return found
