"""What an alert would say of a signal: what it is about, its sentence, and why. No I/O, no clock."""

from linli.clock import MINUTE
from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
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
    after what it tells of. Where nothing is said anew there is no more than names."""
    name, kind = subject
    place = {"place": name, "device": device.place}.get(kind)
    if signal.sign is Sign.AGAIN:
        device = registry.devices.get(signal.device, device)
    if not _says_anew(rule, clause, signal):
        return About(name, kind, device.community, place, Text("", ""), device=device.id)
    whose = subject_name(registry, name, kind)
    text = sentence(rule, clause, device, registry, signal.at, signal.evidence, signal.value, whose)
    if late > TOLD_LATE:
        text = with_age(text, device, registry, signal.at, late)
    reason = why(rule, clause, signal.began, signal.at, signal.value)
    return About(name, kind, device.community, place, text, reason, device.id)


def _says_anew(rule: Rule, clause: int, signal: Signal) -> bool:
    """Whether the book may take the sentence. Of what happens again to the same device nobody is asked anew."""
    if signal.sign is Sign.AGAIN:
        return rule.life_safety or rule.confirm is not None or rule.when[clause].by != "device"
    return signal.sign is Sign.FIRED
