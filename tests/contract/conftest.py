"""The stores that the contract of `ports.KeptStore` is tested with."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linli.adapters.influx_http import InfluxConfig
from linli.adapters.influx_store import InfluxStore
from linli.adapters.sqlite_store import SqliteStore
from linli.ports import KeptStore
from linli.testing import ManualClock, MemoryStore
from tests.contract import influxd

T0 = 1_700_000_000_000_000
KINDS = ["memory", "sqlite", pytest.param("influx1", marks=pytest.mark.integration)]
_names = itertools.count()


@pytest.fixture(scope="module")
def influx_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real InfluxDB 1.x."""
    with influxd.running(tmp_path_factory.mktemp("influxd")) as url:
        yield url


@pytest.fixture(params=KINDS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], KeptStore]]:
    """Opens the store of this test anew each time it is called, on the same data."""
    opened: list[KeptStore] = []
    memory = MemoryStore()
    bucket = f"test{next(_names)}"

    def open_it() -> KeptStore:
        store: KeptStore
        if request.param == "memory":
            store = memory
        elif request.param == "sqlite":
            store = SqliteStore(tmp_path / "readings.db")
        else:
            url = request.getfixturevalue("influx_url")
            store = InfluxStore(InfluxConfig(url, bucket), ManualClock(T0))
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], KeptStore]) -> KeptStore:
    """One store, opened once."""
    return reopen()
