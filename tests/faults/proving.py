"""How a test does a fault to a world, and what must be true afterwards."""

import random

from tests.faults.catalogue import FAULTS, SHORT
from tests.faults.worlds import World, keep_logs


def prove(world: World, name: str) -> None:
    """Do it, let everything be delivered, and fail unless every event since the start is accounted for."""
    world.flow(urgent=30, bulk=10, packets=4)
    FAULTS[name].act(world, SHORT, random.Random(name))
    world.settle()
    verdict = world.check()
    assert verdict.clean, (
        f"after {name}: {verdict.faults}; logs and databases in {keep_logs(world, world.folder / name)}"
    )
