"""Asking the store: newest values once a second, and a store that hangs holds up as few as can be."""

import threading

import pytest

from api import stored
from api.stored import MAX_AT_ONCE, REST_S, StoreReader
from linli.charts import Series, Shape
from linli.errors import StoreUnavailable
from linli.i18n import Text
from linli.ports import Bucket, Latest, Resolution
from linli.retention import FOR_EVER
from linli.testing import ManualClock, MemoryStore
from tests.support import eventually

SERIES = Series("c001", "d1", "temperature", 0, 1)


class SlowStore(MemoryStore):
    """A store whose answers wait until the test lets them go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.go = threading.Event()
        self.go.set()
        self.down = False

    def latest(self, community: str) -> list[Latest]:
        self.asked += 1
        assert self.go.wait(10)
        if self.down:
            raise StoreUnavailable(Text("没有应答", "does not answer"))
        return [Latest("d1", "temperature", self.asked, 1.0, None, 0), Latest("d2", "temperature", 0, 1.0, None, 0)]

    def readings(
        self,
        community: str,
        device: str,
        quantity: str,
        start: int,
        end: int,
        max_points: int,
        resolution: Resolution = Resolution.RAW,
    ) -> list[Bucket]:
        self.asked += 1
        assert self.go.wait(10)
        return []


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reader(store: SlowStore, clock: ManualClock) -> StoreReader:
    return StoreReader(store, clock)


def test_newest_values_are_asked_for_once_a_second(reader: StoreReader, store: SlowStore, clock: ManualClock) -> None:
    """However many look, of each community."""
    for _ in range(5):
        assert sorted(reader.latest("c001") or {}) == ["d1", "d2"]
    assert store.asked == 1
    reader.latest("c002")
    assert store.asked == 2
    clock.advance(1.0)
    reader.latest("c001")
    assert store.asked == 3


def test_a_store_that_fails_is_left_alone_for_a_while(
    reader: StoreReader, store: SlowStore, clock: ManualClock
) -> None:
    """Of all communities: 165 time-outs one after the other would help nobody. Then it is asked again."""
    store.down = True
    assert reader.latest("c001") is None
    assert reader.latest("c002") is None
    assert store.asked == 1
    store.down = False
    clock.advance(REST_S)
    assert reader.latest("c002") is not None


def test_while_one_reads_the_others_get_what_was_read_before(
    reader: StoreReader, store: SlowStore, clock: ManualClock
) -> None:
    """Nobody waits behind a store that hangs, once anything is known."""
    reader.latest("c001")
    clock.advance(2.0)
    store.go.clear()
    waiting = threading.Thread(target=reader.latest, args=("c001",))
    waiting.start()
    eventually(lambda: store.asked == 2)
    assert (reader.latest("c001") or {})["d1"][0].time == 1, "the older value, at once"
    store.go.set()
    waiting.join(10)
    assert (reader.latest("c001") or {})["d1"][0].time == 2


def test_only_so_many_ask_at_once(reader: StoreReader, store: SlowStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told that the store is busy, and its thread is free for alerts."""
    monkeypatch.setattr(stored, "WAIT_S", 0.05)
    store.go.clear()
    threads = [
        threading.Thread(target=reader.chart, args=(SERIES, 1, Shape.MINMAXMEAN, FOR_EVER)) for _ in range(MAX_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: store.asked == MAX_AT_ONCE)
    with pytest.raises(StoreUnavailable):
        reader.chart(SERIES, 1, Shape.MINMAXMEAN, FOR_EVER)
    store.go.set()
    for thread in threads:
        thread.join(10)
    assert reader.chart(SERIES, 1, Shape.MINMAXMEAN, FOR_EVER).buckets == []
