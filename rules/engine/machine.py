"""The rules engine: a deterministic state machine over inputs. No I/O, no clock: the same inputs give the same transitions.

    MessageIn -> lane clock -> watches (one for each clause and device) -> signals -> the book of alerts -> transitions
    Tick      -> lane clocks that may go on by themselves -> timers that are due --^
    ActionIn  -> the book of alerts ----------------------------------------------^

Order within one message: what is due on the lane by the time the agent took it, of other devices; what is due of this
device by its own time; the message; and then what else is due. Decided on arrival: what comes later counts later.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

from linli.clock import DAY, MINUTE
from linli.db.registry import RegistrySnapshot
from linli.delivery import key_of
from linli.model import (
    DROPPED_TYPE,
    HEARTBEAT_TYPE,
    READINGS_TYPE,
    ActionKind,
    Condition,
    Device,
    Evidence,
    Lane,
    LaneKey,
    Message,
    Readings,
)
from linli.platform import PLATFORM
from rules.engine.book import About, ActionDone, AlertBook, Record, Transition
from rules.engine.evidence import evidence_data
from rules.engine.gateways import GATEWAY, GATEWAY_OFFLINE, why_offline
from rules.engine.inputs import (
    ActionIn,
    AdoptIn,
    ArmingIn,
    Input,
    ListenIn,
    MessageIn,
    PassedIn,
    RegistryIn,
    RulesIn,
    SkippedIn,
    Tick,
)
from rules.engine.lanes import SILENT, LaneClock, Listening, sane
from rules.engine.scope import Heard, Plan, Ref, Scope
from rules.engine.sentences import sentence, spoken, with_age, zone_of
from rules.engine.tallies import Tallies
from rules.engine.timers import Key, Timers
from rules.engine.watches import Seen, Sign, Signal, Watch
from rules.language.model import MissingClause, Rule

HISTORIC_AFTER = DAY
"""What is older than this when it arrives is history: it alarms nobody, whatever its sender says. What is younger and called
historic by its sender counts for life safety alone."""

_GOING_ON = (Condition.PENDING, Condition.FIRING)

TOLD_LATE = 5 * MINUTE
"""An alert that comes so long after what it tells of says so."""

Output = Transition | ActionDone
LaneName = tuple[str, Lane]
ClockName = tuple[str, Lane, bool]
"""A gateway's lane; True: by what was delivered alone."""


class NotApplied(Exception):
    """Input `number` of a batch raised (its `__cause__`). Those before it are applied, and these are their `outputs`; those
    after it are as if they had not been given. What it had itself changed until it raised stays changed."""

    def __init__(self, number: int, outputs: "list[list[Output]]") -> None:
        self.number = number
        self.outputs = outputs
        super().__init__(f"input {number} of the batch")


