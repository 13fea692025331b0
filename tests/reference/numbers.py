"""The number that a reading clause looks at, from all readings that its memory has seen."""

import ast
import math
import re
from collections.abc import Sequence
from fractions import Fraction

from rules.language.model import ReadingClause, duration
from tests.reference.seen import Seen

COUNTERS = ("water_volume", "energy", "produced_energy")


class NoData(Exception):
    """There is no number to be had."""


def number_of(part: ReadingClause, seen: Sequence[Seen], newest: Seen) -> float | None:
    """The number once `newest`, the last of `seen`, has come; None if it is no data."""
    if newest.quantity not in quantities(part) or not _is_data(part, newest):
        return None
    if part.value is None:
        return newest.value
    try:
        value = _Expression(part, [each for each in seen if _is_data(part, each)], newest).value()
    except (NoData, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def quantities(part: ReadingClause) -> set[str]:
    """All that the clause reads."""
    if part.value is None:
        return {part.quantity}
    tree = _parsed(part.value)
    calls = {id(call.func) for call in ast.walk(tree) if isinstance(call, ast.Call)}
    calls |= {id(name.value) for name in ast.walk(tree) if isinstance(name, ast.Attribute)}
    return {name.id for name in ast.walk(tree) if isinstance(name, ast.Name) and id(name) not in calls}


def _is_data(part: ReadingClause, seen: Seen) -> bool:
    if seen.value is None or not math.isfinite(seen.value):
        return False
    return part.unit is None or seen.unit is None or seen.unit == part.unit


def _parsed(text: str) -> ast.expr:
    """Our expressions are Python's, but for durations: those become texts."""
    return ast.parse(re.sub(r"\b(\d+(?:ms|s|m|h|d))\b", r"'\1'", text), mode="eval").body


class _Expression:
    """An expression as of one reading. Exact: fractions, so that the order of sums does not matter."""

    def __init__(self, part: ReadingClause, seen: Sequence[Seen], newest: Seen) -> None:
        named = quantities(part)
        self._part = part
        self._all = [each for each in seen if each.quantity in named]
        self._mine = [each for each in self._all if each.device.id == newest.device.id]
        self._now = max(each.time for each in self._mine)

    def value(self) -> float:
        assert self._part.value is not None
        return self._of(_parsed(self._part.value))

    def _of(self, tree: ast.expr) -> float:
        match tree:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=quantity):
                return _newest(self._mine, quantity).value or 0.0
            case ast.UnaryOp(operand=operand):
                return -self._of(operand)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operation(operator, self._of(left), self._of(right))
            case ast.Call(func=ast.Attribute(attr=function), args=[ast.Name(id=quantity)]):
                return self._place(function, quantity)
            case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=quantity), ast.Constant(value=str() as width)]):
                return self._window(function, quantity, duration(width))
            case ast.Call(func=ast.Name(id=function), args=args):
                values = [self._of(each) for each in args]
                return abs(values[0]) if function == "abs" else min(values) if function == "min" else max(values)
        raise AssertionError(ast.dump(tree))

    def _operation(self, operator: ast.operator, left: float, right: float) -> float:
        match operator:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
        return left / right

    def _window(self, function: str, quantity: str, width: int) -> float:
        mine = [each for each in self._mine if each.quantity == quantity]
        if function in ("change", "rate"):
            return self._change(function, mine, quantity, width)
        return _summed_up(function, [each.value or 0.0 for each in mine if self._now - width < each.time <= self._now])

    def _change(self, function: str, mine: Sequence[Seen], quantity: str, width: int) -> float:
        last = _newest(mine, quantity)
        first = _newest([each for each in mine if each.time <= self._now - width], quantity)
        if first.time < self._now - 2 * width or last.time <= self._now - width:
            raise NoData
        change = (last.value or 0.0) - (first.value or 0.0)
        if change < 0 and quantity in COUNTERS:
            raise NoData
        return change if function == "change" else change / ((last.time - first.time) / 1_000_000)

    def _place(self, function: str, quantity: str) -> float:
        now = max(each.time for each in self._all)
        values = []
        for device in {each.device.id for each in self._all}:
            theirs = [each for each in self._all if each.device.id == device and each.quantity == quantity]
            if theirs:
                newest = _newest(theirs, quantity)
                if newest.time >= now - duration(self._part.fresh):
                    values.append(newest.value or 0.0)
        return _summed_up({"min": "lowest", "max": "highest"}.get(function, function), values)


def _newest(seen: Sequence[Seen], quantity: str) -> Seen:
    """The newest by its time; of equal times the one that came later."""
    found: Seen | None = None
    for each in seen:
        if each.quantity == quantity and (found is None or each.time >= found.time):
            found = each
    if found is None:
        raise NoData
    return found


def _summed_up(function: str, values: Sequence[float]) -> float:
    if function == "count":
        return float(len(values))
    if not values:
        raise NoData
    total = sum(map(Fraction, values), Fraction(0))
    match function:
        case "avg":
            return float(total / len(values))
        case "lowest":
            return min(values)
        case "highest":
            return max(values)
    return float(total)
