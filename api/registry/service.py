"""What people ask of the registry: right first, then within their sight.

Who may see may read what is not personal. Who changes it needs EDIT_REGISTRY, and for what belongs to the district as a whole
must reach all of it. What a person says counts as the word of a person (`linli.registry.facts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select
from sqlalchemy.exc import IntegrityError

from api.http.paging import Page, page_of
from api.named import community_in
from api.registry.resources import RESOURCES, Resource
from api.scope import demand, may
from api.sight import Sights
from linli.clock import Clock
from linli.db.addresses import addresses_of, find_place
from linli.db.database import Database
from linli.db.deadletters import Choice, SqlDeadLetters
from linli.db.people import Person
from linli.db.registryfacts import Doubt, Waiting, doubts, facts_of, record
from linli.db.registryhistory import Past, history_of
from linli.db.registryitems import Kept, get, get_many, kept_of
from linli.db.registrymerging import merge
from linli.db.registryremoving import not_there, remove, restore
from linli.db.registryreplacing import installations, replace_equipment
from linli.db.registryrows import SHAPES
from linli.db.scoping import GuardedDatabase
from linli.db.strangers import adopt, dismiss, strangers
from linli.errors import Conflict, NotAllowed, NotFound
from linli.i18n import Text
from linli.model import JsonValue
from linli.registry.address import Address
from linli.registry.changes import PERSON, Key, NeededBy, Origin
from linli.registry.facts import Fact
from linli.registry.kinds import KINDS, Item
from linli.registry.masking import mask_value
from linli.registry.model import Device, Equipment, Installation, Staff, Team
from linli.registry.strangers import Stranger
from linli.roles import Operation

UNREGISTERED = "unregistered_device"
MOST_STRANGERS = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items of a list: `filters` by field, `q` within names, numbers and the id; `removed`: those that were removed."""

    filters: Mapping[str, str]
    q: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """An item as it is kept; a device's with its equipment."""

    kept: Kept
    equipment: Item | None = None


