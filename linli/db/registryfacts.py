"""What each source says of the registry's items, and what of it counts: `record` writes, the rest shows.

An item's row holds what counts. The statements behind it are kept beside, one row for each item and source; which items
somebody should look at, and from when, is kept up with each change, so that the queue of them is one look into an index.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, insert, select, tuple_

from linli.db import schema
from linli.db.registrylog import key_of, take_turns
from linli.db.registryrows import SHAPES, items_of, portions, rows_by_id
from linli.db.registrywriting import put
from linli.registry.changes import PERSON, Key, Origin, Written
from linli.registry.facts import (
    RECORDED,
    Claim,
    Claims,
    Fact,
    contradicted_from,
    doubtful,
    facts,
    stale_from,
)
from linli.registry.kinds import KINDS, Item, community_of, person_of
from linli.registry.settling import Settled, counting, settle, values_of

MOST = 1_000
"""So many items of the queue at once."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of what a source said. `contradicted`: items of which it says other than another source, whatever counts."""

    written: Written
    contradicted: tuple[Key, ...] = ()


class Waiting(NamedTuple):
    """Where an item is in the queue: the next page begins after it."""

    since: int
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """An item that somebody should look at: what counts of its fields, which are contradicted (by whom: `Fact.against`), and
    which are stale."""

    place: Waiting
    community: str | None
    facts: Mapping[str, Fact]
    contradicted: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def key(self) -> Key:
        """The item."""
        return Key(self.place.kind, self.place.id)


def record(
    connection: Connection,
    items: Iterable[Item],
    origin: Origin,
    fields: Collection[str] | None = None,
    expected: Mapping[Key, int] | None = None,
) -> Recorded:
    """Take what `origin.source` says of these items: its word is kept, and each item gets the values that count.

    `fields`: what of the items it speaks of; None: all that it has a value for, or for a person's word all that is other than
    it was. (A person who confirms what is there, and so ends a contradiction, names the fields.) A value that was in the
    registry without a source, and is contradicted, becomes the word of RECORDED. Raises as `registrywriting.put` does.
    """
    wanted = {key_of(item): item for item in items}
    take_turns(connection)
    there = _there(connection, wanted)
    before = statements_of(connection, wanted)
    source = origin.source or RECORDED
    settled: dict[Key, Settled] = {}
    for key, item in wanted.items():
        old, at = there.get(key, (None, 0))
        settled[key] = settle(item, _spoken(source, item, old, fields), old, at, before.get(key, {}), origin)
    written = put(connection, (one.item for one in settled.values()), origin, expected)
    changed = {key: one for key, one in settled.items() if one.sources != before.get(key, {})}
    sources = {key: one.sources for key, one in changed.items()}
    _keep(connection, {key: one.item for key, one in changed.items()}, before, sources)
    _keep_doubts(connection, {key: (one.item, one.facts) for key, one in changed.items()})
    against = (key for key, one in settled.items() if any(fact.against for fact in one.facts.values()))
    return Recorded(written, tuple(against))


def _spoken(source: str, item: Item, old: Item | None, fields: Collection[str] | None) -> list[str]:
    """The fields that a source speaks of, as `record` has it."""
    now = values_of(item)
    if fields is not None:
        return [name for name in now if name in fields]
    if source != PERSON:
        return [*now]
    if old is None:
        return [name for name, value in now.items() if value is not None]
    was = values_of(old)
    return [name for name in now if now[name] != was[name]]


def statements_of(connection: Connection, keys: Iterable[Key]) -> dict[Key, dict[str, Claims]]:
    """What each source says of these items, by item and source."""
    result: dict[Key, dict[str, Claims]] = {}
    for kind, ids in _by_kind(keys).items():
        table = _table(kind)
        for asked in portions(ids):
            query = select(table.c.item_id, table.c.source, table.c.said)
            for key, source, words in connection.execute(query.where(table.c.kind == kind, table.c.item_id.in_(asked))):
                claims = {name: Claim(*claim) for name, claim in words.items()}
                result.setdefault(Key(kind, key), {})[source] = claims
    return result


def facts_of(connection: Connection, key: Key) -> dict[str, Fact]:
    """What counts of each field of an item that anybody said something of, by whom, and who contradicts it."""
    return facts(statements_of(connection, [key]).get(key, {}))


def doubts(
    connection: Connection,
    now: int,
    after: Waiting | None = None,
    limit: int = 100,
    kinds: Collection[str] | None = None,
    *,
    contradicted: bool | None = None,
) -> list[Doubt]:
    """The queue of items to look at, those that wait longest first, from `after` on, at most `limit` (of MOST).

    `kinds`: these kinds only; `contradicted`: only those that are contradicted, or only those that are merely stale.
    """
    table = schema.doubts
    order = (table.c.doubtful_from, table.c.kind, table.c.item_id)
    query = select(table).where(table.c.doubtful_from <= now).order_by(*order).limit(min(limit, MOST))
    if after is not None:
        query = query.where(table.c.doubtful_from >= after.since, tuple_(*order) > tuple_(*after))
    if kinds is not None:
        query = query.where(table.c.kind.in_(list(kinds)))
    if contradicted is not None:
        query = query.where(table.c.contradicted == contradicted)
    rows = connection.execute(query).all()
    statements = statements_of(connection, [Key(row.kind, row.item_id) for row in rows])
    return [
        _doubt(Waiting(row.doubtful_from, row.kind, row.item_id), row.community_id, statements, now) for row in rows
    ]


