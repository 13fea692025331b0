"""Linli itself as something that alerts are about: a built-in community with the ingest workers as its devices.

It is in no registry of a site, and only administrators belong to it (they see every community).
"""

from collections.abc import Iterable

from linli.db.registry import RegistrySnapshot
from linli.i18n import Text
from linli.model import Community, Device, Gateway, Place
from linli.vocabulary import part_name

PLATFORM = "linli-platform"
"""Community and gateway."""

SERVER = "linli-server"
"""The building that the workers are in."""

WORKER_KIND = "linli_worker"
"""Device kind of a worker."""

_NAMES = {PLATFORM: Text("邻里平台", "Linli itself"), SERVER: Text("服务器", "Server")}
_PREFIX = "linli-worker-"


def device_of(worker: str) -> str:
    """The id of the worker as a device."""
    return f"{_PREFIX}{worker}"


def platform_name(name: str) -> Text | None:
    """What the built-in community, its building or a device of it is called; None for anything else."""
    return part_name(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else _NAMES.get(name)


def workers_in(registry: RegistrySnapshot) -> frozenset[str]:
    """The workers that `with_platform` has put into it."""
    return frozenset(name.removeprefix(_PREFIX) for name in registry.devices if name.startswith(_PREFIX))


def with_platform(registry: RegistrySnapshot, workers: Iterable[str], timezone: str) -> RegistrySnapshot:
    """The registry with the built-in community, and these workers in it."""
    devices = {
        device_of(worker): Device(device_of(worker), PLATFORM, PLATFORM, WORKER_KIND, part_name(worker), SERVER)
        for worker in sorted(workers)
    }
    return RegistrySnapshot(
        registry.version,
        registry.communities | {PLATFORM: Community(PLATFORM, _NAMES[PLATFORM], timezone)},
        registry.places | {SERVER: Place(SERVER, PLATFORM, "building", _NAMES[SERVER])},
        registry.gateways | {PLATFORM: Gateway(PLATFORM, PLATFORM, _NAMES[PLATFORM])},
        registry.facilities,
        registry.devices | devices,
        registry.holidays,
    )
