"""Persons, as people may see and change them: the one place through which personal data is handed out.

Whoever looks says what for, and that is written into the audit log in the same transaction that reads: no look without its
entry. They are shown masked (`linli.registry.masking`) unless they may see more, ask for it and say why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from api.http.paging import Page, page_of
from api.named import community_in
from api.registry.resources import PERSONAL
from api.scope import demand
from api.sight import Sights
from linli.audit import Act
from linli.auditwho import who_of
from linli.clock import Clock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.audit import Search as AuditSearch
from linli.db.audit import Shown as AuditShown
from linli.db.audit import SqlAudit, append, person_read
from linli.db.credentialholders import has_face_alone
from linli.db.database import Database
from linli.db.inhabitants import ids_of
from linli.db.people import Person
from linli.db.registryfacts import record, statements_of
from linli.db.registryhistory import Past, history_of
from linli.db.registryitems import Kept, get, kept_of
from linli.db.registrymerging import merge, survivor_of
from linli.db.registryremoving import not_there, remove, restore
from linli.db.registryrows import SHAPES
from linli.db.scoping import GuardedDatabase
from linli.erasing import all_of, erase_all
from linli.errors import Conflict, Refused
from linli.i18n import Text
from linli.registry.changes import PERSON, Key, Origin
from linli.registry.facts import Fact, facts
from linli.registry.inhabitants import Consent, Contact, Credential, Household, Resident
from linli.registry.inhabitants import Person as Inhabitant
from linli.registry.kinds import KINDS, Item, Personal, community_of, kind_of, person_of
from linli.registry.masking import MASKS, masked
from linli.registry.naming import random_id
from linli.roles import Operation
from linli.settings import Settings
from linli.snapshotfiles import SnapshotFiles

_LETTERS = {"household": "h", "person": "i", "resident": "m", "contact": "k", "consent": "n", "credential": "c"}
_OF_A_PERSON = ("resident", "contact", "consent", "credential")
MOST_HOMES = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody says of why they look. `purpose`: a word of `linli.auditwords.PURPOSES`; `full`: not masked."""

    purpose: str
    reason: str = ""
    full: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose list: of a community, of a household, of a room; `q` is looked for in names and ways to reach them; `removed`: those that
    were taken out."""

    community: str | None = None
    household: str | None = None
    place: str | None = None
    q: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A person with all that belongs to them, each as it is kept. `full`: nothing is masked, and `facts` says of each of these items
    by whom, when and how surely each field is said, and who says otherwise."""

    person: Kept
    residents: Sequence[Kept]
    households: Sequence[Kept]
    contacts: Sequence[Kept]
    consents: Sequence[Kept]
    credentials: Sequence[Kept]
    full: bool
    facts: Mapping[Key, Mapping[str, Fact]] = field(default_factory=dict)


