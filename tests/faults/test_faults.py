"""The promise, short: over the embedded broker and SQLite, after each fault nothing is lost, doubled or made up."""

from collections.abc import Iterator

import pytest

from tests.faults.catalogue import FAULTS
from tests.faults.proving import prove
from tests.faults.worlds import Layout, World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

BROKER, STORE = "nats", "sqlite"
NAMES = [name for name, fault in FAULTS.items() if fault.fits(BROKER, STORE) and not fault.layout]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for all of them: what one has done wrong, the next would still find."""
    with World(tmp_path_factory.mktemp("faults") / "world", Layout(BROKER, STORE)) as world:
        yield world


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_doubled_or_made_up(world: World, name: str) -> None:
    """Every event since the start is one row and counted once by the rules, whatever has died on the way."""
    prove(world, name)
