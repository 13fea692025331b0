"""Events and evidence in full: what they say of people (the card at a door) is handed out only to who may see that, asks for it and says
what for and why, and each such look is in the audit log before anything is shown. Masked, as `api.directory` shows them to everybody
else, they name nobody, and are no look at anybody's data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.registry.persons import Look
from api.scope import demand
from api.sight import Sight
from api.views import AlertDetail, EventView
from linli.audit import MAX_IDS, Act, Fact
from linli.auditwho import who_of
from linli.auditwords import SWIPE_READ, not_said
from linli.db.audit import append
from linli.db.credentialholders import persons_of_credentials
from linli.db.people import Person
from linli.errors import Refused
from linli.registry.masking import Data, personal_values
from linli.roles import Operation

MASKED = Look("")
"""No look at anybody's data."""

MOST_DEVICES = 20
"""So many are named in an entry."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a device reported, in a community."""

    community: str
    device: str
    data: Data


def check_look(asker: Person, look: Look) -> None:
    """NotAllowed or Refused, unless this is no look in full, or one that they may take and say why."""
    if not look.full:
        return
    demand(asker, Operation.UNMASK_PERSONS)
    check_said(look, always=True)


def check_said(look: Look, *, always: bool = False) -> None:
    """Refused, unless it is said what for, and why if the purpose is 'other' (`always`: for any purpose)."""
    fault = not_said(look.purpose, look.reason, always=always)
    if fault is not None:
        error = Refused(fault[0], fault[1].en)
        error.text = fault[1]
        raise error


def of_events(events: Iterable[EventView]) -> list[Seen]:
    """What events say."""
    return [Seen(event.community, event.device, event.data) for event in events]


def of_evidence(detail: AlertDetail) -> list[Seen]:
    """What an alert's evidence says."""
    return [Seen(detail.view.alert.community, seen.device, seen.data) for seen in detail.evidence]


def write_down(
    sight: Sight, look: Look, seen: Iterable[Seen], now: int, about: Mapping[str, Fact] | None = None
) -> None:
    """Write down that these are shown in full, at `now`, with `about` among the facts: an entry for each community, with the persons
    whose the credentials are, as far as that is known. What says nothing of anybody is no look, and is not written down.

    Before anything is shown: what raises here is not.
    """
    by_community: dict[str, list[Seen]] = {}
    for one in seen:
        if personal_values(one.data):
            by_community.setdefault(one.community, []).append(one)
    if not by_community:
        return
    with sight.database.write() as connection:
        for community, some in sorted(by_community.items()):
            values = sorted({value for one in some for value in personal_values(one.data)})
            holders = persons_of_credentials(connection, community, values)
            persons = sorted({person for several in holders.values() for person in several})
            devices = sorted({one.device for one in some})
            facts: dict[str, Fact] = {**(about or {}), "count": len(some), "devices": devices[:MOST_DEVICES]}
            for start in range(0, max(len(persons), 1), MAX_IDS):
                append(
                    connection,
                    Act(
                        SWIPE_READ,
                        who_of(sight.person.id),
                        "person",
                        tuple(persons[start : start + MAX_IDS]),
                        community,
                        look.purpose,
                        look.reason,
                        facts=facts,
                    ),
                    now,
                )
