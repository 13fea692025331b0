"""Whom a rule watches, who shares a memory, what an alert is about, and what the wall clock and the arming of a place say."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from linli.clock import MINUTE
from linli.db.registry import RegistrySnapshot
from linli.model import Device
from rules.language.model import BY_DEVICE, UNSET, Clause, During, Rule, clock_time, data_field
from tests.reference.seen import Seen

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Key = str
"""Names one memory of a clause."""


class Sites:
    """The registry, and the modes of places as they were set: (when, all modes) in order of arrival."""

    def __init__(self) -> None:
        self.registry = RegistrySnapshot()
        self.arming: list[tuple[int, dict[str, str]]] = []

    # --- whom, and together with whom -------------------------------------------------------------------------------

    def watched(self, rule: Rule, clause: Clause, device: Device) -> bool:
        """Whether the clause looks at the device at all."""
        wanted = rule.applies_to
        if device.kind not in wanted.device_kinds:
            return False
        in_facility = not wanted.facility_kinds or self._facility_kind(device) in wanted.facility_kinds
        return in_facility and self.within(clause, device)

    def within(self, clause: Clause, device: Device) -> bool:
        """Whether the device is one of those that the clause looks at `only`."""
        only = clause.only
        if only is None:
            return True
        known = self.registry.places
        kinds = {known[place].kind for place in self.around(device.place) if place in known}
        return (
            (not only.device_kinds or device.kind in only.device_kinds)
            and (not only.facility_kinds or self._facility_kind(device) in only.facility_kinds)
            and (not only.place_kinds or not kinds.isdisjoint(only.place_kinds))
        )

    def _facility_kind(self, device: Device) -> str:
        facility = self.registry.facilities.get(device.facility or "")
        return facility.kind if facility else ""

    def key(self, by: str, seen: Seen) -> Key | None:
        """The memory that an observation goes to; None if it goes to none."""
        device, field = seen.device, data_field(by)
        if field is None:
            return self.key_of_device(by, device)
        value = seen.data.get(field)
        if by.startswith(BY_DEVICE):
            return f"device={device.id}/{field}={json.dumps(value)}"
        return None if value is None else f"{device.community}/{field}={json.dumps(value)}"

    def key_of_device(self, by: str, device: Device) -> Key:
        """The memory that what says nothing by itself, like a reading, goes to."""
        shared = {"place": device.place, "building": self.building(device.place), "community": device.community}
        if by.startswith(BY_DEVICE):
            return f"device={device.id}/{data_field(by)}=null"
        return device.id if by == "device" else f"{by}={shared.get(by, '')}"

    def around(self, place: str) -> list[str]:
        """The place and all that it lies in, from within."""
        found = [place]
        while (known := self.registry.places.get(found[-1])) and known.parent and known.parent not in found:
            found.append(known.parent)
        return found

    def building(self, place: str) -> str:
        """The building that the place is or lies in, else the outermost place."""
        around = self.around(place)
        known = self.registry.places
        return next((name for name in around if name in known and known[name].kind == "building"), around[-1])

    def subject(self, rule: Rule, device: Device) -> str:
        """What an alert is about."""
        return {"device": device.id, "place": self.building(device.place)}.get(rule.subject, device.community)

    # --- when it counts ---------------------------------------------------------------------------------------------

    def open(self, clause: Clause, device: Device, time: int) -> bool:
        """Whether the gates of the clause are open for the device at `time`."""
        if clause.during is not None and not self.within_hours(clause.during, device, time):
            return False
        return not clause.armed or (self.mode(device.place, time) or UNSET) in clause.armed

    def mode(self, place: str, time: int) -> str | None:
        """The mode of the place, else of the nearest around it, at `time`."""
        modes: dict[str, str] = {}
        for since, all_modes in self.arming:
            if since <= time:
                modes = all_modes
        return next((modes[name] for name in self.around(place) if name in modes), None)

    def within_hours(self, during: During, device: Device, time: int) -> bool:
        """Whether `time` lies in the hours, by the wall clock of the device's community."""
        local = self.wall(device, time)
        minute = local.hour * 60 + local.minute
        start, end = clock_time(during.start), clock_time(during.end)
        if start < end:
            return start <= minute < end and self._day(during, device, local.date())
        if minute >= start:
            return self._day(during, device, local.date())
        return minute < end and self._day(during, device, local.date() - timedelta(days=1))

    def wall(self, device: Device, time: int) -> datetime:
        """What the clock on the wall says."""
        community = self.registry.communities.get(device.community)
        zone = ZoneInfo(community.timezone if community else "UTC")
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).astimezone(zone)

    def _day(self, during: During, device: Device, day: date) -> bool:
        """Whether hours that begin on this day count."""
        calendars = (self.registry.holidays.get(device.community, {}), self.registry.holidays.get("", {}))
        weekend = day.weekday() >= 5
        free = next((known[day.isoformat()] for known in calendars if day.isoformat() in known), weekend)
        names = {DAYS[day.weekday()], "holiday" if free else "workday"}
        return not during.days or not names.isdisjoint(during.days)

    def next_turn(self, during: During, device: Device, after: int) -> int:
        """The next minute after a time at which the clock on the wall shows the beginning or the end of the hours."""
        borders = (clock_time(during.start), clock_time(during.end) % (24 * 60))
        minutes = itertools.count(after - after % MINUTE + MINUTE, MINUTE)
        walls = ((time, self.wall(device, time)) for time in minutes)
        return next(time for time, wall in walls if wall.hour * 60 + wall.minute in borders)
