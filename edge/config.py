"""What an agent has to know: its place, its outbox, its consumers; and the YAML file that says so on a site."""

from dataclasses import dataclass
from pathlib import Path

from edge.outbox import DEFAULT_BYTES
from linli.ids import check_id
from linli.model import Consumer

DEFAULT_CONSUMERS = (Consumer.INGEST.value, Consumer.RULES.value)


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """One agent. `outbox` is a folder of its own; `consumers` are those that must acknowledge before anything is deleted.

    Refused 'bad_id' for a name that is none.
    """

    community: str
    gateway: str
    outbox: Path
    outbox_bytes: int = DEFAULT_BYTES
    consumers: tuple[str, ...] = DEFAULT_CONSUMERS
    qos: int = 0

    def __post_init__(self) -> None:
        for name in (self.community, self.gateway, *self.consumers):
            check_id(name, "name in the agent's configuration")
