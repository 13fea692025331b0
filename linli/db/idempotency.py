"""Requests that change something and came with an idempotency key: what they were answered, kept for a day.

A key is a person's own. Who sends the same request with the same key again gets the answer again and nothing is done twice,
after a restart of Linli too. Of the key and the request only a SHA-256 is kept, and the answer sealed: it may hold a secret that is
shown once. When a person is erased, every answer goes (`unkeep_answers`): which of them says something of that person nobody can
tell. The keys stay used, so that nothing is done twice.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, LargeBinary, Row, case, cast, delete, func, literal, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from linli.clock import DAY, SECOND
from linli.db import schema
from linli.db.database import Database
from linli.db.scoping import unconfined
from linli.errors import LinliError
from linli.keeping import FIXED, Kept
from linli.sealing import NotSealedHere, Seals

_log = logging.getLogger(__name__)

KEPT_FOR = FIXED[Kept.IDEMPOTENCY] * DAY
"""So long a key is known; retention deletes it then (`linli.db.retaining`)."""

HOLD = 30 * SECOND
"""Who carries a request out holds its key until then, and on while it takes longer; a process that was killed lets go so."""

_KEYS = schema.idempotency_keys
_PUT = {
    name: put.on_conflict_do_nothing().returning(_KEYS.c.key_hash)
    for name, put in (("sqlite", sqlite.insert(_KEYS)), ("postgresql", postgresql.insert(_KEYS)))
}


_UNKEPT = 0
"""The status of a request that is under way, and whose answer is not to be kept."""


class Verdict(Enum):
    """What a key is, when a request comes with it."""

    FRESH = "fresh"
    """Carry the request out."""
    DONE = "done"
    """It was carried out: give the answer again."""
    UNDER_WAY = "under_way"
    """It is being carried out."""
    GONE = "gone"
    """It was carried out, and nobody can give its answer again."""
    OTHER = "other"
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key that was used. `status` None or 0: there is no answer yet."""

    request_hash: str
    created_at: int
    held_until: int
    status: int | None


def judge(known: Known | None, request_hash: str, now: int) -> Verdict:
    """What the key is by now. Decides only."""
    if known is None or now - known.created_at >= KEPT_FOR:
        return Verdict.FRESH
    if known.request_hash != request_hash:
        return Verdict.OTHER
    if known.status:
        return Verdict.DONE
    return Verdict.UNDER_WAY if known.held_until > now else Verdict.FRESH


@dataclass(frozen=True, slots=True)
class Claim:
    """A key as this process holds it."""

    person: str
    key_hash: str
    holder: str


class SqlIdempotency:
    """The keys of everybody. Safe to call from several threads."""

    def __init__(self, database: Database, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    def begin(self, claim: Claim, request_hash: str, now: int) -> tuple[Verdict, str]:
        """What the key is; FRESH: it is held for the request from now on. With DONE comes the answer."""
        values = {
            "request_hash": request_hash,
            "created_at": now,
            "held_by": claim.holder,
            "held_until": now + HOLD,
            "status": None,
            "answer": None,
        }
        with self._database.write() as connection:
            row = {"person_id": claim.person, "key_hash": claim.key_hash} | values
            while connection.execute(_PUT[connection.dialect.name], row).first() is None:
                had = connection.execute(select(_KEYS).where(*_is(claim)).with_for_update()).one_or_none()
                if had is not None:  # None: it was let go between the two
                    return self._judge(connection, claim, had, values, now)
        return Verdict.FRESH, ""

    def _judge(
        self, connection: Connection, claim: Claim, had: Row[Any], values: Mapping[str, Any], now: int
    ) -> tuple[Verdict, str]:
        known = Known(had.request_hash, had.created_at, had.held_until, had.status)
        verdict = judge(known, values["request_hash"], now)
        if verdict is Verdict.FRESH:
            connection.execute(update(_KEYS).where(*_is(claim)).values(**values))
        if verdict is not Verdict.DONE:
            return verdict, ""
        answer = self._open(claim, had.answer)
        return (Verdict.GONE, "") if answer is None else (verdict, answer)

    def hold_on(self, claim: Claim, now: int) -> None:
        """It takes longer."""
        self._change(claim, held_until=now + HOLD)

    def keep(self, claim: Claim, status: int, answer: str | None) -> None:
        """The request was carried out, and answered so; None: with what is not kept. Nor is it if somebody was erased meanwhile, or
        it cannot be sealed: that it was done is kept all the same."""
        sealed = None
        if answer is not None:
            try:
                sealed = self._seals.seal(answer, _whose(claim)).encode()
            except (OSError, ValueError, LinliError) as error:
                _log.error("an answer cannot be sealed, and is not kept with its idempotency key: %s", error)
        kept = case((_KEYS.c.status.is_(None), cast(literal(sealed, LargeBinary), LargeBinary)))
        self._change(claim, status=status, answer=kept, held_by=None, held_until=0)

    def let_go(self, claim: Claim) -> None:
        """Nothing was done: the key is as if never used."""
        with self._database.write() as connection:
            connection.execute(delete(_KEYS).where(*_is(claim), _KEYS.c.held_by == claim.holder))

    def _change(self, claim: Claim, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(_KEYS).where(*_is(claim), _KEYS.c.held_by == claim.holder).values(**values))

    def _open(self, claim: Claim, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        try:
            return self._seals.open(bytes(sealed).decode(), _whose(claim))
        except NotSealedHere:  # the keys were changed: nobody can give that answer again
            return None


def unkeep_answers(connection: Connection) -> None:
    """Let no answer stay, nor any of a request that is under way be kept: they may say something of somebody who is erased in this
    transaction. Who comes with such a key again is told that it was done. No request with a key begins or ends until the
    transaction has, or it could still read the person and be answered with what it read."""
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("LOCK TABLE idempotency_keys IN SHARE ROW EXCLUSIVE MODE"), execution_options=unconfined()
        )
    status = func.coalesce(_KEYS.c.status, _UNKEPT)
    connection.execute(update(_KEYS).values(status=status, answer=None), execution_options=unconfined())


def claim_of(person: str, key: str, holder: str) -> Claim:
    """The claim to a key as it came with a request."""
    return Claim(person, hashlib.sha256(key.encode()).hexdigest(), holder)


def hash_of(parts: Mapping[str, str], body: bytes) -> str:
    """What tells one request from another: what it asks, as whom, and its body."""
    digest = hashlib.sha256()
    for name in sorted(parts):
        for word in (name, parts[name]):
            digest.update(f"{len(word)}:{word}".encode("utf-8", "surrogatepass"))
    digest.update(body)
    return digest.hexdigest()


def _is(claim: Claim) -> tuple[Any, Any]:
    return _KEYS.c.person_id == claim.person, _KEYS.c.key_hash == claim.key_hash


def _whose(claim: Claim) -> str:
    return f"idempotency {claim.person} {claim.key_hash}"
