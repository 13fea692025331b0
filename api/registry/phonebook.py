"""Whom to call and what there is besides places and devices, as one person sees it: organisations with their people, gateways, calendars."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from api.http.paging import Page
from api.registry.service import RegistryService, Wanted
from api.sight import Sights
from linli.db import schema
from linli.db.people import Person
from linli.db.registry import read_holidays
from linli.i18n import Text
from linli.registry.model import Gateway, Holiday, Organisation, Staff, Team

PAGE = 50
MOST_STAFF = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """An organisation with its staff, its teams and the compounds that it manages, as far as the reader sees them."""

    organisation: Organisation
    staff: Sequence[Staff]
    teams: Sequence[Team]
    manages: Sequence[tuple[str, Text]]


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A gateway: how many devices hang on it, whether it is online (None: it was never heard of), and since when."""

    gateway: Gateway
    community: Text
    devices: int
    online: bool | None
    since: int | None


class Phonebook:
    """Reads within each reader's sight. Safe to call from several threads."""

    def __init__(self, sights: Sights, registry: RegistryService) -> None:
        self._sights = sights
        self._registry = registry

    def organisations(self, person: Person, words: str, after: str | None) -> Page[Entry]:
        """Those that have these words in a name, a number or the name of a compound that they manage, by id, PAGE at a time."""
        communities = self._sights.of(person).names.registry.communities
        managed: dict[str, list[tuple[str, Text]]] = {}
        for one in sorted(communities.values(), key=lambda one: one.id):
            if one.manager is not None:
                managed.setdefault(one.manager, []).append((one.id, one.name))
        page = self._registry.page(person, "organisation", Wanted({}, words), PAGE, after)
        found: list[Any] = [shown.kept.item for shown in page.items]
        if words and after is None:  # whoever looks for a compound looks for its property company
            known = {one.id for one in found}
            wanted = {key for key, some in managed.items() if any(_has(name, words) for _, name in some)} - known
            every = self._registry.page(person, "organisation", Wanted({}), 500, None).items if wanted else ()
            found += [shown.kept.item for shown in every if shown.kept.item.id in wanted]
        return Page([self._entry(person, one, managed.get(one.id, ())) for one in found], page.following)

    def _entry(self, person: Person, item: Organisation, manages: Sequence[tuple[str, Text]]) -> Entry:
        of = Wanted({"organisation": item.id})
        staff: list[Any] = [one.kept.item for one in self._registry.page(person, "staff", of, MOST_STAFF, None).items]
        teams: list[Any] = [one.kept.item for one in self._registry.page(person, "team", of, MOST_STAFF, None).items]
        return Entry(item, staff, teams, manages)

    def gateways(self, person: Person) -> list[GatewayEntry]:
        """Every gateway in sight, those that are not online first."""
        sight = self._sights.of(person)
        names, table = sight.names, schema.gateway_status
        with sight.database.read() as connection:
            rows = connection.execute(select(table.c.gateway_id, table.c.online, table.c.since))
            links: Mapping[str, tuple[bool, int]] = {row.gateway_id: (row.online, row.since) for row in rows}
        devices = Counter(device.gateway for device in names.registry.devices.values())
        found = []
        for gateway in names.registry.gateways.values():
            online, since = links.get(gateway.id, (None, None))
            found.append(GatewayEntry(gateway, names.community(gateway.community), devices[gateway.id], online, since))
        return sorted(found, key=lambda one: (one.online is True, one.gateway.id))

    def calendar(self, person: Person, year: int) -> list[tuple[Text | None, Holiday]]:
        """The days of a year that are not what their weekday says, in order, each with its compound (None: of the whole district)."""
        sight = self._sights.of(person)
        known = sight.names.registry.communities
        with sight.database.read() as connection:
            days = [day for day in read_holidays(connection) if day.day.startswith(f"{year:04}-")]
        found = [
            (sight.names.community(day.community) if day.community else None, day)
            for day in days
            if not day.community or day.community in known
        ]
        return sorted(found, key=lambda one: (one[1].day, one[1].community))


def _has(name: Text, words: str) -> bool:
    return words.casefold() in name.zh.casefold() or words.casefold() in name.en.casefold()
