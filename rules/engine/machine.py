"""The rules engine: a deterministic state machine over inputs. No I/O, no clock: the same inputs give the same transitions.

    MessageIn -> lane clock -> memories (a watch for each clause and value of its `by`) -> signals -> the book of alerts
    Tick      -> lane clocks that may go on by themselves -> timers that are due --^
    ArmingIn  -> what is true under a gate ----------------------------------------^
    ActionIn  -> the book of alerts

Order within one message: what is due on the lane by the time the agent took it, of other devices; what is due of this
device by its own time; the message; and then what else is due. Decided on arrival: what comes later counts later - but
for rules that settle, whose observations wait (`rules.engine.settling`) until their lane is so far past them.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from linli.db.registry import RegistrySnapshot
from linli.delivery import key_of
from linli.model import ActionKind, Condition, Device, Lane, LaneKey, Message
from linli.platform import PLATFORM
from rules.engine.batch import MOST, Aside, Batch, Gathering, Packet, interrupts, ordinary
from rules.engine.book import About, ActionDone, AlertBook, Record, Transition
from rules.engine.columns import UNWATCHED
from rules.engine.gateways import GATEWAY, GATEWAY_OFFLINE, why_offline
from rules.engine.inputs import (
    ActionIn,
    AdoptIn,
    ArmingIn,
    Input,
    ListenIn,
    MessageIn,
    PassedIn,
    RegistryChangeIn,
    RegistryIn,
    RulesIn,
    SkippedIn,
    Tick,
)
from rules.engine.intake import HISTORIC_AFTER, Intake, seen_reading
from rules.engine.ladder import Ref
from rules.engine.lanes import BREAK, SILENT, LaneClock, Listening, sane
from rules.engine.memories import BOTH, ClockName, Counters, Memories, Told
from rules.engine.scope import Scope
from rules.engine.screening import Screening
from rules.engine.seen import Moment, Seen
from rules.engine.settling import BufferName, Settling
from rules.engine.sweep import Sweep
from rules.engine.tallies import Tallies
from rules.engine.telling import told_about
from rules.engine.watches import Sign, Signal, Watch
from rules.engine.why import why
from rules.language.amounts import spoken
from rules.language.model import Override, Rule

WORTH_A_SWEEP = 8
"""Readings: fewer are quicker looked at one by one."""

Output = Transition | ActionDone
LaneName = tuple[str, Lane]


class NotApplied(Exception):
    """Input `number` of a batch raised (its `__cause__`). Those before it are applied, and these are their `outputs`; those
    after it are as if they had not been given. What it had itself changed until it raised stays changed."""

    def __init__(self, number: int, outputs: "list[list[Output]]") -> None:
        self.number = number
        self.outputs = outputs
        super().__init__(f"input {number} of the batch")


class Engine:
    """All state of the rules; `rules.durable.state` writes it down and brings it back."""

    def __init__(self, *, screening: bool = True) -> None:
        self.counters = Counters()
        self.memories = Memories(self.counters, Screening(on=screening))
        self.intake = Intake(self.memories, self.counters)
        self.settling = Settling()
        self.lanes: dict[LaneName, LaneClock] = {}
        self.listening = Listening()
        self.positions: dict[LaneKey, int] = {}
        self.offline: set[str] = set()
        self.book = AlertBook()
        self.tallies = Tallies()
        self._armed: set[LaneName] = set()

    @property
    def scope(self) -> Scope:
        """Rules and registry in force."""
        return self.memories.scope

    @property
    def watches(self) -> dict[str, dict[Ref, Watch]]:
        """By memory and clause."""
        return self.memories.watches

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
            case ArmingIn(now, modes):
                outputs = list(self._tell_all(self.memories.set_modes(now, modes)))
            case _:
                self._change(entry)
                outputs = []
        if outputs:
            self.counters.transitions += sum(isinstance(output, Transition) for output in outputs)
        return outputs

    def apply_all(self, entries: Sequence[Input]) -> list[list[Output]]:
        """What each of `entries` changes: the same as `apply` to one after the other, in less time. NotApplied names the one
        that raised."""
        outputs: list[list[Output]] = []
        self.memories.screening.tidy()
        try:
            while len(outputs) < len(entries):
                gathered = self._gathered(entries, len(outputs))
                if len(gathered) >= WORTH_A_SWEEP:
                    self._sweep(gathered.batch(), outputs)
                else:
                    for entry in entries[len(outputs) : len(outputs) + max(1, len(gathered.parts))]:
                        outputs.append(self.apply(entry))
        except Exception as error:
            raise NotApplied(len(outputs), outputs) from error
        return outputs

    # --- packets side by side ---------------------------------------------------------------------------------------

    def _gathered(self, entries: Sequence[Input], start: int) -> Gathering:
        """The ordinary packets that come next, and what comes between them."""
        screening = self.memories.screening
        gathering = Gathering(screening.columns, screening.row, self._delivered)
        for entry in islice(entries, start, None):
            if len(gathering) >= MOST or interrupts(entry):
                break
            home = isinstance(entry, MessageIn) and self._is_home(entry.message)
            if not (home and ordinary(entry, HISTORIC_AFTER) and gathering.take(entry)):
                gathering.pass_by(entry, home=home)
        return gathering

    def _is_home(self, message: Message) -> bool:
        gateway = self.scope.registry.gateways.get(message.gateway)
        return gateway is not None and gateway.community == message.community

    def _delivered(self, gateway: str) -> int:
        clock = self.lanes.get((gateway, Lane.BULK))
        return 0 if clock is None else clock.delivered

    def _sweep(self, batch: Batch, outputs: list[list[Output]]) -> None:
        """Let a run of packets pass: what is told of each."""
        sweep = Sweep(self.memories.screening.columns, batch.run)
        done = 0
        try:
            for part in batch.parts:
                if isinstance(part, Aside):
                    sweep.note(part.start)
                    outputs.append(self.apply(part.entry))
                    continue
                told = list(self._pass(sweep, batch, part))
                done = part.end
                self.counters.transitions += sum(isinstance(output, Transition) for output in told)
                outputs.append(told)
        finally:
            sweep.finish(done)
            self.counters.evaluations += sweep.evaluations(done)

    def _pass(self, sweep: Sweep, batch: Batch, packet: Packet) -> Iterator[Output]:
        """As `_message`, for a packet of which most is only noted."""
        message, received_at = packet.entry.message, packet.entry.received_at
        lane = (message.gateway, message.lane)
        self.counters.messages += 1
        key = key_of(message)
        self._take(key, message.sequence)
        refused_before = self.intake.refusals
        if packet.delivered - self._delivered(message.gateway) > BREAK:
            sweep.note(packet.start)
        yield from self._settle_what_was_before(lane, message.agent_time)
        clock = self._advance_lane(lane, message.agent_time, received_at)
        self._arm(lane, clock)
        yield from self._gateway_heard(message.gateway, received_at)
        if self._may_be_due(lane, clock):
            sweep.note(packet.start)
            besides = {self._device_of(batch, at) for at in sweep.ahead(packet.end)}
            yield from self._expire(self._clocks(lane, clock), besides)
        for at in sweep.stirred(packet.end):
            yield from self._look(batch, packet, at)
        if self._may_be_due(lane, clock) or self.settling.holds(lane):
            sweep.note(packet.end)
            yield from self._expire(self._clocks(lane, clock))
            yield from self._release(lane, clock)
        if message.community != PLATFORM:
            refused = self.intake.refusals - refused_before
            when = message.agent_time if packet.entry.taken_at is None else packet.entry.taken_at
            self.tallies.count(key, when, packet.end - packet.start - refused, refused)

    def _look(self, batch: Batch, packet: Packet, at: int) -> Iterator[Output]:
        """Something may come of the reading that stands at `at` in the run."""
        screening, run = self.memories.screening, batch.run
        row, message = int(run.series[at]), packet.entry.message
        if row == UNWATCHED:
            return
        heard = screening.heard(message.gateway, screening.columns.names[row])
        if heard is None:
            raise LookupError(f"{screening.columns.names[row]} has a row and is not registered")
        seen = seen_reading(message, int(batch.places[at]), heard, int(run.times[at]), int(run.bases[at]))
        self.counters.evaluations -= heard.evaluated  # which the sweep has counted for all
        yield from self._see(heard.device, seen)

    def _device_of(self, batch: Batch, at: int) -> str:
        return self.memories.screening.columns.names[int(batch.run.series[at])].partition("/")[0]

    # --- messages ---------------------------------------------------------------------------------------------------

    def _message(self, message: Message, received_at: int, taken_at: int | None) -> list[Output]:
        self.counters.messages += 1
        key = key_of(message)
        self._take(key, message.sequence)
        refused_before = self.intake.refusals
        outputs = self._judged(message, received_at)
        if message.community != PLATFORM:
            observations = len(message.readings) or 1
            refused = observations if outputs is None else self.intake.refusals - refused_before
            when = message.agent_time if taken_at is None else taken_at
            self.tallies.count(key, when, observations - refused, refused)
        return outputs or []

    def _judged(self, message: Message, received_at: int) -> list[Output] | None:
        """What changes; None if the whole message is refused."""
        gateway = self.scope.registry.gateways.get(message.gateway)
        if gateway is None or gateway.community != message.community:
            self.intake.refuse("unregistered_gateway")
            return None
        lane = (message.gateway, message.lane)
        agent_time = sane(message.agent_time, received_at)
        outputs: list[Output] = list(self._settle_what_was_before(lane, agent_time))
        clock = self._advance_lane(lane, agent_time, received_at)
        self._arm(lane, clock)
        observations = self.intake.observations(message, received_at, clock.delivered)
        outputs += self._gateway_heard(message.gateway, received_at)
        if self._may_be_due(lane, clock):
            outputs += self._expire(self._clocks(lane, clock), besides={device.id for device, _ in observations})
        for device, seen in observations:
            outputs += self._see(device, seen)
        if self._may_be_due(lane, clock):
            outputs += self._expire(self._clocks(lane, clock))
        outputs += self._release(lane, clock)
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
            for name in (lane[1], BOTH):
                for settle in (0, *self.scope.settles):
                    self.memories.shift((lane[0], name, True, settle), lane[1], broken_off)
        return clock

    def _see(self, device: Device, seen: Seen) -> Iterator[Output]:
        """Let the rules see it, unless it is a reading of which nothing can come: that is only noted."""
        heard = self.scope.heard(f"{device.id}/{seen.quantity}") if seen.quantity else None
        if heard is None:
            yield from self._observe(device, seen)
            return
        self.counters.looked_at += 1
        if self.memories.matters(heard, seen):
            yield from self._observe(device, seen)
            self.memories.open(heard)
        else:
            self.counters.evaluations += heard.evaluated
            self.memories.note_newest(device, seen)

    def _observe(self, device: Device, seen: Seen) -> Iterator[Output]:
        """Let the rules see it; those that settle when its time has come."""
        groups = self.scope.plan(device).groups
        for settle, group in groups.items():
            if settle and group.refs(seen.kind, seen.quantity):
                base = max(seen.time, seen.base - settle)
                self.settling.put((seen.gateway, seen.lane, settle), replace(seen, base=base))
        yield from self._tell_all(self.memories.own_time(device, seen))
        before = self.memories.note_newest(device, seen) if not seen.historic else None
        yield from self._tell_all(self.memories.observe(device, seen, before=before))

    # --- timers -----------------------------------------------------------------------------------------------------

    def _clocks(self, lane: LaneName, clock: LaneClock, settle: int = 0) -> list[tuple[ClockName, int]]:
        """The clocks that go on with a lane, and what they say."""
        name, which = lane
        clocks: list[tuple[ClockName, int]] = [
            ((name, which, False, settle), clock.time - settle),
            ((name, which, True, settle), clock.delivered - settle),
        ]
        if self.scope.on_both_lanes:
            both = [self.lanes[name, each] for each in Lane if (name, each) in self.lanes]
            clocks.append(((name, BOTH, False, settle), min(each.time for each in both) - settle))
            clocks.append(((name, BOTH, True, settle), min(each.delivered for each in both) - settle))
        return clocks

    def _may_be_due(self, lane: LaneName, clock: LaneClock) -> bool:
        """Whether any timer may be due on the clocks that go on with a lane: False is certain, and quickly said."""
        return self.memories.timers.may_be_due(lane[0], clock.time)

    def _expire(self, clocks: Sequence[tuple[ClockName, int]], besides: Container[str] = ()) -> Iterator[Output]:
        while (key := self.memories.timers.pop_due(clocks, besides)) is not None:
            yield from self._tell_all(self.memories.go_off(key))

    def _release(self, lane: LaneName, clock: LaneClock) -> Iterator[Output]:
        """What rules that settle see by now."""
        for settle in self.scope.settles:
            buffer, upto = (*lane, settle), clock.time - settle
            if self._may_be_due(lane, clock) or self.settling.first(buffer, upto) is not None:
                yield from self._see_settled(buffer, upto, self._clocks(lane, clock, settle))

    def _settle_what_was_before(self, lane: LaneName, agent_time: int) -> Iterator[Output]:
        """A message comes after the lane was broken off: what rules that settle have still to see of the time before goes
        before it, and before what waits for a report waits on."""
        clock = self.lanes.get(lane)
        if clock is None or agent_time - clock.delivered <= BREAK:
            return
        for settle in self.scope.settles:
            upto = min(clock.delivered, agent_time - settle)
            clocks = [(name, upto) for name, _ in self._clocks(lane, clock, settle)[:2]]
            yield from self._see_settled((*lane, settle), upto, clocks)

    def _see_settled(self, buffer: BufferName, upto: int, clocks: Sequence[tuple[ClockName, int]]) -> Iterator[Output]:
        """Timers and observations up to a time, in order."""
        while (seen := self.settling.first(buffer, upto)) is not None:
            yield from self._expire([(name, min(at, seen.time - 1)) for name, at in clocks])
            yield from self._expire([(name, min(at, seen.time)) for name, at in clocks], besides={seen.device})
            self.settling.drop_first(buffer)
            device = self.scope.registry.devices.get(seen.device)
            if device is not None and device.gateway == seen.gateway:
                yield from self._tell_all(self.memories.own_time(device, seen, buffer[2]))
                yield from self._tell_all(self.memories.observe(device, seen, buffer[2]))
        yield from self._expire(clocks)

    def _arm(self, lane: LaneName, clock: LaneClock) -> None:
        """Begin to expect the devices of this gateway that we have never heard: reports travel on the bulk lane."""
        if lane in self._armed or lane[1] is not Lane.BULK:
            return
        self._armed.add(lane)
        for device in self.scope.devices(lane[0]):
            self.memories.arm(device, Moment(clock.delivered, clock.delivered, device.id, *lane))

    def _tick(self, now: int) -> Iterator[Output]:
        self.listening.tick(now)
        for lane, clock in sorted(self.lanes.items()):
            if clock.stand_in(now, self.listening.since):
                yield from self._expire(self._clocks(lane, clock))
                yield from self._release(lane, clock)
        yield from self._silent_gateways(now)
        yield from self.book.tick(now)

    # --- alerts -----------------------------------------------------------------------------------------------------

    def _tell_all(self, signals: Iterable[Told]) -> Iterator[Output]:
        return chain.from_iterable(map(self._tell, signals))

    def _tell(self, told: Told) -> Iterator[Transition]:
        memory, ref, watch, _, signal = told
        device = self.scope.registry.devices[watch.device]
        rule = self.scope.rule(ref[0], device)
        late = self.lanes[watch.gateway, watch.lane].received_at - signal.at
        subject, kind = self.scope.subject(rule, device)
        if signal.sign is Sign.FIRED:
            watch.subject = subject
        about = told_about(rule, ref[1], device, self.scope.registry, (watch.subject, kind), signal, late)
        yield from self.book.signal(rule, ref[1], memory, about, signal)

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
            about = About(name, GATEWAY, gateway.community, None, text, why(rule, 0, since, now))
            signal = Signal(Sign.FIRED, now, f"{name}/silent/{since}", last, ())
            yield from self.book.signal(rule, 0, name, about, signal)

    def _gateway_heard(self, name: str, received_at: int) -> Iterator[Transition]:
        self.offline.discard(name)
        record = self.book.open.get((GATEWAY_OFFLINE, name))
        rule = self.scope.rules.get(GATEWAY_OFFLINE)
        if record is None or rule is None or record.alert.condition is not Condition.FIRING:
            return
        record.firing = {(name, 0): name}  # one that was taken over from the database knows of nobody behind it
        alert = record.alert
        about = About(name, GATEWAY, alert.community, None, alert.sentence)
        yield from self.book.signal(rule, 0, name, about, Signal(Sign.OVER, received_at, record.start, received_at, ()))

    # --- people, changes --------------------------------------------------------------------------------------------

    def _action(self, entry: ActionIn) -> Iterator[Output]:
        record = self.book.find(entry.action.alert)
        yield from self.book.act(entry.action)
        if record is not None and entry.action.kind is ActionKind.CLOSE and self.book.find(entry.action.alert) is None:
            self._forget_conditions(record.alert.rule, record.alert.subject)

    def _forget_conditions(self, name: str, subject: str) -> None:
        """A person closed it: what stands behind it has to begin anew to be an alert again."""
        rule = self.scope.rules.get(name)
        if rule is not None:
            self.memories.reset(name, lambda watch, device: self._subject(rule, watch, device)[0] == subject)

    def _subject(self, rule: Rule, watch: Watch, device: Device) -> tuple[str, str]:
        """What the watch's alert is about, and its kind: while it fires, whatever rules and registry say by now."""
        subject, kind = self.scope.subject(rule, device)
        return (watch.subject if watch.state is Condition.FIRING else subject), kind

    def _change(self, entry: RegistryIn | RegistryChangeIn | RulesIn | AdoptIn | SkippedIn) -> None:
        rules, registry = tuple(self.scope.rules.values()), self.scope.registry
        match entry:
            case RegistryIn(fresh):
                self.enter(rules, fresh, self.scope.overrides)
            case RegistryChangeIn(version, changes):
                fresh, devices = registry.changed(version, changes), {change.id for change in changes}
                if all(change.kind == "device" for change in changes):
                    self.memories.change(self.scope.with_devices(fresh, devices), devices)
                    self._armed.clear()
                else:
                    self.enter(rules, fresh, self.scope.overrides)
            case RulesIn(changed, overrides):
                self.enter(changed, registry, overrides)
            case AdoptIn(alerts):
                for alert in alerts:
                    self.book.put(Record(alert, life_safety=self._life_safety(alert.rule)))

    def enter(self, rules: tuple[Rule, ...], registry: RegistrySnapshot, overrides: tuple[Override, ...]) -> None:
        """Take on new rules or a new registry. What is pending under a clause that changed begins anew, what fires goes on
        if its clause is still there; a device that is gone, or behind another gateway, is forgotten. Alerts stay."""
        self.memories.change(Scope(rules, registry, overrides))
        self._armed.clear()

    def _life_safety(self, rule: str) -> bool:
        known = self.scope.rules.get(rule)
        return known is not None and known.life_safety


def outputs_of(engine: Engine, entries: list[Input]) -> list[Output]:
    """Apply them one after the other: all that they change."""
    return list(chain.from_iterable(engine.apply(entry) for entry in entries))
