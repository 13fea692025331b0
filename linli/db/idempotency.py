"""Requests that change something and came with an idempotency key: what they were answered, kept for a day.

A key is a person's own. Who sends the same request with the same key again gets the answer again and nothing is done twice,
after a restart of Linli too. Of the key and the request only a SHA-256 is kept, and the answer sealed: it may hold a secret that is
shown once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from linli.clock import DAY, SECOND
from linli.db import schema
from linli.db.database import Database
from linli.sealing import NotSealedHere, Seals

KEPT_FOR = DAY
HOLD = 30 * SECOND
"""Who carries a request out holds its key until then, and on while it takes longer; a process that was killed lets go so."""

_KEYS = schema.idempotency_keys
_PUT = {
    name: put.on_conflict_do_nothing().returning(_KEYS.c.key_hash)
    for name, put in (("sqlite", sqlite.insert(_KEYS)), ("postgresql", postgresql.insert(_KEYS)))
}


class Verdict(Enum):
    """What a key is, when a request comes with it."""

    FRESH = "fresh"
    """Carry the request out."""
    DONE = "done"
    """It was carried out: give the answer again."""
    UNDER_WAY = "under_way"
    """It is being carried out."""
    OTHER = "other"
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key that was used. `status` None: there is no answer yet."""

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
    if known.status is not None:
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
        answer = self._open(claim, had.answer) if verdict is Verdict.DONE else ""
        if answer is None:
            verdict = Verdict.FRESH
        if verdict is Verdict.FRESH:
            connection.execute(update(_KEYS).where(*_is(claim)).values(**values))
        return verdict, answer or ""

    def hold_on(self, claim: Claim, now: int) -> None:
        """It takes longer."""
        self._change(claim, held_until=now + HOLD)

    def keep(self, claim: Claim, status: int, answer: str) -> None:
        """The request was carried out, and answered so."""
        sealed = self._seals.seal(answer, _whose(claim)).encode()
        self._change(claim, status=status, answer=sealed, held_by=None, held_until=0)

    def let_go(self, claim: Claim) -> None:
        """Nothing was done: the key is as if never used."""
        with self._database.write() as connection:
            connection.execute(delete(_KEYS).where(*_is(claim), _KEYS.c.held_by == claim.holder))

    def forget(self, now: int) -> int:
        """Delete those that are older than KEPT_FOR; how many."""
        with self._database.write() as connection:
            return connection.execute(delete(_KEYS).where(_KEYS.c.created_at <= now - KEPT_FOR)).rowcount

    def _change(self, claim: Claim, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(_KEYS).where(*_is(claim), _KEYS.c.held_by == claim.holder).values(**values))

    def _open(self, claim: Claim, sealed: bytes) -> str | None:
        try:
            return self._seals.open(bytes(sealed).decode(), _whose(claim))
        except NotSealedHere:  # the keys were changed: nobody can give that answer again
            return None


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