@dataclass(slots=True)
class Counters:
    """What the engine has done since it was made; not part of its state."""

    messages: int = 0
    evaluations: int = 0
    transitions: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Engine:
    """All state of the rules; `rules.durable.state` writes it down and brings it back."""

    def __init__(self) -> None:
        self.scope = Scope()
        self.lanes: dict[LaneName, LaneClock] = {}
        self.listening = Listening()
        self.positions: dict[LaneKey, int] = {}
        self.offline: set[str] = set()
        self.watches: dict[str, dict[Ref, Watch]] = {}
        self.book = AlertBook()
        self.timers: Timers[ClockName] = Timers()
        self.tallies = Tallies()
        self.counters = Counters()
        self._refusals = 0
        self._armed: set[LaneName] = set()

    def apply(self, entry: Input) -> list[Output]:
        """Everything that `entry` changes, in order."""
        match entry:
            case MessageIn(message, received_at):
                outputs = self._message(message, received_at, entry.taken_at)
            case PassedIn(lane, sequence, received_at):
                self._take(lane, sequence)
                self.tallies.count(lane, received_at, 0, 1)
                outputs = []
            case ListenIn(now):
                self.listening.begin(now)
                outputs = []
            case Tick(now):
                outputs = list(self._tick(now))
            case ActionIn():
                outputs = list(self._action(entry))
            case RegistryIn(registry):
                self._change(tuple(self.scope.rules.values()), registry)
                outputs = []
            case RulesIn(rules):
                self._change(rules, self.scope.registry)
                outputs = []
            case ArmingIn() | SkippedIn():
                outputs = []
            case AdoptIn(alerts):
                for alert in alerts:
                    self.book.put(Record(alert, life_safety=self._life_safety(alert.rule)))
                outputs = []
        if outputs:
            self.counters.transitions += sum(isinstance(output, Transition) for output in outputs)
        return outputs

    def apply_all(self, entries: Sequence[Input]) -> list[list[Output]]:
        """What each of `entries` changes: the same as `apply` to one after the other, in less time. NotApplied names the one
        that raised."""
        outputs: list[list[Output]] = []
        for number, entry in enumerate(entries):
            try:
                outputs.append(self.apply(entry))
            except Exception as error:
                raise NotApplied(number, outputs) from error
        return outputs

    # --- messages ---------------------------------------------------------------------------------------------------

    def _message(self, message: Message, received_at: int, taken_at: int | None) -> list[Output]:
        self.counters.messages += 1
        key = key_of(message)
        self._take(key, message.sequence)
        refused_before = self._refusals
        outputs = self._judged(message, received_at)
        if message.community != PLATFORM:
            observations = len(message.readings) or 1
            refused = observations if outputs is None else self._refusals - refused_before
            when = message.agent_time if taken_at is None else taken_at
            self.tallies.count(key, when, observations - refused, refused)
        return outputs or []

    def _judged(self, message: Message, received_at: int) -> list[Output] | None:
        """What changes; None if the whole message is refused."""
        gateway = self.scope.registry.gateways.get(message.gateway)
        if gateway is None or gateway.community != message.community:
            self._refuse("unregistered_gateway")
            return None
        lane = (message.gateway, message.lane)
        agent_time = sane(message.agent_time, received_at)
        clock = self._advance_lane(lane, agent_time, received_at)
        self._arm(lane, clock)
        observations = self._observations(message, received_at, clock.delivered)
        outputs: list[Output] = list(self._gateway_heard(message.gateway, received_at))
        if self._is_due(lane, clock):
            outputs += self._expire(lane, clock, besides={device.id for device, _ in observations})
        for device, seen in observations:
            outputs += self._own_time(device, seen, clock.delivered)
            outputs += self._observe(device, seen)
        if self._is_due(lane, clock):
            outputs += self._expire(lane, clock)
        return outputs

    def _take(self, key: LaneKey, sequence: int) -> None:
        self.positions[key] = max(self.positions.get(key, 0), sequence)

    def _advance_lane(self, lane: LaneName, agent_time: int, received_at: int) -> LaneClock:
        clock = self.lanes.get(lane)
        if clock is None:
            clock = self.lanes[lane] = LaneClock(agent_time, agent_time, agent_time, received_at)
            return clock
        broken_off = clock.message(agent_time, received_at)
        if broken_off:
            for key, deadline in self.timers.on((*lane, True)):
                watch = self.watches[key.device][key.rule, key.clause]
                watch.since += broken_off
                watch.deadline = deadline + broken_off
                self.timers.set((*lane, True), watch.deadline, key)
        return clock

    def _observations(self, message: Message, received_at: int, base: int) -> list[tuple[Device, Seen]]:
        """What the message says of registered devices, as the rules take it: oldest first, history left out, and without
        readings that nothing can come of."""
        if message.type == READINGS_TYPE:
            return self._packet(message, received_at, base)
        if message.type in (HEARTBEAT_TYPE, DROPPED_TYPE):
            return []
        device = self._device(message.subject, message)
        if device is None or self._history(message, self.scope.plan(device), message.time, received_at):
            return []
        start = f"{message.bootid}/{message.lane}/{message.sequence}"
        time = sane(message.time, received_at)
        evidence = Evidence(time, device.id, message.type, data=evidence_data(message.data))
        return [(device, self._seen(message, device, message.type, time, base, start, evidence))]

    def _packet(self, message: Message, received_at: int, base: int) -> list[tuple[Device, Seen]]:
        """What may come of one reading of a device concerns them all: they are taken together or not at all."""
        readings = Readings.of(message.readings)
        judged: list[tuple[int, int, Heard]] = []
        stirred: set[str] = set()
        for number, name in enumerate(readings.names):
            heard = self.scope.heard(name)
            if heard is None or heard.gateway != message.gateway or heard.community != message.community:
                if name.partition("/")[0] != message.gateway:
                    self._refuse("unregistered_device")
                continue
            time = readings.times[number]
            if self._history(message, heard.plan, time, received_at):
                continue
            judged.append((time, number, heard))
            if self._matters(heard, readings.values[number]):
                stirred.add(heard.device.id)
        if not stirred:
            self.counters.evaluations += sum(len(heard.readings) for _, _, heard in judged)
            return []
        start = f"{message.bootid}/{message.lane}/{message.sequence}"
        observations = []
        for time, number, heard in sorted(judged, key=itemgetter(0)):
            if heard.device.id not in stirred:
                self.counters.evaluations += len(heard.readings)
                continue
            at, value, unit = sane(time, received_at), readings.values[number], readings.units[number]
            evidence = Evidence(at, heard.device.id, heard.quantity, value, unit)
            seen = self._seen(message, heard.device, READINGS_TYPE, at, base, f"{start}/{number}", evidence)
            seen.value, seen.unit, seen.quantity = value, unit, heard.quantity
            observations.append((heard.device, seen))
        return observations

    def _matters(self, heard: Heard, value: float) -> bool:
        """Whether anything can come of the reading: a clause that it begins, goes on or ends, or a timer of its device."""
        if heard.plan.anything:
            return True
        watches = self.watches.get(heard.device.id)
        if watches and any(watch.deadline is not None for watch in watches.values()):
            return True
        for ref, part in heard.readings:
            if part.beyond(value):
                return True
            watch = watches.get(ref) if watches else None
            if watch is not None and watch.state in _GOING_ON:
                return True
        return False

    def _seen(
        self, message: Message, device: Device, kind: str, time: int, base: int, key: str, evidence: Evidence
    ) -> Seen:
        community = self.scope.registry.communities.get(device.community)
        zone = zone_of(community.timezone if community else "UTC")
        data: dict[str, Any] = dict(message.data)
        return Seen(kind, time, base, message.lane, message.gateway, key, evidence, zone, message.historic, data)

    def _device(self, name: str, message: Message) -> Device | None:
        device = self.scope.registry.devices.get(name)
        if device is None or device.gateway != message.gateway or device.community != message.community:
            if name != message.gateway:
                self._refuse("unregistered_device")
            return None
        return device

    def _history(self, message: Message, plan: Plan, time: int, received_at: int) -> bool:
        over = message.historic and not plan.life_safety
        if over or received_at - time > HISTORIC_AFTER:
            self._refuse("historic")
            return True
        return False

    def _refuse(self, reason: str) -> None:
        self._refusals += 1
        self.counters.refused[reason] = self.counters.refused.get(reason, 0) + 1

    # --- watches ----------------------------------------------------------------------------------------------------

    def _observe(self, device: Device, seen: Seen) -> Iterator[Output]:
        plan = self.scope.plan(device)
        refs = plan.readings.get(seen.quantity, []) if seen.quantity else plan.events.get(seen.kind, [])
        for ref in sorted({*refs, *plan.anything}) if plan.anything else refs:
            if seen.historic and ref not in plan.life_safety:
                continue
            self.counters.evaluations += 1
            watch = self._watch(device, ref, seen.lane)
            yield from self._run(device, ref, watch, watch.observe(self.scope.clause(ref), seen))

    def _own_time(self, device: Device, seen: Seen, agent_time: int) -> Iterator[Output]:
        running = [item for item in self.watches.get(device.id, {}).items() if item[1].deadline is not None]
        if seen.historic:
            running = [item for item in running if item[0] in self.scope.plan(device).life_safety]
        for ref, watch in sorted(running, key=lambda item: (item[1].deadline, item[0])):
            yield from self._run(device, ref, watch, watch.own_time(self.scope.clause(ref), seen.time, agent_time))

    def _is_due(self, lane: LaneName, clock: LaneClock) -> bool:
        return self.timers.is_due((*lane, False), clock.time) or self.timers.is_due((*lane, True), clock.delivered)

    def _expire(self, lane: LaneName, clock: LaneClock, besides: Container[str] = ()) -> Iterator[Output]:
        for by_delivery, upto in ((False, clock.time), (True, clock.delivered)):
            name = (*lane, by_delivery)
            while (key := self.timers.pop_due(name, upto, besides)) is not None:
                device = self.scope.registry.devices[key.device]
                ref = (key.rule, key.clause)
                watch = self.watches[key.device][ref]
                yield from self._run(device, ref, watch, watch.expire(self.scope.clause(ref)))

    def _run(self, device: Device, ref: Ref, watch: Watch, signals: Iterator[Signal]) -> Iterator[Output]:
        """Let the watch work, follow its timer, and tell the book what it says."""
        told = list(signals)
        self.follow(device.id, ref, watch)
        for signal in told:
            yield from self._tell(device, ref, watch, signal)

    def follow(self, device: str, ref: Ref, watch: Watch) -> None:
        """Make the timers agree with the watch's deadline."""
        key = Key(device, *ref)
        if watch.deadline is None:
            self.timers.cancel(key)
        else:
            missing = isinstance(self.scope.clause(ref).part, MissingClause)
            self.timers.set((watch.gateway, watch.lane, missing), watch.deadline, key)

    def _tell(self, device: Device, ref: Ref, watch: Watch, signal: Signal) -> Iterator[Transition]:
        rule = self.scope.rules[ref[0]]
        subject, subject_kind = self.scope.subject(rule, device)
        fired = signal.sign is Sign.FIRED
        place = subject if subject_kind == "place" else device.place
        text = (
            sentence(rule, ref[1], device, self.scope.registry, signal.at, signal.evidence)
            if fired
            else rule.sentence.text
        )
        late = self.lanes[watch.gateway, watch.lane].received_at - signal.at
        if fired and late > TOLD_LATE:
            text = with_age(text, device, self.scope.registry, signal.at, late)
        about = About(subject, subject_kind, device.community, place, text)
        yield from self.book.signal(rule, ref[1], device.id, about, signal)

    def _watch(self, device: Device, ref: Ref, lane: Lane) -> Watch:
        watches = self.watches.setdefault(device.id, {})
        watch = watches.get(ref)
        if watch is None:
            watch = watches[ref] = Watch(device.gateway, lane)
        return watch

    def _arm(self, lane: LaneName, clock: LaneClock) -> None:
        """Begin to expect the devices of this gateway that we have never heard: reports travel on the bulk lane."""
        if lane in self._armed or lane[1] is not Lane.BULK:
            return
        self._armed.add(lane)
        for device in self.scope.devices(lane[0]):
            for ref in self.scope.plan(device).missing:
                if ref not in self.watches.get(device.id, {}):
                    watch = self._watch(device, ref, lane[1])
                    watch.arm(self.scope.clause(ref), clock.delivered, f"{lane[0]}/armed/{clock.delivered}")
                    self.follow(device.id, ref, watch)

    # --- time, people, changes --------------------------------------------------------------------------------------

    def _tick(self, now: int) -> Iterator[Output]:
        self.listening.tick(now)
        for lane, clock in sorted(self.lanes.items()):
            if clock.stand_in(now, self.listening.since):
                yield from self._expire(lane, clock)
        yield from self._silent_gateways(now)

    def _silent_gateways(self, now: int) -> Iterator[Transition]:
        """Tell of each that is silent by now, once: `offline` are those told of, whatever became of the alert."""
        rule = self.scope.rules.get(GATEWAY_OFFLINE)
        if rule is None:
            return
        heard: dict[str, int] = {}
        for (name, _), clock in self.lanes.items():
            heard[name] = max(heard.get(name, 0), clock.received_at)
        for name, last in sorted(heard.items()):
            since = max(last, self.listening.since)
            gateway, devices = self.scope.registry.gateways.get(name), len(self.scope.devices(name))
            if now - since <= SILENT or name in self.offline:
                continue
            if gateway is None or gateway.community == PLATFORM or not devices:
                continue
            self.offline.add(name)
            text = why_offline(rule, gateway.name, devices, spoken(SILENT))
            about = About(name, GATEWAY, gateway.community, None, text)
            signal = Signal(Sign.FIRED, now, f"{name}/silent/{since}", last, ())
            yield from self.book.signal(rule, 0, name, about, signal)

    def _gateway_heard(self, name: str, received_at: int) -> Iterator[Transition]:
        self.offline.discard(name)
        record = self.book.open.get((GATEWAY_OFFLINE, name))
        rule = self.scope.rules.get(GATEWAY_OFFLINE)
        if record is None or rule is None or record.alert.condition is not Condition.FIRING:
            return
        record.firing = {(name, 0)}  # one that was taken over from the database knows of nobody behind it
        alert = record.alert
        about = About(name, GATEWAY, alert.community, None, alert.sentence)
        yield from self.book.signal(rule, 0, name, about, Signal(Sign.OVER, received_at, record.start, received_at, ()))

    def _action(self, entry: ActionIn) -> Iterator[Output]:
        record = self.book.find(entry.action.alert)
        yield from self.book.act(entry.action)
        if record is not None and entry.action.kind is ActionKind.CLOSE and self.book.find(entry.action.alert) is None:
            self._forget_conditions(record.alert.rule, record.alert.subject)

    def _forget_conditions(self, rule: str, subject: str) -> None:
        """A person closed it: what stands behind it has to begin anew to be an alert again."""
        known = self.scope.rules.get(rule)
        if known is None:
            return
        for name, watches in sorted(self.watches.items()):
            device = self.scope.registry.devices[name]
            if self.scope.subject(known, device)[0] != subject:
                continue
            for ref, watch in watches.items():
                if ref[0] == rule:
                    watch.reset()
                    self.follow(name, ref, watch)

    def _change(self, rules: tuple[Rule, ...], registry: RegistrySnapshot) -> None:
        """Take on new rules or a new registry. What is pending under a rule that changed begins anew, what fires goes on
        if its clause is still there; a device that is gone, or behind another gateway, is forgotten. Alerts stay."""
        before, self.scope = self.scope, Scope(rules, registry)
        self._armed.clear()
        kept: dict[str, dict[Ref, Watch]] = {}
        for name, watches in self.watches.items():
            device = registry.devices.get(name)
            for ref, watch in watches.items():
                if device is not None and _goes_on(before, self.scope, device, ref, watch):
                    kept.setdefault(name, {})[ref] = watch
        self.watches = kept
        self.follow_all()

    def follow_all(self) -> None:
        """Make the timers anew from the watches."""
        self.timers = Timers()
        for name, watches in self.watches.items():
            for ref, watch in watches.items():
                self.follow(name, ref, watch)

    def _life_safety(self, rule: str) -> bool:
        known = self.scope.rules.get(rule)
        return known is not None and known.life_safety


def _goes_on(before: Scope, now: Scope, device: Device, ref: Ref, watch: Watch) -> bool:
    old, new = before.rules[ref[0]], now.rules.get(ref[0])
    if new is None or not now.watches(new, device) or device.gateway != watch.gateway:
        return False
    if old == new:
        return True
    same_part = ref[1] < len(new.when) and type(new.when[ref[1]].part) is type(old.when[ref[1]].part)
    return same_part and watch.state.value == "firing"


def outputs_of(engine: Engine, entries: list[Input]) -> list[Output]:
    """Apply them one after the other: all that they change."""
    return list(chain.from_iterable(engine.apply(entry) for entry in entries))
