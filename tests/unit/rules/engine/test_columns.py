"""What lies in its band is noted and nothing else: the same comes of any cut of a run, and of looking at every reading."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.clock import SECOND
from linli.model import Lane
from rules.engine.columns import ROW, UNWATCHED, Columns, Newest
from rules.engine.ladder import ladder
from rules.engine.sweep import Run, Sweep

SERIES = 4
Readings = list[tuple[int, float]]


def run_of(
    columns: Columns,
    series: list[int],
    values: list[float] | None = None,
    times: list[int] | None = None,
    units: list[str | None] | None = None,
    bases: list[int] | None = None,
) -> Run:
    count = len(series)
    return Run(
        np.array(series, dtype=np.int64),
        np.array(values or [1.0] * count),
        np.array(times or [1] * count, dtype=np.int64),
        np.frombuffer(columns.units(units or [None] * count), dtype=np.uint8),
        np.array(bases or [1] * count, dtype=np.int64),
        np.zeros(count, dtype=np.uint8),
    )


@dataclass
class Toy:
    """A machine that tells when a series comes to another whole number, or was told on by the series before it."""

    columns: Columns
    cells: dict[int, float] = field(default_factory=dict)
    told_on: set[int] = field(default_factory=set)
    said: list[tuple[int, object, tuple[Newest | None, ...]]] = field(default_factory=list)
    taken: int = 0

    @classmethod
    def made(cls, *, screening: bool) -> "Toy":
        columns = Columns(screening=screening)
        for number in range(SERIES):
            columns.add("gw", f"d/{number}", clauses=number)
        return cls(columns)

    def take(self, run: Readings) -> None:
        times = list(range(self.taken, self.taken + len(run)))
        sweep = Sweep(
            self.columns, run_of(self.columns, [number + 1 for number, _ in run], [value for _, value in run], times)
        )
        for place in sweep.stirred(len(run)):
            self.look(1 + run[place][0], run[place][1], self.taken + place)
        sweep.note(len(run))
        self.taken += len(run)

    def look(self, number: int, value: float, time: int) -> None:
        newest = tuple(self.columns.newest(1 + other) for other in range(SERIES))
        self.columns.note(number, value, time, 0, 1, 0)
        cell = math.floor(value)
        if self.cells.get(number) != cell or number in self.told_on:
            self.said.append((time, (number, cell), newest))
            self.told_on.discard(number)
            self.cells[number] = cell
            if cell % 3 == 0:
                neighbour = number % SERIES + 1
                self.told_on.add(neighbour)
                self.columns.close(neighbour)
        closed = number in self.told_on
        self.columns.set_band(number, None if closed else (math.nextafter(cell, -math.inf), cell + 1))


readings = st.lists(
    st.tuples(st.integers(0, SERIES - 1), st.floats(0, 7).map(lambda value: round(value, 1))), max_size=60
)


@given(readings, st.lists(st.integers(1, 20)))
@settings(max_examples=100, deadline=None)
def test_any_cut_of_a_run_and_no_screening_at_all_give_the_same(run: Readings, cuts: list[int]) -> None:
    whole, cut, unscreened = Toy.made(screening=True), Toy.made(screening=True), Toy.made(screening=False)
    whole.take(run)
    unscreened.take(run)
    rest = run
    for size in cuts:
        cut.take(rest[:size])
        rest = rest[size:]
    for reading in rest:
        cut.take([reading])
    assert whole.said == cut.said == unscreened.said
    assert [whole.columns.newest(n) for n in range(1, 5)] == [unscreened.columns.newest(n) for n in range(1, 5)]
    assert whole.columns.dump() == cut.columns.dump()


def test_evaluations_are_readings_by_clauses_that_look_at_them() -> None:
    columns = Columns()
    numbers = [columns.add("gw", "d/a", clauses=20), columns.add("gw", "d/b", clauses=1), columns.ignore("gw", "d/c")]
    sweep = Sweep(columns, run_of(columns, [*numbers, numbers[0]]))
    assert sweep.evaluations(4) == 41
    assert sweep.evaluations(3) == 21


def test_another_unit_is_looked_at_where_a_clause_minds() -> None:
    columns = Columns()
    minds, does_not = columns.add("gw", "d/a", clauses=1), columns.add("gw", "d/b", clauses=1)
    columns.set_band(minds, (0.0, 9.0), unit="Cel")
    columns.set_band(does_not, (0.0, 9.0))
    run = run_of(columns, [minds, minds, minds, does_not], units=["Cel", "K", None, "K"])
    assert list(Sweep(columns, run).stirred(4)) == [1]


def test_units_beyond_what_a_code_can_say_are_all_another() -> None:
    columns = Columns()
    codes = columns.units([f"u{number}" for number in range(300)])
    assert len(set(codes)) == 254
    assert columns.units(["u299", "u0", None]) == bytes((254, 1, 0))


def test_from_due_on_every_reading_of_the_device_is_looked_at() -> None:
    columns = Columns()
    number = columns.add("gw", "d/a", clauses=1)
    columns.set_band(number, (0.0, 9.0), due=10)
    run = run_of(columns, [number] * 4, times=[9, 10, 11, 9], bases=[9, 9, 9, 10])
    assert list(Sweep(columns, run).stirred(4)) == [1, 2, 3]


def test_after_a_silence_the_next_reading_is_looked_at_where_a_clause_waits_for_any() -> None:
    columns = Columns()
    waited_for, not_waited_for = columns.add("gw", "d/a", clauses=1), columns.add("gw", "d/b", clauses=1)
    columns.set_band(waited_for, (0.0, 9.0), patience=60 * SECOND)
    columns.set_band(not_waited_for, (0.0, 9.0))
    series, bases = [waited_for, not_waited_for] * 2, [10 * SECOND, 10 * SECOND, 71 * SECOND, 71 * SECOND]
    for number in (waited_for, not_waited_for):
        columns.note(number, 1.0, 1, 0, 1, 0)
    sweep = Sweep(columns, run_of(columns, series[:2], bases=bases[:2]))
    assert list(sweep.stirred(2)) == []
    sweep.note(2)
    assert list(Sweep(columns, run_of(columns, series[2:], bases=bases[2:])).stirred(2)) == [0]


def test_what_nobody_watches_passes() -> None:
    columns = Columns()
    assert columns.ignore("gw", "d/a") == UNWATCHED == columns.number("gw", "d/a")
    assert columns.is_quiet(UNWATCHED, 1e300, 1, 77, 1)
    assert columns.newest(UNWATCHED) is None


def test_a_row_that_is_forgotten_becomes_anothers_and_remembers_nothing() -> None:
    columns = Columns()
    number = columns.add("gw", "d/a", clauses=1)
    columns.note(number, 1.0, 2, 0, 3, 0)
    columns.forget("gw", "d/a")
    assert columns.number("gw", "d/a") is None
    assert columns.add("gw2", "d/b", clauses=2) == number
    assert columns.newest(number) is None


def test_columns_come_back_as_they_were_and_grow_on() -> None:
    columns = Columns()
    for number in range(200):
        row = columns.add(f"gw-{number % 3}", f"d{number}/a", clauses=number)
        columns.set_band(row, (-1.0, float(number)), due=number, unit="Cel")
        columns.note(row, number / 3, 1_790_000_000_123_456 + number, columns.unit("Cel"), number, 1)
    columns.ignore("gw-0", "d0/none")
    back = Columns.restore(columns.dump())
    assert back.dump() == columns.dump()
    assert back.newest(back.number("gw-1", "d100/a") or 0) == Newest(
        100 / 3, 1_790_000_000_123_556, "Cel", 100, Lane.BULK, 101
    )
    assert back.rows.dtype == ROW
    assert back.newest(back.add("gw-9", "new/a", clauses=1)) is None
    with pytest.raises(ValueError, match="rows"):
        Columns.restore(type(columns.dump())({}, columns.dump().rows, []))


limits = st.floats(-5, 5).map(round)


@given(st.lists(st.tuples(st.booleans(), limits), max_size=12), limits)
def test_a_ladder_finds_who_is_beyond_and_the_way_to_the_next(clauses: list[tuple[bool, int]], value: int) -> None:
    bands = [(-math.inf, float(limit)) if above else (float(limit), math.inf) for above, limit in clauses]
    rungs = ladder((("r", number), band) for number, band in enumerate(bands))
    beyond = {("r", number) for number, (low, high) in enumerate(bands) if not low < value < high}
    assert rungs.beyond(value) == beyond
    quiet = [band for number, band in enumerate(bands) if ("r", number) not in beyond]
    assert rungs.band(value) == (
        max((low for low, _ in quiet), default=-math.inf),
        min((high for _, high in quiet), default=math.inf),
    )


def test_a_clause_that_every_value_matters_to_leaves_no_band() -> None:
    rungs = ladder([(("a", 0), (-math.inf, 70.0)), (("b", 0), None)])
    assert rungs.band(20.0) is None
    assert rungs.beyond(20.0) == {("b", 0)}
    assert rungs.beyond(70.0) == {("a", 0), ("b", 0)}
