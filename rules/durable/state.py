"""The engine's state as bytes, and back: what a snapshot holds. Counters and what can be derived are left out.

An `Image` is taken in one go between two inputs; what is large in it and does not change (registry, rules) is in it as it is.
"""

from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.db.tallies import RulesTally
from linli.model import Lane, LaneKey, TallyKey
from rules.durable import former_state
from rules.durable.snapshots import Image
from rules.durable.watch_state import SeenState, WatchState
from rules.engine.book import Record
from rules.engine.columns import Columns, Dumped
from rules.engine.gates import Arming
from rules.engine.inputs import LaneName, RulesIn, alert_from
from rules.engine.lanes import LaneClock, Listening
from rules.engine.machine import Engine
from rules.engine.numbers import Kept as NumbersKept
from rules.engine.scope import Scope
from rules.engine.usual import Kept as UsualsKept
from rules.language.model import Override, Rule

VERSION = 3
"""1 and 2 were JSON with registry and rules in it: see `rules.durable.former_state`."""


class BadState(ValueError):
    """The bytes are not a state of this version."""


class _Lane(msgspec.Struct, array_like=True):
    gateway: str
    lane: Lane
    clock: LaneClock


class _Position(msgspec.Struct, array_like=True):
    key: LaneName
    upto: int


class _Tally(msgspec.Struct, array_like=True):
    community: str
    gateway: str
    bootid: str
    day: int
    evaluated: int
    refused: int


class _Watch(msgspec.Struct, array_like=True):
    memory: str
    rule: str
    clause: int
    watch: WatchState


class _Settling(msgspec.Struct, array_like=True):
    gateway: str
    lane: Lane
    settle: int
    seen: list[SeenState]


class _Record(msgspec.Struct, array_like=True):
    alert: dict[str, Any]
    firing: list[tuple[str, int, str]]
    reports: dict[str, int]
    start: str
    life_safety: bool
    remind: tuple[int, ...]
    remind_every: int
    reminded: int


class _State(msgspec.Struct):
    version: int
    listening: Listening
    lanes: list[_Lane]
    positions: list[_Position]
    watches: list[_Watch]
    open: list[_Record]
    closed: list[str]
    tallies: list[_Tally]
    offline: list[str]
    settling: list[_Settling]
    arming: Arming
    numbers: NumbersKept
    usuals: UsualsKept


class _Whole(msgspec.Struct, array_like=True):
    core: bytes
    columns: tuple[bytes, ...]
    registry: RegistrySnapshot
    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...]


_RECORD_FIELDS = ("reports", "start", "life_safety", "remind", "remind_every", "reminded")


def image(engine: Engine) -> Image:
    """Everything that a later result depends on. The same state always gives the same bytes."""
    state = _State(
        version=VERSION,
        listening=engine.listening,
        lanes=[_Lane(*name, clock) for name, clock in sorted(engine.lanes.items())],
        positions=[_Position(LaneName.of(key), upto) for key, upto in sorted(engine.positions.items(), key=_by_lane)],
        watches=[
            _Watch(memory, rule, clause, WatchState.of(watch))
            for memory, watches in sorted(engine.watches.items())
            for (rule, clause), watch in sorted(watches.items())
        ],
        open=[_record(record) for _, record in sorted(engine.book.open.items())],
        closed=list(engine.book.closed),
        tallies=[_Tally(*key, *tally) for key, tally in sorted(engine.tallies.counts.items())],
        offline=sorted(engine.offline),
        settling=[
            _Settling(*name, [SeenState.of(seen) for seen in buffer])
            for name, buffer in sorted(engine.settling.buffers.items())
        ],
        arming=engine.memories.arming,
        numbers=engine.memories.numbers.dump(),
        usuals=engine.memories.usuals.dump(),
    )
    dumped = engine.memories.screening.columns.dump()
    columns = (msgspec.msgpack.encode((dumped.series, dumped.units)), dumped.rows)
    return Image(msgspec.msgpack.encode(state), columns, engine.scope.registry, rules_of(engine))


def rules_of(engine: Engine) -> RulesIn:
    """The rules in force, as the input that they came by."""
    return RulesIn(tuple(engine.scope.rules.values()), engine.scope.overrides)


def dump(engine: Engine) -> bytes:
    """The same in one piece, registry and rules included."""
    taken = image(engine)
    rules = taken.rules
    return msgspec.msgpack.encode(_Whole(taken.core, taken.columns, taken.registry, rules.rules, rules.overrides))


def restore(state: bytes | Image) -> Engine:
    """The engine as it was when `image` or `dump` gave this. BadState if they have not."""
    try:
        if isinstance(state, bytes):
            whole = msgspec.msgpack.decode(state, type=_Whole)
            state = Image(whole.core, whole.columns, whole.registry, RulesIn(whole.rules, whole.overrides))
        if former_state.is_one(state.core):
            return former_state.restore(state.core)
        read = msgspec.msgpack.decode(state.core, type=_State)
        if read.version != VERSION:
            raise BadState(f"state of version {read.version}, this is {VERSION}")
        return _engine(read, state)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise BadState(str(error)) from error


def _engine(read: _State, state: Image) -> Engine:
    engine = Engine()
    memories = engine.memories
    memories.screening.scope = Scope(state.rules.rules, state.registry, state.rules.overrides)
    engine.listening = read.listening
    engine.lanes = {(item.gateway, item.lane): item.clock for item in read.lanes}
    engine.offline = set(read.offline)
    engine.positions = {item.key.key: item.upto for item in read.positions}
    for item in read.watches:
        memories.watches.setdefault(item.memory, {})[item.rule, item.clause] = item.watch.watch
    for held in read.settling:
        engine.settling.buffers[held.gateway, held.lane, held.settle] = [state.seen for state in held.seen]
    memories.arming = read.arming
    memories.numbers.restore(read.numbers)
    memories.usuals.restore(read.usuals)
    for record in read.open:
        alert = alert_from(record.alert)
        firing = {(memory, clause): device for memory, clause, device in record.firing}
        values = {name: getattr(record, name) for name in _RECORD_FIELDS}
        engine.book.put(Record(alert, firing, **values))
    engine.book.closed = dict.fromkeys(read.closed)
    engine.tallies.counts = {
        TallyKey(item.community, item.gateway, item.bootid, item.day): RulesTally(item.evaluated, item.refused)
        for item in read.tallies
    }
    engine.tallies.touch()
    memories.follow_all()
    names, rows = state.columns
    series, units = msgspec.msgpack.decode(names, type=tuple[dict[str, list[str]], list[str | None]])
    memories.screening.columns = Columns.restore(Dumped(series, rows, units))
    return engine


def _record(record: Record) -> _Record:
    alert = msgspec.to_builtins(record.alert)
    firing = sorted((*member, device) for member, device in record.firing.items())
    return _Record(alert, firing, **{name: getattr(record, name) for name in _RECORD_FIELDS})


def _by_lane(item: tuple[LaneKey, int]) -> tuple[str, ...]:
    key = item[0]
    return key.community, key.gateway, key.bootid, key.lane
