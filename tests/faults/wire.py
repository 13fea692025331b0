"""What goes over the broker, overheard: how often each message was sent, and how long alarms take. And an echo that sends
everything again."""

import random
import re
import threading
from collections import Counter
from collections.abc import Mapping

from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.clock import SystemClock
from linli.codec import decode_notice
from linli.topics import Leaf, any_alert, any_gateway

_NAMES = re.compile(rb'"bootid":"([^"]+)".*?"sequence":"(\d+)"')
_ECHO_EVERY_S = 0.02


class Overhearing:
    """Counts messages by (topic, bootid, sequence), and notes how old each alert notice is when it comes."""

    def __init__(self, port: int, service: tuple[str, str], tester: tuple[str, str]) -> None:
        self.sent: Counter[tuple[str, bytes, bytes]] = Counter()
        self.delays_s: list[float] = []
        self._clock = SystemClock()
        self._echo: Echo | None = None
        self._lanes = PahoClient(MqttConfig("127.0.0.1", port, *service), "overhearing")
        self._alerts = PahoClient(MqttConfig("127.0.0.1", port, *tester), "overhearing-alerts")

    def start(self) -> None:
        """Connect and listen."""
        self._lanes.start(self._lane, lambda: None, lambda _reason: None)
        self._lanes.subscribe([any_gateway(Leaf.URGENT), any_gateway(Leaf.BULK)], 0)
        self._alerts.start(self._notice, lambda: None, lambda _reason: None)
        self._alerts.subscribe([any_alert()], 0)

    def stop(self) -> None:
        """Disconnect."""
        self._lanes.stop()
        self._alerts.stop()

    @property
    def listening(self) -> bool:
        """Whether both are connected."""
        return self._lanes.connected and self._alerts.connected

    def echo(self, echo: "Echo | None") -> None:
        """From now on, have everything sent again by `echo`."""
        self._echo = echo

    def repeated(self) -> int:
        """How many messages came more than once."""
        return sum(count > 1 for count in self.sent.values())

    def _lane(self, topic: str, payload: bytes, _retained: bool) -> None:
        found = _NAMES.search(payload)
        if found is None:
            return
        key = (topic, found[1], found[2])
        self.sent[key] += 1
        echo = self._echo
        if echo is not None and self.sent[key] == 1:
            echo.take(topic, payload)

    def _notice(self, _topic: str, payload: bytes, _retained: bool) -> None:
        self.delays_s.append((self._clock.now() - decode_notice(payload).updated_at) / 1e6)


class Echo:
    """Sends what it is given `times` more, in an order of its own. `users`: gateway -> (name, password)."""

    def __init__(self, port: int, users: Mapping[str, tuple[str, str]], times: int, seed: int) -> None:
        self._clients = {
            gateway: PahoClient(MqttConfig("127.0.0.1", port, *user), f"echo-{gateway}")
            for gateway, user in users.items()
        }
        self._times = times
        self._random = random.Random(seed)
        self._waiting: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)

    def start(self) -> None:
        """Connect and begin."""
        for client in self._clients.values():
            client.start(lambda *_: None, lambda: None, lambda _reason: None)
        self._thread.start()

    def stop(self) -> None:
        """Send the rest and disconnect."""
        self._stop.set()
        self._thread.join(10)
        for client in self._clients.values():
            client.stop()

    def take(self, topic: str, payload: bytes) -> None:
        """Send this again, some time."""
        with self._lock:
            self._waiting += [(topic, payload)] * self._times

    def _run(self) -> None:
        while not self._stop.wait(_ECHO_EVERY_S):
            self._send(0.5)
        self._send(1.0)

    def _send(self, share: float) -> None:
        with self._lock:
            self._random.shuffle(self._waiting)
            count = int(len(self._waiting) * share)
            now, self._waiting = self._waiting[:count], self._waiting[count:]
        for topic, payload in now:
            self._clients[topic.split("/")[4]].publish(topic, payload)
