"""Packets side by side: each reading keeps its packet, its place in it, and the order of event time within it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from linli.clock import DAY, SECOND
from linli.model import READINGS_TYPE, Lane, Message, Reading, Readings
from rules.engine.batch import Aside, Gathering, Packet, ordinary
from rules.engine.columns import Columns
from rules.engine.inputs import MessageIn, Tick

NOW = 1_790_000_000_000_000


def packet(gateway: str, *readings: tuple[str, int, float], sent: int = NOW) -> MessageIn:
    columns = Readings.of([Reading(device, "t", NOW + time, value, "Cel") for device, time, value in readings])
    message = Message("c", gateway, "boot", Lane.BULK, 1, 1, READINGS_TYPE, gateway, sent, sent, readings=columns)
    return MessageIn(message, NOW)


def packets_of(parts: Sequence[Packet | Aside]) -> list[Packet]:
    return [part for part in parts if isinstance(part, Packet)]


def gathering(columns: Columns, delivered: int = 0) -> Gathering:
    def find(gateway: str, series: str) -> int | None:
        return None if series.startswith("stranger") else columns.add(gateway, series, clauses=1)

    return Gathering(columns, find, lambda _gateway: delivered)


def test_packets_stand_one_after_the_other_each_in_order_of_time() -> None:
    columns = Columns()
    gathered = gathering(columns)
    assert gathered.take(packet("gw-1", ("a", 5, 1.0), ("b", 3, 2.0), ("a", 3, 3.0)))
    assert gathered.take(packet("gw-2", ("c", 1, 4.0)))
    batch = gathered.batch()
    assert [columns.names[number] for number in batch.run.series] == ["b/t", "a/t", "a/t", "c/t"]
    assert batch.run.values.tolist() == [2.0, 3.0, 1.0, 4.0]
    assert batch.places.tolist() == [1, 2, 0, 0]
    assert [(one.start, one.end) for one in packets_of(batch.parts)] == [(0, 3), (3, 4)]
    assert len(gathered) == 4


def test_a_packet_in_order_is_left_as_it_is_however_the_next_one_begins() -> None:
    gathered = gathering(Columns())
    gathered.take(packet("gw-1", ("a", 5, 1.0), ("b", 5, 2.0), ("c", 7, 3.0)))
    gathered.take(packet("gw-1", ("a", 1, 4.0)))
    assert gathered.batch().places.tolist() == [0, 1, 2, 0]


def test_what_a_lane_has_delivered_never_goes_back() -> None:
    gathered = gathering(Columns(), delivered=NOW - 5)
    for sent in (NOW - 9, NOW - 2, NOW - 4):
        gathered.take(packet("gw-1", ("a", 0, 1.0), sent=sent))
    gathered.take(packet("gw-2", ("b", 0, 1.0), sent=NOW - 1))
    assert [one.delivered for one in packets_of(gathered.parts)] == [NOW - 5, NOW - 2, NOW - 2, NOW - 1]
    assert gathered.batch().run.bases.tolist() == [NOW - 5, NOW - 2, NOW - 2, NOW - 1]


def test_what_comes_in_between_has_its_place_and_takes_its_lane_along() -> None:
    gathered = gathering(Columns())
    gathered.take(packet("gw-1", ("a", 0, 1.0), ("b", 0, 1.0), sent=NOW - 9))
    event = MessageIn(replace(LIVE.message, type="device.heartbeat", subject="a", readings=(), agent_time=NOW - 2), NOW)
    gathered.pass_by(event, home=True)
    gathered.pass_by(event, home=False)
    gathered.take(packet("gw-1", ("a", 0, 1.0), sent=NOW - 4))
    assert [part.start for part in gathered.parts] == [0, 2, 2, 2]
    assert [one.delivered for one in packets_of(gathered.parts)] == [NOW - 9, NOW - 2]


def test_a_packet_with_a_stranger_in_it_is_not_taken() -> None:
    gathered = gathering(Columns())
    assert not gathered.take(packet("gw-1", ("a", 0, 1.0), ("stranger", 0, 1.0)))
    assert len(gathered) == 0
    assert gathered.take(packet("gw-1", ("a", 0, 1.0)))


LIVE = packet("gw-1", ("a", 0, 1.0))


@pytest.mark.parametrize(
    "entry",
    [
        Tick(NOW),
        MessageIn(replace(LIVE.message, historic=True), NOW),
        MessageIn(replace(LIVE.message, lane=Lane.URGENT), NOW),
        MessageIn(replace(LIVE.message, readings=()), NOW),
        MessageIn(replace(LIVE.message, type="device.heartbeat"), NOW),
        MessageIn(LIVE.message, NOW + DAY + 1),
        MessageIn(LIVE.message, NOW - 61 * SECOND),
    ],
)
def test_what_is_not_ordinary_goes_by_itself(entry: MessageIn) -> None:
    assert ordinary(LIVE, DAY)
    assert not ordinary(entry, DAY)
