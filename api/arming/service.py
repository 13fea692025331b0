"""Places and the modes they are in: right and scope first, as in `api.services`."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.directory import Names
from api.named import community_of, no_such
from api.scope import demand
from api.sight import Sight, Sights
from linli.arming import holder, mode_name
from linli.clock import Clock
from linli.db.arming import Armed
from linli.db.people import Person
from linli.errors import Refused
from linli.i18n import Text
from linli.model import Place
from linli.roles import Operation
from linli.vocabulary import PLACE_KINDS, kind_name

MAX_LISTED = 50


@dataclass(frozen=True, slots=True)
class PlaceView:
    """A place and its mode. `own_mode`: set for this place itself; `mode`: what holds there, its own or that of the nearest
    place around it (`mode_from`), None where there is none. Who set the own one, when and why."""

    id: str
    kind: str
    kind_name: Text
    name: Text
    community: str
    community_name: Text
    parent: str | None
    mode: str | None
    mode_name: Text | None
    mode_from: str | None
    own_mode: str | None
    changed_by: str | None = None
    changed_by_name: str | None = None
    changed_at: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ArmingChange:
    """A place was given a mode, or with None gave its own up."""

    mode: str | None
    mode_name: Text | None
    changed_by: str
    changed_by_name: str
    changed_at: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlaceDetail:
    """A place with how it was armed and disarmed, the last first."""

    view: PlaceView
    changes: tuple[ArmingChange, ...]


class ArmingService:
    """The modes of places as people see and set them."""

    def __init__(self, sights: Sights, clock: Clock) -> None:
        self._sights = sights
        self._clock = clock

    def places(self, person: Person, community: str | None = None) -> list[PlaceView]:
        """The places of one community, or of all that the person sees, by id. NotFound as `api.named` says."""
        demand(person, Operation.SEE)
        sight = self._sights.of(person)
        names = sight.names
        if community is not None:
            community_of(sight, "community", community)
        own = sight.arming.all()
        places = sorted(names.registry.places.values(), key=lambda place: place.id)
        return [view_of(place, own, names) for place in places if community in (None, place.community)]

    def place(self, person: Person, place_id: str) -> PlaceDetail:
        """One place with its history; NotFound outside the scope."""
        found, sight = self._place(person, place_id)
        changes = tuple(_change(armed, sight.names) for armed in sight.arming.history(place_id, MAX_LISTED))
        return PlaceDetail(view_of(found, sight.arming.all(), sight.names), changes)

    def set_mode(self, person: Person, place_id: str, mode: str | None, reason: str) -> PlaceView:
        """Give the place a mode, or with None let it go by the place around it. Rules goes by it within a second.

        `reason` is tidy already. NotFound outside the scope; NotAllowed by role; Refused for a mode that there is not, and
        'no_reason' without a reason. The same mode again changes nothing.
        """
        found, sight = self._place(person, place_id)
        demand(person, Operation.COMMAND_SECURITY)
        if not reason:
            error = Refused("no_reason", "arming a place takes a reason")
            error.text = Text("布防或撤防须写明原因", "arming a place takes a reason")
            raise error
        sight.arming.set(place_id, mode, person.id, reason, self._clock.now())
        return view_of(found, sight.arming.all(), sight.names)

    def _place(self, person: Person, place_id: str) -> tuple[Place, Sight]:
        demand(person, Operation.SEE)
        sight = self._sights.of(person)
        found = sight.names.registry.places.get(place_id)
        if found is None:
            raise no_such(Text("地点", "place"), place_id)
        return found, sight


def view_of(place: Place, own: Mapping[str, Armed], names: Names) -> PlaceView:
    """The place with names, and the mode that holds there."""
    around = holder(place.id, own, names.registry.places)
    mode = None if around is None else own[around].mode
    mine = own.get(place.id)
    return PlaceView(
        id=place.id,
        kind=place.kind,
        kind_name=kind_name(PLACE_KINDS, place.kind),
        name=place.name,
        community=place.community,
        community_name=names.community(place.community),
        parent=place.parent,
        mode=mode,
        mode_name=None if mode is None else mode_name(mode),
        mode_from=around,
        own_mode=None if mine is None else mine.mode,
        changed_by=None if mine is None else mine.changed_by,
        changed_by_name=None if mine is None else names.person(mine.changed_by),
        changed_at=None if mine is None else mine.changed_at,
        reason=None if mine is None else mine.reason,
    )


def _change(armed: Armed, names: Names) -> ArmingChange:
    return ArmingChange(
        armed.mode,
        None if armed.mode is None else mode_name(armed.mode),
        armed.changed_by,
        names.person(armed.changed_by) or armed.changed_by,
        armed.changed_at,
        armed.reason,
    )