class PersonService:
    """Personal data within a person's sight. Safe to call from several threads."""

    def __init__(self, sights: Sights, database: GuardedDatabase, clock: Clock, settings: Settings) -> None:
        self._sights = sights
        self._database = database
        self._clock = clock
        self._pictures = SnapshotFiles(DataFolder(settings.data).snapshots)

    # --- looking --------------------------------------------------------------------------------------------------

    def page(self, asker: Person, look: Look, wanted: Wanted, limit: int, after: str | None) -> Page[Kept]:
        """Persons, by id, a page from after the id `after` on. To look for words takes the right to see in full: what is
        masked would else be guessed, one letter at a time."""
        self._demand(asker, look)
        if wanted.q:
            demand(asker, Operation.UNMASK_PERSONS)
            if not look.reason.strip():
                raise _no_reason()
        with self._seen(asker).write() as connection:
            for kind in ("community", "household", "place"):
                if (name := getattr(wanted, kind)) is not None:
                    community_in(connection, kind, name)
            query = _matching(wanted)
            if after is not None:
                query = query.where(schema.persons.c.id > after)
            rows = connection.execute(query.order_by(schema.persons.c.id).limit(limit + 1)).all()
            page = page_of(
                list(kept_of(connection, "person", list(rows)).values()), limit, lambda kept: (kept.item.id,)
            )
            self._log(connection, asker, look, page.items)
            if wanted.q and not page.items:  # that somebody is not there is an answer too
                person_read(connection, who_of(asker.id), (), look.purpose, self._clock.now(), reason=look.reason)
            return Page([_shown(kept, look.full) for kept in page.items], page.following)

    def file(self, asker: Person, look: Look, person: str, *, removed: bool = False) -> File:
        """All of one person; of a duplicate, whom it was merged into. NotFound, unless with `removed` for one who was taken out."""
        self._demand(asker, look)
        with self._seen(asker).write() as connection:
            kept = _there(connection, Key("person", survivor_of(connection, Key("person", person))), removed=removed)
            found = {kind: _of_person(connection, kind, kept.item.id) for kind in _OF_A_PERSON}
            homes = [_there(connection, Key("household", one.item.household)) for one in found["resident"]]  # type: ignore[union-attr]
            facts = _facts(connection, [kept, *(one for some in found.values() for one in some)]) if look.full else {}
            self._log(connection, asker, look, [kept])
        parts = {kind: [_shown(one, look.full) for one in some] for kind, some in found.items()}
        shown = _shown(kept, look.full)
        return File(
            shown,
            parts["resident"],
            homes,
            parts["contact"],
            parts["consent"],
            parts["credential"],
            look.full,
            facts,
        )

    def households(self, asker: Person, place: str | None, limit: int, after: str | None) -> Page[Kept]:
        """Households, by id: which room each has, and of what kind. Nobody's name is in it."""
        demand(asker, Operation.SEE_PERSONS)
        table = schema.households
        query = select(table).where(table.c.removed_at.is_(None))
        if place is not None:
            query = query.where(table.c.place_id == place)
        if after is not None:
            query = query.where(table.c.id > after)
        with self._seen(asker).read() as connection:
            if place is not None:
                community_in(connection, "place", place)
            rows = connection.execute(query.order_by(table.c.id).limit(limit + 1)).all()
            kept = list(kept_of(connection, "household", list(rows)).values())
        return page_of(kept, limit, lambda one: (one.item.id,))

    def history(self, asker: Person, look: Look, key: Key) -> list[Past]:
        """Every change of something personal, in full: it takes the right to see that."""
        self._demand(asker, look)
        with self._seen(asker).write() as connection:
            kept = get(connection, key)
            if kept is None:
                raise not_there(key)
            self._log(connection, asker, look, [kept])
            return history_of(connection, key)

    # --- changing -------------------------------------------------------------------------------------------------

    def add(self, asker: Person, kind: str, values: Mapping[str, Any]) -> Kept:
        """Register something personal, under an id that says nothing."""
        item: Personal = KINDS[kind].noun(id=random_id(_LETTERS[kind]), **values)
        return self.write(asker, item, 0)

    def write(self, asker: Person, item: Personal, revision: int) -> Kept:
        """Register or change it, from the revision that was read; as it is then, in full: it is what they have sent."""
        demand(asker, Operation.EDIT_PERSONS)
        key = Key(_kind(item), item.id)
        with self._seen(asker).write() as connection:
            record(connection, [item], self._origin(asker), expected={key: revision})
            self._check_way_in(connection, item)
            return _there(connection, key)

    def revision(self, asker: Person, key: Key) -> int:
        """The revision that a change has to be made from; NotFound."""
        demand(asker, Operation.EDIT_PERSONS)
        with self._seen(asker).read() as connection:
            return _there(connection, key).revision

    def remove(self, asker: Person, key: Key, revision: int, *, along: bool) -> None:
        """Take it out. What it said is kept in its history until the person is erased, or its time is over."""
        demand(asker, Operation.EDIT_PERSONS)
        with self._seen(asker).write() as connection:
            kept = get(connection, key)
            remove(connection, [key], self._origin(asker), along=along, expected={key: revision})
            if kept is not None:
                self._check_way_in(connection, kept.item)

    def restore(self, asker: Person, person: str) -> None:
        """Bring somebody back, with what went along with them. Conflict for who is there, was merged or is erased; BadItem if
        a household of theirs is gone."""
        demand(asker, Operation.EDIT_PERSONS)
        with self._seen(asker).write() as connection:
            kept = _there(connection, Key("person", person), removed=True)
            if kept.removed_at is not None and isinstance(kept.item, Inhabitant) and kept.item.name is None:
                raise Conflict(Text("信息已删除，不能恢复", "what was known of them is erased, and cannot come back"))
            restore(connection, [Key("person", person), *_went_along(connection, kept)], self._origin(asker))

    def merge(self, asker: Person, survivor: str, duplicate: str) -> None:
        """Two records of one person become one."""
        demand(asker, Operation.EDIT_PERSONS)
        with self._seen(asker).write() as connection:
            merge(connection, Key("person", duplicate), Key("person", survivor), self._origin(asker))

    # --- the person's own rights ----------------------------------------------------------------------------------

    def export(self, asker: Person, person: str, reason: str) -> dict[str, Any]:
        """All that is known of one person, swipes too, and who looked: as plain values, to be handed to them. StoreError."""
        demand(asker, Operation.RELEASE_PERSONS)
        if not reason.strip():
            raise _no_reason()
        sight = self._sights.of(asker)
        with sight.database.read() as connection:  # for as long as it takes to go through the events
            found = all_of(connection, sight.store, person)
            ids = ids_of(connection, person)
        with sight.database.write() as connection:
            act = Act("person.exported", who_of(asker.id), "person", (person,), reason=reason)
            append(connection, act, self._clock.now())
        log = SqlAudit(self._database.whole()).all(AuditSearch(items=tuple(ids), kind="person"))
        return found | {"looks": [_look(one) for one in log][::-1]}

    def looks(self, asker: Person, person: str) -> list[dict[str, Any]]:
        """Who looked at the person's data, by whatever id, when and what for, the newest first."""
        demand(asker, Operation.RELEASE_PERSONS)
        with self._seen(asker).read() as connection:
            ids = ids_of(connection, person)  # also of one who was removed or erased
        log = SqlAudit(self._database.whole()).newest(AuditSearch(items=tuple(ids), kind="person"), limit=1000)
        return [_look(one) for one in log]

    def erase(self, asker: Person, person: str, reason: str) -> int:
        """Let nothing of the person stay but that there was one; how many records were emptied. Conflict while an alert that keeps
        their swipes is open; StoreError, and then the register is as it was."""
        demand(asker, Operation.RELEASE_PERSONS)
        if not reason.strip():
            raise _no_reason()
        sight = self._sights.of(asker)
        return erase_all(sight.database, sight.store, self._pictures.remove, person, self._origin(asker), reason)

    # --- within ---------------------------------------------------------------------------------------------------

    def _check_way_in(self, connection: Connection, item: Item) -> None:
        """Conflict if what was done to a credential leaves somebody with nothing but their face to open doors."""
        if isinstance(item, Credential) and has_face_alone(connection, item.person, self._clock.now()):
            raise Conflict(
                Text(
                    "以人脸开门的人必须另有进门的办法：请先登记门禁卡、钥匙扣或手机",
                    "whoever opens doors by face must have another way in: register a card, a fob or a phone first",
                )
            )

    def _demand(self, asker: Person, look: Look) -> None:
        demand(asker, Operation.SEE_PERSONS)
        if look.full:
            demand(asker, Operation.UNMASK_PERSONS)
            if not look.reason.strip():
                raise _no_reason()

    def _log(self, connection: Connection, asker: Person, look: Look, kept: Sequence[Kept]) -> None:
        """Write the look down: a page of persons is one entry for each of their communities."""
        by_community: dict[str | None, list[str]] = {}
        for one in kept:
            item: Any = one.item
            by_community.setdefault(community_of(item), []).append(person_of(item) or item.id)
        fields = () if look.full else sorted(f"{field} masked" for field in MASKS["person"])
        for community, persons in by_community.items():
            person_read(
                connection,
                who_of(asker.id),
                persons,
                look.purpose,
                self._clock.now(),
                reason=look.reason,
                community=community,
                fields=fields,
            )

    def _seen(self, asker: Person) -> Database:
        return self._sights.of(asker).database

    def _origin(self, asker: Person) -> Origin:
        return Origin(self._clock.now(), asker.id, PERSON)


