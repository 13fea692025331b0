"""Who reports and is not registered: gathered from what is refused, within bounds, and written beside the lanes."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import OperationalError

from ingest.chores import Chores
from ingest.replay import Replayer
from ingest.strangers import MOST, OF_A_GATEWAY, OF_A_PACKET, Strangers
from linli.clock import DAY
from linli.registry.strangers import MOST_SAMPLES, Sample, Stranger
from linli.testing import ManualClock, MemoryStore
from tests.unit.ingest.test_chores import Beats, NoLetters
from tests.unit.ingest.world import LIMITS, NOW, arrival, event, packet, pipeline, reading, registry

PROBE = Stranger("c001", "gw-1", "probe", NOW, NOW, 1, ("temperature",))


def test_the_subject_of_an_event_is_listed_with_what_it_sent() -> None:
    """Plain values only."""
    message = event(subject="door-x", data={"credential": "card-7", "more": [1]})
    (found,) = pipeline().decide([arrival(message, NOW + 5)]).strangers
    sample = Sample(NOW, "access.granted", data={"credential": "card-7"})
    assert found == Stranger("c001", "gw-1", "door-x", NOW + 5, NOW + 5, 1, (), ("access.granted",), (sample,))


def test_the_devices_of_a_packet_are_listed_each_once() -> None:
    """With the last few of its readings; those that are registered are not, whatever was wrong with them."""
    strange = [reading("t-x", NOW + number, float(number)) for number in range(9)]
    late = reading("t-1", NOW - 4_000 * DAY)
    batch = pipeline().decide([arrival(packet(1, late, reading(), *strange, reading("t-y")))])
    first, second = batch.strangers
    assert (first.device, first.times, second.device) == ("t-x", 9, "t-y")
    assert [sample.value for sample in first.samples] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert len(first.samples) == MOST_SAMPLES
    assert (first.quantities, first.samples[0].unit) == (("temperature",), "Cel")
    assert batch.counts.readings == 1


def test_of_a_packet_full_of_names_some_are_listed() -> None:
    """The others wait for another packet: refusing it must stay cheap."""
    message = packet(1, *(reading(f"fuzz-{number}") for number in range(OF_A_PACKET + 50)))
    found = pipeline().decide([arrival(message)]).strangers
    assert [one.device for one in found] == [f"fuzz-{number}" for number in range(OF_A_PACKET)]


def test_who_is_known_is_no_stranger() -> None:
    """A device of another gateway, a time that cannot be, a gateway that nobody knows or that is elsewhere."""
    decisions = pipeline()
    batch = decisions.decide(
        [
            arrival(event(1, subject="door-2")),
            arrival(event(2, time=NOW - 4_000 * DAY)),
            arrival(event(3, subject="gw-1")),
            arrival(event(1, gateway="gw-x", subject="door-x")),
            arrival(event(1, gateway="gw-9", subject="door-x")),
        ]
    )
    assert batch.strangers == []


def test_what_is_gathered_is_bounded() -> None:
    """For each gateway and in all; what finds no room is counted, and one that has room is still heard."""
    heard = Strangers()
    assert not heard
    many = OF_A_GATEWAY + 50
    for gateway in range(MOST // OF_A_GATEWAY + 1):
        heard.add(Stranger("c", f"g{gateway}", f"d{number}", 1, 1, 2) for number in range(many))
    heard.add([Stranger("c", "g0", "d0", 5, 5, 1)])
    assert len(heard.heard()) == MOST
    assert heard.heard()[0].times == 3
    assert heard.left_out == Counter(
        {("c", f"g{gateway}"): 100 for gateway in range(MOST // OF_A_GATEWAY)}
        | {("c", f"g{MOST // OF_A_GATEWAY}"): 2 * many}
    )
    heard.clear()
    assert not heard
    heard.add([PROBE])
    assert heard.heard() == [PROBE]


class Listed:
    """Where strangers are kept, and a switch that makes it fail."""

    def __init__(self) -> None:
        self.failing = False
        self.puts: list[tuple[list[Stranger], dict[tuple[str, str], int]]] = []

    def put(self, strangers: Sequence[Stranger], left_out: Mapping[tuple[str, str], int], now: int) -> None:
        """Keep them, or fail as a database does."""
        if self.failing:
            raise OperationalError("x", None, Exception("locked"))
        assert now == NOW
        self.puts.append((list(strangers), dict(left_out)))


def test_they_are_written_once_a_second_and_again_when_the_database_is_back() -> None:
    """Nothing is lost to a database that fails, and nothing is written without need."""
    listed, clock = Listed(), ManualClock(NOW)
    replayer = Replayer(NoLetters(), MemoryStore(), registry(), LIMITS, clock, 90)
    chores = Chores(Beats(), replayer, clock, listed)
    chores.step()
    assert listed.puts == []
    listed.failing = True
    chores.strange([PROBE])
    chores.step()
    listed.failing = False
    chores.strange([PROBE])
    chores.step()
    chores.step()
    assert listed.puts == [([PROBE.with_more(PROBE)], {})]
