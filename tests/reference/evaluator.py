"""One rule over a stream of inputs: lanes, the order within a message, timers, changes. The rest is in the modules beside."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from linli.clock import DAY
from linli.model import DROPPED_TYPE, HEARTBEAT_TYPE, READINGS_TYPE, Action, ActionKind, Device, Lane, Message
from rules.engine.inputs import (
    ActionIn,
    ArmingIn,
    Input,
    ListenIn,
    MessageIn,
    RegistryChangeIn,
    RegistryIn,
    RulesIn,
    Tick,
)
from rules.engine.lanes import BREAK, LaneClock, Listening, sane
from rules.language.model import (
    AllClause,
    Clause,
    MissingClause,
    Override,
    ReadingClause,
    Rule,
    data_field,
    duration,
)
from rules.language.overrides import chain, effective
from tests.reference.alerts import Alerts
from tests.reference.memory import FIRED, TIMERS, Memory, Signal, Timer, When, looks_at
from tests.reference.seen import LaneName, Line, Seen
from tests.reference.sites import Key, Sites

Clocks = dict[LaneName, tuple[int, int]]
"""How far each lane has come, and how far by what was delivered alone."""


Readings = dict[tuple[int, Key, int], list[Seen]]
"""What the parts of each memory have read: it outlives what they made of it."""


@dataclass(frozen=True)
class Due:
    """A timer that is due, and whose it is. `part`: 0 for the clause itself, from 1 on for the members of `all`."""

    name: str
    timer: Timer
    memory: Memory
    part: int

    @property
    def order(self) -> tuple[int, Key, int, int, int]:
        """What goes off first."""
        return self.timer.deadline, self.memory.key, self.memory.number, self.part, TIMERS.index(self.name)


class Evaluator:
    """What becomes of one rule, by its id. Acts of people name an alert by how many had opened when it did."""

    def __init__(self, rule: str) -> None:
        self.id = rule
        self.rule: Rule | None = None
        self.overrides: tuple[Override, ...] = ()
        self.sites = Sites()
        self.lanes: dict[LaneName, LaneClock] = {}
        self.listening = Listening()
        self.memories: dict[tuple[int, Key], Memory] = {}
        self.readings: Readings = {}
        self.settling: dict[LaneName, list[Seen]] = {}
        self.alerts = Alerts()

    def apply(self, entry: Input) -> list[Line]:
        """The lines that an input adds to the log."""
        match entry:
            case MessageIn(message, received_at):
                return list(self._message(message, received_at))
            case Tick(now):
                return list(self._tick(now))
            case ListenIn(now):
                self.listening.begin(now)
            case ActionIn(action):
                return list(self._act(action))
            case ArmingIn(now, modes):
                return list(self._armed(now, modes))
            case RegistryIn() | RegistryChangeIn() | RulesIn():
                before = dict(self.sites.registry.devices)
                clauses = {device.id: dict(self._clauses(device)) for device in before.values()}
                self._take_on(entry)
                self._changed(before, clauses)
            case _:
                pass
        return []

    @property
    def settle(self) -> int:
        """How long the rule waits for stragglers."""
        return duration(self.rule.settle) if self.rule is not None else 0

    def _take_on(self, entry: RegistryIn | RegistryChangeIn | RulesIn) -> None:
        match entry:
            case RegistryIn(registry):
                self.sites.registry = registry
            case RegistryChangeIn(version, changes):
                self.sites.registry = self.sites.registry.changed(version, changes)
            case RulesIn(rules, overrides):
                self.rule = next((rule for rule in rules if rule.id == self.id), None)
                self.overrides = overrides

    # --- messages ---------------------------------------------------------------------------------------------------

    def _message(self, message: Message, received_at: int) -> Iterator[Line]:
        gateway = self.sites.registry.gateways.get(message.gateway)
        if gateway is None or gateway.community != message.community:
            return
        lane = (message.gateway, message.lane)
        agent_time = sane(message.agent_time, received_at)
        yield from self._settle_what_was_before(lane, agent_time)
        clock = self._advance(lane, agent_time, received_at)
        self._expect(lane, clock)
        observations = self._observations(message, received_at, clock.delivered)
        if self.settle > 0:
            waiting = self.settling.setdefault(lane, [])
            for seen in observations:
                if any(looks_at(clause, seen) for _, clause in self._clauses(seen.device)):
                    waiting.append(replace(seen, base=max(seen.time, seen.base - self.settle)))
            yield from self._see_settled(lane, self._clocks(lane))
            return
        clocks = self._clocks(lane)
        yield from self._expire(clocks, besides={seen.device.id for seen in observations})
        for seen in observations:
            yield from self._see(seen)
        yield from self._expire(clocks, besides=set())

    def _advance(self, lane: LaneName, agent_time: int, received_at: int) -> LaneClock:
        clock = self.lanes.get(lane)
        if clock is None:
            clock = self.lanes[lane] = LaneClock(agent_time, agent_time, agent_time, received_at)
            return clock
        broken_off = clock.message(agent_time, received_at)
        for memory in self.memories.values():
            memory.shift(lane, broken_off)
        return clock

    def _observations(self, message: Message, received_at: int, delivered: int) -> list[Seen]:
        """What the message says of devices that may speak through its gateway, in order of event time."""
        if message.type in (HEARTBEAT_TYPE, DROPPED_TYPE):
            return []
        said = (
            [(each.device, READINGS_TYPE, each.time, each.quantity, each.value, each.unit) for each in message.readings]
            if message.type == READINGS_TYPE
            else [(message.subject, message.type, message.time, "", None, None)]
        )
        observations = []
        for number, (subject, kind, when, quantity, value, unit) in enumerate(said):
            device = self.sites.registry.devices.get(subject)
            if device is None or (device.gateway, device.community) != (message.gateway, message.community):
                continue
            if self._is_history(message, when, received_at):
                continue
            lane = (message.gateway, message.lane)
            name = f"{message.bootid}/{message.lane}/{message.sequence}/{number}"
            order = (device.id, message.bootid, message.lane, message.sequence, number)
            time = sane(when, received_at)
            data = dict(message.data)
            observations.append(
                Seen(device, kind, time, lane, delivered, name, order, message.historic, data, quantity, value, unit)
            )
        return sorted(observations, key=lambda seen: seen.time)

    def _is_history(self, message: Message, time: int, received_at: int) -> bool:
        takes_historic = self.rule is not None and self.rule.life_safety
        return received_at - time > DAY or (message.historic and not takes_historic)

    def _expect(self, lane: LaneName, clock: LaneClock) -> None:
        """Begin to wait for devices of this gateway that were never heard: reports travel on the bulk lane."""
        if lane[1] is not Lane.BULK:
            return
        devices = [each for each in self.sites.registry.devices.values() if each.gateway == lane[0]]
        for device in sorted(devices, key=lambda each: each.id):
            when = When(clock.delivered, clock.delivered, device, lane)
            for number, clause in self._clauses(device):
                if data_field(clause.by) is None and _waits_for_reports(clause):
                    self._memory(number, self.sites.key_of_device(clause.by, device), clause, when).expect(when)

    def _settle_what_was_before(self, lane: LaneName, agent_time: int) -> Iterator[Line]:
        """A lane that was broken off goes on: what waits from before is seen first, before what waits for a report waits on."""
        clock = self.lanes.get(lane)
        if self.settle > 0 and clock is not None and agent_time - clock.delivered > BREAK:
            upto = min(clock.delivered, agent_time - self.settle)
            yield from self._see_settled(lane, {lane: (upto, upto)})

    def _see_settled(self, lane: LaneName, clocks: Clocks) -> Iterator[Line]:
        """What a rule that settles sees by now: timers and observations in order of time."""
        while settled := [seen for seen in self.settling.get(lane, []) if seen.time <= clocks[lane][0]]:
            seen = min(settled, key=lambda each: (each.time, each.order))
            yield from self._expire(_upto(clocks, seen.time - 1), besides=set())
            yield from self._expire(_upto(clocks, seen.time), besides={seen.device.id})
            self.settling[lane].remove(seen)
            device = self.sites.registry.devices.get(seen.device.id)
            if device is not None and device.gateway == lane[0]:
                yield from self._see(replace(seen, device=device))
        yield from self._expire(clocks, besides=set())

    # --- memories ---------------------------------------------------------------------------------------------------

    def _rule_of(self, device: Device) -> Rule | None:
        """The rule as it holds there."""
        if self.rule is None:
            return None
        return effective(self.rule, chain(self.overrides, device, self.sites.registry))

    def _clauses(self, device: Device) -> list[tuple[int, Clause]]:
        """The clauses that watch the device, each with its number."""
        rule = self._rule_of(device)
        if rule is None:
            return []
        return [(number, each) for number, each in enumerate(rule.when) if self.sites.watched(rule, each, device)]

    def _memory(self, number: int, key: Key, clause: Clause, when: When) -> Memory:
        known = self.memories.get((number, key))
        if known is None:
            known = self.memories[number, key] = Memory(self.sites, clause, number, key, when.device, when.lane)
            self._remember(known)
        return known

    def _remember(self, memory: Memory) -> None:
        """Have the parts that read numbers go on with what was read before."""
        for number, part in enumerate((memory, *memory.members)):
            if isinstance(part.clause.part, ReadingClause):
                part.seen = self.readings.setdefault((memory.number, memory.key, number), part.seen)

    def _see(self, seen: Seen) -> Iterator[Line]:
        """The device has come to a time of its own: what was due of it by then comes first."""
        while due := self._due({}, {seen.device.id}, seen):
            yield from self._go_off(due)
        when = When(seen.time, seen.base, seen.device, seen.lane)
        for number, clause in self._clauses(seen.device):
            key = self.sites.key(clause.by, seen)
            if key is not None and looks_at(clause, seen):
                memory = self._memory(number, key, clause, when)
                memory.is_now(clause)
                yield from self._tell(memory, memory.observe(seen))

    # --- timers -----------------------------------------------------------------------------------------------------

    def _clocks(self, lane: LaneName) -> Clocks:
        """The clocks that go on with a lane: its own, and that of the gateway's lane that is behind (named '')."""
        name = lane[0]
        both = [clock for (gateway, _), clock in self.lanes.items() if gateway == name]
        slow = (min(clock.time for clock in both), min(clock.delivered for clock in both))
        mine = (self.lanes[lane].time, self.lanes[lane].delivered)
        return {
            which: (time - self.settle, delivered - self.settle)
            for which, (time, delivered) in ((lane, mine), ((name, BEHIND), slow))
        }

    def _expire(self, clocks: Clocks, besides: set[str]) -> Iterator[Line]:
        while due := self._due(clocks, besides, None):
            yield from self._go_off(due)

    def _due(self, clocks: Clocks, devices: set[str], own: Seen | None) -> Due | None:
        """The first timer that is due by clocks, leaving out those of `devices`; or (`own`) by their own time, those of `devices`."""
        found = [
            Due(name, timer, memory, number)
            for memory in self.memories.values()
            for number, part in enumerate((memory, *memory.members))
            for name, timer in part.timers.items()
            if (own is None) != (timer.device.id in devices)
            and (
                _by_clock(name, timer, memory, clocks, self.rule) if own is None else _by_device(name, timer, part, own)
            )
        ]
        return min(found, key=lambda due: due.order, default=None)

    def _go_off(self, due: Due) -> Iterator[Line]:
        memory = due.memory
        memory.is_now(dict(self._clauses(memory.device))[memory.number])
        if due.part == 0:
            yield from self._tell(memory, memory.go_off(due.name))
        else:
            yield from self._tell(memory, memory.combine(memory.members[due.part - 1].go_off(due.name)))

    def _tell(self, memory: Memory, signals: Iterable[Signal]) -> Iterator[Line]:
        for signal in signals:
            rule = self._rule_of(signal.device)
            assert rule is not None
            if signal.sign == FIRED:
                memory.subject = self.sites.subject(rule, signal.device)
            yield from self.alerts.signal(rule, memory, memory.subject, signal)

    # --- time, people, changes --------------------------------------------------------------------------------------

    def _tick(self, now: int) -> Iterator[Line]:
        self.listening.tick(now)
        for lane, clock in sorted(self.lanes.items()):
            if clock.stand_in(now, self.listening.since):
                yield from self._see_settled(lane, self._clocks(lane))
        yield from self.alerts.tick(now)

    def _armed(self, now: int, modes: dict[str, str]) -> Iterator[Line]:
        self.sites.arming.append((now, modes))
        for memory in sorted(self.memories.values(), key=lambda each: (each.key, each.number)):
            signals = []
            for part in memory.members:
                if part.clause.armed:
                    signals += part.turn(When(now, now, part.device, part.lane))
            told = memory.combine(signals)
            if memory.clause.armed:
                told += memory.turn(When(now, now, memory.device, memory.lane))
            yield from self._tell(memory, told)

    def _act(self, action: Action) -> Iterator[Line]:
        alert = self.alerts.named(action.alert)
        if alert is None or self.rule is None:
            return
        yield from self.alerts.act(self.rule, alert, action)
        if action.kind is ActionKind.CLOSE and alert.subject not in self.alerts.open:
            for memory in self.memories.values():
                if self._about(memory) == alert.subject:
                    memory.reset()

    def _about(self, memory: Memory) -> str:
        """The alert that the memory stands behind, or would."""
        assert self.rule is not None
        return memory.subject if memory.state == "firing" else self.sites.subject(self.rule, memory.device)

    def _changed(self, before: dict[str, Device], clauses: dict[str, dict[int, Clause]]) -> None:
        """Rules or registry are new. `before`: the devices as they were, with the `clauses` that watched them."""
        for (number, key, part), seen in self.readings.items():
            seen[:] = [each for each in seen if self._still_reads(number, key, part, before, clauses, each.device.id)]
        for name, memory in list(self.memories.items()):
            clause, old = self._clause_now(memory, before), clauses.get(memory.device.id, {}).get(memory.number)
            same_part = clause is not None and old is not None and type(clause.part) is type(old.part)
            if clause is not None and (clause == old or (same_part and memory.state == "firing")):
                devices = self.sites.registry.devices.values()
                memory.enter(clause, {each.id: each for each in devices if memory.number in dict(self._clauses(each))})
                self._remember(memory)
            else:
                del self.memories[name]

    def _still_reads(
        self,
        number: int,
        key: Key,
        part: int,
        before: dict[str, Device],
        clauses: dict[str, dict[int, Clause]],
        name: str,
    ) -> bool:
        """Whether what was read of a device still goes into that memory: by a clause that reads the same number."""
        device = self.sites.registry.devices.get(name)
        if device is None or name not in before or device.gateway != before[name].gateway:
            return False
        old, new = clauses[name].get(number), dict(self._clauses(device)).get(number)
        if old is None or new is None or self.sites.key_of_device(new.by, device) != key:
            return False
        return number_read(old, part) == number_read(new, part) is not None

    def _clause_now(self, memory: Memory, before: dict[str, Device]) -> Clause | None:
        """The clause of that number, if it still watches the device that the memory is about, in that memory."""
        name = memory.device.id
        device = self.sites.registry.devices.get(name)
        if device is None or name not in before or device.gateway != before[name].gateway:
            return None
        clause = dict(self._clauses(device)).get(memory.number)
        if clause is None or clause.by != memory.clause.by:
            return None
        moved = data_field(clause.by) is None and self.sites.key_of_device(clause.by, device) != memory.key
        return None if moved else clause


