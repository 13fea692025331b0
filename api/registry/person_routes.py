"""Persons over REST: every look says what for, and is written down."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.bodies import Id
from api.http.paging import Cursor, Limit, following, read_cursor
from api.http.preconditions import demand_match, etag_of
from api.registry import bodies
from api.registry import person_bodies as forms
from api.registry.persons import Look, PersonService, Wanted
from api.registry.resources import PERSONAL, Resource
from api.registry.routes import STALE
from api.routing import Signed, needs
from api.services import Services
from linli.db.registryitems import Kept
from linli.errors import Refused
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.kinds import KINDS
from linli.roles import Operation

_SEE, _EDIT, _RELEASE = Operation.SEE_PERSONS, Operation.EDIT_PERSONS, Operation.RELEASE_PERSONS
_PERSONS = "/registry/persons"


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    persons = PersonService(services.sights, services.database, services.clock, services.settings)
    _add_looking(router, persons)
    _add_rights(router, persons)
    for resource in PERSONAL.values():
        _add_changing(router, persons, resource)


def _add_looking(router: APIRouter, persons: PersonService) -> None:
    @router.get(_PERSONS, response_model=bodies.PAGES["person"], **needs(_SEE))
    def listed(
        request: Request,
        response: Response,
        person: Signed,
        purpose: forms.Purpose,
        reason: forms.Reason = "",
        full: forms.Full = False,
        community: Id | None = None,
        household: Id | None = None,
        place: Id | None = None,
        q: Annotated[
            str, Query(max_length=100, description="Within names and contacts; takes the right to see in full")
        ] = "",
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """List persons, by id, masked unless in full is asked for. Each look is logged with its purpose."""
        after = None if cursor is None else str(read_cursor(_PERSONS, cursor, (str,))[0])
        wanted = Wanted(community, household, place, q.strip())
        page = persons.page(person, Look(purpose, reason, full), wanted, limit, after)
        items = [bodies.body_of("person", kept) for kept in page.items]
        return {"items": items, "next": following(_PERSONS, page, request, response)}

    @router.get("/registry/households", response_model=bodies.PAGES["household"], **needs(_SEE))
    def households(
        request: Request,
        response: Response,
        person: Signed,
        place: Id | None = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """List households, by id: which room each has; nobody's name."""
        path = "/registry/households"
        after = None if cursor is None else str(read_cursor(path, cursor, (str,))[0])
        page = persons.households(person, place, limit, after)
        items = [bodies.body_of("household", kept) for kept in page.items]
        return {"items": items, "next": following(path, page, request, response)}

    @router.get(f"{_PERSONS}/{{item_id}}", response_model=forms.PersonFileBody, **needs(_SEE))
    def one(
        item_id: Id,
        person: Signed,
        response: Response,
        purpose: forms.Purpose,
        reason: forms.Reason = "",
        full: forms.Full = False,
    ) -> Any:
        """One person with homes, contacts, consents and credentials, masked unless in full is asked for. The look is logged."""
        file = persons.file(person, Look(purpose, reason, full), item_id)
        response.headers["etag"] = etag_of(file.person.revision)
        return forms.file_body(file)

    @router.get(
        f"{_PERSONS}/{{item_id}}/history",
        response_model=list[bodies.HistoryBody],
        **needs(Operation.UNMASK_PERSONS),
    )
    def history(item_id: Id, person: Signed, purpose: forms.Purpose, reason: forms.Reason) -> Any:
        """Every change of a person's own record, the newest first. The look is logged."""
        look = Look(purpose, reason, full=True)
        return [past._asdict() for past in persons.history(person, look, Key("person", item_id))]


def _add_rights(router: APIRouter, persons: PersonService) -> None:
    path = f"{_PERSONS}/{{item_id}}"

    @router.post(f"{path}/merge", status_code=204, responses={409: STALE[409]}, **needs(_EDIT))
    def merge(item_id: Id, body: bodies.MergeBody, person: Signed) -> None:
        """Merge a duplicate into this person: homes, contacts, consents, credentials and what was said move over."""
        persons.merge(person, item_id, body.duplicate)

    @router.post(f"{path}/restore", status_code=204, responses={409: STALE[409]}, **needs(_EDIT))
    def restore(item_id: Id, person: Signed) -> None:
        """Bring back somebody who was removed, with what went along with them."""
        persons.restore(person, item_id)

    @router.get(f"{path}/looks", response_model=list[forms.LookBody], **needs(_RELEASE))
    def looks(item_id: Id, person: Signed) -> Any:
        """List who looked at a person's data, when and what for."""
        return persons.looks(person, item_id)

    @router.get(f"{path}/export", response_model=forms.PersonDataBody, **needs(_RELEASE))
    def export(item_id: Id, person: Signed, reason: forms.Reason) -> Any:
        """Export all that is known of one person, to be handed to them. Logged."""
        return persons.export(person, item_id, reason)

    @router.post(f"{path}/erase", response_model=forms.ErasedBody, responses={409: STALE[409]}, **needs(_RELEASE))
    def erase(item_id: Id, body: forms.EraseBody, person: Signed) -> Any:
        """Erase a person: nothing of them stays but that there was somebody. It cannot be undone."""
        if not body.sure:
            error = Refused("not_sure", "set sure to true: it cannot be undone")
            error.text = Text("须将 sure 设为 true：此操作不能撤销", error.detail)
            raise error
        return {"records": persons.erase(person, item_id, body.reason)}


def _add_changing(router: APIRouter, persons: PersonService, resource: Resource) -> None:
    kind, path, words = resource.kind, f"/registry/{resource.path}", KINDS[resource.kind].name.en.lower()

    def add(body: Any, response: Response, person: Signed) -> Any:
        kept = persons.add(person, kind, bodies.values_of(body))
        response.headers["location"] = f"{path}/{kept.item.id}"
        return _answer(kind, kept, response)

    def change(item_id: Id, body: Any, request: Request, response: Response, person: Signed) -> Any:
        revision = _matching(request, lambda: persons.revision(person, Key(kind, item_id)))
        item: Any = bodies.item_of(kind, item_id, body)[0]
        return _answer(kind, persons.write(person, item, revision), response)

    for route in (add, change):
        route.__annotations__["body"] = bodies.IN[kind]
    told = {"response_model": bodies.OUT[kind]} | needs(_EDIT)
    router.post(path, status_code=201, description=f"Register a {words}, under an id that says nothing.", **told)(add)
    router.put(f"{path}/{{item_id}}", responses=STALE, description=f"Change a {words}, with `If-Match`.", **told)(
        change
    )

    @router.delete(
        f"{path}/{{item_id}}",
        status_code=204,
        responses=STALE,
        description=f"Remove a {words}, with `If-Match`.",
        **needs(_EDIT),
    )
    def gone(
        item_id: Id,
        request: Request,
        person: Signed,
        along: Annotated[bool, Query(description="Also what belongs to it")] = False,
    ) -> None:
        key = Key(kind, item_id)
        persons.remove(person, key, _matching(request, lambda: persons.revision(person, key)), along=along)


def _matching(request: Request, read: Callable[[], int]) -> int:
    """The revision that is there, which the request has to name."""
    revision = read()
    demand_match(request, etag_of(revision))
    return revision


def _answer(kind: str, kept: Kept, response: Response) -> Any:
    response.headers["etag"] = etag_of(kept.revision)
    return bodies.body_of(kind, kept)
