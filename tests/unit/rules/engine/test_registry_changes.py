"""A few devices of the registry change: the same comes of it as of the whole registry anew, without looking at all of it."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.db.registry import RegistryChange, RegistrySnapshot
from linli.model import Device
from rules.durable.state import dump, restore
from rules.engine.inputs import Input, RegistryChangeIn, RegistryIn, RulesIn
from rules.engine.machine import Engine, outputs_of
from rules.language.load import load_book
from tests.faults.rulesday import Sent, script
from tests.faults.rulesworld import write_rule
from tests.unit.rules.world import registry

SITE_RULES = Path(__file__).parents[1] / "site_rules"


def changed(rng: random.Random, known: RegistrySnapshot) -> RegistryChangeIn:
    """Up to three devices: gone, back, renamed, elsewhere, behind the other gateway, of another kind."""
    whole = registry().devices
    changes = []
    for name in rng.sample(sorted(whole), rng.randint(1, 3)):
        device: Device | None = known.devices.get(name, whole[name])
        assert device is not None
        drawn = rng.randrange(6)
        if drawn == 0:
            device = None
        elif drawn == 1:
            device = replace(device, place=rng.choice(sorted(known.places)))
        elif drawn == 2:
            device = replace(device, gateway=rng.choice(("gw", "gw-2")))
        elif drawn == 3:
            device = replace(device, kind=rng.choice(("door", "camera", "cable_sensor")))
        elif drawn == 4:
            device = whole[name]
        changes.append(RegistryChange("device", name, device))
    return RegistryChangeIn(known.version + 1, tuple(changes))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_change_comes_to_the_same_as_the_whole(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """In every transition that follows, also over a snapshot."""
    rng = random.Random(seed)
    written = script(seed, 60, SITE_RULES)
    folder = tmp_path_factory.mktemp("rules")
    for name, text in written.rules.items():
        write_rule(folder / name, text)
    book = load_book(folder)
    start: list[Input] = [RulesIn(book.rules, book.overrides), RegistryIn(registry())]
    few, all_ = Engine(), Engine()
    outputs_of(few, start)
    outputs_of(all_, start)
    for step in written.steps:
        if rng.random() < 0.2:
            entry = changed(rng, few.scope.registry)
            few.apply(entry)
            all_.apply(RegistryIn(all_.scope.registry.changed(entry.version, entry.changes)))
        if rng.random() < 0.05:
            few = restore(dump(few))
        if isinstance(step.what, Sent):
            for message in step.what.entries:
                assert few.apply(message) == all_.apply(message)
    assert few.scope.registry == all_.scope.registry
    assert few.watches == all_.watches
