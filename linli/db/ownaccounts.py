"""Which person of the registry an account is: said when the account is made or later, carried over when two records of one person
become one, gone when the person is erased.

All of it runs in the transaction of what causes it, some of which a person's request has confined: accounts are Linli's own.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from linli.db import schema
from linli.db.proofs import hashed, make_password
from linli.db.scoping import unconfined
from linli.db.signin_events import LINLI, Happening, SignInEvent, record
from linli.errors import Conflict, NotFound
from linli.i18n import Text
from linli.registry.changes import Origin

_BESIDE = (schema.sessions, schema.second_factors, schema.recovery_codes, schema.identities)
"""What is kept of an account in rows of their own, and goes with whom it was about."""


def check_person(connection: Connection, user: str, person: str) -> None:
    """That the account may be this person: NotFound unless there is one, Conflict if another account is already."""
    table = schema.persons
    row = connection.execute(select(table).where(table.c.id == person)).one_or_none()
    if row is None or row.removed_at is not None:
        raise NotFound(Text(f"没有登记居民 {person:.64}", f"there is no person {person:.64} in the registry"))
    other = [one.name for one in _accounts_of(connection, [person]) if one.id != user]
    if other:
        zh, en = f"账号 {other[0]} 已关联此人", f"the account {other[0]} is this person's already"
        raise Conflict(Text(zh, en))


def carry_over(connection: Connection, duplicate: str, survivor: str, origin: Origin) -> None:
    """The duplicate's account is the survivor's. If the survivor has one too, that stays and the other is nobody's."""
    has = bool(_accounts_of(connection, [survivor]))
    for account in _accounts_of(connection, [duplicate]):
        person = None if has else survivor
        _write(connection, account.id, {"person_id": person})
        detail = {"person": person or ""}
        record(
            connection,
            SignInEvent(Happening.ACCOUNT_CHANGED, origin.at, origin.actor or LINLI, account.id, detail=detail),
        )


def forget(connection: Connection, persons: Sequence[str], origin: Origin) -> list[str]:
    """Nobody signs in as these persons any more, and nothing personal stays of their accounts: the ids."""
    gone = [account.id for account in _accounts_of(connection, persons)]
    for user in gone:
        for table in _BESIDE:
            connection.execute(delete(table).where(table.c.user_id == user), execution_options=unconfined())
        left = {"person_id": None, "enabled": False, "name": user, "display_name": user}
        _write(connection, user, left | {"password_hash": hashed(make_password()), "one_time_until": None})
        by, detail = origin.actor or LINLI, {"enabled": "no", "person": ""}
        record(connection, SignInEvent(Happening.ACCOUNT_CHANGED, origin.at, by, user, detail=detail))
    return gone


def _accounts_of(connection: Connection, persons: Sequence[str]) -> list[Row[Any]]:
    table = schema.users
    found = select(table.c.id, table.c.name).where(table.c.person_id.in_(persons)).order_by(table.c.id)
    return list(connection.execute(found, execution_options=unconfined()))


def _write(connection: Connection, user: str, values: dict[str, Any]) -> None:
    table = schema.users
    change = update(table).where(table.c.id == user).values(values)
    connection.execute(change, execution_options=unconfined())
