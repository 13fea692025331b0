"""Commands to the devices of a devices' broker: what the mapping file says is published, with the arguments put in.

Nothing is computed: a value `$name` of the payload becomes the argument of that name, everything else goes out as it stands
in the file. 'Done' means that the devices' broker has been handed the message; what the device makes of it, it reports itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from edge.commands.handler import Offer
from edge.mapping import CommandEntry, DeviceEntry, SourceEntry, base_of
from linli.commands.wire import Command
from linli.errors import Refused
from linli.ports import MqttClient


@dataclass(frozen=True, slots=True)
class _Served:
    offer: Offer
    topic: str
    commands: Mapping[str, CommandEntry]


class MappedActuator:
    """An `Actuator` (`edge.commands.handler`) for the devices that a mapping gives commands to, over their broker's connection."""

    def __init__(self, sources: Sequence[SourceEntry], mqtt: MqttClient) -> None:
        self._mqtt = mqtt
        self._served = {
            device.id: _Served(
                Offer(device.kind or "", device.commands), f"{base_of(source)}/{name}/set", device.commands
            )
            for source in sources
            for name, device in source.devices.items()
            if isinstance(device, DeviceEntry) and device.commands
        }

    def offer(self, device: str) -> Offer | None:
        """See `Actuator.offer`."""
        served = self._served.get(device)
        return None if served is None else served.offer

    def execute(self, command: Command) -> str:
        """See `Actuator.execute`; Refused 'device_broker_down' without a connection."""
        served = self._served[command.device]
        entry = served.commands[command.command]
        topic = entry.topic or served.topic
        if not self._mqtt.publish(topic, payload_of(entry, command.arguments), qos=1):
            raise Refused("device_broker_down", "there is no connection to the devices' broker")
        return f"handed to the devices' broker on {topic}"


def payload_of(entry: CommandEntry, arguments: Mapping[str, int]) -> bytes:
    """What is published: bare text as it is, anything else as JSON."""
    filled = _filled(entry.payload, arguments)
    return str(filled).encode() if isinstance(entry.payload, str) else orjson.dumps(filled)


def _filled(value: Any, arguments: Mapping[str, int]) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return arguments[value[1:]]
    if isinstance(value, dict):
        return {key: _filled(item, arguments) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, arguments) for item in value]
    return value
