"""Watches, and what waits to be seen, as a snapshot has them: free JSON in their evidence has no msgspec type."""

from typing import Any

import msgspec

from linli.model import Condition, Lane
from rules.engine.history import History
from rules.engine.inputs import evidence_from
from rules.engine.seen import Seen
from rules.engine.timers import Wait
from rules.engine.watches import Watch


class WatchState(msgspec.Struct, array_like=True):
    """A Watch."""

    device: str
    gateway: str
    lane: Lane
    state: Condition
    began: int
    start: str
    true: bool
    count: int
    value: float | None
    evidence: list[dict[str, Any]]
    waits: dict[int, Wait]
    history: History | None
    parts: list["WatchState"]
    subject: str

    @classmethod
    def of(cls, watch: Watch) -> "WatchState":
        """The watch's."""
        values = {name: getattr(watch, name) for name in cls.__struct_fields__}
        evidence = [msgspec.to_builtins(each) for each in watch.evidence]
        return cls(**values | {"evidence": evidence, "parts": [cls.of(part) for part in watch.parts]})

    @property
    def watch(self) -> Watch:
        """The inverse."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        evidence = [evidence_from(document) for document in self.evidence]
        return Watch(**values | {"evidence": evidence, "parts": [part.watch for part in self.parts]})


class SeenState(msgspec.Struct, array_like=True):
    """A Seen."""

    device: str
    kind: str
    time: int
    base: int
    lane: Lane
    gateway: str
    bootid: str
    sequence: int
    evidence: dict[str, Any]
    number: int
    historic: bool
    data: dict[str, Any]
    quantity: str
    value: float | None
    unit: str | None

    @classmethod
    def of(cls, seen: Seen) -> "SeenState":
        """The observation's."""
        values = {name: getattr(seen, name) for name in cls.__struct_fields__}
        return cls(**values | {"evidence": msgspec.to_builtins(seen.evidence)})

    @property
    def seen(self) -> Seen:
        """The inverse."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return Seen(**values | {"evidence": evidence_from(self.evidence)})
