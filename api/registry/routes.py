"""The registry's routes: the same for each kind of item, made from the table of resources."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from api.bodies import Id
from api.http import preconditions
from api.http.paging import Cursor, Limit, following, read_cursor
from api.http.preconditions import demand_match, etag_of, not_modified, unchanged
from api.registry import bodies
from api.registry.resources import RESOURCES, Resource
from api.registry.service import RegistryService, Shown, Wanted
from api.routing import Signed, needs
from api.services import Services
from linli.db.registryfacts import Doubt, Waiting
from linli.errors import Refused
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.facts import Fact, stale_from
from linli.registry.kinds import KINDS
from linli.registry.model import Device
from linli.roles import Operation

_READ, _EDIT = Operation.SEE, Operation.EDIT_REGISTRY
_Words = Annotated[str, Query(max_length=100, description="Within names in both languages, numbers, serials and ids")]
_Removed = Annotated[bool, Query(description="What was removed, instead of what is there")]
STALE: dict[int | str, dict[str, Any]] = {
    409: {"description": "Something else needs it, or it is not in that state"},
    **preconditions.STALE,
}


def add_routes(router: APIRouter, services: Services) -> None:
    """All of them."""
    registry = RegistryService(services.sights, services.database, services.clock)
    _add_queues(router, registry)
    for resource in RESOURCES.values():
        _add_reading(router, registry, resource)
        _add_looking(router, registry, resource)
        _add_writing(router, registry, resource)
        _add_undoing(router, registry, resource)
    _add_devices(router, registry)


def _add_reading(router: APIRouter, registry: RegistryService, resource: Resource) -> None:
    kind, path, words = resource.kind, f"/registry/{resource.path}", KINDS[resource.kind].name.en.lower()
    known = ", ".join(resource.filters)

    @router.get(
        path,
        response_model=bodies.PAGES[kind],
        description=f"List what is registered of the kind {words}, by id.",
        **needs(_READ),
    )
    def listed(
        request: Request,
        response: Response,
        person: Signed,
        where: Annotated[
            list[str],
            Query(max_length=10, description=f"Only those with `field=value`; fields: {known or 'none'}"),
        ] = [],  # noqa: B006  FastAPI copies defaults
        q: _Words = "",
        removed: _Removed = False,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        after = None if cursor is None else str(read_cursor(path, cursor, (str,))[0])
        wanted = Wanted(filters_of(resource, where), q.strip(), removed)
        page = registry.page(person, kind, wanted, limit, after)
        items = [body_of(kind, shown) for shown in page.items]
        return {"items": items, "next": following(path, page, request, response)}

    @router.get(
        f"{path}/{{item_id}}",
        response_model=bodies.OUT[kind],
        responses={304: {"description": "You have it as it is"}},
        description=f"One {words}. The `ETag` is what `If-Match` of a change names.",
        **needs(_READ),
    )
    def one(item_id: Id, request: Request, response: Response, person: Signed, removed: _Removed = False) -> Any:
        shown = registry.get(person, Key(kind, item_id), removed=removed)
        tag = etag_of(shown.kept.revision)
        return not_modified(tag) if unchanged(request, tag) else _answer(kind, shown, response)


def _add_looking(router: APIRouter, registry: RegistryService, resource: Resource) -> None:
    kind, path, words = resource.kind, f"/registry/{resource.path}/{{item_id}}", KINDS[resource.kind].name.en.lower()

    @router.get(
        f"{path}/history",
        response_model=list[bodies.HistoryBody],
        description=f"Every change of a {words}, the newest first: who, when, from what to what, by what source.",
        **needs(_READ),
    )
    def history(item_id: Id, person: Signed) -> Any:
        return [past._asdict() for past in registry.history(person, Key(kind, item_id))]

    @router.get(
        f"{path}/facts",
        response_model=list[bodies.FactBody],
        description=f"What is known of each field of a {words}: by what source, since when, how surely, and who contradicts it.",
        **needs(_READ),
    )
    def facts(item_id: Id, person: Signed) -> Any:
        found = registry.facts(person, Key(kind, item_id))
        return [_fact(kind, name, one, registry) for name, one in sorted(found.items())]


def _add_writing(router: APIRouter, registry: RegistryService, resource: Resource) -> None:
    kind, path, words = resource.kind, f"/registry/{resource.path}/{{item_id}}", KINDS[resource.kind].name.en.lower()

    def write(item_id: Id, body: Any, request: Request, response: Response, person: Signed) -> Any:
        key = Key(kind, item_id)
        revision = _revision(request, registry, person, key)
        shown = registry.write(person, key, bodies.item_of(kind, item_id, body), revision)
        response.status_code = 201 if revision == 0 else 200
        return _answer(kind, shown, response)

    write.__annotations__["body"] = bodies.IN[kind]
    router.put(
        path,
        response_model=bodies.OUT[kind],
        responses=STALE | {201: {"model": bodies.OUT[kind], "description": "It is registered now"}},
        description=f"Register a {words}, with `If-None-Match: *`, or change it, with `If-Match`.",
        **needs(_EDIT),
    )(write)

    @router.post(
        f"{path}/confirm",
        response_model=bodies.OUT[kind],
        description=f"Confirm what stands of a {words}: what contradicts it is settled, what was stale is fresh.",
        **needs(_EDIT),
    )
    def confirm(item_id: Id, body: bodies.ConfirmBody, response: Response, person: Signed) -> Any:
        return _answer(kind, registry.confirm(person, Key(kind, item_id), body.fields), response)


def _add_undoing(router: APIRouter, registry: RegistryService, resource: Resource) -> None:
    kind, path, words = resource.kind, f"/registry/{resource.path}/{{item_id}}", KINDS[resource.kind].name.en.lower()

    @router.delete(
        path,
        status_code=204,
        responses=STALE,
        description=f"Remove a {words}, with `If-Match`. It can be restored; its id is never given to another.",
        **needs(_EDIT),
    )
    def remove(
        item_id: Id,
        request: Request,
        person: Signed,
        along: Annotated[bool, Query(description="Also what belongs to it")] = False,
    ) -> None:
        key = Key(kind, item_id)
        registry.remove(person, key, _revision(request, registry, person, key), along=along)

    @router.post(
        f"{path}/restore",
        response_model=bodies.OUT[kind],
        responses={409: STALE[409]},
        description=f"Restore a {words} that was removed.",
        **needs(_EDIT),
    )
    def restore(item_id: Id, response: Response, person: Signed) -> Any:
        return _answer(kind, registry.restore(person, Key(kind, item_id)), response)


def _add_devices(router: APIRouter, registry: RegistryService) -> None:
    path = "/registry/devices/{item_id}"

    @router.get(f"{path}/installations", response_model=list[bodies.InstallationBody], **needs(_READ))
    def installed(item_id: Id, person: Signed) -> Any:
        """List what stood where the device is, the newest first."""
        return registry.installations(person, item_id)

    @router.post(f"{path}/replace", response_model=bodies.OUT["device"], responses=STALE, **needs(_EDIT))
    def replace(item_id: Id, body: bodies.ReplaceBody, request: Request, response: Response, person: Signed) -> Any:
        """Replace the equipment of a device, with `If-Match`. Its id, place and history stay."""
        revision = _revision(request, registry, person, Key("device", item_id))
        shown = registry.replace(person, item_id, body.serial, body.model, body.reason, revision)
        return _answer("device", shown, response)

    @router.post(f"{path}/merge", response_model=bodies.OUT["device"], responses={409: STALE[409]}, **needs(_EDIT))
    def merge(item_id: Id, body: bodies.MergeBody, response: Response, person: Signed) -> Any:
        """Merge a duplicate into this device: what refers to it and what was said of it moves over."""
        return _answer("device", registry.merge(person, Key("device", item_id), body.duplicate), response)


def _add_queues(router: APIRouter, registry: RegistryService) -> None:
    @router.get("/registry/doubts", response_model=bodies.DoubtsBody, **needs(_READ))
    def doubts(
        request: Request,
        response: Response,
        person: Signed,
        contradicted: Annotated[
            bool | None, Query(description="Only what is contradicted, or only what is merely stale")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Any:
        """List what somebody should look at, what waits longest first: facts that contradict each other or are stale."""
        after = None
        if cursor is not None:
            since, kind, item = read_cursor("doubts", cursor, (int, str, str))
            after = Waiting(int(since), str(kind), str(item))
        page = registry.doubts(person, limit, after, contradicted=contradicted)
        items = [_doubt(doubt, registry) for doubt in page.items]
        return {"items": items, "next": following("doubts", page, request, response)}

    @router.get("/registry/address", response_model=bodies.AddressBody, responses={404: {}}, **needs(_READ))
    def address(
        person: Signed,
        text: Annotated[
            str, Query(max_length=500, description="district / committee / compound / building / unit / room")
        ],
    ) -> Any:
        """Find the place at an address, by names in either language or ids."""
        place, shown = registry.find_place(person, text)
        return {"place": place, "address": shown}

    @router.get("/registry/unknown-devices", response_model=bodies.StrangersBody, **needs(_READ))
    def unknown(person: Signed, gateway: Id | None = None) -> Any:
        """List devices that report and are not registered, with what they sent."""
        return {"items": registry.strangers(person, gateway)}

    path = "/registry/unknown-devices/{gateway_id}/{device}"

    @router.post(f"{path}/adopt", response_model=bodies.OUT["device"], status_code=201, **needs(_EDIT))
    def adopt(gateway_id: Id, device: Id, body: bodies.AdoptBody, response: Response, person: Signed) -> Any:
        """Register an unknown device under the id that it reports."""
        community = registry.get(person, Key("gateway", gateway_id)).kept.item.community  # type: ignore[union-attr]
        made = bodies.item_of("device", device, _adopted(body, gateway_id, community))
        assert isinstance(made[0], Device)
        return _answer("device", registry.adopt(person, made[0], replay=body.replay), response)

    @router.delete(path, status_code=204, **needs(_EDIT))
    def dismiss(gateway_id: Id, device: Id, person: Signed) -> None:
        """Take an unknown device off the list, until it reports again."""
        registry.dismiss(person, gateway_id, device)


def filters_of(resource: Resource, where: list[str]) -> dict[str, str]:
    """The fields and values of `where`; Refused for a field that the kind is not narrowed by."""
    found = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals or name not in resource.filters:
            raise bad_filter(text, resource.filters)
        found[name] = value
    return found


def bad_filter(text: str, known: tuple[str, ...]) -> Exception:
    """That a filter is none, and which there are."""
    listed = ", ".join(known) or "-"
    error = Refused("bad_filter", f"where: {text:.80}; give field=value with one of: {listed}")
    error.text = Text(f"where：{text:.80} 不对，须为 字段=值，字段可为：{listed}", error.detail)
    return error


def _revision(request: Request, registry: RegistryService, person: Signed, key: Key) -> int:
    """The revision that the change is made from, which the request names; 0 for what is to be registered."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    shown = registry.get(person, key)
    demand_match(request, etag_of(shown.kept.revision))
    return shown.kept.revision


