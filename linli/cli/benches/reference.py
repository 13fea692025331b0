"""The reference district's compounds and devices, as much of them as the benches of the server ask about."""

from linli.db import registry
from linli.db.database import Database
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place

COMPOUNDS = 165
DEVICES = 82_500


def register(database: Database, at: int, compounds: int = COMPOUNDS, devices: int = DEVICES) -> list[str]:
    """Register them as of `at` (microseconds since 1970 UTC); the compounds' ids."""
    communities = [f"c{number:03}" for number in range(1, compounds + 1)]
    for community in communities:
        with database.write() as connection:
            registry.save(connection, _compound(community, devices // compounds), at)
    return communities


def _compound(community: str, devices: int) -> list[registry.Item]:
    number = community.removeprefix("c").lstrip("0")
    name = Text(f"滨江花园 {number}", f"Riverside Garden {number}")
    building, gateway = f"{community}-b1", f"gw-{community}"
    door = Text("大门", "Main door")
    items: list[registry.Item] = [
        Community(community, name),
        Place(building, community, "building", Text("1 号楼", "Building 1")),
        Gateway(gateway, community, Text("网关", "Gateway")),
    ]
    return items + [
        Device(f"{community}-d{one:03}", community, gateway, "door", door, building) for one in range(devices)
    ]
