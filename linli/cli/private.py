"""A Linli of one's own: in a temporary folder, on free ports, with a clock of its own. For simulations and benches."""

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from linli.adapters.connect import service_client
from linli.cli.stack import FirstRun, Stack, prepare
from linli.clock import SECOND, Clock, SystemClock
from linli.codec import decode_notice
from linli.errors import BrokerError, LinliError, Refused
from linli.i18n import Text
from linli.settings import Settings
from linli.topics import any_alert
from simulators.oracle import Heard

_HEAD_START_S = 3.0
"""A clock of its own stands still for so long, while the processes start."""

_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class PrivateLinli:
    """What runs: `made` has the accounts' passwords."""

    settings: Settings
    stack: Stack
    made: FirstRun
    clock: Clock


@contextmanager
def private_linli(
    base: Settings,
    parts: Sequence[str],
    *,
    speed: float = 1.0,
    origin: int | None = None,
    before_start: Callable[[Settings], None] = lambda _settings: None,
    own: Mapping[str, object] | None = None,
    within: Path | None = None,
) -> Iterator[PrivateLinli]:
    """Run `parts` until the end of the block, then leave nothing behind.

    `base` gives rules, seed and the like; its databases and broker are not touched. With `origin` (microseconds since 1970
    UTC) the clock begins there and runs at `speed`. `before_start` is called when the data folder is prepared. `own`: settings to have another value than
    `base` and what a private Linli sets. `within`: where the temporary folder is made (none: where the system makes them).
    LinliError if it does not come up.
    """
    before = Path.cwd()
    logging.basicConfig(level=logging.ERROR, format="%(message)s")  # a lost connection at the end is no news
    with tempfile.TemporaryDirectory(prefix="linli-", dir=within) as folder:
        settings = _settings(base, Path(folder) / "data", speed, origin).model_copy(update=dict(own or {}))
        os.chdir(folder)  # the processes are to find neither .env nor linli.toml
        stack: Stack | None = None
        try:
            made = prepare(settings)
            before_start(settings)
            stack = Stack(settings, parts)
            stack.start()
            if not stack.wait_ready(_READY_S):
                raise _not_up(stack)
            yield PrivateLinli(settings, stack, made, settings.clock())
        finally:
            if stack is not None:
                stack.stop()
            os.chdir(before)


def _settings(base: Settings, data: Path, speed: float, origin: int | None) -> Settings:
    page, broker = free_ports(2)
    scaled: dict[str, object] = {}
    if origin is not None:
        real = SystemClock().now() + round(_HEAD_START_S * SECOND)
        scaled = {"clock_speed": speed, "clock_origin": origin, "clock_real_origin": real}
    own = {
        "data": data,
        "host": "127.0.0.1",
        "port": page,
        "broker": "auto",
        "broker_host": None,
        "broker_port": broker,
        "broker_bind": "127.0.0.1",
        "database_url": None,
        "influx_url": None,
        "simulator": True,
        "shard": "0/1",
        "shards": 1,
        "rules": base.rules.resolve() if base.rules is not None else None,
    }
    return base.model_copy(update=own | scaled)


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that nobody listens on now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _not_up(stack: Stack) -> LinliError:
    bad = [status for status in stack.states() if status.state != "ready"]
    said_zh = "；".join(f"{status.name}：{status.reason.zh or status.state}" for status in bad)
    said_en = "; ".join(f"{status.name}: {status.reason.en or status.state}" for status in bad)
    return LinliError(
        Text(
            f"Linli 在 {_READY_S:.0f} 秒内未能启动（{said_zh}）", f"Linli did not start in {_READY_S:.0f} s ({said_en})"
        )
    )


class Ear:
    """Hears every alert notice at a broker, as the service 'tester', and when it came by `clock`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._client = service_client(settings, "tester")
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: list[Heard] = []

    def start(self, timeout_s: float = 10.0) -> None:
        """Begin to listen. BrokerError if there is no connection in time."""
        self._client.subscribe([any_alert()], 1)
        self._client.start(self._take, lambda: None, lambda _reason: None)
        pause, deadline = threading.Event(), monotonic() + timeout_s
        while not self._client.connected:
            if monotonic() > deadline:
                self.stop()
                raise BrokerError(Text("连接不上消息服务器", "there is no connection to the broker"))
            pause.wait(0.02)

    def heard(self) -> list[Heard]:
        """All so far, in the order heard."""
        with self._lock:
            return list(self._heard)

    def stop(self) -> None:
        """Listen no more."""
        self._client.stop()

    def _take(self, _topic: str, payload: bytes, _retained: bool) -> None:
        at = self._clock.now()
        try:
            notice = decode_notice(payload)
        except Refused:
            return
        with self._lock:
            self._heard.append(Heard(notice, at))
