"""Whom to call: organisations with their people; and beside them gateways, the year's calendar, and what each role may do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from api.console import registry_texts
from api.console.layout import Node
from api.console.opening import Answer, Opened, Pages
from api.console.registry import phonebook_texts as texts
from api.console.registry.pieces import files_link, parts
from api.console.registry.texts import SEARCH
from api.console.rows import moment
from api.http.paging import Page
from api.registry.phonebook import Entry, GatewayEntry, Phonebook
from api.registry.service import RegistryService
from linli.clock import Clock, local_time
from linli.i18n import Text
from linli.registry.model import ORGANISATION_KINDS, Holiday
from linli.roles import OPERATIONS, ROLES, Operation

PATH = "/registry/phonebook"
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class _Read:
    entries: Page[Entry]
    gateways: Sequence[GatewayEntry]
    days: Sequence[tuple[Text | None, Holiday]]


def add(pages: Pages) -> None:
    """Add the page."""
    services = pages.services
    book = Phonebook(services.sights, RegistryService(services.sights, services.database, services.clock))

    @pages.page(PATH, Operation.SEE)
    async def phonebook(opened: Opened, q: str = "", after: str = "", year: str = "") -> Answer:
        visit, clock = opened.visit, services.clock
        words, wanted = q.strip()[:100], _year(year, clock, opened)

        def read() -> _Read:
            person = opened.person
            entries = book.organisations(person, words, after or None)
            return _Read(entries, book.gateways(person), book.calendar(person, wanted))

        found = await asyncio.to_thread(read)
        with opened.frame(texts.PHONEBOOK, "/registry"):
            _Board(visit.language, words, wanted).draw(opened, found, clock)
        return None


def _year(said: str, clock: Clock, opened: Opened) -> int:
    if said.isascii() and said.isdigit() and 1970 <= int(said) <= 2999:
        return int(said)
    return local_time(clock.now(), opened.visit.zone("")).year


class _Board:
    """All of it, in one language."""

    def __init__(self, language: str, words: str, year: int) -> None:
        self._language = language
        self._words = words
        self._year = year

    def draw(self, opened: Opened, found: _Read, clock: Clock) -> None:
        """Head and sections."""
        with Node("div", classes="board-head"):
            Node("h1", registry_texts.REGISTRY.of(self._language))
            parts(self._language, PATH)
            files_link(opened.person, self._language)
            self._search()
        with Node("div", classes="sections", data_test="phonebook"):
            self._organisations(found.entries)
            self._gateways(found.gateways, opened, clock)
            self._calendar(found.days)
            self._roles()

    def _say(self, text: Text) -> str:
        return text.of(self._language)

    def _search(self) -> None:
        asked = self._say(texts.WHOM)
        with Node("form", classes="search-form", method="get", action=PATH, role="search"):
            Node(
                "input",
                classes="search",
                type="search",
                name="q",
                value=self._words,
                maxlength=100,
                placeholder=asked,
                aria_label=asked,
                data_test="search",
            )
            Node("button", self._say(SEARCH), "btn", type="submit", data_test="seek")

    # --- whom to call ---------------------------------------------------------------------------------------------

    def _organisations(self, page: Page[Entry]) -> None:
        with Node("section", data_test="organisations"):
            Node("h2", self._say(texts.ORGANISATIONS))
            if not page.items:
                Node("div", self._say(texts.NOBODY_FOUND if self._words else texts.NO_ORGANISATIONS), "panel")
            with Node("ul", classes="rows"):
                for entry in page.items:
                    self._organisation(entry)
            if page.following is not None and page.items:
                last = page.items[-1].organisation.id
                Node("a", self._say(texts.NEXT_ONES), "btn", href=f"{PATH}?after={last}", data_test="more")

    def _organisation(self, entry: Entry) -> None:
        one = entry.organisation
        with Node("li", classes="row-p", data_organisation=one.id):
            with Node("div"):
                Node("div", self._say(one.name), "p-name")
                Node("small", self._say(ORGANISATION_KINDS[one.kind]), "muted")
                self._phone(one.phone)
            with Node("div"):
                if entry.manages:
                    with Node("div"):
                        Node("span", f"{self._say(texts.MANAGES)} ", "muted")
                        for at, (community, name) in enumerate(entry.manages):
                            if at:
                                Node("span", self._say(texts.PAUSE))
                            Node("a", self._say(name), href=f"/registry/communities/{community}")
                for staff in entry.staff:
                    with Node("div"):
                        Node("span", " ".join(part for part in (staff.name, staff.duty) if part))
                        self._phone(staff.phone)
                for team in entry.teams:
                    count = texts.TEAM_OF.format(name=team.name, n=len(team.members))
                    Node("small", self._say(count), "muted")

    def _phone(self, phone: str | None) -> None:
        if phone:
            number = "".join(letter for letter in phone if letter.isdigit() or letter == "+")
            if "*" in phone:  # masked
                Node("span", f" {phone}", "muted")
            else:
                Node("a", f" {phone}", href=f"tel:{number}", data_test="phone")

    # --- gateways -------------------------------------------------------------------------------------------------

    def _gateways(self, gateways: Sequence[GatewayEntry], opened: Opened, clock: Clock) -> None:
        with Node("section", data_test="gateways"):
            Node("h2", self._say(texts.GATEWAYS))
            away = sum(one.online is not True for one in gateways)
            Node("p", self._say(texts.GATEWAYS_ARE.format(n=len(gateways), away=away)), "muted")
            with Node("ul", classes="rows"):
                for one in gateways[:_SHOWN]:
                    with Node("li", classes="row-p", data_gateway=one.gateway.id):
                        with Node("div"):
                            Node("div", self._say(one.gateway.name), "p-name")
                            Node("small", one.gateway.id, "muted")
                        with Node("div"):
                            Node("span", self._say(_link(one)))
                            if one.since is not None:
                                when = moment(one.since, opened.visit.zone(one.gateway.community), clock.now())
                                Node("small", self._say(texts.SINCE.format(when=when)), "muted")
                            with Node("small"):
                                path = f"/registry/communities/{one.gateway.community}"
                                Node("a", self._say(one.community), href=path)
                                Node("span", f" · {self._say(texts.DEVICES_ON.format(n=one.devices))}")
            if len(gateways) > _SHOWN:
                Node("p", self._say(registry_texts.MORE.format(count=_SHOWN)), "muted")

    # --- the calendar ---------------------------------------------------------------------------------------------

    def _calendar(self, days: Sequence[tuple[Text | None, Holiday]]) -> None:
        with Node("section", data_test="calendar"):
            Node("h2", self._say(texts.CALENDAR.format(year=self._year)))
            with Node("p", classes="muted"):
                for year in (self._year - 1, self._year + 1):
                    Node("a", f"{year} ", href=f"{PATH}?year={year}", data_test=f"year-{year}")
                Node("span", self._say(texts.CALENDAR_HELP))
            if not days:
                Node("div", self._say(texts.NO_DAYS), "panel")
                return
            with Node("table", classes="tbl"), Node("tbody"):
                for where, day in days:
                    with Node("tr", data_day=day.day):
                        Node("td", day.day)
                        Node("td", self._say(day.name))
                        Node("td", self._say(texts.DAY_OFF if day.is_holiday else texts.DAY_ON))
                        Node("td", self._say(where or texts.WHOLE_DISTRICT), "muted")

    # --- roles ----------------------------------------------------------------------------------------------------

    def _roles(self) -> None:
        with Node("section", data_test="roles"):
            Node("h2", self._say(texts.ROLES_ARE))
            for role, duty in ROLES.items():
                with Node("details", classes="panel", data_role=role.value):
                    with Node("summary"):
                        Node("span", "▸ ", "muted", aria_hidden="true")
                        Node("b", self._say(duty.name))
                        Node("span", f" {self._say(duty.what)} {self._say(texts.REACHES[duty.reach])}", "muted")
                    with Node("ul", classes="steps"):
                        for operation in Operation:
                            if operation in duty.operations:
                                Node("li", self._say(OPERATIONS[operation]))


def _link(one: GatewayEntry) -> Text:
    if one.online is None:
        return texts.NEVER_HEARD
    return texts.ONLINE if one.online else texts.OFFLINE
