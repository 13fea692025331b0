"""The faults by name: each does its harm to a world that flows, and returns when it is over. `settle` and `check` follow."""

import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from linli.clock import DAY, HOUR
from linli.failpoints import POINTS
from tests.faults.proxies import Link, Mood, TcpProxy
from tests.faults.wire import Echo
from tests.faults.worlds import GROUPS, World
from tests.support import eventually

_BACK_S = 90.0
"""Within so long anything is back on the slowest of machines; commonly it takes a second or two."""

SERVERS = ("ingest", "rules")
YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it: `waiting` messages for a broker to die with, `kills` at random, `down_s` of silence, `cuts` of the
    network, `overload_s` of too much, `some` numbers between two steps, each kill done `repeats` times,
    at a failpoint within its first `hits`."""

    waiting: int
    kills: int
    down_s: float
    cuts: int
    cut_s: float
    overload_s: float
    some: int
    repeats: int
    hits: int


SHORT = Scale(waiting=10_000, kills=10, down_s=2.0, cuts=2, cut_s=0.7, overload_s=16.0, some=60, repeats=1, hits=6)
LONG = Scale(waiting=10_000, kills=100, down_s=60.0, cuts=6, cut_s=5.0, overload_s=300.0, some=600, repeats=5, hits=20)

Act = Callable[[World, Scale, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`brokers` and `stores`: where it can be done. `layout`: what it needs changed in its world, which is then its own."""

    name: str
    act: Act
    brokers: Sequence[str] = ("nats", "mosquitto", "cluster")
    stores: Sequence[str] = ("sqlite", "influx")
    layout: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, broker: str, store: str) -> bool:
        """Whether it can be done in such a world."""
        return broker in self.brokers and store in self.stores


FAULTS: dict[str, Fault] = {}


def fault(name: str, **where: Any) -> Callable[[Act], Act]:
    """Put it into the catalogue."""

    def add(act: Act) -> Act:
        FAULTS[name] = Fault(name, act, **where)
        return act

    return add


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


# --- the broker -----------------------------------------------------------------------------------------------------


def _brokers(world: World) -> list[str]:
    return [node.name for node in world.nodes]


@fault("nothing")
def _nothing(world: World, scale: Scale, _random: random.Random) -> None:
    """No fault at all: what every other run is compared with."""
    world.wait_taken(scale.some * 3)


@fault("broker-restarted")
def _broker_restarted(world: World, scale: Scale, _random: random.Random) -> None:
    """The broker is stopped in order and started again; of a cluster, one node after the other."""
    for name in _brokers(world):
        child = world.children[name]
        old = child.pid
        child.stop_once()
        eventually(lambda child=child, old=old: child.replaced(old), _BACK_S, f"{name} is back")  # type: ignore[misc]
        world.wait_taken(scale.some)


@fault("broker-killed")
def _broker_killed(world: World, scale: Scale, chance: random.Random) -> None:
    """One is killed -9."""
    for _ in range(scale.repeats):
        name = chance.choice(_brokers(world))
        old = world.children[name].pid
        world.children[name].kill()
        eventually(lambda name=name, old=old: world.children[name].replaced(old), _BACK_S, f"{name} is back")  # type: ignore[misc]
        world.wait_taken(scale.some)


def _node(leads: bool) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        node = next(node for node in world.nodes if node.leads() is leads)
        world.children[node.name].hold()
        world.wait_taken(scale.some * 2)
        world.children[node.name].release()
        world.children[node.name].wait_ready(_BACK_S)

    act.__doc__ = f"The node that {'leads' if leads else 'follows'} is killed, and stays away for a while."
    return act


fault("leader-killed", brokers=("cluster",))(_node(True))
fault("follower-killed", brokers=("cluster",))(_node(False))

# --- our processes --------------------------------------------------------------------------------------------------


def _at(point: str) -> Act:
    def act(world: World, scale: Scale, chance: random.Random) -> None:
        part = point.partition(".")[0]
        child = world.children["south" if part == "agent" else part]
        for _ in range(scale.repeats):
            pid = child.arm(f"{point}:{chance.randint(1, scale.hits)}")
            eventually(lambda pid=pid: child.replaced(pid), _BACK_S, f"{child.name} has died at {point}, and is back")  # type: ignore[misc]
            world.wait_taken(scale.some)

    act.__doc__ = f"Killed -9 at the failpoint {point}."
    return act


PARTS = ("agent", *SERVERS)
ELSEWHERE = ("rules.failed", "rules.snapshot")
"""The first needs an input that fails (tests/unit/rules/test_failing.py), the other comes by itself too seldom."""
for _point in sorted(POINTS, reverse=True):  # rules first: the more they have journalled, the longer they start
    if _point.startswith(PARTS) and _point not in ELSEWHERE:
        fault(f"killed-at-{_point}")(_at(_point))


