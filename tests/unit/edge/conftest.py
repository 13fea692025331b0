"""What the tests of the agent share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.edge.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.agent.start()
    yield world
    world.agent.stop()
