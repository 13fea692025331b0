"""Writing to the registry: many items in one transaction, all or none.

    items --compare with the rows--> added | changed | same --check--> rows, addresses, history, what is watched

`put` is for whoever adds and changes things; `save` takes them as they are, for files that were checked and for tests.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from linli.clock import SystemClock
from linli.db import schema
from linli.db.registrylog import Entry, key_of, remember, take_turns
from linli.db.registryplaces import MANY, chain_of, columns_of, follow, make_way, parents_first, unwatched, watch
from linli.db.registryreferences import check_equipment, check_references
from linli.db.registryrows import AREAS, SHAPES, items_of, portions, row_of, rows_by_id
from linli.i18n import Text
from linli.registry.changes import AlreadyThere, BadItem, Key, Origin, Outdated, Written
from linli.registry.checks import check_id_of, check_item
from linli.registry.kinds import KINDS, Item, community_of
from linli.registry.model import Device, Facility, Holiday, Place, Team


@dataclass
class _Work:
    """What is to be done, by kind. `before`: what changed items were; `watch`: places that get to be known by it."""

    at: int
    added: dict[Key, Item] = field(default_factory=dict)
    changed: dict[Key, Item] = field(default_factory=dict)
    same: list[Key] = field(default_factory=list)
    before: dict[Key, Item] = field(default_factory=dict)
    place_columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    watched: set[str] = field(default_factory=set)

    @property
    def written(self) -> dict[Key, Item]:
        return self.added | self.changed

    def places(self) -> dict[str, Place]:
        return {item.id: item for item in self.written.values() if isinstance(item, Place)}


def put(
    connection: Connection,
    items: Iterable[Item],
    origin: Origin,
    expected: Mapping[Key, int] | None = None,
    *,
    revive: bool = False,
) -> Written:
    """Add each item, or change what has its id; what is as it was stays untouched, also its revision and history.

    Items may come in any order and refer to one another; of two with one key the later counts. `expected`: the revision
    that some of them were changed from (0: it is not there yet). Raises (give the transaction up then): BadItem for what is no
    sound item, refers to nothing, has a number that is another's, or is removed (with `revive` it comes back); Outdated, AlreadyThere.
    """
    wanted = _in_order(items)
    for item in wanted.values():
        check_item(item)
    take_turns(connection)
    work = _compare(connection, wanted, origin.at, expected or {}, revive=revive)
    written = list(work.written.values())
    check_references(connection, written, wanted)
    check_equipment(connection, written, wanted)
    _write(connection, work, origin)
    return Written(tuple(work.added), tuple(work.changed), tuple(work.same))


def save(
    connection: Connection, items: Iterable[Item | Holiday], at: int | None = None, actor: str | None = None
) -> None:
    """Add each, or replace what has its id (and bring it back if it was removed). Refused for a bad or reserved id.

    `at`: since when it is so, for the history; None: now, by the machine's clock. `actor`: who says so.
    """
    saved = list(items)
    holidays = [item for item in saved if isinstance(item, Holiday)]
    wanted = _in_order(item for item in saved if not isinstance(item, Holiday))
    for item in wanted.values():
        check_id_of(item)
    origin = Origin(SystemClock().now() if at is None else at, actor)
    take_turns(connection)
    work = _compare(connection, wanted, origin.at, {}, revive=True)
    _write(connection, work, origin, holidays)


def remove_holiday(connection: Connection, community: str, day: str, origin: Origin | None = None) -> bool:
    """Take a day out of a calendar ('' for the district's); whether it was there. Without `origin`: now, by nobody in particular."""
    table = schema.holidays
    here = (table.c.community_id == community, table.c.day == day)
    take_turns(connection)
    row = connection.execute(select(table).where(*here)).one_or_none()
    if row is None:
        return False
    connection.execute(delete(table).where(*here))
    gone = Holiday(community, day, row.is_holiday, Text(row.name_zh, row.name_en))
    remember(connection, [Entry(gone, removed=True)], origin or Origin(SystemClock().now()))
    return True


def _in_order(items: Iterable[Item]) -> dict[Key, Item]:
    """By key, each kind after those that it refers to, and places after their parents."""
    wanted = {key_of(item): item for item in items}
    found: dict[Key, Item] = {}
    for kind in KINDS:
        mine = {key.id: item for key, item in wanted.items() if key.kind == kind}
        if kind == "place":
            mine = {item.id: item for item in parents_first(mine)}  # type: ignore[arg-type]
        found |= {Key(kind, name): item for name, item in mine.items()}
    return found


# --- comparing with what is there ------------------------------------------------------------------------------------


def _compare(
    connection: Connection, wanted: Mapping[Key, Item], at: int, expected: Mapping[Key, int], *, revive: bool
) -> _Work:
    work = _Work(at)
    for kind, keys in groupby(wanted, lambda key: key.kind):
        mine = list(keys)
        rows = rows_by_id(connection, SHAPES[kind].table, (key.id for key in mine))
        there = dict(zip(rows, items_of(connection, kind, list(rows.values())), strict=True))
        for key in mine:
            _sort(work, wanted[key], rows.get(key.id), there.get(key.id), expected.get(key), revive=revive)
    return work


def _sort(
    work: _Work, item: Item, row: Row[Any] | None, there: Item | None, expected: int | None, *, revive: bool
) -> None:
    key = key_of(item)
    revision = 0 if row is None or row.removed_at is not None else row.revision
    if expected is not None and expected != revision:
        raise Outdated(key, expected, revision) if expected else AlreadyThere(key, revision)
    if row is None or there is None:
        work.added[key] = item
    elif row.removed_at is not None and not revive:
        said = Text("已移除；请先恢复，或换一个标识", "it was removed: restore it first, or choose another id")
        raise BadItem("removed", key, "id", said)
    elif there == item and row.removed_at is None:
        work.same.append(key)
    else:
        if community_of(there) != community_of(item) and not revive:
            said = Text("不能改到另一个小区", "it cannot go to another compound: register it there anew")
            raise BadItem("other_community", key, "community", said)
        work.changed[key] = item
        work.before[key] = there


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(connection: Connection, work: _Work, origin: Origin, holidays: Sequence[Holiday] = ()) -> None:
    places = work.places()
    work.place_columns = columns_of(connection, places)
    make_way(connection, [key for key in places if Key("place", key) in work.changed])
    work.watched = _to_watch(connection, work, places)
    for kind in KINDS:
        added = [item for key, item in work.added.items() if key.kind == kind]
        changed = [item for key, item in work.changed.items() if key.kind == kind]
        if kind == "equipment":
            _update(connection, kind, [*added, *changed], work)
        else:
            _insert(connection, kind, added, work)
            _update(connection, kind, changed, work)
        if kind == "team":
            _write_teams(connection, [*added, *changed])
    follow(connection, [key for key in places if Key("place", key) in work.changed])
    _write_holidays(connection, holidays)
    entries = [Entry(item, watched=_known_to_all(item, work)) for item in work.written.values()]
    entries += _newly_watched(connection, work, places)
    entries += [Entry(holiday) for holiday in holidays]
    remember(connection, entries, origin)


def _columns(kind: str, item: Item, work: _Work) -> dict[str, Any]:
    values = row_of(kind, item) | {"changed_at": work.at}
    return values | work.place_columns.get(item.id, {}) if kind == "place" else values


def _insert(connection: Connection, kind: str, items: Sequence[Item], work: _Work) -> None:
    if not items:
        return
    rows = [{"id": item.id} | _columns(kind, item, work) for item in items]
    if kind == "place":
        rows = [row | {"watched": row["id"] in work.watched or row["kind"] not in MANY} for row in rows]
    connection.execute(insert(SHAPES[kind].table), rows)


def _update(connection: Connection, kind: str, items: Sequence[Item], work: _Work) -> None:
    """Equipment that came with its device is part of the same revision."""
    table = SHAPES[kind].table
    alone = [item for item in items if kind != "equipment" or Key("device", item.id) not in work.written]
    with_device = [item for item in items if kind == "equipment" and Key("device", item.id) in work.written]
    for counted, some in ((True, alone), (False, with_device)):
        rows = [{"its_id": item.id} | _columns(kind, item, work) for item in some]
        if not rows:
            continue
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "its_id"}
        values |= {"removed_at": None} | ({"revision": table.c.revision + 1} if counted else {})
        connection.execute(update(table).where(table.c.id == bindparam("its_id")).values(values), rows)


