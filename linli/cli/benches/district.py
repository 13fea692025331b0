"""The district of the rules bench: what the shipped catalogue watches, and a load in which little alarms.

Each quantity that a rule of the catalogue looks at is measured by devices of the kinds that the rule is for, with a value well
inside its limits. So that each reading is matched by 20 or 300 rules, limits of a site's own are added to the catalogue's:
further and further out, with and without `for`, reset and `keep`.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, islice
from pathlib import Path

import msgspec

from linli.clock import SECOND
from linli.i18n import Text
from linli.model import (
    READINGS_TYPE,
    Community,
    Device,
    Gateway,
    JsonValue,
    Lane,
    Message,
    Place,
    Reading,
    TimeSource,
)
from linli.vocabulary import quantity_of
from rules.language.expression import parse, quantities
from rules.language.load import load_rules
from rules.language.model import AppliesTo, Clause, ReadingClause, Rule

USUAL = {"water_volume": 812.4, "flow": 0.0001, "co": 1.2}
"""Of quantities of which no rule of the catalogue says by itself what is too much."""

SELDOM = {"water_meter": 90}
"""Kinds that report once while others report so many times: a meter each quarter of an hour, the others each 10 s."""

SHARES = {
    "electricity_meter": 30,
    "water_meter": 20,
    "home_gas_detector": 15,
    "door": 8,
    "camera": 8,
    "cable_sensor": 4,
    "lift": 2,
}
"""How many devices of a kind there are; of every other kind there is one."""

EVENTS: Mapping[str, Sequence[tuple[str, Mapping[str, JsonValue]]]] = {
    "camera": [("device.heartbeat", {})],
    "door": [("access.granted", {}), ("access.door.opened", {}), ("access.door.closed", {})],
    "lift": [("facility.lift.moving", {"floor": 7})],
}
"""What devices report that measure nothing, over and over: nothing that alarms."""

FARTHEST = 0.5
"""How far out the last of a site's own limits lies: by this part of the way from the usual value to the catalogue's limit."""

LASTING = ({"hold": "30s"}, {"hold": "1m", "keep": "10s"}, {"hold": "10s"}, {"hold": "2m"})
"""How a site's own rules last, in turn; those without `keep` have a reset of their own."""

_COMMUNITIES = 4
_IN_A_PLACE = 12
_HELD = 1000
_NAME = Text("压测", "Bench")
_VALUES = 16


@dataclass(frozen=True, slots=True)
class Measures:
    """One quantity of a kind of device: a usual value, how far it strays, and where alarm begins."""

    kind: str
    quantity: str
    middle: float
    spread: float
    beyond: float


