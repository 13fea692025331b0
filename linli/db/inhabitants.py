"""All that is kept of one person, and nothing of it any more.

The rows stay when a person is erased, with what they said gone: ids that others wrote down lead to somebody who was erased,
not to nothing, and never to another. Ids are made of nothing personal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, or_, select, update

from linli.audit import Act
from linli.auditwho import NOBODY_ASKED, who_of
from linli.db import schema
from linli.db.addresses import addresses_of
from linli.db.audit import append, erase_texts
from linli.db.idempotency import unkeep_answers
from linli.db.ownaccounts import forget
from linli.db.registryfacts import drop_doubts
from linli.db.registryitems import Kept, kept_of
from linli.db.registrylog import take_turns
from linli.db.registryremoving import not_there, remove
from linli.db.registryrows import SHAPES, portions, rows_by_id
from linli.errors import Conflict
from linli.i18n import Text
from linli.registry.changes import Key, Origin
from linli.registry.kinds import KINDS

_THEIRS = tuple(kind for kind, of in KINDS.items() if "person" in of.refers)
"""Kinds of item that are one person's."""


FORMER = (
    schema.persons.c.removed_at.is_not(None),
    schema.persons.c.erased_at.is_(None),
    schema.persons.c.merged_into.is_(None),
)
"""People who were taken out, of whom something is still kept. Duplicates go with whom they were merged into."""


@dataclass(frozen=True, slots=True)
class PersonData:
    """All that is kept of a person: the records (their own and those of duplicates that were merged into it, what is removed
    too), each change of them, and what each source said. Plain values, as JSON has them."""

    records: list[dict[str, Any]]
    history: list[dict[str, Any]]
    statements: list[dict[str, Any]]


def person_data(connection: Connection, person: str) -> PersonData:
    """All that is kept of the person, of a home also its address; NotFound if there never was one of that id."""
    ids = ids_of(connection, person)
    records: list[dict[str, Any]] = []
    for kind in ("person", *_THEIRS):
        for kept in _kept(connection, kind, ids).values():
            told = {"kind": kind, "removed_at": kept.removed_at, "changed_at": kept.changed_at}
            records.append(told | {"content": msgspec.to_builtins(kept.item)})
    if not is_erased(connection, ids[0]):
        _add_addresses(connection, records)
    past, said = schema.inhabitant_history, schema.inhabitant_statements
    columns = (past.c.kind, past.c.item_id, past.c.at, past.c.content, past.c.removed, past.c.source)
    changes = select(*columns).where(past.c.person_id.in_(ids)).order_by(past.c.seq)
    words = select(said.c.kind, said.c.item_id, said.c.source, said.c.said).where(said.c.person_id.in_(ids))
    order = words.order_by(said.c.kind, said.c.item_id, said.c.source)
    return PersonData(
        records,
        [dict(row._mapping) for row in connection.execute(changes)],
        [dict(row._mapping) for row in connection.execute(order)],
    )


def erase_person(connection: Connection, person: str, origin: Origin, reason: str = "") -> int:
    """Let nothing of the person stay but that there was one; how many records were emptied. `reason` stays, in the audit log.

    The texts beside the audit log's entries go too, and so do the answers that are kept for idempotency keys, and the person's
    account: nobody signs in as them any more. What lies beside the register (swipes, pictures) goes by `linli.erasing`. NotFound; Conflict for one who is erased already.
    """
    take_turns(connection, schema.users, schema.memberships)
    ids = ids_of(connection, person)
    table = schema.persons
    if is_erased(connection, ids[0]):
        raise Conflict(Text(f"{person} 的信息已经删除", f"{person} is erased already"))
    theirs = {kind: _kept(connection, kind, ids) for kind in ("person", *_THEIRS)}
    there = [Key(kind, one) for kind, found in theirs.items() for one, kept in found.items() if kept.removed_at is None]
    remove(connection, there, origin)
    empty: dict[str, Any] = {"name": None, "sex": None, "born": None, "needs": None, "erased_at": origin.at}
    connection.execute(update(table).where(table.c.id.in_(ids)).values(empty))
    for kind, values in _EMPTY.items():
        of = SHAPES[kind].table
        connection.execute(update(of).where(of.c.person_id.in_(ids)).values(values))
    past, said = schema.inhabitant_history, schema.inhabitant_statements
    nothing = {"content": None, "source": None}
    connection.execute(update(past).where(past.c.person_id.in_(ids)).values(nothing))
    for kind, found in theirs.items():  # what was somebody else's by mistake before it was theirs
        for some in portions(found):
            connection.execute(update(past).where(past.c.kind == kind, past.c.item_id.in_(some)).values(nothing))
    connection.execute(delete(said).where(said.c.person_id.in_(ids)))
    drop_doubts(connection, [Key(kind, one) for kind, found in theirs.items() for one in found])
    accounts = forget(connection, ids, origin)
    unkeep_answers(connection)
    who = who_of(origin.actor or NOBODY_ASKED)
    append(connection, Act("person.erased", who, "person", tuple(ids)), origin.at)
    erase_texts(connection, who, ids, origin.at, reason, accounts=accounts)
    return sum(map(len, theirs.values()))


_EMPTY: dict[str, dict[str, Any]] = {
    "resident": {"since": None, "until": None},
    "contact": {"value": None, "verified_at": None},
    "consent": {"source": ""},
    "credential": {"value": None, "since": None, "until": None},
}
"""What of a person's records says something of them."""


def ids_of(connection: Connection, person: str) -> list[str]:
    """Every id that the person was known under: the survivor's first, then those of the duplicates that were merged into it.
    NotFound."""
    table = schema.persons
    row = connection.execute(select(table.c.id, table.c.merged_into).where(table.c.id == person)).one_or_none()
    if row is None:
        raise not_there(Key("person", person))
    main = row.merged_into or row.id
    query = select(table.c.id).where(or_(table.c.id == main, table.c.merged_into == main)).order_by(table.c.id)
    return sorted(connection.execute(query).scalars(), key=lambda one: one != main)


def is_erased(connection: Connection, person: str) -> bool:
    """Whether nothing is kept of the person of that id any more."""
    table = schema.persons
    return connection.execute(select(table.c.erased_at).where(table.c.id == person)).scalar() is not None


def _add_addresses(connection: Connection, records: Sequence[dict[str, Any]]) -> None:
    homes = {one["content"]["household"]: one for one in records if one["kind"] == "resident"}
    rows = rows_by_id(connection, schema.households, homes)
    addresses = addresses_of(connection, [row.place_id for row in rows.values()])
    for one in records:
        row = rows.get(one["content"].get("household", ""))
        if row is not None and row.place_id in addresses:
            one["address"] = msgspec.to_builtins(addresses[row.place_id])


def _kept(connection: Connection, kind: str, ids: list[str]) -> dict[str, Kept]:
    table = SHAPES[kind].table
    column = table.c.id if kind == "person" else table.c.person_id
    return kept_of(
        connection, kind, list(connection.execute(select(table).where(column.in_(ids)).order_by(table.c.id)))
    )
