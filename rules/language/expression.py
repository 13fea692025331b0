"""Expressions over readings, as `value` of a reading clause has them: a text becomes a checked tree, and a tree its text.

    sum        = product (("+" | "-") product)*
    product    = factor (("*" | "/") factor)*
    factor     = "-" factor | number | quantity | "(" sum ")" | call
    call       = ("abs" | "min" | "max") "(" sum ("," sum)* ")"
               | ("avg" | "lowest" | "highest" | "sum" | "count" | "change" | "rate") "(" quantity "," duration ")"
               | "place." ("avg" | "min" | "max" | "sum" | "count") "(" quantity ")"

A quantity is `a-z`, `0-9` and `_`, beginning with a letter; whether there is such a quantity is not asked here. What it all means
is in docs/rules-semantics.md. The parser is Pratt's ("Top Down Operator Precedence", 1973): each operator has a strength, and
an operand goes to the stronger of its neighbours.

`parse(str(tree)) == tree` for every tree that `parse` gives.
"""

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NoReturn

from linli.i18n import Text
from rules.language.model import duration

MAX_TOKENS = 200
"""Names, numbers and signs of an expression."""

MAX_LENGTH = 16_000
"""Its characters: more than any tree of so many tokens is printed with."""

MAX_DEPTH = 40
"""Levels of the tree; a sum of n terms has n."""

CALCULATIONS = ("abs", "min", "max")
WINDOWS = ("avg", "lowest", "highest", "sum", "count", "change", "rate")
PLACES = ("place.avg", "place.min", "place.max", "place.sum", "place.count")
FUNCTIONS = (*CALCULATIONS, *WINDOWS, *PLACES)

SUM, PRODUCT, FACTOR = 1, 2, 3
STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}

_TOKEN = re.compile(
    r"(?P<duration>\d+(?:ms|s|m|h|d)(?![a-z0-9_.]))"
    r"|(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z0-9_.]))"
    r"|(?P<name>[a-z][a-z0-9_]{0,63}(?:\.[a-z0-9_]{0,63})?(?![A-Za-z0-9_.]))"
    r"|(?P<sign>[-+*/(),])",
    re.ASCII,
)
_SPACE = " \t\r\n"


class ExpressionError(ValueError):
    """The text is no expression. `text` says what is wrong, `column` (from 1) where."""

    def __init__(self, text: Text, column: int) -> None:
        super().__init__(f"column {column}: {text.en}")
        self.text = text
        self.column = column


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number that is not negative."""

    value: float

    def __str__(self) -> str:
        return repr(self.value).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class Quantity:
    """The newest reading of a quantity."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Negative:
    """The operand with the other sign."""

    operand: "Expression"

    def __str__(self) -> str:
        return f"-{_within(self.operand, FACTOR)}"


@dataclass(frozen=True, slots=True)
class Operation:
    """Two operands with one of + - * / between them."""

    operator: str
    left: "Expression"
    right: "Expression"

    def __str__(self) -> str:
        strength = STRENGTH[self.operator]
        return f"{_within(self.left, strength)} {self.operator} {_within(self.right, strength + 1)}"


@dataclass(frozen=True, slots=True)
class Calculation:
    """One of CALCULATIONS over expressions."""

    function: str
    operands: tuple["Expression", ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.operands))})"


@dataclass(frozen=True, slots=True)
class Window:
    """One of WINDOWS over a quantity's readings of the last `width`, a duration as people write it."""

    function: str
    quantity: str
    width: str

    def __str__(self) -> str:
        return f"{self.function}({self.quantity}, {self.width})"


@dataclass(frozen=True, slots=True)
class Place:
    """One of PLACES over a quantity's newest readings of all devices in the clause's memory."""

    function: str
    quantity: str

    def __str__(self) -> str:
        return f"{self.function}({self.quantity})"


Expression = Number | Quantity | Negative | Operation | Calculation | Window | Place


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """The tree of `text`; ExpressionError if it has none."""
    if len(text) > MAX_LENGTH:
        _blame("表达式太长", "the expression is too long", MAX_LENGTH + 1)
    return _Parser(text).whole()


def parts(tree: Expression) -> Iterator[Expression]:
    """The tree itself and all that it consists of, from left to right."""
    yield tree
    match tree:
        case Negative(operand):
            yield from parts(operand)
        case Operation(_, left, right):
            yield from parts(left)
            yield from parts(right)
        case Calculation(_, operands):
            for operand in operands:
                yield from parts(operand)


