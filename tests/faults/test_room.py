"""No room: a full disk at the agents, and at the servers."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.proving import prove
from tests.faults.worlds import Layout, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.mark.parametrize("name", ["disk-full-agents", "disk-full-servers"])
def test_nothing_is_lost_but_what_is_counted(tmp_path: Path, name: str) -> None:
    """What could not be kept was refused to whoever handed it over, or is a drop that the agent has counted."""
    with World(tmp_path / "world", replace(Layout(), **FAULTS[name].layout)) as world:
        prove(world, name)