def _write_teams(connection: Connection, teams: Sequence[Item]) -> None:
    found = [team for team in teams if isinstance(team, Team)]
    members, areas = schema.team_members, schema.team_areas
    for asked in portions(team.id for team in found):
        connection.execute(delete(members).where(members.c.team_id.in_(asked)))
        connection.execute(delete(areas).where(areas.c.team_id.in_(asked)))
    in_it = [{"team_id": team.id, "staff_id": one} for team in found for one in team.members]
    served = [
        {"team_id": team.id, "kind": kind, "area_id": one}
        for team in found
        for name, kind in AREAS.items()
        for one in getattr(team, name)
    ]
    for table, rows in ((members, in_it), (areas, served)):
        if rows:
            connection.execute(insert(table), rows)


def _write_holidays(connection: Connection, holidays: Sequence[Holiday]) -> None:
    table = schema.holidays
    rows = {
        holiday.id: {
            "community_id": holiday.community,
            "day": holiday.day,
            "is_holiday": holiday.is_holiday,
            "name_zh": holiday.name.zh,
            "name_en": holiday.name.en,
        }
        for holiday in holidays
    }
    if rows:
        gone = delete(table).where(
            table.c.community_id == bindparam("its_community"), table.c.day == bindparam("its_day")
        )
        days = [{"its_community": row["community_id"], "its_day": row["day"]} for row in rows.values()]
        connection.execute(gone, days)
        connection.execute(insert(table), list(rows.values()))


# --- what ingest and rules know of places ----------------------------------------------------------------------------


def _to_watch(connection: Connection, work: _Work, places: Mapping[str, Place]) -> set[str]:
    """The places in which something hangs from now on, with all that they lie in; and those that are known already."""
    hung_in = {item.place for item in work.written.values() if isinstance(item, Device | Facility)}
    found = chain_of(connection, hung_in, {key: place.parent for key, place in places.items()})
    changed = [key for key in places if Key("place", key) in work.changed]
    still_not = {key for key in unwatched(connection, changed) if places[key].kind in MANY}
    return found | (set(changed) - still_not)


def _known_to_all(item: Item, work: _Work) -> bool:
    return not isinstance(item, Place) or item.kind not in MANY or item.id in work.watched


def _newly_watched(connection: Connection, work: _Work, places: Mapping[str, Place]) -> list[Entry]:
    """Places that are as they were, and of which ingest and rules are told from now on."""
    fresh = unwatched(connection, work.watched)
    watch(connection, fresh)
    rows = rows_by_id(connection, schema.places, (key for key in fresh if key not in places))
    return [Entry(place) for place in items_of(connection, "place", list(rows.values()))]
