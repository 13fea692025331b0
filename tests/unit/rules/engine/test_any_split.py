"""Any split into batches, and a restart at any point, give the transitions of one input at a time without a restart."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from rules.durable.state import dump, restore
from rules.engine.inputs import Input
from rules.engine.machine import Engine, Output
from tests.reference.anyrules import WHOLE_LANGUAGE, versions
from tests.reference.both import Versions, alone
from tests.reference.looking import looking
from tests.reference.streams import Drawn, build, steps

cuts = st.sets(st.integers(1, 80), max_size=12)


def parts(entries: list[Input], at: set[int]) -> list[list[Input]]:
    """The inputs, cut there."""
    borders = [0, *sorted(cut for cut in at if cut < len(entries)), len(entries)]
    return [entries[start:end] for start, end in itertools.pairwise(borders)]


@looking
@given(rules=versions(WHOLE_LANGUAGE, 3), drawn=steps, at=cuts)
def test_any_split_into_batches(rules: Versions, drawn: list[Drawn], at: set[int]) -> None:
    """Three rules of the whole language: outputs input by input, and the state in the end."""
    run = alone(rules, build(drawn))
    engine = Engine()
    outputs: list[list[Output]] = []
    for batch in parts(run.entries, at):
        outputs += engine.apply_all(batch)
    assert outputs == run.outputs
    assert dump(engine) == dump(run.engine)


@looking
@given(rules=versions(WHOLE_LANGUAGE, 3), drawn=steps, at=cuts)
def test_a_restart_at_any_point(rules: Versions, drawn: list[Drawn], at: set[int]) -> None:
    """At each cut the engine is written down and brought back: nothing that comes after is another."""
    run = alone(rules, build(drawn))
    engine = Engine()
    outputs: list[list[Output]] = []
    for batch in parts(run.entries, at):
        outputs += [engine.apply(entry) for entry in batch]
        state = dump(engine)
        engine = restore(state)
        assert dump(engine) == state
    assert outputs == run.outputs
