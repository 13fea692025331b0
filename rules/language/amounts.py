"""Durations, numbers with their units, and expressions over readings in words, in both languages."""

from functools import lru_cache

from linli.clock import DAY, HOUR, MINUTE, SECOND
from linli.i18n import Text
from linli.units import number_with_unit
from linli.vocabulary import quantity_of
from rules.language.expression import (
    Calculation,
    Expression,
    Negative,
    Number,
    Operation,
    Place,
    Quantity,
    Window,
    parse,
)
from rules.language.model import ReadingClause, duration

_UNITS = ((DAY, Text("天", "d")), (HOUR, Text("小时", "h")), (MINUTE, Text("分钟", "min")), (SECOND, Text("秒", "s")))

_OVER_TIME = {
    "avg": Text("{time}内{what}的平均值", "the average of {what} over {time}"),
    "lowest": Text("{time}内{what}的最低值", "the lowest {what} of {time}"),
    "highest": Text("{time}内{what}的最高值", "the highest {what} of {time}"),
    "sum": Text("{time}内{what}之和", "the sum of {what} over {time}"),
    "count": Text("{time}内{what}的读数个数", "the number of readings of {what} in {time}"),
    "change": Text("{time}内{what}的变化", "the change of {what} in {time}"),
    "rate": Text("{what}每秒的变化（按 {time}计）", "the change of {what} by second, over {time}"),
}
_OVER_DEVICES = {
    "place.avg": Text("该处{what}的平均值", "the average {what} there"),
    "place.min": Text("该处{what}的最低值", "the lowest {what} there"),
    "place.max": Text("该处{what}的最高值", "the highest {what} there"),
    "place.sum": Text("该处{what}之和", "the sum of {what} there"),
    "place.count": Text("该处报{what}的设备数", "the number of devices there that report {what}"),
}
_CALCULATED = {
    "abs": Text("{of}的绝对值", "the size of {of}"),
    "min": Text("{of}中的最小值", "the least of {of}"),
    "max": Text("{of}中的最大值", "the greatest of {of}"),
}
EXACT = 10
"""Digits of a number that somebody wrote."""

_SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}


def spoken(microseconds: int) -> Text:
    """A duration for people: '30 秒' / '30 s', '5 分钟' / '5 min'."""
    for size, word in _UNITS:
        if microseconds >= size and microseconds % size == 0:
            return Text(f"{microseconds // size} {word.zh}", f"{microseconds // size} {word.en}")
    return Text(f"{microseconds / SECOND:g} 秒", f"{microseconds / SECOND:g} s")


def spoken_text(written: str) -> Text:
    """The same of a duration as rules have it: '180s' is '3 min'."""
    return spoken(duration(written))


def with_unit(value: float, symbol: str) -> str:
    """'70 °C', '70 kPa'; without a symbol the number alone. As it is: none of the digits of a limit is left out."""
    return number_with_unit("", symbol, value, EXACT)


def in_sentence(name: Text) -> Text:
    """A name within a sentence: in English its capital goes, but that of an abbreviation."""
    first, second = name.en[:1], name.en[1:2]
    return name if second.isupper() else Text(name.zh, first.lower() + name.en[1:])


def quantity_name(quantity: str) -> Text:
    """What it is called within a sentence."""
    return in_sentence(quantity_of(quantity).name)


def number_name(part: ReadingClause) -> Text:
    """What the clause looks at, within a sentence: its quantity, or its expression in words."""
    return quantity_name(part.quantity) if part.value is None else expression_words(parse(part.value))


def symbol_of(part: ReadingClause) -> str:
    """The symbol of the unit that the clause's number is in; '' for a pure number, and where it is not clear."""
    return quantity_of(part.quantity).symbol if part.value is None else _symbol(parse(part.value))


@lru_cache(maxsize=1024)
def expression_words(tree: Expression) -> Text:
    """An expression in words, within a sentence."""
    match tree:
        case Number(value):
            return Text(f"{value:g}", f"{value:g}")
        case Quantity(name):
            return quantity_name(name)
        case Negative(operand):
            return Text("−{of}", "−{of}").format(of=_bracketed(operand))
        case Operation(operator, left, right):
            sides = {"left": _bracketed(left, operator), "right": _bracketed(right, operator)}
            return Text("{left} {sign} {right}", "{left} {sign} {right}").format(sign=_SIGNS[operator], **sides)
        case Calculation(function, operands):
            words = [expression_words(operand) for operand in operands]
            listed = Text("、".join(word.zh for word in words), ", ".join(word.en for word in words))
            return _CALCULATED[function].format(of=listed)
        case Window(function, quantity, width):
            return _OVER_TIME[function].format(what=quantity_name(quantity), time=spoken_text(width))
        case Place(function, quantity):
            return _OVER_DEVICES[function].format(what=quantity_name(quantity))


def _bracketed(tree: Expression, beside: str = "") -> Text:
    """As an operand beside the sign `beside`: a sum or product in parentheses, but for the sum of a sum."""
    words = expression_words(tree)
    plain = not isinstance(tree, Operation) or (beside == "+" and tree.operator == "+")
    return words if plain else Text(f"({words.zh})", f"({words.en})")


def _symbol(tree: Expression) -> str:
    match tree:
        case Quantity(name):
            return quantity_of(name).symbol
        case Window("count", _, _) | Place("place.count", _):
            return ""
        case Window("rate", quantity, _):
            symbol = quantity_of(quantity).symbol
            return f"{symbol}/s" if symbol else ""
        case Window(_, quantity, _) | Place(_, quantity):
            return quantity_of(quantity).symbol
        case Negative(operand):
            return _symbol(operand)
        case Operation("+" | "-", left, right):
            return _common([left, right])
        case Calculation(_, operands):
            return _common(list(operands))
        case _:
            return ""


def _common(trees: list[Expression]) -> str:
    """The one symbol of those that are no plain numbers; '' if they differ."""
    symbols = {_symbol(tree) for tree in trees if not isinstance(tree, Number)}
    return symbols.pop() if len(symbols) == 1 else ""
