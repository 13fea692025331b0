"""Where a rule stands with each of its devices: inactive, pending since when, firing. Read from an engine. No I/O."""

from dataclasses import dataclass

from linli.model import Condition, Device
from rules.engine.machine import Engine
from rules.engine.watches import Watch
from rules.language.model import data_field

_WORST = (Condition.FIRING, Condition.PENDING, Condition.RESOLVED)


@dataclass(frozen=True, slots=True)
class Standing:
    """One clause (from 0) for one device. `began`: since when it is true, None while it is not; `due`: when its next timer goes
    off, in event time."""

    clause: int
    condition: Condition
    began: int | None
    due: int | None


class Standings:
    """Of one rule, as an engine has it."""

    def __init__(self, engine: Engine, rule: str) -> None:
        self._engine = engine
        self._rule = rule
        self._by_data: dict[str, list[Standing]] = {}
        for watches in engine.watches.values():
            for ref, watch in watches.items():
                if ref[0] == rule and self._is_by_data(ref[1], watch.device):
                    self._by_data.setdefault(watch.device, []).append(_standing(ref[1], watch))

    def of(self, device: Device) -> tuple[Standing, ...] | None:
        """Of each clause that has something to remember of the device, or of what it shares a memory with, in order; None if
        the engine does not know the device."""
        engine = self._engine
        if device.id not in engine.scope.registry.devices:
            return None
        found = list(self._by_data.get(device.id, ()))
        for ref, clause in engine.scope.plan(device).clauses.items():
            if ref[0] != self._rule or data_field(clause.by) is not None:
                continue
            memory = engine.scope.memory(clause.by, device, {})
            watch = engine.watches.get(memory or "", {}).get(ref)
            if watch is not None:
                found.append(_standing(ref[1], watch))
        return tuple(sorted(found, key=lambda standing: standing.clause))

    def _is_by_data(self, clause: int, device: str) -> bool:
        known = self._engine.scope.clause((self._rule, clause), device)
        return known is not None and data_field(known.by) is not None


def worst(found: tuple[Standing, ...]) -> Standing | None:
    """The one that says most: what fires before what is pending; None where nothing is remembered."""
    ranked = sorted(found, key=lambda standing: (_rank(standing.condition), standing.clause))
    return ranked[0] if ranked else None


def _standing(clause: int, watch: Watch) -> Standing:
    due = min((wait.at for wait in watch.waits.values()), default=None)
    return Standing(clause, watch.state, watch.began if watch.going_on else None, due)


def _rank(condition: Condition) -> int:
    return _WORST.index(condition) if condition in _WORST else len(_WORST)
