"""The catalogue's own tests: every rule has some, and they pass."""

from functools import lru_cache
from pathlib import Path

import pytest

from rules.language.load import CATALOGUE, load_rules
from rules.language.model import Rule
from rules.trial.comparison import Difference
from rules.trial.reading import read_trial
from rules.trial.runner import run

FILES = sorted((CATALOGUE / "tests").glob("*.yaml"))


@lru_cache
def catalogue() -> dict[str, Rule]:
    """The rules that come with Linli, by id."""
    return {rule.id: rule for rule in load_rules()}


def wrong(differences: tuple[Difference, ...]) -> list[Difference]:
    """Those that are on one side only."""
    return [difference for difference in differences if not difference.same]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_test_of_the_catalogue_passes(file: Path) -> None:
    """`linli rules test` would say the same."""
    trial = read_trial(file, catalogue())
    found = {case.name.en: wrong(run(trial, case).differences) for case in trial.cases}
    assert {name: differences for name, differences in found.items() if differences} == {}
