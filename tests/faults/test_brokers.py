"""The same over other brokers: Mosquitto, and three NATS servers of which one dies."""

from collections.abc import Iterator

import pytest

from tests.faults.proving import prove
from tests.faults.worlds import Layout, World
from tests.support import need

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need("mosquitto")
    with World(tmp_path_factory.mktemp("mosquitto") / "world", Layout("mosquitto")) as world:
        yield world


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("cluster") / "world", Layout("cluster")) as world:
        yield world


@pytest.mark.parametrize("name", ["broker-restarted", "broker-killed", "broker-killed-with-messages-waiting"])
def test_mosquitto(mosquitto: World, name: str) -> None:
    """Restarted in order, killed, and killed with 10,000 messages waiting: all of them arrive, once."""
    prove(mosquitto, name)


@pytest.mark.parametrize("name", ["leader-killed", "follower-killed"])
def test_cluster(cluster: World, name: str) -> None:
    """Who was connected to the node that died goes on with another, and nothing is lost or doubled by it."""
    prove(cluster, name)
