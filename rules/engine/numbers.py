"""The numbers that reading clauses look at: expressions over newest readings, windows and places. No I/O, no clock.

`value` takes one reading in and says what the clause's number is then; what it needs for that it remembers here, for each
clause's memory and device apart, and nothing that no expression names. What was usual is in `rules.engine.usual`.

NaN is no data. The result depends on the readings taken in, one by one, and on nothing else: batches do not matter, and
sums are rounded once, so that their order does not either.
"""

import math
from collections.abc import Callable, Container
from functools import lru_cache
from itertools import chain
from operator import add, mul, sub
from sys import intern
from typing import NamedTuple

import msgspec

from rules.engine.perdevice import Memory, PerDevice
from rules.engine.windows import NO_DATA, Window
from rules.language import expression
from rules.language.expression import Expression
from rules.language.model import ReadingClause, duration

COUNTERS = frozenset(("water_volume", "energy", "produced_energy"))
"""Quantities that only rise, until their meter is reset."""


class Newest(NamedTuple):
    """The newest reading of a quantity."""

    time: int
    value: float


class Told(msgspec.Struct, array_like=True, gc=False):
    """What one device has told one memory. `text` is the expression it was kept for; `newest` has a place for each of its
    quantities, `windows` one for each of its windows."""

    device: str
    text: str
    newest: list[Newest | None]
    windows: tuple[Window, ...] = ()

    @property
    def time(self) -> int:
        """The newest of its readings' times."""
        return max(reading.time for reading in self.newest if reading is not None)


Kept = list[tuple[Memory, list[Told]]]
"""All memories, in a snapshot."""


class _Asked(NamedTuple):
    """What an expression is evaluated over: the device that reports, all devices of the memory in order of id, and how old
    a reading of theirs may be."""

    told: Told
    time: int
    all: list[Told]
    fresh: int


_Compute = Callable[[_Asked], float]


class Formula:
    """An expression made ready: `quantities` and `windows` in the order in which Told has theirs. One for each text."""

    def __init__(self, text: str) -> None:
        tree = expression.parse(text)
        self.text = intern(text)
        self.quantities = {name: number for number, name in enumerate(expression.quantities(tree))}
        asked = [(window.function, (window.quantity, duration(window.width))) for window in expression.windows(tree)]
        self.windows = {key: number for number, key in enumerate(dict.fromkeys(key for _, key in asked))}
        self._summed = {key for function, key in asked if function not in ("change", "rate")}
        self.compute = self._computing(tree)

    def told(self, device: str) -> Told:
        """A device that has told nothing yet."""
        windows = tuple(Window(key[1], changes_only=key not in self._summed) for key in self.windows)
        return Told(device, self.text, [None] * len(self.quantities), windows)

    def take(self, told: Told, quantity: str, time: int, value: float) -> int:
        """Take a finite reading in; the time as of which the expression then stands."""
        place = self.quantities[quantity]
        known = told.newest[place]
        if known is None or time >= known.time:
            told.newest[place] = Newest(time, value)
        now = told.time
        for (name, _), window in zip(self.windows, told.windows, strict=True):
            if name == quantity:
                window.take(time, value)
                window.slide(now)
        return now

    def _computing(self, tree: Expression) -> _Compute:
        match tree:
            case expression.Number(value):
                return lambda asked: value
            case expression.Quantity(name):
                return _newest(self.quantities[name])
            case expression.Negative(operand):
                inner = self._computing(operand)
                return lambda asked: -inner(asked)
            case expression.Operation(operator, left, right):
                return _operation(operator, self._computing(left), self._computing(right))
            case expression.Calculation(function, operands):
                return _calculation(function, [self._computing(operand) for operand in operands])
            case expression.Window(function, quantity, width):
                return _window(function, quantity, self.windows[quantity, duration(width)])
            case expression.Place(function, quantity):
                return _place(function, quantity)


@lru_cache(maxsize=4096)
def formula(text: str) -> Formula:
    """The expression, made ready once; ExpressionError if it is none."""
    return Formula(text)


