"""Drawings of floor plans for people: put and seen, and devices placed on them. The plans themselves are the registry's.

A file is there before its row and goes after it, so that a row always has its drawing; what is outside the person's communities is
answered like what does not exist.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from api.facilities.service import FacilityReader
from api.facilities.state import FacilityState
from api.registry.service import RegistryService, Shown
from api.scope import demand
from api.services import Services
from api.sight import Sights
from linli.audit import Act
from linli.auditwho import who_of
from linli.clock import Clock
from linli.datafolder import DataFolder
from linli.db import schema
from linli.db.audit import append_last
from linli.db.database import Database
from linli.db.floorplans import (
    Drawing,
    devices_on,
    devices_on_none,
    drawing_of,
    drawings_of,
    files_in_use,
    forget_removed,
    put_drawing,
    remove_drawing,
)
from linli.db.people import Person
from linli.db.registryitems import Kept, kept_of
from linli.errors import NotFound, Refused
from linli.floorplanfiles import drawing_files, old_files
from linli.floorplans import Spot, look, metres_of, spot_of
from linli.i18n import Text
from linli.registry.changes import Key
from linli.registry.model import Device, Equipment, FloorPlan
from linli.roles import Operation
from linli.settings import Settings
from linli.snapshotfiles import SnapshotFiles

MOST_WAITING = 100
"""So many devices that are on no plan yet are offered."""

MOST_PLANS = 200
"""So many plans of a place are listed."""

_SLICE = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """A floor plan and its drawing, if there is one."""

    plan: FloorPlan
    revision: int
    drawing: Drawing | None


@dataclass(frozen=True, slots=True)
class Dot:
    """A device on a plan: where, and how it is now. `revision`: the device's, to change it from."""

    device: Device
    spot: Spot
    state: FacilityState
    revision: int


class FloorPlanService:
    """What people can do with drawings. Safe to call from several threads."""

    def __init__(
        self, sights: Sights, registry: RegistryService, reader: FacilityReader, files: SnapshotFiles, clock: Clock
    ) -> None:
        self._sights = sights
        self._registry = registry
        self._reader = reader
        self._files = files
        self._clock = clock

    # --- seeing ---------------------------------------------------------------------------------------------------

    def get(self, person: Person, plan: str) -> Plan:
        """One plan; NotFound outside the person's scope, and for one that was removed."""
        with self._seen(person).read() as connection:
            return _plan(connection, plan)

    def plans_of(self, person: Person, places: Sequence[str]) -> list[Plan]:
        """The plans of these places, by id, at most MOST_PLANS."""
        table = schema.floor_plans
        query = select(table).where(table.c.place_id.in_(places), table.c.removed_at.is_(None)).order_by(table.c.id)
        with self._seen(person).read() as connection:
            rows = connection.execute(query.limit(MOST_PLANS)).all()
            found = kept_of(connection, "floor_plan", list(rows))
            drawings = drawings_of(connection, list(found))
        return [_of(kept, drawings.get(key)) for key, kept in found.items()]

    def drawing(self, person: Person, plan: str) -> Drawing:
        """What is known of the plan's drawing; NotFound if it has none."""
        found = self.get(person, plan).drawing
        if found is None:
            raise _no_drawing(plan)
        return found

    def content(self, drawing: Drawing) -> bytes:
        """The file of a drawing that somebody may see."""
        return self._files.read(drawing.file)

    def dots(self, person: Person, plan: str) -> list[Dot]:
        """The devices on the plan, by id, at most `linli.db.floorplans.MOST_DEVICES`."""
        with self._seen(person).read() as connection:
            known = _plan(connection, plan).plan
            found = devices_on(connection, plan)
        states = self._reader.states(self._sights.of(person), [device for device, _, _ in found])
        return [
            Dot(device, spot, states[device.id], revision)
            for device, equipment, revision in found
            if (spot := spot_of(known, equipment)) is not None
        ]

    def waiting(self, person: Person, places: Sequence[str]) -> list[tuple[Device, int]]:
        """Devices of these places that are on no plan yet, with their revisions, by id, at most MOST_WAITING."""
        with self._seen(person).read() as connection:
            return devices_on_none(connection, places, MOST_WAITING)

    # --- changing -------------------------------------------------------------------------------------------------

    def put(self, person: Person, plan: str, data: bytes) -> tuple[Drawing, bool]:
        """Have the plan this drawing from now on; and whether it is another than before. Refused for what is no drawing."""
        demand(person, Operation.EDIT_REGISTRY)
        before = self.get(person, plan)
        seen, digest = look(data), hashlib.sha256(data).hexdigest()
        if before.drawing is not None and before.drawing.sha256 == digest:
            return before.drawing, False
        now, community = self._clock.now(), before.plan.community
        file = self._files.store(community, plan, now, seen.format, data)
        drawing = Drawing(
            plan, community, now, seen.format, len(data), seen.width, seen.height, digest, file, person.id
        )
        try:
            with self._sights.of(person).database.write() as connection:
                _plan(connection, plan)  # it may have been removed meanwhile
                put_drawing(connection, drawing)
                self._write_down(connection, person, before.plan, digest)
        except BaseException:
            self._files.remove(file)
            raise
        return drawing, True

    def remove(self, person: Person, plan: str) -> None:
        """Take the plan's drawing away; the plan stays, and where on it devices are. NotFound if it has none."""
        demand(person, Operation.EDIT_REGISTRY)
        known = self.get(person, plan).plan
        with self._sights.of(person).database.write() as connection:
            if not remove_drawing(connection, plan):
                raise _no_drawing(plan)
            self._write_down(connection, person, known, "")

    def place(self, person: Person, device: str, plan: str, spot: Spot, revision: int) -> Shown:
        """Put the device at a spot of the plan, from the revision that was read. Refused for a spot that is none, and for a plan
        of another community; Outdated."""
        demand(person, Operation.EDIT_REGISTRY)
        try:
            known = self.get(person, plan).plan
        except NotFound as error:
            refused = Refused("unknown_plan", error.text.en)
            refused.text = error.text
            raise refused from None
        x_m, y_m = metres_of(known, spot)
        return self._move(person, device, (plan, x_m, y_m), revision)

    def take_off(self, person: Person, device: str, revision: int) -> Shown:
        """Put the device on no plan."""
        demand(person, Operation.EDIT_REGISTRY)
        return self._move(person, device, (None, None, None), revision)

    def _move(
        self, person: Person, device: str, where: tuple[str | None, float | None, float | None], revision: int
    ) -> Shown:
        key = Key("device", device)
        shown = self._registry.get(person, key)
        stands = shown.equipment
        assert isinstance(shown.kept.item, Device)
        if not isinstance(stands, Equipment):
            stands = Equipment(device, shown.kept.item.community)
        moved = replace(stands, plan=where[0], x_m=where[1], y_m=where[2])
        return self._registry.write(person, key, [shown.kept.item, moved], revision)

    # --- within ---------------------------------------------------------------------------------------------------

    def _seen(self, person: Person) -> Database:
        demand(person, Operation.SEE)
        return self._sights.of(person).database

    def _write_down(self, connection: Connection, person: Person, plan: FloorPlan, digest: str) -> None:
        facts = {"drawing": digest or None}
        about = (f"floor_plan:{plan.id}",)
        act = Act("registry.record.changed", who_of(person.id), "record", about, plan.community, facts=facts)
        append_last(connection, act, self._clock.now())