def _look(shown: AuditShown) -> dict[str, Any]:
    entry = shown.entry
    return {"at": entry.at, "actor": entry.actor, "verb": entry.verb, "purpose": entry.purpose}


def _matching(wanted: Wanted) -> Select[Any]:
    persons, residents, contacts = schema.persons, schema.residents, schema.contacts
    gone = persons.c.removed_at
    query = select(persons).where(gone.is_not(None) if wanted.removed else gone.is_(None))
    if wanted.removed:
        query = query.where(persons.c.merged_into.is_(None), persons.c.erased_at.is_(None))
    if wanted.community is not None:
        query = query.where(persons.c.community_id == wanted.community)
    living = select(residents.c.person_id).where(residents.c.removed_at.is_(None))
    if wanted.household is not None:
        query = query.where(persons.c.id.in_(living.where(residents.c.household_id == wanted.household)))
    if wanted.place is not None:
        homes = select(schema.households.c.id).where(schema.households.c.place_id == wanted.place)
        query = query.where(persons.c.id.in_(living.where(residents.c.household_id.in_(homes))))
    if wanted.q:
        reached = select(contacts.c.person_id).where(contacts.c.value.contains(wanted.q, autoescape=True))
        query = query.where(or_(persons.c.name.contains(wanted.q, autoescape=True), persons.c.id.in_(reached)))
    return query


