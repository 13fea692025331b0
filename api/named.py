"""What a filter or a parameter names: one rule for every list, file and chart.

An id leads to what is registered, or was (what happened to it can be looked up still), as far as the person sees it. Any other is
a 404, and nobody learns whether there is such a thing elsewhere.
"""

from sqlalchemy import Connection, select

from api.sight import Sight
from linli.db.alertlist import AlertLists, Wanted
from linli.db.registryrows import SHAPES
from linli.errors import NotFound
from linli.i18n import Text
from linli.platform import platform_name
from linli.registry.kinds import KINDS

_SUBJECTS = ("device", "place", "gateway", "facility", "community")


def community_of(sight: Sight, kind: str, name: str) -> str:
    """The community of the thing of that kind (itself, of a community), registered or removed; NotFound for what never was or is out
    of sight."""
    registry = sight.names.registry
    if kind == "community" and (name in registry.communities or _is_linlis(sight, name)):
        return name
    if kind == "device" and (device := registry.devices.get(name)) is not None:
        return device.community
    with sight.database.read() as connection:
        return community_in(connection, kind, name)


def community_in(connection: Connection, kind: str, name: str) -> str:
    """The same, asked of a connection that is confined to what somebody sees. '' for what is the whole district's."""
    table = SHAPES[kind].table
    column = table.c.id if kind == "community" else table.c.get("community_id")
    row = connection.execute(select(table.c.id if column is None else column).where(table.c.id == name)).one_or_none()
    if row is None:
        raise no_such(KINDS[kind].name, name)
    return "" if column is None else str(row[0])


def check_subject(sight: Sight, name: str) -> None:
    """NotFound for what alerts cannot be about: neither anything in sight that is or was registered, nor what one there is about."""
    if _is_linlis(sight, name) or name in sight.names.registry.devices or name in sight.names.registry.places:
        return
    if AlertLists(sight.database).page(Wanted(subject=name), 1):
        return
    with sight.database.read() as connection:
        for kind in _SUBJECTS:
            table = SHAPES[kind].table
            if connection.execute(select(table.c.id).where(table.c.id == name)).first() is not None:
                return
    raise no_such(Text("设备或地点", "device or place"), name)


def no_such(what: Text, name: str) -> NotFound:
    """What to raise for something that is not there, or not for who asks."""
    return NotFound(Text(f"没有{what.zh} {name:.64}", f"there is no {what.en.lower()} {name:.64}"))


def _is_linlis(sight: Sight, name: str) -> bool:
    """Whether it is Linli itself or a part of it, which is in no registry and for who sees all."""
    return sight.communities is None and platform_name(name) is not None
