"""How large each compound of the invented district is: buildings, units, floors, homes; and what it is to have."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from linli.errors import Refused
from linli.i18n import Text

SIMULATED_DEVICES = 61
"""Of the simulated compound (`simulators.compound`), which is the first of every district."""

LEAST_DEVICES = 8


@dataclass(frozen=True, slots=True)
class Size:
    """Of a district. `resettled`: so many of the compounds are of resettlement."""

    committees: int = 42
    compounds: int = 165
    resettled: int = 40
    devices: int = 82_500
    households: int = 60_000

    def check(self) -> None:
        """Refused for a size that makes no district."""
        wrong = None
        if not 1 <= self.committees <= 500:
            wrong = Text("村居须为 1 到 500", "committees are 1 to 500")
        elif not max(2, self.committees) <= self.compounds <= 2_000:
            wrong = Text("小区须不少于村居，2 到 2000", "compounds are 2 to 2000, and at least as many as committees")
        elif not 0 <= self.resettled < self.compounds:
            wrong = Text("安置小区须少于小区", "resettlement compounds are fewer than compounds")
        elif not self.compounds * LEAST_DEVICES + SIMULATED_DEVICES <= self.devices <= 1_000_000:
            least = self.compounds * LEAST_DEVICES + SIMULATED_DEVICES
            wrong = Text(f"设备须为 {least} 到 100 万", f"devices are {least} to 1,000,000 for so many compounds")
        elif not self.compounds <= self.households <= 1_000_000:
            wrong = Text(
                "住户须每小区至少 1 户，最多 100 万",
                "households are one for each compound at least, and 1,000,000 at most",
            )
        if wrong is not None:
            error = Refused("bad_size", wrong.en)
            error.text = wrong
            raise error


@dataclass(frozen=True, slots=True)
class Building:
    """`number` counts from 1; so many `homes` on each of the floors of each unit."""

    number: int
    units: int
    floors: int
    homes: int

    def rooms(self) -> list[tuple[int, str]]:
        """Each home's unit and number, from below: (1, '0101')."""
        return [
            (unit, f"{floor:02}{room:02}")
            for floor in range(1, self.floors + 1)
            for unit in range(1, self.units + 1)
            for room in range(1, self.homes + 1)
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """A compound as it is to be. `committee` counts from 0."""

    id: str
    name: Text
    committee: int
    resettled: bool
    buildings: Sequence[Building]
    households: int
    devices: int


def shared_out(rng: Random, total: int, parts: int, least: int) -> list[int]:
    """`total` in so many parts of unlike size, each of `least` at least."""
    weights = [rng.uniform(0.5, 1.5) for _ in range(parts)]
    free = total - least * parts
    exact = [free * weight / sum(weights) for weight in weights]
    found = [least + int(one) for one in exact]
    rest = sorted(range(parts), key=lambda at: int(exact[at]) - exact[at])
    for at in rest[: total - sum(found)]:
        found[at] += 1
    return found


def buildings(rng: Random, households: int, *, resettled: bool) -> list[Building]:
    """Buildings with room for so many households, of one kind as a builder makes them."""
    floors = rng.randint(5, 11) if resettled else rng.choice((11, 17, 18, 26, 32))
    units, homes = rng.randint(1, 3), 2 if resettled or rng.random() < 0.6 else 4
    found: list[Building] = []
    left = households
    while left > 0:
        high = min(floors, max(1, -(-left // (units * homes))))
        found.append(Building(len(found) + 1, units, high, homes))
        left -= high * units * homes
    return found
