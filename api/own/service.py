"""What a resident sees and says of themselves: the one layer under REST and the console. Every method takes who asks.

They reach what is theirs and nothing else (`Sights.own`). What they say is a source like others (RESIDENT): it counts, and where
the committee holds something else, that is shown as a contradiction until somebody has looked into it. Looking is written down
here as it is for everybody else, in the transaction that reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from api.http.paging import Page, page_of
from api.scope import demand
from api.sight import Sights
from linli.audit import Act
from linli.auditwho import who_of
from linli.clock import Clock
from linli.db.addresses import UNKNOWN, addresses_of
from linli.db.audit import append, person_read
from linli.db.inhabitants import person_data
from linli.db.own import Housemate, Own, housemates, lives
from linli.db.ownlooks import Looked, looks_at
from linli.db.people import Person
from linli.db.registryfacts import record, statements_of
from linli.db.registryitems import Kept, get, get_many, kept_of
from linli.db.registrylog import take_turns
from linli.db.registryremoving import not_there, remove
from linli.db.registryrows import SHAPES
from linli.db.scoping import GuardedDatabase
from linli.erasing import traces_of
from linli.errors import Conflict, NotFound, Outdated
from linli.i18n import Text
from linli.registry.changes import RESIDENT, Key, Origin
from linli.registry.facts import Fact, facts
from linli.registry.inhabitants import PURPOSES, Consent, Contact, Household, Resident
from linli.registry.kinds import KINDS
from linli.registry.naming import random_id
from linli.roles import Operation

MOST_CONTACTS = 20
LOOKS_SHOWN = 50
_EXPORTED = 10_000
OWN = "own"
"""What one looks at oneself for."""
_TOLD: Mapping[str, Sequence[str]] = {
    "person": ("name", "sex", "born", "needs"),
    "resident": ("relation", "since", "until"),
    "contact": ("kind", "value"),
}
"""What is known of a person, by kind and field: that is, what may be wrong."""


@dataclass(frozen=True, slots=True)
class Known:
    """A field of something that is known of the person. `source`: whose word it is, None if nobody is known to have said it;
    `against`: what other sources say instead."""

    item: Key
    field: str
    value: Any
    source: str | None
    at: int
    against: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Home:
    """Where the person is registered, or was. `mates`: who else lives there; nobody is told who lives where they do not any more."""

    household: Household
    residence: Resident
    address: Text
    present: bool
    mates: Sequence[Housemate]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the person has said to a purpose; None: they were never asked. `revision` counts up with each word."""

    purpose: str
    newest: Consent | None
    revision: int

    @property
    def given(self) -> bool:
        """Whether they agree, as far as anybody knows."""
        return self.newest is not None and self.newest.given


@dataclass(frozen=True, slots=True)
class OwnFile:
    """All that is shown of a person to themselves."""

    own: Own
    person: Kept
    known: Sequence[Known]
    homes: Sequence[Home]
    contacts: Sequence[Kept]
    consents: Sequence[Standing]
    credentials: Sequence[Kept]
    looks: Sequence[Looked]


