"""Facts and who says so. Each source's word is kept; which one counts is decided here, and what contradicts it is shown.

For each field of an item, of all claims:

1. What a person settled goes over everything that was said before it. (Said later, it stands beside that again.)
2. Of what stands, the most confident claim counts, then the latest.
3. Every other claim that stands and says something else contradicts it.

A fact grows stale when nobody has confirmed it for so long that it may well have changed (`FRESH_FOR`). No I/O.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from linli.clock import DAY
from linli.i18n import Text
from linli.model import JsonValue
from linli.registry.changes import PEOPLE, PERSON, Origin

RECORDED = "registry"
"""The source of what was in the registry before anybody said where it is from."""

RECORDED_CONFIDENCE = 0.5

_NOBODY: Mapping[str, "Claim"] = MappingProxyType({})

_CONFIRMED_AGAIN = DAY
"""A claim repeated within this is the same claim: importing a file twice changes nothing."""


class Claim(NamedTuple):
    """What a source says of one field. `at`: when it first said this; `confirmed`: when it last did (microseconds)."""

    value: JsonValue
    at: int
    confidence: float
    confirmed: int


Claims = Mapping[str, Claim]
"""By field."""


class Fact(NamedTuple):
    """What counts of a field, by whom; and which sources contradict it, with what they say. `confirmed`: when somebody who
    agrees last said so."""

    value: JsonValue
    source: str
    at: int
    confidence: float
    confirmed: int
    against: Mapping[str, Claim]


@dataclass(frozen=True, slots=True)
class Freshness:
    """For how many days a fact is taken to be so without anybody confirming it, and why for so long."""

    days: int
    why: Text


_YEARLY = Text(
    "每年一次入户核对的周期",
    "residents' registers are gone over once a year: a year without a word is a visit that was left out",
)
_HALF_YEARLY = Text(
    "租期多为半年至一年，半年未确认即可能已换人",
    "leases mostly run for half a year to a year: after half a year somebody else may live there",
)
_QUARTERLY = Text(
    "健康与照护状况变化快，救援要靠它", "health and care change quickly, and those who come to help rely on it"
)
_DUTY = Text(
    "值班与负责人常换，找错人比没有更糟", "who is in charge changes often, and the wrong one is worse than none"
)
_RENEWED = Text("物业合同通常一至三年一签", "contracts with property companies usually run for one to three years")
_INVENTORY = Text("固定资产每两年盘点一次", "equipment is counted every two years")

FRESH_FOR: Mapping[tuple[str, str], Freshness] = {
    ("contact", "value"): Freshness(365, _YEARLY),
    ("resident", "household"): Freshness(365, _YEARLY),
    ("resident", "relation"): Freshness(365, _YEARLY),
    ("household", "kind"): Freshness(183, _HALF_YEARLY),
    ("person", "needs"): Freshness(92, _QUARTERLY),
    ("staff", "phone"): Freshness(183, _DUTY),
    ("staff", "duty"): Freshness(183, _DUTY),
    ("team", "members"): Freshness(183, _DUTY),
    ("organisation", "phone"): Freshness(365, _DUTY),
    ("community", "manager"): Freshness(365, _RENEWED),
    ("device", "place"): Freshness(730, _INVENTORY),
    ("device", "parent"): Freshness(730, _INVENTORY),
    ("equipment", "serial"): Freshness(730, _INVENTORY),
    ("equipment", "model"): Freshness(730, _INVENTORY),
}
"""By kind and field, from experience of such registers rather than a standard; what is not here does not grow stale."""


def said(source: str, before: Claims, values: Mapping[str, JsonValue], origin: Origin) -> dict[str, Claim]:
    """What a source says from now on: `before`, with these values said at `origin`.

    A value that it said before is confirmed (not more than once a day), and keeps the time at which it was first said; but
    what a person says, or the resident whom it is about, is said anew. None is only a word from these (PEOPLE): from others it
    is an empty cell. What the source has said later than this stays.
    """
    found = dict(before)
    for name, value in values.items():
        old = before.get(name)
        if value is None and source not in PEOPLE:
            continue
        if old is not None and old.at > origin.at:
            continue
        if old is not None and old.value == value and source not in PEOPLE:
            confirmed = origin.at if origin.at - old.confirmed >= _CONFIRMED_AGAIN else old.confirmed
            found[name] = Claim(value, old.at, origin.confidence, confirmed)
        else:
            found[name] = Claim(value, origin.at, origin.confidence, origin.at)
    return found


def fact(claims: Mapping[str, Claim]) -> Fact:
    """What counts of a field, of the claims of its sources (one at least)."""
    settled = claims.get(PERSON)
    standing = {
        source: claim
        for source, claim in claims.items()
        if settled is None or source == PERSON or claim.at > settled.at
    }
    source, best = max(standing.items(), key=lambda one: (one[1].confidence, one[1].at, one[0] == PERSON, one[0]))
    against = {name: claim for name, claim in standing.items() if claim.value != best.value}
    confirmed = max(claim.confirmed for claim in claims.values() if claim.value == best.value)
    return Fact(best.value, source, best.at, best.confidence, confirmed, against)


def facts(statements: Mapping[str, Claims]) -> dict[str, Fact]:
    """What counts of each field that anybody said something of. `statements`: by source."""
    if len(statements) == 1:  # as nearly all have: an import of a district is quicker by a tenth
        ((source, claims),) = statements.items()
        return {
            name: Fact(one.value, source, one.at, one.confidence, one.confirmed, _NOBODY)
            for name, one in claims.items()
        }
    by_field: dict[str, dict[str, Claim]] = {}
    for source, claims in statements.items():
        for name, claim in claims.items():
            by_field.setdefault(name, {})[source] = claim
    return {name: fact(claims) for name, claims in by_field.items()}


def stale_from(kind: str, name: str, one: Fact) -> int | None:
    """When the fact grows stale; None if it does not. That something is not known does not."""
    fresh = FRESH_FOR.get((kind, name))
    if fresh is None or one.value is None or one.value == []:
        return None
    return one.confirmed + fresh.days * DAY


def contradicted_from(one: Fact) -> int | None:
    """Since when somebody contradicts it; None if nobody does."""
    if not one.against:
        return None
    return min(max(one.at, claim.at) for claim in one.against.values())


class Doubtful(NamedTuple):
    """From when an item is to be looked at, and whether that is for what contradicts itself."""

    since: int
    contradicted: bool


def doubtful(kind: str, found: Mapping[str, Fact]) -> Doubtful | None:
    """When somebody should look at an item with these facts; None if there is no such time."""
    contradicted = _least(contradicted_from(one) for one in found.values())
    stale = _least(stale_from(kind, name, one) for name, one in found.items())
    since = _least((contradicted, stale))
    return None if since is None else Doubtful(since, contradicted is not None)


def _least(times: Iterable[int | None]) -> int | None:
    return min((time for time in times if time is not None), default=None)
