"""The checker: every observation that an agent was given is a row, a counted drop or a dead letter, and the rules counted it
once. Pure: it is handed what was attempted and what was found, and sorts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tests.faults import plan
from tests.faults.counted import Counted, changes_of, told_of
from tests.faults.ledger import Ledger
from tests.faults.plan import Observation, observations
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

    def blame(self, what: str, which: Iterable[object]) -> None:
        """Name the first few."""
        names = sorted(map(str, which))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        self.faults.append(f"{len(names)} {what}: {', '.join(names[:_NAMED])}{more}")


def judge(found: Found) -> Verdict:
    """Sort everything."""
    verdict = Verdict(recovered=found.repeated, dropped=sum(found.dropped.values()))
    attempted = _attempted(found.ledgers)
    taken = {one for gateway, ledger in found.ledgers.items() for one in _all_of(gateway, ledger, ledger.taken)}
    rows = found.stored.rows
    dead = {
        one for gateway, numbers in found.letters.items() for one in _all_of(gateway, found.ledgers[gateway], numbers)
    } - rows.keys()
    verdict.taken, verdict.stored, verdict.dead = len(taken), len(rows), len(dead)
    _judge_missing(verdict, found, taken - rows.keys() - dead)
    _judge_sums(verdict, found, dead)
    unexpected = [*(rows.keys() - attempted), *found.stored.strange]
    if unexpected:
        verdict.unexpected = len(unexpected)
        verdict.blame("unexpected", unexpected)
    twice = [one for one, count in rows.items() if count > 1]
    if twice:
        verdict.duplicated = sum(rows[one] - 1 for one in twice)
        verdict.blame("duplicated", twice)
    refused = (plan.button(one.gateway, one.number) for one in dead if not one.reading)
    _judge_rules(verdict, found.stored.events + Counter(refused), found.counted)
    return verdict


def _judge_missing(verdict: Verdict, found: Found, missing: Collection[Observation]) -> None:
    """No more may be missing than the agent says to have dropped, gateway by gateway, message by message.

    A message of which a part is there was not dropped.
    """
    there = {one[:2] for one in found.stored.rows if one.reading}
    for gateway, dropped in found.dropped.items():
        gone = [one for one in missing if one.gateway == gateway]
        torn = [one for one in gone if one[:2] in there]
        messages = {one.number for one in gone} - {one.number for one in torn}
        if torn or len(messages) > dropped:
            verdict.lost += len(torn) + max(0, len(messages) - dropped)
            verdict.blame(f"lost by {gateway} (it has counted {dropped} drops)", gone)


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


def _attempted(ledgers: Mapping[str, Ledger]) -> set[Observation]:
    """What may exist: an agent that said it had not kept something must not have kept it."""
    return {
        one
        for gateway, ledger in ledgers.items()
        for one in _all_of(gateway, ledger, ledger.kinds.keys() - ledger.unkept)
    }


def _all_of(gateway: str, ledger: Ledger, numbers: Iterable[int]) -> Iterable[Observation]:
    for number in numbers:
        kind = ledger.kinds.get(number)
        if kind is not None:
            yield from observations(gateway, number, kind)