class OwnService:
    """What residents ask and say. Safe to call from several threads."""

    def __init__(self, sights: Sights, database: GuardedDatabase, clock: Clock) -> None:
        self._sights = sights
        self._database = database
        self._clock = clock

    # --- looking --------------------------------------------------------------------------------------------------

    def file(self, asker: Person) -> OwnFile:
        """All of it, in full. NotFound for who is nobody in the registry, or is out of it."""
        own = self._own(asker)
        with own.database.write() as connection:
            kept = _there(connection, Key("person", own.person))
            residents, contacts = _items(connection, "resident", own), _items(connection, "contact", own)
            mates = housemates(connection, own)
            homes = _homes(connection, own, residents, mates)
            known = list(_known(connection, [kept, *residents, *contacts]))
            consents, credentials = _standings(connection, own), _items(connection, "credential", own)
            self._log(connection, asker, own, mates)
        looks = self._looks(asker, own, LOOKS_SHOWN)
        return OwnFile(own, kept, known, homes, contacts, consents, credentials, looks)

    def contact(self, asker: Person, contact: str) -> Kept:
        """One way to reach them; NotFound for any that is not theirs."""
        own = self._own(asker)
        with own.database.write() as connection:
            kept = _there(connection, Key("contact", contact))
            self._log(connection, asker, own, ())
        return kept

    def looks(self, asker: Person, limit: int, before: int | None) -> Page[Looked]:
        """Who did what with their data, the newest first; a page of `limit`, from below number `before` on."""
        rows = self._looks(asker, self._own(asker), limit + 1, before)
        return page_of(rows, limit, lambda one: (one.seq,))

    def export(self, asker: Person) -> dict[str, Any]:
        """All that is kept of them, also what was removed, each change of it and what each source said; what doors and cameras have
        of them; and who looked. StoreError."""
        own = self._own(asker)
        with self._database.whole().read() as connection:
            traces = traces_of(connection, self._sights.events_of(own), own.ids)
        with own.database.write() as connection:
            found: dict[str, Any] = msgspec.to_builtins(person_data(connection, own.person))
            act = Act("person.exported", who_of(asker.id), "person", (own.person,), own.community, OWN)
            append(connection, act, self._clock.now())
        return found | traces | {"looks": self._looks(asker, own, _EXPORTED)}

    # --- saying ---------------------------------------------------------------------------------------------------

    def add_contact(self, asker: Person, kind: str, value: str) -> Kept:
        """Another way to reach them, tried after the others. BadItem for one that is none; Conflict for one too many."""
        own = self._own(asker)
        key = Key("contact", random_id("k"))
        with own.database.write() as connection:
            take_turns(connection)
            there = _items(connection, "contact", own)
            if len(there) >= MOST_CONTACTS:
                zh, en = f"最多 {MOST_CONTACTS} 种联系方式", f"there are {MOST_CONTACTS} ways to reach you already"
                raise Conflict(Text(zh, en))
            last = max((_contact(kept).position for kept in there), default=-1)
            item = Contact(key.id, own.community, own.person, kind, value.strip(), last + 1)
            record(connection, [item], self._origin(asker), expected={key: 0})
            return _there(connection, key)

    def change_contact(
        self, asker: Person, contact: str, kind: str, value: str, position: int | None, revision: int
    ) -> Kept:
        """Reach them otherwise; from the revision that was read. What is said again is confirmed. A number that is another is
        not known to work."""
        own, key = self._own(asker), Key("contact", contact)
        with own.database.write() as connection:
            was = _contact(_there(connection, key))
            item = replace(was, kind=kind, value=value.strip(), position=was.position if position is None else position)
            said = ["value", *(name for name in ("kind", "position") if getattr(item, name) != getattr(was, name))]
            if (item.kind, item.value) != (was.kind, was.value):
                item, said = replace(item, verified_at=None), [*said, "verified_at"]
            record(connection, [item], self._origin(asker), said, {key: revision})
            return _there(connection, key)

    def contact_revision(self, asker: Person, contact: str) -> int:
        """The revision that a change has to be made from; NotFound for any that is not theirs."""
        with self._own(asker).database.read() as connection:
            return _there(connection, Key("contact", contact)).revision

    def remove_contact(self, asker: Person, contact: str, revision: int) -> None:
        """Not to be reached that way any more."""
        key = Key("contact", contact)
        with self._own(asker).database.write() as connection:
            remove(connection, [key], self._origin(asker), expected={key: revision})

    def standing(self, asker: Person, purpose: str) -> Standing:
        """What they have said to a purpose; NotFound for one that there is not."""
        with self._own(asker).database.read() as connection:
            return _standing(connection, self._own(asker), purpose)

    def say(self, asker: Person, purpose: str, given: bool, revision: int) -> Standing:
        """Agree to a purpose, or no longer, from the revision that was read. Saying what they said before changes nothing."""
        own, now = self._own(asker), self._clock.now()
        with own.database.write() as connection:
            take_turns(connection)
            standing = _standing(connection, own, purpose)
            if standing.revision != revision:
                raise Outdated(Text("读取之后已有改动，请重新读取", "it was changed since you read it: read it again"))
            if standing.newest is None or standing.given != given:
                fresh = Consent(random_id("n"), own.community, own.person, purpose, given, now, RESIDENT)
                record(connection, [fresh], self._origin(asker), expected={Key("consent", fresh.id): 0})
            return _standing(connection, own, purpose)

    # --- within ---------------------------------------------------------------------------------------------------

    def _own(self, asker: Person) -> Own:
        demand(asker, Operation.SEE_OWN)
        return self._sights.own(asker, self._clock.now())

    def _origin(self, asker: Person) -> Origin:
        return Origin(self._clock.now(), asker.id, RESIDENT)

    def _looks(self, asker: Person, own: Own, limit: int, before: int | None = None) -> list[Looked]:
        with self._database.whole().read() as connection:
            return looks_at(connection, own.ids, asker.id, limit, before)

    def _log(self, connection: Connection, asker: Person, own: Own, mates: Sequence[Housemate]) -> None:
        """Write the look down: at themselves, and at the masked names of those with whom they live."""
        who, now = who_of(asker.id), self._clock.now()
        person_read(connection, who, [own.person], OWN, now, community=own.community)
        if mates:
            others = sorted({mate.person for mate in mates})
            person_read(connection, who, others, OWN, now, community=own.community, fields=["name masked"])


