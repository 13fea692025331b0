"""What a rule is like somewhere: overrides laid over it key by key, from the community inwards to the device.

A place moves, a device is exchanged: so which overrides hold for a device
is asked of the registry each time (`Overrides.chain`), and what they make of a rule (`effective`) never fails: an override
that makes no sense over those around it is passed over. By itself each has been checked when it was read; `clashes` names
those that do not go together.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.misfits import Misfit, convert
from linli.model import Device
from rules.language.check import check
from rules.language.faults import Fault, blame, near
from rules.language.faults import Path as Steps
from rules.language.model import Override, Rule, Where

FIXED = ("id", "applies_to", "subject", "life_safety", "settle")
"""What is the same everywhere: the name, whom it is for, what an alert is about, and in which order things are seen."""


# --- what holds where -----------------------------------------------------------------------------------------------


def effective(rule: Rule, overrides: Sequence[Override]) -> Rule | None:
    """`rule` as it is under `overrides`, of which the later go over the earlier; None if the last of them says off.

    Overrides of other rules are passed over, and so is one that makes no sense over those before it.
    """
    mine = [override for override in overrides if override.rule == rule.id]
    for override in mine:
        try:
            rule = laid_over(rule, override.change)
        except Fault:
            continue
    return None if mine and mine[-1].off else rule


def chain(overrides: Iterable[Override], device: Device, registry: RegistrySnapshot) -> tuple[Override, ...]:
    """Those that hold for the device: its community's, its places' from the outermost to its own, its own."""
    return Overrides(overrides).chain(device, registry)


class Overrides:
    """Overrides by where they hold, to ask for many devices."""

    def __init__(self, overrides: Iterable[Override]) -> None:
        self._at: dict[Where, list[Override]] = {}
        for override in overrides:
            self._at.setdefault(override.where, []).append(override)

    def chain(self, device: Device, registry: RegistrySnapshot) -> tuple[Override, ...]:
        """Those that hold for the device: its community's, its places' from the outermost to its own, its own."""
        if not self._at:
            return ()
        wheres = (*_wheres(device.community, device.place, registry), Where(device=device.id))
        return tuple(override for where in wheres for override in self._at.get(where, ()))

    def under(self, override: Override, registry: RegistrySnapshot) -> tuple[Override, ...]:
        """Those of the same rule that `override` is laid over, then itself. Alone where what it is for is not registered."""
        here = override.where
        wheres: list[Where] = []
        if here.device in registry.devices:
            device = registry.devices[here.device]
            wheres = _wheres(device.community, device.place, registry)
        elif here.place in registry.places:
            place = registry.places[here.place]
            wheres = _wheres(place.community, place.parent, registry)
        around = (each for where in wheres for each in self._at.get(where, ()) if where != here)
        return (*(each for each in around if each.rule == override.rule), override)


def _wheres(community: str, place: str | None, registry: RegistrySnapshot) -> list[Where]:
    """Where overrides of what lies in the place may be, from the outside in."""
    places = (Where(place=name) for name in reversed(places_around(place, registry)))
    return [Where(community=community), *places]


def places_around(place: str | None, registry: RegistrySnapshot) -> list[str]:
    """The place and those that it lies in, from the inside out; a ring of places is gone round once."""
    found: list[str] = []
    while place is not None and place not in found:
        found.append(place)
        known = registry.places.get(place)
        place = known.parent if known else None
    return found


def clashes(
    rules: Iterable[Rule], overrides: Iterable[Override], registry: RegistrySnapshot
) -> list[tuple[Override, Text]]:
    """Overrides that make no sense over those around them for some device of the registry, each once, and why."""
    known = {rule.id: rule for rule in rules}
    index = Overrides(overrides)
    found: dict[int, tuple[Override, Text]] = {}
    chains = (index.chain(device, registry) for device in registry.devices.values())
    for line in {tuple(map(id, line)): line for line in chains}.values():
        under: dict[str, Rule] = {}
        for override in line:
            rule = under.get(override.rule) or known.get(override.rule)
            if rule is None:
                continue
            try:
                under[override.rule] = laid_over(rule, override.change)
            except Fault as fault:
                found.setdefault(id(override), (override, fault.text))
    return list(found.values())


# --- laying one over the other --------------------------------------------------------------------------------------


def laid_over(rule: Rule, change: Mapping[str, Any]) -> Rule:
    """The rule with `change` over it, checked in whole. Fault (its path is one into `change`) for what makes no sense.

    An object goes over an object key by key; over a list it names items by their number from 1; null takes a key away, so
    that it is as if nobody had written it; anything else takes the place of what was there.
    """
    for key in FIXED:
        if key in change:
            blame(f"{key} 处处相同，不能覆盖", f"{key} is the same everywhere and cannot be overridden", (key,))
    document = _merged(msgspec.to_builtins(rule), change, ())
    try:
        result = convert(document, Rule)
        check(result)
    except Misfit as error:
        raise Fault(error.text, _into(change, tuple(error.path))) from None
    except Fault as fault:
        raise Fault(fault.text, _into(change, fault.path)) from None
    for number, (old, new) in enumerate(zip(rule.when, result.when, strict=False)):
        if old.by != new.by:
            blame(
                "by 处处相同，不能覆盖", "by is the same everywhere and cannot be overridden", ("when", str(number + 1))
            )
    return result


def _merged(under: Any, over: Any, path: Steps) -> Any:
    if not isinstance(over, Mapping) or not isinstance(under, Mapping | list | tuple):
        return over
    if isinstance(under, Mapping):
        merged = {key: _merged(under.get(key), value, (*path, key)) for key, value in over.items() if value is not None}
        return {key: value for key, value in under.items() if key not in over} | merged
    items = list(under)
    for key, value in over.items():
        number = int(key) if key.isascii() and key.isdigit() else 0
        if not 1 <= number <= len(items):
            blame(f"“{key}”不是 1 到 {len(items)} 的编号", f"{key!r} is no number from 1 to {len(items)}", (*path, key))
        items[number - 1] = _merged(items[number - 1], value, (*path, key))
    return items


def _into(change: Any, path: Steps) -> Steps:
    """A path into the rule as one into the change, as far as the change goes."""
    steps: list[str | int] = []
    for step in path:
        key: str | int = str(step + 1) if isinstance(change, Mapping) and isinstance(step, int) else step
        try:
            change = change[key]
        except (LookupError, TypeError):
            break
        steps.append(key)
    return tuple(steps)


# --- by itself -----------------------------------------------------------------------------------------------------


def check_override(override: Override, rules: Mapping[str, Rule]) -> None:
    """Fault for the first thing that is wrong with it, whatever there is around it."""
    rule = rules.get(override.rule)
    if rule is None:
        hint = near(override.rule, rules)
        blame(f"没有规则 {override.rule}{hint.zh}", f"there is no rule {override.rule}{hint.en}", ("rule",))
    if sum(value is not None for value in (override.where.community, override.where.place, override.where.device)) != 1:
        blame(
            "where 需要且只能有 community、place、device 之一",
            "where has exactly one of community, place, device",
            ("where",),
        )
    if override.off and override.change:
        blame("off: true 时不需要 change", "with off: true there is nothing to change", ("off",))
    if not override.off and not override.change:
        blame("写明 change，或 off: true", "say what to change, or off: true", ())
    if override.off and rule.life_safety and not override.reason.strip():
        blame("关闭生命安全规则要写明 reason", "to switch off a rule of life safety, give the reason", ("off",))
    try:
        laid_over(rule, override.change)
    except Fault as fault:
        raise Fault(fault.text, ("change", *fault.path)) from None
