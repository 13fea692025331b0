"""The engine against the plain evaluator of `tests/reference`, on random rules, registries and streams.

REFERENCE_EXAMPLES=5000 looks further; a failure prints the rule, the inputs in one line each, and what each of the two says.
"""

from hypothesis import given

from tests.reference.anyrules import FOUR_PARTS, WHOLE_LANGUAGE, versions
from tests.reference.both import Versions, first_difference, side_by_side
from tests.reference.looking import looking
from tests.reference.streams import Drawn, build, steps


def agree(rules: Versions, drawn: list[Drawn]) -> None:
    """Fail with the whole story where they do not."""
    difference = first_difference(side_by_side(rules, build(drawn)))
    assert difference is None, difference


@looking
@given(rules=versions(FOUR_PARTS, 2), drawn=steps)
def test_the_four_parts(rules: Versions, drawn: list[Drawn]) -> None:
    """Two rules of events, states, readings and absence, with edits of rules and registry, people and several gateways."""
    agree(rules, drawn)


@looking
@given(rules=versions(WHOLE_LANGUAGE, 1), drawn=steps)
def test_the_whole_language(rules: Versions, drawn: list[Drawn]) -> None:
    """One rule of everything that the language has."""
    agree(rules, drawn)
