"""The kinds of item as resources of the API: where each is found, by what its list is narrowed, and who may change it.

Persons are not among them: what is personal goes through `api.registry.persons` alone, which writes down each look at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from linli.db.registryrows import SHAPES
from linli.registry.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind under /registry/`path`. `filters`: fields by which a list can be narrowed; `searched`: columns in which `q` is
    looked for, besides the id; `shared`: it belongs to the district as a whole, so only who reaches all of it may change it."""

    kind: str
    path: str
    filters: tuple[str, ...]
    searched: tuple[str, ...]
    shared: bool


_SHARED = frozenset(("district", "committee", "organisation", "community", "staff", "team"))
_MANY = ("members", "communities", "committees")
_ALSO_FILTERED = ("kind",)
_ALSO_SEARCHED = {"place": ("code",), "device": ("serial", "model"), "staff": ("name", "duty")}


def _resource(kind: str, path: str) -> Resource:
    shape = SHAPES[kind]
    refers = tuple(name for name in KINDS[kind].refers if name not in _MANY)
    filters = refers + tuple(name for name in _ALSO_FILTERED if name in shape.columns)
    names = ("name_zh", "name_en") if shape.texts else ()
    return Resource(kind, path, filters, names + _ALSO_SEARCHED.get(kind, ()), kind in _SHARED)


RESOURCES: Mapping[str, Resource] = {
    kind: _resource(kind, path)
    for kind, path in {
        "district": "districts",
        "committee": "committees",
        "organisation": "organisations",
        "community": "communities",
        "place": "places",
        "floor_plan": "floor-plans",
        "gateway": "gateways",
        "facility": "facilities",
        "device": "devices",
        "staff": "staff",
        "team": "teams",
    }.items()
}
"""By kind. A device's equipment is part of it."""

PERSONAL: Mapping[str, Resource] = {
    kind: _resource(kind, path)
    for kind, path in {
        "household": "households",
        "person": "persons",
        "resident": "residents",
        "contact": "contacts",
        "consent": "consents",
        "credential": "credentials",
    }.items()
}
"""The kinds that are personal data: seen and changed through `api.registry.persons` alone."""