BEHIND = "behind"
"""In place of a lane: the gateway's lane that is behind."""


def _upto(clocks: Clocks, time: int) -> Clocks:
    return {name: (min(now, time), min(delivered, time)) for name, (now, delivered) in clocks.items()}


def _by_clock(name: str, timer: Timer, memory: Memory, clocks: Clocks, rule: Rule | None) -> bool:
    slow = rule is not None and not rule.life_safety and _on_both_lanes(memory.clause)
    lane = (timer.lane[0], BEHIND) if slow else timer.lane
    if lane not in clocks:
        return False
    time, delivered = clocks[lane]
    return timer.deadline <= (delivered if name == "wait" else time)


def _by_device(name: str, timer: Timer, part: Memory, own: Seen) -> bool:
    if name == "wait":
        return timer.lane == own.lane and timer.deadline <= own.base
    if name == "for" and isinstance(part.clause.part, ReadingClause):
        return own.time > timer.at  # at that very instant the reading itself decides
    return own.time >= timer.at


def _waits_for_reports(clause: Clause) -> bool:
    members = clause.part.of if isinstance(clause.part, AllClause) else (clause,)
    return any(isinstance(member.part, MissingClause) for member in members)


def _on_both_lanes(clause: Clause) -> bool:
    """Readings and absence are told on the bulk lane, everything else on the urgent one."""
    members = clause.part.of if isinstance(clause.part, AllClause) else ()
    bulk = [isinstance(member.part, ReadingClause | MissingClause) for member in members]
    return any(bulk) and not all(bulk)


def number_read(clause: Clause, part: int) -> tuple[str, str | None] | None:
    """What a reading clause, or the member of `all` of that number (from 1 on), reads; None if it is none."""
    members = clause.part.of if isinstance(clause.part, AllClause) else ()
    each = clause if part == 0 else members[part - 1] if part <= len(members) else None
    if each is None or not isinstance(each.part, ReadingClause):
        return None
    return each.part.quantity, each.part.value
