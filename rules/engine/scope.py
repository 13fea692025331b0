"""Which clauses watch which device, and what an alert of it would be about. Derived from rules and registry. No I/O."""

from dataclasses import dataclass, field

from linli.db.registry import RegistrySnapshot
from linli.model import Device
from rules.language.model import Clause, EventClause, Happening, MissingClause, ReadingClause, Rule, StateClause

Ref = tuple[str, int]
"""A rule's id and the number of one of its clauses."""

BUILDING = "building"


@dataclass(slots=True)
class Plan:
    """The clauses that watch one device, by what they look at; each in order of rule and clause."""

    events: dict[str, list[Ref]] = field(default_factory=dict)
    readings: dict[str, list[Ref]] = field(default_factory=dict)
    anything: list[Ref] = field(default_factory=list)
    """Clauses that any report of the device matters to."""
    missing: list[Ref] = field(default_factory=list)
    life_safety: set[Ref] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one series, named 'device/quantity', is to the rules: its device, and the reading clauses that look at it."""

    device: Device
    quantity: str
    plan: Plan
    readings: tuple[tuple[Ref, ReadingClause], ...]

    @property
    def gateway(self) -> str:
        """The gateway that may speak of it."""
        return self.device.gateway

    @property
    def community(self) -> str:
        """The community of its device."""
        return self.device.community


MOST_SERIES = 1_000_000
"""Series remembered; more are forgotten all at once, and asked for again. What an agent names is not bounded otherwise."""


class Scope:
    """Rules and registry together. Plans are made when a device is first asked for."""

    def __init__(self, rules: tuple[Rule, ...] = (), registry: RegistrySnapshot | None = None) -> None:
        self.rules = {rule.id: rule for rule in sorted(rules, key=lambda rule: rule.id)}
        self.registry = registry or RegistrySnapshot()
        self._plans: dict[str, Plan] = {}
        self._heard: dict[str, Heard] = {}
        self._of_gateway: dict[str, list[Device]] = {}
        for device in sorted(self.registry.devices.values(), key=lambda device: device.id):
            self._of_gateway.setdefault(device.gateway, []).append(device)

    def clause(self, ref: Ref) -> Clause:
        """The clause that `ref` names."""
        return self.rules[ref[0]].when[ref[1]]

    def devices(self, gateway: str) -> list[Device]:
        """The devices behind a gateway, in order of id."""
        return self._of_gateway.get(gateway, [])

    def plan(self, device: Device) -> Plan:
        """What watches this device."""
        plan = self._plans.get(device.id)
        if plan is None:
            plan = self._plans[device.id] = self._make(device)
        return plan

    def heard(self, series: str) -> Heard | None:
        """What 'device/quantity' is to the rules; None if the device is not registered."""
        known = self._heard.get(series)
        if known is None:
            name, _, quantity = series.partition("/")
            device = self.registry.devices.get(name)
            if device is None:
                return None
            plan = self.plan(device)
            refs = plan.readings.get(quantity, ())
            clauses = tuple((ref, part) for ref in refs if isinstance(part := self.clause(ref).part, ReadingClause))
            if len(self._heard) >= MOST_SERIES:
                self._heard.clear()
            known = self._heard[series] = Heard(device, quantity, plan, clauses)
        return known

    def watches(self, rule: Rule, device: Device) -> bool:
        """Whether the rule applies to the device."""
        wanted = rule.applies_to
        if device.kind not in wanted.device_kinds:
            return False
        facility = self.registry.facilities.get(device.facility or "")
        return not wanted.facility_kinds or (facility is not None and facility.kind in wanted.facility_kinds)

    def subject(self, rule: Rule, device: Device) -> tuple[str, str]:
        """What an alert of this rule is about, for this device, and its kind: 'device' or 'place'."""
        if rule.subject == "device":
            return device.id, "device"
        return self.building(device.place), "place"

    def building(self, place: str) -> str:
        """The building that a place lies in, or is; the outermost place where there is no building."""
        seen = {place}
        here = place
        while (known := self.registry.places.get(here)) is not None:
            if known.kind == BUILDING or known.parent is None or known.parent in seen:
                return here
            here = known.parent
            seen.add(here)
        return here

    def _make(self, device: Device) -> Plan:
        plan = Plan()
        for rule in self.rules.values():
            if not self.watches(rule, device):
                continue
            for number, clause in enumerate(rule.when):
                ref = (rule.id, number)
                part = clause.part
                if rule.life_safety:
                    plan.life_safety.add(ref)
                if isinstance(part, ReadingClause):
                    plan.readings.setdefault(part.quantity, []).append(ref)
                    continue
                if isinstance(part, MissingClause):
                    plan.missing.append(ref)
                    if not part.types:
                        plan.anything.append(ref)
                for kind in sorted(event_types(clause)):
                    plan.events.setdefault(kind, []).append(ref)
        return plan


def event_types(clause: Clause) -> set[str]:
    """Every event type that the clause looks at."""
    part = clause.part
    if isinstance(part, EventClause):
        return _of(part)
    if isinstance(part, StateClause):
        return _of(part.begins).union(*(end.types for end in part.ends))
    return set(part.types) if isinstance(part, MissingClause) else set()


def _of(part: Happening) -> set[str]:
    return set(part.types) | (set(part.unless.types) if part.unless else set())
