"""Rooms and the households in them: found by address, and who lives there added. Nobody's name is in a household."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from api.scope import demand
from api.sight import Sights
from linli.clock import Clock
from linli.db import schema
from linli.db.addresses import addresses_of
from linli.db.people import Person
from linli.db.registryfacts import record
from linli.db.registryitems import Kept, get, kept_of
from linli.db.registryremoving import not_there
from linli.errors import NotFound
from linli.i18n import Text
from linli.registry.address import Address, address_key
from linli.registry.changes import PERSON, Key, Origin
from linli.registry.inhabitants import Household, Resident
from linli.registry.inhabitants import Person as Inhabitant
from linli.registry.naming import random_id
from linli.roles import Operation


@dataclass(frozen=True, slots=True)
class Home:
    """A household and where it is."""

    kept: Kept
    address: Text


@dataclass(frozen=True, slots=True)
class Room:
    """A place that was found by its address, and the households in it."""

    place: str
    address: Text
    homes: list[Kept]


class HomeService:
    """Households within a person's sight. Safe to call from several threads."""

    def __init__(self, sights: Sights, clock: Clock) -> None:
        self._sights = sights
        self._clock = clock

    def find(self, asker: Person, community: str, building: str, unit: str, room: str) -> Room:
        """The room at an address as people write it, and who has it. NotFound, Refused."""
        demand(asker, Operation.SEE_PERSONS)
        wanted = Address.of("-", "-", community, building, unit, room)
        with self._sights.of(asker).database.read() as connection:
            place = _place(connection, community, wanted)
            table = schema.households
            query = select(table).where(table.c.place_id == place, table.c.removed_at.is_(None)).order_by(table.c.id)
            homes = list(kept_of(connection, "household", list(connection.execute(query))).values())
            return Room(place, _addresses(connection, [place])[place], homes)

    def get(self, asker: Person, household: str) -> Home:
        """One of them; NotFound."""
        demand(asker, Operation.SEE_PERSONS)
        with self._sights.of(asker).database.read() as connection:
            kept = _there(connection, household)
            assert isinstance(kept.item, Household)
            place = kept.item.place
            return Home(kept, _addresses(connection, [place]).get(place, Text(place, place)))

    def relations(self, asker: Person, household: str) -> dict[str, str]:
        """Who lives there, by id, and what they are to the household: nothing of that is personal by itself."""
        demand(asker, Operation.SEE_PERSONS)
        table = schema.residents
        here = (table.c.household_id == household, table.c.removed_at.is_(None))
        with self._sights.of(asker).database.read() as connection:
            found = connection.execute(select(table.c.person_id, table.c.relation).where(*here))
            return {row.person_id: row.relation for row in found}

    def addresses(self, asker: Person, places: Collection[str]) -> dict[str, Text]:
        """Where these places are, in words."""
        demand(asker, Operation.SEE_PERSONS)
        with self._sights.of(asker).database.read() as connection:
            return _addresses(connection, places)

    def add_member(
        self, asker: Person, household: str, values: Mapping[str, Any], relation: str, since: str | None
    ) -> str:
        """Register somebody new who lives there: the person and the residence together. The person's id."""
        demand(asker, Operation.EDIT_PERSONS)
        with self._sights.of(asker).database.write() as connection:
            kept = _there(connection, household)
            assert isinstance(kept.item, Household)
            community = kept.item.community
            person = Inhabitant(id=random_id("i"), community=community, **values)
            residence = Resident(random_id("m"), community, household, person.id, relation, since)
            record(connection, [person, residence], Origin(self._clock.now(), asker.id, PERSON))
            return person.id


def _addresses(connection: Connection, places: Collection[str]) -> dict[str, Text]:
    """From the compound on: what it lies in is not asked for at a door."""
    whole = addresses_of(connection, places)
    return {place: Text(_from_compound(one.zh), _from_compound(one.en)) for place, one in whole.items()}


def _from_compound(address: str) -> str:
    return " / ".join(address.split(" / ")[2:]) or address


def _place(connection: Connection, community: str, wanted: Address) -> str:
    table = schema.places
    key = address_key(community, wanted.building, wanted.unit, wanted.room)
    place: str | None = connection.execute(
        select(table.c.id).where(table.c.address_key == key, table.c.removed_at.is_(None))
    ).scalar()
    if place is None:
        parts = "/".join(part for part in (wanted.building, wanted.unit, wanted.room) if part)
        raise NotFound(Text(f"没有 {parts or '-'} 这个地址", f"there is no address {parts or '-'} there"))
    return place


def _there(connection: Connection, household: str) -> Kept:
    key = Key("household", household)
    kept = get(connection, key)
    if kept is None or kept.removed_at is not None:
        raise not_there(key)
    return kept
