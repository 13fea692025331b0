"""What an alert would say of a signal: what it is about, its sentence, and why. No I/O, no clock."""

from linli.clock import MINUTE
from linli.db.registry import RegistrySnapshot
from linli.model import Device
from rules.engine.book import About
from rules.engine.sentences import sentence, subject_name, with_age
from rules.engine.watches import Sign, Signal
from rules.engine.why import why
from rules.language.model import Rule

TOLD_LATE = 5 * MINUTE
"""An alert that comes so long after what it tells of says so."""


def told_about(
    rule: Rule,
    clause: int,
    device: Device,
    registry: RegistrySnapshot,
    subject: tuple[str, str],
    signal: Signal,
    late: int,
) -> About:
    """`rule` as it holds for the `device` whose observation it was; `subject` with its kind; the signal came `late` microseconds
    after what it tells of. Only for what fired there is more than names."""
    name, kind = subject
    place = {"place": name, "device": device.place}.get(kind)
    if signal.sign is not Sign.FIRED:
        return About(name, kind, device.community, place, rule.sentence.text, device=device.id)
    whose = subject_name(registry, name, kind)
    text = sentence(rule, clause, device, registry, signal.at, signal.evidence, signal.value, whose)
    if late > TOLD_LATE:
        text = with_age(text, device, registry, signal.at, late)
    reason = why(rule, clause, signal.began, signal.at, signal.value)
    return About(name, kind, device.community, place, text, reason, device.id)
