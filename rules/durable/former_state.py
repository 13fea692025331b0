"""The states of versions 1 and 2, as the first releases wrote them: JSON with registry and rules in it. Only read.

2 had tallies, and could tell which gateways are offline; 1 was without.
"""

from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.db.tallies import RulesTally
from linli.model import Condition, Lane, TallyKey
from rules.engine.book import Record
from rules.engine.compiled import Compiled, Kind
from rules.engine.history import History
from rules.engine.inputs import LaneName, alert_from, evidence_from
from rules.engine.lanes import LaneClock, Listening
from rules.engine.machine import Engine
from rules.engine.scope import Scope
from rules.engine.timers import Timer, Wait
from rules.engine.watches import Watch
from rules.language.model import Rule

VERSIONS = (1, 2)


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


def is_one(core: bytes) -> bool:
    """Whether the bytes are a state of these versions."""
    return core[:1] == b"{"


def restore(core: bytes) -> Engine:
    """The engine as it was. MsgspecError, KeyError or TypeError if the bytes are not such a state."""
    read = msgspec.json.decode(core, type=_State)
    if read.version not in VERSIONS:
        raise msgspec.ValidationError(f"state of version {read.version}")
    engine = Engine()
    engine.memories.scope = Scope(read.rules, read.registry)
    engine.listening = read.listening
    engine.lanes = {(item.gateway, item.lane): item.clock for item in read.lanes}
    engine.offline = set(read.offline)
    engine.positions = {item.key.key: item.upto for item in read.positions}
    for item in read.watches:
        clause = engine.scope.clause((item.rule, item.clause), item.device)
        if clause is not None:
            engine.watches.setdefault(item.device, {})[item.rule, item.clause] = _watch(item, clause)
    for record in read.open:
        alert = alert_from(record.alert)
        engine.book.put(
            Record(
                alert, {member: member[0] for member in record.firing}, record.reports, record.start, record.life_safety
            )
        )
    engine.book.closed = dict.fromkeys(read.closed)
    engine.tallies.counts = {
        TallyKey(item.community, item.gateway, item.bootid, item.day): RulesTally(item.evaluated, item.refused)
        for item in read.tallies
    }
    engine.tallies.touch()
    engine.memories.follow_all()
    return engine


def _watch(item: _Watch, clause: Compiled) -> Watch:
    """Its one timer meant what followed from its state."""
    evidence = [evidence_from(document) for document in item.evidence]
    fires = item.state is Condition.FIRING
    goes_on = fires or item.state is Condition.PENDING
    beyond = clause.kind is Kind.READING and goes_on and not item.ending
    watch = Watch(item.device, item.gateway, item.lane, item.state, item.began, item.start, beyond, evidence=evidence)
    if item.window or item.excused is not None:
        watch.history = History(item.excused, matches=sorted(item.window))
    if item.deadline is not None:
        timer = Timer.LINGER if fires else Timer.HOLD if goes_on else Timer.WAIT
        at = item.since + (clause.linger if fires else clause.hold)
        watch.waits[timer] = Wait(at, item.deadline, item.device, item.gateway, item.lane)
    if not goes_on and not item.window and clause.kind is not Kind.MISSING:
        watch.evidence = []
    return watch
