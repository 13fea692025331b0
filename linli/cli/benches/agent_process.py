"""A real agent under load, as a process of its own: takes single events from many threads, then sends them all.

Nothing but the agent and what `python -m edge` needs is imported: its memory is measured. The connection is held back
until the bench says so: what is taken before waits in the outbox, as after an outage.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from edge.agent import Agent, last_will
from edge.config import AgentConfig
from edge.memory import bound_arenas
from linli.adapters.mqtt import MqttConfig, PahoClient
from linli.cli.benches.job import peak_memory, read_job, tell, wait_for_word
from linli.clock import SystemClock

_LOOK_S = 0.005
_GIVE_UP_S = 60.0


class HeldBack(PahoClient):
    """A connection that is not begun before `let_go`."""

    def start(
        self,
        on_message: Callable[[str, bytes, bool], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        """Remember what to start with."""
        self._held = (on_message, on_connect, on_disconnect)

    def let_go(self) -> None:
        """Begin to connect."""
        super().start(*self._held)


def take(agent: Agent, events: int, threads: int) -> float:
    """Hand over `events` from `threads` at once, each returning when its event is on the disk; the seconds it took."""
    begin = threading.Barrier(threads + 1)

    def hand_over(share: int, door: str) -> None:
        begin.wait()
        for number in range(share):
            agent.take_event(door, "access.granted", {"card": f"{number:08}", "method": "card"})

    shares = [events // threads + (number < events % threads) for number in range(threads)]
    workers = [
        threading.Thread(target=hand_over, args=(share, f"bench-door-{number:03}"))
        for number, share in enumerate(shares)
    ]
    for worker in workers:
        worker.start()
    begin.wait()
    began = monotonic()
    for worker in workers:
        worker.join()
    return monotonic() - began


def drain(agent: Agent, client: HeldBack) -> tuple[float, int]:
    """Connect and wait until every consumer has everything: seconds since the connection stood, and what is left."""
    client.let_go()
    while not client.connected:
        sleep(_LOOK_S)
    began = monotonic()
    while monotonic() - began < _GIVE_UP_S:
        now = agent.stats()
        if now.queue_urgent + now.queue_bulk == 0:
            return monotonic() - began, 0
        sleep(_LOOK_S)
    return monotonic() - began, now.queue_urgent + now.queue_bulk


def main() -> int:
    """Run one job."""
    bound_arenas()  # as the installed agent does
    job = read_job()
    config = AgentConfig(job["community"], job["gateway"], Path(job["folder"]))
    clock = SystemClock()
    where = MqttConfig(job["host"], job["port"], job["user"], job["password"])
    client = HeldBack(where, f"gateway-{config.gateway}", last_will(config, clock))
    agent = Agent(config, client, clock)
    agent.start()
    tell({"ready": 0})
    wait_for_word()
    seconds = take(agent, job["events"], job["threads"])
    tell({"taken": job["events"], "seconds": seconds})
    wait_for_word()
    queued = agent.stats()
    seconds, left = drain(agent, client)
    tell(
        {"drained": queued.queue_urgent + queued.queue_bulk, "seconds": seconds, "left": left, "rss_mb": peak_memory()}
    )
    agent.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
