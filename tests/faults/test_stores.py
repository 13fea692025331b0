"""The same with an InfluxDB that is down, slow, refuses, stores a part, or is killed."""

from collections.abc import Iterator

import pytest

from tests.faults.proving import prove
from tests.faults.worlds import Layout, World
from tests.support import need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need("influxd")
    with World(tmp_path_factory.mktemp("influx") / "world", Layout(store="influx")) as world:
        yield world


@pytest.mark.parametrize(
    "name",
    [
        "store-down",
        "store-slow",
        "store-refusing",
        "store-writes-in-part",
        "store-killed",
        "killed-at-ingest.written",
        "duplicates-and-reordering",
    ],
)
def test_influxdb(world: World, name: str) -> None:
    """What it refuses for good is a dead letter, everything else is one point, and the rules count both."""
    prove(world, name)