def _there(connection: Connection, key: Key) -> Kept:
    kept = get(connection, key)
    if kept is None or kept.removed_at is not None:
        raise not_there(key)
    return kept


def _contact(kept: Kept) -> Contact:
    assert isinstance(kept.item, Contact)
    return kept.item


def _items(connection: Connection, kind: str, own: Own, *, removed: bool = False) -> list[Kept]:
    """The person's items of a kind, in order."""
    table = SHAPES[kind].table
    query = select(table).where(table.c.person_id.in_(own.ids)).order_by(table.c.id)
    if not removed:
        query = query.where(table.c.removed_at.is_(None))
    found = list(kept_of(connection, kind, list(connection.execute(query))).values())
    return sorted(found, key=lambda one: getattr(one.item, "position", 0))


def _homes(connection: Connection, own: Own, residents: Sequence[Kept], mates: Sequence[Housemate]) -> list[Home]:
    """The present ones first."""
    living = [one.item for one in residents if isinstance(one.item, Resident)]
    kept = get_many(connection, "household", {one.household for one in living})
    households = {key: one.item for key, one in kept.items() if isinstance(one.item, Household)}
    addresses = addresses_of(connection, {one.place for one in households.values()})
    found: list[Home] = []
    for residence in living:
        household = households[residence.household]
        with_them = [one for one in mates if one.household == household.id]
        present = lives(residence.until, own.today)
        address = _known_parts(addresses[household.place])
        found.append(Home(household, residence, address, present, with_them if present else []))
    return sorted(found, key=lambda home: (not home.present, home.residence.id))


def _known_parts(address: Text) -> Text:
    """Without the committee and district that nobody has registered with the compound."""
    return Text(*(address.of(one).replace(f"{UNKNOWN.of(one)} / ", "") for one in ("zh", "en")))


def _known(connection: Connection, kept: Sequence[Kept]) -> Iterator[Known]:
    keyed = {Key(kind, one.item.id): one for one in kept for kind in _TOLD if isinstance(one.item, KINDS[kind].noun)}
    said = statements_of(connection, keyed)
    for key, one in keyed.items():
        counting = facts(said.get(key, {}))
        for field in _TOLD[key.kind]:
            known = _field(key, field, getattr(one.item, field), counting.get(field), one.changed_at)
            if known.value is not None or known.against:
                yield known


def _field(key: Key, field: str, value: Any, fact: Fact | None, changed_at: int) -> Known:
    if fact is None:
        return Known(key, field, value, None, changed_at, {})
    return Known(
        key, field, value, fact.source, fact.at, {source: claim.value for source, claim in fact.against.items()}
    )


def _standings(connection: Connection, own: Own) -> list[Standing]:
    """Of every purpose that there is, in the order of the list."""
    ordered = sorted(_items(connection, "consent", own, removed=True), key=lambda one: _consent(one).purpose)
    said = {purpose: list(some) for purpose, some in groupby(ordered, key=lambda one: _consent(one).purpose)}
    return [_newest(purpose, said.get(purpose, [])) for purpose in PURPOSES]


def _standing(connection: Connection, own: Own, purpose: str) -> Standing:
    found = next((one for one in _standings(connection, own) if one.purpose == purpose), None)
    if found is None:
        raise NotFound(Text(f"没有用途 {purpose:.64}", f"there is no purpose {purpose:.64}"))
    return found


def _newest(purpose: str, said: Sequence[Kept]) -> Standing:
    """The newest word that was not taken back. Every word and every change of one counts the revision up."""
    standing = [_consent(one) for one in said if one.removed_at is None]
    newest = max(standing, key=lambda one: (one.at, one.id), default=None)
    return Standing(purpose, newest, sum(one.revision for one in said))


def _consent(kept: Kept) -> Consent:
    assert isinstance(kept.item, Consent)
    return kept.item
