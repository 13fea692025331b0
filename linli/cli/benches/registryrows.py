"""The reference district's tables as files, as a property company or a committee would hand them in: with residents."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from linli.adapters.tables.writers import written
from linli.cli.demo.district import portions
from linli.cli.demo.layout import Size
from linli.db.registryplaces import Codes, derived, parents_first
from linli.registry.address import LEVEL_OF, LEVELS
from linli.registry.kinds import Item, kind_of
from linli.registry.model import Committee, Community, District, Equipment, Holiday, Place
from linli.registry.tables.columns import Table
from linli.registry.tables.listed import TABLES
from linli.registry.tables.show import Names, Shown, Where, cells_of

_LANGUAGE = "zh"
_DEVICES, _HOUSEHOLDS, _ROWS = 500, 364, 3_050
"""Of a compound of the reference district, and its rows in all tables."""


def write_files(folder: Path, rows: int) -> tuple[int, Sequence[Path]]:
    """About so many rows, once as CSV (a zip) and once as Excel; how many they are."""
    compounds = max(2, rows // _ROWS)
    size = Size(min(42, compounds), compounds, compounds // 4, compounds * _DEVICES, compounds * _HOUSEHOLDS)
    items = [item for portion in portions(size) for item in portion]
    files = [folder / "registry.zip", folder / "registry.xlsx"]
    count = 0
    for file in files:
        with written(file, _LANGUAGE) as out:
            count = 0
            for table, row in _rows(items):
                if row is None:
                    out.begin(table, [column.heading.of(_LANGUAGE) for column in table.columns])
                else:
                    out.row(row)
                    count += 1
    return count, files


def _rows(items: Sequence[Item]) -> Iterator[tuple[Table, Sequence[Shown] | None]]:
    """Each table, without a row first."""
    by_kind: dict[str, list[Item]] = {}
    for item in items:
        by_kind.setdefault(kind_of(item), []).append(item)
    names = Names.of(
        _LANGUAGE,
        [one for one in items if isinstance(one, District)],
        [one for one in items if isinstance(one, Committee)],
        [one for one in items if isinstance(one, Community)],
    )
    where = _where([one for one in items if isinstance(one, Place)])
    parts = {one.id: one for one in items if isinstance(one, Equipment)}
    homes = {one.id: str(getattr(one, "place", "")) for one in by_kind.get("household", ())}
    for kind, table in TABLES.items():
        if kind not in by_kind:
            continue
        yield table, None
        for item in by_kind[kind]:
            assert not isinstance(item, Holiday)
            at = item.id if kind == "place" else str(getattr(item, "place", ""))
            at = homes[str(getattr(item, "household", ""))] if kind == "resident" else at
            yield table, cells_of(table, item, names, where.get(at), parts.get(item.id) if kind == "device" else None)


def _where(places: Sequence[Place]) -> Mapping[str, Where]:
    """Where each place is, as `linli.db.registrytables` finds it in the database."""
    codes: dict[str, Codes] = {}
    own: dict[tuple[str, Codes], str] = {}
    addressed: set[str] = set()
    for place in parents_first({place.id: place for place in places}):
        columns = derived(place, codes.get(place.parent or "", Codes()))
        codes[place.id] = Codes(*(columns[level] for level in LEVELS))
        if columns["address_key"] is not None:
            addressed.add(place.id)
            own[place.community, codes[place.id]] = place.id
    found: dict[str, Where] = {}
    for place in places:
        above = codes[place.id]
        level = LEVEL_OF.get(place.kind)
        if level is not None and (place.id in addressed or place.code is None):
            index = LEVELS.index(level)
            above = Codes(*(code if number < index else "" for number, code in enumerate(above)))
        found[place.id] = Where(codes[place.id], place.id in addressed, own.get((place.community, above)))
    return found
