"""A small past for backtests: what a store in memory has of two sensors and a door."""

from linli.clock import MINUTE, SECOND
from linli.model import HEARTBEAT_TYPE, READINGS_TYPE, Lane, Message, Readings, Received
from linli.testing import MemoryStore
from rules.language.model import Override, Rule
from rules.trial.past import Past, Span
from rules.trial.reach import needs, variants
from tests.unit.rules.world import T0, registry

HOUR_0 = T0 - T0 % MINUTE
"""When the past begins."""


class Store(MemoryStore):
    """Fed in seconds from HOUR_0."""

    def __init__(self) -> None:
        super().__init__()
        self._sequence = 0

    def put(
        self,
        at: float,
        kind: str,
        subject: str,
        *,
        lane: Lane = Lane.URGENT,
        readings: Readings | tuple[()] = (),
        historic: bool = False,
    ) -> None:
        """One message, stored."""
        self._sequence += 1
        time = HOUR_0 + round(at * SECOND)
        message = Message(
            "c1",
            "gw",
            "boot",
            lane,
            self._sequence,
            1,
            kind,
            subject,
            time,
            time,
            readings=readings,
            historic=historic,
        )
        self.write([Received(message, time)], {})

    def temperature(self, at: float, value: float, device: str = "cable") -> None:
        """A reading."""
        time = HOUR_0 + round(at * SECOND)
        readings = Readings([f"{device}/temperature"], [time], [value], ["Cel"])
        self.put(at, READINGS_TYPE, "gw", lane=Lane.BULK, readings=readings)

    def beats(self, start: float, end: float) -> None:
        """The gateway's heartbeats on both lanes, every 10 s."""
        for number in range(int((end - start) // 10)):
            for lane in Lane:
                self.put(start + number * 10, HEARTBEAT_TYPE, "gw", lane=lane)


def past_of(store: Store, *rules: Rule, minutes: int = 60, overrides: tuple[Override, ...] = ()) -> Past:
    """The first `minutes` of the store, for the devices that the rules watch in the registry of the tests."""
    known = registry()
    reached = [item for rule in rules for item in variants(rule, overrides, known)]
    return Past(
        store,
        Span(HOUR_0, HOUR_0 + minutes * MINUTE, ("c1",)),
        needs(rule for _, rule, _ in reached),
        [(0, known)],
        [(0, {})],
        {device.id: device for device, _, _ in reached},
    )
