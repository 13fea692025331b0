"""A batch that the store refuses is parted until only what it refuses is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from ingest.pipeline import Taken
from ingest.split import Suspects, write_apart
from linli.errors import StoreRefused, StoreUnavailable
from linli.i18n import Text
from linli.model import LaneKey, Message, Readings, Received, Tally, TallyKey
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


class FullStore(MemoryStore):
    """As InfluxDB 1.x at its limit of tag values: stores what it knows, drops readings of new devices, says how many."""

    def __init__(self, says: bool = True) -> None:
        super().__init__()
        self.writes = 0
        self.says = says
        self.full = True

    def write(
        self,
        batch: Sequence[Received],
        positions: Mapping[LaneKey, int],
        tallies: Mapping[TallyKey, Tally] = NO_TALLIES,
    ) -> None:
        self.writes += 1
        dropped = 0
        for received in batch:
            readings = Readings.of(received.message.readings)
            taken = [n for n, name in enumerate(readings.names) if not (self.full and name.startswith("new-"))]
            dropped += len(readings) - len(taken)
            message = replace(received.message, readings=readings.pick(taken))
            super().write([replace(received, message=message)], {})
        if dropped:
            raise StoreRefused(
                Text("满了", f"partial write: dropped={dropped}"), dropped=dropped if self.says else None
            )
        super().write([], positions, tallies)


def mixed(first: int, packets: int, each: int, new: int) -> list[Taken]:
    """Packets in which the readings of so many new devices stand between those of known ones."""
    return taken(
        *[
            packet(
                first + p,
                *[reading(device=f"new-{n}" if n < new else f"t-{n}", time=NOW + first + p) for n in range(each)],
            )
            for p in range(packets)
        ]
    )


def test_a_partial_write_makes_letters_only_of_what_was_dropped() -> None:
    """The others are stored, by the refused write already, and again."""
    store = FullStore()
    (unstored,) = write_apart(store, mixed(1, 1, 10, 3))
    assert unstored.observations == 3
    assert unstored.letter.detail.startswith("3 of 10 readings: ")
    assert "dropped=" in unstored.letter.detail
    assert {latest.device for latest in store.latest("c001")} == {f"t-{n}" for n in range(3, 10)}


def test_what_was_refused_is_written_apart_next_time() -> None:
    """Thousands of refused readings in every batch cost two writes a batch, not two each."""
    store, suspects = FullStore(), Suspects()
    write_apart(store, mixed(1, 50, 100, 20), suspects)
    first, store.writes = store.writes, 0
    found = write_apart(store, mixed(100, 50, 100, 20), suspects)
    assert store.writes == 2 < first
    assert [u.observations for u in found] == [20] * 50
    assert len(store.raw("c001", "t-99", "temperature", 0, NOW * 2, 1000)) == 100
    store.full = False
    store.writes = 0
    assert write_apart(store, mixed(200, 50, 100, 20), suspects) == []
    assert suspects.names == {}
    assert len(store.raw("c001", "new-1", "temperature", 0, NOW * 2, 1000)) == 50


def test_the_writes_for_one_batch_are_bounded() -> None:
    """A store that does not say how many it dropped and refuses everywhere: at the bound, messages are letters whole."""
    store = FullStore(says=False)
    found = write_apart(store, mixed(1, 64, 100, 50), None, 100)
    assert store.writes < 250
    assert sum(u.observations for u in found) >= 64 * 50
    assert all(u.observations <= 100 for u in found)
    assert len(store.raw("c001", "t-99", "temperature", 0, NOW * 2, 1000)) == 64


def test_all_dropped_is_one_write() -> None:
    """Where the store says that nothing of it is stored, halving finds nothing new."""
    store = FullStore()
    found = write_apart(store, mixed(1, 10, 5, 5))
    assert [u.observations for u in found] == [5] * 10
    assert store.writes == 1
