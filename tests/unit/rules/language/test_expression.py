"""Expressions: what they mean is how they are put together, and what is wrong with a text is said with its column."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.language import expression
from rules.language.expression import (
    MAX_DEPTH,
    MAX_LENGTH,
    Calculation,
    Expression,
    ExpressionError,
    Negative,
    Number,
    Operation,
    Place,
    Quantity,
    Window,
    parse,
)

A, B, C = Quantity("a"), Quantity("b"), Quantity("c")


def test_products_go_before_sums_and_equals_from_the_left() -> None:
    """As in arithmetic."""
    assert parse("a + b * c") == Operation("+", A, Operation("*", B, C))
    assert parse("a - b - c") == Operation("-", Operation("-", A, B), C)
    assert parse("a / b * c") == Operation("*", Operation("/", A, B), C)
    assert parse("(a + b) * c") == Operation("*", Operation("+", A, B), C)
    assert parse("a - (b - c)") == Operation("-", A, Operation("-", B, C))


def test_a_minus_sign_binds_what_follows_it() -> None:
    """-a * b is (-a) * b."""
    assert parse("-a * b") == Operation("*", Negative(A), B)
    assert parse("a--b") == Operation("-", A, Negative(B))


def test_numbers_functions_windows_and_places() -> None:
    """Every kind of operand."""
    assert parse("1.5e3") == Number(1500.0)
    assert parse("max(a, 2, abs(b))") == Calculation("max", (A, Number(2.0), Calculation("abs", (B,))))
    assert parse("avg(a,5m) / place.avg( a )") == Operation("/", Window("avg", "a", "5m"), Place("place.avg", "a"))
    assert parse("  a\n+ b ") == Operation("+", A, B)


def test_a_quantity_may_be_called_like_a_function() -> None:
    """What stands without parentheses is a quantity."""
    assert parse("count + rate(count, 1h)") == Operation("+", Quantity("count"), Window("rate", "count", "1h"))


def test_what_a_tree_names() -> None:
    """Quantities once each, windows and places."""
    tree = parse("avg(a, 5m) - place.avg(b) + max(c, a) * -change(b, 1h)")
    assert expression.quantities(tree) == ("a", "b", "c")
    assert expression.windows(tree) == (Window("avg", "a", "5m"), Window("change", "b", "1h"))
    assert expression.places(tree) == (Place("place.avg", "b"),)


FAULTS = [
    ("", 1, "empty"),
    ("   ", 1, "empty"),
    ("a +", 4, "breaks off"),
    ("a b", 3, "operator"),
    ("a 5", 3, "operator"),
    ("* a", 1, "missing before '*'"),
    ("max(a,, b)", 7, "missing before ','"),
    ("(a + b", 1, "never closed"),
    ("abs((a)", 4, "never closed"),
    ("a + b)", 6, "too many"),
    ("max(a b)", 7, "')' is wanted"),
    ("av(a, 5m)", 1, "did you mean avg?"),
    ("1 + place.average(a)", 5, "did you mean place.avg?"),
    ("place.avg - a", 1, "did you mean place.avg?"),
    ("system(a)", 1, "there are abs, min, max"),
    ("min(a, 5m)", 1, "did you mean lowest?"),
    ("max(a, 5m)", 1, "did you mean highest?"),
    ("max(a)", 1, "highest"),
    ("abs(a, b)", 1, "takes one number"),
    ("avg(a)", 6, "avg(temperature, 5m)"),
    ("avg(a + b, 5m)", 5, "name of a quantity"),
    ("avg(2, 5m)", 5, "name of a quantity"),
    ("avg(a, 5)", 8, "duration"),
    ("avg(a, 0s)", 8, "no time"),
    ("avg(a, 9999999999d)", 8, "no time"),
    ("place.avg(a, 5m)", 12, "')' is wanted"),
    ("a + 5m", 5, "avg(..., 5m)"),
    ("a ^ 2", 3, "powers"),
    ("a % 2", 3, "remainder"),
    ("a > 2", 3, "'>' is not understood"),
    ("12abc", 1, "'12abc' is not understood"),
    ("a + Temperature", 5, "'Temperature' is not understood"),
    ("a.b.c", 1, "not understood"),
    ("__import__('os')", 1, "not understood"),
    ("温度 + 1", 1, "not understood"),
    ("1e999", 1, "too large"),
]


@pytest.mark.parametrize(("text", "column", "said"), FAULTS)
def test_a_fault_is_named_with_its_column(text: str, column: int, said: str) -> None:
    """In both languages."""
    with pytest.raises(ExpressionError, match=re.escape(said)) as caught:
        parse(text)
    assert caught.value.column == column
    assert caught.value.text.zh
    assert re.search(r"[一-鿿]", caught.value.text.zh)


@pytest.mark.parametrize("text", ["(" * 5000 + "a", "-" * 5000 + "a", "abs(" * 199, "+".join("a" * 100), "1" * 20_000])
def test_what_is_too_long_or_too_deep_is_refused(text: str) -> None:
    """And never ends in a RecursionError."""
    with pytest.raises(ExpressionError, match=r"too long|levels"):
        parse(text)


def test_as_many_levels_as_are_allowed() -> None:
    """A sum of MAX_DEPTH terms, and no more."""
    assert str(parse(" + ".join("a" * MAX_DEPTH))).count("a") == MAX_DEPTH
    with pytest.raises(ExpressionError, match="levels"):
        parse(" + ".join("a" * (MAX_DEPTH + 1)))


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
LEAVES: st.SearchStrategy[Expression] = st.one_of(
    st.floats(min_value=0, allow_infinity=False, allow_nan=False).map(abs).map(Number),
    NAMES.map(Quantity),
    st.builds(Window, st.sampled_from(expression.WINDOWS), NAMES, st.sampled_from(["500ms", "5m", "24h", "7d"])),
    st.builds(Place, st.sampled_from(expression.PLACES), NAMES),
)


def _grown(smaller: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(smaller, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        st.builds(Negative, smaller),
        st.builds(Operation, st.sampled_from("+-*/"), smaller, smaller),
        st.builds(Calculation, st.sampled_from(["min", "max"]), several),
        smaller.map(lambda operand: Calculation("abs", (operand,))),
    )


TREES = st.recursive(LEAVES, _grown, max_leaves=20)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_a_tree_is_what_its_text_says(tree: Expression) -> None:
    """Printing and reading are each other's inverse."""
    assert parse(str(tree)) == tree


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab19.+-*/(), mse_\tmaxvgplc温", max_size=40) | st.text(max_size=40))
def test_any_text_is_a_tree_or_a_named_fault(text: str) -> None:
    """Nothing else is raised, the column lies in the text, and what is read prints as what reads the same."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        assert 1 <= error.column <= min(len(text), MAX_LENGTH) + 1
    else:
        assert parse(str(tree)) == tree