def _of_person(connection: Connection, kind: str, person: str) -> list[Kept]:
    table = SHAPES[kind].table
    query = select(table).where(table.c.person_id == person, table.c.removed_at.is_(None)).order_by(table.c.id)
    return list(kept_of(connection, kind, list(connection.execute(query.limit(MOST_HOMES)))).values())


def _there(connection: Connection, key: Key, *, removed: bool = False) -> Kept:
    kept = get(connection, key)
    if kept is None or (kept.removed_at is not None and not removed):
        raise not_there(key)
    return kept


def _facts(connection: Connection, kept: Sequence[Kept]) -> dict[Key, dict[str, Fact]]:
    keys = [Key(kind_of(one.item), one.item.id) for one in kept]
    return {key: facts(sources) for key, sources in statements_of(connection, keys).items()}


def _went_along(connection: Connection, kept: Kept) -> list[Key]:
    """What was removed together with a person."""
    found: list[Key] = []
    for kind in _OF_A_PERSON:
        table = SHAPES[kind].table
        query = select(table.c.id).where(table.c.person_id == kept.item.id, table.c.removed_at == kept.removed_at)
        found += (Key(kind, one) for one in connection.execute(query.order_by(table.c.id)).scalars())
    return found


def _shown(kept: Kept, full: bool) -> Kept:
    item = kept.item
    if full or not isinstance(item, Household | Inhabitant | Resident | Contact | Consent | Credential):
        return kept
    return Kept(masked(item), kept.revision, kept.changed_at)


def _kind(item: Personal) -> str:
    return next(kind for kind in PERSONAL if KINDS[kind].noun is type(item))


def _no_reason() -> Refused:
    error = Refused("no_reason", "say why, in a sentence")
    error.text = Text("须写明原因", "this takes a reason: say why, in a sentence")
    return error
