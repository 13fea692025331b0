"""The registry's own counting: its version, and the history of each item, written in the transaction that changes it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, TableClause, insert, select, update

from linli.audit import MAX_IDS, Act, Fact
from linli.auditwho import NOBODY_ASKED, who_of
from linli.auditwords import VERBS
from linli.db import schema
from linli.db.audit import append_last
from linli.db.scoping import permit_shared
from linli.db.turns import take_turn
from linli.registry.changes import PEOPLE, Key, Origin
from linli.registry.facts import RECORDED
from linli.registry.kinds import FOLLOWED, KINDS, Item, community_of, kind_of, person_of
from linli.registry.model import Holiday

_VERSION, _ACTS = 1, 2
"""Rows of `registry_version`."""

OUR_SOURCES = frozenset((*PEOPLE, RECORDED))
"""Sources that are no name of anything."""


class Entry(NamedTuple):
    """What an item is from now on, or was until it is `removed` now. `watched`: ingest, rules and replays are told."""

    item: Item | Holiday
    removed: bool = False
    watched: bool = True


def take_turns(connection: Connection, *more: TableClause) -> None:
    """Wait for the turn to change the registry, and whatever `more` a transaction changes: what is read from now on still
    holds when it is written. All of it at once, always: two that each wait for what the other has would wait for good."""
    take_turn(connection, schema.registry_version, schema.inhabitant_history, *more)
    _count_up(connection, _ACTS)


def read_acts(connection: Connection) -> int:
    """How often anybody has taken the turn: while it is the same, nothing of the registry has changed, nor what is said of it."""
    return _read(connection, _ACTS)


def remember(connection: Connection, entries: Sequence[Entry], origin: Origin) -> None:
    """Append to the histories; the version is counted up, once, if any of it is not personal."""
    personal = [entry for entry in entries if kind_of(entry.item) in KINDS and KINDS[kind_of(entry.item)].personal]
    mine = set(map(id, personal))
    others = [entry for entry in entries if id(entry) not in mine]
    if others:
        version = count_up(connection)
        connection.execute(insert(schema.registry_history), [_shared(entry, version, origin) for entry in others])
    if personal:
        connection.execute(insert(schema.inhabitant_history), [_personal(entry, origin) for entry in personal])
    for act in acts_of(entries, origin):
        append_last(connection, act, origin.at)


def count_up(connection: Connection) -> int:
    """The registry's next version."""
    _count_up(connection, _VERSION)
    return read_version(connection)


def read_version(connection: Connection) -> int:
    """How often the registry has changed; 0 for an empty one."""
    return _read(connection, _VERSION)


def _count_up(connection: Connection, row: int) -> None:
    """Permitted to everybody who may change anything: it is a count of changes, and says of none."""
    table, permitted = schema.registry_version, permit_shared()
    counted = update(table).where(table.c.id == row).values(version=table.c.version + 1)
    if connection.execute(counted, execution_options=permitted).rowcount == 0:
        connection.execute(insert(table).values(id=row, version=1), execution_options=permitted)


def _read(connection: Connection, row: int) -> int:
    table = schema.registry_version
    return connection.execute(select(table.c.version).where(table.c.id == row)).scalar() or 0


def acts_of(entries: Sequence[Entry], origin: Origin) -> list[Act]:
    """What the audit log has of it: who changed what. Of a large import only how much of each kind; the history, which is
    sealed, has the rest."""
    who = who_of(origin.actor or NOBODY_ASKED)
    known, typed = told_of(origin.source)
    if len(entries) > MAX_IDS:
        counts = Counter(kind_of(entry.item) for entry in entries)
        return [Act("registry.loaded", who, "record", facts={**known, **counts}, details=typed)]
    groups: dict[tuple[str, str, str | None], dict[str, None]] = {}
    for entry in entries:
        verb, kind, name = _named(entry)
        groups.setdefault((verb, kind, community_of(entry.item) or None), {})[name] = None
    return [
        Act(verb, who, kind, tuple(names), community, facts=known, details=typed)
        for (verb, kind, community), names in groups.items()
    ]


def told_of(source: str | None) -> tuple[dict[str, Fact], dict[str, Fact]]:
    """Of where a change is from, what the audit log has in its chain, and what beside it: a word of ours, and what somebody typed,
    which may name a person and can be erased."""
    told: dict[str, Fact] = {} if source is None else {"source": source}
    return (told, {}) if source in OUR_SOURCES else ({}, told)


def _named(entry: Entry) -> tuple[str, str, str]:
    """The verb, the kind and the id of a change, as the audit log has them. A household's or a resident's is the person's."""
    item, kind = entry.item, kind_of(entry.item)
    end = "removed" if entry.removed else "changed"
    if isinstance(item, Holiday):
        return f"registry.holiday.{end}", "holiday", f"{item.community}/{item.day}"
    if (person := person_of(item)) is not None:
        return ("person.removed" if entry.removed and kind == "person" else "person.changed"), "person", person
    if f"registry.{kind}.{end}" in VERBS:
        return f"registry.{kind}.{end}", kind, item.id
    return f"registry.record.{end}", "record", f"{kind}:{item.id}"


def key_of(item: Item) -> Key:
    """Names the item."""
    return Key(kind_of(item), item.id)


def _shared(entry: Entry, version: int, origin: Origin) -> dict[str, Any]:
    return {
        "version": version,
        "at": origin.at,
        "kind": kind_of(entry.item),
        "item_id": entry.item.id,
        "content": None if entry.removed else msgspec.to_builtins(entry.item),
        "known_since": False,
        "community_id": community_of(entry.item),
        "actor": origin.actor,
        "source": origin.source,
        "watched": entry.watched and kind_of(entry.item) in FOLLOWED,
    }


def _personal(entry: Entry, origin: Origin) -> dict[str, Any]:
    item = entry.item
    return {
        "at": origin.at,
        "kind": kind_of(item),
        "item_id": item.id,
        "community_id": community_of(item),
        "person_id": None if isinstance(item, Holiday) else person_of(item),
        "content": None if entry.removed else msgspec.to_builtins(item),
        "removed": entry.removed,
        "actor": origin.actor,
        "source": origin.source,
    }
