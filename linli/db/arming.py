"""Which places are armed, in the database: the API and `linli arm` write it, rules reads it and journals what it read."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from linli.arming import check_mode
from linli.audit import Act
from linli.auditwho import who_of
from linli.db import schema
from linli.db.audit import append
from linli.db.database import Database
from linli.db.turns import take_turn


@dataclass(frozen=True, slots=True)
class Armed:
    """A place's own mode, and who set it when and why. `mode` None, in the history alone: it has none any more."""

    place: str
    mode: str | None
    changed_by: str
    changed_at: int
    reason: str


class SqlArming:
    """The modes of places. Poll `version`; once it moves, `modes` has something new."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def version(self) -> int:
        """How often modes were set; one look at the end of an index."""
        with self._database.read() as connection:
            return connection.execute(select(func.max(schema.arming_changes.c.id))).scalar() or 0

    def modes(self) -> dict[str, str]:
        """The mode of every place that has one of its own."""
        table = schema.arming
        with self._database.read() as connection:
            return {row.place_id: row.mode for row in connection.execute(select(table.c.place_id, table.c.mode))}

    def all(self) -> dict[str, Armed]:
        """The same, with who set it."""
        table = schema.arming
        with self._database.read() as connection:
            return {
                row.place_id: Armed(row.place_id, row.mode, row.changed_by, row.changed_at, row.reason)
                for row in connection.execute(select(table))
            }

    def set(self, place: str, mode: str | None, actor: str, reason: str, now: int) -> bool:
        """Give the place a mode of its own, or with None take it away; whether that changed anything.

        Refused for a mode that there is not. What changes nothing is not kept.
        """
        if mode is not None:
            check_mode(mode)
        table = schema.arming
        told = {"changed_by": actor, "changed_at": now, "reason": reason}
        with self._database.write() as connection:
            take_turn(connection, schema.arming_changes)
            if _mode(connection, place) == mode:
                return False
            connection.execute(delete(table).where(table.c.place_id == place))
            if mode is not None:
                connection.execute(insert(table).values(place_id=place, mode=mode, **told))
            connection.execute(insert(schema.arming_changes).values(place_id=place, mode=mode, **told))
            places = schema.places
            community = connection.execute(select(places.c.community_id).where(places.c.id == place)).scalar()
            act = Act(
                "arming.changed", who_of(actor), "place", (place,), community, reason=reason, facts={"mode": mode}
            )
            append(connection, act, now)
            return True

    def changes(self, until: int) -> list[tuple[int, dict[str, str]]]:
        """Each change up to `until`, oldest first, with the modes of all places from then on."""
        table = schema.arming_changes
        with self._database.read() as connection:
            rows = connection.execute(select(table).where(table.c.changed_at <= until).order_by(table.c.id)).all()
        found: list[tuple[int, dict[str, str]]] = []
        modes: dict[str, str] = {}
        for row in rows:
            modes = {place: mode for place, mode in modes.items() if place != row.place_id}
            if row.mode is not None:
                modes[row.place_id] = row.mode
            found.append((row.changed_at, modes))
        return found

    def history(self, place: str, limit: int = 20) -> list[Armed]:
        """How the place was armed and disarmed, the last first."""
        table = schema.arming_changes
        query = select(table).where(table.c.place_id == place).order_by(table.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [
                Armed(row.place_id, row.mode, row.changed_by, row.changed_at, row.reason)
                for row in connection.execute(query)
            ]


def _mode(connection: Connection, place: str) -> str | None:
    table = schema.arming
    return connection.execute(select(table.c.mode).where(table.c.place_id == place)).scalar()
