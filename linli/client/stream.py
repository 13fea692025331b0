"""The live stream: server-sent events, taken up again where they broke off, with nothing missed or doubled."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from linli.client.model import Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the stream. `change` None: changes were left out, read the list of alerts again."""

    id: int
    change: Outcome | None


@dataclass(slots=True)
class Parser:
    """Lines of `text/event-stream` (WHATWG HTML, section 9.2) to events of Linli's stream. Does no I/O.

    `begin` it with each connection: what the one before left half said is not to be taken for a part of what comes now.

    `last`: the id up to which all is known, to go on from. `heard`: the server has said something.
    """

    last: int | None = None
    heard: bool = False
    _kind: str = ""
    _id: int | None = None
    _data: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """A new connection: nothing is half said."""
        self._kind, self._id, self._data = "", None, []

    def feed(self, lines: Iterable[str]) -> Iterator[Told]:
        """The events that these lines complete."""
        for line in lines:
            if line:
                self._field(line)
            elif (told := self._event()) is not None:
                yield told

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._kind = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and value.isascii() and value.isdigit():
            self._id = int(value)

    def _event(self) -> Told | None:
        kind, number, data = self._kind, self._id, "\n".join(self._data)
        self.begin()
        if number is None:
            return None
        self.last, self.heard = number, True
        if kind == "alert":
            return Told(number, msgspec.json.decode(data, type=Outcome))
        return Told(number, None) if kind == "resync" else None
