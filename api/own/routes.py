"""One's own data over REST, for residents: what is known of them, how to reach them, what they agree to, and who looked."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.bodies import Id, ProblemBody
from api.http.paging import DEFAULT_LIMIT, Cursor, Limit, Listed, following, read_cursor
from api.http.preconditions import demand_match, etag_of
from api.own import bodies
from api.own.service import OwnService
from api.registry.routes import STALE
from api.routing import Signed, needs
from api.services import Services
from linli.db.registryitems import Kept
from linli.registry.inhabitants import PURPOSES
from linli.roles import Operation

_OWN = needs(Operation.SEE_OWN)
_UNLINKED: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemBody, "description": "Not yours, or your account is not linked to the register of residents"}
}
_FULL: dict[int | str, dict[str, Any]] = {409: {"model": ProblemBody, "description": "There are too many already"}}
_Purpose = Annotated[str, Path(pattern=f"^({'|'.join(PURPOSES)})$")]


def add_routes(router: APIRouter, services: Services) -> None:
    """The routes over these services."""
    own = OwnService(services.sights, services.database, services.clock)
    _add_looking(router, own)
    _add_contacts(router, own)
    _add_consents(router, own)


def _add_looking(router: APIRouter, own: OwnService) -> None:
    @router.get("/own", responses=_UNLINKED, **_OWN)
    def all_of_it(person: Signed) -> bodies.OwnBody:
        """What is known of you: by whom, since when, where you live, how you are reached, what you agreed to, who looked."""
        return bodies.own_body(own.file(person))

    @router.get("/own/looks", responses=_UNLINKED, **_OWN)
    def looks(
        request: Request, response: Response, person: Signed, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Listed[bodies.LookedBody]:
        """Who looked at your data and what for, the newest first: by role and organisation, never by name. Your own looks are left
        out."""
        before = None if cursor is None else int(read_cursor("own-looks", cursor, (int,))[0])
        page = own.looks(person, limit, before)
        items = [bodies.looked_body(one) for one in page.items]
        return Listed(items=items, next=following("own-looks", page, request, response))

    @router.get("/own/export", responses=_UNLINKED, **_OWN)
    def export(person: Signed) -> bodies.OwnDataBody:
        """Export all that is kept of you, with every change of it and what each source said. Logged."""
        return bodies.data_body(own.export(person))


def _add_contacts(router: APIRouter, own: OwnService) -> None:
    @router.post("/own/contacts", status_code=201, responses=_UNLINKED | _FULL, **_OWN)
    def add(body: bodies.NewContactBody, response: Response, person: Signed) -> bodies.OwnContactBody:
        """Add a way to reach you."""
        kept = own.add_contact(person, body.kind, body.value)
        response.headers["location"] = f"{router.prefix}/own/contacts/{kept.item.id}"
        return _answer(kept, response)

    @router.get("/own/contacts/{contact_id}", responses=_UNLINKED, **_OWN)
    def one(contact_id: Id, response: Response, person: Signed) -> bodies.OwnContactBody:
        """One way to reach you."""
        return _answer(own.contact(person, contact_id), response)

    @router.put("/own/contacts/{contact_id}", responses=_UNLINKED | STALE, **_OWN)
    def change(
        contact_id: Id, body: bodies.ContactChangeBody, request: Request, response: Response, person: Signed
    ) -> bodies.OwnContactBody:
        """Change a way to reach you, with `If-Match`. It counts at once; where staff hold another, both are shown to them."""
        revision = _matching(request, lambda: own.contact_revision(person, contact_id))
        return _answer(own.change_contact(person, contact_id, body.kind, body.value, body.position, revision), response)

    @router.delete("/own/contacts/{contact_id}", status_code=204, responses=_UNLINKED | STALE, **_OWN)
    def remove(contact_id: Id, request: Request, person: Signed) -> None:
        """Remove a way to reach you, with `If-Match`."""
        revision = _matching(request, lambda: own.contact_revision(person, contact_id))
        own.remove_contact(person, contact_id, revision)


def _add_consents(router: APIRouter, own: OwnService) -> None:
    @router.put("/own/consents/{purpose}", responses=_UNLINKED | STALE, **_OWN)
    def say(
        purpose: _Purpose, body: bodies.SayBody, request: Request, response: Response, person: Signed
    ) -> bodies.StandingBody:
        """Agree to a purpose, or no longer, with `If-Match`. It counts from now on."""
        revision = _matching(request, lambda: own.standing(person, purpose).revision)
        standing = own.say(person, purpose, body.given, revision)
        response.headers["etag"] = etag_of(standing.revision)
        return bodies.standing_body(standing)


def _matching(request: Request, read: Callable[[], int]) -> int:
    """The revision that is there, which the request has to name."""
    revision = read()
    demand_match(request, etag_of(revision))
    return revision


def _answer(kept: Kept, response: Response) -> bodies.OwnContactBody:
    response.headers["etag"] = etag_of(kept.revision)
    return bodies.contact_body(kept)
