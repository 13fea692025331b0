"""What a change of rules or registry keeps, and what it has begin anew. No I/O, no clock.

What is the same for a device goes on; what fires goes on under an edited clause, what is pending begins anew; what is gone is
forgotten (docs/rules-semantics.md, 'Changes').
"""

from collections.abc import Set as AbstractSet

from linli.model import Condition
from rules.engine.compiled import Compiled, Kind, is_by_data
from rules.engine.ladder import Ref
from rules.engine.scope import Scope
from rules.engine.seen import Moment
from rules.engine.watches import Watch


def new_watch(clause: Compiled, moment: Moment) -> Watch:
    """A watch of the clause, and of its members, that has seen nothing."""
    _, _, device, gateway, lane = moment
    return Watch(device, gateway, lane, parts=[Watch(device, gateway, lane) for _ in clause.of])


def is_read(before: Scope, now: Scope, name: tuple[str | int, ...], device: str) -> bool:
    """Whether what was read of the device for the memory of that name still goes there. What a clause has read and learned
    outlives a change of its limits."""
    ref, memory = (str(name[0]), int(name[1])), name[2]
    was, known = before.registry.devices.get(device), now.registry.devices.get(device)
    new = now.clause(ref, device)
    if was is None or known is None or new is None or was.gateway != known.gateway:
        return False
    if memory != now.memory(new.by, known, {}):
        return False
    return new.kind is Kind.READING if len(name) == 3 else int(name[3]) < len(new.of)


def keeps_numbers(before: Scope, now: Scope, memory: tuple[str | int, ...], device: str) -> bool:
    """Whether what was read of the device still counts for the clause: it watches it, and from the same memory."""
    rule, number, name = str(memory[0]), int(memory[1]), memory[2]
    known, clause = now.registry.devices.get(device), now.clause((rule, number), device)
    old = before.registry.devices.get(device)
    if known is None or clause is None or old is None or old.gateway != known.gateway:
        return False
    return is_by_data(clause.by) or now.memory(clause.by, known, {}) == name


def is_of_others(watch: Watch, devices: AbstractSet[str]) -> bool:
    """Whether an edit of these devices alone does not touch it."""
    return watch.device not in devices and not any(part.device in devices for part in watch.parts)


def hands_over(now: Scope, ref: Ref, watch: Watch) -> bool:
    """What a device that the rule no longer watches began in a memory it shared goes on as that of the device which the memory
    is about. Whether there was any."""
    known = now.registry.devices
    others = {part.device for part in watch.parts} | {
        wait.device for part in (watch, *watch.parts) for wait in part.waits.values()
    }
    gone = {device for device in others - {watch.device} if device not in known or now.clause(ref, device) is None}
    for part in (watch, *watch.parts) if gone else ():
        part.device = watch.device if part.device in gone else part.device
        for wait in part.waits.values():
            wait.device = watch.device if wait.device in gone else wait.device
    return bool(gone)


def goes_on(before: Scope, now: Scope, memory: str, ref: Ref, watch: Watch) -> bool:
    """Whether the watch is still one of the rules in force; what is not the same of `all` begins anew."""
    old, new = before.clause(ref, watch.device), now.clause(ref, watch.device)
    device = now.registry.devices.get(watch.device)
    if old is None or new is None or device is None or device.gateway != watch.gateway:
        return False
    if old.by != new.by or not (memory == now.memory(new.by, device, {}) or is_by_data(new.by)):
        return False
    if old is new or (old.clause == new.clause and old.settle == new.settle):
        return True
    if old.kind is not new.kind or watch.state is not Condition.FIRING:
        return False
    fresh = new_watch(new, Moment(0, 0, watch.device, watch.gateway, watch.lane)).parts
    same = [mine.clause == theirs.clause for mine, theirs in zip(old.of, new.of, strict=False)]
    watch.parts = [
        watch.parts[number] if number < len(same) and same[number] else part for number, part in enumerate(fresh)
    ]
    return True
