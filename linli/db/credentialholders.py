"""Whose the credentials are that readers report: the cards, fobs and plates in events' data, and from when to when they were theirs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from linli.db import schema
from linli.db.registryrows import portions
from linli.registry.masking import personal_values

_ALWAYS = 2**62


@dataclass(frozen=True, slots=True)
class Holding:
    """A credential was somebody's in [start, end) (microseconds): `value`, as the readers of the community report it."""

    community: str
    value: str
    start: int
    end: int

    def has(self, time: int, data: Any) -> bool:
        """Whether an event of that time and with that data is theirs."""
        return self.start <= time < self.end and self.value in personal_values(data)


def holdings_of(connection: Connection, persons: Collection[str]) -> list[Holding]:
    """Each credential that is or was one of these persons', and from when to when."""
    table = schema.credentials
    theirs = _rows(connection, table.c.person_id.in_(sorted(persons)))
    found: list[Holding] = []
    for row in theirs:
        same = [table.c.community_id == row.community_id, table.c.value == row.value]
        others = [other for other in _rows(connection, *same) if other.person_id not in persons]
        zone = _zone(connection, row.community_id)
        start, end = _stretch(row, others, zone)
        found.append(Holding(row.community_id, row.value, start, end))
    return found


def persons_of_credentials(
    connection: Connection, community: str, values: Collection[str]
) -> Mapping[str, Sequence[str]]:
    """The ids of the persons whose each of these credentials is or was in a community, by its value as the readers report it; what is
    nobody's, as far as is known, is left out. A card may have been several persons', one after the other."""
    table, found = schema.credentials, dict[str, list[str]]()
    for some in portions(sorted(set(values))):
        query = select(table.c.value, table.c.person_id).where(
            table.c.community_id == community, table.c.value.in_(some)
        )
        for value, person in connection.execute(query.order_by(table.c.person_id).distinct()):
            found.setdefault(value, []).append(person)
    return found


def has_face_alone(connection: Connection, person: str, now: int) -> bool:
    """Whether, at `now`, nothing but their face opens doors for the person. A number plate opens a barrier, no door."""
    table = schema.credentials
    kinds = set()
    for row in _rows(connection, table.c.person_id == person, table.c.removed_at.is_(None)):
        start, end = _stretch(row, (), _zone(connection, row.community_id))
        if start <= now < end:
            kinds.add(row.kind)
    return kinds - {"plate"} == {"face"}


def _rows(connection: Connection, *conditions: Any) -> list[Any]:
    table = schema.credentials
    query = select(table).where(*conditions, table.c.value.is_not(None)).order_by(table.c.id)
    return list(connection.execute(query))


def _zone(connection: Connection, community: str) -> ZoneInfo:
    table = schema.communities
    return ZoneInfo(connection.execute(select(table.c.timezone).where(table.c.id == community)).scalar_one())


def _stretch(row: Any, others: Sequence[Any], zone: ZoneInfo) -> tuple[int, int]:
    """From when to when it was theirs: as is said, or until it was taken out; where the beginning is not said, from when the
    last who had it before had it no more."""
    end = _end(row, zone)
    if row.since is not None:
        return _midnight(row.since, 0, zone), end
    return max(
        (before for other in others if (before := _end(other, zone)) <= end and before < _ALWAYS), default=0
    ), end


def _end(row: Any, zone: ZoneInfo) -> int:
    said = _ALWAYS if row.until is None else _midnight(row.until, 1, zone)
    return min(said, _ALWAYS if row.removed_at is None else row.removed_at)


def _midnight(day: str, later: int, zone: ZoneInfo) -> int:
    """The beginning of a day ('2026-10-01'), or of that `later` days after it, in microseconds since 1970 UTC."""
    start = datetime.combine(date.fromisoformat(day) + timedelta(days=later), time.min, zone)
    return round(start.timestamp() * 1_000_000)
