"""Who is looking: from the session cookie that the REST API uses too, and in which language."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from fastapi.responses import RedirectResponse

from api.console import texts
from api.http.session_cookie import session_token
from api.scope import may
from api.services import Services
from linli.db.people import Person
from linli.errors import NotFound, NotSignedIn
from linli.i18n import Language, preferred_language
from linli.model import Role
from linli.roles import Operation

LANGUAGE_COOKIE = "linli_language"
OWN_PATH = "/own"
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Visit:
    """A page being looked at: by whom, in which language, and which wall clock each community goes by."""

    person: Person
    token: str
    language: str
    zones: Mapping[str, ZoneInfo]

    @property
    def several(self) -> bool:
        """Whether the person sees more than one community."""
        return len(self.zones) > 1

    def zone(self, community: str) -> ZoneInfo:
        """The community's time zone."""
        return self.zones.get(community) or next(iter(self.zones.values()), _UTC)


async def enter(services: Services, request: Request) -> Visit | RedirectResponse:
    """The visit that `request` begins, or the way to the sign-in page."""
    token = session_token(request)
    visit = await asyncio.to_thread(_visit, services, token, request) if token else None
    if visit is None:
        wanted = address(request)
        return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted)}", 303)
    return visit


def person_now(services: Services, visit: Visit, *, acting: bool = False) -> Person:
    """Who is looking, as they are now: a page may be open for days, while roles and communities change. Reads the database.

    `acting`: they do something just now, so that the session does not end for want of use. NotSignedIn if the session has
    ended or the account is disabled.
    """
    person = services.people.by_session(visit.token, acting=acting)
    if person is None:
        raise NotSignedIn(texts.SIGNED_OUT)
    return person


def language_of(services: Services, request: Request, person: Person | None) -> str:
    """The person's language, else what this browser last chose, else what it prefers, else the installation's."""
    if person is not None and person.language in set(Language):
        return str(person.language)
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in set(Language):
        return str(chosen)
    return preferred_language(request.headers.get("accept-language", "")) or services.settings.language.value


def home(person: Person) -> str:
    """Where the person's work is: property managers look after facilities, everybody else watches alerts. A resident's is what is
    known of them."""
    if not may(person, Operation.SEE):
        return OWN_PATH if may(person, Operation.SEE_OWN) else "/account"
    return "/facilities" if person.role is Role.PROPERTY else "/"


def address(request: Request) -> str:
    """What was asked for, with its query: the way back to the very same page."""
    url = request.url
    return url.path + (f"?{url.query}" if url.query else "")


def local_path(path: str) -> str:
    """`path` if it stays on this site, else ''."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain else ""


def _visit(services: Services, token: str, request: Request) -> Visit | None:
    person = services.people.by_session(token)
    if person is None:
        return None
    seen = services.communities(person) if may(person, Operation.SEE) else ()
    zones = {community.id: _zone(community.timezone) for community in seen} or _own_zone(services, person)
    return Visit(person, token, language_of(services, request, person), zones)


def _own_zone(services: Services, person: Person) -> Mapping[str, ZoneInfo]:
    """The clock that a resident lives by."""
    if not may(person, Operation.SEE_OWN):
        return {}
    try:
        own = services.sights.own(person, services.clock.now())
    except NotFound:
        return {}
    return {own.community: own.zone}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC
