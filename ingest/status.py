"""The retained status of gateways: from what arrived to the rows of `gateway_status`. No I/O."""

from collections.abc import Iterable

from ingest.checks import check_gateway
from ingest.letters import Arrival, anonymous_key, letter
from linli import codec, topics
from linli.db.gateways import GatewayStatus
from linli.errors import Refused
from linli.model import DeadLetter
from linli.ports import Registry


def sort_statuses(arrivals: Iterable[Arrival], registry: Registry) -> tuple[list[GatewayStatus], list[DeadLetter]]:
    """The statuses to keep, and letters for those refused.

    An empty payload is how a retained message is taken back; it says nothing about the gateway.
    """
    statuses: list[GatewayStatus] = []
    letters: list[DeadLetter] = []
    for arrival in arrivals:
        if not arrival.payload:
            continue
        try:
            statuses.append(_status(arrival, registry))
        except Refused as refused:
            letters.append(letter(arrival, refused, anonymous_key(arrival)))
    return statuses, letters


def _status(arrival: Arrival, registry: Registry) -> GatewayStatus:
    topic = topics.parse(arrival.topic)
    if not isinstance(topic, topics.GatewayTopic) or topic.leaf is not topics.Leaf.STATUS:
        raise Refused("bad_topic", f"{topic} is not a status topic")
    status = codec.decode_status(arrival.payload)
    check_gateway(registry, topic.community, topic.gateway)
    return GatewayStatus(
        gateway=topic.gateway,
        community=topic.community,
        online=status.online,
        since=arrival.received_at,
        version=status.version,
        bootid=status.bootid,
    )