@dataclass(frozen=True)
class District:
    """`devices` over `gateways`; each reading is looked at by `matching` rules. `beyond`: the share of readings that lie beyond a
    limit, each time followed by one that does not. `events`: the share of discrete events. `kinds`: only these, if any."""

    gateways: int
    devices: int
    matching: int = 20
    beyond: float = 0.001
    events: float = 0.002
    seed: int = 1
    kinds: tuple[str, ...] = ()
    _bases: dict[tuple[str, str], list[Rule]] = field(default_factory=dict, compare=False, repr=False)

    # --- rules ------------------------------------------------------------------------------------------------------

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The catalogue, as far as it watches this district, and for each quantity so many more that there are `matching`. Of what
        reports events there are as many by repeating the catalogue's."""
        made: dict[str, Rule] = {}
        for measured in self.measures:
            bases = self._rules_on(measured.kind, measured.quantity)[: self.matching]
            made |= {rule.id: rule for rule in bases}
            for number in range(self.matching - len(bases)):
                own = _own(measured, bases[0], number, number / self.matching)
                made[own.id] = own
        for kind in self.event_kinds:
            bases = self._rules_on(kind, "")
            for number in range(self.matching):
                again = _again(bases[number % len(bases)], kind, number)
                made[again.id] = again
        return tuple(made.values())

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """What the rules process is started with."""
        return self.rules

    @cached_property
    def measures(self) -> list[Measures]:
        """What is measured in this district."""
        return [_measures(kind, quantity, self._rules_on(kind, quantity)) for kind, quantity in self.series_kinds]

    @cached_property
    def catalogue(self) -> tuple[Rule, ...]:
        """The rules that come with Linli."""
        return load_rules()

    @cached_property
    def series_kinds(self) -> list[tuple[str, str]]:
        """(kind of device, quantity) of all that a rule looks at."""
        found = {
            (kind, quantity)
            for rule in self.catalogue
            for kind in rule.applies_to.device_kinds
            for clause in rule.when
            for quantity in _quantities(clause)
            if not self.kinds or kind in self.kinds
        }
        return sorted(found)

    @cached_property
    def event_kinds(self) -> list[str]:
        """Kinds of device that only report events."""
        measuring = {kind for kind, _ in self.series_kinds}
        return [kind for kind in EVENTS if kind not in measuring and self._rules_on(kind, "") and not self.kinds]

    def _rules_on(self, kind: str, quantity: str) -> list[Rule]:
        known = self._bases.get((kind, quantity))
        if known is None:
            known = self._bases[kind, quantity] = [
                rule
                for rule in self.catalogue
                if kind in rule.applies_to.device_kinds
                and (not quantity or any(quantity in _quantities(clause) for clause in rule.when))
            ]
        return known

    # --- registry ---------------------------------------------------------------------------------------------------

    def gateway(self, number: int) -> str:
        """The id of a gateway, counted from 0."""
        return f"gw-bench-{number:04}"

    def community(self, gateway: int) -> str:
        """The community that a gateway belongs to."""
        return f"bench-{gateway % _COMMUNITIES}"

    def items(self) -> Iterator[Community | Place | Gateway | Device]:
        """All of it as the registry has it, each after what it names."""
        for number in range(min(_COMMUNITIES, self.gateways)):
            yield Community(f"bench-{number}", _NAME)
        for gateway in range(self.gateways):
            community = self.community(gateway)
            yield Gateway(self.gateway(gateway), community, _NAME)
            yield Place(f"b{gateway}", community, "building", _NAME)
            for room in range(self._places):
                yield Place(f"b{gateway}-{room}", community, "room", _NAME, f"b{gateway}")
        for number in range(self.devices):
            gateway, kind = number % self.gateways, self._kind(number)
            place = f"b{gateway}-{number // self.gateways % self._places}"
            yield Device(device_name(number), self.community(gateway), self.gateway(gateway), kind, _NAME, place)

    @property
    def _places(self) -> int:
        return max(1, self.devices // self.gateways // _IN_A_PLACE)

    @cached_property
    def kinds_of_device(self) -> list[str]:
        """Every kind of device that there is, as often as it is to be found."""
        kinds = [*dict.fromkeys(kind for kind, _ in self.series_kinds), *self.event_kinds]
        found = [kind for kind in kinds for _ in range(SHARES.get(kind, 1))]
        random.Random(self.seed).shuffle(found)
        return found

    def _kind(self, number: int) -> str:
        return self.kinds_of_device[number // self.gateways % len(self.kinds_of_device)]

    # --- the load ---------------------------------------------------------------------------------------------------

    def messages(self, gateway: int, bootid: str, per_message: int, start: int, rate: float) -> Iterator[Message]:
        """What one gateway sends on its bulk lane, without end: packets of `per_message` readings, its series in turn, and the
        events in between. All gateways together make `rate` readings a second; the first is of `start`, microseconds since
        1970 UTC."""
        rng = random.Random(f"{self.seed}/{gateway}")
        readings = self._readings(gateway, start, self.gateways * SECOND / rate, rng)
        happenings = itertools.cycle(self._happenings(gateway))
        every = self.events * per_message / (1 - self.events) if self.event_kinds else 0.0
        owed, sequences = 0.0, count(1)
        while True:
            packet = tuple(islice(readings, per_message))
            at = packet[-1].time
            name = self.gateway(gateway)
            yield self._message(gateway, bootid, next(sequences), READINGS_TYPE, name, at, readings=packet)
            owed += every
            while owed >= 1.0:
                owed -= 1.0
                device, kind, data = next(happenings)
                yield self._message(gateway, bootid, next(sequences), kind, device, at, data=data)

    def _message(
        self,
        gateway: int,
        bootid: str,
        sequence: int,
        kind: str,
        subject: str,
        at: int,
        *,
        data: Mapping[str, JsonValue] | None = None,
        readings: Sequence[Reading] = (),
    ) -> Message:
        oldest = max(1, sequence - _HELD)
        name, community = self.gateway(gateway), self.community(gateway)
        return Message(
            community,
            name,
            bootid,
            Lane.BULK,
            sequence,
            oldest,
            kind,
            subject,
            at,
            at,
            TimeSource.DEVICE,
            data=data or {},
            readings=readings,
        )

    def series(self, gateway: int) -> list[tuple[str, Measures]]:
        """What the devices of a gateway measure, each with the id of its device."""
        by_kind: dict[str, list[Measures]] = {}
        for measured in self.measures:
            by_kind.setdefault(measured.kind, []).append(measured)
        return [
            (device_name(number), measured)
            for number in range(gateway, self.devices, self.gateways)
            for measured in by_kind.get(self._kind(number), ())
        ]

    def _readings(self, gateway: int, start: int, step: float, rng: random.Random) -> Iterator[Reading]:
        series = [(device, one, quantity_of(one.quantity).unit) for device, one in self.series(gateway)]
        strays = [rng.gauss(0, 1 / 3) for _ in range(997)]
        number = 0
        for turn in count():
            for place, (device, measured, unit) in enumerate(series):
                if turn and (turn + place) % SELDOM.get(measured.kind, 1):
                    continue
                value = measured.middle + measured.spread * strays[number % 997]
                if turn and rng.random() < self.beyond:
                    value = measured.beyond + (measured.beyond - measured.middle) * (
                        0.01 + rng.random() ** 2 * FARTHEST
                    )
                yield Reading(device, measured.quantity, start + round(number * step), round(value, 6), unit)
                number += 1

    def _happenings(self, gateway: int) -> list[tuple[str, str, Mapping[str, JsonValue]]]:
        return [
            (device_name(number), kind, data)
            for number in range(gateway, self.devices, self.gateways)
            if self._kind(number) in self.event_kinds
            for kind, data in EVENTS[self._kind(number)]
        ]


def device_name(number: int) -> str:
    """The id of a device, counted from 0."""
    return f"bench-device-{number:07}"


def _quantities(clause: Clause) -> tuple[str, ...]:
    """What the clause looks at, whichever way it is written."""
    part = clause.part
    if isinstance(part, ReadingClause):
        return quantities(parse(part.value)) if part.value is not None else (part.quantity,)
    return ()


def _measures(kind: str, quantity: str, rules: Sequence[Rule]) -> Measures:
    """A value from which it is far to every limit."""
    parts = [clause.reading for rule in rules for clause in rule.when if quantity in _quantities(clause)]
    plain = [part for part in parts if part is not None and part.quantity == quantity and part.value is None]
    lows = [limit for part in plain for limit in _limits(part)[0]]
    highs = [limit for part in plain for limit in _limits(part)[1]]
    if lows and highs and max(lows) < min(highs):
        low, high = max(lows), min(highs)
        return Measures(kind, quantity, (low + high) / 2, (high - low) / 20, high)
    if highs:
        return Measures(kind, quantity, min(highs) * 0.6, min(highs) / 20, min(highs))
    if lows:
        return Measures(kind, quantity, max(lows) * 1.6, max(lows) / 20, max(lows))
    usual = USUAL.get(quantity, 1.0)
    return Measures(kind, quantity, usual, usual / 1000, usual * 2)


def _limits(part: ReadingClause) -> tuple[list[float], list[float]]:
    """Below which, and above which, the clause counts."""
    lows = [limit for limit in (part.below, part.at_most) if limit is not None]
    highs = [limit for limit in (part.above, part.at_least) if limit is not None]
    if part.outside is not None:
        return [*lows, part.outside[0]], [*highs, part.outside[1]]
    return lows, highs


def _own(measured: Measures, base: Rule, number: int, part: float) -> Rule:
    """A site's own rule on what is measured, its limit so far out (0 to 1) between the catalogue's and the farthest."""
    way = measured.beyond - measured.middle
    limit, reset = measured.beyond + part * FARTHEST * way, measured.beyond - way / 4
    lasting = LASTING[number % len(LASTING)]
    sides = {"above": limit} if way > 0 else {"below": limit}
    if "keep" not in lasting:
        sides |= {"reset_below": reset} if way > 0 else {"reset_above": reset}
    reading = ReadingClause(
        quantity=measured.quantity,
        unit=quantity_of(measured.quantity).unit,
        **(sides | lasting),  # type: ignore[arg-type]
    )
    return msgspec.structs.replace(
        base,
        id=f"own-{measured.kind}-{measured.quantity}-{number:03}".replace("_", "-")[:64],
        applies_to=AppliesTo(device_kinds=(measured.kind,)),
        when=(Clause(reading=reading),),
        subject="device",
        confirm=None,
        many=None,
    )


def _again(rule: Rule, kind: str, number: int) -> Rule:
    """The rule under another name."""
    return msgspec.structs.replace(rule, id=f"{rule.id}-{kind}-{number:03}".replace("_", "-")[:64])


def write_rules(rules: Sequence[Rule], folder: Path) -> Path:
    """One file for each rule, as people write them; the folder, which is made."""
    folder.mkdir()
    for rule in rules:
        # JSON is YAML
        (folder / f"{rule.id}.yaml").write_bytes(msgspec.json.encode(_said(rule)))
    return folder


def _said(part: object) -> object:
    """What is not as it would be anyway."""
    if isinstance(part, tuple):
        return [_said(item) for item in part]
    if not isinstance(part, msgspec.Struct):
        return part
    return {
        field.encode_name: _said(getattr(part, field.name))
        for field in msgspec.structs.fields(type(part))
        if getattr(part, field.name) != field.default and getattr(part, field.name) not in ((), {})
    }
