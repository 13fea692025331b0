"""What the engine has to know besides messages: registry, rules and arming, as inputs when they have changed.

Reading a large registry or folder of rules takes a while, and a database may, so that is done aside; a step fetches what is there.
After the first look, at which all of the registry is compared, the registry's history says what has changed.
"""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor

from linli.clock import Clock
from linli.db.arming import SqlArming
from linli.db.registry import RegistryChange, RegistrySnapshot, SqlRegistry
from linli.i18n import Text
from linli.platform import with_platform
from linli.shards import Shard
from rules.aside import Aside, Every
from rules.engine.inputs import ArmingIn, Input, RegistryChangeIn, RegistryIn, RulesIn
from rules.rulesfolder import RulesFolder

REFRESH_S = 1.0
DOUBT_S = 0.2
"""Strangers may make us look this often."""

ARMING_S = 0.1
RULES_S = 1.0


class RegistryWatch:
    """What is new in the registry, for one shard. `timezone`: of Linli itself, where its workers are part of the registry."""

    def __init__(
        self, registry: SqlRegistry, shard: Shard, timezone: str | None, executor: Executor, clock: Clock
    ) -> None:
        self._registry = registry
        self._shard = shard
        self._timezone = timezone
        self._aside = Aside[RegistrySnapshot | tuple[int, list[RegistryChange]]](executor)
        self._clock = clock
        self._begun = 0.0
        self.looked_at = 0.0
        """When the last look that is back began, in steady seconds."""
        self._every = Every(clock, REFRESH_S)
        self._doubts = Every(clock, DOUBT_S)
        self._compared = False
        self._version = 0

    @property
    def is_known(self) -> bool:
        """Whether it has been read since the start, or since `again`."""
        return self._compared

    def again(self) -> None:
        """What was said last is not journalled: compare all anew, now."""
        self._compared = False
        self._every.now()

    def doubted(self) -> None:
        """Somebody speaks who is not in the registry: look at once whether that is still so."""
        if self._doubts.due():
            self._every.now()

    def news(self, known: RegistrySnapshot, workers: Collection[str]) -> list[Input]:
        """What has changed against `known`, and against these workers of Linli itself. SQLAlchemyError if it cannot be read."""
        read = self._aside.fetch()
        if read is None and self._aside.idle and self._every.due():
            self._begun = self._clock.monotonic()
            self._aside.begin(self._read)
            read = self._aside.fetch()
        if read is None:
            return []
        (found,) = read
        if isinstance(found, RegistrySnapshot):
            self._compared, self._version = True, found.version
            news = self._compare(found, known, workers)
        elif self._compared:
            self._version, changes = found
            ours = [change for change in changes if self._concerns(change, known)]
            news = [RegistryChangeIn(self._version, tuple(map(self._of_shard, ours)))] if ours else []
        else:  # it was begun before `again`
            return []
        self.looked_at = self._begun
        return news

    def _read(self) -> "RegistrySnapshot | tuple[int, list[RegistryChange]]":
        """What is new since the last look; all of it at first, and where the history does not go back so far."""
        since = self._registry.since(self._version) if self._compared else None
        return self._registry.whole() if since is None else since

    def with_workers(self, known: RegistrySnapshot, workers: Collection[str]) -> list[Input]:
        """What these workers of Linli itself change."""
        if self._timezone is None:
            return []
        devices = with_platform(RegistrySnapshot(), workers, self._timezone).devices
        fresh = tuple(
            RegistryChange("device", name, device)
            for name, device in devices.items()
            if known.devices.get(name) != device
        )
        return [RegistryChangeIn(known.version, fresh)] if fresh else []

    def _compare(self, registry: RegistrySnapshot, known: RegistrySnapshot, workers: Collection[str]) -> list[Input]:
        ours = registry.within(self._shard)
        if self._timezone is not None:
            ours = with_platform(ours, workers, self._timezone)
        return [] if ours == known else [RegistryIn(ours)]

    def _concerns(self, change: RegistryChange, known: RegistrySnapshot) -> bool:
        return self._shard.whole or change.kind == "holiday" or self._covers(change) or _has(known, change)

    def _of_shard(self, change: RegistryChange) -> RegistryChange:
        """What moved to another shard's community is gone from ours."""
        if self._shard.whole or change.kind == "holiday" or change.item is None or self._covers(change):
            return change
        return RegistryChange(change.kind, change.id, None)

    def _covers(self, change: RegistryChange) -> bool:
        item = change.item
        return item is not None and self._shard.covers(getattr(item, "community", item.id))


def _has(known: RegistrySnapshot, change: RegistryChange) -> bool:
    parts: Mapping[str, Mapping[str, object]] = {
        "community": known.communities,
        "place": known.places,
        "gateway": known.gateways,
        "facility": known.facilities,
        "device": known.devices,
    }
    return change.id in parts[change.kind]


class Surroundings:
    """Registry, rules and arming together. `arming` None: nobody arms anything; `folder` None: the rules stay."""

    def __init__(
        self,
        registry: RegistryWatch,
        arming: SqlArming | None,
        folder: RulesFolder | None,
        executor: Executor,
        clock: Clock,
    ) -> None:
        self.registry = registry
        self._arming = arming
        self._folder = folder
        self._clock = clock
        self._rules = Aside[RulesIn | None](executor)
        self._arming_every = Every(clock, ARMING_S)
        self._rules_every = Every(clock, RULES_S)
        self._arming_version: int | None = None

    @property
    def trouble(self) -> Text | None:
        """What is wrong with the rules as they are written, if anything is."""
        return None if self._folder is None else self._folder.trouble

    def again(self) -> None:
        """What was said last is not journalled."""
        self.registry.again()
        self._arming_version = None
        if self._folder is not None:
            self._folder.again()

    def rules(self) -> list[Input]:
        """The rules, if they are written anew and sound. Never raises."""
        if self._folder is None:
            return []
        read = self._rules.fetch()
        if read is None and self._rules_every.due() and self._rules.idle:
            self._rules.begin(self._folder.read)
            read = self._rules.fetch()
        return [] if read is None or read[0] is None else [read[0]]

    def modes(self, known: Mapping[str, str]) -> list[Input]:
        """The modes of the places, if they are others than those known. SQLAlchemyError if they cannot be read."""
        if self._arming is None or not self._arming_every.due():
            return []
        version = self._arming.version()
        if version == self._arming_version:
            return []
        modes = self._arming.modes()
        self._arming_version = version
        return [] if modes == known else [ArmingIn(self._clock.now(), modes)]
