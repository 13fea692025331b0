"""Places of a file on their way into the registry: where each lies, whether its number is free, who gets to know it.

As `linli.db.registryplaces` does for a single change, but beforehand, portion by portion, over what the portions before it bring.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from linli.db import schema
from linli.db.registryplaces import MANY, Codes, chain_of, derived, unwatched
from linli.db.registryrows import portions, rows_by_id
from linli.i18n import Text
from linli.registry.address import LEVELS
from linli.registry.model import Place
from linli.registry.tables.planned import CHANGED, Planned

COLUMNS = (*LEVELS, "address_key", "code_key")
_KEYS = ("address_key", "code_key")
_NO_NAME = Text("", "")


class Placing:
    """`hung`: places in which something hangs from now on; `within`: what each place of the file lies in."""

    def __init__(self, connection: Connection, hung: Collection[str], within: Mapping[str, str | None]) -> None:
        self._connection = connection
        self._within = within
        self._chain = chain_of(connection, hung, within)
        self._watched: set[str] = set()
        self._codes: dict[str, Codes] = {}
        self._waiting: list[tuple[Planned, str, str]] = []
        self._seen: dict[str, str] = {}
        self._twice: list[tuple[Planned, str]] = []
        self.changed: dict[str, tuple[Any, ...]] = {}
        """Places that were there before, with their new keys."""
        self.moved: list[str] = []
        """Those of them whose address is another now."""

    def take(self, places: Sequence[Planned]) -> dict[str, list[Any]]:
        """The derived columns (COLUMNS) of each, by id. Each comes after the place that it lies in."""
        outside = {str(one.values["parent"]) for one in places if one.values["parent"] is not None}
        outside -= self._codes.keys() | {one.id for one in places}
        rows = rows_by_id(self._connection, schema.places, outside)
        around = {key: Codes(row.building, row.unit, row.room) for key, row in rows.items()}
        found: dict[str, list[Any]] = {}
        for one in places:
            parent = one.values["parent"]
            above = self._codes.get(parent) or around.get(parent) or Codes()
            place = Place(one.id, str(one.community), one.values["kind"], _NO_NAME, parent, one.values["code"])
            columns = derived(place, above)
            self._codes[one.id] = Codes(*(columns[level] for level in LEVELS))
            found[one.id] = [columns[name] for name in COLUMNS]
        self._compare([one for one in places if one.fate == CHANGED], found)
        self._look(places, found)
        return found

    def _compare(self, places: Sequence[Planned], columns: Mapping[str, Sequence[Any]]) -> None:
        """With what the places were."""
        for key, row in rows_by_id(self._connection, schema.places, (one.id for one in places)).items():
            self.changed[key] = tuple(columns[key][len(LEVELS) :])
            if row.watched:
                self._watched.add(key)
            if any(row._mapping[name] != value for name, value in zip(COLUMNS, columns[key], strict=True)):
                self.moved.append(key)

    def _look(self, places: Sequence[Planned], columns: Mapping[str, Sequence[Any]]) -> None:
        """Who has their numbers now."""
        by_id = {one.id: one for one in places}
        for at, name in enumerate(_KEYS, len(LEVELS)):
            column = schema.places.c[name]
            owner = {values[at]: key for key, values in columns.items() if values[at] is not None}
            for key, values in columns.items():
                if values[at] is not None and owner[values[at]] != key:
                    self._twice.append((by_id[key], owner[values[at]]))
            for asked in portions(owner):
                for row in self._connection.execute(select(schema.places.c.id, column).where(column.in_(asked))):
                    if row.id != owner[row[1]]:
                        self._waiting.append((by_id[owner[row[1]]], row.id, row[1]))
        for key, values in columns.items():
            address, code = values[len(LEVELS) :]
            if code is not None and address is None and self._seen.setdefault(code, key) != key:
                self._twice.append((by_id[key], self._seen[code]))

    def taken(self) -> Iterator[tuple[Planned, str]]:
        """Places whose number is another's, with that: once all are taken in, for some give theirs up."""
        told: set[str] = set()
        others = [(one, holder) for one, holder, key in self._waiting if key in self.changed.get(holder, (key,))]
        for one, holder in (*self._twice, *others):
            if one.id not in told:
                told.add(one.id)
                yield one, holder

    def is_watched(self, one: Planned) -> bool:
        """Whether ingest and rules know the place from now on."""
        return one.values["kind"] not in MANY or one.id in self._chain or one.id in self._watched

    def fresh(self) -> tuple[list[str], list[str]]:
        """Places that were there, and that ingest and rules get to know by what hangs in them; and those of them whose history says
        nothing of it yet."""
        found = [*unwatched(self._connection, self._chain)]
        return found, [key for key in found if key not in self._within]