def quantities(tree: Expression) -> tuple[str, ...]:
    """The quantities that it names, each once, in the order in which they come."""
    found: dict[str, None] = {}
    for part in parts(tree):
        match part:
            case Quantity(name) | Window(_, name) | Place(_, name):
                found[name] = None
    return tuple(found)


def windows(tree: Expression) -> tuple[Window, ...]:
    """Its sliding windows."""
    return tuple(part for part in parts(tree) if isinstance(part, Window))


def places(tree: Expression) -> tuple[Place, ...]:
    """What it asks of all devices in the clause's memory."""
    return tuple(part for part in parts(tree) if isinstance(part, Place))


def _within(tree: Expression, strength: int) -> str:
    """The tree as an operand where nothing weaker than `strength` may stand without parentheses."""
    weak = isinstance(tree, Operation) and STRENGTH[tree.operator] < strength
    return f"({tree})" if weak else str(tree)


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind`: 'duration', 'number', 'name', 'sign', or 'end'."""

    kind: str
    text: str
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            _strange(text, at)
        yield _Token(match.lastgroup, match.group(), at + 1)
        at = match.end()


def _strange(text: str, at: int) -> NoReturn:
    found = re.match(r"[\w.]+", text[at:])
    word = found.group() if found else text[at]
    hint = {
        "^": ("乘方不可用，请用 *", "there are no powers; multiply"),
        "%": ("没有余数运算", "there is no remainder"),
    }
    zh, en = hint.get(
        word, ("可用数字、物理量、+ - * / 和函数", "there are numbers, quantities, + - * / and functions")
    )
    _blame(f"不认识“{word:.40}”：{zh}", f"{word[:40]!r} is not understood: {en}", at + 1)


class _Parser:
    """Reads tokens from left to right. Each method gives a tree with its depth."""

    def __init__(self, text: str) -> None:
        self._tokens = [*islice(_tokens(text), MAX_TOKENS + 1), _Token("end", "", len(text) + 1)]
        if len(self._tokens) > MAX_TOKENS + 1:
            _blame("表达式太长", "the expression is too long", self._tokens[MAX_TOKENS].column)
        self._at = 0
        self._open = 0

    def whole(self) -> Expression:
        """The tree of all tokens."""
        if self._next.kind == "end":
            _blame("表达式是空的", "the expression is empty", 1)
        tree, _ = self._expression(SUM)
        if self._next.text == ")":
            _blame("多了一个右括号", "there is a ')' too many", self._next.column)
        if self._next.kind != "end":
            _blame(
                f"“{self._next.text}”前缺少运算符 + - * /",
                f"an operator + - * / is missing before {self._next.text!r}",
                self._next.column,
            )
        return tree

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _expression(self, weakest: int) -> tuple[Expression, int]:
        """As far as operators reach that are no weaker than `weakest`."""
        tree, depth = self._factor()
        while STRENGTH.get(self._next.text, 0) >= weakest:
            operator = self._take()
            right, below = self._expression(STRENGTH[operator.text] + 1)
            depth = self._deeper(max(depth, below), operator)
            tree = Operation(operator.text, tree, right)
        return tree, depth

    def _factor(self) -> tuple[Expression, int]:
        token = self._take()
        self._open = self._deeper(self._open, token)
        try:
            match token.kind, token.text:
                case "number", _:
                    return _number(token), 1
                case "name", _:
                    return self._named(token)
                case "sign", "-":
                    tree, depth = self._factor()
                    return Negative(tree), self._deeper(depth, token)
                case "sign", "(":
                    tree, depth = self._expression(SUM)
                    self._expect(")", token)
                    return tree, depth
            self._no_operand(token)
        finally:
            self._open -= 1

    def _named(self, name: _Token) -> tuple[Expression, int]:
        if self._next.text != "(":
            if "." in name.text:
                _no_function(name)
            return Quantity(name.text), 1
        if name.text in CALCULATIONS:
            return self._calculation(name)
        if name.text in WINDOWS:
            return self._window(name), 1
        if name.text not in PLACES:
            _no_function(name)
        opening = self._take()
        place = Place(name.text, self._quantity(name, f"{name.text}(temperature)"))
        self._expect(")", opening)
        return place, 1

    def _calculation(self, name: _Token) -> tuple[Expression, int]:
        opening = self._take()
        operands: list[Expression] = []
        depths: list[int] = []
        while True:
            if self._next.kind == "duration" and operands:
                self._meant_a_window(name)
            tree, depth = self._expression(SUM)
            operands.append(tree)
            depths.append(depth)
            if self._next.text != ",":
                break
            self._take()
        self._expect(")", opening)
        self._count(name, len(operands))
        return Calculation(name.text, tuple(operands)), self._deeper(max(depths), name)

    def _count(self, name: _Token, given: int) -> None:
        if name.text == "abs" and given != 1:
            _blame(f"abs 只有一个参数，这里有 {given} 个", f"abs takes one number, here are {given}", name.column)
        if name.text != "abs" and given < 2:
            _blame(
                f"{name.text} 至少要两个参数；要取一段时间内的极值，请用 lowest 或 highest",
                f"{name.text} takes two numbers or more; lowest and highest are those of a time",
                name.column,
            )

    def _window(self, name: _Token) -> Window:
        opening = self._take()
        example = f"{name.text}(temperature, 5m)"
        quantity = self._quantity(name, example)
        if self._next.text != ",":
            _blame(
                f"{name.text} 还要一段时间，例如 {example}",
                f"{name.text} also takes a time, as in {example}",
                self._next.column,
            )
        self._take()
        width = self._take()
        if width.kind != "duration":
            _blame(
                f"{name.text} 的第二个参数是时长，例如 5m",
                f"{name.text} takes a duration such as 5m here",
                width.column,
            )
        _check_width(width)
        self._expect(")", opening)
        return Window(name.text, quantity, width.text)

    def _quantity(self, function: _Token, example: str) -> str:
        token = self._take()
        if token.kind != "name" or "." in token.text or self._next.text not in (",", ")"):
            _blame(
                f"{function.text} 的参数是一个物理量的名称，例如 {example}",
                f"{function.text} takes the name of a quantity, as in {example}",
                token.column,
            )
        return token.text

    def _expect(self, sign: str, opening: _Token) -> None:
        if self._next.text == sign:
            self._take()
        elif self._next.kind == "end":
            _blame("这个左括号没有右括号", "this '(' is never closed", opening.column)
        else:
            _blame(
                f"“{self._next.text}”处应为“{sign}”", f"{sign!r} is wanted, not {self._next.text!r}", self._next.column
            )

    def _no_operand(self, token: _Token) -> NoReturn:
        if token.kind == "end":
            _blame("表达式没有写完", "the expression breaks off", token.column)
        if token.kind == "duration":
            _blame(
                f"时长 {token.text} 只能用在 avg(…, {token.text}) 这样的函数里",
                f"a duration such as {token.text} stands within avg(..., {token.text}) and its like alone",
                token.column,
            )
        _blame(
            f"“{token.text}”前缺少数字或物理量", f"a number or quantity is missing before {token.text!r}", token.column
        )

    def _meant_a_window(self, name: _Token) -> NoReturn:
        meant = {"min": "lowest", "max": "highest"}.get(name.text, "avg")
        _blame(
            f"{name.text} 不看一段时间，是否想写 {meant}？",
            f"{name.text} looks at no time; did you mean {meant}?",
            name.column,
        )

    def _deeper(self, depth: int, token: _Token) -> int:
        if depth >= MAX_DEPTH:
            _blame(f"表达式超过 {MAX_DEPTH} 层", f"the expression has more than {MAX_DEPTH} levels", token.column)
        return depth + 1


def _number(token: _Token) -> Number:
    value = float(token.text)
    if not math.isfinite(value):
        _blame(f"{token.text} 太大", f"{token.text} is too large", token.column)
    return Number(value)


def _check_width(token: _Token) -> None:
    try:
        wide = duration(token.text) > 0
    except ValueError:
        wide = False
    if not wide:
        _blame(f"{token.text} 不是可用的时长", f"{token.text} is no time to look at", token.column)


def _no_function(name: _Token) -> NoReturn:
    near = difflib.get_close_matches(name.text, FUNCTIONS, 1)
    if near:
        zh, en = f"是否想写 {near[0]}？", f"did you mean {near[0]}?"
    else:
        zh, en = f"可用：{'、'.join(FUNCTIONS)}", f"there are {', '.join(FUNCTIONS)}"
    _blame(f"没有函数 {name.text}，{zh}", f"there is no function {name.text}; {en}", name.column)


def _blame(zh: str, en: str, column: int) -> NoReturn:
    raise ExpressionError(Text(zh, en), column)