class DrawingStore:
    """Rows and files of drawings, for whoever deletes what is due."""

    def __init__(self, database: Database, files: SnapshotFiles) -> None:
        self._database = database
        self._files = files

    def delete_before(self, before: int) -> int:
        """Delete some drawings of plans that were removed before that, and files stored before that which are nobody's any more;
        how many, 0 when nothing is left to delete."""
        with self._database.write() as connection:
            gone = forget_removed(connection, before, _SLICE)
        if gone:
            return gone
        places = old_files(self._files.root, before)
        with self._database.read() as connection:
            used = files_in_use(connection, places)
        left = [place for place in places if place not in used][:_SLICE]
        for place in left:
            self._files.remove(place)
        return len(left)


def build_floorplans(services: Services) -> FloorPlanService:
    """The service over what the others have."""
    registry = RegistryService(services.sights, services.database, services.clock)
    files = drawing_files(DataFolder(services.settings.data).drawings)
    reader = FacilityReader(services.clock)
    return FloorPlanService(services.sights, registry, reader, files, services.clock)


def build_drawing_store(database: Database, settings: Settings) -> DrawingStore:
    """The store in the data folder, for whoever keeps it."""
    return DrawingStore(database, drawing_files(DataFolder(settings.data).drawings))


def _plan(connection: Connection, plan: str) -> Plan:
    table = schema.floor_plans
    rows = connection.execute(select(table).where(table.c.id == plan, table.c.removed_at.is_(None))).all()
    kept = kept_of(connection, "floor_plan", list(rows)).get(plan)
    if kept is None:
        raise NotFound(Text(f"没有平面图 {plan}", f"there is no floor plan {plan}"))
    return _of(kept, drawing_of(connection, plan))


def _of(kept: Kept, drawing: Drawing | None) -> Plan:
    assert isinstance(kept.item, FloorPlan)
    return Plan(kept.item, kept.revision, drawing)


def _no_drawing(plan: str) -> NotFound:
    return NotFound(Text(f"平面图 {plan} 还没有图", f"the floor plan {plan} has no drawing"))
