"""The catalogue's own tests: every rule has some, and they pass."""

from functools import lru_cache
from pathlib import Path

import pytest

from rules.language.load import CATALOGUE, load_rules
from rules.language.model import Rule
from rules.trial.plan import Trial
from rules.trial.reading import read_trial
from rules.trial.runner import Outcome, run

FILES = sorted((CATALOGUE / "tests").glob("*.yaml"))


@lru_cache
def catalogue() -> dict[str, Rule]:
    """The rules that come with Linli, by id."""
    return {rule.id: rule for rule in load_rules()}


@lru_cache
def outcomes(file: Path) -> tuple[Trial, list[Outcome]]:
    """How the tests of a file go."""
    trial = read_trial(file, catalogue())
    return trial, [run(trial, case) for case in trial.cases]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_test_of_the_catalogue_passes(file: Path) -> None:
    """`linli rules test` says the same."""
    _, found = outcomes(file)
    wrong = {
        outcome.case.name.en: [line for line in outcome.differences if not line.same]
        for outcome in found
        if not outcome.passed
    }
    assert wrong == {}


def test_every_rule_of_the_catalogue_has_tests() -> None:
    """At least one in which it raises an alert, and one in which it raises none."""
    alarmed: set[str] = set()
    silent: set[str] = set()
    for file in FILES:
        trial, found = outcomes(file)
        for outcome in (outcome for outcome in found if not outcome.case.only or "opened" in outcome.case.only):
            opened = {entry.rule for entry in outcome.log if entry.kind == "opened"}
            alarmed |= opened
            silent |= {rule.id for rule in trial.rules} - opened
    assert set(catalogue()) - alarmed == set(), "no test in rules/catalogue/tests raises these"
    assert set(catalogue()) - silent == set(), "no test in rules/catalogue/tests shows when these keep quiet"
