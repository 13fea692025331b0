"""Commands to simulated devices: handed from the commands' thread to the simulator's, which alone touches the day."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge.commands.handler import Offer
from linli.commands.kinds import commands_of
from linli.commands.wire import Command
from linli.errors import Refused
from linli.model import Device
from simulators.day import Day

TAKEN_WITHIN_S = 2.0


@dataclass(slots=True)
class _Order:
    command: Command
    done: threading.Event = field(default_factory=threading.Event)
    refusal: Refused | None = None


class SimulatedActuator:
    """An `Actuator` (`edge.commands.handler`) for simulated devices; the simulator's loop calls `carry_out`."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._offers = {
            device.id: Offer(device.kind, commands_of(device.kind)) for device in devices if commands_of(device.kind)
        }
        self._orders: deque[_Order] = deque()
        self._lock = threading.Lock()

    def offer(self, device: str) -> Offer | None:
        """What the device can be told, by its kind."""
        return self._offers.get(device)

    def execute(self, command: Command) -> str:
        """Wait until the simulator has done it. Refused if it has not begun in TAKEN_WITHIN_S."""
        order = _Order(command)
        with self._lock:
            self._orders.append(order)
        if not order.done.wait(TAKEN_WITHIN_S):
            with self._lock:
                if order in self._orders:
                    self._orders.remove(order)
                    raise Refused("device_busy", "the simulator did not take it in time")
            order.done.wait()
        if order.refusal is not None:
            raise order.refusal
        return "simulated"

    def carry_out(self, day: Day, now: int) -> None:
        """Let the devices do what was asked since the last call."""
        while self._orders:
            with self._lock:
                order = self._orders.popleft() if self._orders else None
            if order is None:
                return
            try:
                day.tell(order.command.device, order.command.command, order.command.arguments, now)
            except Refused as refusal:
                order.refusal = refusal
            order.done.set()
