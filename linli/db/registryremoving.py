"""Taking items out of the registry and bringing them back. A removed item is out of lists and snapshots; its row, its history
and its id stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, update

from linli.clock import SystemClock
from linli.db import schema
from linli.db.registryfacts import drop_doubts, renew_doubts
from linli.db.registrylog import Entry, remember, take_turns
from linli.db.registryplaces import columns_of, follow
from linli.db.registryreferences import belongs, check_references, needed_by
from linli.db.registryrows import SHAPES, items_of, rows_by_id
from linli.errors import Conflict, NotFound
from linli.i18n import Text
from linli.registry.changes import Key, NeededBy, Origin, Outdated, name_of
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Place


def remove(
    connection: Connection,
    keys: Iterable[Key],
    origin: Origin,
    *,
    along: bool = False,
    expected: Mapping[Key, int] | None = None,
) -> list[Key]:
    """Take these items out, together; what was removed. A device's equipment is a part of it and goes with it.

    With `along`, what belongs to them goes first (a building's rooms, a gateway's devices). NeededBy names all that refers to
    them and does not go along: also then what only names them (a team its communities, a device its switch). NotFound for
    what is not there, Outdated if one has another revision than `expected`. What devices have sent stays in the store.
    """
    first = list(dict.fromkeys(keys))
    for key in first:
        if key.kind == "equipment":
            raise _conflict(key, Text("随设备一并移除", "goes with its device alone"))
    take_turns(connection)
    for key in first:
        row = _row(connection, key)
        if expected is not None and expected.get(key, row.revision) != row.revision:
            raise Outdated(key, expected[key], row.revision)
    gone = _with_all_that_refer(connection, first, along=along)
    _mark(connection, gone, origin)
    return gone


def restore(connection: Connection, keys: Iterable[Key], origin: Origin) -> None:
    """Bring removed items back as they were, together. Conflict for one that is not removed, was merged into another or is
    erased; BadItem if something that it refers to is not there, or its number was given to another place meanwhile."""
    wanted = list(dict.fromkeys(keys))
    take_turns(connection)
    items: dict[Key, Item] = {}
    for key in wanted:
        row = rows_by_id(connection, SHAPES[key.kind].table, [key.id]).get(key.id)
        if row is None:
            raise not_there(key)
        if row.removed_at is None:
            raise _conflict(key, Text("没有被移除", "is not removed"))
        if row._mapping.get("merged_into") is not None:
            raise _conflict(key, Text("已并入另一项，不能恢复", "was merged into another and cannot come back"))
        if row._mapping.get("erased_at") is not None:
            raise _conflict(key, Text("的信息已经删除，不能恢复", "is erased and cannot come back"))
        (items[key],) = items_of(connection, key.kind, [row])
    rows = rows_by_id(connection, schema.devices, (key.id for key in items if key.kind == "device"))
    equipment: list[Item] = items_of(connection, "equipment", list(rows.values()))
    check_references(connection, [*items.values(), *equipment], items)
    places = {item.id: item for item in items.values() if isinstance(item, Place)}
    columns = columns_of(connection, places)
    for key in items:
        _bring_back(connection, key, origin, columns.get(key.id, {}) if key.kind == "place" else {})
    follow(connection, places)
    unknown = _unknown(connection, list(items))
    remember(connection, [Entry(item, watched=key not in unknown) for key, item in items.items()], origin)
    renew_doubts(connection, [*items.values(), *equipment])


def remove_device(connection: Connection, device: str, at: int | None = None) -> bool:
    """Take a device out of the registry; whether it was there. What it has sent stays in the store."""
    key = Key("device", device)
    try:
        remove(connection, [key], Origin(SystemClock().now() if at is None else at))
    except NotFound:
        return False
    return True


def not_there(key: Key) -> NotFound:
    """There is no such item, or it is removed."""
    word = name_of(key)
    return NotFound(Text(f"没有{word.zh}", f"there is no {word.en}"))


def _row(connection: Connection, key: Key) -> Row[Any]:
    row = rows_by_id(connection, SHAPES[key.kind].table, [key.id]).get(key.id)
    if row is None or row.removed_at is not None:
        raise not_there(key)
    return row


def _with_all_that_refer(connection: Connection, keys: Sequence[Key], *, along: bool) -> list[Key]:
    """The items, each after all that refer to it."""
    found: dict[Key, None] = {}
    staying: dict[Key, list[Key]] = {}
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found[key] = None
        for other, by in needed_by(connection, key).items():
            (waiting if along and belongs(other, by) else staying.setdefault(key, [])).append(other)
    for key, others in staying.items():
        left = [other for other in others if _whole(other) not in found]
        if left:
            raise NeededBy(key, left)
    order = list(KINDS)
    return sorted(found, key=lambda key: -order.index(key.kind))


def _whole(key: Key) -> Key:
    """What goes when it goes: equipment is a part of its device."""
    return Key("device", key.id) if key.kind == "equipment" else key


def _mark(connection: Connection, keys: Sequence[Key], origin: Origin) -> None:
    unknown = _unknown(connection, keys)
    entries: list[Entry] = []
    for kind in dict.fromkeys(key.kind for key in keys):
        ids = [key.id for key in keys if key.kind == kind]
        table = SHAPES[kind].table
        rows = rows_by_id(connection, table, ids)
        items = items_of(connection, kind, list(rows.values()))
        entries += [Entry(item, removed=True, watched=Key(kind, item.id) not in unknown) for item in items]
        freed = {"code_key": None, "address_key": None} if kind == "place" else {}
        gone = {"removed_at": origin.at, "changed_at": origin.at, "revision": table.c.revision + 1} | freed
        change = update(table).where(table.c.id == bindparam("its_id")).values(gone)
        connection.execute(change, [{"its_id": key} for key in ids])
    drop_doubts(connection, [*keys, *(Key("equipment", key.id) for key in keys if key.kind == "device")])
    remember(connection, entries, origin)


def _bring_back(connection: Connection, key: Key, origin: Origin, values: Mapping[str, Any]) -> None:
    table = SHAPES[key.kind].table
    all_values = {"removed_at": None, "changed_at": origin.at, "revision": table.c.revision + 1, **values}
    connection.execute(update(table).where(table.c.id == key.id).values(all_values))


def _unknown(connection: Connection, keys: Sequence[Key]) -> set[Key]:
    """Those of them that ingest and rules do not know."""
    rows = rows_by_id(connection, schema.places, (key.id for key in keys if key.kind == "place"))
    return {Key("place", row.id) for row in rows.values() if not row.watched}


def _conflict(key: Key, said: Text) -> Conflict:
    word = name_of(key)
    return Conflict(Text(f"{word.zh}{said.zh}", f"{word.en} {said.en}"))
