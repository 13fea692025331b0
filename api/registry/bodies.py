"""The registry's items as JSON: made of the nouns' own fields (`linli.registry.model`), so that a field is said once.

What comes in has no id (it is in the address) and refuses what it does not know; what goes out has the revision too.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from api.bodies import Moment, TextBody, When
from api.registry.resources import PERSONAL, RESOURCES
from linli.db.registryitems import Kept
from linli.i18n import Text
from linli.registry.kinds import KINDS, Item
from linli.registry.model import Device, Equipment

_TIMES = frozenset(("in_service_since", "verified_at", "at"))
_Line = Annotated[str, Field(min_length=1, max_length=200)]


class In(BaseModel):
    """What comes in: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class NameIn(In):
    """A name in Chinese and English."""

    zh: _Line
    en: _Line


class EquipmentIn(In):
    """What stands where a device is, and where exactly; what is left out stays unknown."""

    serial: _Line | None = None
    model: _Line | None = None
    in_service_since: When | None = None
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    plan: _Line | None = None
    x_m: float | None = Field(None, ge=0)
    y_m: float | None = Field(None, ge=0)


class EquipmentOut(Out):
    """What stands where the device is. Metres on a floor plan are from its left and from its top."""

    serial: str | None
    model: str | None
    in_service_since: Moment | None
    latitude: float | None
    longitude: float | None
    plan: str | None
    x_m: float | None
    y_m: float | None


def _in_type(name: str, hint: Any) -> Any:
    if hint is Text:
        return NameIn
    if hint is str:
        return _Line
    if name in _TIMES:
        return When | None if NoneType in get_args(hint) else When
    if isinstance(hint, UnionType) and str in get_args(hint):
        return _Line | None
    return Annotated[list[_Line], Field(max_length=1000)] if hint == tuple[str, ...] else hint


def _out_type(name: str, hint: Any) -> Any:
    if hint is Text:
        return TextBody
    if name in _TIMES:
        return Moment | None if NoneType in get_args(hint) else Moment
    return list[str] if hint == tuple[str, ...] else hint


def _made(kind: str) -> tuple[type[BaseModel], type[BaseModel]]:
    noun = KINDS[kind].noun
    hints, title = get_type_hints(noun), noun.__name__
    coming: dict[str, Any] = {}
    going: dict[str, Any] = {"id": (str, ...)}
    for field in fields(noun):
        if field.name == "id":
            continue
        default = ... if field.default is MISSING else field.default
        coming[field.name] = (_in_type(field.name, hints[field.name]), list(default) if default == () else default)
        going[field.name] = (_out_type(field.name, hints[field.name]), ...)
    if kind == "device":
        coming["equipment"] = (EquipmentIn | None, None)
        going["equipment"] = (EquipmentOut | None, ...)
    going |= {"revision": (int, ...), "changed_at": (Moment, ...), "removed_at": (Moment | None, ...)}
    words = " ".join((noun.__doc__ or "").split())
    return (
        create_model(f"{title}In", __base__=In, __doc__=words, **coming),
        create_model(f"{title}Out", __base__=Out, __doc__=words, **going),
    )


_BODIES = {kind: _made(kind) for kind in (*RESOURCES, *PERSONAL)}
IN: Mapping[str, type[BaseModel]] = {kind: bodies[0] for kind, bodies in _BODIES.items()}
"""What is sent of an item, by kind."""
OUT: Mapping[str, type[BaseModel]] = {kind: bodies[1] for kind, bodies in _BODIES.items()}
"""What is answered of an item, by kind."""


def many(kind: str) -> Any:
    """The type of a list of items of a kind."""
    made = OUT[kind]
    return list[made]  # type: ignore[valid-type]


def _page(kind: str) -> type[BaseModel]:
    made = OUT[kind]
    what: dict[str, Any] = {"items": (many(kind), ...), "next": (str | None, ...)}
    return create_model(f"{KINDS[kind].noun.__name__}Page", __base__=Out, __doc__=f"A page of {made.__name__}.", **what)


