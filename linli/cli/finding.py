"""The registry's things by the id that somebody typed, and what was probably meant where there is none of it."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar

from linli.errors import NotFound
from linli.i18n import Text

if TYPE_CHECKING:
    from linli.db.database import Database
    from linli.db.registry import RegistrySnapshot
    from linli.model import Device, Place

T = TypeVar("T", bound="Device | Place")


def read_registry(database: "Database") -> "RegistrySnapshot":
    """All of it, as it is now."""
    from linli.db import registry

    with database.read() as connection:
        return registry.read_registry(connection)


def find(what: Text, wanted: str, things: Mapping[str, T], look: str) -> T:
    """The thing of that id, or NotFound with those whose id or name is like it, else with the command to `look` with."""
    found = things.get(wanted)
    if found is not None:
        return found
    typed = wanted.lower()
    near = get_close_matches(typed, things, n=3, cutoff=0.6)
    near += [one.id for one in things.values() if typed in f"{one.name.zh} {one.name.en}".lower()]
    there = ", ".join(dict.fromkeys(near[:5]))
    raise NotFound(
        Text(
            f"没有{what.zh} {wanted:.64}" + (f"；是不是 {there}？" if there else f"；见 {look}"),
            f"there is no {what.en} {wanted:.64}" + (f"; did you mean {there}?" if there else f"; see {look}"),
        )
    )
