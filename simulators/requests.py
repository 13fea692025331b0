"""How `linli simulate` asks a running simulator to play a scenario: files in the data folder's `run/scenarios`.

    <id>.json     the request: {"scenario": {...}}, taken away by the simulator
    <id>.answer   its answer: {"started_at": microseconds} or {"refused": {"zh": ..., "en": ...}}

Each file appears in one step (written beside, then renamed), so nobody reads half of one.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from linli.i18n import Text
from linli.ids import is_id
from simulators.scenario import Scenario, Words

_MOST_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario to be played."""

    scenario: Scenario


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When it began, or why it will not."""

    started_at: int | None = None
    refused: Words | None = None


@dataclass(frozen=True, slots=True)
class RequestFolder:
    """The folder, from both sides."""

    path: Path

    def put(self, name: str, scenario: Scenario) -> None:
        """Ask for the scenario under an id of the asker's choice."""
        self.path.mkdir(parents=True, exist_ok=True)
        _replace(self.path / f"{name}.json", msgspec.json.encode(Request(scenario)))

    def answer(self, name: str) -> Answer | None:
        """The simulator's answer, taken away; None while there is none."""
        file = self.path / f"{name}.answer"
        try:
            said = msgspec.json.decode(file.read_bytes(), type=Answer)
        except FileNotFoundError:
            return None
        file.unlink(missing_ok=True)
        return said

    def withdraw(self, name: str) -> None:
        """Ask no longer."""
        (self.path / f"{name}.json").unlink(missing_ok=True)

    def take(self) -> Iterator[tuple[str, Scenario]]:
        """The simulator's side: every request that is there, taken away. What is no request is answered as refused."""
        for file in sorted(self.path.glob("*.json")) if self.path.is_dir() else ():
            name = file.stem
            try:
                raw = file.read_bytes()[:_MOST_BYTES]
            except FileNotFoundError:
                continue
            file.unlink(missing_ok=True)
            if not is_id(name):
                continue
            try:
                yield name, msgspec.json.decode(raw, type=Request).scenario
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                _log.warning("request %s is refused: %s", name, error)
                self.refuse(name, Text(f"请求有误：{error}", f"the request is wrong: {error}"))

    def started(self, name: str, at: int) -> None:
        """Tell who asked that it began."""
        _replace(self.path / f"{name}.answer", msgspec.json.encode(Answer(started_at=at)))

    def refuse(self, name: str, why: Text) -> None:
        """Tell who asked that it will not be played."""
        _replace(self.path / f"{name}.answer", msgspec.json.encode(Answer(refused=Words(why.zh, why.en))))


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.write_bytes(content)
    fresh.replace(file)