class Numbers:
    """The readings that expressions need."""

    def __init__(self) -> None:
        self._told: PerDevice[Told] = PerDevice()

    def value(
        self, part: ReadingClause, memory: Memory, device: str, quantity: str, time: int, reading: float
    ) -> float:
        """The clause's number once `device` has reported `quantity` as `reading` at event time `time`; NaN: no data.

        Call it for each reading of a quantity that the expression names (`rules.language.expression.quantities`), of every
        device in the memory, in the order in which they count; not for a reading in another unit. A clause without `value`
        costs nothing here: its number is the reading.

        A reading that is older than the device's newest goes where it belongs, and the number is that as of the newest. With
        `place` functions each call looks at all devices of the memory.
        """
        if not math.isfinite(reading):
            return NO_DATA
        if part.value is None:
            return reading
        ready = formula(part.value)
        if quantity not in ready.quantities:
            return NO_DATA
        told = self._told.get(memory, device)
        if told is None or told.text != ready.text:
            told = ready.told(device)
            self._told.put(memory, told)
        now = ready.take(told, quantity, time, reading)
        result = ready.compute(_Asked(told, now, self._told.all(memory), duration(part.fresh)))
        return result if math.isfinite(result) else NO_DATA

    def retain(self, wanted: Callable[[Memory, str], bool], only: Container[str] | None = None) -> None:
        """Forget what is of a memory and device that are not `wanted`: they are gone, or begin anew. `only`: no other devices
        have to be asked about."""
        self._told.retain(wanted, only)

    def dump(self) -> Kept:
        """All of it for a snapshot; the same state always gives the same."""
        return self._told.dump()

    def restore(self, kept: Kept) -> None:
        """Go on where `dump` was."""
        for told in chain.from_iterable(devices for _, devices in kept):
            told.text = intern(told.text)
        self._told.restore(kept)

    def __len__(self) -> int:
        """How many devices are remembered, in all memories."""
        return len(self._told)


# --- what expressions are made of -------------------------------------------------------------------------------------


def _newest(place: int) -> _Compute:
    def newest(asked: _Asked) -> float:
        known = asked.told.newest[place]
        return NO_DATA if known is None else known.value

    return newest


def _divided(left: float, right: float) -> float:
    return left / right if right else NO_DATA


_OPERATIONS: dict[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul, "/": _divided}


def _operation(operator: str, left: _Compute, right: _Compute) -> _Compute:
    apply = _OPERATIONS[operator]

    def operation(asked: _Asked) -> float:
        result = apply(left(asked), right(asked))
        return result if math.isfinite(result) else NO_DATA

    return operation


def _calculation(function: str, operands: list[_Compute]) -> _Compute:
    if function == "abs":
        return lambda asked: abs(operands[0](asked))
    pick: Callable[[list[float]], float] = min if function == "min" else max

    def calculation(asked: _Asked) -> float:
        values = [operand(asked) for operand in operands]
        return NO_DATA if any(map(math.isnan, values)) else pick(values)

    return calculation


def _window(function: str, quantity: str, number: int) -> _Compute:
    if function in ("change", "rate"):
        moved: Callable[[Window, int, bool], float] = Window.change if function == "change" else Window.rate
        counter = quantity in COUNTERS
        return lambda asked: moved(asked.told.windows[number], asked.time, counter)
    ask: Callable[[Window, int], float] = getattr(Window, function)
    return lambda asked: ask(asked.told.windows[number], asked.time)


def _mean(values: list[float]) -> float:
    return _total(values) / len(values)


def _total(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return NO_DATA


_PLACE_FUNCTIONS: dict[str, Callable[[list[float]], float]] = {
    "place.avg": _mean,
    "place.min": min,
    "place.max": max,
    "place.sum": _total,
}


def _place(function: str, quantity: str) -> _Compute:
    if function == "place.count":
        return lambda asked: float(len(_fresh(asked, quantity)))
    apply = _PLACE_FUNCTIONS[function]

    def over_all(asked: _Asked) -> float:
        values = _fresh(asked, quantity)
        return apply(values) if values else NO_DATA

    return over_all


def _fresh(asked: _Asked, quantity: str) -> list[float]:
    """The newest values of the quantity that are not too old, in order of device."""
    oldest = max(told.time for told in asked.all) - asked.fresh
    known = (_known(told, quantity) for told in asked.all)
    return [newest.value for newest in known if newest is not None and newest.time >= oldest]


def _known(told: Told, quantity: str) -> Newest | None:
    place = formula(told.text).quantities.get(quantity)
    return None if place is None else told.newest[place]
