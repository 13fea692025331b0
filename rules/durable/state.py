"""The engine's state as bytes, and back: what a snapshot holds. Counters and what can be derived are left out.

An `Image` is taken in one go between two inputs; what is large in it and does not change (registry, rules) is in it as it is.
"""

from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.db.tallies import RulesTally
from linli.model import Condition, Lane, LaneKey, TallyKey
from rules.durable import former_state
from rules.durable.snapshots import Image
from rules.engine.book import Record
from rules.engine.inputs import LaneName, RulesIn, alert_from, evidence_from
from rules.engine.lanes import LaneClock, Listening
from rules.engine.machine import Engine
from rules.engine.scope import Scope
from rules.engine.watches import Watch
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
    device: str
    rule: str
    clause: int
    gateway: str
    lane: Lane
    state: Condition
    began: int
    since: int
    deadline: int | None
    ending: bool
    start: str
    evidence: list[dict[str, Any]]
    window: list[int]
    excused: int | None


class _Record(msgspec.Struct, array_like=True):
    alert: dict[str, Any]
    firing: list[tuple[str, int]]
    reports: dict[str, int]
    start: str
    life_safety: bool


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


class _Whole(msgspec.Struct, array_like=True):
    core: bytes
    columns: tuple[bytes, ...]
    registry: RegistrySnapshot
    rules: tuple[Rule, ...]
    overrides: tuple[Override, ...]


_WATCH_FIELDS = _Watch.__struct_fields__[3:]


def image(engine: Engine) -> Image:
    """Everything that a later result depends on. The same state always gives the same bytes."""
    state = _State(
        version=VERSION,
        listening=engine.listening,
        lanes=[_Lane(*name, clock) for name, clock in sorted(engine.lanes.items())],
        positions=[_Position(LaneName.of(key), upto) for key, upto in sorted(engine.positions.items(), key=_by_lane)],
        watches=[
            _watch_record(device, rule, clause, watch)
            for device, watches in sorted(engine.watches.items())
            for (rule, clause), watch in sorted(watches.items())
        ],
        open=[_record(record) for _, record in sorted(engine.book.open.items())],
        closed=list(engine.book.closed),
        tallies=[_Tally(*key, *tally) for key, tally in sorted(engine.tallies.counts.items())],
        offline=sorted(engine.offline),
    )
    rules = RulesIn(tuple(engine.scope.rules.values()))
    return Image(msgspec.msgpack.encode(state), (), engine.scope.registry, rules)


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
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BadState(str(error)) from error


def _engine(read: _State, state: Image) -> Engine:
    engine = Engine()
    engine.scope = Scope(state.rules.rules, state.registry)
    engine.listening = read.listening
    engine.lanes = {(item.gateway, item.lane): item.clock for item in read.lanes}
    engine.offline = set(read.offline)
    engine.positions = {item.key.key: item.upto for item in read.positions}
    for item in read.watches:
        values = {name: getattr(item, name) for name in _WATCH_FIELDS}
        values["evidence"] = [evidence_from(document) for document in item.evidence]
        engine.watches.setdefault(item.device, {})[item.rule, item.clause] = Watch(**values)
    for record in read.open:
        alert = alert_from(record.alert)
        engine.book.put(Record(alert, set(record.firing), record.reports, record.start, record.life_safety))
    engine.book.closed = dict.fromkeys(read.closed)
    engine.tallies.counts = {
        TallyKey(item.community, item.gateway, item.bootid, item.day): RulesTally(item.evaluated, item.refused)
        for item in read.tallies
    }
    engine.tallies.touch()
    engine.follow_all()
    return engine


def _watch_record(device: str, rule: str, clause: int, watch: Watch) -> _Watch:
    values = {name: getattr(watch, name) for name in _WATCH_FIELDS}
    values["evidence"] = [msgspec.to_builtins(evidence) for evidence in watch.evidence]
    return _Watch(device, rule, clause, **values)


def _record(record: Record) -> _Record:
    alert = msgspec.to_builtins(record.alert)
    return _Record(alert, sorted(record.firing), record.reports, record.start, record.life_safety)


def _by_lane(item: tuple[LaneKey, int]) -> tuple[str, ...]:
    key = item[0]
    return key.community, key.gateway, key.bootid, key.lane