class RegistryService:
    """The registry as people see and change it. Safe to call from several threads."""

    def __init__(self, sights: Sights, database: GuardedDatabase, clock: Clock) -> None:
        self._sights = sights
        self._database = database
        self._clock = clock

    def now(self) -> int:
        """The time by which facts are stale."""
        return self._clock.now()

    # --- reading --------------------------------------------------------------------------------------------------

    def page(self, person: Person, kind: str, wanted: Wanted, limit: int, after: str | None) -> Page[Shown]:
        """Items of a kind, by id, a page from after the id `after` on. NotFound if a filter names what is out of sight."""
        with self._seen(person).read() as connection:
            _check_filters(connection, kind, wanted.filters)
            query = _matching(RESOURCES[kind], wanted)
            table = SHAPES[kind].table
            if after is not None:
                query = query.where(table.c.id > after)
            rows = connection.execute(query.order_by(table.c.id).limit(limit + 1)).all()
            page = page_of(rows, limit, lambda row: (row.id,))
            shown = [_as_seen(person, one) for one in _shown(connection, kind, page.items)]
            return Page(shown, page.following)

    def get(self, person: Person, key: Key, *, removed: bool = False) -> Shown:
        """One item; NotFound for what is not there, or with `removed` for what never was."""
        with self._seen(person).read() as connection:
            return _as_seen(person, _one(connection, key, removed=removed))

    def history(self, person: Person, key: Key) -> list[Past]:
        """Each change of the item, the newest first; of what was removed too."""
        with self._seen(person).read() as connection:
            _one(connection, key, removed=True)
            return [_past_as_seen(person, key, past) for past in history_of(connection, key)]

    def facts(self, person: Person, key: Key) -> dict[str, Fact]:
        """What counts of each field that anybody said something of; a device's with its equipment's."""
        with self._seen(person).read() as connection:
            _one(connection, key, removed=True)
            found = facts_of(connection, key)
            if key.kind == "device":
                found |= facts_of(connection, Key("equipment", key.id))
            return _facts_as_seen(person, key, found)

    def doubts(self, person: Person, limit: int, after: Waiting | None, *, contradicted: bool | None) -> Page[Doubt]:
        """Items that are not personal and that somebody should look at, what waits longest first."""
        with self._seen(person).read() as connection:
            kinds = [*RESOURCES, "equipment"]
            found = doubts(connection, self._clock.now(), after, limit + 1, kinds, contradicted=contradicted)
        seen = [replace(one, facts=_facts_as_seen(person, one.key, one.facts)) for one in found]
        return page_of(seen, limit, lambda doubt: tuple(doubt.place))

    def installations(self, person: Person, device: str) -> list[Installation]:
        """What stood where the device is, the newest first."""
        with self._seen(person).read() as connection:
            _one(connection, Key("device", device), removed=True)
            return installations(connection, device)

    def find_place(self, person: Person, address: str) -> tuple[str, Text]:
        """The place at an address as `Address` prints it, and the address in both languages."""
        wanted = Address.parse(address)
        with self._seen(person).read() as connection:
            place = find_place(connection, wanted)
            return place, addresses_of(connection, [place])[place]

    def strangers(self, person: Person, gateway: str | None) -> list[Stranger]:
        """Devices that report and are not registered, the last heard first, at most MOST_STRANGERS. NotFound for a gateway that is
        out of sight."""
        with self._seen(person).read() as connection:
            if gateway is not None:
                community_in(connection, "gateway", gateway)
            return strangers(connection, gateway, MOST_STRANGERS)

    # --- changing -------------------------------------------------------------------------------------------------

    def write(self, person: Person, key: Key, items: Sequence[Item], revision: int) -> Shown:
        """Register or change it, from the revision that was read (0: it is not there). BadItem, Outdated; Conflict for an
        id that another community has, which nobody is told more of."""
        try:
            with self._changed(person, key.kind).write() as connection:
                record(connection, items, self._origin(person), expected={key: revision})
                return _as_seen(person, _one(connection, key))
        except IntegrityError:
            raise _taken(key.id) from None

    def confirm(self, person: Person, key: Key, fields: Sequence[str]) -> Shown:
        """Say of these fields that they are as they stand: what contradicts them is settled, what was stale is fresh."""
        with self._changed(person, key.kind).write() as connection:
            shown = _one(connection, key)
            parts = [shown.kept.item, *([shown.equipment] if shown.equipment is not None else [])]
            for part in parts:
                own = [name for name in fields if hasattr(part, name)]
                if own:
                    record(connection, [part], self._origin(person), own)
            return _as_seen(person, _one(connection, key))

    def remove(self, person: Person, key: Key, revision: int, *, along: bool) -> list[Key]:
        """Take it out; all that was removed. NeededBy if something refers to it that does not go along."""
        with self._changed(person, key.kind).write() as connection:
            try:
                gone = remove(connection, [key], self._origin(person), along=along, expected={key: revision})
            except NeededBy as needed:
                if may(person, Operation.SEE_PERSONS):
                    raise
                others = [one for one in needed.needed_by if not KINDS[one.kind].personal]
                raise (NeededBy(key, others) if others else _lived_in()) from None
            if any(KINDS[one.kind].personal for one in gone):
                demand(person, Operation.EDIT_PERSONS)  # else nothing of it is written
            return gone

    def restore(self, person: Person, key: Key) -> Shown:
        """Bring back what was removed. Conflict if what it refers to is gone, or its number is another's."""
        with self._changed(person, key.kind).write() as connection:
            restore(connection, [key], self._origin(person))
            return _as_seen(person, _one(connection, key))

    def replace(
        self, person: Person, device: str, serial: str | None, model: str | None, reason: str, revision: int
    ) -> Shown:
        """Other equipment where the device is: its id, place and history stay."""
        with self._changed(person, "device").write() as connection:
            replace_equipment(connection, device, serial, model, reason, self._origin(person), revision)
            return _one(connection, Key("device", device))

    def merge(self, person: Person, survivor: Key, duplicate: str) -> Shown:
        """Two records of one thing become one."""
        with self._changed(person, survivor.kind).write() as connection:
            merge(connection, Key(survivor.kind, duplicate), survivor, self._origin(person))
            return _one(connection, survivor)

    def adopt(self, person: Person, device: Device, *, replay: bool) -> Shown:
        """Register an unknown device under the id that it reports; with `replay` ingest tries anew what it sent before."""
        try:
            with self._changed(person, "device").write() as connection:
                adopt(connection, device, self._origin(person))
                shown = _one(connection, Key("device", device.id))
        except IntegrityError:
            raise _taken(device.id) from None
        if replay:
            letters = SqlDeadLetters(self._database.whole())
            letters.request_replay(Choice(reason=UNREGISTERED, gateway=device.gateway), self._clock.now())
        return shown

    def dismiss(self, person: Person, gateway: str, device: str) -> None:
        """Take an unknown device off the list, until it reports again; NotFound if it is not on it."""
        with self._changed(person, "device").write() as connection:
            if not dismiss(connection, gateway, device):
                raise NotFound(
                    Text(f"网关 {gateway} 没有报告过 {device}", f"gateway {gateway} has not told of {device}")
                )

    # --- within ---------------------------------------------------------------------------------------------------

    def _seen(self, person: Person) -> Database:
        demand(person, Operation.SEE)
        return self._sights.of(person).database

    def _changed(self, person: Person, kind: str) -> Database:
        demand(person, Operation.SEE)
        demand(person, Operation.EDIT_REGISTRY)
        if RESOURCES[kind].shared and person.communities is not None:
            raise NotAllowed(
                Text(
                    "这属于整个片区，只有能看到全部小区的角色可以修改",
                    "this belongs to the whole district: only a role that reaches all of it may change it",
                )
            )
        return self._sights.of(person).database

    def _origin(self, person: Person) -> Origin:
        return Origin(self._clock.now(), person.id, PERSON)