@fault("killed-at-rules.snapshot")
def _at_snapshot(world: World, scale: Scale, _random: random.Random) -> None:
    """Killed -9 when the snapshot that it leaves at its end is durable."""
    rules = world.children["rules"]
    for _ in range(scale.repeats):
        pid = rules.arm("rules.snapshot")
        rules.wait_ready(_BACK_S)
        world.wait_taken(scale.some)
        rules.stop_once()
        eventually(lambda pid=pid: rules.replaced(pid), _BACK_S, "rules has died at its snapshot, and is back")  # type: ignore[misc]
        world.wait_taken(scale.some)


@fault("random-kills")
def _random_kills(world: World, scale: Scale, chance: random.Random) -> None:
    """Any process, kill -9, a moment after the last."""
    names = [*SERVERS, *GROUPS, *_brokers(world)]
    for _ in range(scale.kills):
        world.children[chance.choice(names)].kill()
        _wait(chance.uniform(0.05, 1.0))


def _away(name: str, other: str) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        child = world.children[name]
        child.hold()
        before = world.taken()
        _wait(scale.down_s)
        if name == "rules":  # the other goes on: it has stored what came meanwhile
            eventually(lambda: world.stored().rows.total() > before, _BACK_S, f"{other} goes on without {name}")
        child.release()

    act.__doc__ = f"{name} is away for long, {other} stays."
    return act


fault("ingest-away")(_away("ingest", "rules"))
fault("rules-away")(_away("rules", "ingest"))