def _doubt(place: Waiting, community: str | None, statements: Mapping[Key, Mapping[str, Claims]], now: int) -> Doubt:
    known = facts(statements.get(Key(place.kind, place.id), {}))
    stale = {name: stale_from(place.kind, name, one) for name, one in known.items()}
    return Doubt(
        place,
        community,
        known,
        tuple(name for name, one in known.items() if contradicted_from(one) is not None),
        tuple(name for name, since in stale.items() if since is not None and since <= now),
    )


def drop_doubts(connection: Connection, keys: Iterable[Key]) -> None:
    """Nobody has to look at these items any more."""
    table = schema.doubts
    for kind, ids in _by_kind(keys).items():
        for asked in portions(ids):
            connection.execute(delete(table).where(table.c.kind == kind, table.c.item_id.in_(asked)))


def renew_doubts(connection: Connection, items: Sequence[Item]) -> None:
    """Judge anew from when somebody should look at these items."""
    by_key = {key_of(item): item for item in items}
    statements = statements_of(connection, by_key)
    _keep_doubts(connection, {key: (by_key[key], facts(sources)) for key, sources in statements.items()})


def move_statements(connection: Connection, of: Key, to: Key, origin: Origin) -> None:
    """What was said of one item is said of the other from now on, each by its source; of one source's two words the later
    stands. The item gets the values that count. (Two records of one thing have become one.)"""
    before = statements_of(connection, [of, to])
    mine = before.get(to, {})
    after: dict[str, Claims] = dict(mine)
    for source, claims in before.get(of, {}).items():
        both = [*claims.items(), *mine.get(source, {}).items()]
        after[source] = dict(sorted(both, key=lambda one: one[1].at))
    (item, _) = _there(connection, [to])[to]
    known = facts(after)
    if after != mine:
        settled = counting(item, known)
        put(connection, [settled], origin)
        _keep(connection, {to: settled}, {to: mine}, {to: after})
        _keep_doubts(connection, {to: (settled, known)})
    _forget(connection, of)


def settle_as_they_are(connection: Connection, items: Iterable[Item], origin: Origin) -> None:
    """Where these items were written otherwise than what was said of them, whoever did so has said it: else what was said before
    would come back with the next word about anything else of the item."""
    by_key = {key_of(item): item for item in items}
    said = replace(origin, source=PERSON, confidence=1.0)
    for key, sources in statements_of(connection, by_key).items():
        values = values_of(by_key[key])
        other = [name for name, one in facts(sources).items() if name in values and values[name] != one.value]
        if other:
            record(connection, [by_key[key]], said, other)


def _forget(connection: Connection, key: Key) -> None:
    table = _table(key.kind)
    connection.execute(delete(table).where(table.c.kind == key.kind, table.c.item_id == key.id))
    drop_doubts(connection, [key])


# --- keeping it ------------------------------------------------------------------------------------------------------


def _there(connection: Connection, wanted: Iterable[Key]) -> dict[Key, tuple[Item, int]]:
    """Those of these items that are there, and when they were last changed."""
    found: dict[Key, tuple[Item, int]] = {}
    for kind, ids in _by_kind(wanted).items():
        rows = [row for row in rows_by_id(connection, SHAPES[kind].table, ids).values() if row.removed_at is None]
        for row, item in zip(rows, items_of(connection, kind, rows), strict=True):
            found[Key(kind, row.id)] = (item, row.changed_at)
    return found


def _keep(
    connection: Connection,
    items: Mapping[Key, Item],
    before: Mapping[Key, Mapping[str, Claims]],
    after: Mapping[Key, Mapping[str, Claims]],
) -> None:
    for personal in (False, True):
        table = schema.inhabitant_statements if personal else schema.statements
        rows: list[dict[str, Any]] = []
        gone: list[tuple[str, str, str]] = []
        for key, sources in after.items():
            if KINDS[key.kind].personal != personal:
                continue
            for source, claims in sources.items():
                if before.get(key, {}).get(source) == claims:
                    continue
                if source in before.get(key, {}):
                    gone.append((key.kind, key.id, source))
                rows.append(_row(key, source, claims, items[key]))
        named = tuple_(table.c.kind, table.c.item_id, table.c.source)
        for asked in portions(gone):
            connection.execute(delete(table).where(named.in_(asked)))
        if rows:
            connection.execute(insert(table), rows)


def _row(key: Key, source: str, claims: Claims, item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {
        "kind": key.kind,
        "item_id": key.id,
        "source": source,
        "community_id": community_of(item),
        "said": {name: list(claim) for name, claim in claims.items()},
    }
    return row | {"person_id": person_of(item)} if KINDS[key.kind].personal else row


def _keep_doubts(connection: Connection, items: Mapping[Key, tuple[Item, Mapping[str, Fact]]]) -> None:
    drop_doubts(connection, items)
    rows = [
        {
            "kind": key.kind,
            "item_id": key.id,
            "community_id": community_of(item),
            "contradicted": when.contradicted,
            "doubtful_from": when.since,
        }
        for key, (item, known) in items.items()
        if (when := doubtful(key.kind, known)) is not None
    ]
    if rows:
        connection.execute(insert(schema.doubts), rows)


def _by_kind(keys: Iterable[Key]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in keys:
        found.setdefault(key.kind, []).append(key.id)
    return found


def _table(kind: str) -> Table:
    return schema.inhabitant_statements if KINDS[kind].personal else schema.statements
