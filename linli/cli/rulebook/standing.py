"""The state of the rules process as it has it on the disk, looked at from outside: the newest snapshot and what came since."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linli.datafolder import DataFolder
from linli.errors import DataFolderError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linli.model import Device
    from linli.settings import Settings
    from rules.engine.machine import Engine
    from rules.trial.standing import Standing


@dataclass(frozen=True, slots=True)
class State:
    """What the shards remember, by community; `asof`: what the server's clock was when they last ticked, None without any."""

    engines: "tuple[Engine, ...]"
    asof: int | None

    def rule(self, name: str) -> "Callable[[Device], tuple[Standing, ...] | None]":
        """What asks how the rule stands with a device; its answer is None if no shard knows the device."""
        from rules.trial.standing import Standings

        each = [Standings(engine, name) for engine in self.engines]
        return lambda device: next((found for one in each if (found := one.of(device)) is not None), None)


def read_state(settings: "Settings") -> State:
    """The state of all shards that have a journal below the data folder; DataFolderError if one of them is damaged."""
    from rules.durable.journal import Journal
    from rules.durable.replay import rebuilt

    engines = []
    for folder in journals(settings):
        journal = Journal(folder, read_only=True)
        try:
            engines.append(rebuilt(journal, journal.position))
        finally:
            journal.close()
    times = [engine.listening.last for engine in engines if engine.listening.last]
    return State(tuple(engines), max(times, default=None))


def journals(settings: "Settings") -> "list[Path]":
    """The folders with a journal: of the whole, or of each shard."""
    from rules.durable.journal import is_kept_in

    base = DataFolder(settings.data).rules
    return [folder for folder in (base, *sorted(base.glob("shard-*-of-*"))) if folder.is_dir() and is_kept_in(folder)]


def state_or_none(settings: "Settings") -> State | None:
    """The state, None if there is none that can be read: what only adds to an answer must not take it away."""
    try:
        state = read_state(settings)
    except DataFolderError:
        return None
    return state if state.engines else None