@fault("broker-killed-with-messages-waiting")
def _broker_killed_full(world: World, scale: Scale, chance: random.Random) -> None:
    """One is killed -9 while 10,000 messages wait with the agents for consumers that are away."""
    for name in SERVERS:
        world.children[name].hold()
    world.burst(scale.waiting // sum(map(len, GROUPS.values())) + 1)
    eventually(lambda: world.queued() >= scale.waiting, _BACK_S, f"{scale.waiting} messages wait")
    name = chance.choice(_brokers(world))
    old = world.children[name].pid
    world.children[name].kill()
    for server in SERVERS:
        world.children[server].release()
    eventually(lambda: world.children[name].replaced(old), _BACK_S, f"{name} is back")
    world.wait_taken(scale.some)


# --- the store ------------------------------------------------------------------------------------------------------


def _mood(mood: Mood) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        assert world.store_proxy is not None
        world.store_proxy.mood = mood
        world.wait_taken(scale.some)
        _wait(scale.down_s)
        world.store_proxy.mood = Mood.WELL
        world.wait_taken(scale.some)

    act.__doc__ = f"The store is {mood}."
    return act


fault("store-down", stores=("influx",))(_mood(Mood.DOWN))
fault("store-slow", stores=("influx",))(_mood(Mood.SLOW))
fault("store-refusing", stores=("influx",))(_mood(Mood.REFUSING))
fault("store-writes-in-part", stores=("influx",))(_mood(Mood.PARTIAL))


@fault("store-killed", stores=("influx",))
def _store_killed(world: World, scale: Scale, _random: random.Random) -> None:
    """It is killed -9 and started again."""
    for _ in range(scale.repeats):
        child = world.children["influxd"]
        old = child.pid
        child.kill()
        eventually(lambda child=child, old=old: child.replaced(old), _BACK_S, "influxd is back")  # type: ignore[misc]
        world.wait_taken(scale.some)


@contextmanager
def _locked(world: World) -> Iterator[None]:
    connection = sqlite3.connect(world.data / "readings.db", isolation_level=None, timeout=10)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()


@fault("store-locked", stores=("sqlite",))
def _store_locked(world: World, scale: Scale, _random: random.Random) -> None:
    """Another process holds the write lock of the SQLite file, longer than a writer waits for it in the long run."""
    with _locked(world):
        _wait(min(scale.down_s, 20.0))
    world.wait_taken(scale.some)


@fault("store-slow-sqlite", stores=("sqlite",))
def _store_slow(world: World, scale: Scale, chance: random.Random) -> None:
    """The lock is taken again and again."""
    until = monotonic() + scale.down_s
    while monotonic() < until:
        with _locked(world):
            _wait(chance.uniform(0.1, 0.4))
        _wait(0.02)


# --- the network ----------------------------------------------------------------------------------------------------


def _cut(which: Callable[[World], TcpProxy]) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        for number in range(scale.cuts):
            which(world).set(Link.STALLED if number % 2 else Link.CUT)
            _wait(scale.cut_s)
            which(world).set(Link.UP)
            _wait(scale.cut_s)

    act.__doc__ = "Off and on: connections are reset one time, and stand still the next."
    return act


fault("network-cut-agents")(_cut(lambda world: world.edge_proxy))
fault("network-cut-servers")(_cut(lambda world: world.server_proxy))


@fault("duplicates-and-reordering")
def _duplicates(world: World, scale: Scale, chance: random.Random) -> None:
    """Every message comes five times more, in any order."""
    users = {gateway: world.user(f"gateway.{gateway}") for gateways in GROUPS.values() for gateway in gateways}
    echo = Echo(world.quiet_proxy.port, users, 5, chance.randrange(2**32))
    echo.start()
    world.wire.echo(echo)
    try:
        world.wait_taken(scale.some * 4)
    finally:
        world.wire.echo(None)
        echo.stop()


@fault("acknowledgements-lost")
def _acks_lost(world: World, scale: Scale, _random: random.Random) -> None:
    """Half of them, then nineteen of twenty."""
    for loss in (0.5, 0.95):
        world.flow(ack_loss=loss)
        world.wait_taken(scale.some * 3)
    world.flow(ack_loss=0.0)


# --- clocks and outboxes --------------------------------------------------------------------------------------------


def _stepped(step: int) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        for offset in (step, -step, 0):
            world.flow(clock_offset=offset)
            world.wait_taken(scale.some)

    act.__doc__ = "The agents' clock steps forward, back by twice as much, and is right again."
    return act


fault("clock-steps-an-hour")(_stepped(HOUR))
fault("clock-steps-a-year")(_stepped(YEAR))


@fault("outbox-lost")
def _outbox_lost(world: World, scale: Scale, _random: random.Random) -> None:
    """An agent comes back with an empty outbox, after everything was delivered: nobody takes its new events for old."""
    flow = world.control
    world.settle()
    child = world.children["south"]
    child.hold()
    shutil.rmtree(world.outbox("south", "gw-2"))
    child.release()
    world.flow(urgent=flow.urgent, bulk=flow.bulk, packets=flow.packets)
    world.wait_taken(scale.some)


@fault("outbox-restored")
def _outbox_restored(world: World, scale: Scale, _random: random.Random) -> None:
    """An agent comes back with an old image of its outbox, after everything taken since was delivered."""
    flow = world.control
    child = world.children["south"]
    outbox, copy = world.outbox("south", "gw-2"), world.folder / "scratch" / "outbox"
    child.hold()
    shutil.copytree(outbox, copy)
    child.release()
    eventually(lambda: "south" in world.told(), _BACK_S, "the agents are back")
    world.wait_taken(scale.some * 2)
    world.settle()
    child.hold()
    shutil.rmtree(outbox)
    shutil.copytree(copy, outbox)
    shutil.rmtree(copy)
    child.release()
    world.flow(urgent=flow.urgent, bulk=flow.bulk, packets=flow.packets)
    eventually(lambda: "south" in world.told(), _BACK_S, "the agents are back")
    world.wait_taken(scale.some * 2)


# --- too much, and no room ------------------------------------------------------------------------------------------


def _disk_full(disk: str, processes: Sequence[str]) -> Act:
    def act(world: World, scale: Scale, _random: random.Random) -> None:
        pids = [pid for pid in (world.children[name].pid for name in processes) if pid is not None]
        world.disks[disk].fill(pids)
        try:
            _wait(scale.down_s)
        finally:
            world.disks[disk].free()
        world.wait_taken(scale.some)

    act.__doc__ = f"The disk of {disk} is full for a while."
    return act


fault("disk-full-agents", layout={"small_disks": True})(_disk_full("south", ("south",)))
fault("disk-full-servers", layout={"small_disks": True})(_disk_full("servers", SERVERS))

OVERLOAD = 10
_LINE_BYTES_PER_S = 30_000
_PACKET_BYTES = 1_000
_ALARMS_PER_S = 3.0
_ALARM_P99_S = 1.0
_MAY_GROW = 16_000_000


@fault("overload", layout={"outbox_bytes": 2_000_000})
def _overload(world: World, scale: Scale, _random: random.Random) -> None:
    """Ten times what the line can carry: readings are dropped by the agents and counted, alarms are quick, memory is flat."""
    world.flow(urgent=_ALARMS_PER_S, bulk=0.0, packets=0.0)
    world.edge_proxy.throttle(_LINE_BYTES_PER_S)
    world.flow(packets=OVERLOAD * _LINE_BYTES_PER_S / _PACKET_BYTES)
    _wait(scale.overload_s / 4)
    before = {name: child.memory.most for name, child in world.children.items()}
    world.wire.delays_s.clear()
    _wait(scale.overload_s * 3 / 4)
    delays = sorted(world.wire.delays_s)
    grown = {name: child.memory.most - before[name] for name, child in world.children.items()}
    world.flow(packets=0.0)
    world.edge_proxy.throttle(None)
    p99 = delays[int(len(delays) * 0.99)]
    world.remarks.append(f"{len(delays)} alarms, p50 {delays[len(delays) // 2]:.3f} s, p99 {p99:.3f} s")
    world.remarks.append(
        f"most memory grew by {max(grown.values()) / 1e6:.1f} MB ({max(grown, key=grown.__getitem__)})"
    )
    assert p99 < _ALARM_P99_S, f"alarms took {p99:.2f} s"
    assert max(grown.values()) < _MAY_GROW, grown
    assert sum(agent.dropped for told in world.told().values() for agent in told.agents.values()) > 0
