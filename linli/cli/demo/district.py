"""The reference district as registry items, portion by portion: what belongs to all, then one compound after the other."""

from collections.abc import Iterator
from random import Random

from linli.cli.demo.equipment import furnished, simulated
from linli.cli.demo.layout import LEAST_DEVICES, SIMULATED_DEVICES, Building, Plan, Size, buildings, shared_out
from linli.cli.demo.names import committee_name, compound_names
from linli.cli.demo.people import COMPANIES, committee_people, compound_staff, inhabitants, organisations
from linli.i18n import Text
from linli.registry.kinds import Item
from linli.registry.model import Committee, Community, District, Place
from simulators.compound import BUILDINGS, COMMUNITY, FLOORS

SEED = 20_261_001
PREFIX = "demo"
DISTRICT = f"{PREFIX}-district"

_SIMULATED_HOMES = len(BUILDINGS) * FLOORS * 4


def portions(size: Size, seed: int = SEED) -> Iterator[list[Item]]:
    """All items, each portion after those that it refers to. The same size and seed give the same, in the same order."""
    size.check()
    plans = planned(size, Random(seed))
    yield _shared(size, plans, Random(f"{seed}/shared"))
    for plan in plans:
        yield _compound(plan, Random(f"{seed}/{plan.id}"))


def planned(size: Size, rng: Random) -> list[Plan]:
    """What each compound is to be. The first is the simulated one, so that something happens when Linli runs."""
    names = compound_names(rng, size.compounds - 1, size.resettled)
    first = min(_SIMULATED_HOMES, size.households // size.compounds)
    homes = shared_out(rng, size.households - first, size.compounds - 1, 1)
    devices = shared_out(rng, size.devices - SIMULATED_DEVICES, size.compounds - 1, LEAST_DEVICES)
    high = [Building(number, 1, FLOORS, 4) for number in range(1, len(BUILDINGS) + 1)]
    found = [Plan(COMMUNITY, Text("望湖苑", "Lakeview Court"), 0, False, high, first, SIMULATED_DEVICES)]
    for at, name in enumerate(names):
        resettled = at >= size.compounds - 1 - size.resettled
        houses = buildings(rng, homes[at], resettled=resettled)
        key, committee = f"{PREFIX}{at + 2:03}", (at + 1) % size.committees
        found.append(Plan(key, name, committee, resettled, houses, homes[at], devices[at]))
    return found


def committees(size: Size) -> list[Committee]:
    """A third of them in villages, where most of the resettled live."""
    found: list[Committee] = []
    for number in range(size.committees):
        zh, en = committee_name(number)
        village = number % 3 == 2
        name = Text(f"{zh}村委会", f"{en} village committee") if village else Text(f"{zh}居委会", f"{en} committee")
        kind = "village" if village else "neighbourhood"
        found.append(Committee(f"{PREFIX}-committee-{number + 1:02}", DISTRICT, kind, name))
    return found


def _company(number: int) -> str:
    return f"{PREFIX}-property-{number % COMPANIES + 1}"


def _shared(size: Size, plans: list[Plan], rng: Random) -> list[Item]:
    """The district, its committees and compounds, and all who work for them."""
    found: list[Item] = [District(DISTRICT, Text("望湖区（演示）", "Lakeside (demo)")), *committees(size)]
    found += organisations(rng, PREFIX)
    for number, plan in enumerate(plans):
        kind = "resettlement" if plan.resettled else "commercial"
        of = f"{PREFIX}-committee-{plan.committee + 1:02}"
        found.append(Community(plan.id, plan.name, "Asia/Shanghai", of, kind, _company(number)))
    for committee in committees(size):
        found += committee_people(rng, committee.id, committee.name)
    for number, plan in enumerate(plans):
        found += compound_staff(rng, plan, _company(number))
    return found


def _compound(plan: Plan, rng: Random) -> list[Item]:
    found: list[Item] = list(simulated(plan) if plan.id == COMMUNITY else furnished(plan, rng))
    homes = [item.id for item in found if isinstance(item, Place) and item.kind == "dwelling"]
    found += inhabitants(plan, homes, rng)
    return found
