"""What is handed to the outbox: messages before they have a sequence; and the error of an outbox that cannot take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from linli.errors import LinliError
from linli.i18n import Text
from linli.model import JsonValue, Lane, Message, Reading, TimeSource


class Fill(Enum):
    """What the outbox adds to a draft's data as it commits it, so that the numbers are those of this commit."""

    DAYS = auto()
    """`days`: for each of the last three, what was taken and dropped, this message and all before it included."""

    DROPS = auto()
    """`urgent`, `bulk`, `since`: the messages dropped and not told of before. They count as told then."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a sequence. The fields are those of `linli.model.Message`."""

    lane: Lane
    type: str
    subject: str
    time: int
    agent_time: int
    time_source: TimeSource = TimeSource.AGENT
    historic: bool = False
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    readings: Sequence[Reading] = ()
    fill: Fill | None = None

    def message(self, community: str, gateway: str, bootid: str, sequence: int) -> Message:
        """The message that it becomes, in this place and under this sequence."""
        return Message(
            community=community,
            gateway=gateway,
            bootid=bootid,
            lane=self.lane,
            sequence=sequence,
            oldest=sequence,
            type=self.type,
            subject=self.subject,
            time=self.time,
            agent_time=self.agent_time,
            time_source=self.time_source,
            historic=self.historic,
            data=self.data,
            readings=self.readings,
        )


class OutboxError(LinliError):
    """The outbox cannot be opened or written. `unkept`: what of the drafts handed over is not in it, and may be again."""

    def __init__(self, text: Text, unkept: Sequence[Draft] = ()) -> None:
        super().__init__(text)
        self.unkept = unkept
