"""A batch that the store refuses is parted until only what it refuses is left out."""

from collections.abc import Mapping, Sequence

import pytest

from ingest.pipeline import Taken
from ingest.split import write_apart
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import LaneKey, Message, Received, Tally, TallyKey
from linli.ports import NO_TALLIES
from linli.testing import MemoryStore
from tests.unit.ingest.world import NOW, arrival, event, packet, reading


class PickyStore(MemoryStore):
    """Refuses a batch with a value over 1000 or an event of device 'door-bad'; `down_after` writes it is gone."""

    def __init__(self, down_after: int = 10**9) -> None:
        super().__init__()
        self.writes = 0
        self.down_after = down_after

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        self.writes += 1
        if self.writes > self.down_after:
            raise StoreUnavailable(Text("不在", "gone"))
        for received in batch:
            m = received.message
            if m.subject == "door-bad" or any(r.value > 1000 for r in m.readings):
                raise StoreRefused(Text("值不对", "field type conflict: value"))
        super().write(batch, positions, tallies)


def taken(*messages: Message) -> list[Taken]:
    return [Taken(Received(m, NOW), arrival(m)) for m in messages]


def test_all_but_the_bad_event_are_stored() -> None:
    """One letter, with the server's words and the message as it came."""
    batch = taken(*[event(n, subject="door-bad" if n == 37 else "door-1", time=NOW + n) for n in range(1, 101)])
    store = PickyStore()
    ((_, observations, letter),) = write_apart(store, batch)
    assert observations == 1
    assert (letter.reason, letter.payload) == ("store_refused", batch[36].arrival.payload)
    assert "field type conflict" in letter.detail
    assert {e.sequence for e in store.events("c001", 0, NOW + 200, limit=200)} == set(range(1, 101)) - {37}
    assert store.writes < 20
    assert store.positions() == {}


def test_the_bad_readings_of_a_packet_are_one_letter_and_the_others_stored() -> None:
    """A packet is parted too."""
    bad = {3, 500}
    readings = [reading(time=NOW + n, value=5000.0 if n in bad else float(n % 7)) for n in range(600)]
    store = PickyStore()
    ((_, observations, letter),) = write_apart(store, taken(packet(1, *readings), packet(2)))
    assert observations == 2
    assert letter.detail.startswith("2 of 600 readings: ")
    (bucket,) = store.readings("c001", "t-1", "temperature", NOW, NOW + 600, 1)
    assert bucket.count == 598
    assert bucket.maximum <= 20.5


def test_everything_refused_is_a_letter_each() -> None:
    """And an empty batch none."""
    assert len(write_apart(PickyStore(), taken(*[event(n, subject="door-bad") for n in range(1, 4)]))) == 3
    assert write_apart(PickyStore(), []) == []


def test_letters_have_keys_of_their_own() -> None:
    """The same message may have had a letter for its unregistered readings already."""
    ((_, _, letter),) = write_apart(PickyStore(), taken(packet(5, reading(value=2000))))
    assert letter.key == "c001/gw-1/b1/bulk/5/store"


def test_a_store_that_goes_away_meanwhile_is_told() -> None:
    """The whole batch is then tried again later."""
    with pytest.raises(StoreUnavailable):
        write_apart(PickyStore(down_after=2), taken(event(1, subject="door-bad"), event(2)))
