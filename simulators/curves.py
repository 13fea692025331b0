"""How a day goes: daily courses of demand and traffic, and the weather. Pure functions of the time.

The numbers are chosen to look like a compound of some 300 households; they come from no survey.
"""

import math
from bisect import bisect_right
from itertools import pairwise
from zoneinfo import ZoneInfo

from linli.clock import DAY, HOUR, local_time

Course = tuple[tuple[float, float], ...]
"""(hour, share) pairs from hour 0 to 24, between which the share runs straight; 0 and 24 have the same share."""

POWER: Course = ((0, 0.35), (5, 0.25), (7, 0.65), (9, 0.5), (12, 0.65), (14, 0.5), (18, 0.9), (21, 1.0), (24, 0.35))
WATER: Course = ((0, 0.06), (5, 0.05), (7, 1.0), (9, 0.4), (12, 0.6), (15, 0.3), (19, 0.9), (22, 0.5), (24, 0.06))
FOOT_TRAFFIC: Course = ((0, 0.01), (5.5, 0.01), (8, 1.0), (10, 0.4), (12, 0.6), (18, 1.0), (21, 0.5), (24, 0.01))
CARS: Course = ((0, 0.03), (6, 0.05), (8, 1.0), (10, 0.3), (16, 0.3), (18.5, 0.9), (21, 0.3), (24, 0.03))
IN_VIEW: Course = ((0, 0), (5.5, 0), (8, 1.0), (10, 0.5), (12, 0.6), (18, 1.0), (21, 0.5), (22.4, 0), (24, 0))
"""Persons that cameras see: none between 22:24 and 05:30, so well outside the armed hours 23:00 to 05:00."""
OFFICE_HOURS: Course = ((0, 0), (8, 0), (8.5, 1.0), (17, 1.0), (17.5, 0), (24, 0))


def hour_of(us: int, zone: ZoneInfo) -> float:
    """The local time of day in hours, 0 to 24."""
    moment = local_time(us, zone)
    return moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / 3600


def share(course: Course, hour: float) -> float:
    """What `course` says at `hour` (0 to 24)."""
    at = min(bisect_right(course, (hour, math.inf)), len(course) - 1)
    (left, low), (right, high) = course[at - 1], course[at]
    return low + (high - low) * (hour - left) / (right - left)


def hours_of_full(course: Course, hour: float) -> float:
    """The area under `course` from midnight to `hour`: how many hours at share 1 it amounts to."""
    area = 0.0
    for (left, low), (right, _) in pairwise(course):
        if hour <= left:
            break
        end = min(hour, right)
        area += (low + share(course, end)) / 2 * (end - left)
    return area


def total_hours(course: Course, us: int, zone: ZoneInfo) -> float:
    """The area under `course` since a fixed day long ago: never falls, and a restart goes on where it was."""
    hour = hour_of(us, zone)
    midnight = us - round(hour * HOUR)
    return midnight / DAY * hours_of_full(course, 24) + hours_of_full(course, hour)


def outdoor_temperature(us: int, zone: ZoneInfo) -> float:
    """Degrees Celsius outside: warmest at the end of July and at 15:00."""
    moment = local_time(us, zone)
    season = math.cos((moment.timetuple().tm_yday - 205) / 365.25 * math.tau)
    return 17 + 11 * season + 4 * math.cos((hour_of(us, zone) - 15) / 24 * math.tau)
