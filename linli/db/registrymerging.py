"""Duplicates: two records of one person or device become one. The survivor gets all that referred to the duplicate and all
that was said of it; the duplicate is removed and leads to the survivor. Its history stays under its own id."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, update

from linli.audit import Act, Fact
from linli.auditwho import NOBODY_ASKED, who_of
from linli.db import schema
from linli.db.audit import append_last
from linli.db.ownaccounts import carry_over
from linli.db.registryfacts import move_statements, settle_as_they_are
from linli.db.registryitems import Kept, get, get_many
from linli.db.registrylog import take_turns
from linli.db.registryreferences import needed_by
from linli.db.registryremoving import not_there, remove
from linli.db.registryrows import SHAPES
from linli.db.registrywriting import put
from linli.errors import Conflict
from linli.i18n import Text
from linli.registry.changes import Key, Origin, name_of
from linli.registry.inhabitants import Contact, Credential, Resident
from linli.registry.kinds import Item, community_of, references_of

MERGED = ("person", "device")
"""The kinds of which there are duplicates."""

_FILLED = ("sex", "born", "needs", "facility", "interval_s", "parent", "serial", "model", "in_service_since")
"""What a survivor that does not know it takes over from the duplicate."""


def merge(connection: Connection, duplicate: Key, survivor: Key, origin: Origin) -> list[Key]:
    """Make the survivor of the two what both are; which items were changed for it, or removed as they came twice.

    What the survivor does not know it learns from the duplicate; where they differ its own word counts, unless a source
    that counts for more said otherwise (`linli.registry.facts`). NotFound for what is not there; Conflict for two that are
    one, are of other kinds or of other communities.
    """
    take_turns(connection, *((schema.users, schema.memberships) if survivor.kind == "person" else ()))
    gone, stays = _both(connection, duplicate, survivor)
    touched = _move(connection, duplicate, survivor, origin)
    put(connection, _enriched(connection, gone.item, stays.item, survivor), origin)
    for kind in (survivor.kind, "equipment") if survivor.kind == "device" else (survivor.kind,):
        move_statements(connection, Key(kind, duplicate.id), Key(kind, survivor.id), origin)
    remove(connection, [duplicate], origin)
    table = SHAPES[duplicate.kind].table
    leads = table.c.id.in_([duplicate.id]) | (table.c.merged_into == duplicate.id)
    connection.execute(update(table).where(leads).values(merged_into=survivor.id))
    if survivor.kind == "person":
        carry_over(connection, duplicate.id, survivor.id, origin)
    verb, kind = ("person.merged", "person") if survivor.kind == "person" else ("registry.merged", survivor.kind)
    who, community = who_of(origin.actor or NOBODY_ASKED), community_of(stays.item)
    facts: dict[str, Fact] = {"duplicate": duplicate.id, "survivor": survivor.id}
    act = Act(verb, who, kind, (survivor.id, duplicate.id), community, facts=facts)
    append_last(connection, act, origin.at)
    return touched


def survivor_of(connection: Connection, key: Key) -> str:
    """The id under which the item is known now: its own, or that of the one it was merged into."""
    kept = get(connection, key) if key.kind in MERGED else None
    return key.id if kept is None or kept.merged_into is None else kept.merged_into


def _both(connection: Connection, duplicate: Key, survivor: Key) -> tuple[Kept, Kept]:
    if duplicate == survivor or duplicate.kind != survivor.kind or duplicate.kind not in MERGED:
        raise Conflict(
            Text(
                "只能合并两个不同的居民或两台不同的设备",
                "two persons or two devices can be merged, not one with itself",
            )
        )
    found: list[Kept] = []
    for key in (duplicate, survivor):
        kept = get(connection, key)
        if kept is None or kept.removed_at is not None:
            raise not_there(key)
        found.append(kept)
    gone, stays = found
    if community_of(gone.item) != community_of(stays.item):
        names = name_of(duplicate), name_of(survivor)
        raise Conflict(
            Text(
                f"{names[0].zh}与{names[1].zh}不在同一小区，不能合并",
                f"{names[0].en} and {names[1].en} are of two compounds and cannot be merged",
            )
        )
    return gone, stays


def _move(connection: Connection, duplicate: Key, survivor: Key, origin: Origin) -> list[Key]:
    """Make all that refers to the duplicate refer to the survivor; what the survivor has already is removed."""
    mine = _marks(connection, survivor)
    moved: list[Item] = []
    twice: list[Key] = []
    for other, fields in needed_by(connection, duplicate).items():
        kept = get(connection, other)
        if kept is None or other == survivor:
            continue
        item: Any = replace(kept.item, **dict.fromkeys(fields, survivor.id))  # type: ignore[arg-type]
        mark = _mark(item)
        if mark is not None and mark in mine:
            twice.append(other)
        else:
            moved.append(item)
            mine.add(mark)
    written = put(connection, moved, origin)
    settle_as_they_are(connection, moved, origin)
    if twice:
        remove(connection, twice, origin)
    return [*written.changed, *twice]


def _marks(connection: Connection, key: Key) -> set[tuple[str, ...] | None]:
    others = [get(connection, other) for other in needed_by(connection, key)]
    return {_mark(other.item) for other in others if other is not None}


def _mark(item: Item) -> tuple[str, ...] | None:
    """What two of a person's residences, contacts or credentials have in common if they are the same; None: nothing comes twice."""
    if isinstance(item, Resident):
        return ("resident", item.household, item.until or "")
    if isinstance(item, Contact):
        return ("contact", item.kind, item.value or "")
    if isinstance(item, Credential):
        return ("credential", item.value or "", item.since or "", item.until or "")
    return None


def _enriched(connection: Connection, gone: Item, stays: Item, survivor: Key) -> list[Item]:
    pairs = [(gone, stays)]
    if survivor.kind == "device":
        both = get_many(connection, "equipment", [gone.id, stays.id])
        pairs.append((both[gone.id].item, both[stays.id].item))
    result: list[Item] = []
    for other, mine in pairs:
        learnt: Mapping[str, Any] = {
            name: getattr(other, name)
            for name in _FILLED
            if getattr(mine, name, True) is None and getattr(other, name, None) is not None
        }
        if learnt.get("parent") == survivor.id:
            learnt = {name: value for name, value in learnt.items() if name != "parent"}
        item: Any = replace(mine, **learnt)
        if any(target == gone.id and kind == survivor.kind for _, kind, target in references_of(item)):
            above = getattr(other, "parent", None)
            item = replace(item, parent=None if above == survivor.id else above)
        result.append(item)
    return result
