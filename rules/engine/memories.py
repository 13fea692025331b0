"""All watches with their timers: what an observation, a time or a change makes of them, as signals. No I/O, no clock, no alerts."""

import math
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from linli.model import Device, Evidence, Lane
from rules.engine.columns import Newest
from rules.engine.compiled import Compiled, Interval, Kind, closed
from rules.engine.edits import goes_on, hands_over, is_of_others, is_read, keeps_numbers, new_watch
from rules.engine.gates import Arming, Around
from rules.engine.ladder import Ref
from rules.engine.numbers import Numbers
from rules.engine.scope import Heard, Plan, Scope
from rules.engine.screening import Screening, only_waits
from rules.engine.seen import Moment, Seen
from rules.engine.timers import Key, Timer, Timers, Wait
from rules.engine.usual import Usuals
from rules.engine.watches import Sign, Signal, Watch

BOTH = "both"
"""In a clock's name: the lane of the gateway that is behind."""

ClockName = tuple[str, str, bool, int]
"""A gateway, its lane, whether by what was delivered alone, and how long (microseconds) after the lane."""


class Told(NamedTuple):
    """A signal, and of which clause in which memory."""

    memory: str
    ref: Ref
    watch: Watch
    clause: Compiled
    signal: Signal


@dataclass(slots=True)
class Counters:
    """What the engine has done since it was made; not part of its state."""

    messages: int = 0
    evaluations: int = 0
    looked_at: int = 0
    """Readings of packets that were looked at one by one, something or nothing having come of them."""
    transitions: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Memories:
    """Watches by memory and clause; those in which nothing is remembered are not kept."""

    def __init__(self, counters: Counters, screening: Screening) -> None:
        self.screening = screening
        self.watches: dict[str, dict[Ref, Watch]] = {}
        self.timers: Timers[ClockName] = Timers()
        self.arming = Arming()
        self.numbers = Numbers()
        self.usuals = Usuals()
        self._counters = counters

    @property
    def scope(self) -> Scope:
        """Rules and registry in force."""
        return self.screening.scope

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self.screening.scope = scope

    # --- observations -----------------------------------------------------------------------------------------------

    def observe(self, device: Device, seen: Seen, settle: int = 0, before: Newest | None = None) -> Iterator[Told]:
        """An observation, for the clauses of rules that settle for so long. `before`: the reading before it of its series."""
        plan = self.scope.plan(device)
        group = plan.groups.get(settle)
        if group is None:
            return
        refs = group.refs(seen.kind, seen.quantity)
        if seen.historic:
            refs = [ref for ref in refs if ref in plan.life_safety]
        self._counters.evaluations += len(refs)
        around = self.scope.around(device, self.arming)
        for ref in self._concerned(plan, refs, seen):
            clause = plan.clauses[ref]
            memory = device.id if clause.by == "device" else self.scope.memory(clause.by, device, seen.data)
            if memory is None:
                continue
            watch = self.watches.get(memory, {}).get(ref) or new_watch(clause, seen.moment)
            if clause.kind is Kind.ALL:
                signals = self._see_all(clause, watch, seen, (*ref, memory), plan.out.get(ref, frozenset()), around)
            else:
                signals = self._see(clause, watch, seen, (*ref, memory), around)
            if not clause.attentive:
                signals = [_with_newest(clause, each, before) if each.sign is Sign.OVER else each for each in signals]
            yield from self._told(memory, ref, watch, clause, signals)

    def _concerned(self, plan: Plan, refs: list[Ref], seen: Seen) -> list[Ref]:
        """Those of `refs` that an observation may change: of a reading not those that look at it alone, remember nothing, and
        have it on the right side of their limit."""
        if not seen.quantity or seen.value is None or not math.isfinite(seen.value):
            return refs
        looks, watches = plan.looks(seen.quantity), self.watches.get(seen.device)
        concerned = looks.ladder.beyond(seen.value)
        if watches:
            concerned |= watches.keys()
        if len(plan.groups) == 1 and not plan.anything and not seen.historic:  # then they are all that look at it
            return sorted(concerned & looks.clauses.keys())
        return [ref for ref in refs if ref in concerned or ref not in looks.clauses]

    def own_time(self, device: Device, seen: Seen, settle: int = 0) -> Iterator[Told]:
        """The device itself has come to the time of an observation: what was due of it by then comes first."""
        while (due := self._due_of(device, seen, settle)) is not None:
            yield from self._go_off(due, seen)

    def go_off(self, key: Key) -> Iterator[Told]:
        """A timer that has come due on its clock."""
        yield from self._go_off(key, None)

    def note_newest(self, device: Device, seen: Seen) -> Newest | None:
        """The newest reading of a series; what was the newest before it. An event, or what is no data, is a report as well."""
        before = self.screening.newest(device, seen.quantity) if seen.quantity else None
        if seen.quantity and seen.value is not None and math.isfinite(seen.value):
            self.screening.note(device, seen.quantity, seen.value, seen.unit, seen.time, seen.base, seen.lane)
        elif self.scope.plan(device).anything:
            self.screening.note(device, "", 0.0, None, seen.time, seen.base, seen.lane)
        return before

    def _see(
        self, clause: Compiled, watch: Watch, seen: Seen, name: tuple[str | int, ...], around: Around
    ) -> list[Signal]:
        part = clause.reading
        if part is None:
            return watch.observe(clause, seen, around)
        if seen.value is None or seen.quantity not in clause.quantities or not math.isfinite(seen.value):
            return []
        if part.unit is not None and seen.unit is not None and seen.unit != part.unit:
            return []
        value = seen.value
        if part.value is not None:
            value = self.numbers.value(part, name, seen.device, seen.quantity, seen.time, seen.value)
            if not math.isfinite(value):
                return []
        right: Interval | None = clause.limit.right
        if part.normal is not None:
            usual = self.usuals.usual(part, name, seen.device, seen.time, value, around.zone)
            right = closed(*usual) if usual is not None else None
        return [] if right is None else watch.judge(clause, seen, value, right, around)

    def _see_all(
        self,
        clause: Compiled,
        watch: Watch,
        seen: Seen,
        name: tuple[str | int, ...],
        out: frozenset[int],
        around: Around,
    ) -> list[Signal]:
        signals: list[Signal] = []
        for number, (member, part) in enumerate(zip(clause.of, watch.parts, strict=True)):
            if number not in out and not (seen.historic and not clause.life_safety):
                signals += self._see(member, part, seen, (*name, number), around)
        return watch.combine(clause, signals, around)

    # --- timers -----------------------------------------------------------------------------------------------------

    def _go_off(self, key: Key, seen: Seen | None) -> Iterator[Told]:
        """`seen`: the observation by whose time it is due; None: by its clock."""
        ref = (key.rule, key.clause)
        watch = self.watches.get(key.memory, {}).get(ref)
        if watch is None:
            return
        clause = self._clause(ref, watch)
        part, of = _part(watch, clause, key.part)
        if key.timer not in part.waits:
            return
        if seen is None and self.timers.popped < self._deadline(part, of, Timer(key.timer)):
            self.follow(key.memory, ref, watch, clause)
            return
        around = self.scope.around(self.scope.registry.devices[watch.device], self.arming)
        signals = part.expire(of, Timer(key.timer), around)
        if key.part > 0:
            signals = watch.combine(clause, signals, around)
        yield from self._told(key.memory, ref, watch, clause, signals)

    def _deadline(self, part: Watch, of: Compiled, timer: Timer) -> int:
        """When it is due by now: of what waits for a report, so long after the newest one."""
        if timer is Timer.WAIT:
            self._catch_up(part, of)
        return part.waits[timer].deadline

    def _catch_up(self, part: Watch, of: Compiled) -> None:
        """Reports of which nothing came have not been told to the watch."""
        if not only_waits(of):
            return
        device = self.scope.registry.devices[part.device]
        report = self.screening.last_reading(device)
        if report is not None:
            part.put_off(of, Moment(report.time, report.base, part.device, part.gateway, report.lane))

    def _due_of(self, device: Device, seen: Seen, settle: int) -> Key | None:
        """The first of the device's timers that is due by an observation of its own."""
        if not any(wait.at <= seen.time or wait.deadline <= seen.base for wait, _, _ in self._waits_of(device.id)):
            return None  # a wait may still be put off, but never be brought forward
        found: tuple[int, Key] | None = None
        for key, watch in self._waiting_for(device.id):
            clause = self._clause((key.rule, key.clause), watch)
            if clause.settle != settle or (seen.historic and not clause.life_safety):
                continue
            part, of = _part(watch, clause, key.part)
            timer = Timer(key.timer)
            deadline = self._deadline(part, of, timer)
            if part.waits[timer].device == device.id and part.is_due(of, timer, seen):
                found = min(found, (deadline, key)) if found is not None else (deadline, key)
        return None if found is None else found[1]

    def _waiting_for(self, device: str) -> Iterator[tuple[Key, Watch]]:
        """The running timers that may be the device's."""
        for ref, watch in self.watches.get(device, {}).items():
            for number, part in enumerate((watch, *watch.parts)):
                for timer in part.waits:
                    yield Key(device, *ref, number, timer), watch
        for key in self.timers.elsewhere(device):
            known = self.watches.get(key.memory, {}).get((key.rule, key.clause))
            if known is not None and key.timer in (known, *known.parts)[key.part].waits:
                yield key, known

    def shift(self, clock: ClockName, lane: Lane, by: int) -> None:
        """The lane was broken off for so long: what waits on that clock for a report on the lane waits on."""
        for key in self.timers.on(clock):
            ref = (key.rule, key.clause)
            watch = self.watches.get(key.memory, {}).get(ref)
            if watch is None:
                continue
            clause = self._clause(ref, watch)
            part, of = _part(watch, clause, key.part)
            self._catch_up(part, of)
            wait = part.waits.get(key.timer)
            if wait is None or wait.lane is not lane:
                continue
            wait.at += by
            wait.deadline += by
            part.began += by
            self.follow(key.memory, ref, watch, clause)

    def follow(self, memory: str, ref: Ref, watch: Watch, clause: Compiled) -> None:
        """Have the timers come due when the watch waits for that, and close the bands of its devices' readings. What it waits for no
        more comes due too, and is passed over then."""
        self.screening.stir(watch.gateway, watch.device)
        for part in (watch, *watch.parts) if watch.parts else (watch,):
            for wait in part.waits.values():
                self.screening.stir(wait.gateway, wait.device)
        self._set_timers(memory, ref, watch, clause)

    def _set_timers(self, memory: str, ref: Ref, watch: Watch, clause: Compiled) -> None:
        for number, part in enumerate((watch, *watch.parts)) if watch.parts else ((0, watch),):
            for timer, wait in part.waits.items():
                lane = BOTH if clause.on_both_lanes else wait.lane
                clock = (wait.gateway, lane, timer == Timer.WAIT, clause.settle)
                self.timers.set(clock, wait.deadline, Key(memory, *ref, number, timer), wait.device)

    def follow_all(self) -> None:
        """Make the timers anew from the watches."""
        self.timers = Timers()
        for memory, watches in self.watches.items():
            for ref, watch in watches.items():
                self._set_timers(memory, ref, watch, self._clause(ref, watch))

    def arm(self, device: Device, moment: Moment) -> None:
        """Begin to expect a device, wherever it was never heard."""
        plan = self.scope.plan(device)
        for ref in plan.awaits:
            clause, out = plan.clauses[ref], plan.out.get(ref, frozenset())
            memory = self.scope.memory(clause.by, device, {})
            if memory is None:
                continue
            watch = self.watches.get(memory, {}).get(ref) or new_watch(clause, moment)
            for number, (part, of) in enumerate(((watch, clause), *zip(watch.parts, clause.of, strict=True))):
                if of.kind is Kind.MISSING and part.began == 0 and number - 1 not in out:
                    part.arm(of, moment)
            self._keep(memory, ref, watch, clause)

    # --- people, modes, changes -------------------------------------------------------------------------------------

    def reset(self, rule: str, is_about: Callable[[Watch, Device], bool]) -> None:
        """What the rule's watches say that it `is_about` has to begin anew."""
        for memory, watches in sorted(self.watches.items()):
            for ref, watch in sorted(watches.items()):
                if ref[0] == rule and is_about(watch, self.scope.registry.devices[watch.device]):
                    watch.reset()
                    self._keep(memory, ref, watch, self._clause(ref, watch))

    def set_modes(self, now: int, modes: dict[str, str]) -> Iterator[Told]:
        """Places have been armed or disarmed: what is true may begin or end by that."""
        self.arming.put(now, modes)
        true = [
            (memory, ref)
            for memory, watches in self.watches.items()
            for ref, watch in watches.items()
            if watch.true or any(part.true for part in watch.parts)
        ]
        for memory, ref in sorted(true):
            watch = self.watches[memory][ref]
            clause = self._clause(ref, watch)
            around = self.scope.around(self.scope.registry.devices[watch.device], self.arming)
            moment = Moment(now, now, watch.device, watch.gateway, watch.lane)
            signals = [
                signal
                for part, of in zip(watch.parts, clause.of, strict=True)
                if of.gated and of.clause.armed
                for signal in part.turn(of, moment._replace(device=part.device), around)
            ]
            told = watch.combine(clause, signals, around) if signals else []
            if clause.gated and clause.clause.armed:
                told += watch.turn(clause, moment, around)
            yield from self._told(memory, ref, watch, clause, told)

    def change(self, scope: Scope, only: AbstractSet[str] | None = None) -> None:
        """Take on new rules or a new registry. What is the same for a device keeps everything; what is pending under a clause
        that changed begins anew, what fires goes on; what is gone is forgotten. `only`: nothing else than these devices has
        changed."""
        before = self.scope
        self.screening.change(scope, only)
        gone = False
        kept: dict[str, dict[Ref, Watch]] = {}
        for memory, watches in self.watches.items():
            for ref, watch in watches.items():
                if (only is not None and is_of_others(watch, only)) or goes_on(before, scope, memory, ref, watch):
                    kept.setdefault(memory, {})[ref] = watch
                    gone |= memory != watch.device and hands_over(scope, ref, watch)
                else:
                    gone = True
        self.watches = kept
        for numbers in (self.numbers, self.usuals):
            numbers.retain(lambda memory, device: keeps_numbers(before, scope, memory, device), only)
        for numbers in (self.numbers, self.usuals):
            numbers.retain(lambda name, device: is_read(before, scope, name, device), only)
        if only is None or gone:
            self.follow_all()

    # --- what changes nothing ---------------------------------------------------------------------------------------

    def matters(self, heard: Heard, seen: Seen) -> bool:
        """Whether anything can come of a reading."""
        if seen.value is None or seen.historic or seen.lane is not Lane.BULK:
            return True
        number = self.screening.row_of(heard)
        if self.screening.columns.is_closed(number):
            self._open(number, heard)
        unit = self.screening.columns.unit(seen.unit)
        return not self.screening.columns.is_quiet(number, seen.value, seen.time, unit, seen.base)

    def open(self, heard: Heard) -> None:
        """Work out anew within what the next reading of the series changes nothing."""
        self._open(self.screening.row_of(heard), heard)

    def _open(self, number: int, heard: Heard) -> None:
        clauses = heard.plan.clauses
        waits = (
            wait
            for wait, timer, ref in self._waits_of(heard.device.id)
            if timer != Timer.WAIT or ref not in clauses or not only_waits(clauses[ref])
        )
        self.screening.open(number, heard, self.watches.get(heard.device.id, {}), waits)

    def _waits_of(self, device: str) -> Iterator[tuple[Wait, int, Ref]]:
        """The running timers that may be the device's: each with what it is and of which clause."""
        for ref, watch in self.watches.get(device, {}).items():
            for timer, wait in watch.waits.items():
                yield wait, timer, ref
            for part in watch.parts:
                for timer, wait in part.waits.items():
                    yield wait, timer, ref
        for key in self.timers.elsewhere(device):
            known = self.watches.get(key.memory, {}).get((key.rule, key.clause))
            running = (known, *known.parts)[key.part].waits if known is not None else {}
            if key.timer in running:
                yield running[key.timer], key.timer, (key.rule, key.clause)

    # --- within -----------------------------------------------------------------------------------------------------

    def _told(self, memory: str, ref: Ref, watch: Watch, clause: Compiled, signals: list[Signal]) -> Iterator[Told]:
        """Keep the watch, follow its timers, and pass on what it says."""
        self._keep(memory, ref, watch, clause)
        for signal in signals:
            if signal.sign is Sign.FIRED and not clause.attentive:
                device = self.scope.registry.devices[signal.device]
                newest = self.screening.newest(device, clause.quantities[0])
                yield Told(memory, ref, watch, clause, _with_newest(clause, signal, newest))
            else:
                yield Told(memory, ref, watch, clause, signal)

    def _keep(self, memory: str, ref: Ref, watch: Watch, clause: Compiled) -> None:
        watches = self.watches.get(memory, {})
        if watch.idle and not clause.awaits:
            if watches.pop(ref, None) is None:
                return
            if not watches:
                del self.watches[memory]
        elif ref not in watches:
            self.watches.setdefault(memory, {})[ref] = watch
        self.follow(memory, ref, watch, clause)

    def _clause(self, ref: Ref, watch: Watch) -> Compiled:
        clause = self.scope.clause(ref, watch.device)
        if clause is None:
            raise LookupError(f"{ref} does not watch {watch.device}")
        return clause


def _with_newest(clause: Compiled, signal: Signal, newest: Newest | None) -> Signal:
    """Readings that went on beyond the limit were not told to the watch: the newest of them belongs to the evidence."""
    unit = clause.reading.unit if clause.reading is not None else None
    if newest is None or newest.time < signal.began:
        return signal
    if unit is not None and newest.unit is not None and newest.unit != unit:
        return signal
    evidence = Evidence(newest.time, signal.device, clause.quantities[0], newest.value, newest.unit)
    if signal.sign is Sign.OVER:
        return replace(signal, evidence=(evidence, *signal.evidence))
    known = signal.evidence if signal.evidence[-1:] != (evidence,) else signal.evidence[:-1]
    return replace(signal, value=newest.value, evidence=(*known, evidence))


def _part(watch: Watch, clause: Compiled, number: int) -> tuple[Watch, Compiled]:
    """The watch and clause itself, or those of a member of `all` (from 1 on)."""
    return (watch, clause) if number == 0 else (watch.parts[number - 1], clause.of[number - 1])
