"""The MQTT topics of Linli: built and parsed here and nowhere else.

    linli/v1/{community}/gateway/{gateway}/urgent | bulk | status | command | reply
    linli/v1/{community}/gateway/{gateway}/ack/{consumer}
    linli/v1/{community}/alert/{alert}

Ids hold no '/', '+', '#', '.' or space (`linli.ids`), so building needs no escaping, and the same topic is a NATS subject
with dots.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from linli.errors import MalformedMessage
from linli.ids import is_id
from linli.model import Lane

ROOT = "linli/v1"


class Leaf(StrEnum):
    """What a gateway's topic ends in."""

    URGENT = "urgent"
    BULK = "bulk"
    STATUS = "status"
    ACK = "ack"
    COMMAND = "command"
    REPLY = "reply"


_LEAVES = frozenset(leaf.value for leaf in Leaf if leaf is not Leaf.ACK)


@dataclass(frozen=True, slots=True)
class GatewayTopic:
    """A topic of one gateway. `consumer` is set for `ack` only."""

    community: str
    gateway: str
    leaf: Leaf
    consumer: str | None = None

    def __str__(self) -> str:
        base = f"{ROOT}/{self.community}/gateway/{self.gateway}/{self.leaf}"
        return base if self.consumer is None else f"{base}/{self.consumer}"

    @property
    def lane(self) -> Lane | None:
        """The lane that this topic carries; None if it is not a lane."""
        return Lane(self.leaf) if self.leaf in (Leaf.URGENT, Leaf.BULK) else None


@dataclass(frozen=True, slots=True)
class AlertTopic:
    """Where rules tells of one alert."""

    community: str
    alert: str

    def __str__(self) -> str:
        return f"{ROOT}/{self.community}/alert/{self.alert}"


def lane_topic(community: str, gateway: str, lane: Lane) -> str:
    """Where `gateway` publishes what it has taken on `lane`."""
    return str(GatewayTopic(community, gateway, Leaf(lane.value)))


def status_topic(community: str, gateway: str) -> str:
    """Where a gateway's retained status is, and its last will."""
    return str(GatewayTopic(community, gateway, Leaf.STATUS))


@lru_cache(10_000)
def ack_topic(community: str, gateway: str, consumer: str) -> str:
    """Where `consumer` answers `gateway`; '+' as consumer subscribes to all ('#' is refused by NATS permissions)."""
    return str(GatewayTopic(community, gateway, Leaf.ACK, consumer))


def any_gateway(leaf: Leaf, community: str = "+") -> str:
    """The filter for `leaf` of every gateway, of one community or of all."""
    return f"{ROOT}/{community}/gateway/+/{leaf}"


def any_alert(community: str = "+") -> str:
    """The filter for every alert, of one community or of all."""
    return f"{ROOT}/{community}/alert/+"


def as_subject(topic: str) -> str:
    """The NATS subject of an MQTT topic or filter of ours: '/' becomes '.', '+' becomes '*'."""
    return topic.replace("/", ".").replace("+", "*")


@lru_cache(10_000)
def parse(topic: str) -> GatewayTopic | AlertTopic:
    """The topic's parts; MalformedMessage 'bad_topic' for any string that is not one of ours."""
    parts = topic.split("/")
    if topic.startswith(ROOT + "/") and all(is_id(part) for part in parts):
        match parts[2:]:
            case [community, "gateway", gateway, leaf] if leaf in _LEAVES:
                return GatewayTopic(community, gateway, Leaf(leaf))
            case [community, "gateway", gateway, "ack", consumer]:
                return GatewayTopic(community, gateway, Leaf.ACK, consumer)
            case [community, "alert", alert]:
                return AlertTopic(community, alert)
    raise MalformedMessage("bad_topic", f"{topic[:200]!r} is not a topic of Linli")