def _as_seen(person: Person, shown: Shown) -> Shown:
    """What belongs to the district as a whole, as this person may see it: telephone numbers masked for who sees no persons, and
    of a team the communities within their reach."""
    item = shown.kept.item
    if isinstance(item, Staff) and item.phone and not may(person, Operation.SEE_PERSONS):
        item = replace(item, phone=mask_value(item.phone))
    elif isinstance(item, Team):
        item = replace(item, communities=tuple(one for one in item.communities if person.sees(one)))
    return shown if item is shown.kept.item else Shown(replace(shown.kept, item=item), shown.equipment)


def _hidden(person: Person, kind: str, field: str, value: JsonValue) -> JsonValue:
    """A value as `_as_seen` has it, wherever else it stands: as it was, or as some source says it."""
    if kind == "staff" and field == "phone" and isinstance(value, str) and not may(person, Operation.SEE_PERSONS):
        return mask_value(value)
    if kind == "team" and field == "communities" and isinstance(value, list):
        return [one for one in value if person.sees(str(one))]
    return value


def _past_as_seen(person: Person, key: Key, past: Past) -> Past:
    def seen(content: dict[str, Any] | None) -> dict[str, Any] | None:
        return content and {name: _hidden(person, key.kind, name, value) for name, value in content.items()}

    return past._replace(before=seen(past.before), after=seen(past.after))


def _facts_as_seen(person: Person, key: Key, found: Mapping[str, Fact]) -> dict[str, Fact]:
    def seen(name: str, one: Fact) -> Fact:
        against = {
            source: claim._replace(value=_hidden(person, key.kind, name, claim.value))
            for source, claim in one.against.items()
        }
        return one._replace(value=_hidden(person, key.kind, name, one.value), against=against)

    return {name: seen(name, one) for name, one in found.items()}


def _lived_in() -> Conflict:
    """To who may not see people: that there are some, and not whom."""
    return Conflict(
        Text(
            "有住户登记在此；须由可以修改住户的人先处理",
            "people are registered here: somebody who may change them has to see to it first",
        )
    )


def _taken(name: str) -> Conflict:
    return Conflict(Text(f"编号 {name} 已被占用，请换一个", f"the id {name} is taken: choose another"))


def _check_filters(connection: Connection, kind: str, filters: Mapping[str, str]) -> None:
    """NotFound if what one of them leads to is not there, or out of sight."""
    for name, value in filters.items():
        of = KINDS[kind].refers.get(name)
        if of is not None:
            community_in(connection, of, value)


def _matching(resource: Resource, wanted: Wanted) -> Select[Any]:
    shape = SHAPES[resource.kind]
    table = shape.table
    gone = table.c.removed_at
    query = select(table).where(gone.is_not(None) if wanted.removed else gone.is_(None))
    for name, value in wanted.filters.items():
        query = query.where(table.c[shape.columns[name]] == value)
    if wanted.q:
        places = [table.c[name].icontains(wanted.q, autoescape=True) for name in ("id", *resource.searched)]
        query = query.where(or_(*places))
    return query


def _shown(connection: Connection, kind: str, rows: Sequence[Row[Any]]) -> list[Shown]:
    kept = kept_of(connection, kind, list(rows))
    beside: Mapping[str, Kept] = kept_of(connection, "equipment", list(rows)) if kind == "device" else {}
    return [Shown(one, beside[key].item if key in beside else None) for key, one in kept.items()]


def _one(connection: Connection, key: Key, *, removed: bool = False) -> Shown:
    kept = get(connection, key)
    if kept is None or (kept.removed_at is not None and not removed):
        raise not_there(key)
    beside = get_many(connection, "equipment", [key.id]) if key.kind == "device" else {}
    equipment = beside[key.id].item if key.id in beside else None
    return Shown(kept, equipment if isinstance(equipment, Equipment) else None)
