"""The engine's state as JSON, and back: what a snapshot holds. Counters and what can be derived are left out."""

from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.db.tallies import RulesTally
from linli.model import Condition, Lane, LaneKey, TallyKey
from rules.engine.book import Record
from rules.engine.inputs import LaneName, alert_from, evidence_from
from rules.engine.lanes import LaneClock, Listening
from rules.engine.machine import Engine
from rules.engine.scope import Scope
from rules.engine.watches import Watch
from rules.language.model import Rule

VERSION = 2
"""2 has tallies, and may tell which gateways are offline. 1, without, is read too."""

_READ_TOO = (1,)


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
    rules: tuple[Rule, ...]
    registry: RegistrySnapshot
    listening: Listening
    lanes: list[_Lane]
    positions: list[_Position]
    watches: list[_Watch]
    open: list[_Record]
    closed: list[str]
    tallies: list[_Tally] = []
    offline: list[str] = []


_WATCH_FIELDS = _Watch.__struct_fields__[3:]


def dump(engine: Engine) -> bytes:
    """Everything that a later result depends on, as JSON. The same state always gives the same bytes."""
    state = _State(
        version=VERSION,
        rules=tuple(engine.scope.rules.values()),
        registry=engine.scope.registry,
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
    return msgspec.json.encode(state)


def restore(state: bytes) -> Engine:
    """The engine as it was when `dump` gave these bytes. BadState if they are not such bytes."""
    try:
        read = msgspec.json.decode(state, type=_State)
        if read.version != VERSION and read.version not in _READ_TOO:
            raise BadState(f"state of version {read.version}, this is {VERSION}")
        return _engine(read)
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise BadState(str(error)) from error


def _engine(read: _State) -> Engine:
    engine = Engine()
    engine.scope = Scope(read.rules, read.registry)
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