def _adopted(body: bodies.AdoptBody, gateway: str, community: str) -> BaseModel:
    values = body.model_dump(exclude={"replay"}) | {"gateway": gateway, "community": community}
    return bodies.IN["device"].model_validate(values)


def body_of(kind: str, shown: Shown) -> BaseModel:
    """It as JSON."""
    return bodies.body_of(kind, shown.kept, shown.equipment)


def _answer(kind: str, shown: Shown, response: Response) -> BaseModel:
    response.headers["etag"] = etag_of(shown.kept.revision)
    return body_of(kind, shown)


def _fact(kind: str, name: str, one: Fact, registry: RegistryService) -> dict[str, Any]:
    since = stale_from(kind, name, one)
    against = [
        {"source": source, "value": claim.value, "at": claim.at, "confidence": claim.confidence}
        for source, claim in one.against.items()
    ]
    told = {"field": name, "value": one.value, "source": one.source, "at": one.at, "confidence": one.confidence}
    return told | {"against": against, "stale": since is not None and since <= registry.now()}


def _doubt(doubt: Doubt, registry: RegistryService) -> dict[str, Any]:
    kind = doubt.key.kind
    facts = [_fact(kind, name, one, registry) for name, one in sorted(doubt.facts.items())]
    told = {"kind": kind, "id": doubt.key.id, "community": doubt.community, "since": doubt.place.since}
    return told | {"contradicted": list(doubt.contradicted), "stale": list(doubt.stale), "facts": facts}
