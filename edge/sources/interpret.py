"""Fields of one device's message into observations: readings of all, and an event for each state that has changed."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from edge.sources import EventSeen, Observation, Rejected, States, ValueSeen
from edge.sources.fields import FLAGS, Flag, Number, as_flag, as_number, number_of
from edge.timing import TRUSTED
from linli.model import JsonValue, Lane


@dataclass(frozen=True, slots=True)
class Context:
    """Whose message it is, when the device says it was, and whether it is history. `received_at`: the agent's clock."""

    names: tuple[str, ...]
    time: int | None
    historic: bool
    received_at: int

    def changed(self, states: States, key: Hashable, state: object) -> bool:
        """Whether that is an event. What may become history later, because the device buffers, counts as past here."""
        if self.historic or (self.time is not None and self.received_at - self.time > TRUSTED):
            return states.changed_in_past(key, state)
        return states.changed(key, state)

    def event(self, kind: str, data: dict[str, JsonValue] | None = None) -> EventSeen:
        """An event of this device; history goes on the bulk lane."""
        lane = Lane.BULK if self.historic else Lane.URGENT
        return EventSeen(self.names, kind, data or {}, self.time, self.historic, lane)

    def value(self, quantity: str, value: float, unit: str | None = None) -> ValueSeen:
        """A reading of this device."""
        return ValueSeen(self.names, quantity, value, unit, self.time, self.historic)


def interpret(context: Context, fields: Iterable[tuple[str, object]], states: States) -> list[Observation]:
    """What the fields say. Texts, nulls and lists under unknown names are passed over; a known name with a value of the
    wrong type is rejected, and takes nothing else with it."""
    out: list[Observation] = []
    for name, value in fields:
        flag = FLAGS.get(name.lower())
        if flag is not None:
            out += _flag(context, name, flag, value, states)
        elif value is not None:
            out += _number(context, name, value)
    return out


def _flag(context: Context, name: str, flag: Flag, value: object, states: States) -> list[Observation]:
    if value is None:
        return []
    raised = as_flag(value)
    if raised is None:
        number = as_number(value)  # `smoke` or `door` as a measured number or a count is a reading of its own
        if number is not None and not isinstance(value, str):
            return [context.value(f"{flag.quantity}_value", number)]
        return [Rejected("wrong_type", f"{name} is {value!r:.80}, which is no state")]
    raised = raised is not flag.inverted
    out: list[Observation] = [context.value(flag.quantity, float(raised))]
    kind = flag.raised if raised else flag.cleared
    if context.changed(states, (context.names[0], flag.quantity), raised) and kind is not None:
        out.insert(0, context.event(kind, {"field": name}))
    return out


def _number(context: Context, name: str, value: object) -> list[Observation]:
    meaning: Number | None = number_of(name)
    if meaning is None:
        return []
    number = as_number(value)
    if number is None:
        if meaning.unit is not None:
            return [Rejected("wrong_type", f"{name} is {value!r:.80}, not a number")]
        return []
    if isinstance(value, str) and meaning.unit is None:
        return []  # a version, an address, a name: not a measurement
    return [context.value(meaning.quantity, number * meaning.factor, meaning.unit)]
