"""From n shards to m: states parted by community, and brought together. No I/O: `rules.resharding` does that around it.

What an engine remembers belongs to one community each: positions, lanes, watches, open alerts. So the parts of all old
shards, sorted by community, make the new ones, and the transitions that follow are those of an engine that was never parted.
Ids of closed alerts are known by no community: each new shard gets all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from linli.db.registry import RegistrySnapshot
from linli.shards import Shard
from rules.engine.book import REMEMBER_CLOSED
from rules.engine.gates import Arming
from rules.engine.lanes import Listening
from rules.engine.machine import Engine
from rules.engine.memories import Memories
from rules.engine.perdevice import Memory, OfDevice
from rules.engine.scope import Scope

T = TypeVar("T", bound=OfDevice)


def reshard(engines: Sequence[Engine], shards: Sequence[Shard]) -> list[Engine]:
    """One engine for each of `shards`, which together are what `engines` are. These must have the same rules.

    ValueError if they have not. The engines given must not be used any more.
    """
    rules = [(tuple(engine.scope.rules.values()), engine.scope.overrides) for engine in engines]
    if any(other != rules[0] for other in rules):
        raise ValueError("the shards have different rules")
    return [_part(engines, shard) for shard in shards]


def _part(engines: Sequence[Engine], shard: Shard) -> Engine:
    made = Engine()
    registry = _together([engine.scope.registry for engine in engines]).within(shard)
    made.memories.scope = Scope(tuple(engines[0].scope.rules.values()), registry, engines[0].scope.overrides)
    made.listening = Listening(
        max(engine.listening.since for engine in engines), max(engine.listening.last for engine in engines)
    )
    for engine in engines:
        _take(made, engine, shard)
        _take_memories(made.memories, engine.memories)
    made.memories.arming = Arming(list(max((engine.memories.arming.changes for engine in engines), key=_last)))
    for name in _in_turn([list(engine.book.closed) for engine in engines])[-REMEMBER_CLOSED:]:
        made.book.closed[name] = None
    made.tallies.touch()
    made.memories.follow_all()
    return made


def _take(made: Engine, engine: Engine, shard: Shard) -> None:
    """What of `engine` is the shard's goes over into `made`."""
    home = {key.gateway: key.community for key in engine.positions}
    home |= {gateway.id: gateway.community for gateway in engine.scope.registry.gateways.values()}
    made.positions |= {key: upto for key, upto in engine.positions.items() if shard.covers(key.community)}
    made.lanes |= {name: clock for name, clock in engine.lanes.items() if shard.covers(home.get(name[0], ""))}
    made.offline |= {name for name in engine.offline if shard.covers(home.get(name, ""))}
    made.settling.buffers |= {
        name: seen for name, seen in engine.settling.buffers.items() if shard.covers(home.get(name[0], ""))
    }
    made.tallies.counts |= {key: tally for key, tally in engine.tallies.counts.items() if shard.covers(key.community)}
    for record in engine.book.open.values():
        if shard.covers(record.alert.community):
            made.book.put(record)


def _take_memories(made: Memories, theirs: Memories) -> None:
    """What is remembered of devices that are in the shard. A memory is of one community's devices, as a shard is."""

    def stayed(device: str) -> bool:
        return _stayed(device, theirs.scope, made.scope)

    for memory, watches in theirs.watches.items():
        for ref, watch in watches.items():
            if stayed(watch.device):
                made.watches.setdefault(memory, {})[ref] = watch
    made.screening.columns.take(theirs.screening.columns, lambda _gateway, series: stayed(series.partition("/")[0]))
    made.numbers.restore([*made.numbers.dump(), *_of_devices(theirs.numbers.dump(), stayed)])
    made.usuals.restore([*made.usuals.dump(), *_of_devices(theirs.usuals.dump(), stayed)])


def _of_devices(
    kept: Sequence[tuple[Memory, list[T]]], stayed: Callable[[str], bool]
) -> Iterator[tuple[Memory, list[T]]]:
    for memory, items in kept:
        ours = [item for item in items if stayed(item.device)]
        if ours:
            yield memory, ours


def _last(changes: Iterable[tuple[int, dict[str, str]]]) -> int:
    """When the modes were set last: all shards are told the same, one a moment before the other."""
    return max((since for since, _ in changes), default=0)


def _stayed(device: str, before: Scope, now: Scope) -> bool:
    """Whether the device is still behind its gateway; one shard may not have heard of a move that another has."""
    here, there = now.registry.devices.get(device), before.registry.devices.get(device)
    return here is not None and there is not None and here.gateway == there.gateway


def _together(registries: Iterable[RegistrySnapshot]) -> RegistrySnapshot:
    """All of them as one; the newest has the last word."""
    whole = RegistrySnapshot()
    for registry in sorted(registries, key=lambda registry: registry.version):
        whole = RegistrySnapshot(
            registry.version,
            whole.communities | registry.communities,
            whole.places | registry.places,
            whole.gateways | registry.gateways,
            whole.facilities | registry.facilities,
            whole.devices | registry.devices,
            whole.holidays | registry.holidays,
        )
    return whole


def _in_turn(lists: Sequence[list[str]]) -> list[str]:
    """The items of all, so that the newest of each come last."""
    longest = max(map(len, lists), default=0)
    padded = [[None] * (longest - len(items)) + items for items in lists]
    turns = (item for turn in zip(*padded, strict=True) for item in turn if item is not None)
    return list(dict.fromkeys(turns))
