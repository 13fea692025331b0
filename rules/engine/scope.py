"""Which clauses watch which device, as they hold for it, and whose memory they have. Derived from rules, overrides and registry.
No I/O.

Thousands of devices are watched alike: of one kind, in such a facility and place, under the same overrides. They share one `Plan`.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from linli.db.registry import RegistrySnapshot
from linli.model import Device
from linli.strictjson import dumps
from rules.engine.compiled import Compiled, compile_rule
from rules.engine.gates import Arming, Around
from rules.engine.ladder import Ladder, Ref, ladder
from rules.engine.sentences import zone_of
from rules.language.model import BY_DEVICE, Only, Override, Rule, data_field, duration
from rules.language.overrides import Overrides, effective

BUILDING = "building"

MOST_SERIES = 100_000
"""Series remembered; more are forgotten all at once, and asked for again. What an agent names is not bounded otherwise."""


@dataclass(slots=True)
class Group:
    """The clauses of a plan whose rules wait equally long for stragglers, by what they look at; in order of rule and clause."""

    events: dict[str, list[Ref]] = field(default_factory=dict)
    readings: dict[str, list[Ref]] = field(default_factory=dict)
    anything: list[Ref] = field(default_factory=list)
    """Clauses that any report of the device matters to."""

    def refs(self, kind: str, quantity: str) -> list[Ref]:
        """Those that an event, or a reading of a quantity, matters to."""
        refs = self.readings.get(quantity, []) if quantity else self.events.get(kind, [])
        return sorted({*refs, *self.anything}) if self.anything else refs


@dataclass(slots=True)
class Plan:
    """All that watches a device. `groups` are by how long their rules wait for stragglers (`settle`, microseconds).

    `by`: what its clauses have their memories by. `out`: members of `all` that leave these devices out.
    """

    rules: dict[str, Rule] = field(default_factory=dict)
    clauses: dict[Ref, Compiled] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    awaits: list[Ref] = field(default_factory=list)
    life_safety: set[Ref] = field(default_factory=set)
    by: tuple[str, ...] = ()
    out: dict[Ref, frozenset[int]] = field(default_factory=dict)

    anything: list[Ref] = field(default_factory=list)
    """Clauses that any report of the device matters to."""
    _looks: dict[str, "Looks"] = field(default_factory=dict)

    def looks(self, quantity: str) -> "Looks":
        """The clauses that look at a quantity."""
        known = self._looks.get(quantity)
        if known is None:
            refs = sorted(ref for group in self.groups.values() for ref in group.readings.get(quantity, ()))
            known = self._looks[quantity] = Looks.at([(ref, self.clauses[ref]) for ref in refs])
        return known


@dataclass(frozen=True, slots=True)
class Looks:
    """The clauses that look at a quantity, and their limits sorted. `plain`: each of them looks at single readings alone, so
    that most can be passed over; then `unit` is the one that they want (None: any), and they agree on it."""

    clauses: dict[Ref, Compiled]
    ladder: Ladder
    plain: bool
    unit: str | None

    @classmethod
    def at(cls, clauses: Sequence[tuple[Ref, Compiled]]) -> "Looks":
        """Of these."""
        units = {clause.reading.unit for _, clause in clauses if clause.reading is not None} - {None}
        plain = len(units) < 2 and all(clause.plain for _, clause in clauses)
        rungs = ladder((ref, clause.limit.right if clause.plain else None) for ref, clause in clauses)
        return cls(dict(clauses), rungs, plain, next(iter(units), None))


@dataclass(frozen=True, slots=True)
class Heard:
    """What one series, named 'device/quantity', is to the rules: its device, and what looks at it."""

    device: Device
    quantity: str
    plan: Plan
    looks: Looks

    @property
    def watched(self) -> bool:
        """Whether a reading of it can matter: if only because it tells the time of a device that has timers."""
        return bool(self.plan.clauses)

    @property
    def evaluated(self) -> int:
        """How many clauses see each of its readings."""
        return len(self.looks.clauses.keys() | self.plan.anything)

    @property
    def gateway(self) -> str:
        """The gateway that may speak of it."""
        return self.device.gateway

    @property
    def community(self) -> str:
        """The community of its device."""
        return self.device.community


class Scope:
    """Rules and registry together. Plans are made when a device is first asked for."""

    def __init__(
        self,
        rules: tuple[Rule, ...] = (),
        registry: RegistrySnapshot | None = None,
        overrides: tuple[Override, ...] = (),
    ) -> None:
        self.rules = {rule.id: rule for rule in sorted(rules, key=lambda rule: rule.id)}
        self.registry = registry or RegistrySnapshot()
        self.overrides = overrides
        self._overrides = Overrides(overrides)
        self._effective: dict[tuple[int, ...], dict[str, Rule]] = {}
        self._compiled: dict[int, tuple[Compiled, ...]] = {}
        self._alike: dict[tuple[Any, ...], Plan] = {}
        self._plans: dict[str, Plan] = {}
        self._heard: dict[str, Heard] = {}
        self._around: dict[str, tuple[str, ...]] = {}
        self.settles = tuple(sorted({settle for rule in rules if (settle := duration(rule.settle))}))
        """How long rules wait for stragglers, where they do (microseconds)."""
        self.on_both_lanes = any(clause.all is not None for rule in rules for clause in rule.when)
        """Whether any clause may look at what comes on both of a gateway's lanes."""
        self._of_gateway: dict[str, list[Device]] = {}
        for device in sorted(self.registry.devices.values(), key=lambda device: device.id):
            self._of_gateway.setdefault(device.gateway, []).append(device)

    def with_devices(self, registry: RegistrySnapshot, changed: AbstractSet[str]) -> "Scope":
        """The same rules over a registry in which only the devices of these ids are others: what was worked out for all others
        is taken over."""
        made = copy(self)
        made.registry = registry
        made._plans = {device: plan for device, plan in self._plans.items() if device not in changed}
        made._heard = {series: heard for series, heard in self._heard.items() if heard.device.id not in changed}
        made._of_gateway = dict(self._of_gateway)
        for name in sorted(changed):
            before, now = self.registry.devices.get(name), registry.devices.get(name)
            for gateway in {device.gateway for device in (before, now) if device is not None}:
                others = [device for device in made._of_gateway.get(gateway, ()) if device.id != name]
                here = [now] if now is not None and now.gateway == gateway else []
                made._of_gateway[gateway] = sorted([*others, *here], key=lambda device: device.id)
        return made

    # --- whom ------------------------------------------------------------------------------------------------------

    def devices(self, gateway: str) -> list[Device]:
        """The devices behind a gateway, in order of id."""
        return self._of_gateway.get(gateway, [])

    def plan(self, device: Device) -> Plan:
        """What watches this device."""
        plan = self._plans.get(device.id)
        if plan is None:
            plan = self._plans[device.id] = self._plan_of(device)
        return plan

    def clause(self, ref: Ref, device: str) -> Compiled | None:
        """The clause as it holds for the device; None if it does not watch it, or the device is not registered."""
        known = self.registry.devices.get(device)
        return None if known is None else self.plan(known).clauses.get(ref)

    def rule(self, name: str, device: Device) -> Rule:
        """The rule as it holds for a device that it watches."""
        return self.plan(device).rules[name]

    def heard(self, series: str) -> Heard | None:
        """What 'device/quantity' is to the rules; None if the device is not registered."""
        known = self._heard.get(series)
        if known is None:
            name, _, quantity = series.partition("/")
            device = self.registry.devices.get(name)
            if device is None:
                return None
            plan = self.plan(device)
            if len(self._heard) >= MOST_SERIES:
                self._heard.clear()
            known = self._heard[series] = Heard(device, quantity, plan, plan.looks(quantity))
        return known

    def watches(self, rule: Rule, device: Device) -> bool:
        """Whether the rule applies to the device."""
        wanted = rule.applies_to
        if device.kind not in wanted.device_kinds:
            return False
        return not wanted.facility_kinds or self._facility_kind(device) in wanted.facility_kinds

    # --- where -----------------------------------------------------------------------------------------------------

    def subject(self, rule: Rule, device: Device) -> tuple[str, str]:
        """What an alert of this rule is about, for this device, and its kind: 'device', 'place' or 'community'."""
        if rule.subject == "device":
            return device.id, "device"
        if rule.subject == "community":
            return device.community, "community"
        return self.building(device.place), "place"

    def memory(self, by: str, device: Device, data: Mapping[str, Any]) -> str | None:
        """Which memory an observation of the device goes to: a device's id, or 'place=...' and its like; None: to none."""
        if by == "device":
            return device.id
        if by == "place":
            return f"place={device.place}"
        if by == "building":
            return f"building={self.building(device.place)}"
        if by == "community":
            return f"community={device.community}"
        name = data_field(by) or ""
        value = data.get(name)
        if by.startswith(BY_DEVICE):
            return f"device={device.id}/{name}={dumps(value).decode()}"
        return None if value is None else f"{device.community}/{name}={dumps(value).decode()}"

    def places(self, place: str) -> tuple[str, ...]:
        """The place and those that it lies in, from the inside out; a ring of places is gone round once."""
        known = self._around.get(place)
        if known is None:
            found = [place]
            while (here := self.registry.places.get(found[-1])) is not None:
                if here.parent is None or here.parent in found:
                    break
                found.append(here.parent)
            known = self._around[place] = tuple(found)
        return known

    def building(self, place: str) -> str:
        """The building that a place lies in, or is; the outermost place where there is no building."""
        around = self.places(place)
        known = self.registry.places
        return next((name for name in around if name in known and known[name].kind == BUILDING), around[-1])

    def around(self, device: Device, arming: Arming) -> Around:
        """What hours and modes go by for the device."""
        community = self.registry.communities.get(device.community)
        holidays = self.registry.holidays
        calendars = (holidays.get(device.community, {}), holidays.get("", {}))
        zone = zone_of(community.timezone if community else "UTC")
        return Around(zone, calendars, self.places(device.place), arming)

    # --- plans -----------------------------------------------------------------------------------------------------

    def _plan_of(self, device: Device) -> Plan:
        overrides = self._overrides.chain(device, self.registry)
        facility, kinds = self._facility_kind(device), self._place_kinds(device)
        key = (device.kind, facility, kinds, *map(id, overrides))
        plan = self._alike.get(key)
        if plan is None:
            plan = self._alike[key] = self._make(device, overrides)
        return plan

    def _make(self, device: Device, overrides: tuple[Override, ...]) -> Plan:
        plan = Plan()
        for rule in self._rules_under(overrides).values():
            if not self.watches(rule, device):
                continue
            plan.rules[rule.id] = rule
            for number, clause in enumerate(self._clauses(rule)):
                if self._is_in(clause.clause.only, device):
                    self._add(plan, (rule.id, number), clause, device)
        plan.by = tuple(sorted({clause.by for clause in plan.clauses.values()}))
        return plan

    def _add(self, plan: Plan, ref: Ref, clause: Compiled, device: Device) -> None:
        plan.clauses[ref] = clause
        group = plan.groups.setdefault(clause.settle, Group())
        if clause.life_safety:
            plan.life_safety.add(ref)
        if clause.awaits:
            plan.awaits.append(ref)
        members = [number for number, member in enumerate(clause.of) if not self._is_in(member.clause.only, device)]
        if members:
            plan.out[ref] = frozenset(members)
        if clause.anything or any(member.anything for member in clause.of):
            group.anything.append(ref)
            plan.anything.append(ref)
        for quantity in clause.quantities:
            group.readings.setdefault(quantity, []).append(ref)
        for kind in sorted(clause.types):
            group.events.setdefault(kind, []).append(ref)

    def _rules_under(self, overrides: tuple[Override, ...]) -> dict[str, Rule]:
        key = tuple(map(id, overrides))
        known = self._effective.get(key)
        if known is None:
            laid = [effective(rule, overrides) if overrides else rule for rule in self.rules.values()]
            known = self._effective[key] = {rule.id: rule for rule in laid if rule is not None}
        return known

    def _clauses(self, rule: Rule) -> tuple[Compiled, ...]:
        known = self._compiled.get(id(rule))
        if known is None:
            known = self._compiled[id(rule)] = compile_rule(rule)
        return known

    def _is_in(self, only: Only | None, device: Device) -> bool:
        if only is None:
            return True
        return (
            (not only.device_kinds or device.kind in only.device_kinds)
            and (not only.facility_kinds or self._facility_kind(device) in only.facility_kinds)
            and (not only.place_kinds or not self._place_kinds(device).isdisjoint(only.place_kinds))
        )

    def _facility_kind(self, device: Device) -> str | None:
        facility = self.registry.facilities.get(device.facility or "")
        return facility.kind if facility else None

    def _place_kinds(self, device: Device) -> frozenset[str]:
        known = self.registry.places
        return frozenset(known[name].kind for name in self.places(device.place) if name in known)
