"""The audit log for those who may read it: pages of it, one entry, and how it stands with the chain. That somebody looked is an
entry too, once for each search and not for each of its pages.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.http.paging import Page, page_of
from api.named import community_of
from api.scope import demand
from api.services import Services
from api.sight import Sights
from linli.audit import Act, Entry, Fact, Fault
from linli.audithead import HeadError, HeadFile
from linli.auditwho import who_of
from linli.clock import Clock
from linli.db.audit import EVERYTHING, Search, Shown, SqlAudit, append
from linli.db.auditcheck import glance
from linli.db.database import Database
from linli.db.people import People, Person
from linli.errors import NotFound, Refused
from linli.i18n import Text
from linli.roles import Operation

LOOKED_FOR_S = 60.0
"""A quick look at the end of the chain counts for so long."""


@dataclass(frozen=True, slots=True)
class AuditView:
    """An entry as it is shown. `names`: of the accounts in it, by id. `erased`: texts that were there once."""

    entry: Entry
    names: Mapping[str, str]
    reason: str | None
    address: str | None
    details: Mapping[str, Any]
    erased: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the end of the chain is: what is wrong first, None if nothing is; `checked_at`, microseconds since 1970 UTC."""

    fault: Text | None
    checked_at: int


class AuditService:
    """Safe to call from several threads. Every method takes who asks, and shows what is of the communities they reach."""

    def __init__(self, sights: Sights, whole: Database, people: People, head: HeadFile, clock: Clock) -> None:
        self._sights = sights
        self._whole = whole
        self._people = people
        self._head = head
        self._clock = clock
        self._standing: tuple[float, Standing] | None = None
        self._lock = threading.Lock()

    def page(
        self, person: Person, search: Search = EVERYTHING, limit: int = 100, before: int | None = None
    ) -> Page[AuditView]:
        """Entries to which all of the search applies, with a number below `before`, the newest first. NotFound for a community that
        never was or is out of sight."""
        demand(person, Operation.READ_AUDIT)
        if search.community is not None:
            self._check_community(person, search.community)
        if before is None:
            self._looked(person, search)
        found = self._log(person).newest(search, limit + 1, before)
        page = page_of(found, limit, lambda shown: (shown.entry.seq,))
        names = self._people.display_names()
        return Page([_view(shown, names) for shown in page.items], page.following)

    def get(self, person: Person, number: int) -> AuditView:
        """One entry; NotFound outside the person's scope."""
        demand(person, Operation.READ_AUDIT)
        found = self._log(person).get(number)
        if found is None:
            raise NotFound(Text(f"没有第 {number} 条记录", f"there is no entry {number}"))
        return _view(found, self._people.display_names())

    def standing(self, person: Person) -> Standing:
        """How the end of the chain is, as of the last minute. All of it is for `linli audit verify`."""
        demand(person, Operation.READ_AUDIT)
        with self._lock:
            now = self._clock.monotonic()
            if self._standing is None or now - self._standing[0] > LOOKED_FOR_S:
                self._standing = now, Standing(_first(self._glance()), self._clock.now())
            return self._standing[1]

    def account_named(self, name: str) -> str:
        """The id of the account of that sign-in name; the name itself if there is none, which then is an id."""
        try:
            return self._people.get(name).id
        except (NotFound, Refused):
            return name

    def _check_community(self, person: Person, name: str) -> None:
        """The rule of every filter (`api.named`); the log may also tell of one that the registry knows no more."""
        try:
            community_of(self._sights.of(person), "community", name)
        except NotFound:
            if not self._log(person).newest(Search(community=name), 1):
                raise

    def _log(self, person: Person) -> SqlAudit:
        return SqlAudit(self._sights.of(person).database)

    def _glance(self) -> list[Fault] | Text:
        try:
            return glance(self._whole, self._head)
        except HeadError as error:
            return error.text

    def _looked(self, person: Person, search: Search) -> None:
        asked: dict[str, Fact] = {
            name: value for name in search.__slots__ if (value := getattr(search, name)) is not None
        }
        with self._whole.write() as connection:
            append(connection, Act("audit.read", who_of(person.id), "audit", details=asked), self._clock.now())


def build_audit(services: Services) -> AuditService:
    """The service over what the others have."""
    head = HeadFile(services.settings.audit_head_path)
    return AuditService(services.sights, services.database.whole(), services.people, head, services.clock)


def _first(found: list[Fault] | Text) -> Text | None:
    if isinstance(found, Text):
        return found
    return found[0].text if found else None


def _view(shown: Shown, names: Mapping[str, str]) -> AuditView:
    texts = shown.texts
    return AuditView(
        shown.entry,
        {one: names[one] for one in (shown.entry.actor, *shown.entry.ids) if one in names},
        texts.get("reason"),
        texts.get("address"),
        shown.details(),
        tuple(shown.erased()),
    )
