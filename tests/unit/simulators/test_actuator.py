"""Commands to simulated devices: what they do, and that the day goes on as it would have."""

import threading
from collections.abc import Callable

import pytest

from linli.clock import MINUTE, SECOND
from linli.commands.wire import Command
from linli.errors import Refused
from simulators.actuator import SimulatedActuator
from simulators.compound import demo_devices
from simulators.day import Day
from simulators.devices import Observation, Occurrence
from tests.unit.simulators.test_player import START, ZONE

DOOR, SIREN = "c001-door-08", "c001-siren-01"


def new_day() -> Day:
    return Day(demo_devices(), 1, ZONE, START)


def of(device: str, seen: list[Observation]) -> list[tuple[str, int]]:
    """The device's events, and the second at which each was."""
    return [
        (one.type, (one.time - START) // SECOND) for one in seen if isinstance(one, Occurrence) and one.device == device
    ]


def values(device: str, quantity: str, seen: list[Observation]) -> set[float]:
    return {
        one.value
        for one in seen
        if not isinstance(one, Occurrence) and (one.device, one.quantity) == (device, quantity)
    }


def command(device: str, name: str, **arguments: int) -> Command:
    return Command("c1", device, name, START, START + SECOND, arguments)


def test_a_door_is_unlocked_and_somebody_goes_in() -> None:
    """It says so at once, is opened and shut, and locks itself."""
    day = new_day()
    day.tell(DOOR, "unlock", {"seconds": 5}, START + SECOND)
    assert of(DOOR, day.advance(START + 20 * SECOND)) == [
        ("access.lock.unlocked", 1),
        ("access.door.opened", 3),
        ("access.lock.locked", 6),
        ("access.door.closed", 9),
    ]


def test_two_seconds_are_too_short_to_go_in() -> None:
    """Unlocked and locked, and nobody was there."""
    day = new_day()
    day.tell(DOOR, "unlock", {"seconds": 2}, START)
    assert of(DOOR, day.advance(START + 20 * SECOND)) == [("access.lock.unlocked", 0), ("access.lock.locked", 2)]


def test_a_door_can_be_locked_again_before_its_time() -> None:
    """The later command settles it: it does not lock a second time."""
    day = new_day()
    day.tell(DOOR, "unlock", {"seconds": 60}, START)
    day.advance(START + SECOND)
    day.tell(DOOR, "lock", {}, START + 4 * SECOND)
    assert [kind for kind, _ in of(DOOR, day.advance(START + 90 * SECOND))] == [
        "access.door.opened",
        "access.lock.locked",
        "access.door.closed",
    ]


def test_a_siren_sounds_until_its_time_is_up_or_it_is_silenced() -> None:
    """Its reading says so too; switched on again, it sounds for the new time."""
    day = new_day()
    day.tell(SIREN, "on", {"seconds": 100}, START)
    day.advance(START + SECOND)
    day.tell(SIREN, "on", {"seconds": 150}, START + 90 * SECOND)
    seen = day.advance(START + 5 * MINUTE)
    assert of(SIREN, seen) == [("facility.siren.started", 90), ("facility.siren.stopped", 240)]
    assert values(SIREN, "on", seen) == {0.0, 1.0}
    day.tell(SIREN, "on", {"seconds": 600}, START + 5 * MINUTE)
    day.tell(SIREN, "off", {}, START + 6 * MINUTE)
    assert of(SIREN, day.advance(START + 20 * MINUTE)) == [
        ("facility.siren.started", 300),
        ("facility.siren.stopped", 360),
    ]


def test_the_rest_of_the_day_is_as_it_would_have_been() -> None:
    """Nothing random is drawn for a command: all other devices say the same."""
    told, left = new_day(), new_day()
    told.tell(DOOR, "unlock", {"seconds": 5}, START)
    told.tell(SIREN, "on", {"seconds": 5}, START)
    end = START + 30 * MINUTE

    def others(seen: list[Observation]) -> list[Observation]:
        return [one for one in seen if one.device not in (DOOR, SIREN)]

    assert others(told.advance(end)) == others(left.advance(end))


def test_devices_that_take_no_commands_refuse() -> None:
    """The offer has none of them; told all the same, they refuse by name."""
    actuator = SimulatedActuator(demo_devices())
    assert actuator.offer("c001-b1-lift-1") is None
    door = actuator.offer(DOOR)
    assert door is not None
    assert sorted(door.commands) == ["lock", "unlock"]
    with pytest.raises(Refused, match="unknown_command"):
        new_day().tell("c001-b1-lift-1", "up", {}, START)


def looping(actuator: SimulatedActuator, day: Day) -> Callable[[], None]:
    """The simulator's loop; calling what is returned ends it."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.01):
            actuator.carry_out(day, START)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end


def test_an_order_is_done_when_the_simulator_has_taken_it() -> None:
    """From another thread; a refusal comes back to who asked."""
    actuator, day = SimulatedActuator(demo_devices()), new_day()
    end = looping(actuator, day)
    assert actuator.execute(command(DOOR, "unlock", seconds=5)) == "simulated"
    with pytest.raises(Refused, match="unknown_command"):
        actuator.execute(command("c001-b1-lift-1", "up"))
    end()
    assert of(DOOR, day.advance(START))[0] == ("access.lock.unlocked", 0)


def test_an_order_that_nobody_takes_is_refused_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator that hangs does not open the door later."""
    monkeypatch.setattr("simulators.actuator.TAKEN_WITHIN_S", 0.01)
    actuator, day = SimulatedActuator(demo_devices()), new_day()
    with pytest.raises(Refused, match="device_busy"):
        actuator.execute(command(DOOR, "unlock", seconds=5))
    actuator.carry_out(day, START)
    assert of(DOOR, day.advance(START + 10 * SECOND)) == []