PAGES: Mapping[str, type[BaseModel]] = {kind: _page(kind) for kind in _BODIES}
"""A page of items, by kind."""


class HistoryBody(Out):
    """One change: from what to what (null: it was not there, or has been erased), when, by which account, from what source."""

    at: Moment
    actor: str | None
    source: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    removed: bool


class ClaimBody(Out):
    """What one source says of a field: since when, and how sure it is (0 to 1)."""

    source: str
    value: Any
    at: Moment
    confidence: float


class FactBody(Out):
    """What counts of a field, who says so, and who says other than that. `stale`: it should be looked at again."""

    field: str
    value: Any
    source: str
    at: Moment
    confidence: float
    against: list[ClaimBody]
    stale: bool


class DoubtBody(Out):
    """An item that somebody should look at, and since when."""

    kind: str
    id: str
    community: str | None
    since: Moment
    contradicted: list[str]
    stale: list[str]
    facts: list[FactBody]


class DoubtsBody(Out):
    """A page of the queue, what waits longest first."""

    items: list[DoubtBody]
    next: str | None


class ConfirmBody(In):
    """The fields whose present value you confirm; it ends what contradicts it."""

    fields: list[_Line] = Field(min_length=1, max_length=50)


class ReplaceBody(In):
    """What stands there from now on, and why."""

    serial: _Line | None = None
    model: _Line | None = None
    reason: str = Field(min_length=1, max_length=2000)


class InstallationBody(Out):
    """What stood there, from when (null: nobody knows) to when (null: it does now)."""

    serial: str | None
    model: str | None
    since: Moment | None
    until: Moment | None
    reason: str
    actor: str | None


class MergeBody(In):
    """The id of the duplicate: it goes, what refers to it and what was said of it moves over."""

    duplicate: _Line


class SampleBody(Out):
    """One thing that an unknown device sent."""

    time: Moment
    what: str
    value: float | None
    unit: str | None
    data: dict[str, Any]


class StrangerBody(Out):
    """A device that reports and is not registered, and what it sent."""

    community: str
    gateway: str
    device: str
    first_seen: Moment
    last_seen: Moment
    times: int
    quantities: list[str]
    types: list[str]
    samples: list[SampleBody]


class StrangersBody(Out):
    """Unknown devices, the last heard first."""

    items: list[StrangerBody]


class AdoptBody(In):
    """What the unknown device is. It keeps the id that it reports under."""

    kind: _Line
    name: NameIn
    place: _Line
    facility: _Line | None = None
    parent: _Line | None = None
    interval_s: float | None = Field(None, gt=0)
    replay: bool = Field(True, description="Also store what it sent before, which was kept as dead letters")


class AddressBody(Out):
    """A place by its address."""

    place: str
    address: TextBody


def item_of(kind: str, name: str, body: BaseModel) -> list[Item]:
    """The item of that id, and a device's equipment beside it, as the body says them."""
    items: list[Item] = [KINDS[kind].noun(id=name, **values_of(body))]
    equipment = getattr(body, "equipment", None)
    if equipment is not None and isinstance(items[0], Device):
        items.append(Equipment(name, items[0].community, **equipment.model_dump()))
    return items


def values_of(body: BaseModel) -> dict[str, Any]:
    """The fields of the noun that the body says."""
    return {field: _value(getattr(body, field)) for field in type(body).model_fields if field != "equipment"}


def _value(value: Any) -> Any:
    if isinstance(value, NameIn):
        return Text(value.zh, value.en)
    return tuple(value) if isinstance(value, list) else value


def body_of(kind: str, kept: Kept, equipment: Item | None = None) -> BaseModel:
    """An item as JSON has it."""
    values = {field.name: getattr(kept.item, field.name) for field in fields(kept.item)}
    values |= {"revision": kept.revision, "changed_at": kept.changed_at, "removed_at": kept.removed_at}
    if kind == "device":
        values["equipment"] = equipment
    return OUT[kind].model_validate(values)
