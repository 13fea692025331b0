"""The checker: every observation that an agent was given is a row, a counted drop or a dead letter, and the rules counted it
once. Pure: it is handed what was attempted and what was found, and sorts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tests.faults import plan
from tests.faults.counted import Counted, changes_of, told_of
from tests.faults.ledger import Ledger
from tests.faults.plan import PACKET, Kind, Observation, observations
from tests.faults.stored import Stored

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """All that there is to go by. `dropped`: how many messages each agent says to have dropped, `messages`: how many it has
    taken in all, with its own, such as heartbeats; agents whose outbox was lost are not in it. `letters`: the numbers of
    each gateway that are dead letters."""

    ledgers: Mapping[str, Ledger]
    stored: Stored
    counted: Counted
    dropped: Mapping[str, int]
    letters: Mapping[str, Collection[int]]
    repeated: int = 0
    messages: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """How many observations are what; `faults` names the first of each kind that should not be."""

    taken: int = 0
    stored: int = 0
    lost: int = 0
    unexpected: int = 0
    duplicated: int = 0
    dropped: int = 0
    dead: int = 0
    recovered: int = 0
    """Messages that were sent more than once, and are one row nevertheless."""
    unbalanced: int = 0
    """Messages by which an agent's own sums differ from what is stored, dead and dropped."""
    miscounted: int = 0
    """Devices whose events the rules have not counted once each, and messages that they took twice."""
    faults: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, nothing invented, and nothing counted twice."""
        return not self.faults

    @property
    def may_settle(self) -> bool:
        """Whether only sums or counts differ, which may be for a moment only."""
        return bool(self.unbalanced or self.miscounted) and not (self.lost or self.unexpected or self.duplicated)

    def blame(self, what: str, which: Iterable[object]) -> None:
        """Name the first few."""
        names = sorted(map(str, which))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        self.faults.append(f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}")


def judge(found: Found) -> Verdict:
    """Sort everything."""
    verdict = Verdict(recovered=found.repeated, dropped=sum(found.dropped.values()))
    verdict.stored = len(found.stored.rows)
    _judge_rows(verdict, found)
    there = Counter((one.gateway, one.number) for one in found.stored.rows)
    dead: list[Observation] = []
    for gateway, ledger in found.ledgers.items():
        verdict.taken += sum(_parts(ledger.kinds[number]) for number in ledger.taken)
        for number in found.letters[gateway]:
            kind = ledger.kinds.get(number, Kind.URGENT)
            dead += (one for one in observations(gateway, number, kind) if one not in found.stored.rows)
        gone = ledger.taken.difference(found.letters[gateway])
        missing = {number: _parts(ledger.kinds[number]) - there[gateway, number] for number in gone}
        _judge_missing(verdict, found, gateway, {number: count for number, count in missing.items() if count > 0})
    verdict.dead = len(dead)
    _judge_sums(verdict, found, dead)
    refused = (plan.button(one.gateway, one.number) for one in dead if not one.reading)
    _judge_rules(verdict, found.stored.events + Counter(refused), found.counted)
    return verdict


def _parts(kind: Kind) -> int:
    """How many observations a message of this kind is."""
    return PACKET if kind is Kind.PACKET else 1


def _judge_rows(verdict: Verdict, found: Found) -> None:
    """No row but of what was attempted: an agent that said it had not kept something must not have kept it."""
    possible = {gateway: ledger.kinds.keys() - ledger.unkept for gateway, ledger in found.ledgers.items()}
    kinds = {gateway: ledger.kinds for gateway, ledger in found.ledgers.items()}
    unexpected: list[object] = [
        one
        for one in found.stored.rows
        if one.number not in possible.get(one.gateway, ())
        or one.reading != (kinds[one.gateway][one.number] is Kind.PACKET)
        or not 0 <= one.place < PACKET
    ]
    unexpected += found.stored.strange
    if unexpected:
        verdict.unexpected = len(unexpected)
        verdict.blame("unexpected", unexpected)
    twice = [one for one, count in found.stored.rows.items() if count > 1]
    if twice:
        verdict.duplicated = sum(found.stored.rows[one] - 1 for one in twice)
        verdict.blame("duplicated", twice)


def _judge_missing(verdict: Verdict, found: Found, gateway: str, missing: Mapping[int, int]) -> None:
    """No more may be missing than the agent says to have dropped, message by message. `missing`: how much of each number.

    A message of which a part is there was not dropped.
    """
    ledger, dropped = found.ledgers[gateway], found.dropped[gateway]
    torn = [number for number, count in missing.items() if count < _parts(ledger.kinds[number])]
    whole = len(missing) - len(torn)
    if torn or whole > dropped:
        verdict.lost += sum(missing[number] for number in torn) + max(0, whole - dropped)
        names = [f"{gateway}/{number}" for number in missing]
        verdict.blame(f"lost by {gateway} (it has counted {dropped} drops)", names)


def _judge_sums(verdict: Verdict, found: Found, dead: Collection[Observation]) -> None:
    """What an agent has taken, its own messages too, is what is stored, dead or dropped: to the message."""
    stored = Counter(gateway for gateway, _ in {one[:2] for one in (*found.stored.rows, *dead)})
    for gateway, messages in found.messages.items():
        there = stored[gateway] + found.stored.own[gateway] + found.dropped[gateway]
        if there != messages:
            verdict.unbalanced += abs(messages - there)
            verdict.faults.append(
                f"{gateway} has taken {messages} messages and dropped {found.dropped[gateway]}; stored or dead are "
                f"{stored[gateway]}, and {found.stored.own[gateway]} of its own"
            )


def _judge_rules(verdict: Verdict, events: Counter[str], counted: Counted) -> None:
    """What the store has, or has refused, the rules have counted, once: `events` of each device."""
    wrong = [
        f"{device} (stored {events[device]}, counted {counted.events[device]})"
        for device in events.keys() | counted.events.keys()
        if events[device] != counted.events[device]
    ]
    wrong += [f"{name} taken twice by the rules" for name in counted.twice]
    wrong += [
        f"{device} (counted {count}, the alert says {counted.told[device]} with {counted.changes[device]} changes)"
        for device, count in counted.events.items()
        if (counted.told[device], counted.changes[device]) != (told_of(count), changes_of(count))
    ]
    if wrong:
        verdict.miscounted = len(wrong)
        verdict.blame("not counted once by the rules", wrong)
